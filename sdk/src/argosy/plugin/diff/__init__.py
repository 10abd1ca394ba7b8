"""A differ to inherit from, and the servicer that puts it on a socket."""

from argosy.plugin.diff.servicer import Descriptor, Differ, DiffServicer

__all__ = ("Descriptor", "DiffServicer", "Differ")
