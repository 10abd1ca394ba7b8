"""The calling end: one multiplexed connection to a socket, which comes back by itself.

Cancellation: a cancelled call resets its stream, so that the peer stops too. A lost connection fails every call
on it with UNAVAILABLE, naming the peer, the socket and the reason; the next call connects again, with back-off.

Deadlines: a call with one request and one answer has ``DEFAULT_TIMEOUT_S`` unless it is told otherwise (``NO_DEADLINE``);
a stream has none of its own. ``Channel.within`` bounds everything that is called through it. Time runs from the call's
beginning, connecting included. When it is over, the stream is reset and DEADLINE_EXCEEDED names the peer and the socket.
"""

from __future__ import annotations

import asyncio
import errno
import math
import os
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

from argosy_protos._error import DecodeError
from grpclib.const import Cardinality

from argosy.errors import (
    ArgosyError,
    Cancelled,
    DeadlineExceeded,
    Internal,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
)
from argosy.kernel.peer import credentials
from argosy.recent import Recent
from argosy.rpc import engine as h2
from argosy.rpc import wire
from argosy.rpc.decoding import MOST_ANSWER_FIELDS, TooManyFields, decode
from argosy.rpc.protocol import Connection
from argosy.rpc.unreached import CONNECT_TIMEOUT_S, why

Metadata = Mapping[str, str] | Iterable[tuple[str, str]] | None

BACKOFF_FIRST_S: Final = 0.02
BACKOFF_MAX_S: Final = 3.0
DEFAULT_TIMEOUT_S: Final = 60.0
NO_DEADLINE: Final = math.inf
# Methods times the metadata that goes with them: namespaces.
_REMEMBERED_HEADERS, _REMEMBERED_BYTES = 512, 512 << 10
# Who is away for less is not said to be so since when.
_WORTH_SAYING_S: Final = 1.0
_OF_ONE_CALL: Final = frozenset(name.decode() for name in h2.OF_ONE_CALL)
# Who is told by its peer, so shortly before its own clock says so, that the time is over, is told the same by us.
_SAME_MOMENT_S: Final = 0.25
# How often in a row a call meets a peer that leaves, before it is told that nobody is there.
_LEAVING: Final = 8


class _Headers:
    """The headers of a call but for those of one call only."""

    __slots__ = ("fields", "head", "size")

    def __init__(self, path: str, metadata: tuple[tuple[str, str], ...]) -> None:
        self.head = ((b":method", b"POST"), (b":scheme", b"http"), (b":path", path.encode()), (b":authority", b"localhost"))
        self.fields = (
            (b"te", b"trailers"), (b"content-type", b"application/grpc"), (b"user-agent", b"argosy"),
            *((name.encode(), value.encode()) for name, value in metadata),
        )  # fmt: skip
        self.size = h2.size_of(self.head) + h2.size_of(self.fields)


class CallGroup:
    """Calls that are ended together, from outside: who waits for one of them gets the reason, and so does who begins one later."""

    __slots__ = ("_streams", "reason")

    def __init__(self) -> None:
        self._streams: list[ClientStream] = []
        self.reason: ArgosyError | None = None

    @property
    def path(self) -> str:
        """The method of the first call; "" without one."""
        return self._streams[0]._path if self._streams else ""

    def add(self, stream: ClientStream) -> None:
        self._streams.append(stream)
        if self.reason is not None:
            stream.cancel(self.reason)

    def end(self, reason: ArgosyError) -> None:
        """Give up every call, those that have ended apart. The first reason stays."""
        self.reason = self.reason or reason
        for stream in self._streams:
            stream.cancel(self.reason)


class ClientStream:
    """One call, as its caller sees it: grpclib's stream API. Use it as an async context manager."""

    def __init__(
        self, channel: Channel, path: str, cardinality: Cardinality, response: type[Any],
        timeout: float | None, metadata: Metadata,
    ) -> None:  # fmt: skip
        self._channel, self._path, self._cardinality, self._response = channel, path, cardinality, response
        self._metadata = tuple(metadata.items()) if isinstance(metadata, Mapping) else tuple(metadata or ())
        self._timeout = None if timeout == NO_DEADLINE else timeout
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

    def cancel(self, reason: ArgosyError | None = None) -> None:
        """Give the call up; who waits for its answers gets reason. Nothing happens when it has ended."""
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
            connection.leave()
        if not self.ended:
            self.ended = True
            self.error = self.error or reason or Cancelled("the call was given up")
            self.wake()
            if connection is not None:
                connection.wake()

    def begin_on(self, channel: Channel) -> None:
        """Begin on another channel, unless it has begun already."""
        if not self.sid:
            self._channel = channel

    def wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def send_request(self) -> None:
        """Open the stream without a message."""
        if self.sid:
            return
        if self.ended and self.error is not None:
            raise self.error  # given up before it began
        left = self._timeout
        connection = self._channel.live()
        for _ in range(_LEAVING):
            if connection is not None:
                break
            began = time.monotonic()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                made = await self._channel.connected(left, self._waiter)
            except ArgosyError:
                if self.error is not None:
                    raise self.error from None  # given up meanwhile
                raise
            finally:
                self._waiter = None
            if self.ended and self.error is not None:
                raise self.error
            left = None if left is None else left - (time.monotonic() - began)
            # Its peer may have said meanwhile that it leaves; the next connection is to whoever comes after it.
            connection = None if made.leaving else made
        if connection is None or connection.closed:
            raise self._channel.unreached("it hung up before it was asked")
        if left is not None and left <= 0:
            raise self._late()
        self._connection = connection
        self.sid = connection.engine.request(self._channel.headers(self._path, self._metadata, left), False)
        connection.streams[self.sid] = self
        if left is not None:
            self._timer = connection.loop.call_later(left, self._expire)
        connection.flush_soon()

    def _late(self) -> DeadlineExceeded:
        timeout = max(0.0, self._timeout or 0.0)
        return self._channel.deadline_exceeded(f"{self._path} was not answered within {timeout:.3g} s")

    def _expire(self) -> None:
        self.error = self._late()
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
            if not self._cardinality.client_streaming:
                return  # there is but one
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
        if self._waiter is not None:
            # The one that waits already would never be woken.
            raise RuntimeError(f"two tasks read the same call of {self._path}")
        self._waiter = self._connection.loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self._waiter = None
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
        try:
            return await decode(self._response, data, MOST_ANSWER_FIELDS)
        except DecodeError as error:
            raise self._channel.internal(f"the answer to {self._path} is malformed: {error}") from error
        except TooManyFields as error:
            raise self._channel.internal(f"the answer to {self._path} can't be taken: {error}") from error

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
            # With a code of its own it would look like the peer's refusal; but the peer may have done what it was asked for.
            self.error = self._channel.internal(f"the answer to {self._path} can't be taken: {error.message}")
            free = self._assembler.abandon()
            self.cancel()
            return free
        if self._assembler.messages:
            self.wake()
        return free

    def finished(self, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        status = dict(headers).get(b":status")
        if status not in (None, b"200"):
            self.error = self._channel.unavailable(f"it answered HTTP {status.decode('latin1') if status else ''}")
        else:
            self.error = wire.error_of(tuple((k, v) for k, v in headers if k.startswith(b"grpc-")))
            if self.error is not None and not any(k == b"grpc-status" for k, _ in headers):
                self.error = self._channel.internal(f"{self._path} ended without a status")
            if isinstance(self.error, DeadlineExceeded) and self._timer is not None and self._connection is not None:
                if self._timer.when() - self._connection.loop.time() < _SAME_MOMENT_S:
                    self.error = self._late()
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
        super().__init__(asyncio.get_running_loop(), channel.windows)
        self._channel = channel
        self.streams: dict[int, ClientStream] = {}
        self.leaving = False
        self._reason = "the peer closed the connection"

    def who(self) -> str:
        return self._channel.name

    def fault(self, reason: str) -> None:
        self._reason = reason
        super().fault(reason)

    def _take(self, data: bytes) -> bool:
        if self._scheduled:
            # What was asked before this was heard goes out before: after a word that the peer leaves, the engines would drop it.
            self.flush()
        return super()._take(data)

    def leave(self) -> None:
        """Close a connection that the peer wants to be rid of, once nothing is asked on it any more: that is what it waits for."""
        if self.leaving and not self.streams and not self.closed:
            self.loop.call_soon(self._hang_up)

    def _hang_up(self) -> None:
        if not self.closed and not self.streams:
            self.flush()
            self.transport.close()

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
            self.leave()

    def on_goaway(self, last_sid: int) -> None:
        self.leaving = True
        self._channel.forget(self)
        self.leave()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # One that its peer was about to leave is forgotten already.
        if self._channel.forget(self):
            self._channel.is_lost = True
        reason = self._channel.unavailable(str(exc) if exc else self._reason)
        streams, self.streams = self.streams, {}
        for stream in streams.values():
            stream.on_closed(reason)


class Channel:
    """A client of one socket. Connects when first used and again when the peer comes back.

    name says whom we talk to, for errors: ``snapshot plugin "overlayfs"``. metadata goes with every call.
    default_timeout_s bounds calls with one request and one answer that say nothing else; ``NO_DEADLINE`` bounds none.
    serves says which users may serve there: by their ids, as of the socket's inode and of the process that listens.
    remedy is what helps when nobody listens there, for a person who reads the error. windows say how much may come ahead of its readers.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        name: str = "",
        metadata: Mapping[str, str] | None = None,
        default_timeout_s: float = DEFAULT_TIMEOUT_S,
        serves: Collection[int] | None = None,
        remedy: str = "",
        windows: h2.Windows = h2.WINDOWS,
    ) -> None:
        self.windows = windows
        self._serves = serves
        self._remedy = remedy
        self.served_by = -1
        """The user that serves the socket, as of the last connection."""
        self.connections = 0
        """How many there have been: what was asked on one may be otherwise on the next."""
        self.away = ""
        """Why the last attempt to connect came to nothing; empty when it did not."""
        self.away_since, self.away_errno = 0.0, 0
        """Since when that has been so, in seconds since the epoch, and the error of the system, if it was one."""
        self.is_lost = False
        """Whether the last connection broke: its peer had not said that it leaves."""
        self.restarts = 0
        """How often a connection broke, and was made anew."""
        self.path = str(path).removeprefix("unix://")
        self.name = name or self.path
        self._own = tuple((metadata or {}).items())
        self._default_timeout = default_timeout_s
        self._connection: ClientConnection | None = None
        self._connecting: asyncio.Task[ClientConnection | Unavailable] | None = None
        self._backoff = 0.0
        self._not_before = 0.0
        self._why_not = ""
        self._headers: Recent[tuple[str, tuple[tuple[str, str], ...]], _Headers] = Recent(
            _REMEMBERED_HEADERS, _REMEMBERED_BYTES, lambda _, headers: h2.memory_of((*headers.head, *headers.fields))
        )
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls in flight fail with UNAVAILABLE."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.flush()
            connection.transport.close()

    def with_metadata(self, metadata: Mapping[str, str]) -> BoundChannel:
        """Return a view of this channel that adds metadata to every call."""
        return BoundChannel(self, tuple(metadata.items()))

    def renew(self) -> None:
        """Have the next call make a connection of its own: another process serves at the socket now. What goes on goes on."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.leaving = True
            connection.leave()

    def hurry(self) -> None:
        """Have the next call connect at once, however often that came to nothing."""
        self._backoff = self._not_before = 0.0

    def within(self, seconds: float, group: CallGroup | None = None) -> BoundChannel:
        """Return a view of this channel on which every call, streams too, ends with the time that begins now, and with its group."""
        return BoundChannel(self, (), time.monotonic() + seconds, group)

    def unavailable(self, reason: str) -> Unavailable:
        return Unavailable(f"{self._who()}: {reason}")

    def unreached(self, reason: str) -> Unavailable:
        """Return the error of a call of which the peer never heard."""
        error = self.unavailable(reason)
        error.unsent = True
        return error

    def internal(self, reason: str) -> Internal:
        """Return the error for an answer that breaks the protocol."""
        return Internal(f"{self._who()}: {reason}")

    def deadline_exceeded(self, reason: str) -> DeadlineExceeded:
        return DeadlineExceeded(f"{self._who()}: {reason}")

    def _who(self) -> str:
        return self.name if self.name == self.path else f"{self.name} at {self.path}"

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None and not self._connection.closed

    @property
    def is_used(self) -> bool:
        """Whether a call goes on."""
        return self._connection is not None and bool(self._connection.streams)

    def forget(self, connection: ClientConnection) -> bool:
        """Use a connection no more. Returns whether it was in use."""
        if self._connection is not connection:
            return False
        self._connection = None
        return True

    def live(self) -> ClientConnection | None:
        """Return the connection if there is one that new calls can use."""
        connection = self._connection
        return None if connection is None or connection.closed or connection.leaving else connection

    async def connected(self, timeout: float | None = None, waiter: asyncio.Future[None] | None = None) -> ClientConnection:
        """Return a live connection within timeout seconds. Raises Unavailable when the peer can't be reached, DeadlineExceeded.

        waiter is a future of the caller's, which ends the wait when it is set.

        All who wait share one attempt: one that gives up, or whose time is over, takes nothing from the others.
        """
        connection = self.live()
        if connection is not None:
            return connection
        if self._closed:
            raise self.unreached("this channel is closed")
        if self._connecting is None:
            wait = self._not_before - time.monotonic()
            if wait > 0:
                raise self.unreached(
                    f"connecting failed, next try in {wait * 1000:.0f} ms: {self._why_not}{self._for_how_long()}"
                )
            # Not of a group: it belongs to the channel, whose close() cancels it, and ends by itself within CONNECT_TIMEOUT_S.
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
        made = await self._attempt(self._connecting, timeout, waiter or asyncio.get_running_loop().create_future())
        if isinstance(made, Unavailable):
            failure = Unavailable(made.message)
            failure.unsent = True
            raise failure from made.__cause__
        return made

    async def _attempt(
        self, attempt: asyncio.Task[ClientConnection | Unavailable], timeout: float | None, waiter: asyncio.Future[None]
    ) -> ClientConnection | Unavailable:
        # A handler that is stepped inline has no task of its own yet, which asyncio's own timeouts want.
        def wake(_: object = None) -> None:
            if not waiter.done():
                waiter.set_result(None)

        attempt.add_done_callback(wake)
        timer = None if timeout is None else attempt.get_loop().call_later(timeout, wake)
        try:
            await waiter
        finally:
            attempt.remove_done_callback(wake)
            if timer is not None:
                timer.cancel()
        if not attempt.done():
            if timeout is None:  # the call was given up, which says why itself
                raise self.unreached("the call was given up before there was a connection")
            raise self.deadline_exceeded(f"it did not take a connection within {timeout:.3g} s")
        if attempt.cancelled():
            return self.unavailable("this channel is closed")
        return attempt.result()

    async def _connect(self) -> ClientConnection | Unavailable:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, made = await asyncio.get_running_loop().create_unix_connection(lambda: ClientConnection(self), self.path)
            # asyncio takes EAGAIN, of a peer whose queue is full, for a connection that is being made: nobody is at its other end.
            self._check_server(made)
        except (OSError, TimeoutError) as error:
            self._backoff = min(max(self._backoff * 2, BACKOFF_FIRST_S), BACKOFF_MAX_S)
            self._not_before = time.monotonic() + self._backoff
            reason = self._why_not = why(self.path, error, self._remedy)
            self._set_away(reason, error.errno or 0)
            failure = self.unavailable(f"cannot connect: {reason}{self._for_how_long()}")
            failure.__cause__ = error
            return failure
        except PermissionDenied as error:
            error.unsent = True
            self._set_away(error.message, errno.EACCES)
            raise
        else:
            self._backoff = self._not_before = 0.0
            self._connection = made
            self.connections += 1
            self.restarts += self.is_lost
            self.away, self.away_errno, self.is_lost = "", 0, False
            return made
        finally:
            self._connecting = None

    def _set_away(self, reason: str, number: int) -> None:
        if not self.away:
            self.away_since = time.time()
        self.away, self.away_errno = reason, number

    def _for_how_long(self) -> str:
        since = time.time() - self.away_since
        return f" (for {since:.1f} s)" if since >= _WORTH_SAYING_S else ""

    def _check_server(self, made: ClientConnection) -> None:
        """Raise PermissionDenied, and hang up, when somebody serves here who may not; OSError when whoever accepted is gone already."""
        sock = made.transport.get_extra_info("socket")
        if sock is None:  # the loop has closed it
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        _, uid, _ = credentials(sock)
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

    def headers(self, path: str, metadata: tuple[tuple[str, str], ...], timeout: float | None) -> h2.Headers:
        """Return the headers of a call. Raises ResourceExhausted when they are more than a peer takes."""
        own: list[tuple[bytes, bytes]] = []
        if timeout is not None:
            own.append((b"grpc-timeout", wire.format_timeout(timeout)))
        for name, value in metadata:
            if name in _OF_ONE_CALL:
                own.append((name.encode(), value.encode()))
        if len(own) > (timeout is not None):
            metadata = tuple([pair for pair in metadata if pair[0] not in _OF_ONE_CALL])
        key = (path, metadata)
        headers = self._headers.get(key)
        remembered = headers is not None
        if headers is None:
            headers = _Headers(path, (*metadata, *self._own))
        size = headers.size + h2.size_of(own)
        if size > h2.MAX_HEADER_LIST_BYTES:
            # The peer would refuse it, or end the connection with everybody else's calls.
            raise ResourceExhausted(
                f"{path}: the call's headers have {size} bytes, {h2.MAX_HEADER_LIST_BYTES} are allowed; send less metadata"
            )
        if not remembered:
            self._headers.put(key, headers)
        # Ours come before what the channel says by itself: of several, a peer takes the first.
        return (*headers.head, *own, *headers.fields)

    def request(
        self, path: str, cardinality: Cardinality, request: type[Any], response: type[Any], *,
        timeout: float | None = None, metadata: Metadata = None, group: CallGroup | None = None,
    ) -> ClientStream:  # fmt: skip
        """Return a stream for path; nothing is sent before its first use. timeout is in seconds."""
        stream = ClientStream(self, path, cardinality, response, timeout, metadata)
        if group is not None:
            group.add(stream)
        return stream

    async def unary(
        self, path: str, request: Any, response: type[Any], *, timeout: float | None = None, metadata: Metadata = None,
        group: CallGroup | None = None,
    ) -> Any:  # fmt: skip
        """Call a method with one request and one answer. Raises the peer's error, Unavailable, DeadlineExceeded.

        timeout is in seconds; None is the channel's default.
        """
        timeout = self._default_timeout if timeout is None else timeout
        stream = self.request(
            path, Cardinality.UNARY_UNARY, bytes, response, timeout=timeout, metadata=metadata, group=group
        )
        try:
            await stream.send_message(request, end=True)
            message = await stream.recv_message()
            if message is None:
                raise self.internal(f"{path} ended without an answer")
            while not stream.ended:
                await stream._wait()
            if stream.error is not None:
                raise stream.error
            return message
        finally:
            stream.cancel()

    async def server_stream(
        self, path: str, request: Any, response: type[Any], *, timeout: float | None = None, metadata: Metadata = None,
        group: CallGroup | None = None,
    ) -> AsyncIterator[Any]:  # fmt: skip
        """Call a method that answers with a stream; leaving the iteration gives the call up."""
        stream = self.request(
            path, Cardinality.UNARY_STREAM, bytes, response, timeout=timeout, metadata=metadata, group=group
        )
        try:
            await stream.send_message(request, end=True)
            while (message := await stream.recv_message()) is not None:
                yield message
        finally:
            stream.cancel()


class BoundChannel:
    """A channel with metadata of its own, such as a namespace or a lease, with a moment at which its calls end, or with a group of them."""

    def __init__(
        self,
        channel: Channel,
        metadata: tuple[tuple[str, str], ...],
        until: float = NO_DEADLINE,
        group: CallGroup | None = None,
    ) -> None:
        """until is monotonic time."""
        self._channel, self._metadata, self._until, self._group = channel, metadata, until, group

    @property
    def name(self) -> str:
        """Whom we talk to."""
        return self._channel.name

    @property
    def path(self) -> str:
        """Its socket."""
        return self._channel.path

    def _merged(self, metadata: Metadata) -> tuple[tuple[str, str], ...]:
        more = tuple(metadata.items()) if isinstance(metadata, Mapping) else tuple(metadata or ())
        return (*more, *self._metadata)

    def with_metadata(self, metadata: Mapping[str, str]) -> BoundChannel:
        """Return a view that adds more metadata; it wins over what is there, since the first value does."""
        return BoundChannel(self._channel, (*metadata.items(), *self._metadata), self._until, self._group)

    def within(self, seconds: float) -> BoundChannel:
        """Return a view whose calls also end with the time that begins now."""
        return BoundChannel(self._channel, self._metadata, min(self._until, time.monotonic() + seconds), self._group)

    def _left(self, timeout: float | None) -> float | None:
        """Return the seconds that a call has which asks for timeout."""
        if self._until == NO_DEADLINE:
            return timeout
        left = max(0.0, self._until - time.monotonic())
        return left if timeout is None else min(timeout, left)

    def request(self, *args: Any, timeout: float | None = None, metadata: Metadata = None, **options: Any) -> ClientStream:
        return self._channel.request(
            *args, timeout=self._left(timeout), metadata=self._merged(metadata), group=self._group, **options
        )

    async def unary(self, *args: Any, timeout: float | None = None, metadata: Metadata = None, **options: Any) -> Any:
        return await self._channel.unary(
            *args, timeout=self._left(timeout), metadata=self._merged(metadata), group=self._group, **options
        )

    def server_stream(
        self, *args: Any, timeout: float | None = None, metadata: Metadata = None, **options: Any
    ) -> AsyncIterator[Any]:
        return self._channel.server_stream(
            *args, timeout=self._left(timeout), metadata=self._merged(metadata), group=self._group, **options
        )
