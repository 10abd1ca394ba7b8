"""containerd's socket: names, leases, metadata, events and garbage collection, in front of plugin processes."""
