"""The serving end: dispatches streams to handlers of grpclib's shape, inline where they are marked so.

Resource handling: sockets are bound in a 0700 directory under umask 077 and set to 0660; a peer is
checked at every accept (``sockets.owners``). A stream's receive credit goes back when its message is consumed, and also when its handler
never starts or ends early. Error handling: a handler's exception becomes a status (``argosy.errors``); a
cancelled call cancels its handler; a deadline ends it with DEADLINE_EXCEEDED.
"""

from __future__ import annotations

import asyncio
import select
import socket
import sys
import types
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from argosy_protos._error import DecodeError
from grpclib.const import Handler
from grpclib.exceptions import GRPCError, StreamTerminatedError

from argosy import log
from argosy.errors import (
    Aborted,
    AlreadyExists,
    ArgosyError,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    Locked,
    NotFound,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unimplemented,
)
from argosy.kernel.peer import credentials, groups
from argosy.recent import Recent
from argosy.rpc import engine as h2
from argosy.rpc import wire
from argosy.rpc.context import CALL, Call, Peer
from argosy.rpc.decoding import MOST_FIELDS, TooManyFields, decode, is_small
from argosy.rpc.protocol import Connection
from argosy.rpc.sockets import BACKLOG, bind_unix, same_user

if TYPE_CHECKING:
    from argosy.rpc.channel import Channel

logger = log.get("argosy.rpc")
F = TypeVar("F", bound=Callable[..., Any])

# Header tuples repeat for every call of one client method; a client that varies them must not fill memory.
_REMEMBERED_HEADS, _REMEMBERED_BYTES = 1024, 1 << 20
# A peer that has left so many bytes of answers unread is read to, and its new calls begin when it has read some.
_UNREAD_BYTES: Final = 64 << 20
# A GOAWAY whose last stream is the last one that there can be: length, type, flags, stream, last stream, NO_ERROR.
_LEAVE: Final = bytes.fromhex("000008 07 00 00000000 7fffffff 00000000")
_LOOK_S: Final = 0.01
# Clients wait while a server becomes quiet.
_QUIET_S: Final = 0.002
# What a connection of asyncio takes from being accepted to being known.
_TURNS_TO_ARRIVE: Final = 3
# Since Python 3.13 a loop that stops to listen removes the socket's file, though somebody else may hold the socket.
_KEEPS_ITS_PATH: Final[dict[str, Any]] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
_HIDDEN: Final = frozenset((b"te", b"content-type", b"user-agent", b"grpc-accept-encoding", b"accept-encoding"))
# A caller's own fault, a state that is as it is, somebody who gave up: nothing that an operator could mend in the service.
_ANSWERS: Final = (
    AlreadyExists, FailedPrecondition, InvalidArgument, Locked, NotFound, OutOfRange, PermissionDenied, Unauthenticated, Unimplemented,
    Aborted, Cancelled, asyncio.CancelledError,
)  # fmt: skip


def inline(function: F) -> F:
    """Mark a unary handler to be stepped in the loop's own callback, without a task of its own.

    For handlers that mostly answer without waiting. Code before the first await that waits has no current
    task (no timeouts, no anyio there); from that await on, the handler goes on in a task.
    """
    function.__inline__ = True  # type: ignore[attr-defined] # read by ServiceBase.__mapping__
    return function


@types.coroutine
def _resume(coroutine: Coroutine[Any, Any, None], waiting_for: Any) -> Any:
    """Carry on a coroutine that was stepped by hand and now waits for a future."""
    while True:
        try:
            result = yield waiting_for
        except BaseException as error:
            step: Callable[[Any], Any] = coroutine.throw
            result = error
        else:
            step = coroutine.send
        try:
            waiting_for = step(result)
        except StopIteration as stop:
            return stop.value


def _pair(key: bytes, value: bytes) -> tuple[str, str]:
    """Return a header as metadata."""
    return key.decode("latin1"), value.decode("utf-8", "replace")


class RequestHead:
    """The parsed headers of a request but for those of one call only; remembered by the raw tuple."""

    __slots__ = ("content_type_ok", "metadata", "path", "size")

    def __init__(self, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self.path = ""
        self.content_type_ok = False
        self.size = h2.size_of(headers)
        pairs: list[tuple[str, str]] = []
        for key, value in headers:
            if key == b":path":
                self.path = value.decode("latin1")
            elif key == b"content-type":
                self.content_type_ok = value.startswith(b"application/grpc")
            elif key[:1] != b":" and key not in _HIDDEN:
                pairs.append(_pair(key, value))
        self.metadata = tuple(pairs)


class ServerStream:
    """One call, as its handler sees it: grpclib's stream API."""

    __slots__ = (
        "_assembler", "_connection", "_drain_only", "_handler", "_headers_sent", "_waiter", "call", "done", "ended",
        "reset", "sid", "task", "timer",
    )  # fmt: skip

    def __init__(self, connection: ServerConnection, sid: int, handler: Handler, call: Call, limit: int) -> None:
        self._connection, self.sid, self._handler, self.call = connection, sid, handler, call
        self._assembler = wire.Assembler(limit)
        self._waiter: asyncio.Future[None] | None = None
        self._headers_sent = False
        self._drain_only = False
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.ended = self.done = self.reset = False

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return self.call.metadata

    @property
    def path(self) -> str:
        return self.call.path

    def __aiter__(self) -> ServerStream:
        return self

    async def __anext__(self) -> Any:
        message = await self.recv_message()
        if message is None:
            raise StopAsyncIteration
        return message

    def feed(self, data: bytes) -> None:
        if self.done or self._drain_only:
            self._connection.acknowledge(self.sid, len(data))
            return
        try:
            free = self._assembler.feed(data)
        except ArgosyError as error:
            self._drain_only = True
            self._connection.acknowledge(self.sid, self._assembler.abandon() + len(data))
            self.fail_now(error)
            return
        if free:
            self._connection.acknowledge(self.sid, free)
        if self._waiter is not None and self._assembler.messages:
            self.wake()

    def wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def recv_message(self) -> Any:
        """Return the next message, or None when the peer has sent its last.

        Raises StreamTerminatedError when the peer gave up, InvalidArgument for bytes that are no message, ResourceExhausted for one of
        very many fields.
        """
        assembler = self._assembler
        while not assembler.messages:
            if self.reset:
                raise StreamTerminatedError("the caller reset the stream")
            if self.ended:
                if assembler.partial:
                    raise InvalidArgument("the request ended in the middle of a message")
                if not self._handler.cardinality.client_streaming:
                    raise Internal("the request holds no message")
                return None
            self._waiter = self._connection.loop.create_future()
            await self._waiter
        data, cost = assembler.messages.popleft()
        self._connection.acknowledge(self.sid, cost + assembler.release())
        request_type = self._handler.request_type
        try:
            if is_small(data):
                return data if request_type is bytes else request_type.decode(data)
            return await decode(request_type, data, MOST_FIELDS)
        except DecodeError as error:
            raise InvalidArgument(f"{self.call.path}: the request is malformed: {error}") from error
        except TooManyFields as error:
            raise ResourceExhausted(f"{self.call.path}: the request can't be taken: {error}; send less at once") from error

    async def send_initial_metadata(self) -> None:
        """Open the response now, so that the peer knows the stream is established."""
        if not self._headers_sent and not self.done:
            self._headers_sent = True
            self._connection.engine.respond(self.sid, wire.RESPONSE_HEADERS, False)
            self._connection.flush_soon()

    async def send_message(self, message: Any) -> None:
        """Send one message; waits while more than 1 MiB is unread by the peer. Raises StreamTerminatedError."""
        if self.reset:
            raise StreamTerminatedError("the caller reset the stream")
        data = message if type(message) is bytes else message.encode()
        engine = self._connection.engine
        if not self._headers_sent:
            self._headers_sent = True
            engine.respond(self.sid, wire.RESPONSE_HEADERS, False)
        size = len(data)
        if size < h2.MAX_FRAME_BYTES >> 4:
            engine.data(self.sid, wire.FRAME.pack(0, size) + data, False)
        else:
            engine.data(self.sid, wire.FRAME.pack(0, size), False)
            engine.data(self.sid, data, False)
        if self._handler.cardinality.server_streaming:
            self._connection.flush_soon()
            if size >= h2.MAX_FRAME_BYTES >> 4:
                self._connection.flush()
            await self._connection.drain(self.sid, lambda: self.reset)
            if self.reset:
                raise StreamTerminatedError("the caller reset the stream")

    def finish(self, error: BaseException | None = None) -> None:
        """Send the status, once."""
        if self.done:
            return
        self.done = True
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        connection = self._connection
        owed = self._assembler.abandon()
        if owed:
            connection.acknowledge(self.sid, owed)
        connection.count(error)
        if self.reset:
            return
        engine = connection.engine
        trailers = wire.OK_TRAILERS if error is None else wire.status_trailers(error)
        if not self._headers_sent:
            if error is not None:
                engine.respond(self.sid, [*wire.RESPONSE_HEADERS, *trailers], True)
            else:
                engine.respond(self.sid, wire.RESPONSE_HEADERS, False)
                engine.trailers(self.sid, trailers)
        else:
            engine.trailers(self.sid, trailers)
        if not self.ended:
            # The peer may still be sending; it must hear that nobody reads, after the status.
            connection.telling.add(self.sid)
            connection.flush()
        connection.flush_soon()

    def fail_now(self, error: BaseException) -> None:
        """End the call from outside its handler."""
        self.finish(error)
        if self.task is not None:
            self.task.cancel()

    def expire(self) -> None:
        waiting = f" while it waited for {self.call.waiting_for}" if self.call.waiting_for else ""
        self.fail_now(DeadlineExceeded(f"{self.call.path}: the caller's deadline has passed{waiting}"))


class ServerConnection(Connection):
    """One accepted connection."""

    server = True

    def __init__(self, server: Server, loop: Any) -> None:
        super().__init__(loop, server.windows)
        self._server = server
        self.streams: dict[int, ServerStream] = {}
        self.peer = Peer()
        self.telling: set[int] = set()
        """Streams whose answers and status wait for the peer's credit, and which it is told not to send on when it has them: a reset would take them back."""
        self._held_back: dict[int, ServerStream] = {}
        """Calls that begin when the peer has read what was answered before, by their numbers, in the order in which they came."""
        self._going_on = False
        self._own_at = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family == socket.AF_UNIX:
            self.peer = Peer(*credentials(sock), groups(sock))
            if not self._server.admits(self.peer):
                logger.warning("rpc.peer_refused", uid=self.peer.uid, pid=self.peer.pid)
                # uvloop does not survive an abort from inside this very call.
                self.loop.call_soon(transport.abort)  # type: ignore[attr-defined] # every stream transport has it
                self.closed = True
                return
        self._server.connections.add(self)
        super().connection_made(transport)
        if self._server.closing:
            # Accepted in time, and through the loop only now: nobody would end it, and a call on it would be served by what is gone.
            self.shut()
            self.loop.call_soon(transport.close)

    def who(self) -> str:
        return f"pid {self.peer.pid}, uid {self.peer.uid}"

    def data_received(self, data: bytes) -> None:
        if not self.closed:
            super().data_received(data)

    def acknowledge(self, sid: int, size: int) -> None:
        if size:
            self.engine.acknowledge(sid, size)
            self.flush_soon()

    def count(self, error: BaseException | None) -> None:
        stats = self._server.statistics
        stats.total += 1
        if error is not None and not isinstance(error, _ANSWERS):
            stats.failed += 1
        if self._server.ended is not None:
            self._server.ended()

    def _parted(self, headers: tuple[tuple[bytes, bytes], ...]) -> tuple[h2.Headers, tuple[tuple[bytes, bytes], ...]]:
        """Return what is of one call, and the rest, if the one such field stands where it stood in the call before.

        Where it does not, the rest is like no remembered head, since none of those has such a field.
        """
        at = self._own_at
        if 0 <= at < len(headers) and headers[at][0] in h2.OF_ONE_CALL:
            return (headers[at],), headers[:at] + headers[at + 1 :]
        return (), headers

    def on_headers(self, sid: int, headers: tuple[tuple[bytes, bytes], ...], end: bool) -> None:
        server = self._server
        timeout: float | None = None
        own, rest = self._parted(headers)
        head = server.heads.get(rest)
        if head is None:
            own = tuple([field for field in headers if field[0] in h2.OF_ONE_CALL])
            rest = tuple([field for field in headers if field[0] not in h2.OF_ONE_CALL])
            self._own_at = headers.index(own[0]) if len(own) == 1 else -1
            head = server.heads.get(rest) or RequestHead(rest)
            if head.size <= h2.MAX_HEADER_LIST_BYTES:
                server.heads.put(rest, head)
        size = head.size
        for name, value in own:
            size += len(name) + len(value) + h2.FIELD_BYTES
        if size > h2.MAX_HEADER_LIST_BYTES:
            what = f"{head.path[:100]}: the call's headers have {size} bytes, {h2.MAX_HEADER_LIST_BYTES} are allowed"
            self._refuse(sid, ResourceExhausted(f"{what}; send less metadata"), end)
            return
        metadata = head.metadata
        for name, value in own:
            if name != b"grpc-timeout":
                metadata = (*metadata, _pair(name, value))
            elif timeout is None:
                timeout = wire.parse_timeout(value)
        handler = server.mapping.get(head.path) or server.fallback(head.path)
        call = Call(head.path, metadata, None if timeout is None else self.loop.time() + timeout, self.peer)
        if head.path not in server.always:
            server.asked += 1
            if server.draining:
                self._refuse(sid, server.draining, end)
                return
        if handler is None:
            service, _, method = head.path.lstrip("/").rpartition("/")
            known = any(p.startswith(f"/{service}/") for p in server.mapping)
            what = f"unknown method {method} for service {service}" if known else f"unknown service {service}"
            self._refuse(sid, Unimplemented(what), end)
            return
        if not head.content_type_ok:
            self.engine.respond(sid, [(b":status", b"415")], True)
            if not end:
                self.engine.reset(sid, h2.NO_ERROR)
            return
        limit = server.limits.get(head.path, wire.MAX_MESSAGE_BYTES)
        stream = self.streams[sid] = ServerStream(self, sid, handler, call, limit)
        stream.ended = end
        if handler.cardinality.client_streaming or end:
            self._start(stream)

    def _refuse(self, sid: int, error: ArgosyError, end: bool) -> None:
        headers = [*wire.RESPONSE_HEADERS, *wire.status_trailers(error), (b"grpc-accept-encoding", b"identity")]
        self.engine.respond(sid, headers, True)
        if not end:
            self.flush()
            self.engine.reset(sid, h2.NO_ERROR)
        self.count(error)

    def on_data(self, sid: int, data: bytes, end: bool) -> None:
        stream = self.streams.get(sid)
        if stream is None:
            self.acknowledge(sid, len(data))
            return
        if data:
            stream.feed(data)
        if end:
            stream.ended = True
            if stream.task is None and not stream.done and not stream._handler.cardinality.client_streaming:
                self._start(stream)
            else:
                stream.wake()

    def on_trailers(self, sid: int, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self.on_data(sid, b"", True)

    def on_closed(self, sid: int, code: int) -> None:
        self.telling.discard(sid)
        stream = self.streams.pop(sid, None)
        self._held_back.pop(sid, None)
        if stream is None or stream.done:
            return
        stream.reset = True
        self._for_nothing += 1
        if stream.timer is not None:
            # Its deadline passes at about the same moment: a task is cancelled once, or what it does at its end would be cut.
            stream.timer.cancel()
            stream.timer = None
        stream.wake()
        if stream.task is None or stream.task.done():
            stream.finish(Cancelled("the caller gave up"))
        else:
            stream.task.cancel()

    def on_goaway(self, last_sid: int) -> None:
        """Sink: the peer will open no more streams."""

    def _unread(self) -> int:
        """Return how many bytes of answers wait for the peer."""
        return self.engine.queued() + self.transport.get_write_buffer_size()

    def flush(self) -> None:
        super().flush()
        if self.telling and (told := [sid for sid in self.telling if not self.engine.queued(sid)]):
            self.telling.difference_update(told)
            for sid in told:
                self.engine.reset(sid, h2.NO_ERROR)
            super().flush()
        if self._held_back and not self._going_on and self._unread() <= _UNREAD_BYTES:
            self._going_on = True
            self.loop.call_soon(self._begin_held_back)

    def _begin_held_back(self) -> None:
        self._going_on = False
        while self._held_back and not self.closed and self._unread() <= _UNREAD_BYTES:
            stream = self._held_back.pop(next(iter(self._held_back)))
            if not stream.done:
                self._begin(stream)

    def _start(self, stream: ServerStream) -> None:
        if self._held_back or self._unread() > _UNREAD_BYTES:
            self._held_back[stream.sid] = stream
            if stream.call.deadline is not None:
                stream.timer = self.loop.call_at(stream.call.deadline, stream.expire)
        else:
            self._begin(stream)

    def _begin(self, stream: ServerStream) -> None:
        call = stream.call
        if call.deadline is not None:
            delay = call.deadline - self.loop.time()
            if delay <= 0:
                stream.expire()
                return
        token = CALL.set(call)
        try:
            try:
                coroutine = stream._handler.func(stream)
            except Exception as error:  # of one that looks at the call before it begins
                self._failed(stream, error)
                return
            if getattr(stream._handler.func, "__inline__", False):
                try:
                    waiting_for = coroutine.send(None)
                except StopIteration:
                    stream.finish()
                    return
                except BaseException as error:
                    self._failed(stream, error)
                    return
                coroutine = _resume(coroutine, waiting_for)
            # Not of a group: a call's task belongs to its stream, which cancels it when the caller gives up or its time is over, and
            # what it raises is its status. Server.close waits for all of them.
            stream.task = self.loop.create_task(self._run(stream, coroutine))
            self._server.tasks[stream.task] = call.path
        finally:
            CALL.reset(token)
        # A task that is cancelled before its first step never runs its own cleanup.
        stream.task.add_done_callback(lambda task: self._ended(stream, task, coroutine))
        if call.deadline is not None and stream.timer is None:
            stream.timer = self.loop.call_at(call.deadline, stream.expire)

    def _ended(self, stream: ServerStream, task: asyncio.Task[None], coroutine: Any) -> None:
        self._server.tasks.pop(task, None)
        if task.cancelled():
            coroutine.close()
            stream.finish(Cancelled("the call was cancelled"))

    async def _run(self, stream: ServerStream, coroutine: Any) -> None:
        try:
            await coroutine
        except asyncio.CancelledError:
            stream.finish(Cancelled("the call was cancelled"))
            raise
        except BaseException as error:
            self._failed(stream, error)
        else:
            stream.finish()

    def _failed(self, stream: ServerStream, error: BaseException) -> None:
        if isinstance(error, StreamTerminatedError):
            stream.finish(Cancelled("the caller gave up"))
            return
        if not isinstance(error, (ArgosyError, GRPCError)):
            logger.error("rpc.handler_failed", path=stream.call.path, error=repr(error), exc_info=error)
        else:
            logger.debug("rpc.call_failed", path=stream.call.path, error=str(error))
        stream.finish(error)
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise error

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._server.connections.discard(self)
        for sid in list(self.streams):
            self.on_closed(sid, h2.CANCEL)

    def shut(self) -> None:
        """Tell the peer to open no more streams."""
        if not self.closed:
            self.engine.goaway()
            self.flush()

    def ask_to_leave(self) -> None:
        """Tell the peer to open its next stream elsewhere, and to hang up. What it has sent by then is served."""
        if not self.closed and not self.transport.is_closing():
            self.flush()
            # Beside the engine, which would take no stream any more: this frame is the first of two, and promises nothing (RFC 9113, 6.8).
            self.transport.write(_LEAVE)


class Elsewhere(Protocol):
    """Services of other processes that are served on a socket of this one."""

    def handler(self, path: str) -> Handler | None:
        """Return what relays a path."""

    def serves(self, service: str) -> bool | None:
        """Return whether a service can be called now; None for one that nobody has."""

    def channels(self, symbol: str) -> Iterable[Channel]:
        """Return who may know the descriptor of a symbol, or of any when it is empty."""


class Statistics:
    """Counts since start. A call has failed when the service is to blame: a no to its caller is an answer."""

    __slots__ = ("failed", "total")

    def __init__(self) -> None:
        self.total = self.failed = 0


class Server:
    """Serves services on any number of sockets."""

    def __init__(
        self,
        services: Iterable[Any] = (),
        *,
        allow: Callable[[Peer], bool] | None = None,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        """allow says who may connect to a unix socket, at every accept; by default root and whom we run as."""
        self.mapping: dict[str, Handler] = {}
        self.heads: Recent[tuple[tuple[bytes, bytes], ...], RequestHead] = Recent(
            _REMEMBERED_HEADS, _REMEMBERED_BYTES, lambda headers, _: h2.memory_of(headers)
        )
        self.limits: dict[str, int] = dict(limits or {})
        self.windows = h2.WINDOWS
        """How much callers may send ahead of whoever reads it, on connections from now on."""
        self.connections: set[ServerConnection] = set()
        self.statistics = Statistics()
        self.asked = 0
        """How many calls have come, but for those in ``always``: what is asked about a process is no use of it."""
        self.tasks: dict[asyncio.Task[None], str] = {}
        """Handlers that have begun to wait, by their paths; also those whose caller has left and that go on to their end."""
        self.draining: ArgosyError | None = None
        """What new calls are refused with, if they are, but for the paths in ``always``."""
        self.always: set[str] = set()
        self.services: list[str] = []
        self.elsewhere: Elsewhere | None = None
        """What is served here by other processes, where a gateway relays."""
        self.allow = allow or same_user
        self.ended: Callable[[], None] | None = None
        """Called when a call has ended."""
        self._listeners: list[tuple[asyncio.AbstractServer, socket.socket, Path | None]] = []
        self.closing = False
        """Whether nobody is served any more but those whose calls are in flight."""
        for service in services:
            self.add(service)

    def add(self, service: Any) -> None:
        """Serve one more service."""
        mapping = service.__mapping__()
        self.mapping.update(mapping)
        for path in mapping:
            name = path.split("/")[1]
            if name not in self.services:
                self.services.append(name)

    def fallback(self, path: str) -> Handler | None:
        """Return a handler for a path that no service of this process claims."""
        return None if self.elsewhere is None else self.elsewhere.handler(path)

    def admits(self, peer: Peer) -> bool:
        return self.allow(peer)

    @property
    def calls_in_flight(self) -> int:
        return sum(1 for c in self.connections for s in c.streams.values() if not s.done)

    async def listen_unix(self, path: Path, mode: int = 0o660, uid: int = -1, gid: int = -1) -> None:
        """Serve on a unix socket. Raises FailedPrecondition when another process serves there."""
        sock = bind_unix(path, mode, uid, gid)
        await self.listen(sock, path)

    async def listen(self, sock: socket.socket, path: Path | None = None) -> None:
        """Serve on a socket that is bound already."""
        loop = asyncio.get_running_loop()
        make = lambda: ServerConnection(self, loop)  # noqa: E731 - a protocol factory
        if sock.family == socket.AF_UNIX:
            listener = await loop.create_unix_server(make, sock=sock, backlog=BACKLOG, **_KEEPS_ITS_PATH)
        else:
            listener = await loop.create_server(make, sock=sock, backlog=BACKLOG)
        self._listeners.append((listener, sock, path))
        self.closing = False

    def stop_listening(self) -> None:
        """Accept nobody any more; connections stay, and so do the sockets' files."""
        for listener, _, _ in self._listeners:
            listener.close()
        self._listeners.clear()

    @property
    def is_used(self) -> bool:
        """Whether a call is in flight, was answered and is not read to its end, or was given up and is still at work."""
        return bool(self.tasks) or any(c.streams for c in self.connections)

    @property
    def at_work(self) -> int:
        """How many calls are not over yet, but for those in ``always``: one whose caller has left, and that is still at work, too."""
        open_ = [s for c in self.connections for s in c.streams.values() if not s.done and s.path not in self.always]
        tasks = {s.task for s in open_}
        return len(open_) + sum(path not in self.always and task not in tasks for task, path in self.tasks.items())

    async def quiet(self, within_s: float) -> bool:
        """Wait until no call is at work. Returns whether that was so within so many seconds; who has to refuse new ones does it by ``draining``."""
        until = asyncio.get_running_loop().time() + within_s
        while self.at_work:
            if asyncio.get_running_loop().time() >= until:
                return False
            await asyncio.sleep(_QUIET_S)
        return True

    async def retire(self, sock: socket.socket, needed: Callable[[], bool], within_s: float) -> bool:
        """Stop serving on sock, a socket that somebody else holds too, as soon as nobody calls. Returns False when somebody does after all.

        No call is lost. New connections wait at the socket, for whoever serves there next. Those that are there are asked to leave; what
        comes on them until they have hung up is served. A call, one who waits at the socket, needed() or a peer that has not hung up within_s
        seconds after it was asked: all goes on as before, on sock, and False is returned. True: nobody is connected any more.
        Cancellation: nobody is accepted any more, and connections stay.
        """
        loop = asyncio.get_running_loop()
        self.stop_listening()
        # A connection that was accepted a moment ago is on its way through the loop to where it is counted.
        await asyncio.sleep(_LOOK_S)
        for connection in list(self.connections):
            connection.ask_to_leave()
        waiting = select.poll()
        waiting.register(sock, select.POLLIN)
        until = loop.time() + within_s
        while self.connections:
            if self.is_used or needed() or waiting.poll(0) or loop.time() > until:
                break
            await asyncio.sleep(_LOOK_S)
        if not self.connections and not self.is_used and not needed():
            return True
        await self.listen(sock.dup())
        return False

    async def close(self, grace_s: float = 5.0) -> None:
        """Stop accepting, let calls end for grace_s seconds, then cancel them and remove the sockets."""
        self.closing = True
        loop = asyncio.get_running_loop()
        try:
            # A connection that asyncio's server has accepted, and that is on its way through the loop, trips over an assertion of its
            # when the server has closed meanwhile, and is left open (CPython 3.11): so accept no more first, let it come, and close then.
            for _, sock, _ in self._listeners:
                if sock.fileno() >= 0:
                    loop.remove_reader(sock)
            for _ in range(_TURNS_TO_ARRIVE):
                await asyncio.sleep(0)
        finally:
            self._stop()
        for connection in list(self.connections):
            connection.shut()
        deadline = loop.time() + grace_s
        while self.calls_in_flight and loop.time() < deadline:
            await asyncio.sleep(0.02)
        for connection in list(self.connections):
            connection.flush()
            connection.transport.close()
        await asyncio.sleep(0)

    def _stop(self) -> None:
        for listener, _, path in self._listeners:
            listener.close()
            if path is not None:
                path.unlink(missing_ok=True)
        self._listeners.clear()
