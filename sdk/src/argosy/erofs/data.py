"""Bytes of files into an image: at the next free block, holes kept as holes."""

from __future__ import annotations

import errno
import os
from typing import Final

from argosy.erofs.image import BLOCK

_COPY: Final = 64 << 20


class Appender:
    """Appends whole files to an image, each at a block of its own. ``end`` is where the data ends, in bytes."""

    def __init__(self, fd: int, end: int) -> None:
        self.fd = fd
        self.end = end

    def reserve(self, size: int) -> int:
        """Return the offset of size free bytes."""
        at = -(-self.end // BLOCK) * BLOCK
        self.end = at + size
        return at

    def file(self, source: int, size: int) -> int:
        """Append size bytes of an open file; return its first block. Bytes that are missing read as zeros."""
        at = self.reserve(size)
        done = 0
        while done < size:
            try:
                done = os.lseek(source, done, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    break  # nothing but a hole is left
                raise
            hole = min(os.lseek(source, done, os.SEEK_HOLE), size)
            while done < hole:
                sent = _copy(source, self.fd, hole - done, done, at + done)
                if not sent:
                    return at // BLOCK
                done += sent
        return at // BLOCK


def _copy(source: int, target: int, size: int, offset: int, at: int) -> int:
    try:
        return os.copy_file_range(source, target, min(size, _COPY), offset, at)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
    return os.pwrite(target, os.pread(source, min(size, 1 << 20), offset), at)
