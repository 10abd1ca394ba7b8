"""Processes that somebody else began and left to us: a subreaper's adopted children, ended with what they were for."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterator
from typing import Final

_PATIENCE_S: Final = 2.0


def children() -> Iterator[int]:
    """Yield the pids of this process's children, zombies too."""
    me = os.getpid()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:
                parent = int(stat.read().rpartition(b")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == me:
            yield int(name)


def end_children(keep: Collection[int] = ()) -> None:
    """Kill and reap every child but keep, and what they leave to us, until there is none. Gives up on what will not die.

    Their pids can't be anybody else's: nobody but this thread reaps them.
    """
    if not keep:
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return  # the usual case, without a look at every process there is
    deadline = time.monotonic() + _PATIENCE_S
    while found := [pid for pid in children() if pid not in keep]:
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        for pid in found:
            os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            return  # it waits for a disk; it dies when that answers, and then init has it
        time.sleep(0.001)
