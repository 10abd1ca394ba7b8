"""A project of a content store."""
