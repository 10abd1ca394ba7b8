"""Processes held by descriptor: pidfd, subreaper, signals by name."""

from __future__ import annotations

import ctypes
import os
import select
import signal
from collections.abc import Sequence
from typing import Final

from argosy.kernel.libc import call, syscall

PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NAME: Final = 15
PR_SET_PDEATHSIG: Final = 1
_CLONE_NEWNET: Final = 0x40000000


def become_subreaper() -> None:
    """Adopt orphaned descendants: they become our children instead of init's."""
    call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def set_name(name: str) -> None:
    """Set the name that ps and top show; the kernel keeps 15 bytes."""
    call("prctl", PR_SET_NAME, ctypes.c_char_p(name.encode()[:15]), 0, 0, 0)


def set_title(words: Sequence[str]) -> None:
    """Show words as our command line, as far as the room of the one we were started with goes."""
    fields = _stat("self")
    begin, end = int(fields[45]), int(fields[46])
    title = b"\0".join(os.fsencode(w) for w in words)[: end - begin - 1]
    ctypes.memmove(begin, title.ljust(end - begin, b"\0"), end - begin)


def die_with_parent(sig: int = signal.SIGKILL) -> None:
    """Ask for sig when the parent thread dies; 0 asks for none."""
    call("prctl", PR_SET_PDEATHSIG, sig, 0, 0, 0)


def alive(pid: int) -> bool:
    """Return whether pid is a process that is not a zombie."""
    try:
        return _stat(pid)[0] not in (b"Z", b"X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def lives(pid: int, started: int) -> bool:
    """Return whether pid is still, and not a zombie, the process that began at started (``start_time``)."""
    try:
        return alive(pid) and start_time(pid) == started
    except (FileNotFoundError, ProcessLookupError):
        return False


def start_time(pid: int) -> int:
    """Return when a process began, in ticks since boot: with its pid, that names it for good. Raises OSError."""
    return int(_stat(pid)[19])


def _stat(pid: int | str) -> list[bytes]:
    """Return what proc(5) tells of a process behind its name, the state first."""
    with open(f"/proc/{pid}/stat", "rb") as stat:
        return stat.read().rpartition(b")")[2].split()


def pidfd(pid: int) -> int:
    """Return a descriptor of pid, readable once it has exited. Raises ProcessLookupError."""
    return os.pidfd_open(pid, 0)


def has_ended(process: int) -> bool:
    """Return whether the process that a pidfd holds has ended."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(0))


def descriptor_of(process: int, fd: int) -> int:
    """Return a duplicate of descriptor fd of the process that a pidfd holds (pidfd_getfd(2)). Raises OSError."""
    return syscall("pidfd_getfd", ctypes.c_int(process), ctypes.c_int(fd), ctypes.c_uint(0))


def enter_network(namespace: str) -> None:
    """Put the calling thread, and it alone, into a network namespace. Raises OSError with namespace as its file name."""
    fd = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        call("setns", ctypes.c_int(fd), ctypes.c_int(_CLONE_NEWNET), path=namespace)
    finally:
        os.close(fd)
