"""Intercepts: one namespace's, lease's or image's calls go to an instance of somebody's own, and nobody else's do."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argosy.about import About
from argosy.digest import Digest
from argosy.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unavailable,
)
from argosy.filters import EVERYTHING
from argosy.labels import IMAGE_REFERENCES
from argosy.plugin.content import ContentServicer
from argosy.plugin.content.blobs import Blobs
from argosy.plugin.content.local import LocalStore
from argosy.plugin.snapshots.rules import Kind
from argosy.rpc import Channel
from argosy.tables import ProxyPlugin
from argosy_gateway.backends.diff import Diff
from argosy_gateway.core import Core
from argosy_gateway.interception import Interception
from argosy_gateway.metadata import containers, leases, namespaces
from argosy_gateway.metadata.intercepts import Selector
from argosy_gateway.plugins.registry import Registry
from argosy_gateway.registration import Registration
from argosy_protos.containerd.services.containers.v1 import Container, ContainerRuntime
from argosy_protos.containerd.services.diff import v1 as diff
from argosy_protos.google.protobuf import Any as AnyMessage

from tests.harness.gateways import Gateway, serving
from tests.harness.plugins import MemorySnapshotter

DEV = Selector("s", "dev")


class Pair:
    """A core with a snapshotter "s", and an instance that nobody's calls go to yet."""

    def __init__(self, base: Path, gateway: Gateway) -> None:
        self.base, self.gateway = base, gateway
        self.main, self.own = MemorySnapshotter(), MemorySnapshotter()

    @property
    def core(self) -> Core:
        return self.gateway.core

    @property
    def to(self) -> str:
        return f"unix://{self.base}/own.sock"

    async def begin(self, selector: Selector = DEV) -> Interception:
        interception = Interception(self.core, Registration(self.core).admission)
        await interception.begin(selector, self.to)
        return interception

    async def make(self, ns: str, key: str, **more: Any) -> None:
        """Prepare a snapshot as a client does, with a lease, a parent or labels."""
        lease, parent, labels = more.get("lease"), more.get("parent", ""), more.get("labels", {})
        store = self.core.snapshots_for("s", ns, lease, (key, parent), labels)
        await store.create(ns, lease, Kind.ACTIVE, key, parent, labels)

    async def commit(self, ns: str, name: str, key: str, lease: str | None = None) -> None:
        await self.core.snapshots_for("s", ns, lease, (key, name)).commit(ns, lease, name, key, {}, "")

    async def has(self, ns: str, key: str, lease: str | None = None) -> bool:
        try:
            await self.core.snapshots_for("s", ns, lease, (key,)).stat(ns, key)
        except NotFound:
            return False
        return True

    async def keys(self, ns: str, lease: str | None = None) -> list[str]:
        return [info.name async for info in self.core.snapshots_for("s", ns, lease).walk(ns, EVERYTHING)]

    async def container(self, ns: str, id: str, key: str) -> None:
        """Enter a container that has a snapshot."""
        record = Container(
            id=id,
            snapshotter="s",
            snapshot_key=key,
            runtime=ContainerRuntime(name="r"),
            spec=AnyMessage(type_url="x", value=b"{}"),
        )
        await self.core.change(partial(containers.create, ns=ns, container=record))


def names(plugin: MemorySnapshotter) -> list[str]:
    """The keys that a plugin holds, without their numbers."""
    return sorted("/".join((name.split("/")[0], name.split("/", 2)[2])) for name in plugin.held)


@asynccontextmanager
async def pair(base: Path) -> AsyncIterator[Pair]:
    gateway = Gateway(base, {"s": ProxyPlugin(type="snapshot", address=str(base / "s.sock"))})
    found = Pair(base, gateway)
    async with serving(base / "s.sock", found.main), serving(base / "own.sock", found.own):
        await gateway.start()
        try:
            yield found
        finally:
            await gateway.stop()


class TestWhose:
    """Which calls go where."""

    def test_a_thousand_calls_of_four_namespaces_side_by_side_meet_whom_they_should(self, short_path: Path) -> None:
        """Two of them have an instance of their own each; the keys are the same in all, so that a call to another's would be seen."""

        async def main() -> None:
            async with pair(short_path) as it:
                other = MemorySnapshotter()
                async with serving(short_path / "other.sock", other):
                    interception = await it.begin()
                    await interception.begin(Selector("s", "dev2"), str(short_path / "other.sock"))

                    async def work(ns: str, keys: list[str]) -> None:
                        for key in keys:
                            await it.make(ns, key)
                            await it.commit(ns, f"{key} done", key)
                            await it.make(ns, f"{key} above", parent=f"{key} done")
                            assert (
                                await it.core.snapshots_for("s", ns, None, (f"{key} above",)).mounts(ns, f"{key} above")
                            )[0]
                            assert not await it.has(ns, key)

                    spaces = {"dev": it.own, "dev2": other, "prod": it.main, "test": it.main}
                    keys = [f"k{n}" for n in range(10)]
                    random.Random(1).shuffle(keys)
                    async with asyncio.TaskGroup() as group:
                        for ns, part in itertools.product(spaces, range(5)):
                            group.create_task(work(ns, keys[part::5]))
                    for plugin in (it.own, other, it.main):
                        mine = [ns for ns, whose in spaces.items() if whose is plugin]
                        wanted = [f"{ns}/{key} {what}" for ns in mine for key in keys for what in ("done", "above")]
                        assert names(plugin) == sorted(wanted)
                    await it.core.collect()
                    assert not it.own.held and not other.held and not it.main.held

        asyncio.run(main())

    def test_what_was_there_before_is_hidden_and_there_again_after_it(self, short_path: Path) -> None:
        """A snapshot of the same key at the instance is another one."""

        async def main() -> None:
            async with pair(short_path) as it:
                await it.make("dev", "k", labels={"whose": "everybody's"})
                interception = await it.begin()
                assert not await it.has("dev", "k") and await it.keys("dev") == []
                with pytest.raises(NotFound, match="parent"):
                    await it.make("dev", "child", parent="k")
                await it.make("dev", "k", labels={"whose": "mine"})
                await it.make("dev", "k2")
                assert await it.keys("dev") == ["k", "k2"] and names(it.main) == ["dev/k"]
                store = it.core.snapshots_for("s", "dev", None, ("k",))
                assert (await store.stat("dev", "k")).labels == {"whose": "mine"}
                await store.remove("dev", None, "k")
                await interception.end(DEV)
                assert await it.keys("dev") == ["k"]
                assert (await it.core.snapshots("s").stat("dev", "k")).labels == {"whose": "everybody's"}
                assert not it.own.held, "what no row names was left there"

        asyncio.run(main())

    def test_a_lease_takes_its_calls_and_others_go_on_with_what_they_made(self, short_path: Path) -> None:
        async def main() -> None:
            async with pair(short_path) as it:
                for lease in ("mine", "theirs"):
                    await it.core.change(partial(leases.create, ns="dev", id=lease, labels={}))
                await it.begin(Selector("s", "dev", lease="mine"))
                await it.make("dev", "both")
                await it.make("dev", "both", lease="mine")
                await it.make("dev", "a", lease="mine")
                await it.commit("dev", "layer", "a", lease="mine")
                await it.make("dev", "c", lease="theirs")
                # Who runs a container on it says no lease, but names it.
                await it.make("dev", "d", parent="layer")
                assert await it.has("dev", "layer") and await it.has("dev", "d")
                assert names(it.own) == ["dev/both", "dev/d", "dev/layer"] and names(it.main) == ["dev/both", "dev/c"]
                assert await it.keys("dev", "mine") == ["both", "d", "layer"] and await it.keys("dev") == ["both", "c"]

        asyncio.run(main())

    @pytest.mark.parametrize("label", IMAGE_REFERENCES)
    def test_a_pattern_takes_what_is_made_for_images_of_such_names(self, short_path: Path, label: str) -> None:
        async def main() -> None:
            async with pair(short_path) as it:
                await it.begin(Selector("s", "dev", reference="example.com/mine/*"))
                await it.make("dev", "a", labels={label: "example.com/mine/app:1"})
                await it.make("dev", "b", labels={label: "example.com/other/app:1"})
                await it.make("prod", "a", labels={label: "example.com/mine/app:1"})
                await it.commit("dev", "layer", "a")
                await it.make("dev", "c", parent="layer")
                assert names(it.own) == ["dev/c", "dev/layer"] and names(it.main) == ["dev/b", "prod/a"]

        asyncio.run(main())

    def test_the_narrowest_intercept_takes_a_call(self, short_path: Path) -> None:
        async def main() -> None:
            async with pair(short_path) as it:
                await it.core.change(partial(leases.create, ns="dev", id="l", labels={}))
                leased = MemorySnapshotter()
                async with serving(short_path / "leased.sock", leased):
                    interception = await it.begin()
                    await interception.begin(Selector("s", "dev", lease="l"), str(short_path / "leased.sock"))
                    await it.make("dev", "a")
                    await it.make("dev", "b", lease="l")
                    assert (names(it.own), names(leased), names(it.main)) == (["dev/a"], ["dev/b"], [])
                    await interception.end(Selector("s", "dev", lease="l"))
                    await it.make("dev", "c", lease="l")
                    assert names(it.own) == ["dev/a", "dev/c"]

        asyncio.run(main())

    def test_a_differ_is_intercepted_by_namespace_and_lease(self, short_path: Path) -> None:
        class Named(diff.DiffBase):
            def __init__(self, name: str) -> None:
                self.name = name

            async def apply(self, request: diff.ApplyRequest) -> diff.ApplyResponse:
                raise InvalidArgument(f"{self.name} was asked")

        async def main() -> None:
            gateway = Gateway(short_path, {"d": ProxyPlugin(type="diff", address=str(short_path / "d.sock"))})
            core = await gateway.start()
            async with (
                serving(short_path / "d.sock", Named("main")),
                serving(short_path / "own.sock", Named("own")),
                serving(short_path / "leased.sock", Named("leased")),
                serving(short_path / "g.sock", Diff(core.registry, core.policy)),
                Channel(short_path / "g.sock") as channel,
            ):
                interception = Interception(core, Registration(core).admission)
                await interception.begin(Selector("d", "dev"), str(short_path / "own.sock"))
                await interception.begin(Selector("d", "prod", lease="l"), str(short_path / "leased.sock"))
                with pytest.raises(InvalidArgument, match="say no reference"):
                    await interception.begin(Selector("d", "dev", reference="*"), str(short_path / "x.sock"))
                for ns, lease, whose in (
                    ("dev", "", "own"),
                    ("prod", "", "main"),
                    ("prod", "l", "leased"),
                    ("dev", "l", "own"),
                ):
                    call = channel.with_metadata(
                        {"containerd-namespace": ns, **({"containerd-lease": lease} if lease else {})}
                    )
                    with pytest.raises(InvalidArgument, match=f"{whose} was asked"):
                        await diff.DiffStub(call).apply(diff.ApplyRequest())
                await interception.end(Selector("d", "dev"))
                with pytest.raises(InvalidArgument, match="main was asked"):
                    call = channel.with_metadata({"containerd-namespace": "dev"})
                    await diff.DiffStub(call).apply(diff.ApplyRequest())
            await gateway.stop()

        asyncio.run(main())


class TestAway:
    """An instance that is not there is the trouble of its own callers."""

    def test_it_is_unavailable_to_its_namespace_alone_and_says_what_ends_it(self, short_path: Path) -> None:
        async def main() -> None:
            async with pair(short_path) as it:
                interception = Interception(it.core, Registration(it.core).admission)
                await interception.begin(DEV, str(short_path / "none.sock"))
                (found, snapshots) = next(iter(interception))
                assert snapshots == 0
                for _ in range(2):
                    with pytest.raises(Unavailable, match=f'snapshot plugin "s@dev" at {short_path}/none.sock'):
                        await it.make("dev", "k")
                await it.make("prod", "k")
                assert "; argosy intercept rm s --namespace dev ends the intercept" in found.plugin.why()
                await interception.end(DEV)
                await it.make("dev", "k")
                assert names(it.main) == ["dev/k", "prod/k"]

        asyncio.run(main())

    def test_it_is_kept_over_every_kind_of_end_of_the_gateway(self, short_path: Path) -> None:
        async def main() -> None:
            async with pair(short_path) as it:
                await it.begin()
                for n, end in enumerate((it.gateway.stop, it.gateway.kill)):
                    await it.make("dev", f"k{n}")
                    await it.container("dev", f"c{n}", f"k{n}")
                    await end()
                    await it.gateway.start()
                    await it.core.collect()
                    assert await it.keys("dev") == [f"k{m}" for m in range(n + 1)]
                assert names(it.own) == ["dev/k0", "dev/k1"] and not it.main.held

        asyncio.run(main())

    def test_a_kill_in_the_middle_of_its_end_has_ended_it_or_not(self, short_path: Path) -> None:
        """Never is there a row of it without it, or the other way round."""

        async def main() -> None:
            async with pair(short_path) as it:
                seen = set()
                for steps in range(0, 40, 4):
                    await it.begin()
                    await it.make("dev", "k", labels={"containerd.io/gc.root": "x"})
                    ending = asyncio.ensure_future(Interception(it.core, Registration(it.core).admission).end(DEV))
                    for _ in range(steps):
                        await asyncio.sleep(0.0005)
                    ending.cancel()
                    await it.gateway.kill()
                    await asyncio.wait([ending])
                    await it.gateway.start()
                    left = len(list(Interception(it.core, Registration(it.core).admission)))
                    rows = it.core.db.reader.execute("SELECT count(*) FROM snapshots").fetchone()[0]
                    assert rows == left
                    seen.add(left)
                    if left:
                        await Interception(it.core, Registration(it.core).admission).end(DEV)
                    it.own.held.clear()
                assert seen == {0, 1}, "the kills were all too early, or all too late"

        asyncio.run(main())


class TestCollected:
    """What refers to a snapshot says the plugin's name, and means it wherever it is."""

    def test_a_container_keeps_what_it_has_at_the_instance_and_at_the_plugin(self, short_path: Path) -> None:
        async def main() -> None:
            async with pair(short_path) as it:
                await it.make("dev", "k")
                await it.make("dev", "gone before")
                await it.begin()
                for key in ("a", "gone"):
                    await it.make("dev", key)
                await it.commit("dev", "layer", "a")
                await it.make("dev", "k", parent="layer")
                await it.container("dev", "c", "k")
                await it.core.collect()
                assert names(it.own) == ["dev/k", "dev/layer"] and names(it.main) == ["dev/k"]
                await it.core.change(partial(containers.delete, ns="dev", id="c"))
                await it.core.collect()
                assert not it.own.held and not it.main.held

        asyncio.run(main())

    def test_a_lease_keeps_it_until_it_is_gone_at_both(self, short_path: Path) -> None:
        async def main() -> None:
            async with pair(short_path) as it:
                await it.core.change(partial(leases.create, ns="dev", id="l", labels={}))
                await it.make("dev", "k", lease="l")
                await it.begin()
                await it.make("dev", "k", lease="l")
                await it.core.collect()
                assert names(it.own) == names(it.main) == ["dev/k"]
                await it.core.snapshots_for("s", "dev", "l", ("k",)).remove("dev", "l", "k")
                await it.core.collect()
                assert not it.own.held and names(it.main) == ["dev/k"]

        asyncio.run(main())

    def test_a_namespace_with_something_at_an_instance_is_not_empty(self, short_path: Path) -> None:
        async def main() -> None:
            async with pair(short_path) as it:
                await it.begin()
                await it.make("dev", "k")
                with pytest.raises(FailedPrecondition, match='snapshots on "s@dev" snapshotter'):
                    await it.core.change(partial(namespaces.delete, ns="dev"))

        asyncio.run(main())


class TestItsEnd:
    """What becomes of what was made."""

    def test_it_is_refused_while_a_container_needs_what_is_there(self, short_path: Path) -> None:
        """By force the rows go, and the bytes stay: a container that runs has them mounted."""

        async def main() -> None:
            async with pair(short_path) as it:
                interception = await it.begin()
                await it.make("dev", "k")
                await it.container("dev", "c", "k")
                with pytest.raises(FailedPrecondition, match='"s@dev" is in use: container "c" in namespace "dev"'):
                    await interception.end(DEV)
                assert await it.has("dev", "k"), "it takes calls as before"
                await interception.end(DEV, force=True)
                assert not await it.has("dev", "k") and names(it.own) == ["dev/k"]
                # The next one at this instance cleans what the last one left.
                await it.begin()
                await it.core.collect()
                assert not it.own.held

        asyncio.run(main())

    def test_a_call_in_flight_is_waited_for(self, short_path: Path) -> None:
        async def main() -> None:
            from tests.harness.plugins import Fault

            async with pair(short_path) as it:
                interception = await it.begin()
                it.own.faults.append(Fault.STOPS_AFTER)
                making = asyncio.ensure_future(it.make("dev", "k"))
                await it.own.reached.wait()
                ending = asyncio.ensure_future(interception.end(DEV))
                await asyncio.sleep(0.1)
                with pytest.raises(Unavailable, match="draining"):
                    await it.make("dev", "late")
                with pytest.raises(Unavailable, match="is being ended"):
                    await interception.end(DEV)
                it.own.go.set()
                await making
                await ending
                assert not it.own.held and not it.main.held

        asyncio.run(main())


class TestRefused:
    """What can't be intercepted, and who can't take calls."""

    def test_a_second_time_is_as_the_first_and_elsewhere_is_refused(self, short_path: Path) -> None:
        async def main() -> None:
            async with pair(short_path) as it:
                interception = await it.begin()
                first = it.core.registry.intercepts.find(DEV)
                await interception.begin(DEV, it.to)
                assert it.core.registry.intercepts.find(DEV) is first
                with pytest.raises(AlreadyExists, match="argosy intercept rm s --namespace dev"):
                    await interception.begin(DEV, str(short_path / "third.sock"))

        asyncio.run(main())

    def test_a_socket_of_somebody_else_is_refused_by_whatever_path(self, short_path: Path) -> None:
        """Each of two would collect what the other has made."""

        async def main() -> None:
            async with pair(short_path) as it:
                interception = await it.begin()
                (short_path / "linked.sock").symlink_to(short_path / "own.sock")
                (short_path / "s2.sock").symlink_to(short_path / "s.sock")
                for socket in ("own.sock", "linked.sock", "s.sock", "s2.sock", "gateway.sock"):
                    with pytest.raises(FailedPrecondition, match="serve the instance at one of its own"):
                        await interception.begin(Selector("s", "dev2"), str(short_path / socket))
                assert len(list(interception)) == 1

        asyncio.run(main())

    def test_what_is_no_plugin_of_such_a_type_or_serves_another_is_refused(self, short_path: Path) -> None:
        async def main() -> None:
            async with pair(short_path) as it:
                interception = Interception(it.core, Registration(it.core).admission)
                with pytest.raises(NotFound, match='plugin "none"'):
                    await interception.begin(Selector("none", "dev"), it.to)
                await Registration(it.core).add("t", ProxyPlugin(type="tasks", address=str(short_path / "t.sock")))
                with pytest.raises(InvalidArgument, match="can't be intercepted"):
                    await interception.begin(Selector("t", "dev"), it.to)
                with pytest.raises(InvalidArgument, match="namespace validation"):
                    await interception.begin(Selector("s", "../x"), it.to)
                with pytest.raises(InvalidArgument, match="no absolute path"):
                    await interception.begin(DEV, "own.sock")
                async with serving(short_path / "diff.sock", diff.DiffBase()):
                    with pytest.raises(InvalidArgument, match="does not serve containerd.services.snapshots"):
                        await interception.begin(DEV, str(short_path / "diff.sock"))
                with pytest.raises(NotFound):
                    await interception.end(DEV)
                assert not list(interception)

        asyncio.run(main())

    def test_an_instances_socket_is_no_other_plugins(self, short_path: Path) -> None:
        async def main() -> None:
            async with pair(short_path) as it:
                await it.begin()
                with pytest.raises(FailedPrecondition, match='"s@dev" is an instance at'):
                    await Registration(it.core).add(
                        "more", ProxyPlugin(type="snapshot", address=str(short_path / "own.sock"))
                    )

        asyncio.run(main())

    def test_a_plugin_is_not_removed_while_calls_to_it_are_intercepted(self, short_path: Path) -> None:
        async def main() -> None:
            async with pair(short_path) as it:
                registration = Registration(it.core)
                async with serving(short_path / "more.sock", MemorySnapshotter()):
                    await registration.add("more", ProxyPlugin(type="snapshot", address=str(short_path / "more.sock")))
                    await it.begin(Selector("more", "dev"))
                    with pytest.raises(FailedPrecondition, match='intercept "more@dev"'):
                        await registration.remove("more")

        asyncio.run(main())

    def test_a_name_that_looks_like_an_instance_is_none_of_the_configuration(self, short_path: Path) -> None:
        async def main() -> None:
            gateway = Gateway(short_path, {"s@dev": ProxyPlugin(type="snapshot", address=str(short_path / "s.sock"))})
            with pytest.raises(InvalidArgument, match='"s@dev"'):
                await gateway.open()

        asyncio.run(main())


def test_without_intercepts_a_call_is_looked_up_once() -> None:
    """Nobody pays for what nobody uses: no row is read to find out where a call goes."""
    registry = Registry()
    asked: list[str] = []

    def has(instance: str, key: str) -> bool:
        asked.append(key)
        return False

    assert not registry.intercepts
    assert registry.intercepts.of_snapshots("s", "dev", None, {}, ("k", "p"), has) is None
    assert asked == []


class Stores:
    """A core with a content store "c", and an instance of it."""

    def __init__(self, base: Path, gateway: Gateway) -> None:
        self.base, self.gateway = base, gateway
        for name in ("main", "own"):
            (base / name).mkdir()
        self.main, self.own = LocalStore(Blobs(base / "main")), LocalStore(Blobs(base / "own"))

    @property
    def core(self) -> Core:
        return self.gateway.core

    async def begin(self) -> Interception:
        interception = Interception(self.core, Registration(self.core).admission)
        await interception.begin(Selector("c", "dev"), str(self.base / "own.sock"))
        return interception

    async def put(self, ns: str, data: bytes, lease: str | None = None, labels: dict[str, str] | None = None) -> str:
        content, space = self.core.content_for(ns)
        digest = str(Digest.of(data))
        writer = await content.ingests.open(space, lease, f"ref-{digest}", len(data), digest)
        try:
            if writer.status().offset != len(data):
                await writer.write(0, data, len(data), digest)
            await writer.commit(len(data), b"", len(data), digest, labels or {})
        finally:
            await writer.close()
        return digest

    async def read(self, ns: str, digest: str) -> bytes:
        content, space = self.core.content_for(ns)
        return b"".join([frame async for frame in content.blobs.read(space, digest, 0, 0)])

    async def has(self, ns: str, digest: str) -> bool:
        content, space = self.core.content_for(ns)
        try:
            await content.blobs.info(space, digest)
        except NotFound:
            return False
        return True


async def blobs(store: LocalStore) -> list[str]:
    return sorted([info.digest async for info in store.walk(EVERYTHING)])


@asynccontextmanager
async def stores(base: Path) -> AsyncIterator[Stores]:
    gateway = Gateway(base, {"c": ProxyPlugin(type="content", address=str(base / "c.sock"))})
    it = Stores(base, gateway)
    async with (
        serving(base / "c.sock", ContentServicer(it.main)) as main,
        serving(base / "own.sock", ContentServicer(it.own)) as own,
    ):
        for server, root in ((main, "main"), (own, "own")):
            About(root, server, root=base / root).add()
        await gateway.start()
        try:
            yield it
        finally:
            await gateway.stop()


class TestContent:
    """A namespace's blobs go to an instance of the content store, and come from there."""

    def test_each_namespace_has_its_blobs_where_its_calls_go(self, short_path: Path) -> None:
        """The same bytes are sent to each; nobody is told that the other one has them."""

        async def main() -> None:
            async with stores(short_path) as it:
                for ns in ("dev", "prod"):
                    await it.core.change(partial(leases.create, ns=ns, id="l", labels={}))
                before = await it.put("dev", b"before", "l")
                interception = await it.begin()
                assert not await it.has("dev", before)
                both = await it.put("dev", b"the same", "l")
                assert await it.put("prod", b"the same", "l") == both
                mine, theirs = await it.put("dev", b"mine", "l"), await it.put("prod", b"theirs", "l")
                assert await blobs(it.own) == sorted([both, mine])
                assert await blobs(it.main) == sorted([before, both, theirs])
                assert not await it.has("dev", theirs) and not await it.has("prod", mine)
                assert await it.read("dev", mine) == b"mine" and await it.read("dev", both) == b"the same"
                await it.core.collect()
                assert await blobs(it.own) == sorted([both, mine]), "a lease holds them"
                assert await blobs(it.main) == sorted([before, both, theirs])
                await interception.end(Selector("c", "dev"))
                assert await blobs(it.own) == [] and await it.has("dev", before) and not await it.has("dev", mine)

        asyncio.run(main())

    def test_what_refers_to_a_blob_keeps_it_at_both_and_a_collection_takes_it_from_both(self, short_path: Path) -> None:
        async def main() -> None:
            async with stores(short_path) as it:
                await it.core.change(partial(leases.create, ns="dev", id="l", labels={}))
                below = await it.put("dev", b"below")
                await it.put("dev", b"above", "l", {"containerd.io/gc.ref.content.0": below})
                await it.begin()
                await it.put("dev", b"below")
                above = await it.put("dev", b"above", "l", {"containerd.io/gc.ref.content.0": below})
                await it.put("dev", b"nobody's")
                await it.core.collect()
                assert await blobs(it.own) == await blobs(it.main) == sorted([below, above])
                content, space = it.core.content_for("dev")
                # To forget it at the instance takes no lease from the other one.
                await content.blobs.delete(space, "l", above)
                await it.core.collect()
                assert above not in await blobs(it.own) and above in await blobs(it.main)
                await it.core.change(partial(leases.delete, ns="dev", id="l"))
                await it.core.collect()
                assert await blobs(it.own) == await blobs(it.main) == []

        asyncio.run(main())

    def test_ingests_are_of_one_of_them_and_outlast_a_restart(self, short_path: Path) -> None:
        async def main() -> None:
            async with stores(short_path) as it:
                await it.begin()
                content, space = it.core.content_for("dev")
                writer = await content.ingests.open(space, None, "r", 10, "")
                await writer.write(0, b"12345", 10, "")
                await writer.close()
                for end in (it.gateway.stop, it.gateway.kill):
                    await end()
                    await it.gateway.start()
                    await it.core.collect()
                    content, space = it.core.content_for("dev")
                    assert (await content.ingests.status(space, "r")).offset == 5
                    assert [status.ref for status in await content.ingests.statuses(space, EVERYTHING)] == ["r"]
                other, ns = it.core.content_for("prod")
                assert await other.ingests.statuses(ns, EVERYTHING) == []
                held = await it.own.statuses(EVERYTHING)
                assert len(held) == 1 and held[0].ref.startswith("dev/")

        asyncio.run(main())

    def test_a_part_of_a_namespace_can_not_be_told_apart(self, short_path: Path) -> None:
        async def main() -> None:
            async with stores(short_path) as it:
                interception = Interception(it.core, Registration(it.core).admission)
                with pytest.raises(InvalidArgument, match="say neither lease nor reference"):
                    await interception.begin(Selector("c", "dev", lease="l"), str(it.base / "own.sock"))

        asyncio.run(main())
