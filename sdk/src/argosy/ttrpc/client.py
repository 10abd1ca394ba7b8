"""A ttrpc client on asyncio: many calls on one connection, which is told when the peer goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from argosy_protos._wire import DecodeError

from argosy.errors import DeadlineExceeded, Internal, Unavailable, from_wire
from argosy.ttrpc.machine import Answer, ClientMachine

CONNECT_TIMEOUT_S: Final = 5.0


class Closed(Unavailable):
    """Raised when the connection ended before the answer came."""


class TtrpcClient(asyncio.Protocol):
    """One connection. Make it with ``connect``."""

    def __init__(self, name: str, on_close: Callable[[], None] | None = None) -> None:
        self.name = name
        self.closed = False
        self._machine = ClientMachine()
        self._calls: dict[int, asyncio.Future[bytes]] = {}
        self._on_close = on_close
        self._transport: asyncio.Transport

    @classmethod
    async def connect(
        cls, address: str, name: str = "", on_close: Callable[[], None] | None = None, timeout: float = CONNECT_TIMEOUT_S
    ) -> TtrpcClient:
        """Connect to ``unix:///path``, a path, or an abstract ``@name``. Raises Unavailable."""
        path = address.removeprefix("ttrpc+").removeprefix("unix://")
        if path.startswith("@"):
            path = "\0" + path[1:]
        loop = asyncio.get_running_loop()
        try:
            _, client = await asyncio.wait_for(
                loop.create_unix_connection(lambda: cls(name or path, on_close), path), timeout
            )
        except (OSError, TimeoutError) as error:
            raise Unavailable(f"{name or 'ttrpc peer'} at {path}: {getattr(error, 'strerror', None) or error}") from error
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # uvloop's transports are not asyncio subclasses

    def data_received(self, data: bytes) -> None:
        try:
            events = self._machine.feed(data)
        except DecodeError as error:
            self._fail(Internal(f"{self.name}: malformed answer: {error}"))
            self._transport.close()
            return
        for event in events:
            if not isinstance(event, Answer):
                continue
            future = self._calls.pop(event.stream, None)
            if future is None or future.done():
                continue
            if event.code:
                future.set_exception(from_wire(event.code, event.message))
            else:
                future.set_result(event.payload)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._fail(Closed(f"{self.name}: ttrpc: closed"))
        if self._on_close is not None:
            self._on_close()

    def _fail(self, error: Exception) -> None:
        calls, self._calls = self._calls, {}
        for future in calls.values():
            if not future.done():
                future.set_exception(error)

    def close(self) -> None:
        """Close the connection; ``on_close`` is not called any more."""
        self._on_close = None
        if not self.closed:
            self._transport.close()

    async def raw(
        self,
        service: str,
        method: str,
        payload: bytes,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> bytes:
        """Call a unary method with encoded messages. Raises the peer's error, Closed, DeadlineExceeded.

        Cancellation: the wait ends; ttrpc has no way to tell the peer.
        """
        if self.closed:
            raise Closed(f"{self.name}: ttrpc: closed")
        stream = self._machine.request(service, method, payload, int(timeout * 1e9) if timeout else 0, dict(metadata or {}))
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._calls[stream] = future
        self._transport.write(self._machine.take())
        try:
            if timeout is None:
                return await future
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            raise DeadlineExceeded(f"{self.name}: {service}/{method} took longer than {timeout:g} s") from None
        finally:
            self._calls.pop(stream, None)

    async def call(
        self, service: str, method: str, request: Any, response: type[Any], timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Any:  # fmt: skip
        """Call a unary method with messages."""
        return response.decode(await self.raw(service, method, request.encode(), timeout, metadata))
