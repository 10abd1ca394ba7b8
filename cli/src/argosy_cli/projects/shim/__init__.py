"""A project of a shim."""
