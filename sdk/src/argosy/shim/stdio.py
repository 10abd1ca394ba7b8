"""A process's stdio: FIFOs, files and log programs. An init gets the far ends themselves; nothing is copied.

FIFO rules, as clients rely on them: the shim keeps both ends of an output FIFO open while the process runs, so that
a client may come and go, until a client removes the FIFO's name; of the input FIFO it keeps a writer until CloseIO, so that a client
that leaves is no EOF. A terminal is the exception: its bytes pass through ``console``. So is an exec: what it leaves in the background
would hold its FIFOs, and so the client that reads them, for as long as the container runs. It gets pipes, which ``Endpoints.carry``
moves to the FIFOs until a moment after its end. What an init leaves ends with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import select
import signal
import stat
import struct
import termios
import threading
import time
from typing import Final

from argosy.errors import InvalidArgument, NotFound, Unknown
from argosy.shim.spawn import Stdio, forget, spawn

# containerd gives a log program this long after SIGTERM.
_LOGGER_GRACE_S: Final = 12.0
# Most log programs end at the end of their input; they get a moment for that first.
_LOGGER_EOF_GRACE_S: Final = 1.0
# So long a log program may take to say that it is ready.
_LOGGER_READY_S: Final = 5
# So long what an exec has left in the background may go on writing; containerd's own shim gives it 2 to 10 s.
_BACKGROUND_S: Final = 2.0
_CARRY_BYTES: Final = 1 << 20


class Endpoints:
    """The descriptors of one process's stdio, ours to close. -1 is none."""

    def __init__(self) -> None:
        self.stdin = self.stdout = self.stderr = -1
        self.keep: list[int] = []
        self._keeping = threading.Lock()
        self.stdin_writer = -1
        self.logger: Logger | None = None
        self._carriers: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._ended = -1

    @property
    def carries(self) -> bool:
        """Whether output passes through this process."""
        return any(carrier.is_alive() for carrier in self._carriers)

    def carry(self) -> None:
        """Have the process write to pipes instead of FIFOs, and move what comes until it and what it left have ended, or a moment after ``close``."""
        names = [name for name in ("stdout", "stderr") if stat.S_ISFIFO(os.fstat(getattr(self, name)).st_mode)]
        if self.logger is not None or not names:
            return
        self._ended = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._carriers = []
        for name in names:
            read, write = os.pipe()
            fifo = getattr(self, name)
            setattr(self, name, write)
            self._carriers.append(threading.Thread(target=self._carry, args=(read, fifo), daemon=True))
        for carrier in self._carriers:
            carrier.start()

    def _carry(self, source: int, target: int) -> None:
        try:
            self._move(source, target)
        except OSError:
            pass  # nobody has the FIFO open any more: what is written to the pipe breaks now, as it would there
        finally:
            os.close(source)
            os.close(target)
            with self._lock:
                self._carriers.remove(threading.current_thread())
                if not self._carriers:
                    os.close(self._ended)
                    self._ended = -1

    def _move(self, source: int, target: int) -> None:
        poll = select.poll()
        poll.register(source, select.POLLIN)
        poll.register(self._ended, select.POLLIN)
        deadline = math.inf
        while (now := time.monotonic()) < deadline:
            ready = {fd for fd, _ in poll.poll(None if deadline == math.inf else (deadline - now) * 1000)}
            if self._ended in ready:
                poll.unregister(self._ended)
                deadline = time.monotonic() + _BACKGROUND_S
            if source in ready and not os.splice(source, target, _CARRY_BYTES):
                return
        # What it wrote in time arrives, however slow its reader is.
        left = struct.unpack("i", fcntl.ioctl(source, termios.FIONREAD, bytes(4)))[0]
        while left > 0:
            left -= os.splice(source, target, left)

    def drain(self, timeout: float) -> None:
        """Wait until all output has been carried, after ``close``."""
        for carrier in [*self._carriers]:
            carrier.join(timeout)

    def for_runtime(self) -> Stdio:
        return Stdio(self.stdin, self.stdout, self.stderr)

    def close_process_ends(self) -> None:
        """Close what only the process needs, once it has it."""
        for name in ("stdin", "stdout", "stderr"):
            fd = getattr(self, name)
            if fd >= 0:
                os.close(fd)
                setattr(self, name, -1)

    def close_stdin(self) -> None:
        """Let the process see EOF once the client has closed its end too."""
        writer, self.stdin_writer = self.stdin_writer, -1
        if writer >= 0:
            os.close(writer)

    def close_unread(self) -> None:
        """Close the FIFOs whose names are gone: no reader can come any more, and the process gets SIGPIPE instead of waiting."""
        with self._keeping:
            for fd in [fd for fd in self.keep if stat.S_ISFIFO((status := os.fstat(fd)).st_mode) and status.st_nlink == 0]:
                self.keep.remove(fd)
                os.close(fd)

    def close(self) -> None:
        """Let go of everything: readers see the end, a log program gets the end of its input. Safe to call twice."""
        self.close_process_ends()
        self.close_stdin()
        with self._keeping:
            keep, self.keep = self.keep, []
            for fd in keep:
                os.close(fd)
        # Who carries goes on for who reads, and ends at once (EPIPE) where nobody does.
        with self._lock:
            if self._ended >= 0:
                os.eventfd_write(self._ended, 1)
        if self.logger is not None:
            self.logger.stop()


class Logger:
    """A log program: fd 3 and 4 are the output, fd 5 says that it is ready.

    It may end before its container, and is then anybody's to reap: it is held by descriptor, and its number means nothing.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pidfd = os.pidfd_open(pid)
        forget(pid)
        self._thread: threading.Thread | None = None

    def stop(self) -> None:
        """End it in the background: by EOF, then SIGTERM, then SIGKILL."""
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._end, daemon=True)
        self._thread.start()

    def _end(self) -> None:
        fd = self._pidfd
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        try:
            for grace, sig in ((_LOGGER_EOF_GRACE_S, signal.SIGTERM), (_LOGGER_GRACE_S, signal.SIGKILL)):
                if poll.poll(grace * 1000):
                    break
                signal.pidfd_send_signal(fd, sig)
            os.waitid(os.P_PIDFD, fd, os.WEXITED)
        except (ChildProcessError, ProcessLookupError):
            pass  # gone already
        finally:
            os.close(fd)

    def kill(self) -> None:
        """End it at once. Before ``stop``."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def wait(self, timeout: float) -> None:
        """Wait until it has ended, after ``stop``."""
        if self._thread is not None:
            self._thread.join(timeout)


def fifo_path(uri: str) -> str:
    return uri.removeprefix("fifo://")


def open_output(path: str, ends: Endpoints) -> int:
    """Open an output FIFO: a writer for the process, and a reader that we keep. Raises NotFound."""
    try:
        # Opened for both, no open blocks and no write breaks, whoever else has it open.
        both = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(f"stdio FIFO {path} does not exist; make it before the task") from None
    try:
        writer = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except BaseException:
        os.close(both)
        raise
    ends.keep.append(both)
    return writer


def open_input(path: str, ends: Endpoints) -> int:
    """Open an input FIFO for the process, and the writer that we keep until CloseIO. Raises NotFound."""
    try:
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(f"stdio FIFO {path} does not exist; make it before the task") from None
    ends.stdin_writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    os.set_blocking(reader, True)
    return reader


def open_file(uri: str) -> int:
    """Open a ``file://`` log for appending; what is made of it is its owner's alone, as are its directories. Raises InvalidArgument."""
    from urllib.parse import unquote, urlsplit  # slow to import, and only log URIs need it

    path = unquote(urlsplit(uri).path)
    if not path:
        raise InvalidArgument(f'log URI "{uri}" names no path')
    folder = os.path.dirname(path)
    missing = []
    while folder and not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def start_logger(uri: str, namespace: str, id: str, ends: Endpoints, strict: bool) -> tuple[int, int]:
    """Start a ``binary://`` log program and wait until it is ready. Returns writers for stdout and stderr.

    strict (``binary-v2``): closing the ready pipe without a byte is an error. Raises Unknown.
    """
    from urllib.parse import parse_qsl, unquote, urlsplit  # the same

    parts = urlsplit(uri)
    path = unquote(parts.path)
    args = [word for pair in parse_qsl(parts.query, keep_blank_values=True) for word in pair]
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    ready_read, ready_write = os.pipe()
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    try:
        pid = spawn(
            [path, *args], Stdio(null, null, null), {"CONTAINER_ID": id, "CONTAINER_NAMESPACE": namespace},
            ((out_read, 3), (err_read, 4), (ready_write, 5)),
        )  # fmt: skip
    except OSError as error:
        for fd in (out_write, err_write):
            os.close(fd)
        raise Unknown(f'log program "{path}" cannot be started: {error.strerror}') from error
    finally:
        for fd in (out_read, err_read, ready_write, null):
            os.close(fd)
        if "pid" not in locals():
            os.close(ready_read)
    ends.logger = Logger(pid)
    with os.fdopen(ready_read, "rb") as ready:
        poll = select.poll()
        poll.register(ready, select.POLLIN)
        # A program that keeps its ready pipe open would hold this shim, and every container in it, for ever.
        if not poll.poll(_LOGGER_READY_S * 1000):
            ends.logger.kill()
            ends.keep += [out_write, err_write]
            raise Unknown(
                f'log program "{path}" was not ready after {_LOGGER_READY_S} s; it must write to or close descriptor 5'
            )
        byte = ready.read(1)
    if strict and not byte:
        ends.keep += [out_write, err_write]
        raise Unknown(f'log program "{path}" ended before it was ready')
    return out_write, err_write


def open_outputs(stdout: str, stderr: str, namespace: str, id: str, ends: Endpoints) -> tuple[int, int]:
    """Open what stdout's scheme says, for both outputs. Raises InvalidArgument, NotFound, Unknown."""
    scheme = stdout.partition("://")[0].lower() if "://" in stdout else ""
    if scheme in ("binary", "binary-v2"):
        return start_logger(stdout, namespace, id, ends, scheme == "binary-v2")
    if scheme == "file":
        out = open_file(stdout)
        return out, os.dup(out)
    if scheme not in ("", "fifo"):
        raise InvalidArgument(f'stdio scheme "{scheme}" is not served; use fifo, file or binary')
    out = open_output(fifo_path(stdout), ends) if stdout else os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    try:
        err = open_output(fifo_path(stderr), ends) if stderr else os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    except BaseException:
        os.close(out)
        raise
    return out, err


def open_stdio(stdin: str, stdout: str, stderr: str, namespace: str, id: str) -> Endpoints:
    """Open a process's stdio. Raises what ``open_outputs`` does; nothing stays open then."""
    ends = Endpoints()
    try:
        ends.stdin = open_input(fifo_path(stdin), ends) if stdin else os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        ends.stdout, ends.stderr = open_outputs(stdout, stderr, namespace, id, ends)
    except BaseException:
        ends.close()
        raise
    return ends
