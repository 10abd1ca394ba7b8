"""Cancelling an operation at each of its awaits, one run an await, and looking at what is left each time."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


class Cut:
    """One run that is cancelled while it waits for the nth time, and again as often as told, at its next awaits."""

    def __init__(self, nth: int, times: int) -> None:
        self.awaits = 0
        self._nth, self._times = nth, times

    @types.coroutine
    def run(self, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        step: Callable[[Any], Any] = work.send
        value: Any = None
        while True:
            try:
                waiting = step(value)
            except StopIteration as stop:
                result: T = stop.value
                return result
            self.awaits += 1
            if self._nth <= self.awaits < self._nth + self._times:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()  # takes effect as soon as it waits, which is now
            try:
                value = yield waiting
                step = work.send
            except BaseException as error:
                value, step = error, work.throw

    @property
    def was_cut(self) -> bool:
        return self.awaits >= self._nth


async def at_each_await(
    make: Callable[[], Coroutine[Any, Any, Any]], check: Callable[[bool], Awaitable[None]], times: int = 1, most: int = 200
) -> int:
    """Run what make makes, cancelled at its 1st, 2nd, 3rd... await, until it comes to its end; return how many awaits it has.

    After each run, check is called: with True when the run came to its end, with False when it was cancelled. An operation that was
    cancelled must say so, or have come to its end.
    """
    for nth in range(1, most):
        cut = Cut(nth, times)

        async def one(cut: Cut = cut) -> None:
            await cut.run(make())

        task = asyncio.ensure_future(one())
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()  # what else it raises is a fault
        await check(not task.cancelled())
        if not cut.was_cut:
            return nth - 1
    raise AssertionError(f"it waits more than {most} times")
