"""Paths below a root that may be hostile: every look-up is resolved by the kernel, inside the root (openat2).

A name that somebody else chose may be a device, a FIFO or a symlink. Such a name is never opened to see what it is: ``peek``
refers to it (O_PATH), fstat says what it is, and ``open_regular`` alone opens it for reading, when it is a regular file.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from argosy.kernel.libc import syscall

RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_NO_SYMLINKS: Final = 0x04
RESOLVE_BENEATH: Final = 0x08
RESOLVE_IN_ROOT: Final = 0x10
# openat2 gives EAGAIN when a rename raced with it; a handful of tries outlives any honest race.
_RETRIES: Final = 64


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_in_root(root: int, path: str | bytes, flags: int, mode: int = 0, resolve: int = RESOLVE_IN_ROOT) -> int:
    """Open path as if root (a directory descriptor) were ``/``: absolute and relative symlinks stay inside.

    The descriptor is close-on-exec. Magic links are never followed. Raises OSError.
    """
    raw = os.fsencode(path)
    how = _How(flags | os.O_CLOEXEC, mode, resolve | RESOLVE_NO_MAGICLINKS)
    for attempt in range(_RETRIES):
        try:
            return syscall(
                "openat2", ctypes.c_int(root), ctypes.c_char_p(raw), ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how)),
                path=os.fsdecode(raw),
            )  # fmt: skip
        except OSError as error:
            if error.errno != errno.EAGAIN or attempt == _RETRIES - 1:
                raise
    raise AssertionError("unreachable: the loop returns or raises")


@contextmanager
def peek(directory: int, path: str | bytes) -> Iterator[tuple[int, os.stat_result]]:
    """Yield an O_PATH descriptor of what path names beneath directory, with its fstat.

    No symlink is followed, the last part's neither, and nothing is opened: a device does not notice, a FIFO does not wait.
    Raises OSError (ELOOP where a symlink is on the way).
    """
    if b"/" in os.fsencode(path):
        fd = open_in_root(directory, path, os.O_PATH | os.O_NOFOLLOW, resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
    else:
        # One name in an open directory needs no resolving.
        fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        yield fd, os.fstat(fd)
    finally:
        os.close(fd)


def open_regular(seen: int, flags: int = os.O_RDONLY) -> int:
    """Open what an O_PATH descriptor refers to, through /proc/self/fd. Raises OSError: EINVAL when it is no regular file."""
    if not stat.S_ISREG(os.fstat(seen).st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    return os.open(f"/proc/self/fd/{seen}", flags | os.O_CLOEXEC)


def open_regular_at(directory: int, path: str | bytes) -> int:
    """Open a regular file beneath directory for reading; no symlink is followed. Raises OSError: EINVAL when it is none."""
    with peek(directory, path) as (seen, _):
        return open_regular(seen)


def read_in_root(root: str, path: str, limit: int) -> bytes | None:
    """Return at most limit bytes of a regular file below root, or None when there is none.

    What it is is found out before it is opened: opening a device, whoever put its node there, already does something.
    Raises ValueError when the file is larger, or no regular file.
    """
    top = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = open_in_root(top, path, os.O_PATH)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise
    finally:
        os.close(top)
    try:
        file = open_regular(found)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise ValueError(f"{path} is no regular file") from None
        raise
    finally:
        os.close(found)
    with os.fdopen(file, "rb") as reader:
        if os.fstat(file).st_size > limit:
            raise ValueError(f"{path} is larger than {limit} bytes")
        data = reader.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"{path} is larger than {limit} bytes")
    return data
