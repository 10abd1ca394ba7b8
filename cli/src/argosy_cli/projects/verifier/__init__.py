"""A project of an image verifier."""
