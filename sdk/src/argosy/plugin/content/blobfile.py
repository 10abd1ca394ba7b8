"""Blob files: where containerd's local store keeps a blob below its root, and the bytes of one by range."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from argosy.digest import Digest
from argosy.errors import NotFound, OutOfRange

READ_FRAME_BYTES: Final = 1 << 20


def blob_path(root: Path, digest: Digest) -> Path:
    return root / "blobs" / digest.algorithm / digest.hex


def open_blob(root: Path, digest: Digest) -> int:
    """Return a descriptor to read a blob from. Raises NotFound."""
    try:
        return os.open(blob_path(root, digest), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(f"content digest {digest}") from None


def frames(fd: int, offset: int, size: int) -> Iterator[bytes]:
    """Yield size bytes (0: to the end) from offset, a frame at a time; closes fd at its end. Raises OutOfRange."""
    try:
        total = os.fstat(fd).st_size
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
    finally:
        os.close(fd)
