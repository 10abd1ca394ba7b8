"""What a plugin said that it made, and does not have: it is told with the remedy, can be removed, and be made anew. Nothing goes on the word of it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from argosy.errors import AlreadyExists, FailedPrecondition, NotFound, Unavailable
from argosy.plugin.content.local import LocalStore
from argosy.plugin.snapshots.rules import Info, Kind
from argosy_gateway.core import Core
from argosy_gateway.metadata import content as blobs
from argosy_gateway.metadata import leases
from argosy_protos.containerd.services.snapshots import v1 as p

from tests.harness.gateways import one_snapshotter
from tests.harness.plugins import Fault, MemorySnapshotter
from tests.services.test_gateway_content import NS, behind_a_gateway, content, put, read

REF = "containerd.io/snapshot.ref"
TOLD = r'does not exist: snapshot plugin "s" at .*s\.sock does not have it.*remove "{}"'


async def chain(core: Core, *names: str, target: bool = True) -> None:
    """Make committed snapshots, each on the one before, as a client unpacks an image; those that are there are left."""
    store, parent = core.snapshots("s"), ""
    for name in names:
        try:
            await store.stat(NS, name)
        except NotFound:
            key = f"extract {name} {os.urandom(4).hex()}"
            await store.create(NS, "l", Kind.ACTIVE, key, parent, {REF: name} if target else {})
            await store.commit(NS, "l", name, key, {REF: name} if target else {}, parent)
        parent = name


async def leased(core: Core) -> None:
    await core.change(lambda db: leases.create(db, NS, "l", {}))


class TestSnapshots:
    """A snapshotter that comes back empty, or did nothing."""

    def test_each_call_says_who_lost_it_and_what_helps(self) -> None:
        """With the plugin, the key, its state and the remedy; which works."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with one_snapshotter(plugin) as (_, core):
                store = core.snapshots("s")
                await leased(core)
                await chain(core, "base")
                await store.create(NS, "l", Kind.ACTIVE, "k", "base", {})
                plugin.held.clear()
                info = Info("k", "", Kind.ACTIVE, 0, 0, {"x": "y"})
                for call in (
                    store.stat(NS, "k"), store.mounts(NS, "k"), store.usage(NS, "k"), store.update(NS, info, ["labels.x"]),
                    store.commit(NS, "l", "name", "k", {}, ""),
                ):  # fmt: skip
                    with pytest.raises(NotFound, match=TOLD.format("k")):
                        await call
                with pytest.raises(NotFound, match="parent snapshot base " + TOLD.format("base")):
                    await store.create(NS, "l", Kind.ACTIVE, "other", "base", {})
                assert "does not have it" in core.registry.snapshotter("s").last_error
                # Who prepares a key that is there goes on with its data: it is not replaced behind their back.
                with pytest.raises(FailedPrecondition, match=TOLD.format("k")):
                    await store.create(NS, "l", Kind.ACTIVE, "k", "", {})
                await core.collect()
                assert {row[0] for row in core.db.read("SELECT key FROM snapshots")} == {"base", "k"}
                await store.remove(NS, "l", "k")
                await chain(core, "base")
                await store.create(NS, "l", Kind.ACTIVE, "k", "base", {})
                assert (await store.stat(NS, "k")).parent == "base"
                await core.collect()
                assert len(plugin.held) == 2

        asyncio.run(main())

    def test_one_that_says_ok_and_does_nothing(self) -> None:
        """No key answers NOT_FOUND to Mounts and ALREADY_EXISTS to Prepare for ever."""

        class Liar(MemorySnapshotter):
            lies = True

            async def prepare(self, request: p.PrepareSnapshotRequest) -> p.PrepareSnapshotResponse:
                return p.PrepareSnapshotResponse(mounts=self.mounts_said) if self.lies else await super().prepare(request)

        async def main() -> None:
            plugin = Liar()
            async with one_snapshotter(plugin) as (_, core):
                store = core.snapshots("s")
                await store.create(NS, None, Kind.ACTIVE, "k", "", {})
                with pytest.raises(NotFound, match=TOLD.format("k")):
                    await store.mounts(NS, "k")
                plugin.lies = False
                with pytest.raises(FailedPrecondition, match='remove "k" and prepare it anew'):
                    await store.create(NS, None, Kind.ACTIVE, "k", "", {})
                await store.remove(NS, None, "k")
                await store.create(NS, None, Kind.ACTIVE, "k", "", {})
                assert (await store.stat(NS, "k")).kind is Kind.ACTIVE

        asyncio.run(main())

    @pytest.mark.parametrize("target", [True, False], ids=["target", "no target"])
    def test_an_image_that_is_unpacked_again_is_there_again(self, target: bool) -> None:
        """Without removing anything: also while a container names it."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with one_snapshotter(plugin) as (_, core):
                store = core.snapshots("s")
                await leased(core)
                await chain(core, "one", "two", target=target)
                await store.create(NS, "l", Kind.ACTIVE, "container", "two", {})
                plugin.held.clear()
                await chain(core, "one", "two", target=target)
                await store.create(NS, "l", Kind.ACTIVE, "another", "two", {})
                assert (await store.stat(NS, "two")).parent == "one"
                await core.collect()
                assert len(plugin.held) == 3
                # What is there is told to be there, as ever.
                with pytest.raises(AlreadyExists):
                    await store.create(NS, "l", Kind.ACTIVE, "more", "", {REF: "two"})
                with pytest.raises(AlreadyExists):
                    await store.commit(NS, "l", "two", "another", {}, "")

        asyncio.run(main())

    def test_a_commit_that_fails_leaves_the_record_of_the_lost_one(self) -> None:
        """The store may be back tomorrow, with what it had."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with one_snapshotter(plugin) as (_, core):
                store = core.snapshots("s")
                await leased(core)
                await chain(core, "one")
                had = dict(plugin.held)
                before = core.db.read("SELECT * FROM snapshots")
                plugin.held.clear()
                await store.create(NS, "l", Kind.ACTIVE, "k", "", {REF: "one"})
                plugin.faults.append(Fault.REFUSED)
                with pytest.raises(FailedPrecondition, match="not today"):
                    await store.commit(NS, "l", "one", "k", {}, "")
                await store.remove(NS, "l", "k")
                await core.collect()
                assert core.db.read("SELECT * FROM snapshots") == before
                plugin.held.update(had)
                assert (await store.stat(NS, "one")).kind is Kind.COMMITTED

        asyncio.run(main())

    def test_a_plugin_that_does_not_say_has_lost_nothing(self) -> None:
        """A target is made anew on a plain NOT_FOUND, and on nothing else."""

        class Mute(MemorySnapshotter):
            async def stat(self, request: p.StatSnapshotRequest) -> p.StatSnapshotResponse:
                raise Unavailable("not now")

        async def main() -> None:
            plugin = Mute()
            async with one_snapshotter(plugin) as (_, core):
                store = core.snapshots("s")
                await leased(core)
                await store.create(NS, "l", Kind.ACTIVE, "k", "", {REF: "one"})
                await store.commit(NS, "l", "one", "k", {}, "")
                plugin.held.clear()
                with pytest.raises(AlreadyExists):
                    await store.create(NS, "l", Kind.ACTIVE, "again", "", {REF: "one"})

        asyncio.run(main())


def lose(store: LocalStore, digest: str) -> None:
    """Lose a blob's bytes, as a disk does."""
    next(Path(store.blobs.root).glob(f"blobs/*/{digest.partition(':')[2]}")).unlink()


class TestContent:
    """A content store that lost a blob."""

    @pytest.mark.parametrize("shared", [True, False])
    def test_reading_says_so_and_writing_it_again_heals(self, shared: bool) -> None:
        """The record stays as it is, with its labels; what a pull adds comes to it."""

        async def main() -> None:
            async with behind_a_gateway(shared) as (gateway, store):
                data = os.urandom(1000)
                digest = await put(gateway, "ref", data)
                await gateway.core.change(lambda db: blobs.update(db, NS, digest, {"a": "b"}, []))
                lose(store, digest)
                with pytest.raises(
                    NotFound, match=r'content plugin "c" at .*c\.sock does not have its bytes.*pull its image again'
                ):
                    await read(gateway, digest)
                assert "does not have its bytes" in gateway.core.registry.only("content").last_error
                await gateway.core.collect()
                assert content(gateway).blobs.has(NS, digest)
                assert await put(gateway, "again", data) == digest
                assert await read(gateway, digest) == data
                assert (await content(gateway).blobs.info(NS, digest)).labels == {"a": "b"}
                with pytest.raises(AlreadyExists):
                    await content(gateway).ingests.open(NS, "l", "more", len(data), digest)

        asyncio.run(main())

    def test_one_namespace_does_not_link_what_another_has_lost(self) -> None:
        """It sends the bytes, and both have them."""

        async def main() -> None:
            async with behind_a_gateway() as (gateway, store):
                digest = await put(gateway, "ref", b"data")
                lose(store, digest)
                writer = await content(gateway).ingests.open("other", None, "r", 4, digest)
                assert writer.status().offset == 0
                await writer.write(0, b"data", 4, digest)
                await writer.commit(4, b"", 4, digest, {})
                await writer.close()
                assert await read(gateway, digest) == b"data"

        asyncio.run(main())

    def test_one_that_says_its_digest_late(self) -> None:
        """Only with the commit: its bytes are taken all the same."""

        async def main() -> None:
            async with behind_a_gateway() as (gateway, store):
                digest = await put(gateway, "ref", b"data")
                lose(store, digest)
                writer = await content(gateway).ingests.open(NS, "l", "late", 0, "")
                await writer.write(0, b"data", 0, "")
                assert await writer.commit(4, b"", 0, "", {}) == digest
                await writer.close()
                assert await read(gateway, digest) == b"data"

        asyncio.run(main())

    @pytest.mark.parametrize("steps", range(0, 40, 4))
    def test_a_gateway_killed_while_it_is_written_again_keeps_the_record(self, steps: int) -> None:
        """With the bytes, or without them as before; then it is written once more."""

        async def main() -> None:
            async with behind_a_gateway() as (gateway, store):
                digest = await put(gateway, "ref", b"data")
                await gateway.core.db.write(lambda db: None)  # that it was committed is on disk
                lose(store, digest)
                writing = asyncio.ensure_future(put(gateway, "again", b"data"))
                for _ in range(steps):
                    await asyncio.sleep(0.0005)
                writing.cancel()
                await gateway.kill()
                await asyncio.gather(writing, return_exceptions=True)
                await gateway.start()
                assert (await content(gateway).blobs.info(NS, digest)).size == 4
                for _ in range(100):
                    try:
                        await put(gateway, "again", b"data")
                        break
                    except Unavailable:
                        await asyncio.sleep(0.05)  # the ref is let go of at this moment
                assert await read(gateway, digest) == b"data"

        asyncio.run(main())
