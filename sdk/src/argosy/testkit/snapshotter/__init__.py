"""The contract suite of a snapshotter: point it at a plugin's own socket, or at a daemon's and the name of one of its snapshotters."""

# The order of these two is that of the checks.
from argosy.testkit.snapshotter import tree, written
from argosy.testkit.snapshotter.calls import CAPABILITIES, SUITE, Snapshots, able, begin, subject

__all__ = ("CAPABILITIES", "SUITE", "Snapshots", "able", "begin", "subject", "tree", "written")
