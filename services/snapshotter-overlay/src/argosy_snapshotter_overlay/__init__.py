"""The overlayfs snapshotter: a directory a layer, stacked by the kernel."""
