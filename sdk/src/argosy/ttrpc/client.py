"""A ttrpc client on asyncio: many calls on one connection, which is told when the peer goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from argosy_protos._wire import DecodeError

from argosy.errors import DeadlineExceeded, Internal, Unavailable, from_wire
from argosy.rpc.decoding import MOST_FIELDS, TooManyFields, decode
from argosy.ttrpc.machine import ClientMachine, Data

CONNECT_TIMEOUT_S: Final = 5.0
# A stream whose reader has so much to take is sent no more; it may be one message over.
_HELD_BYTES: Final = 8 << 20


class Closed(Unavailable):
    """Raised when the connection ended before the answer came."""


class TtrpcStream:
    """One streaming call: send any number of messages, receive any number, in any order."""

    def __init__(self, client: TtrpcClient, stream: int, response: type[Any]) -> None:
        self._client, self._stream, self._response = client, stream, response
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._held = 0  # bytes that nobody has received yet
        self._error: Exception | None = None
        self.closed = False

    async def send(self, message: Any) -> None:
        """Send one message. Raises Closed, and OversizeError above 4 MiB."""
        self._client._write(lambda machine: machine.send(self._stream, message.encode()))

    async def close_send(self) -> None:
        """Say that no more messages follow."""
        if not self.closed:
            self._client._write(lambda machine: machine.close(self._stream))

    async def recv(self) -> Any:
        """Return the next message, or None at the end of a call that went well. Raises its error otherwise."""
        data = await self._messages.get()
        if data is None:
            self._messages.put_nowait(None)  # the end stays the end
            if self._error is not None:
                raise self._error
            return None
        before, self._held = self._held, self._held - len(data)
        if before > _HELD_BYTES >= self._held:
            self._client._full(-1)
        return await decoded(self._client.name, self._response, data)

    def _on_data(self, payload: bytes | None, closed: bool) -> None:
        if payload is not None:
            self._messages.put_nowait(payload)
            before, self._held = self._held, self._held + len(payload)
            if before <= _HELD_BYTES < self._held:
                self._client._full(1)
        if closed:
            self._messages.put_nowait(None)

    def _on_end(self, error: Exception | None, payload: bytes) -> None:
        self.closed = True
        self._error = error
        if payload:
            self._messages.put_nowait(payload)
            self._held += len(payload)
        self._messages.put_nowait(None)


class TtrpcClient(asyncio.Protocol):
    """One connection. Make it with ``connect``."""

    def __init__(self, name: str, on_close: Callable[[], None] | None = None) -> None:
        self.name = name
        self.closed = False
        self._machine = ClientMachine()
        self._calls: dict[int, asyncio.Future[bytes]] = {}
        self._streams: dict[int, TtrpcStream] = {}
        self._on_close = on_close
        self._streams_full = 0
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
            stream = self._streams.get(event.stream)
            if isinstance(event, Data):
                if stream is not None:
                    stream._on_data(event.payload, event.closed)
                continue
            if stream is not None:
                del self._streams[event.stream]
                stream._on_end(from_wire(event.code, event.message) if event.code else None, event.payload)
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
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream._on_end(error, b"")

    def _full(self, change: int) -> None:
        """Read no more while a stream has been sent more than its reader takes."""
        self._streams_full += change
        if self.closed:
            return
        if self._streams_full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def close(self) -> None:
        """Close the connection; ``on_close`` is not called any more."""
        self._on_close = None
        if not self.closed:
            self._transport.close()

    def _write(self, change: Callable[[ClientMachine], None]) -> None:
        if self.closed:
            raise Closed(f"{self.name}: ttrpc: closed")
        change(self._machine)
        self._transport.write(self._machine.take())

    def stream(
        self, service: str, method: str, response: type[Any], request: Any = None, metadata: Mapping[str, str] | None = None
    ) -> TtrpcStream:
        """Open a streaming call. With a request the server streams and we send no more. Raises Closed."""
        if self.closed:
            raise Closed(f"{self.name}: ttrpc: closed")
        payload = request.encode() if request is not None else b""
        number = self._machine.request(
            service, method, payload, 0, dict(metadata or {}), streaming=True, closed=request is not None
        )
        opened = self._streams[number] = TtrpcStream(self, number, response)
        self._transport.write(self._machine.take())
        return opened

    def _begin(
        self, service: str, method: str, payload: bytes, timeout: float | None, metadata: Mapping[str, str] | None
    ) -> tuple[int, asyncio.Future[bytes]]:
        if self.closed:
            raise Closed(f"{self.name}: ttrpc: closed")
        stream = self._machine.request(service, method, payload, int(timeout * 1e9) if timeout else 0, dict(metadata or {}))
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._calls[stream] = future
        self._transport.write(self._machine.take())
        return stream, future

    def begin(
        self, service: str, method: str, payload: bytes, metadata: Mapping[str, str] | None = None
    ) -> asyncio.Future[bytes]:
        """Call a unary method without a deadline; the answer, or its error, is the future's. Raises Closed.

        For an answer that several wait for: the peer can't be told that one of them has left, and keeps what each call takes.
        """
        return self._begin(service, method, payload, None, metadata)[1]

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
        stream, future = self._begin(service, method, payload, timeout, metadata)
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
        """Call a unary method with messages. Raises what ``raw`` does, and Internal for an answer that is none."""
        return await decoded(self.name, response, await self.raw(service, method, request.encode(), timeout, metadata))


async def decoded(name: str, response: type[Any], data: bytes) -> Any:
    """Return a peer's answer. Raises Internal for one that is none, or has very many fields."""
    try:
        return await decode(response, data, MOST_FIELDS)
    except DecodeError as error:
        raise Internal(f"{name}: malformed answer: {error}") from error
    except TooManyFields as error:
        raise Internal(f"{name}: the answer can't be taken: {error}") from error
