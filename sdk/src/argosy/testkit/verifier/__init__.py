"""The contract suite of an image verifier: point it at its socket, and name an image that it accepts and one that it rejects."""

# The order of these two is that of the checks.
from argosy.testkit.verifier import answers, asked
from argosy.testkit.verifier.calls import CAPABILITIES, SUITE, Verifier, able, begin, begun, subject

__all__ = ("CAPABILITIES", "SUITE", "Verifier", "able", "answers", "asked", "begin", "begun", "subject")
