"""Which processes serve behind the gateway, and what they are called in containerd's terms."""
