"""Starting a program with chosen descriptors, and finding it on PATH."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Stdio(NamedTuple):
    """Descriptors a runtime hands to the process it makes."""

    stdin: int
    stdout: int
    stderr: int


def spawn(
    command: Sequence[str], stdio: Stdio, env: Mapping[str, str] | None = None, extra: Sequence[tuple[int, int]] = ()
) -> int:
    """Start a program with these descriptors as 0, 1, 2 (and extra (from, to) pairs); return its pid.

    posix_spawn uses vfork: no copy of our page tables. Raises OSError.
    """
    actions: list[tuple[int, ...]] = []
    # Move sources out of the way of the targets first, or one dup2 may overwrite the next one's source.
    pairs = [(stdio.stdin, 0), (stdio.stdout, 1), (stdio.stderr, 2), *extra]
    moved = [(os.dup(source), target) for source, target in pairs]
    high = [(_above(source), target) for source, target in moved]
    try:
        for source, target in high:
            actions.append((os.POSIX_SPAWN_DUP2, source, target))
        return os.posix_spawn(
            command[0], list(command), dict(os.environ if env is None else env), file_actions=actions, setsigdef=[13]
        )
    finally:
        for source, _ in high:
            os.close(source)


def _above(fd: int, floor: int = 10) -> int:
    """Return a close-on-exec duplicate of fd that is at least floor; fd is closed."""
    import fcntl

    if fd >= floor:
        return fd
    duplicate = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, floor)
    os.close(fd)
    return duplicate


def exit_code(status: int) -> int:
    """Return a wait status as a shell shows it: 128 + signal for a killed process."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def on_path(name: str) -> str | None:
    """Return the program of that name or path. shutil has the same, but takes every shim longer to import than this."""
    places = [""] if "/" in name else os.environ.get("PATH", os.defpath).split(os.pathsep)
    for place in places:
        path = os.path.join(place, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None
