"""Work of the gateway that goes on to its end when its caller is cancelled: what changes rows and a plugin must not be cut in two."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
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
        self._over = False

    def start(self, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run call in a task of its own, which is cancelled at once when the gateway has ended. What it raises is for whoever asks the task for it."""
        if not self._kept:
            self._kept = True
            self.group.start_soon(self._keep)
        task = asyncio.create_task(call)  # noqa: TID251 - see above
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        if self._over:
            task.cancel()
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
            self._over = True
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
        # Set by the task itself: to wait for the task's own end takes two turns of the loop more.
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        task = self.start(self._run(future, unwanted, call, args))
        # One that is cancelled before its first step sets nothing.
        task.add_done_callback(lambda _: future.cancel())
        try:
            return await future
        except asyncio.CancelledError:
            # It may have ended in the same moment.
            if unwanted is not None and future.done() and not future.cancelled() and future.exception() is None:
                self.start(self._give_back(unwanted, future.result()))
            raise

    async def _run(
        self,
        future: asyncio.Future[T],
        unwanted: Callable[[T], Coroutine[Any, Any, None]] | None,
        call: Callable[..., Coroutine[Any, Any, T]],
        args: tuple[Any, ...],
    ) -> None:
        try:
            result = await call(*args)
        except Exception as error:
            if future.done():
                logger.debug("work.nobody_waits", error=str(error))
            else:
                future.set_exception(error)
        else:
            if not future.done():
                future.set_result(result)
            elif unwanted is not None:
                await self._give_back(unwanted, result)

    async def _give_back(self, unwanted: Callable[[T], Coroutine[Any, Any, None]], result: T) -> None:
        try:
            await unwanted(result)
        except Exception as error:  # nobody waits for it
            logger.error("work.not_given_back", error=repr(error), exc_info=error)
