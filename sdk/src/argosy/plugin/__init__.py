"""Serve a snapshotter, a content store or a differ from one class: what a plugin's author imports."""
