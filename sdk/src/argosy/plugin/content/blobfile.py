"""Blob files: where containerd's local store keeps a blob below its root, and the bytes of one by range."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

from argosy.digest import Digest
from argosy.errors import NotFound, OutOfRange

READ_FRAME_BYTES: Final = 1 << 20
_OPEN_BLOBS: Final = 8
_OPEN_S: Final = 1.0


def blob_path(root: Path, digest: Digest) -> Path:
    return root / "blobs" / digest.algorithm / digest.hex


def open_blob(root: Path, digest: Digest) -> int:
    """Return a descriptor to read a blob from. Raises NotFound."""
    try:
        return os.open(blob_path(root, digest), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(f"content digest {digest}") from None


def frames(fd: int, offset: int, size: int) -> Generator[bytes, None, None]:
    """Yield size bytes (0: to the end) from offset, a frame at a time; closes fd at its end. Raises OutOfRange."""
    try:
        yield from pieces(fd, os.fstat(fd).st_size, offset, size)
    finally:
        os.close(fd)


def pieces(fd: int, total: int, offset: int, size: int) -> Iterator[bytes]:
    """Yield size bytes (0: to the end) from offset of a blob of total bytes, a frame at a time. Raises OutOfRange."""
    offset = max(0, offset)
    if offset > total:
        raise OutOfRange(f"read past object length {total} bytes")
    end = total if size <= 0 else min(total, offset + size)
    while offset < end:
        # The page cache answers faster than a thread does; a cold read blocks for one frame.
        data = os.pread(fd, min(READ_FRAME_BYTES, end - offset), offset)
        if not data:
            return
        yield data
        offset += len(data)


class _Open:
    """A blob's descriptor; the cache is one of its users."""

    def __init__(self, fd: int) -> None:
        self.fd, self.size, self.users = fd, os.fstat(fd).st_size, 1

    def release(self) -> None:
        self.users -= 1
        if not self.users:
            os.close(self.fd)


class OpenBlobs:
    """The blobs that were read last, kept open for a moment: Go's clients read 32 KiB at a time, each a call of its own.

    For one loop's thread. A blob that is deleted must be forgotten, or its disk space stays taken for as long.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[str, _Open] = {}
        self._used_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def read(self, digest: str, offset: int, size: int) -> Iterator[bytes]:
        """Yield a range of a blob as ``frames`` does. Raises InvalidArgument, NotFound, OutOfRange."""
        loop = asyncio.get_running_loop()
        self._used_s = loop.time()
        found = self._open.get(digest)
        if found is None:
            found = _Open(open_blob(self._root, Digest.parse(digest)))
            while len(self._open) >= _OPEN_BLOBS:
                self.forget(next(iter(self._open)))
            self._open[digest] = found
            if self._timer is None:
                self._timer = loop.call_later(_OPEN_S, self._close_unused)
        found.users += 1
        try:
            yield from pieces(found.fd, found.size, offset, size)
        finally:
            found.release()

    def forget(self, digest: str) -> None:
        """Let go of a blob; who reads it reads on."""
        found = self._open.pop(digest, None)
        if found is not None:
            found.release()

    def _close_unused(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._used_s + _OPEN_S - loop.time()
        if left > 0:
            self._timer = loop.call_later(left, self._close_unused)
        else:
            self.close()

    def close(self) -> None:
        """Let go of all."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for digest in list(self._open):
            self.forget(digest)
