"""A copy out of or into a container, as a shim runs it: a process that does it, pipes to it, and how it ended."""

from __future__ import annotations

import os
import select
import signal
import threading
from typing import Final

from argosy.errors import Aborted, ArgosyError, Unavailable
from argosy.paths.order import PACK, Order, failure, hear
from argosy.shim.spawn import Stdio, spawn, wait

# The descriptors of the process, behind the usual three.
_ROOT, _USER, _WORD, _ORDER = 3, 4, 5, 6
# Each is a process of some 15 MB.
MOST_COPIES: Final = 8
# How long a copy, or its client, may stand still: of a disk or a file system that hangs nobody knows.
SILENCE_S: Final = 600.0


class Copy:
    """One process that copies, from its start to its end."""

    def __init__(self, container: str, verb: str, path: str, *, walk: bool, owners: bool, root: int, user: int) -> None:
        """root and user are descriptors, which are closed. See ``Order``. Raises OSError."""
        self.container = container
        self._why = ""
        self._over = False
        self._lock = threading.Lock()
        order = Order(
            verb=verb, path=path, what=f'container "{container}"', walk=walk, owners=owners, root=_ROOT,
            user=_USER if user >= 0 else -1, word=_WORD,
        )  # fmt: skip
        theirs, ours = os.pipe()
        word, said = os.pipe()
        null, file = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC), order.file()
        try:
            if verb == PACK:
                self.data, mine, stdio = theirs, ours, Stdio(null, ours, 2)
            else:
                self.data, mine, stdio = ours, theirs, Stdio(theirs, null, 2)
                os.set_blocking(ours, False)
            extra = [(root, _ROOT), (said, _WORD), (file, _ORDER), *([(user, _USER)] if user >= 0 else [])]
            self._word = word
            try:
                self.pid = spawn(order.command(_ORDER), stdio, extra=extra)
            except BaseException:
                os.close(self.data)
                os.close(word)
                raise
            finally:
                os.close(mine)
        finally:
            for fd in (null, file, said, root, user):
                if fd >= 0:
                    os.close(fd)

    def end(self, why: str) -> None:
        """Kill the process; why is what its caller is told. From any thread; nothing happens when it has ended."""
        with self._lock:
            self._why = self._why or why
            if not self._over:
                os.kill(self.pid, signal.SIGKILL)

    def read(self, size: int) -> bytes:
        """Return what the process has read, nothing at its end. Raises Unavailable for one that stands still."""
        self._ready(select.POLLIN)
        return os.read(self.data, size)

    def write(self, data: bytes) -> bool:
        """Give the process data; return False when it takes no more, and says why. Raises Unavailable for one that stands still."""
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
        if not poll.poll(SILENCE_S * 1000):
            raise Unavailable(
                f'a copy of container "{self.container}" stood still for {SILENCE_S:g} s: its files do not answer'
            )

    def close_data(self) -> None:
        """Close our end of the data's pipe. Safe to call twice."""
        if self.data >= 0:
            os.close(self.data)
            self.data = -1

    def wait(self) -> ArgosyError | None:
        """Wait for the end; return why the copy failed, None when it did not. Call it once."""
        self.close_data()
        fd = os.pidfd_open(self.pid)
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if not poll.poll(SILENCE_S * 1000):
            self.end(f'a copy of container "{self.container}" stood still for {SILENCE_S:g} s: its files do not answer')
        os.close(fd)
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            self._over = True
        code = os.waitstatus_to_exitcode(wait(self.pid))
        try:
            said = hear(self._word)
        finally:
            os.close(self._word)
        if self._why and not said:
            return Aborted(self._why)
        return failure(said, code)
