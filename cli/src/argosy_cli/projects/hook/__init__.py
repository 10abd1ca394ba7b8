"""A project of a hook."""
