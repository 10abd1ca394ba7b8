"""ttrpc: the small RPC that shims speak. ``frames`` and ``machine`` are sans-io; ``server`` and ``client`` are shells."""
