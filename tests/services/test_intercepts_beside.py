"""Intercepts beside what else decides where calls go: fallback chains, content stores of namespaces, several differs, and hand-over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from argosy.about import About
from argosy.digest import Digest
from argosy.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable, Unimplemented
from argosy.filters import EVERYTHING
from argosy.plugin.content import ContentServicer
from argosy.plugin.content.blobs import Blobs
from argosy.plugin.content.local import LocalStore
from argosy.plugin.snapshots.rules import Kind
from argosy_gateway.backends import chains
from argosy_gateway.core import Core
from argosy_gateway.interception import Interception
from argosy_gateway.metadata import containers, leases
from argosy_gateway.metadata import plugins as plugin_rows
from argosy_gateway.metadata.intercepts import Selector
from argosy_gateway.plugins import plugin as plugins
from argosy_gateway.registration import Registration
from argosy_protos.containerd.services.containers.v1 import Container, ContainerRuntime
from argosy_protos.google.protobuf import Any as AnyMessage

from tests.harness.gateways import serving
from tests.harness.plugins import MemorySnapshotter
from tests.harness.twins import twins
from tests.services.test_content_stores import OTHER, OWN, Stores, stores
from tests.services.test_differs import Differ, applied, differs
from tests.services.test_handover import two as handed
from tests.services.test_plugin_registry import a_snapshotter
from tests.services.test_snapshotter_chains import NS, ONE, TWO, two


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits five seconds for a plugin that is not there."""
    monkeypatch.setattr(plugins, "ARRIVE_S", 0.1)
    monkeypatch.setattr(chains, "_SILENT_S", 0.1)


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 30))


def of(core: Core) -> Interception:
    return Interception(core, Registration(core).admission)


async def make(core: Core, key: str, parent: str = "", ns: str = NS) -> None:
    await core.snapshots_for("fast", ns, "l", (key, parent)).create(ns, "l", Kind.ACTIVE, key, parent, {})


async def listed(core: Core, ns: str = NS) -> list[str]:
    return [info.name async for info in core.snapshots_for("fast", ns, "l").walk(ns, EVERYTHING)]


class TestChains:
    """A snapshotter with others to fall back on, of which the first is intercepted."""

    def test_its_calls_go_to_the_instance_and_fall_back_on_nobody(self, short_path: Path) -> None:
        """What was made before is there again after the end, in each plugin that it was in."""
        own = MemorySnapshotter()

        async def main() -> None:
            async with two(short_path, "slow") as it:
                await it.core.change(lambda db: leases.create(db, "others", "l", {}))
                await it.layers(ONE)
                interception = of(it.core)
                async with serving(short_path / "own.sock", own):
                    await interception.begin(Selector("fast", NS), str(short_path / "own.sock"))
                    assert await listed(it.core) == []
                    with pytest.raises(NotFound):
                        await make(it.core, "k", ONE)
                    await make(it.core, "k")
                    assert await listed(it.core) == ["k"] and [name.split("/")[-1] for name in own.held] == ["k"]
                    assert it.rows() == {("fast", ONE, "slow"), (f"fast@{NS}", "k", f"fast@{NS}")}
                    await make(it.core, "k", ns="others")
                    assert ("fast", "k", "slow") in it.rows()
                    await it.gateway.stop()
                    await it.gateway.start()
                    interception = of(it.core)
                    assert await listed(it.core) == ["k"], "it is kept over a restart"
                    await it.agree()
                held = list(it.slow.held)
                with pytest.raises(Unavailable, match=f'"fast@{NS}" at'):
                    await make(it.core, "k2")
                assert list(it.slow.held) == held
                await interception.end(Selector("fast", NS))
                assert await listed(it.core) == [ONE]
                await make(it.core, "k3", ONE)
                assert ("fast", "k3", "slow") in it.rows()
                await it.agree()

        run(main)

    def test_what_another_falls_back_on_is_the_plugin_itself(self, short_path: Path) -> None:
        own = MemorySnapshotter()

        async def main() -> None:
            async with two(short_path, "slow") as it, serving(short_path / "own.sock", own):
                await of(it.core).begin(Selector("slow", NS), str(short_path / "own.sock"))
                await make(it.core, "k")
                assert it.rows() == {("fast", "k", "slow")} and not own.held
                await it.core.snapshots_for("slow", NS, "l", ("k",)).create(NS, "l", Kind.ACTIVE, "k", "", {})
                assert len(own.held) == 1
                await it.agree()

        run(main)

    def test_a_layer_at_several_places_is_one_object_that_a_collection_keeps_or_takes(self, short_path: Path) -> None:
        """In two plugins of the chain, and at the instance: a container's snapshot on it at one of them holds all."""
        own = MemorySnapshotter()

        async def main() -> None:
            async with two(short_path, "slow") as it, serving(short_path / "own.sock", own):
                await it.layers(ONE)
                await it.up("fast")
                await it.down("slow")
                await asyncio.sleep(0.2)  # so long it counts as away that did not answer
                await it.layers(ONE, TWO)
                await it.up("slow")
                await of(it.core).begin(Selector("fast", NS), str(short_path / "own.sock"))
                store = it.core.snapshots_for("fast", NS, "l")
                await store.create(NS, "l", Kind.ACTIVE, "extract", "", {})
                await store.commit(NS, "l", ONE, "extract", {}, "")
                await make(it.core, "k", ONE)
                at = {place for name, key, place in it.rows() if key == ONE}
                assert at == {"fast", "slow", f"fast@{NS}"}
                record = Container(
                    id="c", snapshotter="fast", snapshot_key="k", runtime=ContainerRuntime(name="r"),
                    spec=AnyMessage(type_url="x", value=b"{}"),
                )  # fmt: skip
                await it.core.change(lambda db: containers.create(db, NS, record))
                await it.core.change(lambda db: leases.delete(db, NS, "l"))
                await it.agree()
                assert {(key, place) for _, key, place in it.rows()} == {(ONE, place) for place in at} | {
                    ("k", f"fast@{NS}")
                }
                assert len(own.held) == 2
                await it.core.change(lambda db: containers.delete(db, NS, "c"))
                await it.agree()
                assert not it.rows() and not own.held and not it.fast.held and not it.slow.held

        run(main)


async def into(it: Stores, ns: str, data: bytes) -> str:
    """Write a blob where a namespace's calls go."""
    content, space = it.core.content_for(ns)
    digest = str(Digest.of(data))
    writer = await content.ingests.open(space, "l", f"ref-{digest}", len(data), digest)
    try:
        if writer.status().offset != len(data):
            await writer.write(0, data, len(data), digest)
        await writer.commit(len(data), b"", len(data), digest, {})
    finally:
        await writer.close()
    return digest


async def read(it: Stores, ns: str, digest: str) -> bytes:
    content, space = it.core.content_for(ns)
    return b"".join([frame async for frame in content.blobs.read(space, digest, 0, 0)])


class TestContentOfNamespaces:
    """A namespace with a content store of its own, of which there is an instance."""

    def test_the_instance_comes_before_the_namespaces_own_store(self, short_path: Path) -> None:
        """Its bytes are read for nobody else and it gets nobody else's; it serves also while the store is away, and outlasts a restart."""

        async def main() -> None:
            (short_path / "instance").mkdir()
            instance = LocalStore(Blobs(short_path / "instance"))

            async def there() -> set[str]:
                return {info.digest async for info in instance.walk(EVERYTHING)}

            async with stores(short_path) as it, serving(short_path / "i.sock", ContentServicer(instance)) as server:
                About("instance", server, root=short_path / "instance").add()
                before = await into(it, OWN, b"before")
                await of(it.core).begin(Selector("mine", OWN), str(short_path / "i.sock"))
                with pytest.raises(NotFound):
                    await read(it, OWN, before)
                new, both = await into(it, OWN, b"new"), await into(it, OWN, b"before")
                assert both == before and await there() == {new, before}
                assert await it.held("mine") == {before} and await it.held("all") == set()
                theirs = await into(it, OTHER, b"new")
                assert theirs == new and await it.held("all") == {new}, "it was sent, not linked"
                # Another store may lend its bytes, an instance neither lends nor borrows.
                await it.stores["all"].delete(new)
                with pytest.raises(NotFound):
                    await read(it, OTHER, new)
                await instance.delete(before)
                with pytest.raises(NotFound):
                    await read(it, OWN, before)
                assert await read(it, OWN, new) == b"new"
                assert not plugin_rows.uses(it.core.db.reader, "all", "content", it.core.in_content("all"))[0].count("@")
                assert set(plugin_rows.held(it.core.db.reader, "mine", "content", it.core.in_content("mine"))) == {before}
                await it.down("mine")
                await it.gateway.stop()
                await it.start()
                assert await read(it, OWN, new) == b"new"
                await it.core.collect()
                await of(it.core).end(Selector("mine", OWN))
                assert await there() == set()
                await it.up("mine")
                content, space = it.core.content_for(OWN)
                assert (content.plugin.name, space) == ("mine", OWN)

        run(main)

    def test_only_the_store_that_a_namespaces_calls_go_to_can_be_intercepted_there(self, short_path: Path) -> None:
        async def main() -> None:
            async with stores(short_path) as it:
                interception = of(it.core)
                with pytest.raises(InvalidArgument, match='is in content plugin "mine", not in "all"; intercept "mine"'):
                    await interception.begin(Selector("all", OWN), str(short_path / "i.sock"))
                with pytest.raises(InvalidArgument, match='is not in content plugin "mine"'):
                    await interception.begin(Selector("mine", OTHER), str(short_path / "i.sock"))
                found, _ = await interception.begin(Selector("content/all", OTHER), str(short_path / "i.sock"))
                assert found.plugin.name == f"all@{OTHER}"
                assert it.core.content_for(OTHER)[0].plugin is found.plugin
                await interception.end(Selector("content/all", OTHER))

        run(main)


class TestDiffers:
    """Several differs, of which one is intercepted."""

    def test_an_instance_is_asked_in_the_place_of_its_differ(self, short_path: Path) -> None:
        async def main() -> None:
            first, second = Differ("first", Unimplemented("not this one")), Differ("second")
            instance = Differ("instance")
            async with (
                differs(short_path, ("second", "first"), ("first",)) as (stub, gateway),
                serving(short_path / "first.sock", first),
                serving(short_path / "second.sock", second),
                serving(short_path / "i.sock", instance),
            ):
                interception = of(gateway.core)
                await interception.begin(Selector("second", "n"), str(short_path / "i.sock"))
                assert await applied(stub) == "instance" and (first.asked, second.asked) == (1, 0)
                await interception.end(Selector("second", "n"))
                await interception.begin(Selector("first", "n"), str(short_path / "i.sock"))
                assert await applied(stub) == "instance" and (first.asked, second.asked) == (1, 0)
                instance.error = Unimplemented("nor this one")
                assert await applied(stub) == "second" and first.asked == 1

        run(main)


class TestHandOver:
    """Instances take part in no hand-over."""

    def test_an_instance_is_not_swapped_and_nothing_is_swapped_for_it(self, short_path: Path) -> None:
        async def main() -> None:
            async with two(short_path, "fast", "slow") as it, serving(short_path / "own.sock", MemorySnapshotter()):
                interception, registration = of(it.core), Registration(it.core)
                await interception.begin(Selector("fast", NS), str(short_path / "own.sock"))
                for name in (f"fast@{NS}", f"snapshot/fast@{NS}"):
                    with pytest.raises(
                        FailedPrecondition, match="is an instance .*, which takes part in no swap: restart it"
                    ):
                        await registration.swap(name, str(short_path / "other.sock"))
                    with pytest.raises(FailedPrecondition, match="takes part in no swap"):
                        await registration.rollback(name)
                async with serving(short_path / "third.sock", MemorySnapshotter()):
                    await registration.add("third", a_snapshotter(short_path, "third"))
                    with pytest.raises(FailedPrecondition, match=f'"fast@{NS}" is an instance at'):
                        await registration.swap("third", str(short_path / "own.sock"))

        run(main)

    def test_one_that_stands_by_is_no_instance(self, short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async def main() -> None:
            async with handed(short_path, monkeypatch) as (gateway, _, old, new):
                with pytest.raises(
                    FailedPrecondition, match="stands by for .*kept, and instances take part in no hand-over"
                ):
                    await of(gateway.core).begin(Selector("s", "n"), str(short_path / "new.sock"))
                assert (old.phase.value, new.phase.value) == ("serving", "standby")
                assert not list(gateway.core.registry.intercepts)

        run(main)

    def test_one_that_comes_back_standing_by_is_not_told_to_claim(
        self, short_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its root may be the plugin's, which may have died a moment ago."""

        async def main() -> None:
            async with two(short_path, "fast") as it:
                found, _ = await of(it.core).begin(Selector("fast", NS), str(short_path / "b.sock"))
                async with twins(short_path, monkeypatch, "a", "b") as (a, b):
                    a.die()
                    await found.plugin.look()
                    await found.plugin.meet()
                    assert b.phase.value == "standby"
                    with pytest.raises(Unavailable, match="stands by"):
                        await make(it.core, "k")

        run(main)

    def test_who_takes_a_plugin_over_is_no_instance(self, short_path: Path) -> None:
        async def main() -> None:
            async with two(short_path, "fast") as it:
                table = {"type": "snapshot", "address": str(short_path / "new.sock")}
                await it.core.change(lambda db: plugin_rows.begin_hand_over(db, "slow", table))
                with pytest.raises(FailedPrecondition, match='the socket of who takes plugin "slow" over'):
                    await of(it.core).begin(Selector("fast", NS), f"unix://{short_path}/new.sock")

        run(main)
