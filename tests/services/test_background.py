"""What goes on beside calls: whatever fails in it, the gateway lives, and the rest of it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from argosy import loops
from argosy.errors import Unavailable, Unknown
from argosy.rpc import Server
from argosy.tables import ProxyPlugin
from argosy_gateway.backends.services import Services
from argosy_gateway.core import Core
from argosy_gateway.gc.scheduler import Scheduler, Thresholds
from argosy_gateway.plugins.plugin import Claim, Plugin
from argosy_gateway.plugins.registry import Registry
from argosy_gateway.work import Work

from tests.harness.gateways import Gateway, serving
from tests.harness.plugins import MemorySnapshotter


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that failed runs again after a moment."""
    monkeypatch.setattr(loops.keep_going, "__defaults__", (0.01,))


@asynccontextmanager
async def two_snapshotters(base: Path) -> AsyncIterator[Core]:
    """A gateway's core with plugins "a" and "b"; its loops do not run yet."""
    async with serving(base / "a.sock", MemorySnapshotter()), serving(base / "b.sock", MemorySnapshotter()):
        gateway = Gateway(base, {n: ProxyPlugin(type="snapshot", address=str(base / f"{n}.sock")) for n in "ab"})
        core = await gateway.start()
        try:
            yield core
        finally:
            await gateway.stop()


async def until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(30):
        while not holds():
            await anyio.sleep(0.01)


def failing(
    times: int, error: Exception, then: Callable[..., Coroutine[Any, Any, Any]]
) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return a function that fails so many times, and does its work after that."""
    left = times

    async def call(*args: Any) -> Any:
        nonlocal left
        if left:
            left -= 1
            raise error
        return await then(*args)

    return call


def test_a_collection_that_fails_is_told_to_who_waits_and_made_again() -> None:
    async def nothing() -> None:
        pass

    async def main() -> None:
        scheduler = Scheduler(failing(1, ZeroDivisionError("by zero"), nothing), Thresholds(startup_delay_s=0))
        async with anyio.create_task_group() as group:
            group.start_soon(scheduler.run)
            with pytest.raises(Unknown, match="by zero"):
                await scheduler.collect_now()
            await scheduler.collect_now()
            assert scheduler.runs == 1
            group.cancel_scope.cancel()

    asyncio.run(main())


def test_a_scheduler_that_fails_is_started_again(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only what it runs: itself."""

    async def main() -> None:
        async with two_snapshotters(short_path) as core:
            monkeypatch.setattr(core.scheduler, "run", failing(3, ZeroDivisionError(), core.scheduler.run))
            core.start_loops()
            with anyio.fail_after(30):
                await core.scheduler.collect_now()

    asyncio.run(main())


@pytest.mark.parametrize("error", [TypeError("no"), RecursionError(), ExceptionGroup("many", [ValueError()])], ids=repr)
def test_a_claim_that_fails_keeps_nobody_from_the_next_plugin(short_path: Path, error: Exception) -> None:
    async def main() -> None:
        async with two_snapshotters(short_path) as core:
            first, second = (core.registry.snapshotter(name) for name in "ab")

            async def claim(owner: str, address: object) -> Claim:
                raise error

            first.claim = claim  # type: ignore[method-assign] # what a fault in it would be
            core.start_loops()
            await until(lambda: second.claimed is Claim.FOREIGN)
            with anyio.fail_after(30):
                await core.scheduler.collect_now()
            assert first.claimed is Claim.UNKNOWN

    asyncio.run(main())


def test_a_plugin_whose_services_can_not_be_read_is_asked_again() -> None:
    """Each has a loop of its own: what one answers is no matter of another's."""

    async def main() -> None:
        registry = Registry()
        for name in "ab":
            registry.add(name, ProxyPlugin(type="service", address=f"/run/{name}.sock"))
        plugins = list(registry.of_type("service"))
        services = Services(plugins, Server([]), ())
        odd = 2

        async def ask(plugin: Plugin) -> list[str]:
            nonlocal odd
            if plugin is plugins[0] and odd:
                odd -= 1
                raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
            return [f"demo.{plugin.name}"]

        services._ask = ask  # type: ignore[method-assign] # what a plugin that answers nonsense makes of it
        async with anyio.create_task_group() as group:
            group.start_soon(services.look)
            await until(lambda: all(services.of(plugin) for plugin in plugins))
            group.cancel_scope.cancel()
        registry.close()

    asyncio.run(main())


def test_a_health_check_that_can_not_be_read_is_an_answer() -> None:
    async def main() -> None:
        registry = Registry()
        plugin = registry.add("p", ProxyPlugin(type="service", address="/run/p.sock"))

        async def unary(*args: object, **more: object) -> object:
            raise ValueError("no message")

        plugin.channel.unary = unary  # type: ignore[method-assign] # what a plugin that answers nonsense makes of it
        assert await plugin.answers()
        registry.close()

    asyncio.run(main())


def test_what_can_not_be_given_back_ends_nobody() -> None:
    """A caller is gone, and what was made for it fails once more while it is put away."""

    async def main() -> None:
        async with anyio.create_task_group() as group:
            work, go, tried = Work(group), anyio.Event(), anyio.Event()

            async def make() -> str:
                await go.wait()
                return "it"

            async def unwanted(made: str) -> None:
                tried.set()
                raise KeyError(made)

            with anyio.move_on_after(0.05):
                await work.finish(make, unwanted=unwanted)
            go.set()
            with anyio.fail_after(30):
                await tried.wait()
            with pytest.raises(Unavailable):
                await work.finish(failing(1, Unavailable("it is gone"), make))
            group.cancel_scope.cancel()

    asyncio.run(main())
