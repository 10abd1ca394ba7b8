"""The door of a template: a FIFO where a ``start`` that is a shell asks for a shim.

Two thirds of a start are an interpreter that only has to hand over what it was given. All of that can be seen in /proc, so
bash is enough: it writes its pid and its start time (one record, padded) and waits at descriptor 3, a pipe without a name
whose other end a spare opens. "+" says that somebody is at it, and a line with the exit code that it is done. From "+" on the
end of the pipe tells bash that there will be no code; before, it looks whether the template is still there. In both cases
it goes on by itself, as it does where there is no door or where bash has no pipe for a here-string (before 5.1).
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from typing import Final

from argosy.kernel.place import read
from argosy.kernel.process import descriptor_of, start_time

RECORD: Final = 32
_REPLY: Final = 3
# Where bash keeps what 0, 1 and 2 were.
_STREAMS: Final = (5, 6, 7)
# The words of bash's command line before those that it would go on with: bash, -pc, its text, the door.
_OWN_WORDS: Final = 4
# What it would go on with: interpreter, -I, -S, program, and then its arguments.
_START_WORDS: Final = 4


class Door:
    """The template's side: made once for a daemon, and read by whichever spare is there."""

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
        """Take the door away; what is behind it goes on."""
        if self.fd >= 0:
            for path in (self._path, f"{self._path}.pid"):
                if os.path.exists(path):
                    os.unlink(path)

    def knocked(self) -> Knock | None:
        """Return who knocks, or None when nobody does, or somebody who has gone or can't be asked."""
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
