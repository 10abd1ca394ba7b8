"""A lock that many users of a store share and a collector has alone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class SharedLock:
    """First come, first served: a waiting collector is not starved by later users."""

    def __init__(self) -> None:
        self._users = 0
        self._alone = False
        self._queue: deque[tuple[bool, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Hold it together with other users."""
        await self._acquire(False)
        try:
            yield
        finally:
            self._users -= 1
            self._admit()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Hold it with nobody else."""
        await self._acquire(True)
        try:
            yield
        finally:
            self._alone = False
            self._admit()

    async def _acquire(self, alone: bool) -> None:
        free = not self._alone and not self._queue and (not alone or self._users == 0)
        if free:
            self._grant(alone)
            return
        waiter = asyncio.get_running_loop().create_future()
        self._queue.append((alone, waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():  # granted and cancelled at once
                if alone:
                    self._alone = False
                else:
                    self._users -= 1
            else:
                self._queue = deque(entry for entry in self._queue if entry[1] is not waiter)
            self._admit()
            raise

    def _grant(self, alone: bool) -> None:
        if alone:
            self._alone = True
        else:
            self._users += 1

    def _admit(self) -> None:
        while self._queue and not self._alone:
            alone, waiter = self._queue[0]
            if alone and self._users:
                return
            self._queue.popleft()
            if waiter.done():
                continue
            self._grant(alone)
            waiter.set_result(None)
