"""The contract suite of a Tasks service: point it at a daemon, or at a task manager's own socket with its daemon; containers are made here."""

# The order of these three is that of the checks.
from argosy.testkit.tasks import lives, processes, several
from argosy.testkit.tasks.calls import CAPABILITIES, SUITE, Tasks, able, begin, begun, subject

__all__ = ("CAPABILITIES", "SUITE", "Tasks", "able", "begin", "begun", "lives", "processes", "several", "subject")
