"""What the standard library has no name for: a disk that is full, two paths that change places, what a file system is, all of several descriptors."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Sequence
from typing import Final

from argosy.errors import ResourceExhausted
from argosy.kernel.libc import call, syscall

_RENAMEAT2: Final = 316
_EXCHANGE: Final = 2
_AT_FDCWD: Final = -100
_TMPFS: Final = 0x01021994


def full_disk(error: OSError, noun: str) -> OSError | ResourceExhausted:
    """Return the error to raise for error: a full disk has its own class and remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceExhausted(f"{noun}: the disk is full; free some space and try again, what is there is kept")
    return error


def exchange(one: str, other: str) -> None:
    """Let two paths of one file system change places, at once (renameat2(2)). Raises OSError."""
    names = (os.fsencode(one), os.fsencode(other))
    syscall(
        _RENAMEAT2, ctypes.c_int(_AT_FDCWD), names[0], ctypes.c_int(_AT_FDCWD), names[1], ctypes.c_uint(_EXCHANGE), path=one
    )


def on_tmpfs(path: str) -> bool:
    """Return whether path is in memory. Raises OSError."""
    buffer = (ctypes.c_long * 32)()
    call("statfs", os.fsencode(path), buffer, path=path)
    return bool(buffer[0] == _TMPFS)


def open_directories(paths: Sequence[str]) -> list[int]:
    """Return a descriptor for each directory, good for paths below it and nothing else. Raises OSError; none is left open then."""
    found: list[int] = []
    try:
        for path in paths:
            found.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))  # noqa: PERF401 - what is open must be known
    except OSError:
        for fd in found:
            os.close(fd)
        raise
    return found
