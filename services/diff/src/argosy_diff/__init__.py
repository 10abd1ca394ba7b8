"""The differ: layers onto mounts, and mounts into layers."""
