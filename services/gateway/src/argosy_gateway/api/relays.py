"""Diff and Tasks: forwarded to their plugins as bytes. Tasks calls are for containers that exist, which is looked up here."""

from __future__ import annotations

from typing import Any

from argosy.errors import InvalidArgument, NotFound
from argosy.rpc.server import ServerStream
from argosy_protos._service import ServiceBase
from argosy_protos._wire import DecodeError, rv, skip, text
from argosy_protos.containerd.services.diff.v1 import DiffBase
from argosy_protos.containerd.services.tasks.v1 import TasksBase
from grpclib.const import Handler

from argosy_gateway.core import Core
from argosy_gateway.metadata import containers

_CONTAINER_ID = 10  # field 1, length-delimited, in every Tasks request about one container
_ABOUT_ALL = frozenset(("List", "Metrics"))


def _first_string(data: bytes) -> str:
    """Return field 1 of a message without decoding the rest. Raises InvalidArgument."""
    found, p = "", 0
    try:
        while p < len(data):
            t, p = rv(data, p)
            if t == _CONTAINER_ID:
                size, p = rv(data, p)
                found = text(data, p, p + size)
                p += size
            else:
                p = skip(data, p, t, len(data))
    except (DecodeError, IndexError) as error:
        raise InvalidArgument(f"the request is malformed: {error}") from error
    return found


class Peeked:
    """A stream whose first message was read already."""

    def __init__(self, stream: ServerStream, first: bytes) -> None:
        self._stream, self._first = stream, first
        self.call = stream.call

    async def recv_message(self) -> bytes:
        return self._first

    async def send_message(self, message: bytes) -> None:
        await self._stream.send_message(message)

    async def send_initial_metadata(self) -> None:
        await self._stream.send_initial_metadata()


class Relay:
    """All methods of one service, forwarded to the one plugin of a type."""

    waits: frozenset[str] = frozenset()
    """Methods that wait for what may never happen: they have no deadline of ours."""

    def __init__(self, core: Core, service: type[ServiceBase], kind: str) -> None:
        self._core, self._service, self._kind = core, service, kind

    async def admit(self, method: str, stream: ServerStream, message: bytes) -> None:
        """Refuse a call before it is forwarded."""
        _ = stream.call.namespace

    def __mapping__(self) -> dict[str, Handler]:
        table: dict[str, Handler] = {}
        for method in self._service.__methods__:

            async def handle(stream: ServerStream, method=method) -> None:  # type: ignore[no-untyped-def] # bound early
                plugin = self._core.registry.only(self._kind)
                message = await stream.recv_message()
                await self.admit(method.name, stream, message)
                peeked: Any = Peeked(stream, message)
                await plugin.relay(peeked, method.cardinality, waits=method.name in self.waits)

            table[f"/{self._service.__service__}/{method.name}"] = Handler(handle, method.cardinality, bytes, bytes)
        return table


class Diff(Relay):
    """containerd.services.diff.v1.Diff."""

    def __init__(self, core: Core) -> None:
        super().__init__(core, DiffBase, "diff")


class Tasks(Relay):
    """containerd.services.tasks.v1.Tasks."""

    waits = frozenset(("Wait",))

    def __init__(self, core: Core) -> None:
        super().__init__(core, TasksBase, "tasks")

    async def admit(self, method: str, stream: ServerStream, message: bytes) -> None:
        ns = stream.call.namespace
        if method in _ABOUT_ALL:
            return
        id = _first_string(message)
        if not containers.exists(self._core.db.reader, ns, id):
            raise NotFound(f'container "{id}" in namespace "{ns}"')
