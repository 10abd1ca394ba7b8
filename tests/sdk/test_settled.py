"""What a cancelled caller leaves is done to its end: cancelled as a task, as a scope, before or meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest
from argosy.client import Client
from argosy.errors import NotFound
from argosy.settled import given_back


class Giving:
    """Something that takes until it is let go on; ``ends`` has when it came to its end."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.ends: list[float] = []

    async def give(self) -> None:
        self.begun.set()
        await self.may_end.wait()
        self.ends.append(asyncio.get_running_loop().time())


Ending = Callable[["asyncio.Task[None]", anyio.CancelScope], None]


def _task(task: asyncio.Task[None], scope: anyio.CancelScope) -> None:
    task.cancel()


def _scope(task: asyncio.Task[None], scope: anyio.CancelScope) -> None:
    scope.cancel()


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("end", [_task, _scope])
@pytest.mark.parametrize("before", [True, False])
def test_what_gives_something_back_is_done_whenever_its_caller_is_cancelled(before: bool, end: Ending, times: int) -> None:
    async def main() -> None:
        giving = Giving()
        waiting = asyncio.Event()
        passed: list[str] = []
        scope = anyio.CancelScope()

        async def work() -> None:
            with scope:
                try:
                    waiting.set()
                    if before:
                        await asyncio.Event().wait()
                finally:
                    await given_back(giving.give())
                    passed.append("after")
                await anyio.lowlevel.checkpoint()
                passed.append("on")

        task = asyncio.ensure_future(work())
        await (waiting if before else giving.begun).wait()
        for _ in range(times):
            end(task, scope)
            await giving.begun.wait()
            await asyncio.sleep(0)
        assert not giving.ends and not task.done()
        giving.may_end.set()
        await asyncio.wait({task})
        assert giving.ends and "on" not in passed
        # A scope's cancellation is told once it is over; who is cancelled as a task meanwhile hears of it at the end of the work.
        assert task.cancelled() == (not scope.cancel_called)

    asyncio.run(main())


def test_it_is_not_waited_for_for_ever_and_its_failure_is_told() -> None:
    async def main() -> None:
        giving = Giving()
        await given_back(giving.give(), 0.01)
        assert giving.begun.is_set() and not giving.ends

        async def fail() -> None:
            raise NotFound("it")

        with pytest.raises(NotFound, match="it"):
            await given_back(fail())

    asyncio.run(main())


class Leases:
    """Leases that are made at once, and whose end takes a while."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.deleting = asyncio.Event()

    async def create(self, request: object) -> None:
        self.there.add(getattr(request, "id"))  # noqa: B009 # of whichever kind of message

    async def delete(self, request: object) -> None:
        self.deleting.set()
        await asyncio.sleep(0.01)
        self.there.discard(getattr(request, "id"))  # noqa: B009 # the same


async def _succeeds() -> None:
    pass


async def _fails() -> None:
    raise NotFound("what is worked on")


@pytest.mark.parametrize("work", [_succeeds, _fails])
def test_a_lease_is_given_back_by_a_job_that_is_cancelled_at_its_very_end(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        leases = Leases()
        async with Client("/nowhere") as client:
            client.replace(leases=leases)

            async def job() -> None:
                async with client.lease():
                    assert leases.there
                    await work()

            task = asyncio.ensure_future(job())
            await leases.deleting.wait()
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled() and not leases.there

    asyncio.run(main())
