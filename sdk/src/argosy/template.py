"""A template: a process that has imported everything, and forks a worker whenever a program asks for one.

The first run of a program does its work itself and leaves a template behind for the next ones of its surroundings. What a template
forks is what the program would have become: same directory, environment and standard streams, and from then on the same code.

A program connects, sends (arguments, environment) with its descriptors 0, 1, 2 and ".", and gets the worker's exit code as one
byte. It is served when its surroundings are the template's own, which the kernel tells of the process that connected: what a program says
of itself counts for nothing. When the connection ends without one there is no template any more, or one of older code: the program then
goes on by itself. Nothing depends on the template's life: workers are disowned from the moment they are one. It ends with the
process that it was told to watch, or when nobody has asked for a while.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import marshal
import os
import select
import signal
import socket
import sys
import time
import traceback
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from argosy.kernel.pages import populate, ranges, written
from argosy.kernel.peer import credentials, process
from argosy.kernel.process import die_with_parent, has_ended, set_name
from argosy.kernel.surroundings import surroundings
from argosy.loaded import Loaded

_IDLE_S: Final = 30
# Forked in advance: a program takes one at once, and while it is busy the next is there.
_SPARES: Final = 2
# Whoever was just taken needs the processors more than the next one does.
_REFILL_AFTER_S: Final = 0.15
# At so many workers, and at these times of their lives, a template looks which pages they write to.
_LESSONS: Final = 3
_LOOK_AFTER_S: Final = (0.015, 0.04, 0.08, 0.3)
_REQUEST_BYTES: Final = 4 << 20
# Room in our command line for that of a worker.
_TITLE_ROOM: Final = 1024
# What a taken spare tells: its pid, and that of the process which does the work.
_TAKEN: Final = 8
_OUTDATED: Final = (0).to_bytes(_TAKEN, "little")
_WATCHED: Final = 3
_FIRST_UNUSED: Final = 4


class Asked(Protocol):
    """Whoever waits for a worker's exit code."""

    def sendall(self, data: bytes, /) -> None: ...
    def close(self) -> None: ...


def begin(module: str, address: str, *args: str, watched: int) -> None:
    """Leave a template of our own surroundings behind at the address, in a session of its own. It is module's ``main``.

    watched is a process; the template ends with it. Where that has gone, or is in another PID namespace, there is none.
    """
    try:
        held = os.pidfd_open(watched)
    except OSError:
        return
    try:
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-m", module, address, *args, " " * _TITLE_ROOM],
            os.environb,
            file_actions=[
                # First, so that none of the others closes what it needs.
                (os.POSIX_SPAWN_DUP2, held, _WATCHED),
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDWR, 0),
                (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_RDWR, 0),
                (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_RDWR, 0),
            ],
            setsid=True,
        )
    finally:
        os.close(held)


def begun() -> None:
    """In the template: let go of all that came with the start, but what is watched."""
    # Of a shell's own descriptors somebody may be waiting for the end.
    os.closerange(_FIRST_UNUSED, os.sysconf("SC_OPEN_MAX"))
    os.chdir("/")


class Template(ABC):
    """Listens at address and keeps spares that answer there. Made after ``begun``."""

    def __init__(self, name: str, address: str) -> None:
        """name is what ps shows."""
        self._name, self._address = name, address
        self._surroundings = self.surroundings_of(os.getpid())
        self._code = Loaded()
        self._pid = os.getpid()
        self._told_read, self._told_write = os.pipe()
        self._spares: dict[int, int] = {}  # pid -> pidfd
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._to_look_at: list[tuple[float, int]] = []  # when to look at which worker
        self._written: dict[int, set[int]] = {}
        self._ranges: list[tuple[int, int]] = []

    # -- what a kind of template does in its own way --

    @abstractmethod
    def load(self) -> None:
        """Import what a worker needs from its start to its end."""

    @abstractmethod
    def work(self, asked: Asked, argv: list[str]) -> None:
        """In a worker that is where its program was: do what argv says, and tell asked the exit code, one byte."""

    def opened(self) -> None:  # noqa: B027 # a hook: not every kind has something to do
        """Open other ways to ask, besides the address."""

    def closed(self) -> None:  # noqa: B027 # the same
        """Take those ways away."""

    def surroundings_of(self, pid: int) -> str:
        """Return what must be the same of us and of a program, as the kernel tells it of process pid. Raises OSError."""
        return surroundings(pid)

    # -- the template --

    def run(self) -> None:
        """Serve until what is watched has gone, the code has changed, or nobody asks any more."""
        lock = os.open(f"{self._address}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another program was faster
        if os.path.exists(self._address):
            os.unlink(self._address)
        self.load()
        self._code.note()
        mask = os.umask(0o177)
        self._listener.bind(self._address)
        self._listener.listen(1024)
        self._listener.setblocking(False)
        self.opened()
        os.umask(mask)
        set_name(self._name)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            self._serve()
        finally:
            self.closed()
            os.unlink(self._address)
            os.unlink(f"{self._address}.lock")

    def _fork(self) -> int:
        pid = os.fork()
        if pid == 0:
            self._be_spare()
        return pid

    def _be_spare(self) -> None:
        """In the child: wait for a program, then be its worker. Does not return."""
        code = 1
        try:
            die_with_parent(signal.SIGKILL)
            if os.getppid() == self._pid:  # it may have died before we could ask to die with it
                self.spare()
                code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def spare(self) -> None:
        """Be a spare."""
        self.wait_for_program(os.getpid(), self._disown)

    def _disown(self) -> bool:
        die_with_parent(0)
        return os.getppid() == self._pid

    def _learn(self) -> None:
        """Look which pages workers have written to: spares have them before they are taken."""
        due = [(at, pid) for at, pid in self._to_look_at if at <= time.monotonic()]
        self._to_look_at = [one for one in self._to_look_at if one not in due]
        for _, pid in due:
            with contextlib.suppress(OSError):  # it has done its work, or nobody may look
                self._written[pid] = written(pid)
        if due:
            # What only one of them needed would be memory for nothing.
            found = Counter(page for pages in self._written.values() for page in pages)
            self._ranges = ranges(page for page, times in found.items() if times > 1)

    def _taken(self, pid: int) -> None:
        if len(self._written) < _LESSONS:
            self._to_look_at += [(time.monotonic() + after, pid) for after in _LOOK_AFTER_S]

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._told_read, select.POLLIN)
        poll.register(_WATCHED, select.POLLIN)
        refill_at = 0.0
        while True:
            while len(self._spares) < _SPARES and (not self._spares or time.monotonic() >= refill_at):
                pid = self._fork()
                fd = self._spares[pid] = os.pidfd_open(pid)
                poll.register(fd, select.POLLIN)
            next_look = min((at for at, _ in self._to_look_at), default=time.monotonic() + _IDLE_S)
            if len(self._spares) < _SPARES:
                next_look = min(next_look, refill_at)
            ready = poll.poll(max(0.0, next_look - time.monotonic()) * 1000 + 1)
            if not ready and not self._to_look_at and len(self._spares) == _SPARES:
                return
            if ready:
                refill_at = time.monotonic() + _REFILL_AFTER_S
            self._learn()
            for fd, _ in ready:
                if fd == _WATCHED:
                    return
                gone = [pid for pid, held in self._spares.items() if held == fd]
                if fd == self._told_read:
                    told = os.read(fd, _TAKEN)
                    if told == _OUTDATED:
                        return
                    gone = [int.from_bytes(told[:4], "little")]
                    self._taken(int.from_bytes(told[4:], "little"))
                for pid in gone:
                    held = self._spares.pop(pid, -1)
                    if held >= 0:
                        poll.unregister(held)
                        os.close(held)

    # -- a spare, and what becomes of it --

    def wait_for_program(self, spare: int, disown: Callable[[], bool]) -> None:
        """Wait for a program, then be its worker. disown makes the template's end none of our business; False when it was faster."""
        with contextlib.suppress(OSError):  # of a kernel that can't
            populate(self._ranges)
        asked = self.asked(self._listener)
        if self._code.changed() is not None:
            os.write(self._told_write, _OUTDATED)
            return
        os.write(self._told_write, spare.to_bytes(4, "little") + os.getpid().to_bytes(4, "little"))
        # Has it ended before? Then the program goes on by itself.
        if disown():
            self.answer(asked)

    def asked(self, listener: socket.socket) -> Any:
        """Wait for a program. Another spare may be faster."""
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while True:
            poll.poll()
            connection = accepted(listener)
            if connection is not None:
                return connection

    def answer(self, asked: Any) -> None:
        """Be the worker of whoever asked; return at once when that is none of ours."""
        connection: socket.socket = asked
        pid, uid, _ = credentials(connection)
        if uid != os.geteuid():
            return
        try:
            held = process(connection)
        except OSError:
            return  # it has gone
        if not self.is_here(pid, held):
            return
        data, handed, _, _ = socket.recv_fds(connection, 65536, 4)
        size = int.from_bytes(data[:4], "little")
        if size > _REQUEST_BYTES:
            return
        parts = [data[4:]]
        left = size - len(parts[0])
        while left > 0:
            parts.append(connection.recv(min(left, 1 << 20)))
            if not parts[-1]:
                return
            left -= len(parts[-1])
        request: Any = marshal.loads(b"".join(parts))  # noqa: S302 # our own user sent it
        argv, environ = request
        if len(handed) == 4:
            self.become(connection, argv, environ, handed)

    def is_here(self, pid: int, held: int) -> bool:
        """Return whether process pid, of which held is a pidfd, is in our surroundings; held is closed."""
        try:
            return self.surroundings_of(pid) == self._surroundings and not has_ended(held)
        except OSError:
            return False  # the same
        finally:
            os.close(held)

    def become(self, asked: Asked, argv: list[str], environ: Mapping[bytes, bytes], handed: Sequence[int]) -> None:
        """Take over a program's environment, directory and standard streams, and do its work."""
        self._listener.close()
        for target, fd in enumerate(handed[:3]):
            os.dup2(fd, target)
        os.fchdir(handed[3])
        for fd in (*handed, self._told_read, self._told_write, _WATCHED, *self._spares.values()):
            os.close(fd)
        for name in os.environb.keys() - environ.keys():
            del os.environb[name]
        for name, value in environ.items():
            # Most are what they were, and each change costs a system allocation.
            if os.environb.get(name) != value:
                os.environb[name] = value
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        gc.enable()
        self.work(asked, argv)


def accepted(listener: socket.socket) -> socket.socket | None:
    """Return the next connection; None when another spare has it."""
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return None
    connection.setblocking(True)
    return connection
