"""The surroundings of a process, as text: cgroups, namespaces, limits, capabilities and all else that it inherits from the one that starts it.

A template forks only for programs in its own surroundings.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

_NAMESPACES: Final = ("cgroup", "mnt", "pid", "net", "user", "ipc", "uts", "time")
_STATUS: Final = ("Uid", "Gid", "Groups", "Cap", "NoNew", "Seccomp:", "Cpus_allowed:")
_TEXT_BYTES: Final = 65536


def surroundings(pid: int, status: Sequence[str] = (), files: Sequence[str] = ()) -> str:
    """Return the surroundings of process pid as the kernel tells it.

    status are more lines of /proc/PID/status that belong to them, files more files of /proc/PID, where there are such. Whoever judges a
    process by it holds a pidfd that was opened before, and looks afterwards whether that process is still there: a pid may be another's by now.
    Raises OSError where /proc is not as expected.
    """
    root = os.stat(f"/proc/{pid}/root/")
    nice = os.getpriority(os.PRIO_PROCESS, pid)
    parts = [str((root.st_ino, root.st_dev)), str(nice)]
    parts += [os.readlink(f"/proc/{pid}/ns/{name}") for name in _NAMESPACES]
    for name in ("cgroup", "limits", "oom_score_adj", "status"):
        text = read(f"/proc/{pid}/{name}").decode("utf-8", "replace")
        if name == "status":
            text = "\n".join(line for line in text.split("\n") if line.startswith((*_STATUS, *status)))
        parts.append(text)
    for name in files:
        try:
            parts.append(f"{name} {read(f'/proc/{pid}/{name}')!r}")
        except OSError:
            pass  # this kernel has no such file, or no security module answers
    return "\n".join(parts)


def key(pid: int, interpreter: str, program: str) -> str:
    """Return the text whose hash names the socket of a template: the program's own ``surroundings`` comes to the same. It proves nothing.

    Raises OSError where /proc is not as expected.
    """
    return "\n".join((sys.version, interpreter, program, surroundings(pid)))


def read(path: str) -> bytes:
    """Return a file of /proc, whose size is not to be known before. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(fd, _TEXT_BYTES):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)
