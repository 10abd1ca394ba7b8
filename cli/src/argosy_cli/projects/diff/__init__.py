"""A project of a differ."""
