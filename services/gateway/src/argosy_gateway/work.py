"""Work that its caller can give up waiting for, but not cut in two."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import anyio.abc
from argosy import log

T = TypeVar("T")
logger = log.get("gateway")


async def in_a_task() -> None:
    """Go on in a task: an inline handler has none before it first waits, and what can be cancelled needs one."""
    if asyncio.current_task() is None:
        await asyncio.sleep(0)


class Work:
    """Runs in the gateway's own task group: it ends with the gateway, not with a call."""

    def __init__(self, group: anyio.abc.TaskGroup) -> None:
        self.group = group

    async def finish(
        self, call: Callable[..., Awaitable[T]], *args: Any, unwanted: Callable[[T], Coroutine[Any, Any, None]] | None = None
    ) -> T:
        """Await ``call(*args)``. When the caller is cancelled it goes on to its end; what it then returns is given to
        ``unwanted``, and what it raises is dropped: it told whoever has to know."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.group.start_soon(self._run, future, unwanted, call, args)
        try:
            return await future
        except asyncio.CancelledError:
            # It may have ended in the same moment.
            if unwanted is not None and future.done() and not future.cancelled() and future.exception() is None:
                self.group.start_soon(self._give_back, unwanted, future.result())
            raise

    async def _run(
        self,
        future: asyncio.Future[T],
        unwanted: Callable[[T], Coroutine[Any, Any, None]] | None,
        call: Callable[..., Awaitable[T]],
        args: tuple[Any, ...],
    ) -> None:
        try:
            result = await call(*args)
        except asyncio.CancelledError:
            future.cancel()
            raise
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
        except Exception as error:  # nobody waits for it, and the group it runs in is the gateway's
            logger.error("work.not_given_back", error=repr(error), exc_info=error)
