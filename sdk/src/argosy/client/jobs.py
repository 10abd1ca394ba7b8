"""Work done side by side: owned by a task group, ended with it, and its first failure is raised as what it is.

A command that only asks does nothing side by side: anyio is loaded with the first block.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

T = TypeVar("T")
U = TypeVar("U")
# What gives something back is done even for who was cancelled; a daemon that hangs holds nobody longer than this.
CLEANUP_S: Final = 30.0


def first(failed: BaseExceptionGroup) -> BaseException:
    """Return the failure that came first: the others came of what it cancelled."""
    error: BaseException = failed
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@asynccontextmanager
async def together() -> AsyncIterator[TaskGroup]:
    """Yield a task group. When one of its tasks or the block fails, the rest is cancelled and waited for, and that failure raised."""
    from anyio import create_task_group

    try:
        async with create_task_group() as group:
            yield group
    except BaseExceptionGroup as failed:
        error = first(failed)
    else:
        return
    raise error


async def both(one: Callable[[], Awaitable[T]], other: Callable[[], Awaitable[U]]) -> tuple[T, U]:
    """Do two things side by side; return their results. The first failure cancels the other and is raised."""
    results: dict[str, Any] = {}

    async def do() -> None:
        results["other"] = await other()

    async with together() as group:
        group.start_soon(do)
        results["one"] = await one()
    return results["one"], results["other"]


async def given_back(work: Awaitable[object], within_s: float = CLEANUP_S) -> None:
    """Do what gives something back, though we are cancelled, before or meanwhile; for so many seconds at most. See ``argosy.settled``."""
    from argosy import settled

    await settled.given_back(work, within_s)
