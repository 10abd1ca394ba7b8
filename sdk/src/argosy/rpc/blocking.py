"""The calling end for a command that asks a few things and ends: one connection, one call at a time, and no event loop.

Its coroutines wait for nothing but the socket, in the system call itself, so ``finish`` can run them where there is no loop. That saves
what loading asyncio takes: more than all else that a command which lists has to do. ``Channel`` is for everything else.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from argosy_protos._error import DecodeError

from argosy.errors import ArgosyError, DeadlineExceeded, Internal, Unavailable
from argosy.fields import count
from argosy.rpc import wire
from argosy.rpc.decoding import MOST_ANSWER_FIELDS
from argosy.rpc.engine import CANCEL, ConnectionFault, Engine, make_engine
from argosy.rpc.unreached import CONNECT_TIMEOUT_S, why

T = TypeVar("T")

_READ_BYTES: Final = 256 << 10
_NEVER: Final = float("inf")
# A person wonders by then.
_TOLD_AFTER_S: Final = 5.0


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that awaits only calls of a ``BlockingChannel``, and return its result. Raises what it raises.

    It is no event loop: what else it awaits is a RuntimeError.
    """
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    work.close()
    raise RuntimeError("the coroutine waits for something else than its calls, which needs an event loop")


class _Link:
    """One connection, and the call that is made on it: the sink of its engine."""

    def __init__(self, path: str, name: str, remedy: str, late: Callable[[str], None] | None) -> None:
        self.path, self.name, self._remedy, self._tell_late = path, name, remedy, late
        self._socket: socket.socket | None = None
        self._engine: Engine
        self._sid = 0
        self._assembler = wire.Assembler()
        self._ended = False
        self._error: ArgosyError | None = None

    @property
    def who(self) -> str:
        return self.name if self.name == self.path else f"{self.name} at {self.path}"

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def messages(
        self, path: str, headers: list[tuple[bytes, bytes]], data: bytes, until: float, soon: bool
    ) -> Iterator[bytes]:
        """Make a call and yield its answers; soon is whether they are not long in coming, and somebody is told when they are.

        Raises its error, Unavailable, DeadlineExceeded. Leaving it resets the call.
        """
        self._connect()
        self._assembler, self._ended, self._error = wire.Assembler(), False, None
        sid = self._sid = self._engine.request(headers, False)
        self._engine.data(sid, wire.FRAME.pack(0, len(data)) + data, True)
        try:
            while True:
                self._write(path, until)
                if self._engine.over() and not self._ended:
                    raise Unavailable(f"{self.who}: the peer does not keep to the protocol")
                while self._assembler.messages:
                    message, cost = self._assembler.messages.popleft()
                    self._engine.acknowledge(sid, cost + self._assembler.release())
                    yield message
                if self._ended:
                    break
                if soon and until == _NEVER:
                    soon = self._waited()
                self._read(path, until)
        except BaseException:
            if not self._ended:
                self._engine.reset(sid, CANCEL)
                self.close()  # what is still to come is of a call that nobody reads
            raise
        if self._error is not None:
            raise self._error

    def _connect(self) -> None:
        if self._socket is not None:
            return
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(CONNECT_TIMEOUT_S)
        try:
            made.connect(self.path)
        except OSError as error:
            made.close()
            failure = Unavailable(f"{self.who}: cannot connect: {why(self.path, error, self._remedy)}")
            failure.unsent = True
            raise failure from error
        self._socket = made
        self._engine = make_engine(False, self)

    def _late(self, path: str, until: float) -> float | None:
        """Return how many seconds are left, None for no end. Raises DeadlineExceeded."""
        if until == _NEVER:
            return None
        left = until - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(f"{self.who}: {path} was not answered in time")
        return left

    def _waited(self) -> bool:
        """Wait a while for bytes; say it when none came, and return False then."""
        assert self._socket is not None
        if self._tell_late is None:
            return False
        coming = select.poll()
        coming.register(self._socket, select.POLLIN)
        if not coming.poll(_TOLD_AFTER_S * 1000):
            self._tell_late(f"{self.who} takes calls, and has not answered for {_TOLD_AFTER_S:g} s; waiting on")
            return False
        return True

    def _write(self, path: str, until: float) -> None:
        data = self._engine.outgoing()
        if data:
            self._do(path, until, lambda made: made.sendall(data))

    def _read(self, path: str, until: float) -> None:
        data = self._do(path, until, lambda made: made.recv(_READ_BYTES))
        if not data:
            raise Unavailable(f"{self.who}: the peer closed the connection")
        try:
            self._engine.receive(data)
        except ConnectionFault as fault:
            raise Unavailable(f"{self.who}: {fault}") from fault

    def _do(self, path: str, until: float, work: Any) -> Any:
        assert self._socket is not None
        self._socket.settimeout(self._late(path, until))
        try:
            return work(self._socket)
        except TimeoutError:
            self._late(path, until)
            raise
        except OSError as error:
            raise Unavailable(f"{self.who}: {error.strerror}") from error

    # -- what the engine reports --

    def on_headers(self, sid: int, headers: tuple[tuple[bytes, bytes], ...], end: bool) -> None:
        if sid == self._sid and end:
            self._finished(headers)

    def on_trailers(self, sid: int, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        if sid == self._sid:
            self._finished(headers)

    def _finished(self, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self._ended = True
        status = dict(headers).get(b":status", b"200")
        if status != b"200":
            self._error = Unavailable(f"{self.who}: it answered HTTP {status.decode('latin1')}")
        elif not any(name == b"grpc-status" for name, _ in headers):
            self._error = Internal(f"{self.who}: the call ended without a status")
        else:
            self._error = self._error or wire.error_of(tuple(field for field in headers if field[0].startswith(b"grpc-")))

    def on_data(self, sid: int, data: bytes, end: bool) -> None:
        free = len(data)
        if sid == self._sid and not self._ended:
            try:
                free = self._assembler.feed(data)
            except ArgosyError as error:
                self._ended, self._error = True, Internal(f"{self.who}: the answer can't be taken: {error.message}")
                free += self._assembler.abandon()
                self._engine.reset(sid, CANCEL)
        self._engine.acknowledge(sid, free)

    def on_closed(self, sid: int, code: int) -> None:
        if sid == self._sid and not self._ended:
            self._ended, self._error = True, Unavailable(f"{self.who}: the stream was reset with code {code}")

    def on_room(self) -> None:
        """What waits for credit is written when the call goes on."""

    def on_goaway(self, last_sid: int) -> None:
        """The call that is under way is answered, or its connection ends; another is not made on it for long."""


class BlockingChannel:
    """A client of one socket, for the stubs of generated services; what they return is run by ``finish``. Connects at its first call.

    name says whom we talk to, for errors; remedy is what helps when nobody listens there. timeout, of each call, is in seconds; None
    is no end. A call that is left before its end closes the connection, and the next one makes another. late is told of a call with
    one answer and no end that has waited for 5 s; it waits on.
    """

    def __init__(
        self, path: str | Path, *, name: str = "", remedy: str = "", late: Callable[[str], None] | None = None
    ) -> None:
        path = str(path).removeprefix("unix://")
        self._link = _Link(path, name or path, remedy, late)
        self._metadata: tuple[tuple[str, str], ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._link.close()

    def with_metadata(self, metadata: Mapping[str, str]) -> BlockingChannel:
        """Return a view of this channel that adds metadata to every call; it wins over what is there."""
        view = BlockingChannel(self._link.path)
        view._link, view._metadata = self._link, (*metadata.items(), *self._metadata)
        return view

    def _messages(
        self, path: str, request: Any, timeout: float | None, metadata: Mapping[str, str] | None, soon: bool = False
    ) -> Iterator[bytes]:
        own = (*(metadata or {}).items(), *self._metadata)
        headers = [
            (b":method", b"POST"), (b":scheme", b"http"), (b":path", path.encode()), (b":authority", b"localhost"),
            *([] if timeout is None else [(b"grpc-timeout", wire.format_timeout(timeout))]),
            (b"te", b"trailers"), (b"content-type", b"application/grpc"), (b"user-agent", b"argosy"),
            *((name.encode(), value.encode()) for name, value in own),
        ]  # fmt: skip
        until = _NEVER if timeout is None else time.monotonic() + timeout
        return self._link.messages(path, headers, request if type(request) is bytes else request.encode(), until, soon)

    def _decoded(self, path: str, response: type[T], data: bytes) -> T:
        if count(response, data, MOST_ANSWER_FIELDS) > MOST_ANSWER_FIELDS:
            raise Internal(
                f"{self._link.who}: the answer to {path} can't be taken: it has more than {MOST_ANSWER_FIELDS} fields"
            )
        try:
            message: T = response.decode(data)  # type: ignore[attr-defined] # a message
        except DecodeError as error:
            raise Internal(f"{self._link.who}: the answer to {path} is malformed: {error}") from error
        return message

    async def unary(
        self, path: str, request: Any, response: type[T], *, timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> T:  # fmt: skip
        """Call a method with one request and one answer. Raises the peer's error, Unavailable, DeadlineExceeded."""
        answers = list(self._messages(path, request, timeout, metadata, soon=True))
        if not answers:
            raise Internal(f"{self._link.who}: {path} ended without an answer")
        return self._decoded(path, response, answers[0])

    async def server_stream(
        self, path: str, request: Any, response: type[T], *, timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> AsyncIterator[T]:  # fmt: skip
        """Call a method that answers with a stream; leaving the iteration gives the call up."""
        for data in self._messages(path, request, timeout, metadata):
            yield self._decoded(path, response, data)
