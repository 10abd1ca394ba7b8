"""The contract suite of a content store: point it at a plugin's own socket, or at a daemon's."""

# The order of these two is that of the checks.
from argosy.testkit.content import ingests, stored
from argosy.testkit.content.calls import CAPABILITIES, SUITE, Content, able, begin, subject

__all__ = ("CAPABILITIES", "SUITE", "Content", "able", "begin", "ingests", "stored", "subject")
