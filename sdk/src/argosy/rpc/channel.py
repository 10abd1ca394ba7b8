"""The calling end: one multiplexed connection to a socket, which comes back by itself.

Cancellation: a cancelled call resets its stream, so that the peer stops too. A lost connection fails every call
on it with UNAVAILABLE, naming the peer, the socket and the reason; the next call connects again, with back-off.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

from argosy_protos._error import DecodeError
from grpclib.const import Cardinality

from argosy.errors import ArgosyError, Cancelled, DeadlineExceeded, Internal, PermissionDenied, Unavailable
from argosy.kernel.peer import credentials
from argosy.rpc import engine as h2
from argosy.rpc import wire
from argosy.rpc.protocol import Connection

Metadata = Mapping[str, str] | Iterable[tuple[str, str]] | None

BACKOFF_FIRST_S: Final = 0.02
BACKOFF_MAX_S: Final = 3.0
CONNECT_TIMEOUT_S: Final = 10.0


def _decode(data: bytes, cls: type[Any]) -> Any:
    if cls is bytes:
        return data
    try:
        return cls.decode(data)
    except DecodeError as error:
        raise Internal(f"the peer's answer is malformed: {error}") from error


class ClientStream:
    """One call, as its caller sees it: grpclib's stream API. Use it as an async context manager."""

    def __init__(
        self, channel: Channel, path: str, cardinality: Cardinality, response: type[Any],
        timeout: float | None, metadata: Metadata,
    ) -> None:  # fmt: skip
        self._channel, self._path, self._cardinality, self._response = channel, path, cardinality, response
        self._metadata = tuple(metadata.items()) if isinstance(metadata, Mapping) else tuple(metadata or ())
        self._timeout = timeout
        self._assembler = wire.Assembler()
        self._waiter: asyncio.Future[None] | None = None
        self._connection: ClientConnection | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.sid = 0
        self.opened = False
        self.ended = False  # the peer sent its status, or is gone
        self.sent_last = False
        self.error: ArgosyError | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: Any, error: BaseException | None, tb: Any) -> None:
        if error is None and self.sid:
            if self._cardinality.client_streaming and not self.sent_last:
                await self.end()
        self.cancel()

    def cancel(self) -> None:
        """Give the call up. Nothing happens when it has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        connection = self._connection
        if connection is not None and self.sid and connection.streams.pop(self.sid, None) is not None:
            connection.engine.reset(self.sid, h2.CANCEL)
            owed = self._assembler.abandon()
            if owed:
                connection.engine.acknowledge(self.sid, owed)
            connection.flush_soon()
        if not self.ended:
            self.ended = True
            self.error = self.error or Cancelled("the call was given up")
            self.wake()

    def wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def send_request(self) -> None:
        """Open the stream without a message."""
        if self.sid:
            return
        connection = await self._channel.connected()
        self._connection = connection
        self.sid = connection.engine.request(self._channel.headers(self._path, self._metadata, self._timeout), False)
        connection.streams[self.sid] = self
        if self._timeout is not None:
            self._timer = connection.loop.call_later(self._timeout, self._expire)
        connection.flush_soon()

    def _expire(self) -> None:
        self.error = DeadlineExceeded(f"{self._channel.name}: {self._path} took longer than {self._timeout:g} s")
        self.cancel()

    async def send_message(self, message: Any, *, end: bool = False) -> None:
        """Send one message. Waits while more than 1 MiB is unread by the peer. Raises the call's error when it ended."""
        await self.send_request()
        if self.ended and self.error is not None:
            raise self.error
        connection = self._connection
        assert connection is not None
        data = message if type(message) is bytes else message.encode()
        size = len(data)
        self.sent_last = self.sent_last or end
        if size < h2.MAX_FRAME_BYTES >> 4:
            connection.engine.data(self.sid, wire.FRAME.pack(0, size) + data, end)
            connection.flush_soon()
        else:
            connection.engine.data(self.sid, wire.FRAME.pack(0, size), False)
            connection.engine.data(self.sid, data, end)
            connection.flush()
            await connection.drain(self.sid, lambda: self.ended)

    async def end(self) -> None:
        """Say that no more messages follow."""
        await self.send_request()
        if not self.sent_last and not self.ended and self._connection is not None:
            self.sent_last = True
            self._connection.engine.end(self.sid)
            self._connection.flush_soon()

    async def recv_initial_metadata(self) -> None:
        """Wait until the peer opened its side."""
        while not self.opened and not self.ended:
            await self._wait()
        if self.error is not None and not self.opened:
            raise self.error

    async def _wait(self) -> None:
        assert self._connection is not None
        self._waiter = self._connection.loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.cancel()
            raise

    async def recv_message(self) -> Any:
        """Return the next message, or None at the end of a call that went well. Raises its error otherwise."""
        assembler = self._assembler
        while not assembler.messages:
            if self.ended:
                if self.error is not None:
                    raise self.error
                return None
            await self._wait()
        data, cost = assembler.messages.popleft()
        connection = self._connection
        if connection is not None and not connection.closed:
            credit = cost + assembler.release()
            if credit:
                connection.engine.acknowledge(self.sid, credit)
                connection.flush_soon()
        return _decode(data, self._response)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        message = await self.recv_message()
        if message is None:
            raise StopAsyncIteration
        return message

    # -- what the connection reports --

    def on_headers(self, headers: tuple[tuple[bytes, bytes], ...], end: bool) -> None:
        self.opened = True
        if end:
            self.finished(headers)
        else:
            self.wake()

    def on_data(self, data: bytes) -> int:
        """Take bytes; return those that may be acknowledged at once."""
        try:
            free = self._assembler.feed(data)
        except ArgosyError as error:
            self.error = error
            free = self._assembler.abandon()
            self.cancel()
            return free
        if self._assembler.messages:
            self.wake()
        return free

    def finished(self, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        status = dict(headers).get(b":status")
        if status not in (None, b"200"):
            self.error = Unavailable(f"{self._channel.name} answered HTTP {status.decode() if status else ''}")
        else:
            self.error = wire.error_of(tuple((k, v) for k, v in headers if k.startswith(b"grpc-")))
        self.ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.wake()

    def on_closed(self, reason: ArgosyError) -> None:
        if not self.ended:
            self.ended = True
            self.error = self.error or reason
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.wake()


class ClientConnection(Connection):
    """One connection to a peer."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(asyncio.get_running_loop())
        self._channel = channel
        self.streams: dict[int, ClientStream] = {}
        self.leaving = False
        self._reason = "the peer closed the connection"

    def fault(self, reason: str) -> None:
        self._reason = reason
        super().fault(reason)

    def on_headers(self, sid: int, headers: tuple[tuple[bytes, bytes], ...], end: bool) -> None:
        stream = self.streams.get(sid)
        if stream is not None:
            stream.on_headers(headers, end)

    def on_trailers(self, sid: int, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        stream = self.streams.get(sid)
        if stream is not None:
            stream.finished(headers)

    def on_data(self, sid: int, data: bytes, end: bool) -> None:
        stream = self.streams.get(sid)
        free = len(data) if stream is None else stream.on_data(data)
        if free:
            self.engine.acknowledge(sid, free)

    def on_closed(self, sid: int, code: int) -> None:
        stream = self.streams.pop(sid, None)
        if stream is not None:
            stream.on_closed(self._channel.unavailable(f"the stream was reset with code {code}"))

    def on_goaway(self, last_sid: int) -> None:
        self.leaving = True
        self._channel.forget(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._channel.forget(self)
        reason = self._channel.unavailable(str(exc) if exc else self._reason)
        streams, self.streams = self.streams, {}
        for stream in streams.values():
            stream.on_closed(reason)


class Channel:
    """A client of one socket. Connects when first used and again when the peer comes back.

    name says whom we talk to, for errors; metadata goes with every call; default_timeout_s bounds unary calls.
    serves says which users may serve there: by their ids, as of the socket's inode and of the process that listens.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        name: str = "",
        metadata: Mapping[str, str] | None = None,
        default_timeout_s: float | None = None,
        serves: Collection[int] | None = None,
    ) -> None:
        self._serves = serves
        self.served_by = -1
        """The user that serves the socket, as of the last connection."""
        self.path = str(path).removeprefix("unix://")
        self.name = name or self.path
        self._own = tuple((metadata or {}).items())
        self._default_timeout = default_timeout_s
        self._connection: ClientConnection | None = None
        self._lock: asyncio.Lock | None = None
        self._backoff = 0.0
        self._not_before = 0.0
        self._cache: dict[Any, tuple[tuple[bytes, bytes], ...]] = {}
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls in flight fail with UNAVAILABLE."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.flush()
            connection.transport.close()

    def with_metadata(self, metadata: Mapping[str, str]) -> BoundChannel:
        """Return a view of this channel that adds metadata to every call."""
        return BoundChannel(self, tuple(metadata.items()))

    def with_deadline(self, timeout_s: float | None) -> BoundChannel:
        """Return a view of this channel whose calls take at most timeout_s seconds each, unless they say otherwise."""
        return BoundChannel(self, (), timeout_s)

    def unavailable(self, reason: str) -> Unavailable:
        return Unavailable(f"{self.name} at {self.path}: {reason}")

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None and not self._connection.closed

    def forget(self, connection: ClientConnection) -> None:
        if self._connection is connection:
            self._connection = None

    async def connected(self) -> ClientConnection:
        """Return a live connection. Raises Unavailable when the peer can't be reached."""
        connection = self._connection
        if connection is not None and not connection.closed and not connection.leaving:
            return connection
        if self._closed:
            raise self.unavailable("this channel is closed")
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            if self._connection is not None and not self._connection.closed:
                return self._connection
            wait = self._not_before - time.monotonic()
            if wait > 0:
                raise self.unavailable(f"connecting failed, next try in {wait * 1000:.0f} ms")
            loop = asyncio.get_running_loop()
            try:
                _, made = await asyncio.wait_for(
                    loop.create_unix_connection(lambda: ClientConnection(self), self.path), CONNECT_TIMEOUT_S
                )
            except (OSError, TimeoutError) as error:
                self._backoff = min(max(self._backoff * 2, BACKOFF_FIRST_S), BACKOFF_MAX_S)
                self._not_before = time.monotonic() + self._backoff
                reason = getattr(error, "strerror", None) or str(error) or "timed out"
                raise self.unavailable(f"cannot connect: {reason}") from error
            self._check_server(made)
            self._backoff = self._not_before = 0.0
            self._connection = made
            return made

    def _check_server(self, made: ClientConnection) -> None:
        """Raise PermissionDenied, and hang up, when somebody serves here who may not."""
        _, uid, _ = credentials(made.transport.get_extra_info("socket"))
        self.served_by = uid
        if self._serves is None:
            return
        try:
            owner = os.stat(self.path).st_uid
        except OSError:
            owner = uid  # it was replaced this moment; who answers was looked at
        for found, what in ((uid, "is served by user"), (owner, "belongs to user")):
            if found not in self._serves:
                made.transport.abort()
                allowed = ", ".join(map(str, sorted(self._serves)))
                raise PermissionDenied(f"{self.name}: socket {self.path} {what} {found}, which may not: only {allowed} may")

    def headers(self, path: str, metadata: tuple[tuple[str, str], ...], timeout: float | None) -> Any:
        key = (path, metadata)
        headers = self._cache.get(key)
        if headers is None:
            rows = [
                (b":method", b"POST"), (b":scheme", b"http"), (b":path", path.encode()), (b":authority", b"localhost"),
                (b"te", b"trailers"), (b"content-type", b"application/grpc"), (b"user-agent", b"argosy"),
            ]  # fmt: skip
            rows += [(k.encode(), v.encode()) for k, v in (*metadata, *self._own)]
            headers = tuple(rows)
            if len(self._cache) < 4096:
                self._cache[key] = headers
        if timeout is not None:
            return (*headers, (b"grpc-timeout", wire.format_timeout(timeout)))
        return headers

    def request(
        self, path: str, cardinality: Cardinality, request: type[Any], response: type[Any], *,
        timeout: float | None = None, metadata: Metadata = None,
    ) -> ClientStream:  # fmt: skip
        """Return a stream for path; nothing is sent before its first use. timeout is in seconds."""
        return ClientStream(self, path, cardinality, response, timeout, metadata)

    async def unary(
        self, path: str, request: Any, response: type[Any], *, timeout: float | None = None, metadata: Metadata = None
    ) -> Any:
        """Call a method with one request and one answer. Raises the peer's error, Unavailable, DeadlineExceeded."""
        timeout = self._default_timeout if timeout is None else timeout
        stream = ClientStream(self, path, Cardinality.UNARY_UNARY, response, timeout, metadata)
        try:
            await stream.send_message(request, end=True)
            message = await stream.recv_message()
            if message is None:
                raise Internal(f"{self.name}: {path} ended without an answer")
            while not stream.ended:
                await stream._wait()
            if stream.error is not None:
                raise stream.error
            return message
        finally:
            stream.cancel()

    async def server_stream(
        self, path: str, request: Any, response: type[Any], *, timeout: float | None = None, metadata: Metadata = None
    ) -> AsyncIterator[Any]:
        """Call a method that answers with a stream; leaving the iteration gives the call up."""
        stream = ClientStream(self, path, Cardinality.UNARY_STREAM, response, timeout, metadata)
        try:
            await stream.send_message(request, end=True)
            while (message := await stream.recv_message()) is not None:
                yield message
        finally:
            stream.cancel()


class BoundChannel:
    """A channel with metadata of its own, a namespace or a lease, and with a deadline of its own for each call."""

    def __init__(self, channel: Channel, metadata: tuple[tuple[str, str], ...], timeout_s: float | None = None) -> None:
        self._channel, self._metadata, self._timeout_s = channel, metadata, timeout_s

    def _merged(self, metadata: Metadata) -> tuple[tuple[str, str], ...]:
        more = tuple(metadata.items()) if isinstance(metadata, Mapping) else tuple(metadata or ())
        return (*more, *self._metadata)

    def with_metadata(self, metadata: Mapping[str, str]) -> BoundChannel:
        """Return a view that adds more metadata; it wins over what is there, since the first value does."""
        return BoundChannel(self._channel, (*metadata.items(), *self._metadata), self._timeout_s)

    def request(self, *args: Any, timeout: float | None = None, metadata: Metadata = None) -> ClientStream:
        timeout = self._timeout_s if timeout is None else timeout
        return self._channel.request(*args, timeout=timeout, metadata=self._merged(metadata))

    async def unary(self, *args: Any, timeout: float | None = None, metadata: Metadata = None) -> Any:
        timeout = self._timeout_s if timeout is None else timeout
        return await self._channel.unary(*args, timeout=timeout, metadata=self._merged(metadata))

    def server_stream(self, *args: Any, timeout: float | None = None, metadata: Metadata = None) -> AsyncIterator[Any]:
        timeout = self._timeout_s if timeout is None else timeout
        return self._channel.server_stream(*args, timeout=timeout, metadata=self._merged(metadata))
