"""containerd-shim-kata-v2: containers in microVMs, one VM a pod."""
