"""Serve a snapshotter, a content store or a differ from one class: the plugin author's door."""
