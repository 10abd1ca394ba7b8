"""Stdio: one serial port for the streams of all processes, each with its own window, and the loop that they are carried by."""

from __future__ import annotations

import os
import select
import time
from functools import partial

from argosy_shim_kata_v2.guest.frames import (
    AMOUNT,
    BREAK,
    CREDIT,
    DATA,
    END,
    MAX_STREAM,
    PIECE,
    SOCKET_WINDOW,
    STREAM_KINDS,
    WINDOW,
    ProtocolError,
    Reader,
    frame,
)
from argosy_shim_kata_v2.guest.system import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Take = Callable[[int, int, bytes], None]


class Loop:
    """One epoll, and the function that is called for each descriptor."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], object]] = {}

    def watch(self, fd: int, events: int, call: Callable[[int], object]) -> None:
        self._handlers[fd] = call
        self._epoll.register(fd, events)

    def watches(self, fd: int) -> bool:
        return fd in self._handlers

    def change(self, fd: int, events: int) -> None:
        self._epoll.modify(fd, events)

    def unwatch(self, fd: int) -> None:
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def turn(self, timeout: float | None) -> list[tuple[int, int]]:
        """Wait, and return what is ready."""
        return self._epoll.poll(timeout)

    def serve(self, ready: list[tuple[int, int]]) -> None:
        """Call the functions of what is ready. None that fails ends PID 1."""
        for fd, events in ready:
            call = self._handlers.get(fd)
            if call is not None:
                try:
                    call(events)
                except Exception as error:
                    log("agent:", type(error).__name__, error)


class Port:
    """A serial port. The host may go and come back; what was half said then is forgotten."""

    def __init__(
        self, loop: Loop, path: str, kinds: frozenset[int], limit: int, take: Take, drained: Callable[[], None]
    ) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        self._loop, self._take, self._drained = loop, take, drained
        self._reader = Reader(kinds, limit)
        self._out = bytearray()
        self._wanted = select.EPOLLIN
        loop.watch(self.fd, self._wanted, self._ready)

    @property
    def full(self) -> bool:
        return len(self._out) > 1 << 20

    def send(self, stream: int, kind: int, payload: bytes = b"") -> None:
        self._out += frame(stream, kind, payload)
        self._flush()

    def _flush(self) -> None:
        try:
            while self._out:
                del self._out[: os.write(self.fd, self._out[: 64 << 10])]
        except BlockingIOError:
            pass
        wanted = select.EPOLLIN | (select.EPOLLOUT if self._out else 0)
        if wanted != self._wanted:
            self._wanted = wanted
            self._loop.change(self.fd, wanted)
            if not self._out:
                self._drained()

    def _ready(self, events: int) -> None:
        if events & select.EPOLLHUP and not events & select.EPOLLIN:
            self._gone()
            return
        if events & select.EPOLLIN:
            try:
                data = os.read(self.fd, 64 << 10)
            except BlockingIOError:
                data = None
            if data == b"":
                self._gone()
                return
            if data:
                try:
                    for found in self._reader.feed(data):
                        self._take(*found)
                except ProtocolError as error:
                    log("protocol error:", error)
                    self._reader.clear()
        if events & select.EPOLLOUT:
            self._flush()

    def _gone(self) -> None:
        self._reader.clear()
        self._out.clear()
        # The port stays readable for as long as the host is not connected.
        time.sleep(0.02)


class Stdio:
    """The streams of all processes. closed is told of a descriptor whose output has ended, before it is closed."""

    def __init__(self, loop: Loop, path: str, closed: Callable[[int], None]) -> None:
        self._loop, self._closed = loop, closed
        self._port = Port(loop, path, STREAM_KINDS, MAX_STREAM, self._take, self._drained)
        self._input: dict[int, int] = {}  # stream -> descriptor to write to
        self._held: dict[int, bytearray] = {}  # stream -> bytes the process has not taken yet
        self._output: dict[int, int] = {}  # descriptor -> stream
        self._ending: set[int] = set()  # streams whose end has come, with bytes still held
        self._writing: dict[int, int] = {}  # stream whose descriptor is full -> a copy of that, which is watched
        self._stalled: set[int] = set()  # descriptors that wait for room in the port
        self._window: dict[int, int] = {}  # stream -> bytes that may be sent
        self._over: dict[int, Callable[[], None]] = {}  # stream of a socket -> who is told that it is over

    def inlet(self, stream: int, fd: int, over: Callable[[], None] | None = None) -> None:
        """Carry what the host sends to fd, which is ours from now on; a terminal is its outlet too.

        That of a socket is told when it is over: the host has no more for it, or it takes no more.
        """
        os.set_blocking(fd, False)
        self._input[stream] = fd
        if over is not None:
            self._over[stream] = over

    def let_go(self, stream: int) -> None:
        """Close a stream's input: its process has ended. What it has not taken is lost, and the host may send the rest of it."""
        fd = self._input.pop(stream, -1)
        held = self._held.pop(stream, None)
        self._ending.discard(stream)
        self._over.pop(stream, None)
        self._stop_waiting(stream)
        if held:
            self._port.send(stream, CREDIT, AMOUNT.pack(len(held)))
        if fd >= 0 and fd not in self._output:
            self._loop.unwatch(fd)
            os.close(fd)

    def refuse(self, stream: int) -> None:
        """Take no more of a socket's stream: nobody reads it. The host is told."""
        if stream in self._input:
            self.let_go(stream)
            self._port.send(stream, BREAK)

    def drop(self, stream: int) -> None:
        """Read no more of a socket's output; the host is told nothing."""
        for fd, other in list(self._output.items()):
            if other == stream:
                self._forget_output(fd)
                os.close(fd)
        self._over.pop(stream, None)

    def _ended(self, stream: int) -> None:
        over = self._over.pop(stream, None)
        if over is not None:
            over()

    def _take(self, stream: int, kind: int, payload: bytes) -> None:
        if kind == DATA:
            fd = self._input.get(stream, -1)
            if fd < 0:
                self._port.send(stream, CREDIT, AMOUNT.pack(len(payload)))
                return
            self._held.setdefault(stream, bytearray()).extend(payload)
            self._feed(stream)
        elif kind == END:
            self._held.setdefault(stream, bytearray())
            self._end_input(stream)
        elif kind == CREDIT:
            if stream not in self._window:
                return  # its end is under way
            self._window[stream] += AMOUNT.unpack(payload)[0]
            for fd, other in self._output.items():
                if other == stream and not self._loop.watches(fd):
                    self._loop.watch(fd, select.EPOLLIN, partial(self._carry_ready, fd))
                    break
        elif kind == BREAK:
            for fd, other in list(self._output.items()):
                if other == stream:
                    self._forget_output(fd)
                    os.close(fd)
                    self._ended(stream)

    def _feed(self, stream: int) -> None:
        """Give a process what it takes of its input; the rest when it can take more."""
        fd, held = self._input.get(stream, -1), self._held.get(stream)
        if fd < 0 or held is None:
            return
        done = 0
        try:
            while done < len(held):
                done += os.write(fd, held[done : done + PIECE])
        except BlockingIOError:
            pass
        except OSError:
            if stream in self._over:
                over = self._over[stream]
                self.refuse(stream)
                over()
                return
            done = len(held)  # it has closed its end
        del held[:done]
        if done:
            self._port.send(stream, CREDIT, AMOUNT.pack(done))
        if held and stream not in self._writing:
            self._want_write(stream, fd)
        elif not held and stream in self._ending:
            self._end_input(stream)

    def _want_write(self, stream: int, fd: int) -> None:
        # A terminal is one descriptor for both directions; a copy of it can be watched on its own.
        copy = self._writing[stream] = os.dup(fd)

        def ready(_: int) -> None:
            self._stop_waiting(stream)
            self._feed(stream)

        self._loop.watch(copy, select.EPOLLOUT, ready)

    def _stop_waiting(self, stream: int) -> None:
        copy = self._writing.pop(stream, -1)
        if copy >= 0:
            self._loop.unwatch(copy)
            os.close(copy)

    def _end_input(self, stream: int) -> None:
        if self._held.get(stream):
            self._ending.add(stream)
            return
        self._ending.discard(stream)
        self._held.pop(stream, None)
        fd = self._input.get(stream, -1)
        if fd < 0:
            return
        if fd in self._output:
            # A terminal's end of file, as a person types it.
            try:
                os.write(fd, b"\x04")
            except OSError:
                pass
            return
        self._input.pop(stream)
        os.close(fd)
        self._ended(stream)

    def _carry_ready(self, fd: int, _: int) -> None:
        self._carry(fd)

    def _carry(self, fd: int) -> None:
        """Send output on, as far as the host has room for it."""
        stream = self._output[fd]
        window = self._window.get(stream, 0)
        if window <= 0:
            # Credit comes back for what is under way, and with it this goes on.
            self._loop.unwatch(fd)
            return
        if self._port.full:
            self._loop.unwatch(fd)
            self._stalled.add(fd)
            return
        try:
            data = os.read(fd, min(PIECE, window))
        except BlockingIOError:
            return
        except OSError:
            data = b""  # the last process has left the terminal
        if data:
            self._window[stream] = window - len(data)
            self._port.send(stream, DATA, data)
            return
        self._forget_output(fd)
        for number, other in list(self._input.items()):
            if other == fd:
                del self._input[number]
        self._closed(fd)
        os.close(fd)
        self._port.send(stream, END)
        self._ended(stream)

    def _forget_output(self, fd: int) -> None:
        self._loop.unwatch(fd)
        self._stalled.discard(fd)
        self._window.pop(self._output.pop(fd), None)

    def _drained(self) -> None:
        """The port has room again."""
        stalled, self._stalled = self._stalled, set()
        for fd in stalled:
            if fd in self._output and not self._loop.watches(fd):
                self._loop.watch(fd, select.EPOLLIN, partial(self._carry_ready, fd))

    def outlet(self, stream: int, fd: int, over: Callable[[], None] | None = None) -> None:
        """Carry what can be read of fd, which is ours from now on, to the host. That of a socket is told when it is over: all is read, or nobody takes it."""
        os.set_blocking(fd, False)
        self._output[fd] = stream
        if over is not None:
            self._over[stream] = over
        self._window[stream] = SOCKET_WINDOW if over is not None else WINDOW
        self._loop.watch(fd, select.EPOLLIN, partial(self._carry_ready, fd))
