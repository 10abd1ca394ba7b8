"""Work ends with the gateway, wherever it is, and whoever waits for it is told."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from argosy_gateway.work import Work


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_who_waits_for_work_ends_with_the_gateway(steps: int) -> None:
    """Also when the work had not taken its first step: it can't say so itself."""

    async def main() -> None:
        async with anyio.create_task_group() as group:
            works = Work(group)
            works.start(asyncio.sleep(0))
            await asyncio.sleep(0.01)
            waiting = asyncio.ensure_future(works.finish(asyncio.sleep, 60))
            for _ in range(steps):
                await asyncio.sleep(0)
            group.cancel_scope.cancel()
        done, _ = await asyncio.wait({waiting}, timeout=20)
        assert done, "who waits for the work waits for ever"
        assert waiting.cancelled()

    asyncio.run(main())


def test_work_that_begins_after_the_end_is_cancelled() -> None:
    """Nothing is left that would end it later."""

    async def main() -> None:
        async with anyio.create_task_group() as group:
            works = Work(group)
            works.start(asyncio.sleep(0))
            await asyncio.sleep(0.01)
            group.cancel_scope.cancel()
        late = works.start(asyncio.sleep(60))
        done, _ = await asyncio.wait({late}, timeout=20)
        assert done and late.cancelled()
        waiting = asyncio.ensure_future(works.finish(asyncio.sleep, 60))
        done, _ = await asyncio.wait({waiting}, timeout=20)
        assert done and waiting.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
