"""A process's stdio from the client's side: the FIFOs, and the bytes between them and our own descriptors.

FIFOs are made and opened before the task: a shim that opens its ends one after the other, blocking, finds a reader there.
The bytes are carried by a thread for each stream, so that a slow reader of ours holds up that stream and nothing else.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import select
import stat
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_CHUNK: Final = 64 << 10
_IO_DRAIN_S: Final = 5.0
_POLL_S: Final = 0.05
_REOPEN_S: Final = 0.01
_PREFIX: Final = "argosy-fifo-"
# A directory that is younger may not have its lock yet.
_SWEEP_AFTER_S: Final = 60.0
_NAMES: Final = ("standard output", "standard error")


def write_all(target: int, data: bytes) -> None:
    """Write all of data, whether target blocks or not. Raises OSError."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(target, view) :]
        except BlockingIOError:
            select.select([], [target], [])


def not_written(error: OSError, stream: str = _NAMES[0]) -> OSError:
    """Return error with a sentence that names the stream; a closed pipe stays a BrokenPipeError."""
    return OSError(error.errno, f"{stream} cannot be written, what followed is lost: {os.strerror(error.errno or 0)}")


def terminal_size() -> tuple[int, int] | None:
    """Return the lines and columns of the terminal among our standard streams; None without one, or when it does not say.

    What ``LINES`` and ``COLUMNS`` say is what a person wishes of a program, and no size of a terminal.
    """
    for fd in (0, 1, 2):
        try:
            columns, lines = os.get_terminal_size(fd)
        except OSError:
            continue
        return (lines, columns) if lines and columns else None
    return None


def _is_abandoned(directory: Path) -> bool:
    """Return whether a directory of FIFOs is ours by its owner, and neither its client nor a process of a container uses it."""
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or time.time() - status.st_mtime < _SWEEP_AFTER_S:
        return False
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for fifo in directory.iterdir():
            try:
                # There is a reader as long as a shim serves the process.
                os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC))
                return False
            except OSError as error:
                if error.errno != errno.ENXIO:
                    return False
    finally:
        os.close(lock)
    return True


def sweep() -> None:
    """Remove the FIFOs of clients that were killed, once their containers have ended, too."""
    import shutil
    import tempfile

    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # in use, somebody else's, or gone meanwhile
            if _is_abandoned(directory):
                shutil.rmtree(directory)


@dataclass
class Stdio:
    """Where a process's stdio goes: paths of FIFOs, or URIs (file://, binary://); "" is nowhere."""

    stdin: str = ""
    stdout: str = ""
    stderr: str = ""
    directory: str = ""
    _lock: int = field(default=-1, repr=False, compare=False)

    @classmethod
    def fifos(cls, id: str, terminal: bool = False, stdin: bool = True) -> Stdio:
        """Make FIFOs in a private directory; ``remove`` takes them away.

        Those of a client that is killed first are removed by the next client that makes some after the container has ended.
        """
        import tempfile  # for those who run something

        sweep()
        directory = tempfile.mkdtemp(prefix=_PREFIX)
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self = cls(directory=directory, _lock=lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for name in ("stdin", "stdout", "stderr"):
                if (name == "stderr" and terminal) or (name == "stdin" and not stdin):
                    continue
                path = os.path.join(directory, f"{id}-{name}")
                os.mkfifo(path, 0o700)
                setattr(self, name, path)
        except BaseException:
            self.remove()
            raise
        return self

    def remove(self) -> None:
        """Remove the FIFOs and their directory. Safe to call twice."""
        if self.directory:
            import shutil  # the same

            shutil.rmtree(self.directory, ignore_errors=True)
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


class _Stop:
    """How a thread is told to end: a descriptor that it polls beside its own, and closes."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()

    def set(self) -> None:
        with self._lock:
            if self.fd >= 0:
                os.eventfd_write(self.fd, 1)

    def close(self) -> None:
        with self._lock:
            os.close(self.fd)
            self.fd = -1


class _Input:
    """A descriptor of ours whose bytes a thread carries to a FIFO; its end closes our end of that."""

    def __init__(self, path: str, source: int, over: Callable[[], None]) -> None:
        self._path, self._source, self._over = path, source, over
        self._stop = _Stop()
        # A daemon thread: it may read from a file whose server hangs.
        threading.Thread(target=self._carry, name="argosy standard input", daemon=True).start()

    def _open(self) -> int:
        """Open our end once the shim has its own: what is written before would be lost with ours. Returns -1 when told to end."""
        poll = select.poll()
        poll.register(self._stop.fd, select.POLLIN)
        while not poll.poll(_REOPEN_S * 1000):
            try:
                return os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
        return -1

    def _write(self, fifo: int, data: bytes) -> bool:
        """Write data; return False when told to end."""
        poll = select.poll()
        poll.register(fifo, select.POLLOUT)
        poll.register(self._stop.fd, select.POLLIN)
        view = memoryview(data)
        while view:
            if self._stop.fd in dict(poll.poll()):
                return False
            with suppress(BlockingIOError):
                view = view[os.write(fifo, view) :]
        return True

    def _carry(self) -> None:
        fifo = -1
        try:
            fifo = self._open()
            poll = select.poll()
            poll.register(self._source, select.POLLIN)
            poll.register(self._stop.fd, select.POLLIN)
            while fifo >= 0 and self._stop.fd not in dict(poll.poll()):
                data = os.read(self._source, _CHUNK)
                if not data or not self._write(fifo, data):
                    break
        except OSError:
            pass  # the process or the terminal is gone: there is no more input
        finally:
            if fifo >= 0:
                os.close(fifo)
            self._stop.close()
            self._over()

    def close(self) -> None:
        self._stop.set()


class _Output:
    """One FIFO whose bytes a thread carries to a descriptor of ours."""

    def __init__(self, path: str, target: int, name: str, over: Callable[[], None]) -> None:
        self._target, self._name, self._over = target, name, over
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        # With a writer of ours there is no end before we say so, whoever opens and closes the FIFO meanwhile.
        self._our_end = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._stop = _Stop()
        self.busy_at = time.monotonic()
        """When bytes last came or went."""
        self.writing = False
        self.done = False
        self.error: OSError | None = None

    def start(self) -> None:
        # A daemon thread: one whose reader never reads must not keep us from leaving.
        threading.Thread(target=self._carry, name=f"argosy {self._name}", daemon=True).start()

    def _carry(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(self._stop.fd, select.POLLIN)
        try:
            while self._stop.fd not in dict(poll.poll()):
                try:
                    data = os.read(self._fd, _CHUNK)
                except BlockingIOError:
                    continue
                if not data:
                    break
                self.writing = True
                write_all(self._target, data)
                self.busy_at = time.monotonic()
                self.writing = False
        except OSError as error:
            self.error = not_written(error, self._name)
        finally:
            self.writing = False
            os.close(self._fd)
            self._stop.close()
            self.done = True
            self._over()

    def no_more(self) -> None:
        """End with what other writers there are."""
        fd, self._our_end = self._our_end, -1
        if fd >= 0:
            os.close(fd)

    def close(self) -> None:
        """End now; what is being written stays with its thread."""
        self._stop.set()
        self.no_more()


class Pump:
    """Carries bytes between FIFOs and our own descriptors, beside the loop."""

    input_over: asyncio.Event
    """Set when there is no more input: its source has ended, or the process."""
    failed: asyncio.Event
    """Set when an output can't be written any more: ``error`` says why."""
    error: OSError | None = None

    def __init__(self, stdio: Stdio, outputs: Sequence[int], source: int | None) -> None:
        """Open the FIFOs, and begin to carry. outputs are where stdout and stderr go, source is where input comes from."""
        self._loop = asyncio.get_running_loop()
        self.input_over = asyncio.Event()
        self.failed = asyncio.Event()
        self._outputs: list[_Output] = []
        self._input: _Input | None = None
        try:
            for path, target, name in zip((stdio.stdout, stdio.stderr), outputs, _NAMES, strict=False):
                if path:
                    self._outputs.append(_Output(path, target, name, self._output_over))
        finally:
            for output in self._outputs:
                output.start()
        if source is not None and stdio.stdin:
            self._input = _Input(stdio.stdin, source, self._input_over)

    def _tell(self, callback: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is gone, and we with it
            self._loop.call_soon_threadsafe(callback)

    def _input_over(self) -> None:
        self._tell(self.input_over.set)

    def _output_over(self) -> None:
        self._tell(self._look)

    def _look(self) -> None:
        errors = [output.error for output in self._outputs if output.error is not None]
        if errors and self.error is None:
            self.error = errors[0]
            self.failed.set()

    async def drain(self) -> None:
        """Wait until all output has been written: the process has ended.

        A reader that is slow is waited for; something that the process left behind and that holds the other end, a few seconds.
        Cancellation: what was not written is lost.
        """
        began = time.monotonic()
        for output in self._outputs:
            output.no_more()
        try:
            while open_ones := [o for o in self._outputs if not o.done]:
                idle = time.monotonic() - max(began, *(o.busy_at for o in open_ones))
                if idle > _IO_DRAIN_S and not any(o.writing for o in open_ones):
                    break
                await asyncio.sleep(min(_POLL_S, 0.001 + idle))
        finally:
            self._look()
            self.close()

    def close(self) -> None:
        """Stop carrying. Safe to call twice."""
        for output in self._outputs:
            output.close()
        if self._input is not None:
            self._input.close()
