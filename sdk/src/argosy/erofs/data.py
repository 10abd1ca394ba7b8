"""Bytes of files into an image: at the next free block, holes kept as holes."""

from __future__ import annotations

from argosy.erofs.image import BLOCK, MAX_BLOCKS
from argosy.errors import InvalidArgument
from argosy.kernel.files import copy_bytes


class Appender:
    """Appends whole files to an image, each at a block of its own. ``end`` is where the data ends, in bytes; ``block`` is a block's size."""

    def __init__(self, fd: int, end: int, block: int = BLOCK) -> None:
        self.fd = fd
        self.end = end
        self.block = block

    def reserve(self, size: int) -> int:
        """Return the offset of size free bytes. Raises InvalidArgument when the image can't grow so far."""
        at = -(-self.end // self.block) * self.block
        if (at + size) // self.block > MAX_BLOCKS:
            raise InvalidArgument(f"{at + size} bytes are more than an image of {self.block}-byte blocks holds")
        self.end = at + size
        return at

    def file(self, source: int, size: int) -> int:
        """Append size bytes of an open regular file; return its first block. Bytes that are missing read as zeros."""
        at = self.reserve(size)
        copy_bytes(source, self.fd, size, at)
        return at // self.block
