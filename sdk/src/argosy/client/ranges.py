"""Many ranges of one blob at a time, handed on in the order of its bytes, with memory that has a bound.

A part is fetched whole while those before it are handed on: a lane is one such part, from its first byte on the wire until its last was taken.
Lanes are the process's: blobs that are fetched at once share them, and each has its first part without one, so nobody waits for a lane.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Final

from argosy.client.jobs import given_back
from argosy.errors import ArgosyError, InvalidArgument, Unavailable

# What a lane may hold in memory. Larger ones would be fewer in the same memory; smaller ones would spend their time on being asked for.
PART_BYTES: Final = 4 << 20
# With a blob's own part that makes eight connections to a registry, and 28 MiB.
_MOST_LANES: Final = 7
# Less is fetched as fast by one connection as by several: each of them begins slowly.
LARGE_BYTES: Final = 8 * PART_BYTES

Ask = Callable[[int, int], AsyncGenerator[bytes, None]]
"""Yields a blob's bytes from one offset up to another. Whoever stops early closes it."""


class Lanes:
    """How many parts may be under way beside each blob's own; those who want some have as many each."""

    def __init__(self, most: int = _MOST_LANES) -> None:
        self._free = self.most = most
        self._users = 0
        # Other threads may have loops of their own; nothing waits in here.
        self._lock = threading.Lock()

    def resize(self, most: int) -> None:
        """Have that many lanes from now on; those that are taken are given back in their time. Raises InvalidArgument."""
        if most < 0:
            raise InvalidArgument(f"there are 0 lanes or more for ranges of large layers, not {most}")
        with self._lock:
            self._free += most - self.most
            self.most = most

    def enter(self) -> None:
        """Count one more who wants lanes."""
        with self._lock:
            self._users += 1

    def leave(self) -> None:
        """Count one fewer."""
        with self._lock:
            self._users -= 1

    def take(self, held: int) -> bool:
        """Take a lane, unless there is none, or who holds so many has its share."""
        with self._lock:
            if self._free <= 0 or held >= max(1, self.most // max(1, self._users)):
                return False
            self._free -= 1
            return True

    def give(self) -> None:
        """Give a lane back."""
        with self._lock:
            self._free += 1

    @property
    def free(self) -> int:
        """How many nobody has."""
        return self._free


def _lanes() -> Lanes:
    said = os.environ.get("ARGOSY_FETCH_LANES", "")
    # What is no number means what nothing means: no client fails for it that fetches nothing.
    return Lanes(min(int(said), 1024) if said.isascii() and said.isdigit() else _MOST_LANES)


LANES: Final = _lanes()
"""Those of this process: as many as ARGOSY_FETCH_LANES says, 0 for one connection a blob."""


class _Part:
    """One part that is being fetched, and what of it is here and not handed on yet. It has a task of its own until it is closed."""

    def __init__(self, ask: Ask, begin: int, end: int, has_lane: bool) -> None:
        self.has_lane = has_lane
        self._ask, self._begin, self._end = ask, begin, end
        self._here: deque[bytes] = deque()
        self._more = asyncio.Event()
        self._error: ArgosyError | None = None
        self._task = asyncio.create_task(self._fill())  # noqa: TID251 - owned by the part, which cancels it and waits for it; a task group would cancel whoever takes the pieces

    async def _fill(self) -> None:
        missing = self._end - self._begin
        try:
            async with aclosing(self._ask(self._begin, self._end)) as pieces:
                async for piece in pieces:
                    missing -= len(piece)
                    if missing < 0:
                        raise Unavailable(f"more came than the bytes {self._begin} to {self._end} that were asked for")
                    self._here.append(piece)
                    self._more.set()
            if missing:
                raise Unavailable(f"{missing} of the bytes {self._begin} to {self._end} did not come")
        except ArgosyError as error:
            self._error = error

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the part's bytes as they come. Raises what it could not be fetched for, after what came before."""
        while True:
            while self._here:
                yield self._here.popleft()
            if self._task.done():
                if self._error is not None:
                    raise self._error
                self._task.result()
                return
            self._more.clear()
            waiting = asyncio.ensure_future(self._more.wait())  # noqa: TID251 - ended below, whatever comes
            try:
                await asyncio.wait((self._task, waiting), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()

    def cancel(self) -> None:
        self._here.clear()
        self._task.cancel()

    async def closed(self) -> None:
        """Return when the part's connection is gone."""
        await asyncio.wait((self._task,))


async def _closed(parts: Iterable[_Part]) -> None:
    for one in parts:
        await one.closed()


async def in_order(
    ask: Ask, begin: int, end: int, lanes: Lanes = LANES, part: int = PART_BYTES
) -> AsyncGenerator[bytes, None]:
    """Yield a blob's bytes from begin up to end, fetched in parts of that many bytes, several at a time while there are lanes.

    Raises what the part raises whose turn it is: all bytes before it were yielded then. Closing it ends every part that is under way.
    """
    waiting: deque[_Part] = deque()
    held = 0
    own = False
    """Whether the part that needs no lane is under way."""
    at = begin
    lanes.enter()
    try:
        while at < end or waiting:
            while at < end and (not own or lanes.take(held)):
                has_lane, own = own, True
                held += has_lane
                waiting.append(_Part(ask, at, min(at + part, end), has_lane))
                at = min(at + part, end)
            async with aclosing(waiting[0].pieces()) as pieces:
                async for piece in pieces:
                    yield piece
            if waiting.popleft().has_lane:
                held -= 1
                lanes.give()
            else:
                own = False
    finally:
        lanes.leave()
        for _ in range(held):
            lanes.give()
        for one in waiting:
            one.cancel()
        await given_back(_closed(waiting))
