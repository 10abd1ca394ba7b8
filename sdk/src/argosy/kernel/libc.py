"""libc through ctypes: one handle, errno turned into OSError."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def syscall(number: int, *args: Any, path: str | None = None) -> int:
    """Make a raw system call. Raises OSError with path as its file name."""
    result: int = _LIBC.syscall(ctypes.c_long(number), *args)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return result


def call(name: str, *args: Any, path: str | None = None) -> int:
    """Call a libc function that answers -1 on failure. Raises OSError with path as its file name."""
    result: int = getattr(_LIBC, name)(*args)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return result
