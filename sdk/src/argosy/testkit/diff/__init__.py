"""The contract suite of a differ: point it at a plugin's own socket and at the store that it works with, or at a daemon's socket."""

# The order of these two is that of the checks.
from argosy.testkit.diff import applied, compared
from argosy.testkit.diff.calls import CAPABILITIES, SUITE, Differ, able, begin, reached_with, subject

__all__ = ("CAPABILITIES", "SUITE", "Differ", "able", "applied", "begin", "compared", "reached_with", "subject")
