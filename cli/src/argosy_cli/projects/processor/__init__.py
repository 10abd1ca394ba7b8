"""A project of a stream processor."""
