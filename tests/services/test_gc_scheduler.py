"""When is collected: how long what was removed keeps its room."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from argosy.errors import ResourceExhausted
from argosy.plugin.snapshots.rules import Kind
from argosy.tables import ProxyPlugin
from argosy_gateway.gc import scheduler as module
from argosy_gateway.gc.scheduler import Scheduler, Thresholds

from tests.harness.gateways import Gateway, serving
from tests.harness.plugins import Fault, MemorySnapshotter

# After a collection of 20 ms, the share of the time asks for a pause of more than half an hour.
_TOOK_S, _SHARE = 0.02, 0.00001


@asynccontextmanager
async def slow() -> AsyncIterator[Scheduler]:
    """A scheduler that has collected once and rests."""

    async def collect() -> None:
        await asyncio.sleep(_TOOK_S)

    scheduler = Scheduler(collect, Thresholds(pause_threshold=_SHARE, startup_delay_s=0))
    async with anyio.create_task_group() as group:
        group.start_soon(scheduler.run)
        await scheduler.collect_now()
        yield scheduler
        group.cancel_scope.cancel()


async def collected(scheduler: Scheduler, runs: int, within_s: float) -> bool:
    with anyio.move_on_after(within_s):
        while scheduler.runs < runs:
            await asyncio.sleep(0.01)
    return scheduler.runs >= runs


def test_what_was_removed_waits_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module._LONGEST_PAUSE_S <= 60
    monkeypatch.setattr(module, "_LONGEST_PAUSE_S", 0.5)

    async def main() -> None:
        async with slow() as scheduler:
            scheduler.mutated(True)
            assert not await collected(scheduler, 2, 0.2)
            assert await collected(scheduler, 2, 10)

    asyncio.run(main())


def test_who_has_no_room_is_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deletions wait for the share of the time, until somebody needs the room; then for a moment only."""
    monkeypatch.setattr(module, "_FULL_PAUSE_S", 0.1)

    async def main() -> None:
        async with slow() as scheduler:
            scheduler.mutated(True)
            assert not await collected(scheduler, 2, 0.5)
            scheduler.full()
            assert await collected(scheduler, 2, 10)
            # That was one; the next deletion waits again.
            scheduler.mutated(True)
            assert not await collected(scheduler, 3, 0.5)

    asyncio.run(main())


def test_a_disk_that_stays_full_is_not_collected_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is said: a fifth of the time at most."""
    monkeypatch.setattr(module, "_FULL_PAUSE_S", 0.0)

    async def main() -> None:
        async with slow() as scheduler:
            ends = anyio.current_time() + 1.0
            while anyio.current_time() < ends:
                scheduler.full()
                await asyncio.sleep(0.001)
            assert 2 <= scheduler.runs <= 2 + 1.0 / (5 * _TOOK_S)

    asyncio.run(main())


def test_a_collection_that_finds_no_room_itself_is_not_the_reason_for_the_next() -> None:
    async def main() -> None:
        async def collect() -> None:
            scheduler.full()

        scheduler = Scheduler(collect, Thresholds(startup_delay_s=0))
        async with anyio.create_task_group() as group:
            group.start_soon(scheduler.run)
            await scheduler.collect_now()
            assert not await collected(scheduler, 2, 1.5)
            group.cancel_scope.cancel()

    asyncio.run(main())


def test_a_snapshotter_without_room_has_what_was_removed_dropped() -> None:
    """A removal that nobody waits for frees its room when the next write finds none, not minutes later."""

    async def main() -> None:
        plugin = MemorySnapshotter()
        with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
            base = Path(short)
            async with serving(base / "s.sock", plugin):
                gateway = Gateway(base, {"s": ProxyPlugin(type="snapshot", address=str(base / "s.sock"), cleanup="all")})
                core = await gateway.start()
                core.scheduler._t = Thresholds(pause_threshold=0.000001, startup_delay_s=0)
                core.start_loops()
                await core.scheduler.collect_now()
                try:
                    store = core.snapshots("s")
                    labels = {"containerd.io/gc.root": "x"}
                    await store.create("n", None, Kind.ACTIVE, "k", "", labels)
                    await store.remove("n", None, "k")
                    await asyncio.sleep(1.5)
                    assert plugin.held, "it rests"
                    plugin.faults.append(Fault.FULL)
                    with pytest.raises(ResourceExhausted):
                        await store.create("n", None, Kind.ACTIVE, "more", "", labels)
                    with anyio.fail_after(10):
                        while plugin.held:
                            await asyncio.sleep(0.02)
                finally:
                    await gateway.stop()

    asyncio.run(main())


@pytest.mark.parametrize("waited", [False, True])
def test_a_long_collection_is_followed_by_its_own_pause(waited: bool) -> None:
    """The first ones, of an empty store, do not shorten it; one that was long because a plugin was silent does not ask for it."""
    took = 0.0

    async def collect() -> None:
        await asyncio.sleep(took)
        if took and waited:
            scheduler.again(True)

    scheduler = Scheduler(collect, Thresholds(pause_threshold=0.1, startup_delay_s=0))

    async def main() -> None:
        nonlocal took
        async with anyio.create_task_group() as group:
            group.start_soon(scheduler.run)
            for _ in range(9):
                await scheduler.collect_now()
            took = 0.5
            await scheduler.collect_now()
            group.cancel_scope.cancel()

    asyncio.run(main())
    assert (scheduler._pause_s > 9 * 0.5 - 0.01) is not waited
