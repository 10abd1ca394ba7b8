"""gRPC over unix sockets: grpclib's handler and stub API on a fast HTTP/2 engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from argosy.rpc.channel import Channel
    from argosy.rpc.context import Call, current
    from argosy.rpc.server import Server, inline

__all__ = ("Call", "Channel", "Server", "current", "inline")

_ROOMS: Final = {"Call": "context", "Channel": "channel", "Server": "server", "current": "context", "inline": "server"}


def __getattr__(name: str) -> Any:
    """Load the room of a name when somebody asks for it: a server that starts has no use for the calling end."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
