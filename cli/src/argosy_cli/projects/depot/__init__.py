"""A project of a depot."""
