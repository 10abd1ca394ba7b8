"""What the standard library has no name for: two paths that change places, and what a file system is."""

from __future__ import annotations

import ctypes
import os
from typing import Final

from argosy.kernel.libc import call, syscall

_RENAMEAT2: Final = 316
_EXCHANGE: Final = 2
_AT_FDCWD: Final = -100
_TMPFS: Final = 0x01021994


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
