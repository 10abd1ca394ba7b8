"""Work that its caller can give up waiting for, but not cut in two."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.abc
from argosy import log

T = TypeVar("T")
logger = log.get("gateway")


async def in_a_task() -> None:
    """Go on in a task: an inline handler has none before it first waits, and what can be cancelled needs one."""
    if asyncio.current_task() is None:
        await asyncio.sleep(0)


class Work:
    """Tasks that end with the gateway, not with a call.

    A task group's own start takes ten times as long as the tasks that nearly every change needs, so these are kept here, and one
    task in the group ends them with it.
    """

    def __init__(self, group: anyio.abc.TaskGroup) -> None:
        self.group = group
        self._tasks: set[asyncio.Task[Any]] = set()
        self._kept = False

    def start(self, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run call in a task of its own. What it raises is for whoever asks the task for it."""
        if not self._kept:
            self._kept = True
            self.group.start_soon(self._keep)
        task = asyncio.create_task(call)  # noqa: TID251 - see above
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen: nobody has to ask for it

    async def _keep(self) -> None:
        """Wait for the group's end, and end the tasks with it."""
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                while self._tasks:
                    for task in self._tasks:
                        task.cancel()
                    await asyncio.wait(self._tasks)

    async def finish(
        self,
        call: Callable[..., Coroutine[Any, Any, T]],
        *args: Any,
        unwanted: Callable[[T], Coroutine[Any, Any, None]] | None = None,
    ) -> T:
        """Await ``call(*args)``. When the caller is cancelled it goes on to its end; what it then returns is given to
        ``unwanted``, and what it raises is dropped: it told whoever has to know."""
        task = self.start(call(*args))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if unwanted is not None and not task.cancelled():
                task.add_done_callback(partial(self._left, unwanted))
            raise

    def _left(self, unwanted: Callable[[T], Coroutine[Any, Any, None]], task: asyncio.Task[T]) -> None:
        if not task.cancelled() and task.exception() is None:
            self.start(self._give_back(unwanted, task.result()))

    async def _give_back(self, unwanted: Callable[[T], Coroutine[Any, Any, None]], result: T) -> None:
        try:
            await unwanted(result)
        except Exception as error:  # nobody waits for it
            logger.error("work.not_given_back", error=repr(error), exc_info=error)
