"""The contract suite of a hook: point it at its socket, and name an image that it allows and one that it denies."""

# The order of these two is that of the checks.
from argosy.testkit.hook import answers, asked
from argosy.testkit.hook.calls import CAPABILITIES, SUITE, Hook, able, begin, begun, subject

__all__ = ("CAPABILITIES", "SUITE", "Hook", "able", "answers", "asked", "begin", "begun", "subject")
