"""The namespace and the lease of the call that is being served."""

from __future__ import annotations

from typing import Any

from argosy.rpc.context import current
from argosy.rpc.server import ServerStream
from grpclib.const import Handler


def namespace() -> str:
    """Return the namespace of the call being served. Raises FailedPrecondition, InvalidArgument."""
    return current().namespace


def lease() -> str | None:
    """Return the lease of the call being served."""
    return current().lease


class Namespaced:
    """A service of which every method needs a namespace, looked at before anything else: whoever forgets it in one of
    them, or relays, serves no caller without."""

    def __init__(self, service: Any) -> None:
        self._service = service

    def __mapping__(self) -> dict[str, Handler]:
        table: dict[str, Handler] = {}
        for path, handler in self._service.__mapping__().items():

            def handle(stream: ServerStream, func: Any = handler.func) -> Any:
                _ = stream.call.namespace
                return func(stream)

            if getattr(handler.func, "__inline__", False):
                handle.__inline__ = True  # type: ignore[attr-defined] # read by argosy.rpc's server
            table[path] = Handler(handle, handler.cardinality, handler.request_type, handler.reply_type)
        return table
