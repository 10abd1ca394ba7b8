"""Blobs on their way from one place to another: pieces whose maker ends with their reader, and whose last one comes only if all were right."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from argosy.digest import Digest, hasher
from argosy.errors import DataLoss
from argosy.oci.image import Descriptor


def ended(pieces: AsyncIterator[bytes]) -> aclosing[AsyncGenerator[bytes, None]]:
    """Return pieces for a block at whose end whoever makes them ends, too."""
    return aclosing(generated(pieces))


async def generated(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield pieces; who makes them is closed with this generator, where that can be."""
    try:
        async for piece in pieces:
            yield piece
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


async def checked(d: Descriptor, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield a blob's bytes; its last ones only if all are those of its descriptor.

    So whoever passes a blob on to somebody who waits for its length never completes a wrong one. Raises DataLoss.
    """
    parsed = Digest.parse(d.digest)
    running, size, kept = hasher(parsed.algorithm), 0, b""
    async with ended(pieces) as stream:
        async for piece in stream:
            size += len(piece)
            if size > d.size:
                raise DataLoss(f"{d.digest} has more than the {d.size} bytes that its descriptor says")
            running.update(piece)
            if kept:
                yield kept
            kept = bytes(piece)
    if size != d.size:
        raise DataLoss(f"{d.digest} has {size} bytes, its descriptor says {d.size}")
    if running.hexdigest() != parsed.hex:
        raise DataLoss(f"{d.digest} holds other bytes than its digest says")
    if kept:
        yield kept
