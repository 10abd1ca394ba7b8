"""Mounts in the gateway: rows and a plugin agree, whoever dies between the two, and whatever the plugin says."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from argosy.errors import (
    AlreadyExists,
    ArgosyError,
    DataLoss,
    FailedPrecondition,
    NotFound,
    Unavailable,
    Unimplemented,
    Unknown,
)
from argosy.filters import EVERYTHING
from argosy.mounts import Mount
from argosy.tables import ProxyPlugin
from argosy_gateway.core import Core
from argosy_gateway.metadata import leases, namespaces, plugins
from argosy_protos.containerd.services.mounts import v1 as p
from argosy_protos.containerd.types import ActivationInfo, ActiveMount
from argosy_protos.containerd.types import Mount as WireMount
from argosy_protos.google.protobuf import Empty

from tests.harness.gateways import Gateway, serving

NS = "n"
MOUNTS = [Mount("bind", "/a", ("ro",)), Mount("format/bind", "{{ mount 0 }}", ("ro",))]


class Plugin(p.MountsBase):
    """Keeps what it is told in memory; ``before`` and ``after`` are called around each change."""

    def __init__(self) -> None:
        self.held: dict[str, ActivationInfo] = {}
        self.before: Callable[[], Coroutine[Any, Any, None]] = _nothing
        self.after: Callable[[], Coroutine[Any, Any, None]] = _nothing
        self.answer: Callable[[ActivationInfo], ActivationInfo | None] = lambda info: info

    async def activate(self, request: p.ActivateRequest) -> p.ActivateResponse:
        await self.before()
        if request.name in self.held:
            raise AlreadyExists(f'mount "{request.name}"')
        info = self.held[request.name] = ActivationInfo(
            name=request.name, labels=request.labels, active=[ActiveMount(mount=request.mounts[0], mount_point="/t/1/1")],
            system=[WireMount(type="bind", source="/t/1/1", options=["ro"])],
        )  # fmt: skip
        await self.after()
        return p.ActivateResponse(info=self.answer(info))

    async def deactivate(self, request: p.DeactivateRequest) -> Empty:
        await self.before()
        if self.held.pop(request.name, None) is None:
            raise NotFound(f'missing mount "{request.name}" bucket')
        await self.after()
        return Empty()

    async def info(self, request: p.InfoRequest) -> p.InfoResponse:
        if request.name not in self.held:
            raise NotFound(f'mount "{request.name}" not found')
        return p.InfoResponse(info=self.held[request.name])

    async def list(self, request: p.ListRequest) -> AsyncIterator[p.ListMessage]:
        for info in list(self.held.values()):
            yield p.ListMessage(info=info)


async def _nothing() -> None:
    pass


@asynccontextmanager
async def gateway(plugin: Plugin) -> AsyncIterator[Gateway]:
    with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
        base = Path(short)
        async with serving(base / "m.sock", plugin):
            found = Gateway(base, {"m": ProxyPlugin(type="mounts", address=str(base / "m.sock"))})
            await found.start()
            try:
                yield found
            finally:
                if found.running:
                    await found.stop()


def run(work: Callable[[Gateway, Plugin], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        plugin = Plugin()
        async with gateway(plugin) as found:
            await asyncio.wait_for(work(found, plugin), 30)

    asyncio.run(main())


async def activate(core: Core, name: str, lease: str | None = "l") -> ActivationInfo:
    return await core.mount_store().activate(NS, lease, name, MOUNTS, {"a": "b"}, False)


async def names(core: Core) -> list[str]:
    return [info.name async for info in core.mount_store().walk(NS, EVERYTHING)]


async def lease(core: Core) -> None:
    await core.change(lambda db: leases.create(db, NS, "l", {}))


async def settled(core: Core, agrees: Callable[[], bool]) -> None:
    for _ in range(400):
        if agrees() and not core.db.reader.execute("SELECT 1 FROM intents").fetchone():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(core.db.reader.execute("SELECT * FROM intents").fetchall())


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_gateway_that_is_killed_while_mounts_are_made_knows_afterwards_what_is_mounted(when: str) -> None:
    async def work(gateway: Gateway, plugin: Plugin) -> None:
        await lease(gateway.core)
        reached = asyncio.Event()

        async def stuck() -> None:
            reached.set()
            await asyncio.sleep(3600)

        setattr(plugin, when, stuck)
        asking = asyncio.ensure_future(activate(gateway.core, "x"))
        await reached.wait()
        await gateway.kill()
        asking.cancel()
        plugin.before = plugin.after = _nothing
        core = await gateway.start()
        await settled(core, lambda: True)
        made = when == "after"
        assert await names(core) == (["x"] if made else []) and len(plugin.held) == made
        await core.collect()
        assert len(plugin.held) == made, "its lease holds it"
        assert core.db.reader.execute("SELECT count(*) FROM lease_resources").fetchone() == (made,)
        if not made:
            await activate(core, "x")
        await core.mount_store().deactivate(NS, "x")
        assert not plugin.held

    run(work)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_gateway_that_is_killed_while_mounts_are_taken_down_takes_them_down_later(when: str) -> None:
    async def work(gateway: Gateway, plugin: Plugin) -> None:
        await lease(gateway.core)
        await activate(gateway.core, "x")
        reached = asyncio.Event()

        async def stuck() -> None:
            reached.set()
            await asyncio.sleep(3600)

        setattr(plugin, when, stuck)
        asking = asyncio.ensure_future(gateway.core.mount_store().deactivate(NS, "x"))
        await reached.wait()
        await gateway.kill()
        asking.cancel()
        plugin.before = plugin.after = _nothing
        core = await gateway.start()
        assert await names(core) == []
        await activate(core, "x")
        await core.collect()
        assert len(plugin.held) == 1 and await names(core) == ["x"]

    run(work)


def test_a_caller_who_leaves_cuts_nothing_in_two() -> None:
    async def work(gateway: Gateway, plugin: Plugin) -> None:
        core = gateway.core
        await lease(core)
        for change in (lambda: activate(core, "x"), lambda: core.mount_store().deactivate(NS, "x")):
            reached, go_on = asyncio.Event(), asyncio.Event()

            async def wait(reached: asyncio.Event = reached, go_on: asyncio.Event = go_on) -> None:
                reached.set()
                await go_on.wait()

            plugin.before = wait
            asking = asyncio.ensure_future(change())
            await reached.wait()
            asking.cancel()
            # Who comes after waits for what is under way.
            beside = asyncio.ensure_future(core.mount_store().info(NS, "x"))
            await asyncio.sleep(0.05)
            plugin.before = _nothing
            go_on.set()
            seen = await asyncio.gather(beside, return_exceptions=True)
            assert (seen[0].name == "x") if isinstance(seen[0], ActivationInfo) else isinstance(seen[0], NotFound)
        await settled(core, lambda: not plugin.held)
        assert await names(core) == []

    run(work)


def test_what_the_plugin_refused_leaves_no_row_and_its_words_go_on() -> None:
    async def work(gateway: Gateway, plugin: Plugin) -> None:
        core = gateway.core
        await lease(core)
        for error in (FailedPrecondition("no"), Unknown("template: no"), NotFound("/a: no such file")):

            async def refuse(error: ArgosyError = error) -> None:
                raise error

            plugin.before = refuse
            with pytest.raises(type(error)) as caught:
                await activate(core, "x")
            assert caught.value.message == error.message
            assert core.db.reader.execute("SELECT count(*) FROM mounts").fetchone() == (0,)
        plugin.before = _nothing
        await activate(core, "x")

    run(work)


@pytest.mark.parametrize(
    ("lie", "error"),
    [
        (lambda info: None, DataLoss),
        (lambda info: ActivationInfo(name="another"), DataLoss),
        (lambda info: ActivationInfo(name=info.name, active=[ActiveMount(mount_point="relative")]), DataLoss),
        (lambda info: ActivationInfo(name=info.name, active=[ActiveMount(mount_point="/t")] * 300), DataLoss),
        (lambda info: ActivationInfo(name=info.name, system=[WireMount(type="proc", source="proc")]), FailedPrecondition),
        (
            lambda info: ActivationInfo(name=info.name, system=[WireMount(type="bind", source="/a/../etc")]),
            FailedPrecondition,
        ),
    ],
)
def test_a_plugin_that_lies_has_no_mounts_handed_on(lie: Callable[[ActivationInfo], Any], error: type[Exception]) -> None:
    async def work(gateway: Gateway, plugin: Plugin) -> None:
        core = gateway.core
        await lease(core)
        plugin.answer = lie
        try:
            info = await activate(core, "x")
        except ArgosyError as raised:
            assert isinstance(raised, error) and 'mounts plugin "m"' in raised.message
        else:
            # Its answer can't be; what it says when it is asked again can.
            assert error is DataLoss and info.active[0].mount_point == "/t/1/1"

    run(work)


def test_two_of_one_name_are_one_and_lost_ones_are_forgotten() -> None:
    async def work(gateway: Gateway, plugin: Plugin) -> None:
        core = gateway.core
        await lease(core)
        done = await asyncio.gather(*(activate(core, "x") for _ in range(5)), return_exceptions=True)
        assert sum(isinstance(one, ActivationInfo) for one in done) == 1
        assert sum(isinstance(one, AlreadyExists) and one.message == 'mount "x"' for one in done) == 4
        await activate(core, "y")
        plugin.held.clear()
        assert await names(core) == []
        with pytest.raises(NotFound, match='mount "x" not found'):
            await core.mount_store().info(NS, "x")
        assert (await activate(core, "x")).name == "x", "it is made anew"
        core.mount_store().plugin.dirty = True
        await core.collect()
        assert [row[0] for row in core.db.reader.execute("SELECT name FROM mounts")] == ["x"]
        assert [row[0] for row in core.db.reader.execute("SELECT id FROM lease_resources")] == ["x"]

    run(work)


def test_a_namespace_takes_its_mounts_with_it_and_a_plugin_that_has_some_is_in_use() -> None:
    async def work(gateway: Gateway, plugin: Plugin) -> None:
        core = gateway.core
        await lease(core)
        await activate(core, "x")
        with pytest.raises(FailedPrecondition, match='in use: 1 activations of mounts in namespace "n"'):
            plugins.check_unused(core.db.reader, "m", "mounts")
        await core.change(lambda db: namespaces.delete(db, NS))
        core.note_dropped()
        await core.collect()
        assert not plugin.held
        plugins.check_unused(core.db.reader, "m", "mounts")

    run(work)


def test_without_a_plugin_nothing_is_implemented_and_one_that_is_away_is_named() -> None:
    async def work(gateway: Gateway, plugin: Plugin) -> None:
        core = gateway.core
        found = core.registry.plugins["mounts", "m"]
        core.dismiss(found)
        with pytest.raises(Unimplemented, match="no mounts plugin is configured"):
            core.mount_store()
        core.admit(core.registry.add("m", ProxyPlugin(type="mounts", address="/nowhere/m.sock", on_demand=True)))
        with pytest.raises(Unavailable, match='mounts plugin "m" at /nowhere/m.sock'):
            await activate(core, "x", None)
        assert core.db.reader.execute("SELECT count(*) FROM mounts").fetchone() == (0,)

    run(work)


def test_what_loses_its_lease_while_it_is_made_is_taken_down_afterwards() -> None:
    """What is being made is not collected; once it is made nothing holds it."""

    async def work(gateway: Gateway, plugin: Plugin) -> None:
        core = gateway.core
        await lease(core)

        async def ends() -> None:
            plugin.after = _nothing
            await core.change(lambda db: leases.delete(db, NS, "l"), dirty=True)
            await core.collect()

        plugin.after = ends
        assert (await activate(core, "x")).name == "x" and plugin.held
        await core.collect()
        assert await names(core) == []
        await settled(core, lambda: not plugin.held)

    run(work)
