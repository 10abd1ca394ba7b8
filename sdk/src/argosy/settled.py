"""Work that is waited for to its end: whoever is cancelled meanwhile is cancelled then, and knows what became of it.

A thread cannot be stopped, and half a protocol must not be. Leaving them to go on behind the back of a cancelled caller would let
its clean-up run beside them: a descriptor closed under a write, a directory removed under a copy.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

import anyio

P = ParamSpec("P")
T = TypeVar("T")


async def settled(*works: asyncio.Future[Any]) -> None:
    """Wait until all works are done. Raises the first failure of theirs, in the order given.

    Cancellation: waits on, and raises CancelledError when all are done. Needs a task (not in an ``inline`` handler).
    """
    try:
        if waiting := [work for work in works if not work.done()]:
            await asyncio.wait(waiting)
    except asyncio.CancelledError:
        # A scope of anyio's repeats its cancellation in each turn of the loop, unless it is shielded.
        with anyio.CancelScope(shield=True):
            while waiting := [work for work in works if not work.done()]:
                with suppress(asyncio.CancelledError):
                    await asyncio.wait(waiting)
        for work in works:
            work.cancelled() or work.exception()  # nobody else will look
        raise
    for work in works:
        work.result()


def begun(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
    """Begin function in a thread, with the caller's context variables. For ``settled``."""
    call = partial(contextvars.copy_context().run, function, *args, **kwargs)
    return asyncio.get_running_loop().run_in_executor(None, call)


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what function returns, called in a thread. Cancellation: as ``settled``; what it returned is lost then."""
    work = begun(function, *args, **kwargs)
    await settled(work)
    return work.result()


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that its caller's cancellation must not cut in two. Cancellation: as ``settled``."""
    task = asyncio.get_running_loop().create_task(work)  # owned by this call, which never leaves before its end
    await settled(task)
    return task.result()


async def given_back(work: Awaitable[object], within_s: float | None = None) -> None:
    """Run what gives something back, though its caller is cancelled, before or meanwhile: to its end, or for so many seconds at most.

    Raises what work raises. Cancellation: one that came before does not come again here; one that comes meanwhile is raised at the end. A
    shielded scope of anyio's alone keeps off cancellations of scopes, and not those of tasks, as of a call whose caller has left.
    """

    async def bounded() -> None:
        with anyio.move_on_after(within_s):
            await work

    with anyio.CancelScope(shield=True):
        await to_its_end(bounded())
