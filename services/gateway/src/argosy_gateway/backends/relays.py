"""Services whose calls go to a plugin as bytes: which plugin, and whether a call may go, is looked up before."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

from argosy.errors import ArgosyError, Unimplemented
from argosy.rpc.server import ServerStream
from argosy_protos._message import Message
from argosy_protos._service import ServiceBase
from grpclib.const import Cardinality, Handler

from argosy_gateway.plugins.plugin import Plugin


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


async def _first(plugins: Sequence[Plugin], stream: Any, cardinality: Cardinality, waits: bool) -> None:
    """Forward a call to the first plugin that can do it: the next one is asked after UNIMPLEMENTED, or when one never heard of the call.

    Raises the error of the last that was asked; of those that say UNIMPLEMENTED only when all do.
    """
    said: ArgosyError | None = None
    for plugin in plugins:
        try:
            await plugin.relay(stream, cardinality, waits=waits)
        except ArgosyError as error:
            if not error.unsent and not isinstance(error, Unimplemented):
                raise
            said = error if said is None or isinstance(said, Unimplemented) else said
        else:
            return
    if said is not None:
        raise said


class Relay(abc.ABC):
    """All methods of one service, forwarded."""

    waits: frozenset[str] = frozenset(("Wait",))
    """Methods that wait for what may never happen: they have no deadline of ours."""

    def __init__(self, service: type[ServiceBase]) -> None:
        self._service = service

    @abc.abstractmethod
    async def plugin(self, method: Any, namespace: str, message: bytes) -> Plugin | Sequence[Plugin] | Message:
        """Return who is to answer a call, or several of whom the first that can does, or the answer itself. Raises what the call is refused with."""

    def __mapping__(self) -> dict[str, Handler]:
        table: dict[str, Handler] = {}
        for method in self._service.__methods__:

            async def handle(stream: ServerStream, method: Any = method) -> None:
                message = await stream.recv_message()
                plugin = await self.plugin(method, stream.call.namespace, message)
                if isinstance(plugin, Message):
                    await stream.send_message(plugin)
                    return
                peeked: Any = Peeked(stream, message)
                waits = method.name in self.waits
                await _first(plugin if isinstance(plugin, Sequence) else [plugin], peeked, method.cardinality, waits)

            table[f"/{self._service.__service__}/{method.name}"] = Handler(handle, method.cardinality, bytes, bytes)
        return table
