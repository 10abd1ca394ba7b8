"""A place: all that a process takes over from the one that starts it, as text. Templates work for processes of their own place only."""

from __future__ import annotations

import os
import sys
from typing import Final

_NAMESPACES: Final = ("cgroup", "mnt", "pid", "net", "user", "ipc", "uts", "time")
_STATUS: Final = ("Uid", "Gid", "Groups", "Cap", "NoNew", "Seccomp:", "Cpus_allowed:")
_TEXT_BYTES: Final = 65536


def place(pid: int, interpreter: str, program: str) -> str:
    """Return the place of process pid, which has program run by interpreter: what the program's own ``place`` would come to.

    Raises OSError where /proc is not as expected.
    """
    root = os.stat(f"/proc/{pid}/root/")
    nice = os.getpriority(os.PRIO_PROCESS, pid)
    parts = [sys.version, interpreter, program, str((root.st_ino, root.st_dev)), str(nice)]
    parts += [os.readlink(f"/proc/{pid}/ns/{name}") for name in _NAMESPACES]
    for name in ("cgroup", "limits", "oom_score_adj", "status"):
        text = read(f"/proc/{pid}/{name}").decode("utf-8", "replace")
        if name == "status":
            text = "\n".join(line for line in text.split("\n") if line.startswith(_STATUS))
        parts.append(text)
    return "\n".join(parts)


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
