"""Digests between a plugin and the rows: those that are about to be named, and those whose bytes are being dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio


class Held:
    """Digests that are about to be written into a row, and digests whose bytes are being dropped: none is both at once."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._dropping: dict[str, anyio.Event] = {}

    @asynccontextmanager
    async def hold(self, digest: str) -> AsyncIterator[None]:
        """Keep a digest from being dropped; waits until a drop that has begun is over."""
        while (gone := self._dropping.get(digest)) is not None:
            await gone.wait()
        self._held[digest] = self._held.get(digest, 0) + 1
        try:
            yield
        finally:
            self._held[digest] -= 1
            if not self._held[digest]:
                del self._held[digest]

    def holds(self, digest: str) -> bool:
        """Return whether a digest is about to be written into a row."""
        return digest in self._held

    async def drop(self, digest: str, drop: Callable[[], Awaitable[bool]]) -> bool:
        """Call drop and return what it said; False, without a call, when the digest is held or being dropped already."""
        if digest in self._held or digest in self._dropping:
            return False
        gone = self._dropping[digest] = anyio.Event()
        try:
            return await drop()
        finally:
            del self._dropping[digest]
            gone.set()
