"""Working shims with one fault each, which `argosy verify` finds."""
