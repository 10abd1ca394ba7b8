"""A project of a snapshotter."""
