"""A VM's processes (QEMU, virtiofsd) and its directory: made, found again without their maker, ended, removed.

The processes do not die with the shim or pool that started them. Each names the VM's directory in its command line, and by that is
found.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from argosy.errors import NotFound, Unavailable
from argosy.kernel.process import lives, pidfd

from argosy_shim_kata_v2.config import run_directory

_END_S: Final = 10.0


class Process(Protocol):
    """The part of ``subprocess.Popen`` that a VM's process is held by."""

    pid: int

    @property
    def returncode(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...


class Adopted:
    """A process that another process has started, and reaps: that it has ended can be seen, with which code can't."""

    def __init__(self, pid: int, started: int) -> None:
        """Hold the process with that pid and start time (``argosy.kernel.process.start_time``). Raises Unavailable when it is gone."""
        self.pid = pid
        try:
            self._fd = pidfd(pid)
        except OSError:
            raise Unavailable(f"process {pid} is gone") from None
        if not lives(pid, started):
            os.close(self._fd)
            raise Unavailable(f"process {pid} is gone")

    def _ended(self, timeout: float | None) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))

    @property
    def returncode(self) -> int | None:
        return 0 if self._ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return 0

    def kill(self) -> None:
        signal.pidfd_send_signal(self._fd, signal.SIGKILL)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            os.close(self._fd)


def new_folder(name: str) -> Path:
    """Make a VM's directory: fresh, short, ours alone. A stale QEMU with the same path would be taken for the new one."""
    folder = run_directory() / name
    folder.mkdir(mode=0o700, parents=True)
    return folder


def spawn(command: list[str], folder: Path, name: str, fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start one of a VM's processes, which inherits fds; what it says is in folder/name.log. Raises NotFound.

    Its command line must name a path below folder, or ``end_processes`` does not find it.
    """
    with open(folder / f"{name}.log", "ab") as log:
        try:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/", pass_fds=fds
            )
        except FileNotFoundError:
            raise NotFound(f"{command[0]} is not installed") from None


def end_processes(folder: Path) -> None:
    """Kill the processes whose command line names a path below folder, and wait until they have gone."""
    mark = os.fsencode(folder) + b"/"
    for proc in os.listdir("/proc"):
        if not proc.isdigit() or int(proc) == os.getpid():
            continue
        try:
            fd = pidfd(int(proc))
        except OSError:
            continue  # it has gone
        try:
            with open(f"/proc/{proc}/cmdline", "rb") as words:
                if mark not in words.read():
                    continue
            signal.pidfd_send_signal(fd, signal.SIGKILL)
            select.select([fd], [], [], _END_S)
        except (ProcessLookupError, FileNotFoundError):
            pass  # it went by itself
        finally:
            os.close(fd)


def remove(folder: Path) -> None:
    """Remove an ended VM's directory. All that is in it are files; a directory below it is never ours to remove."""
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            with contextlib.suppress(OSError):
                path.unlink()
        folder.rmdir()


def discard(folder: Path) -> None:
    """End a VM that no process holds, and take away what it has left."""
    end_processes(folder)
    # A process that was being started when we looked finds no directory, and ends.
    remove(folder)
