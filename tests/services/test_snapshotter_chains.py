"""Snapshotters that fall back on others: where a snapshot is made, that its parents are there too, and that nothing is lost on the way."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from argosy.errors import (
    AlreadyExists,
    ArgosyError,
    DataLoss,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
)
from argosy.filters import EVERYTHING
from argosy.labels import FALLBACK_PLUGIN, FALLBACK_REASON
from argosy.plugin.snapshots.rules import Info, Kind
from argosy.tables import ProxyPlugin, SnapshotterTable
from argosy_gateway.backends import chains, changes
from argosy_gateway.core import Core
from argosy_gateway.gc.graph import NO_FACTS, Facts, both
from argosy_gateway.metadata import containers, leases
from argosy_gateway.metadata import plugins as plugin_rows
from argosy_gateway.metadata.schema import DATABASE, MIGRATIONS
from argosy_gateway.plugins import plugin as plugins
from argosy_gateway.plugins.listing import listing
from argosy_gateway.registration import Registration
from argosy_protos.containerd.services.containers.v1 import Container, ContainerRuntime
from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_protos.google.protobuf import Any as AnyMessage

from tests.harness.gateways import Gateway, serving
from tests.harness.plugins import Fault, MemorySnapshotter

NS = "n"
REF = "containerd.io/snapshot.ref"
ONE, TWO, THREE = (f"sha256:{hashlib.sha256(name).hexdigest()}" for name in (b"one", b"two", b"three"))


async def arrives(core: Core, name: str) -> None:
    """Wait until a plugin that is served is connected to."""
    channel = core.registry.named(name).channel
    while channel.live() is None:
        channel.hurry()
        with contextlib.suppress(Unavailable):
            await channel.connected(5)
        await asyncio.sleep(0.01)


async def until(check: Callable[[], bool]) -> None:
    for _ in range(500):
        if check():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never held")


class Failing(MemorySnapshotter):
    """One that makes nothing, and says why."""

    error: ArgosyError | None = None

    tells = True
    """Whether it says what it holds."""

    async def stat(self, request: p.StatSnapshotRequest) -> p.StatSnapshotResponse:
        if not self.tells:
            raise Unavailable("not now")
        return await super().stat(request)

    async def prepare(self, request: p.PrepareSnapshotRequest) -> p.PrepareSnapshotResponse:
        if self.error is not None:
            raise self.error
        return await super().prepare(request)


class Two:
    """A gateway with the snapshotters fast and slow, the first of which falls back on the second; each can be served or not."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.fast, self.slow = Failing(), MemorySnapshotter()
        self._serving: dict[str, Any] = {}
        self.gateway = self.a_gateway()

    def a_gateway(self, fallback: bool = True) -> Gateway:
        tables = {name: ProxyPlugin(type="snapshot", address=str(self.base / f"{name}.sock")) for name in ("fast", "slow")}
        more = {"snapshotters": {"fast": SnapshotterTable(fallback=["slow"])}} if fallback else {}
        return Gateway(self.base, tables, **more)

    @property
    def core(self) -> Core:
        return self.gateway.core

    async def up(self, *names: str) -> None:
        for name in names:
            self._serving[name] = serving(self.base / f"{name}.sock", getattr(self, name))
            await self._serving[name].__aenter__()
            if self.gateway.running:
                await arrives(self.core, name)

    async def down(self, *names: str) -> None:
        for name in names:
            await self._serving.pop(name).__aexit__(None, None, None)
            (self.base / f"{name}.sock").unlink(missing_ok=True)

    async def create(self, key: str, parent: str = "", target: str = "", name: str = "fast", **more: Any) -> Any:
        labels = {REF: target} if target else {}
        return await self.core.snapshots(name).create(NS, "l", more.get("kind", Kind.ACTIVE), key, parent, labels)

    async def layers(self, *names: str, name: str = "fast") -> None:
        """Unpack an image as clients do: look, prepare, commit, a layer after the other."""
        store, parent = self.core.snapshots(name), ""
        for layer in names:
            try:
                await store.stat(NS, layer)
            except NotFound:
                key = f"extract-{os.urandom(4).hex()} {layer}"
                await self.create(key, parent, layer, name)
                await store.commit(NS, "l", layer, key, {REF: layer}, "")
            parent = layer

    async def where(self, key: str, name: str = "fast") -> str:
        """The plugin that a snapshot is in, as its labels say."""
        labels = (await self.core.snapshots(name).stat(NS, key)).labels
        return labels.get(FALLBACK_PLUGIN, name)

    def rows(self) -> set[tuple[str, ...]]:
        return {tuple(row) for row in self.core.db.read("SELECT snapshotter, key, plugin FROM snapshots")}

    async def agree(self) -> None:
        """After one collection each plugin holds what the rows say, and nothing else."""
        await self.core.change(lambda db: None)
        await self.core.collect()
        for name in ("fast", "slow"):
            if name in self._serving:
                rows = {row[0] for row in self.core.db.read("SELECT backend FROM snapshots WHERE plugin = ?", (name,))}
                assert rows == set(getattr(self, name).held), name
        chains = self.core.db.read(
            "SELECT key FROM snapshots s WHERE parent != '' AND NOT EXISTS (SELECT 1 FROM snapshots p WHERE p.ns = s.ns AND "
            "p.snapshotter = s.snapshotter AND p.key = s.parent AND p.plugin = s.plugin)"
        )
        assert not chains, "a snapshot whose parent is in another plugin"


@asynccontextmanager
async def two(base: Path, *up: str) -> AsyncIterator[Two]:
    it = Two(base)
    await it.up(*up)
    await it.gateway.start()
    await it.core.change(lambda db: leases.create(db, NS, "l", {}))
    try:
        yield it
    finally:
        await it.gateway.stop()
        await it.down(*list(it._serving))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits five seconds for a plugin that is not there."""
    monkeypatch.setattr(plugins, "ARRIVE_S", 0.1)
    monkeypatch.setattr(chains, "_SILENT_S", 0.1)


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 30))


class TestFallsBack:
    """When another plugin makes a snapshot, and when none does."""

    def test_one_that_is_not_there(self, short_path: Path) -> None:
        """All calls under its name work; the snapshot says where it is and why, and so does Introspection of the name."""

        async def main() -> None:
            async with two(short_path, "slow") as it:
                store = it.core.snapshots("fast")
                await it.layers(ONE, TWO)
                assert await it.create("k", TWO)
                info = await store.stat(NS, "k")
                assert info.parent == TWO and info.labels[FALLBACK_PLUGIN] == "slow"
                assert 'snapshot plugin "fast" at' in info.labels[FALLBACK_REASON]
                assert await store.mounts(NS, "k") and (await store.usage(NS, "k")).size == 0
                assert [i.name for i in [x async for x in store.walk(NS, EVERYTHING)]] == sorted(("k", ONE, TWO))
                told = await store.update(NS, Info("k", "", Kind.ACTIVE, 0, 0, {**info.labels, "mine": "x"}), [])
                assert told.labels["mine"] == "x" and told.labels[FALLBACK_PLUGIN] == "slow"
                assert it.core.db.read("SELECT labels FROM snapshots WHERE key = 'k'") == [('{"mine": "x"}',)]
                assert it.rows() == {("fast", key, "slow") for key in ("k", ONE, TWO)}
                shown = next(one for one in listing(it.core.registry, {}, chains=it.core.chains) if one.id == "fast")
                assert shown.exports["fallback"] == "slow" and shown.init_err is not None
                with pytest.raises(AlreadyExists):
                    await it.create("k")
                await it.agree()
                await store.remove(NS, None, "k")
                with pytest.raises(FailedPrecondition, match="child"):
                    await store.remove(NS, None, ONE)
                await it.agree()
                assert len(it.slow.held) == 2

        run(main)

    @pytest.mark.parametrize(
        "error",
        [
            Unimplemented("no"),
            Unavailable("no"),
            ResourceExhausted("no"),
            PermissionDenied("no"),
            Internal("no"),
            DataLoss("no"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_a_reason_of_its_own(self, short_path: Path, error: ArgosyError) -> None:
        async def main() -> None:
            async with two(short_path, "fast", "slow") as it:
                it.fast.error = error
                await it.create("k")
                assert await it.where("k") == "slow"
                assert "no" in (await it.core.snapshots("fast").stat(NS, "k")).labels[FALLBACK_REASON]
                it.fast.error = None
                await asyncio.sleep(0.15)  # one that did not answer counts as away for a moment
                await it.create("l")
                assert await it.where("l") == "fast"
                assert FALLBACK_REASON not in (await it.core.snapshots("fast").stat(NS, "l")).labels
                await it.agree()

        run(main)

    @pytest.mark.parametrize(
        "error", [InvalidArgument("no"), FailedPrecondition("no"), NotFound("no")], ids=lambda error: type(error).__name__
    )
    def test_what_is_wrong_with_the_request_is_wrong_everywhere(self, short_path: Path, error: ArgosyError) -> None:
        async def main() -> None:
            async with two(short_path, "fast", "slow") as it:
                it.fast.error = error
                with pytest.raises(type(error)):
                    await it.create("k")
                await it.agree()
                assert it.slow.calls == 0 and it.rows() == set()

        run(main)

    @pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.SILENT_AFTER, Fault.HANGS])
    def test_one_that_dies_or_hangs_in_the_middle(
        self, short_path: Path, fault: Fault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What it made all the same is garbage, and nobody waits for it."""
        monkeypatch.setattr(changes, "_SILENT_S", 0.05)
        for name, value in (("QUIET_S", 0.1), ("PROBE_S", 0.1)):
            monkeypatch.setattr(plugins, name, value)

        async def main() -> None:
            async with two(short_path, "fast", "slow") as it:
                if fault in (Fault.HANGS, Fault.SILENT_AFTER):
                    # All of it: a health check is not answered either.
                    async def never(self: Any, within_s: float = 0) -> bool:
                        return str(self.name) != "fast"

                    monkeypatch.setattr(plugins.Plugin, "answers", never)
                if fault is Fault.SILENT_AFTER:
                    monkeypatch.setattr(changes, "_SILENT_S", 5.0)
                it.fast.faults.append(fault)
                await it.create("k")
                assert await it.where("k") == "slow"
                assert it.core.db.read("SELECT * FROM intents WHERE plugin = 'fast'") == []
                monkeypatch.undo()
                await arrives(it.core, "fast")
                await asyncio.sleep(0.6)  # it answers again
                await it.agree()
                assert it.fast.held == {}

        run(main)

    def test_when_none_can_each_is_named(self, short_path: Path) -> None:
        async def main() -> None:
            async with two(short_path) as it:
                with pytest.raises(Unavailable, match=r'"slow" at'):
                    await it.create("k")
                with pytest.raises(Unavailable, match=r'snapshotter "fast": .*"fast" at .*; .*"slow" at'):
                    await it.create("k")
                assert it.rows() == set()

        run(main)

    def test_a_drained_one_makes_nothing_new(self, short_path: Path) -> None:
        async def main() -> None:
            async with two(short_path, "fast", "slow") as it:
                await Registration(it.core).drain("fast")
                await it.create("k")
                assert "draining" in (await it.core.snapshots("fast").stat(NS, "k")).labels[FALLBACK_REASON]
                await Registration(it.core).undrain("fast")
                await it.create("l")
                assert await it.where("l") == "fast"

        run(main)

    def test_a_name_of_no_plugin_is_a_snapshotter(self, short_path: Path) -> None:
        """It is registered later; until then, and when it was removed, the others make what is asked of it."""

        async def main() -> None:
            slow = MemorySnapshotter()
            tables = {
                "slow": ProxyPlugin(type="snapshot", address=str(short_path / "slow.sock"), capabilities=["rebase", "x"])
            }
            gateway = Gateway(short_path, tables, snapshotters={"new": SnapshotterTable(fallback=["slow"])})
            async with serving(short_path / "slow.sock", slow), serving(short_path / "new.sock", MemorySnapshotter()):
                core = await gateway.start()
                store = core.snapshots("new")
                await store.create(NS, None, Kind.ACTIVE, "k", "", {})
                said = (await store.stat(NS, "k")).labels[FALLBACK_REASON]
                assert said == 'snapshot plugin "new" is not registered'
                shown = next(one for one in listing(core.registry, {}, chains=core.chains) if one.id == "new")
                # Layers that are made side by side may be made in different plugins.
                assert shown.capabilities == ["x"] and shown.exports == {"fallback": "slow"} and shown.init_err is None
                registration = Registration(core)
                await registration.add("new", ProxyPlugin(type="snapshot", address=str(short_path / "new.sock")))
                await store.create(NS, None, Kind.ACTIVE, "l", "", {})
                assert FALLBACK_PLUGIN not in (await store.stat(NS, "l")).labels
                await registration.remove("new", force=True)
                assert (await store.stat(NS, "k")).name == "k"
                with pytest.raises(Unavailable, match='"l".*"new" is not registered'):
                    await store.stat(NS, "l")
                with pytest.raises(Unavailable, match='"new" is not registered, and has snapshots'):
                    [x async for x in store.walk(NS, EVERYTHING)]
                await gateway.stop()

        run(main)


class TestChains:
    """A chain of layers is in one plugin; an image may be unpacked in several."""

    def test_one_that_began_in_a_plugin_stays_there(self, short_path: Path) -> None:
        """Also when the first one is back."""

        async def main() -> None:
            async with two(short_path, "slow") as it:
                await it.layers(ONE)
                await it.up("fast")
                await asyncio.sleep(0.15)  # it counts as away for a moment
                await it.layers(ONE, TWO)
                await it.create("k", TWO)
                assert [await it.where(key) for key in (ONE, TWO, "k")] == ["slow"] * 3
                assert (await it.core.snapshots("fast").stat(NS, "k")).labels[FALLBACK_REASON]
                await it.layers(THREE)
                assert await it.where(THREE) == "fast"
                await it.agree()

        run(main)

    def test_an_image_whose_plugin_went_is_unpacked_again_by_whoever_looks(self, short_path: Path) -> None:
        """Stat says that it is not there, and why; a container's own snapshot is waited for. Back, both are used, and go together."""

        async def main() -> None:
            async with two(short_path, "fast", "slow") as it:
                store = it.core.snapshots("fast")
                await it.layers(ONE, TWO)
                await it.create("before", TWO)
                await it.down("fast")
                with pytest.raises((NotFound, Unavailable)):
                    await store.stat(NS, TWO)
                for call in (store.stat(NS, TWO), it.create("after", TWO)):
                    with pytest.raises(
                        NotFound, match=r"does not exist where it can be reached \(.*fast.*unpack its image again"
                    ):
                        await call
                with pytest.raises(Unavailable, match="fast"):
                    await store.mounts(NS, "before")
                with pytest.raises(AlreadyExists):
                    await it.create("before")
                await it.layers(ONE, TWO)
                await it.create("after", TWO)
                assert await it.where("after") == await it.where(TWO) == "slow"
                await it.up("fast")
                await asyncio.sleep(0.15)  # it counts as away for a moment
                assert await it.where(TWO) == await it.where("before") == "fast"
                await it.agree()
                assert len(it.fast.held) == 3 and len(it.slow.held) == 3
                # One name is one snapshot: what holds it holds it everywhere, and it goes everywhere.
                for key in ("before", "after", TWO, ONE):
                    await store.remove(NS, "l", key)
                await it.agree()
                assert it.fast.held == it.slow.held == {} and it.rows() == set()

        run(main)

    def test_one_that_came_back_empty_leaves_its_image_to_the_other(self, short_path: Path) -> None:
        """A parent that the first has lost is there in the next."""

        async def main() -> None:
            async with two(short_path, "fast", "slow") as it:
                await it.layers(ONE)
                await it.down("fast")
                await it.layers(ONE)
                it.fast.held.clear()
                await it.up("fast")
                await asyncio.sleep(0.15)  # it counts as away for a moment
                await it.create("k", ONE)
                assert await it.where("k") == "slow" and await it.where(ONE) == "slow"

        run(main)

    @pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.CUT_AFTER])
    def test_a_layer_whose_commit_is_in_doubt_holds_up_nobody(self, short_path: Path, fault: Fault) -> None:
        """Its plugin died in it: the image is unpacked in the other one; what became of it is found out when the plugin is back."""

        async def main() -> None:
            async with two(short_path, "fast", "slow") as it:
                await it.create("extract", "", ONE)
                it.fast.faults.append(fault)

                async def commits() -> None:
                    await it.core.snapshots("fast").commit(NS, "l", ONE, "extract", {REF: ONE}, "")

                it.fast.tells = False  # it dies before it can be asked
                with pytest.raises(Unavailable):
                    await commits()
                await it.down("fast")
                it.fast.tells = True
                await until(lambda: bool(it.core.registry.named("fast").out()))
                await asyncio.wait_for(it.layers(ONE, TWO), 5)
                assert await it.where(TWO) == "slow"
                await it.up("fast")
                await asyncio.sleep(0.15)  # it counts as away for a moment
                await until(lambda: not it.core.db.read("SELECT * FROM intents"))
                assert {"slow"} <= {plugin for _, key, plugin in it.rows() if key == ONE} <= {"fast", "slow"}
                await it.agree()
                assert it.core.db.read("SELECT count(*) FROM snapshots WHERE plugin = 'fast'") == [(1,)]

        run(main)

    def test_a_parent_in_another_plugin_is_refused_at_a_commit(self, short_path: Path) -> None:
        async def main() -> None:
            async with two(short_path, "fast", "slow") as it:
                await it.layers(ONE)
                it.fast.error = ResourceExhausted("full")
                await it.create("k")
                with pytest.raises(
                    FailedPrecondition, match='"k" is in snapshot plugin "slow", and its parent .* in "fast"'
                ):
                    await it.core.snapshots("fast").commit(NS, "l", TWO, "k", {}, ONE)
                assert (await it.core.snapshots("fast").stat(NS, "k")).kind is Kind.ACTIVE

        run(main)

    def test_two_names_in_one_plugin_are_two_spaces(self, short_path: Path) -> None:
        """The same keys, and no name of the plugin's is given out twice."""

        async def main() -> None:
            async with two(short_path, "slow") as it:
                for name in ("fast", "slow"):
                    await it.layers(ONE, TWO, name=name)
                    await it.create("k", TWO, name=name)
                assert len(it.slow.held) == 6
                await it.agree()
                assert len(it.slow.held) == 6
                await it.core.snapshots("slow").remove(NS, None, "k")
                assert (await it.core.snapshots("fast").stat(NS, "k")).kind is Kind.ACTIVE
                await it.agree()

        run(main)


class TestKept:
    """What is on disk of it."""

    def test_a_configuration_without_the_fallback_finds_what_is_there(self, short_path: Path) -> None:
        """Nothing new begins there, and collection still reaches it."""

        async def main() -> None:
            async with two(short_path, "slow") as it:
                await it.layers(ONE)
                await it.create("k", ONE)
                await it.gateway.kill()
                it.gateway = it.a_gateway(fallback=False)
                await it.gateway.start()
                assert await it.where("k") == "slow"
                with pytest.raises(Unavailable):
                    await it.create("new")
                await it.core.snapshots("fast").remove(NS, None, "k")
                await it.agree()
                assert len(it.slow.held) == 1

        run(main)

    def test_the_plugin_that_it_fell_back_on_is_needed(self, short_path: Path) -> None:
        """By containers and snapshots of the other name."""

        async def main() -> None:
            async with two(short_path, "slow") as it:
                await it.create("k")
                container = Container(
                    id="c",
                    snapshotter="fast",
                    snapshot_key="k",
                    runtime=ContainerRuntime(name="r"),
                    spec=AnyMessage(type_url="t"),
                )
                await it.core.change(lambda db: containers.create(db, NS, container))
                uses = plugin_rows.uses(it.core.db.reader, "slow", "snapshot")
                assert uses[0] == 'container "c" in namespace "n" has its snapshot "k"' and "1 snapshots" in uses[1]
                assert plugin_rows.uses(it.core.db.reader, "fast", "snapshot") == []

        run(main)

    def test_a_database_from_before(self, short_path: Path) -> None:
        """Its snapshots are in the plugins of their names."""

        async def main() -> None:
            async with two(short_path, "fast", "slow") as it:
                await it.create("k")
                await it.gateway.stop()
                before = MIGRATIONS[: next(i for i, m in enumerate(MIGRATIONS) if "another plugin" in m.purpose)]
                path = short_path / "root" / DATABASE
                db = sqlite3.connect(path)
                rows = db.execute(
                    "SELECT ns, snapshotter, key, backend, parent, labels, created, updated FROM snapshots"
                ).fetchall()
                for table in ("snapshots", "intercepts", "mounts"):
                    db.execute(f"DROP TABLE {table}")
                for statement in before[0].statements:
                    if "snapshots" in statement:
                        db.execute(statement)
                db.executemany("INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
                db.execute(f"PRAGMA user_version = {len(before)}")
                db.commit()
                db.close()
                await it.gateway.start()
                assert await it.where("k") == "fast" and it.rows() == {("fast", "k", "fast")}
                await it.agree()

        run(main)

    def test_kills_at_any_step_lose_nothing(self, short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of the gateway, and of the first plugin in a call: what was acknowledged is there, and rows and plugins agree."""
        monkeypatch.setattr(changes, "_SILENT_S", 0.02)
        chance = random.Random(5)

        async def main() -> None:
            async with two(short_path, "fast", "slow") as it:
                known: set[str] = set()
                doubtful: set[str] = set()
                for n in range(60):
                    it.fast.faults.clear()
                    it.fast.faults.append(chance.choice([Fault.NONE, Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.FULL]))
                    key = f"k{n}"
                    parent = chance.choice(["", ONE]) if ONE in known else ""
                    asked: asyncio.Future[Any] = asyncio.ensure_future(it.create(key, parent))
                    if chance.random() < 0.4:
                        for _ in range(chance.randrange(40)):
                            await asyncio.sleep(0.0003)
                        done = asked.done() and not asked.cancelled() and asked.exception() is None
                        asked.cancel()
                        await it.gateway.kill()
                        await asyncio.wait([asked])
                        await it.gateway.start()
                        (known if done else doubtful).add(key)
                    else:
                        try:
                            await asked
                            known.add(key)
                        except (NotFound, ResourceExhausted):  # what its parent is in can't, and no other has that
                            assert parent
                            doubtful.add(key)
                    if n == 20:
                        it.fast.faults.clear()
                        await it.layers(ONE)
                        known.add(ONE)
                    if chance.random() < 0.2:
                        await it.core.collect()
                for key in sorted(known):
                    assert (await it.core.snapshots("fast").stat(NS, key)).name == key
                for key in sorted(doubtful):
                    try:
                        await it.core.snapshots("fast").stat(NS, key)
                    except NotFound:
                        await it.create(key)
                await it.agree()
                assert {"fast", "slow"} == {plugin for _, _, plugin in it.rows()}

        run(main)


def test_two_rows_of_one_snapshot_are_one_object() -> None:
    """All that either keeps is kept, and for as long as the one that lasts."""
    a, b = ("snapshot", "n", "s/a", False), ("snapshot", "n", "s/b", False)
    assert both(((a,), NO_FACTS), ((a,), NO_FACTS)) == ((a,), NO_FACTS)
    targets, facts = both(((a,), Facts(root=True, expire=5)), ((b,), Facts(refs=(("content", "x"),), expire=7)))
    assert targets == (a, b) and facts == Facts(root=True, refs=(("content", "x"),), expire=7)
