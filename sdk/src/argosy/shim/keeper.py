"""A shim in two processes: one that keeps what must not change, and one that works and goes to sleep.

A shim that has started its container has nothing to do, for hours or for ever, and most of its memory is what the start has touched.
Of that only its place among the processes has to stay: containers are its children, and only a parent learns how they ended. So
what a template forks is a keeper, which does next to nothing, and a worker below it, which is the shim as everybody sees it. When
nobody has asked a worker for a while it hands the keeper its descriptors and what it knows, and ends. The keeper waits for
any of these descriptors to be readable, and forks a worker that goes on from there.

Neither outlives the other, but for a worker that sleeps: a shim of which one process is killed is dead, as any shim.
"""

from __future__ import annotations

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

from argosy.kernel.process import become_subreaper, die_with_parent, set_name, set_title

_FREE: Final = b"F"
_SHOW: Final = b"N"
_REAP: Final = b"R"
_SLEEP: Final = b"S"
_STAY: Final = b"A"
# What one message may hold; the kernel hands over at most 253 descriptors at a time.
_MESSAGE_BYTES: Final = 64 << 10
_DESCRIPTORS: Final = 250
_AGAIN_S: Final = 0.1
_FREE_S: Final = 2.0


class Asleep(NamedTuple):
    """What a worker leaves to the next one."""

    state: Any
    """A dict of what marshal takes; descriptors are indices of ``descriptors``."""
    descriptors: Sequence[int]
    wake: Sequence[int]
    """The indices of those that end the sleep when they are readable."""


class Keeper:
    """A worker's side of its keeper."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self.pid = os.getppid()

    def fileno(self) -> int:
        return self._control.fileno()

    def free(self) -> bool:
        """Have the keeper, until now a template's spare, be its own. False when the template's end was faster, or it does not answer."""
        self._control.settimeout(_FREE_S)
        try:
            self._control.send(_FREE)
            return self._control.recv(1) == _FREE
        except OSError:
            return False
        finally:
            self._control.settimeout(None)

    def show(self, name: str, title: Sequence[str], directory: str) -> None:
        """Let both processes be named as the shim, and have its directory and its standard error."""
        set_title(title)
        socket.send_fds(self._control, [_SHOW + marshal.dumps((name, list(title), directory))], [2])

    def reap(self, pid: int) -> int:
        """Return the exit status of a process of the container that has ended, 255 when it is nobody's child here."""
        self._control.send(_REAP + pid.to_bytes(4, "little"))
        return int.from_bytes(self._control.recv(4), "little")

    def sleep(self, asleep: Asleep) -> None:
        """Leave all to the keeper, and end. Returns when it is too much to be handed over, or has not arrived whole."""
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
    """Be a keeper: fork a worker that does work, and, each time one has slept, one that does go_on. The first is a spare still.

    For a process that was forked by a template and has asked to die with it.
    """
    template = os.getppid()
    worker, control = _fork(work)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, _MESSAGE_BYTES, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
        kind = message[:1]
        if kind == _SLEEP:
            asleep = _whole(message, descriptors)
            if asleep is None:
                control.send(_STAY)
                continue
            control.send(_SLEEP)
            os.waitpid(worker, 0)  # it ends at once; until it has, its descriptors are open twice
            control.close()
            worker, control = _sleep(asleep, go_on)
        elif kind == _REAP:
            control.send(_reap(int.from_bytes(message[1:5], "little")).to_bytes(4, "little"))
        elif kind == _SHOW:
            _show(message, descriptors[0])
        elif kind == _FREE:
            if os.getppid() != template:
                os._exit(1)
            _be_free(control.fileno())
            control.send(_FREE)
        else:
            # The worker has ended, and with it the shim. Init may take its time with a zombie; we are here.
            os.waitpid(worker, 0)
            os._exit(0)


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
    """Let go of the template, and of all that came with it."""
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


def _sleep(asleep: Asleep, go_on: Callable[[Keeper, Asleep], None]) -> tuple[int, socket.socket]:
    """Wait until there is something to do; return the worker that does it, as ``_fork``."""
    poll = select.poll()
    for index in asleep.wake:
        poll.register(asleep.descriptors[index], select.POLLIN)
    poll.poll()

    def work(keeper: Keeper) -> None:
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
