"""The contract suite of a shim: name its binary, and it is started as containerd starts it, on bundles that are made here."""

# The order of these two is that of the checks.
from argosy.testkit.shim import lives, processes
from argosy.testkit.shim.calls import CAPABILITIES, SUITE, Shim, able, begin, begun, subject

__all__ = ("CAPABILITIES", "SUITE", "Shim", "able", "begin", "begun", "lives", "processes", "subject")
