"""Garbage collection: the kinds of objects, a pure graph of what they say, a sweep in one transaction, a scheduler."""
