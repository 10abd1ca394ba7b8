"""The contract suite of a depot: point it at a plugin's own socket, or at a daemon's with the depot's name."""

# The order of these two is that of the checks.
from argosy.testkit.depot import given, kept
from argosy.testkit.depot.calls import CAPABILITIES, SUITE, Depot, able, begin, begun, subject

__all__ = ("CAPABILITIES", "SUITE", "Depot", "able", "begin", "begun", "given", "kept", "subject")
