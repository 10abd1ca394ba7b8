"""The host's end of the two ports: requests to the agent, its events, and the streams.

Nothing that the guest says is believed: lengths are bounded, an answer must be to a question that was asked, a stream must be
one of ours and may not send more than its window. Anything else is a ProtocolError, and the VM is given up.
"""

from __future__ import annotations

import json
import os
import select
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from argosy import shown
from argosy.errors import (
    AlreadyExists,
    ArgosyError,
    DeadlineExceeded,
    FailedPrecondition,
    NotFound,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
    Unknown,
)  # fmt: skip

from argosy_shim_kata_v2.guest import frames
from argosy_shim_kata_v2.qmp import connect

_ERRORS: Final[Mapping[str, type[ArgosyError]]] = {
    "not_found": NotFound, "exists": AlreadyExists, "unimplemented": Unimplemented, "failed": Unknown, "unknown": Unknown,
    "precondition": FailedPrecondition, "exhausted": ResourceExhausted,
}  # fmt: skip
_TEXT_LIMIT: Final = 4096
_FIFO_PIECE: Final = 32 << 10


def plain(text: object) -> str:
    """Return a guest's text fit for a log or an error: bounded, and without control characters."""
    return shown.plain(str(text), _TEXT_LIMIT)


class Call:
    """A question to the agent that is under way."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.done = threading.Event()
        self.lost = ""
        self.answer: Mapping[str, Any] | None = None

    def result(self, timeout: float) -> Any:
        """Wait for the answer, at most timeout seconds. Raises the agent's error, DeadlineExceeded, Unavailable."""
        if not self.done.wait(timeout):
            raise DeadlineExceeded(f"the guest did not answer {self.method} within {timeout:g} s")
        if self.answer is None:
            raise Unavailable(f"the VM is gone: {self.lost}")
        if "err" in self.answer:
            raise _ERRORS.get(str(self.answer.get("kind")), Unknown)(plain(self.answer["err"]))
        return self.answer.get("ok")


class Control:
    """The control port: calls from any thread, answers and events in the reader's."""

    def __init__(
        self, path: Path, timeout: float, on_event: Callable[[Mapping[str, Any]], None], on_lost: Callable[[str], None]
    ) -> None:
        self._on_event, self._on_lost = on_event, on_lost
        self._lock = threading.Lock()
        self._calls: dict[int, Call] = {}
        self._next = 0
        self._lost = ""
        self._socket = connect(path, timeout)
        self._reader = threading.Thread(target=self._read, daemon=True, name="agent")
        self._reader.start()

    def _read(self) -> None:
        reader = frames.Reader(frames.CONTROL_KINDS, frames.MAX_CONTROL)
        why = "the VM has closed its control port"
        try:
            while data := self._socket.recv(256 << 10):
                for _, kind, payload in reader.feed(data):
                    self._take(kind, payload)
        except OSError:
            pass  # closed, by us or by QEMU's end
        except (frames.ProtocolError, ValueError, TypeError, KeyError, RecursionError) as error:
            why = f"the agent broke the protocol: {plain(error)}"
        with self._lock:
            self._lost = why
            calls, self._calls = self._calls, {}
        for call in calls.values():
            call.lost = why
            call.done.set()
        self._on_lost(why)

    def _take(self, kind: int, payload: bytes) -> None:
        message = json.loads(payload)
        if not isinstance(message, dict):
            raise frames.ProtocolError("a message that is no object")
        if kind == frames.EVENT:
            self._on_event(message)
            return
        if kind != frames.RESPONSE:
            raise frames.ProtocolError("a request from the guest")
        number = message.get("i")
        with self._lock:
            call = self._calls.pop(number, None) if type(number) is int else None
        if call is None:
            raise frames.ProtocolError("an answer to a question that nobody asked")
        call.answer = message
        call.done.set()

    def ask(self, method: str, **arguments: Any) -> Call:
        """Ask the agent, whose answer may take its time. Raises Unavailable."""
        call = Call(method)
        with self._lock:
            if self._lost:
                raise Unavailable(f"the VM is gone: {self._lost}")
            self._next += 1
            number = self._next
            self._calls[number] = call
            data = frames.frame(0, frames.REQUEST, json.dumps({"i": number, "m": method, "a": arguments}).encode())
            try:
                self._socket.sendall(data)
            except OSError as error:
                self._calls.pop(number, None)
                raise Unavailable(f"the VM is gone: {error.strerror}") from None
        return call

    def call(self, method: str, timeout: float, **arguments: Any) -> Any:
        """Ask the agent, and wait. Raises its error, DeadlineExceeded, Unavailable."""
        return self.ask(method, **arguments).result(timeout)

    def close(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # gone already
        self._socket.close()


class _Outlet:
    """A stream from the guest to a descriptor of ours, which we close when the stream ends."""

    def __init__(self, fd: int, ended: Callable[[], None], socket: bool) -> None:
        self.fd, self.ended, self.socket = fd, ended, socket
        self.held = bytearray()
        self.window = frames.SOCKET_WINDOW if socket else frames.WINDOW
        self.over = False
        self.watched = False


class _Inlet:
    """A descriptor of ours whose bytes go into the guest."""

    def __init__(self, stream: int, fd: int, ended: Callable[[], None], socket: bool) -> None:
        self.stream, self.fd, self.ended, self.socket = stream, fd, ended, socket
        self.most = frames.SOCKET_WINDOW if socket else frames.WINDOW
        self.window = 0 if socket else self.most
        self.watched = False


class Streams:
    """The stdio port, and the thread that carries between it and descriptors. A slow reader holds up its own stream alone."""

    def __init__(self, path: Path, timeout: float, on_lost: Callable[[str], None]) -> None:
        self._on_lost = on_lost
        self._socket = connect(path, timeout)
        self._socket.setblocking(False)
        self._reader = frames.Reader(frames.STREAM_KINDS, frames.MAX_STREAM)
        self._outgoing = bytearray()
        self._outlets: dict[int, _Outlet] = {}
        self._inlets: dict[int, _Inlet] = {}
        self._by_fd: dict[int, _Outlet | _Inlet] = {}
        self._posted: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._epoll = select.epoll()
        self._events = select.EPOLLIN
        self._epoll.register(self._socket.fileno(), self._events)
        self._epoll.register(self._wake_read, select.EPOLLIN)
        self._next = 0
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True, name="streams")
        self._thread.start()

    # -- from any thread --

    def number(self) -> int:
        """Return the first of three new stream numbers: for stdin, stdout and stderr."""
        with self._lock:
            self._next += 3
            return self._next

    def outlet(self, stream: int, fd: int, ended: Callable[[], None], socket: bool = False) -> None:
        """Write stream to fd, which is ours from now on; ended is called when all of it is written, or nobody takes it.

        That of a socket has a smaller window, and where nobody takes it the guest is told.
        """
        os.set_blocking(fd, False)
        self._post(lambda: self._outlets.__setitem__(stream, _Outlet(fd, ended, socket)))

    def inlet(self, stream: int, fd: int, ended: Callable[[], None] = lambda: None, socket: bool = False) -> None:
        """Read fd, which is ours from now on, to its end into stream; ended is called then.

        That of a socket has a smaller window, and is read from ``begin`` on: the guest may say before that nobody takes it.
        """
        os.set_blocking(fd, False)
        self._post(lambda: self._add_inlet(_Inlet(stream, fd, ended, socket)))

    def drop(self, base: int) -> None:
        """Close the three streams of a process that did not start."""

        def finish() -> None:
            for number in (base, base + 1, base + 2):
                self._finish(number)

        self._post(finish)

    def begin(self, stream: int) -> None:
        """Read what goes into a socket's stream, which the guest knows now. Where it is over, that is well."""

        def read() -> None:
            inlet = self._inlets.get(stream)
            if inlet is not None:
                inlet.window = inlet.most
                self._watch_inlet(inlet)

        self._post(read)

    def stop(self, stream: int) -> None:
        """Take no more of a socket's stream, and tell the guest. Where it is over, that is well."""
        self._post(lambda: self._stop(stream))

    def close(self) -> None:
        """End the thread; every descriptor is closed, every stream has ended."""
        self._post(lambda: setattr(self, "_open", False))

    def _post(self, call: Callable[[], Any]) -> None:
        with self._lock:
            over = self._wake_write < 0
            if not over:
                self._posted.append(call)
                try:
                    os.write(self._wake_write, b"x")
                except BlockingIOError:
                    pass  # it is awake
        if over:
            # The thread has ended: what was given to us is closed here.
            try:
                call()
            except ValueError:
                pass  # there is no epoll any more
            self._finish_all()

    def _stop(self, stream: int) -> None:
        outlet = self._outlets.get(stream)
        if outlet is None:
            return
        if not outlet.over and self._open:
            self._send(stream, frames.BREAK)
        self._finish(stream)

    def _finish_all(self) -> None:
        for number in [*self._outlets, *self._inlets]:
            self._finish(number)

    # -- the thread --

    def _run(self) -> None:
        why = "the VM has closed its stdio port"
        try:
            while self._open:
                for fd, events in self._epoll.poll():
                    if fd == self._wake_read:
                        self._run_posted()
                    elif fd == self._socket.fileno():
                        if not self._port_ready(events):
                            self._open = False
                            break
                    else:
                        end = self._by_fd.get(fd)
                        if isinstance(end, _Outlet):
                            self._write_out(end)
                        elif end is not None:
                            self._read_in(end)
        except frames.ProtocolError as error:
            why = f"the agent broke the protocol: {plain(error)}"
        except Exception as error:
            why = f"stdio failed: {error}"
        self._run_posted()
        with self._lock:
            # From here on there is no thread to wake.
            os.close(self._wake_write)
            self._wake_write = -1
            posted, self._posted = self._posted, []
        os.close(self._wake_read)
        for call in posted:
            call()
        self._finish_all()
        self._socket.close()
        self._epoll.close()
        self._on_lost(why)

    def _run_posted(self) -> None:
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass
        with self._lock:
            posted, self._posted = self._posted, []
        for call in posted:
            call()

    def _send(self, stream: int, kind: int, payload: bytes = b"") -> None:
        self._outgoing += frames.frame(stream, kind, payload)
        self._flush()

    def _flush(self) -> None:
        try:
            while self._outgoing:
                del self._outgoing[: self._socket.send(self._outgoing[: 64 << 10])]
        except BlockingIOError:
            pass
        except OSError:
            self._outgoing.clear()
        wanted = select.EPOLLIN | (select.EPOLLOUT if self._outgoing else 0)
        if wanted != self._events:
            self._events = wanted
            self._epoll.modify(self._socket.fileno(), wanted)

    def _port_ready(self, events: int) -> bool:
        if events & select.EPOLLOUT:
            self._flush()
        if not events & ~select.EPOLLOUT:
            return True
        try:
            data = self._socket.recv(256 << 10)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        for stream, kind, payload in self._reader.feed(data):
            self._take(stream, kind, payload)
        return True

    def _take(self, stream: int, kind: int, payload: bytes) -> None:
        if kind == frames.CREDIT:
            inlet = self._inlets.get(stream)
            if len(payload) != frames.AMOUNT.size:
                raise frames.ProtocolError(f"a credit of {len(payload)} bytes")
            if inlet is not None:
                inlet.window += frames.AMOUNT.unpack(payload)[0]
                if inlet.window > inlet.most:
                    raise frames.ProtocolError(f"more credit for stream {stream} than was used")
                self._watch_inlet(inlet)
            return
        if kind == frames.BREAK:
            inlet = self._inlets.get(stream)
            if stream % 3 or stream > self._next or (inlet is not None and not inlet.socket):
                raise frames.ProtocolError(f"stream {stream} can't be broken: it is no socket's")
            self._finish(stream)
            return
        outlet = self._outlets.get(stream)
        if outlet is None:
            if stream % 3 == 0 or stream > self._next + 2:
                raise frames.ProtocolError(f"output on stream {stream}, which is none")
            return  # it was let go of
        if outlet.over:
            raise frames.ProtocolError(f"stream {stream} goes on after its end")
        if kind == frames.END:
            outlet.over = True
        else:
            outlet.window -= len(payload)
            if outlet.window < 0:
                raise frames.ProtocolError(f"stream {stream} sends more than its window")
            outlet.held += payload
        self._write_out(outlet, stream)

    def _number_of(self, end: _Outlet) -> int:
        return next(number for number, other in self._outlets.items() if other is end)

    def _write_out(self, outlet: _Outlet, stream: int = 0) -> None:
        stream = stream or self._number_of(outlet)
        done = 0
        try:
            while done < len(outlet.held):
                done += os.write(outlet.fd, outlet.held[done : done + _FIFO_PIECE])
        except BlockingIOError:
            pass
        except OSError:
            done = len(outlet.held)  # its reader has gone: what is written is lost, as at any broken pipe
            if outlet.socket:
                self._stop(stream)
                return
        if done:
            del outlet.held[:done]
            outlet.window += done
            if not outlet.over:
                self._send(stream, frames.CREDIT, frames.AMOUNT.pack(done))
        if outlet.held and not outlet.watched:
            outlet.watched = True
            try:
                self._epoll.register(outlet.fd, select.EPOLLOUT)
            except (PermissionError, FileExistsError):
                pass  # a file is always ready
            self._by_fd[outlet.fd] = outlet
        elif not outlet.held and outlet.watched:
            outlet.watched = False
            self._forget_fd(outlet.fd)
        if outlet.over and not outlet.held:
            self._finish(stream)

    def _forget_fd(self, fd: int) -> None:
        self._by_fd.pop(fd, None)
        try:
            self._epoll.unregister(fd)
        except (OSError, ValueError):
            pass  # it was not registered

    def _add_inlet(self, inlet: _Inlet) -> None:
        self._inlets[inlet.stream] = inlet
        self._watch_inlet(inlet)

    def _watch_inlet(self, inlet: _Inlet) -> None:
        if inlet.window > 0 and not inlet.watched:
            inlet.watched = True
            self._by_fd[inlet.fd] = inlet
            try:
                self._epoll.register(inlet.fd, select.EPOLLIN)
            except PermissionError:
                self._read_in(inlet)  # a file or /dev/null

    def _read_in(self, inlet: _Inlet) -> None:
        try:
            data = os.read(inlet.fd, min(_FIFO_PIECE, inlet.window))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            inlet.window -= len(data)
            self._send(inlet.stream, frames.DATA, data)
            if inlet.window <= 0:
                inlet.watched = False
                self._forget_fd(inlet.fd)
            return
        self._send(inlet.stream, frames.END)
        self._finish(inlet.stream)

    def _finish(self, number: int) -> None:
        inlet, outlet = self._inlets.pop(number, None), self._outlets.pop(number, None)
        for end in (inlet, outlet):
            if end is not None:
                self._forget_fd(end.fd)
                os.close(end.fd)
        for end in (inlet, outlet):
            if end is not None:
                end.ended()
