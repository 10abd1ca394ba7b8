"""Garbage collection: a pure graph, a sweep in one transaction, a scheduler, and an explanation."""
