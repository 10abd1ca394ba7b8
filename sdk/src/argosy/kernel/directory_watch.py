"""Hearing of what comes and goes in a directory: inotify(7)."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import Final

from argosy.kernel.libc import call

_ATTRIB, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x4, 0x8, 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _ONLY_A_DIRECTORY = 0x400, 0x800, 0x01000000
_MASK: Final = (
    _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _ONLY_A_DIRECTORY
)
_READ_BYTES: Final = 65536


def watch_directory(path: str | os.PathLike[str]) -> int:
    """Return a descriptor that can be read from once something in a directory, or the directory itself, is another. Raises OSError."""
    fd = call("inotify_init1", ctypes.c_int(os.O_CLOEXEC | os.O_NONBLOCK))
    try:
        call("inotify_add_watch", ctypes.c_int(fd), os.fsencode(path), ctypes.c_uint32(_MASK), path=os.fspath(path))
    except OSError:
        os.close(fd)
        raise
    return fd


def take_news(fd: int) -> None:
    """Read all that there is to read, so that the next change is news."""
    with suppress(BlockingIOError):
        while os.read(fd, _READ_BYTES):
            pass
