"""The door of a template: a FIFO where a ``start`` that is still a shell asks for a shim.

Two thirds of a start are an interpreter that only has to hand over what it was given. All of that can be seen in /proc, so
bash is enough.

    bash                                              spare of the template
      3: a pipe without a name; 5, 6, 7: its 0, 1, 2
      8: a pipe with one line in it, the request
      its pid and start time ─── the door ─────────►    opens a pidfd; compares user and start time
      waits at 3                                        fetches 5, 6, 7 (pidfd_getfd), opens 3 and the directory
                            ◄────── "+" ───────────
      waits at 3                                        reads cmdline and environ in /proc, takes the line out of 8
                            ◄── exit code ─────────     makes the shim
      exits with it

Whoever has taken the line out of 8 makes the shim, and nobody else does.

| bash sees                                                                 | and                                     |
|---------------------------------------------------------------------------|-----------------------------------------|
| no door, no ``.pid`` file, no such process, or no pipe for a here-string (before 5.1) | becomes the interpreter     |
| no "+" for three seconds, and the line is still in 8                      | takes it, and becomes the interpreter   |
| no "+" for three seconds, and the line has been taken                     | waits for the code                      |
| the end of the pipe without a code                                        | becomes the interpreter                 |
| a code                                                                    | exits with it                           |

The interpreter asks at the template's socket, and makes the shim itself where that does not answer either.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from typing import Final

from argosy.kernel.process import descriptor_of, start_time
from argosy.kernel.surroundings import read

RECORD: Final = 32
_REPLY: Final = 3
_REQUEST: Final = 8
# Where bash keeps what 0, 1 and 2 were.
_STREAMS: Final = (5, 6, 7)
# The words of bash's command line before those that it would go on with: bash, -pc, its text, the door.
_OWN_WORDS: Final = 4
# What it would go on with: interpreter, -I, -S, program, and then its arguments.
_START_WORDS: Final = 4


class Door:
    """The FIFO, as the template and its spares have it: one for a daemon, read by the first spare that is ready."""

    def __init__(self, directory: str, daemon: int) -> None:
        self._path = f"{directory}/d-{daemon}"
        self.fd = -1

    def open(self) -> bool:
        """Make the door, or take over the one that an earlier template left. Returns False when another one has it."""
        try:
            os.mkfifo(self._path, 0o600)
        except FileExistsError:
            pass
        fd = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = os.fstat(fd)
            if not stat.S_ISFIFO(found.st_mode) or found.st_uid != os.geteuid():
                raise BlockingIOError
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        scratch = f"{self._path}.pid-{os.getpid()}"
        with open(scratch, "w") as file:
            file.write(f"{os.getpid()}\n")
        os.rename(scratch, f"{self._path}.pid")
        self.fd = fd
        return True

    def remove(self) -> None:
        """Remove the FIFO; shims that were asked for at it go on."""
        if self.fd >= 0:
            for path in (self._path, f"{self._path}.pid"):
                if os.path.exists(path):
                    os.unlink(path)

    def knocked(self) -> Knock | None:
        """Return the shell that asks; None when none does, or one that has ended or can't be looked at."""
        try:
            record = os.read(self.fd, RECORD)
        except BlockingIOError:
            return None
        try:
            pid, born = (int(word) for word in record.split())
            return Knock(pid, born)
        except (ValueError, OSError):
            return None


class Knock:
    """A shell that waits for a shim; process is a pidfd of it."""

    def __init__(self, pid: int, born: int) -> None:
        self.pid = pid
        self.process = os.pidfd_open(pid)
        try:
            if os.stat(f"/proc/{pid}").st_uid != os.geteuid():
                raise ValueError(f"process {pid} is another user's")
            if start_time(pid) != born:
                raise ValueError(f"process {pid} is a later one")
            # A descriptor of our own for each: opening them by name would give files from their beginning.
            self.handed = [descriptor_of(self.process, fd) for fd in _STREAMS]
            self._reply = os.open(f"/proc/{pid}/fd/{_REPLY}", os.O_WRONLY | os.O_CLOEXEC)
            self.handed.append(os.open(f"/proc/{pid}/cwd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            # From here on our end is what the shell sees.
            os.write(self._reply, b"+\n")
        except BaseException:
            os.close(self.process)
            raise

    def take(self) -> bool:
        """Take the request; False when the shell has taken it back, and is or becomes an interpreter."""
        try:
            fd = os.open(f"/proc/{self.pid}/fd/{_REQUEST}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return os.read(fd, 1) != b""
        finally:
            os.close(fd)

    def request(self) -> tuple[list[str], dict[bytes, bytes]] | None:
        """Return arguments and environment of the start; None of one that is not ours. Raises OSError."""
        words = [os.fsdecode(word) for word in read(f"/proc/{self.pid}/cmdline").split(b"\0")[_OWN_WORDS:-1]]
        if words[:1] != [sys.executable] or len(words) < _START_WORDS:
            return None
        pairs = (entry.partition(b"=") for entry in read(f"/proc/{self.pid}/environ").split(b"\0"))
        environ = {name: value for name, equals, value in pairs if equals}
        return words[3:], environ

    def sendall(self, code: bytes) -> None:
        """Give the shell its exit code, one byte as on a template's socket."""
        os.write(self._reply, f"{code[0]}\n".encode())

    def close(self) -> None:
        os.close(self._reply)
