"""The EROFS snapshotter: a layer is one read-only image, which the kernel mounts from its file."""
