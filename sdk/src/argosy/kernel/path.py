"""Paths below a root that may be hostile: every look-up is resolved by the kernel, inside the root (openat2)."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from typing import Final

from argosy.kernel.libc import syscall

RESOLVE_NO_XDEV: Final = 0x01
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
        info = os.fstat(found)
        if not stat.S_ISREG(info.st_mode):
            raise ValueError(f"{path} is no regular file")
        if info.st_size > limit:
            raise ValueError(f"{path} is larger than {limit} bytes")
        with open(f"/proc/self/fd/{found}", "rb") as reader:
            data = reader.read(limit + 1)
    finally:
        os.close(found)
    if len(data) > limit:
        raise ValueError(f"{path} is larger than {limit} bytes")
    return data
