"""A file that another process is still writing to, read to its end: how many bytes it will have is known."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from typing import IO, Any, Final

from argosy.errors import Aborted

# How long to wait for more bytes: a reader that is so late costs its layer nothing.
_LOOK_S: Final = 0.02


def _nobody(_: int) -> None:
    """Hear nothing of it."""


class Growing(io.RawIOBase):
    """Reads a file that only grows. Closing it leaves the file open, which is its opener's."""

    def __init__(self, file: IO[bytes], size: int, came: Callable[[int], object] = _nobody) -> None:
        """file is read from its beginning; size is how many bytes it is said to have in the end; came is told how many have come."""
        self._fd, self._size, self._at = file.fileno(), size, 0
        self._came = came

    def fileno(self) -> int:
        return self._fd

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there; wait while there is nothing. Returns 0 at the end. Raises Aborted when no more can come."""
        view = memoryview(buffer)[: self._size - self._at]
        while view:
            got = os.preadv(self._fd, [view], self._at)
            if got:
                self._at += got
                self._came(self._at)
                return got
            found = os.fstat(self._fd)
            if not found.st_nlink or found.st_size < self._at:
                raise Aborted("what is unpacked while it is fetched was thrown away; it is fetched anew")
            time.sleep(_LOOK_S)
        return 0
