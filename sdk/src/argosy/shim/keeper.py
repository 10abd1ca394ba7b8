"""A shim in two processes: the keeper, which is the parent of all that runs in the container, and the worker, which serves and sleeps.

A shim that has started its container has nothing to do, for hours or for ever, and most of its memory is what the start has touched.
What has to stay is a parent: containers are its children, and only a parent learns how they ended. So a template forks a keeper,
which does next to nothing, and the keeper forks a worker, which is the shim as its daemon sees it. A worker that was asked nothing for a
while hands the keeper its descriptors and its state, and ends. The keeper polls these descriptors, and forks a worker that goes on.

    template ── fork ──► keeper ── fork ──► worker ── spawn ──► runc, which makes the container's init
                           ▲  └── control ────┘                   │
                           └────── adopts init and all orphans ◄─┘     (it is a subreaper; the worker is not)

control is a pair of sockets (SOCK_SEQPACKET), a new one for each worker. The keeper's states:

| state  | worker              | descriptors held by                          | ends with                                        |
|--------|---------------------|----------------------------------------------|--------------------------------------------------|
| SPARE  | waits for a program | both: control, and what the template had      | the template: both ask to die with their parents |
| AWAKE  | serves the Task API | worker: listener, connections, pidfds, stdio  | either of the two, which ends the other          |
| ASLEEP | none                | keeper: all of these                          | the keeper alone                                 |

| from   | what happens                                            | to     |
|--------|---------------------------------------------------------|--------|
| SPARE  | FREE: a program has taken the spare                     | AWAKE  |
| AWAKE  | SLEEP, and all descriptors came; the worker has ended   | ASLEEP |
| AWAKE  | SLEEP, and some did not fit: the answer is STAY         | AWAKE  |
| ASLEEP | one of the descriptors in ``wake`` is readable: fork    | AWAKE  |
| any    | the worker ends without SLEEP, or the keeper is killed  | dead: the daemon cleans up, as after the death of any shim |

A worker also says SHOW (the name, command line and directory of both), HOLD and RELEASE (around a verb of the runtime: a process that the
keeper does not know may be what that verb makes, so it is not reaped), and REAP (the exit status of a process of the container).
"""

from __future__ import annotations

import contextlib
import gc
import marshal
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, NoReturn

from argosy.kernel.descriptors import receive_descriptors
from argosy.kernel.process import become_subreaper, die_with_parent, set_name, set_title
from argosy.shim.spawn import reap_orphans

_FREE: Final = b"F"
_SHOW: Final = b"N"
_REAP: Final = b"R"
_SLEEP: Final = b"S"
_STAY: Final = b"A"
_HOLD: Final = b"H"
_RELEASE: Final = b"L"
# What one message may hold; the kernel hands over at most 253 descriptors at a time.
_MESSAGE_BYTES: Final = 64 << 10
_DESCRIPTORS: Final = 250
_AGAIN_S: Final = 0.1
_FREE_S: Final = 2.0
_ORPHANS_AGAIN_MS: Final = 50


class Asleep(NamedTuple):
    """The state of a worker that goes to sleep, for the worker that wakes."""

    state: Any
    """A dict of what marshal takes; descriptors are indices of ``descriptors``."""
    descriptors: Sequence[int]
    wake: Sequence[int]
    """The indices of those that end the sleep when they are readable."""


class Keeper:
    """The worker's end of control: messages to its keeper."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self.pid = os.getppid()

    def fileno(self) -> int:
        return self._control.fileno()

    def free(self) -> bool:
        """Have the keeper, until now a spare, outlive the template. Returns False when the template ended before, or the keeper does not answer."""
        self._control.settimeout(_FREE_S)
        try:
            self._control.send(_FREE)
            return self._control.recv(1) == _FREE
        except OSError:
            return False
        finally:
            self._control.settimeout(None)

    def show(self, name: str, title: Sequence[str], directory: str) -> None:
        """Give both processes the shim's name and command line, and the keeper its directory and standard error."""
        set_title(title)
        socket.send_fds(self._control, [_SHOW + marshal.dumps((name, list(title), directory))], [2])

    def hold(self) -> None:
        """Say that a verb of the runtime begins: the keeper reaps no process that it does not know, until ``release``."""
        self._control.send(_HOLD)

    def release(self, known: Sequence[int]) -> None:
        """Say that the verb is over. known are the processes whose exit status ``reap`` will ask for; the keeper may reap all others."""
        self._control.send(_RELEASE + marshal.dumps(list(known)))

    def reap(self, pid: int) -> int:
        """Return the exit status of a process of the container that has ended, 255 when it is nobody's child here."""
        self._control.send(_REAP + pid.to_bytes(4, "little"))
        return int.from_bytes(self._control.recv(4), "little")

    def sleep(self, asleep: Asleep) -> None:
        """Hand everything to the keeper, and end. Returns only when it is too much for one message, or did not arrive whole."""
        data = _SLEEP + marshal.dumps((asleep.state, list(asleep.wake), len(asleep.descriptors)))
        if len(data) > _MESSAGE_BYTES or len(asleep.descriptors) > _DESCRIPTORS:
            return
        try:
            socket.send_fds(self._control, [data], list(asleep.descriptors))
        except OSError:
            return  # more descriptors on their way than the kernel allows a user
        # Until the keeper says that it has all, all would be lost with this process.
        if self._control.recv(1) == _SLEEP:
            os._exit(0)


def keep(work: Callable[[Keeper], None], go_on: Callable[[Keeper, Asleep], None]) -> NoReturn:
    """Be a keeper: fork a worker that calls work, and, each time one was asleep, one that calls go_on. The first is a spare still.

    For a process that a template has forked and that has asked to die with it.
    """
    template = os.getppid()
    worker, control = _fork(work)
    children = _Children()
    while True:
        message, descriptors = children.next_message(control, worker)
        kind = message[:1]
        if kind == _SLEEP:
            asleep = _whole(message, descriptors)
            if asleep is None:
                control.send(_STAY)
                continue
            control.send(_SLEEP)
            os.waitpid(worker, 0)  # it ends at once; until it has, its descriptors are open twice
            control.close()
            worker, control = _sleep(asleep, go_on, children)
        elif kind == _HOLD:
            children.held += 1
        elif kind == _RELEASE:
            children.held -= 1
            children.known.update(marshal.loads(message[1:]))  # noqa: S302 # our own worker sent it
            children.changed = True
        elif kind == _REAP:
            pid = int.from_bytes(message[1:5], "little")
            children.known.discard(pid)
            control.send(_reap(pid).to_bytes(4, "little"))
            children.changed = True
        elif kind == _SHOW:
            _show(message, descriptors[0])
        elif kind == _FREE:
            if os.getppid() != template:
                os._exit(1)
            _be_free(control.fileno())
            children.begin()
            control.send(_FREE)
        else:
            # The worker has ended, and with it the shim. Init may take its time with a zombie; we are here.
            os.waitpid(worker, 0)
            os._exit(0)


class _Children:
    """The keeper's children besides its worker: processes of the container, and orphans of those and of the runtime."""

    def __init__(self) -> None:
        self.known: set[int] = set()
        self.held = 0
        self.changed = False  # somebody may have ended since the last look
        self._wake = self._written = -1

    def begin(self) -> None:
        """Have the end of a child wake the keeper's poll."""
        self._wake, self._written = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._written, warn_on_full_buffer=False)

    def end(self) -> None:
        """In a forked worker: undo ``begin``; its children are its own."""
        if self._wake < 0:
            return
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self._wake)
        os.close(self._written)

    def register(self, poll: select.poll) -> None:
        if self._wake >= 0:
            poll.register(self._wake, select.POLLIN)

    def woken(self, fd: int) -> bool:
        """Return whether a readable descriptor is ours, and says that somebody has ended."""
        if fd != self._wake:
            return False
        with contextlib.suppress(BlockingIOError):
            os.read(fd, 4096)
        self.changed = True
        return True

    @property
    def wait_ms(self) -> int | None:
        """How many milliseconds to wait for anything else before the next ``look``; None for no bound."""
        return _ORPHANS_AGAIN_MS if self.changed and not self.held else None

    def look(self, worker: int, stop: Callable[[], bool] = lambda: False) -> None:
        """Reap children that are not known, unless the runtime is at work. stop says that the worker has sent something."""
        if self.changed and not self.held:
            self.changed = not reap_orphans({*self.known, worker}, stop)

    def next_message(self, control: socket.socket, worker: int) -> tuple[bytes, list[int]]:
        """Return the worker's next message and its descriptors, reaping children meanwhile."""
        poll = select.poll()
        poll.register(control, select.POLLIN)
        said = select.poll()
        said.register(control, select.POLLIN)
        self.register(poll)
        while True:
            ready = poll.poll(self.wait_ms)
            if control.fileno() in (fd for fd, _ in ready):
                return receive_descriptors(control, _MESSAGE_BYTES, _DESCRIPTORS)
            for fd, _ in ready:
                self.woken(fd)
            # A hold is said before what it is for is made: whoever ends after it is there to be read is left alone.
            self.look(worker, lambda: bool(said.poll(0)))


def _fork(work: Callable[[Keeper], None]) -> tuple[int, socket.socket]:
    """Fork a worker; return its pid, and the keeper's end of what connects them. Raises OSError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    own = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        ours.close()
        raise
    finally:
        if os.getpid() == own:
            theirs.close()
    if pid:
        return pid, ours
    try:
        ours.close()
        die_with_parent(signal.SIGKILL)
        if os.getppid() == own:
            work(Keeper(theirs))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _whole(message: bytes, descriptors: list[int]) -> Asleep | None:
    """Return what a worker has sent; None when some of its descriptors did not fit into this process."""
    state, wake, count = marshal.loads(message[1:])  # noqa: S302 # our own worker sent it
    if len(descriptors) == count:
        return Asleep(state, descriptors, wake)
    for fd in descriptors:
        os.close(fd)
    return None


def _be_free(control: int) -> None:
    """Outlive the template: a session of its own, no parent-death signal, none of the template's descriptors but control."""
    become_subreaper()
    die_with_parent(0)
    os.setsid()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.closerange(3, control)
    os.closerange(control + 1, os.sysconf("SC_OPEN_MAX"))


def _show(message: bytes, errors: int) -> None:
    name, title, directory = marshal.loads(message[1:])  # noqa: S302 # the same
    set_name(name)
    set_title(title)
    os.dup2(errors, 2)
    os.close(errors)
    try:
        os.chdir(directory)
    except OSError:
        pass  # the daemon has taken the bundle away


def _reap(pid: int) -> int:
    try:
        result = os.waitid(os.P_PID, pid, os.WEXITED)
    except ChildProcessError:
        return 255
    if result is None:
        return 255
    return result.si_status if result.si_code == os.CLD_EXITED else 128 + result.si_status


def _sleep(asleep: Asleep, go_on: Callable[[Keeper, Asleep], None], children: _Children) -> tuple[int, socket.socket]:
    """Wait until a descriptor in wake is readable, and fork the worker that goes on. Returns what ``_fork`` does."""
    poll = select.poll()
    for index in asleep.wake:
        poll.register(asleep.descriptors[index], select.POLLIN)
    children.register(poll)
    while True:
        ready = poll.poll(children.wait_ms)
        if [fd for fd, _ in ready if not children.woken(fd)]:
            break
        children.look(-1)

    def work(keeper: Keeper) -> None:
        children.end()
        gc.enable()
        go_on(keeper, asleep)

    while True:
        try:
            forked = _fork(work)
            break
        except OSError:
            time.sleep(_AGAIN_S)  # no process, descriptor or memory to be had just now
    for fd in asleep.descriptors:
        os.close(fd)
    return forked
