"""The native snapshotter: every active snapshot is a full copy of its parent."""
