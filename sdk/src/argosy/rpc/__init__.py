"""gRPC over unix sockets: grpclib's handler and stub API on a fast HTTP/2 engine."""

from argosy.rpc.channel import Channel
from argosy.rpc.context import Call, current
from argosy.rpc.server import Server, inline

__all__ = ("Call", "Channel", "Server", "current", "inline")
