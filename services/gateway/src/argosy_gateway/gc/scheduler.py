"""When to collect: after deletions soon, after many mutations eventually, never more than a share of the time.

Thresholds are containerd's: ``pause_threshold`` is the share of time a collection may take (0.02: one of 50 ms at most
every 2.5 s), ``deletion_threshold`` 0 means any deletion is collected at the next occasion, ``mutation_threshold``
mutations are too, ``schedule_delay`` and ``startup_delay`` wait first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from argosy import log
from argosy.errors import ArgosyError, Unknown

logger = log.get("gateway.gc")

_FIRST_INTERVAL_S: Final = 1.0
# What was left out is tried again after this long, and after twice that each time.
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
        self._left = False
        self._retry_at = 0.0
        self._retry_s = _RETRY_FIRST_S
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

    def again(self) -> None:
        """Collect once more when it is due: something was left out."""
        self._left = True

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
        average = max(self._total_s / self.runs, _LEAST_AVERAGE_S)
        share = min(max(self._t.pause_threshold, 0.0), 0.5)
        return average / share - average if share > 0 else 0.0

    def _nap(self) -> float:
        nap = max(self._interval(), 0.05)
        return min(nap, max(self._retry_at - time.monotonic(), 0.05)) if self._left else nap

    def _due(self) -> bool:
        if self._triggered or not self.runs:
            return True
        if self._deletions > max(0, self._t.deletion_threshold - 1):
            return True
        if self._left and time.monotonic() >= self._retry_at:
            return True
        return self._mutations >= self._t.mutation_threshold > 0

    async def run(self) -> None:
        """Collect for ever."""
        await asyncio.sleep(self._t.startup_delay_s)
        earliest = 0.0
        while True:
            if not self._due():
                self._wake.clear()
                try:
                    await asyncio.wait_for(self._wake.wait(), self._nap())
                except TimeoutError:
                    pass
                continue
            if not self._waiters:
                # Deletions come in bursts; one collection serves them all.
                wait = max(self._t.schedule_delay_s, earliest - time.monotonic())
                if wait > 0:
                    self._wake.clear()
                    try:
                        await asyncio.wait_for(self._until_asked(), wait)
                    except TimeoutError:
                        pass
            elif self._t.schedule_delay_s:
                await asyncio.sleep(self._t.schedule_delay_s)
            earliest = await self._once()

    async def _until_asked(self) -> None:
        while not self._waiters:
            self._wake.clear()
            await self._wake.wait()

    async def _once(self) -> float:
        waiters, self._waiters = self._waiters, []
        self._triggered = False
        self._deletions = self._mutations = 0
        self._left = False
        began = time.monotonic()
        try:
            await self._collect()
        except Exception as error:
            logger.error("gc.failed", error=str(error), exc_info=error)
            self._deletions += 1  # try again
            failure = error if isinstance(error, ArgosyError) else Unknown(f"gc failed: {error}")
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(failure)
            return time.monotonic() + self._interval() + 1.0
        self.last_s = time.monotonic() - began
        self._total_s += self.last_s
        self.runs += 1
        self._retry_s = min(self._retry_s * 2, _RETRY_MOST_S) if self._left else _RETRY_FIRST_S
        self._retry_at = time.monotonic() + self._retry_s
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        return time.monotonic() + self._interval()
