"""A copy out of or into a container, as a shim runs it: what does it, which is a process of this machine where files are, pipes to it, and how it ended.

Two may end it: its transfer's thread, which waits for it, and whoever finds that it is not wanted any more (``end``, from any thread). A process that waits
for files that never answer may not be killed by that before they do (a FUSE server that has taken the question): its caller is told all the same.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
from abc import ABC, abstractmethod
from typing import Final, NamedTuple, Protocol

from argosy.errors import Aborted, ArgosyError, Unavailable
from argosy.kernel.process import has_ended
from argosy.paths.order import PACK, Order, failure, hear
from argosy.shim.spawn import Stdio, spawn, wait

# The descriptors of the process, behind the usual three.
_ROOT, _USER, _WORD, _ORDER = 3, 4, 5, 6
# Each is a process of some 15 MB.
MOST_COPIES: Final = 8
# How long a copy, or its client, may stand still: of a disk or a file system that hangs nobody knows.
SILENCE_S: Final = 600.0
# What was killed is gone at once, or waits for a disk.
DEATH_S: Final = 3.0


class Files(Protocol):
    """A container's files, as far as a copy needs them. Either method is the last."""

    def close(self) -> None:
        """Let go of them: there is no copy."""

    def copy(self, container: str, verb: str, path: str, *, walk: bool, owners: bool) -> Copying:
        """Begin a copy, as ``Order`` says. In the loop, so that it must not wait. Raises ArgosyError, OSError; then nothing is left of them."""


class Copying(ABC):
    """One copy, from its start to its end; whoever does it, bytes go through a pipe. ``end``, ``gone`` and what asks are for any thread, the rest for the transfer's."""

    container: str
    data: int
    """Our end of the pipe."""
    _why: str
    _ended: int
    """Readable when the copy is not wanted any more, for _why."""

    @abstractmethod
    def end(self, why: str) -> None:
        """End it, without waiting; why is what its caller is told. Nothing happens when it has ended."""

    @abstractmethod
    def has_ended(self) -> bool:
        """Whether it has ended, or is not wanted any more."""

    @abstractmethod
    def has_gone(self) -> bool:
        """Whether nothing is left of it, and that is known."""

    @abstractmethod
    def gone(self, within_s: float) -> bool:
        """Wait until nothing is left of it, for so long; return whether that is so. Not in its own thread."""

    @abstractmethod
    def wait(self) -> ArgosyError | None:
        """Wait for the end; return why the copy failed, None when it did not.

        One that was ended is not waited for for ever: ``collect`` is. Safe to call twice.
        """

    @abstractmethod
    def collect(self) -> None:
        """Wait until nothing is left of it, however long that takes. Safe to call twice."""

    def read(self, size: int) -> bytes:
        """Return what was read, nothing at its end. Raises Unavailable for one that stands still, Aborted for one that was ended."""
        self._ready(select.POLLIN)
        return os.read(self.data, size)

    def write(self, data: bytes) -> bool:
        """Give it data; return False when it takes no more, and says why. Raises as ``read``."""
        view = memoryview(data)
        while view:
            self._ready(select.POLLOUT)
            try:
                view = view[os.write(self.data, view) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                return False
        return True

    def _ready(self, events: int) -> None:
        poll = select.poll()
        poll.register(self.data, events)
        poll.register(self._ended, select.POLLIN)
        ready = poll.poll(SILENCE_S * 1000)
        if not ready:
            raise Unavailable(self._still())
        if self._ended in (fd for fd, _ in ready):
            raise Aborted(self._why)

    def _still(self) -> str:
        return f'a copy of container "{self.container}" stood still for {SILENCE_S:g} s: its files do not answer'

    def close_data(self) -> None:
        """Close our end of the data's pipe. Safe to call twice."""
        if self.data >= 0:
            os.close(self.data)
            self.data = -1


class Tree(NamedTuple):
    """A container's files, as descriptors. Whoever gets one closes them."""

    root: int
    user: int = -1
    """Its user namespace, -1 for ours."""
    mounts: int = -1
    """Its mount namespace: as long as that is open, what is mounted below root stays, also when the container ends. -1 for ours."""

    def close(self) -> None:
        _close(*self)

    def copy(self, container: str, verb: str, path: str, *, walk: bool, owners: bool) -> Copying:
        """Begin a copy, by a process; the descriptors are its from then on. Raises OSError."""
        return Copy(container, verb, path, self, walk=walk, owners=owners)


class Copy(Copying):
    """One process that copies, from its start to its end."""

    def __init__(self, container: str, verb: str, path: str, tree: Tree, *, walk: bool, owners: bool) -> None:
        """tree is closed, with the failure or the end of the process. See ``Order``. Raises OSError."""
        self.container = container
        self._why = ""
        self._over = False  # the number of the process may be another's
        self._left = threading.Event()
        self._error: ArgosyError | None = None
        self._lock = threading.Lock()
        self._mounts = tree.mounts
        order = Order(
            verb=verb, path=path, what=f'container "{container}"', walk=walk, owners=owners, root=_ROOT,
            user=_USER if tree.user >= 0 else -1, word=_WORD, parent=os.getpid(),
        )  # fmt: skip
        ours, theirs = [], [tree.root, tree.user]
        try:
            # Readable when the process is not wanted any more.
            ours.append(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
            data = os.pipe()
            mine = 0 if verb == PACK else 1
            ours.append(data[mine])
            theirs.append(data[1 - mine])
            word = os.pipe()
            ours.append(word[0])
            theirs.append(word[1])
            self._ended, self.data, self._word = ours
            os.set_blocking(self._word, False)
            if verb != PACK:
                os.set_blocking(self.data, False)
            theirs.append(null := os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC))
            theirs.append(file := order.file())
            stdio = Stdio(null, data[1], 2) if verb == PACK else Stdio(data[0], null, 2)
            extra = [(tree.root, _ROOT), (word[1], _WORD), (file, _ORDER)]
            self.pid = spawn(order.command(_ORDER), stdio, extra=[*extra, (tree.user, _USER)] if tree.user >= 0 else extra)
            try:
                self._process = os.pidfd_open(self.pid)
            except BaseException:
                os.kill(self.pid, signal.SIGKILL)
                wait(self.pid)
                raise
        except BaseException:
            _close(*ours, tree.mounts)
            raise
        finally:
            _close(*theirs)

    def end(self, why: str) -> None:
        """Kill the process; why is what its caller is told. From any thread; nothing happens when it has ended."""
        with self._lock:
            if self._over:
                return
            self._why = self._why or why
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, signal.SIGKILL)
            os.eventfd_write(self._ended, 1)

    def has_ended(self) -> bool:
        """Whether the process has ended, or is not wanted any more."""
        with self._lock:
            return self._over or bool(self._why) or has_ended(self._process)

    def has_gone(self) -> bool:
        """Whether nothing is left of it: the process has ended, and all of it is closed."""
        return self._left.is_set()

    def gone(self, within_s: float) -> bool:
        """Wait until nothing is left of it, for so long; return whether that is so. From any thread but its own."""
        return self._left.wait(within_s)

    def wait(self) -> ArgosyError | None:
        """Wait for the end; return why the copy failed, None when it did not.

        One that was ended is not waited for for ever: ``collect`` is. Safe to call twice, from its thread.
        """
        if self._over or self._error is not None:
            return self._error
        self.close_data()
        poll = select.poll()
        for fd in (self._process, self._ended):
            poll.register(fd, select.POLLIN)
        if not poll.poll(SILENCE_S * 1000):
            self.end(self._still())
        poll.unregister(self._ended)
        if not poll.poll(DEATH_S * 1000):
            # What the process has open stays so; what we have does not have to.
            _close(self._mounts)
            self._mounts = -1
            self._error = Aborted(self._why)
            return self._error
        self._collect()
        return self._error

    def collect(self) -> None:
        """Wait for the process to be gone, however long that takes, and close what is left of it. Safe to call twice, from its thread."""
        if not self._over:
            self._collect()

    def _collect(self) -> None:
        os.waitid(os.P_PIDFD, self._process, os.WEXITED | os.WNOWAIT)
        with self._lock:
            self._over = True
        code = os.waitstatus_to_exitcode(wait(self.pid))
        said = hear(self._word)
        self.close_data()
        _close(self._word, self._process, self._ended, self._mounts)
        if self._error is None:
            self._error = Aborted(self._why) if self._why and not said else failure(said, code)
        self._left.set()


def _close(*descriptors: int) -> None:
    for fd in descriptors:
        if fd >= 0:
            os.close(fd)
