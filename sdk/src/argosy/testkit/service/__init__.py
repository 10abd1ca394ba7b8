"""The contract suite of any gRPC service: point it at a socket, its own or a daemon's that relays it, and name it."""

# The order of these three is that of the checks.
from argosy.testkit.service import asked, connections, own
from argosy.testkit.service.calls import CAPABILITIES, SUITE, Service, able, begin, begun, subject

__all__ = ("CAPABILITIES", "SUITE", "Service", "able", "asked", "begin", "begun", "connections", "own", "subject")
