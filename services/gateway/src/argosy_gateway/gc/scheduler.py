"""Decides when to collect: after deletions soon, after many mutations eventually, for no more than a share of the time.

Thresholds are containerd's: ``pause_threshold`` is the share of time a collection may take (0.02: one of 50 ms at most
every 2.5 s), ``deletion_threshold`` 0 means any deletion is collected at the next occasion, ``mutation_threshold``
mutations are too, ``schedule_delay`` and ``startup_delay`` wait first.

Unlike containerd's, the pause that the share asks for follows the last collection when that took longer than the average, and ends
after a minute, and much sooner when a plugin had no room: what was removed may still lie there.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from argosy import log
from argosy.errors import ArgosyError, Unknown

logger = log.get("gateway.gc")

_FIRST_INTERVAL_S: Final = 1.0
# However long a collection took: what was removed keeps its room no longer than this.
_LONGEST_PAUSE_S: Final = 60.0
# The same when a plugin had no room, and how many times as long as the last collection took: it runs a fifth of the time at most.
_FULL_PAUSE_S, _FULL_TIMES = 1.0, 4
# What was left out is tried again after twice this long, and after twice as long each time.
_RETRY_FIRST_S, _RETRY_MOST_S = 1.0, 60.0
# A collection counts as at least this long, so that an empty store is not collected without end.
_LEAST_AVERAGE_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The scheduler's settings; delays are seconds."""

    pause_threshold: float = 0.02
    deletion_threshold: int = 0
    mutation_threshold: int = 100
    schedule_delay_s: float = 0.0
    startup_delay_s: float = 0.1


class Scheduler:
    """Runs ``collect`` when it is due, one at a time."""

    def __init__(self, collect: Callable[[], Awaitable[object]], thresholds: Thresholds) -> None:
        self._collect = collect
        self._t = thresholds
        self._wake = asyncio.Event()
        self._triggered = False
        self._deletions = self._mutations = 0
        self._left = self._waited = False
        self._retry_at = 0.0
        self._retry_s = _RETRY_FIRST_S
        self._full = False
        self._ended = -math.inf
        self._pause_s = 0.0
        self._took_s = 0.0
        self._waiters: list[asyncio.Future[None]] = []
        self._total_s = 0.0
        self.runs = 0
        self.last_s = 0.0

    def mutated(self, dirty: bool) -> None:
        """Note a change; dirty when something was deleted."""
        self._mutations += 1
        if dirty:
            self._deletions += 1
            self._wake.set()

    def again(self, waited: bool = False) -> None:
        """Collect once more when it is due: something was left out. waited: for a plugin that did not do it, so that the time it took says nothing."""
        self._left, self._waited = True, waited

    def full(self) -> None:
        """Note that a plugin had no room: collect soon."""
        self._full = True
        self._wake.set()

    async def collect_now(self) -> None:
        """Wait for a collection that starts after this call. Raises Unknown when it failed."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._triggered = True
        self._wake.set()
        await waiter

    def _interval(self) -> float:
        if not self.runs:
            return _FIRST_INTERVAL_S
        # The first ones, of an empty store, say nothing about one that has just dropped a thousand snapshots.
        took = max(self._total_s / self.runs, 0.0 if self._waited else self.last_s, _LEAST_AVERAGE_S)
        share = min(max(self._t.pause_threshold, 0.0), 0.5)
        return min(took / share - took, _LONGEST_PAUSE_S) if share > 0 else 0.0

    def _wait(self, since: float) -> float:
        """Return how long to wait, in seconds, with what has been due since a time."""
        pause = self._pause_s
        if self._full:
            pause = min(pause, max(self._took_s * _FULL_TIMES, _FULL_PAUSE_S))
        return max(since + self._t.schedule_delay_s, self._ended + pause) - time.monotonic()

    async def _woken(self, within_s: float) -> None:
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), within_s)
        except TimeoutError:
            pass

    def _nap(self) -> float:
        nap = max(self._interval(), 0.05)
        return min(nap, max(self._retry_at - time.monotonic(), 0.05)) if self._left else nap

    def _due(self) -> bool:
        if self._triggered or self._full or not self.runs:
            return True
        if self._deletions > max(0, self._t.deletion_threshold - 1):
            return True
        if self._left and time.monotonic() >= self._retry_at:
            return True
        return self._mutations >= self._t.mutation_threshold > 0

    async def run(self) -> None:
        """Collect for ever."""
        await asyncio.sleep(self._t.startup_delay_s)
        while True:
            if not self._due():
                await self._woken(self._nap())
                continue
            if self._waiters:
                await asyncio.sleep(self._t.schedule_delay_s)
            else:
                # Deletions come in bursts; one collection serves them all.
                since = time.monotonic()
                while not self._waiters and (wait := self._wait(since)) > 0:
                    await self._woken(wait)
            await self._once()

    async def _once(self) -> None:
        waiters, self._waiters = self._waiters, []
        self._triggered = False
        self._deletions = self._mutations = 0
        self._left = self._waited = False
        began = time.monotonic()
        try:
            await self._collect()
        except Exception as error:
            self._rest(began)
            self._pause_s += 1.0
            logger.error("gc.failed", error=str(error), exc_info=error)
            self._deletions += 1  # try again
            failure = error if isinstance(error, ArgosyError) else Unknown(f"gc failed: {error}")
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(failure)
            return
        self.last_s = time.monotonic() - began
        self._total_s += self.last_s
        self.runs += 1
        self._rest(began)
        self._retry_s = min(self._retry_s * 2, _RETRY_MOST_S) if self._left else _RETRY_FIRST_S
        self._retry_at = time.monotonic() + self._retry_s
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _rest(self, began: float) -> None:
        # Whoever had no room meanwhile may have been the collection itself; what it left out is tried again at its own pace.
        self._full = False
        self._ended = time.monotonic()
        self._took_s, self._pause_s = self._ended - began, self._interval()
