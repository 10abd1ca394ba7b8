"""The plugin processes behind the gateway, and their names in containerd's terms."""
