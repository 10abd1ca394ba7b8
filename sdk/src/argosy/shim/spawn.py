"""Starting a program with chosen descriptors, finding it on PATH, and telling children that we started from orphans that we adopted."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

# Processes whose end somebody here wants to hear of: helpers that are waited for, and those of containers.
_known: Final[set[int]] = set()
# What a shim ignores is not for its helpers to ignore, nor for what they become.
_DEFAULT: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGTERM, signal.SIGCHLD)
# Held while a process is made, until it is known.
_making: Final = threading.Lock()


class Stdio(NamedTuple):
    """Descriptors a runtime hands to the process it makes."""

    stdin: int
    stdout: int
    stderr: int


def spawn(
    command: Sequence[str], stdio: Stdio, env: Mapping[str, str] | None = None, extra: Sequence[tuple[int, int]] = ()
) -> int:
    """Start a program with these descriptors as 0, 1, 2 (and extra (from, to) pairs); return its pid, for ``wait``.

    posix_spawn uses vfork: no copy of our page tables. Raises OSError.
    """
    actions: list[tuple[int, ...]] = []
    moved: list[int] = []
    try:
        # Move sources out of the way of the targets first, or one dup2 may overwrite the next one's source.
        for source, target in [(stdio.stdin, 0), (stdio.stdout, 1), (stdio.stderr, 2), *extra]:
            moved.append(_above(source))
            actions.append((os.POSIX_SPAWN_DUP2, moved[-1], target))
        with _making:
            pid = os.posix_spawn(
                command[0], list(command), dict(os.environ if env is None else env), file_actions=actions, setsigdef=_DEFAULT
            )
            know(pid)
        return pid
    finally:
        for fd in moved:
            os.close(fd)


def _above(fd: int, floor: int = 10) -> int:
    """Return a close-on-exec duplicate of fd that is at least floor. Raises OSError."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, floor)


def wait(pid: int) -> int:
    """Wait for the end of what ``spawn`` has started; return its wait status."""
    try:
        return os.waitpid(pid, 0)[1]
    finally:
        forget(pid)


def know(pid: int) -> None:
    """Keep ``reap_orphans`` from a child whose exit status somebody waits for, until ``forget``."""
    _known.add(pid)


def forget(pid: int) -> None:
    """The exit status of a child is known, or not wanted any more: ``reap_orphans`` may take it."""
    _known.discard(pid)


def known() -> list[int]:
    return list(_known)


def reap_orphans(also_known: Collection[int] = (), stop: Callable[[], bool] = lambda: False) -> bool:
    """Reap adopted children: processes of a container whose parent ended before them.

    Which of the ended comes first is the kernel's choice. Where that is one whose end is wanted, or stop says so, the rest are left
    for now, and False is returned: try again soon.
    """
    with _making:
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return True
            if found is None:
                return True
            if found.si_pid in _known or found.si_pid in also_known or stop():
                return False
            try:
                os.waitid(os.P_PID, found.si_pid, os.WEXITED | os.WNOHANG)
            except ChildProcessError:
                continue  # it was known as we looked, and the thread that waits for it has taken it since


def on_path(name: str) -> str | None:
    """Return the program of that name or path. shutil has the same, but takes every shim longer to import than this."""
    folders = [""] if "/" in name else os.environ.get("PATH", os.defpath).split(os.pathsep)
    for folder in folders:
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None
