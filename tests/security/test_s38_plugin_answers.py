"""S38, answers of a plugin: lists that are empty, circular, endless or huge and mounts that lead away are bounded errors with its name."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argosy.errors import AlreadyExists, DataLoss, FailedPrecondition, Internal, InvalidArgument, NotFound
from argosy.filters import EVERYTHING
from argosy.labels import SNAPSHOT_REF
from argosy.plugin.snapshots.rules import Kind
from argosy.rpc.engine import STREAM_WINDOW_BYTES
from argosy.tables import ProxyPlugin
from argosy_gateway.backends import listing
from argosy_gateway.core import Core
from argosy_gateway.metadata import leases as rows
from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.containerd.types import Mount
from argosy_protos.google.protobuf import Empty
from grpclib.const import Cardinality, Handler

from tests.harness.gateways import Gateway, one_snapshotter, serving
from tests.harness.plugins import MemorySnapshotter

NS = "n"
DIGEST = f"sha256:{7:064x}"
NAMED = 'snapshot plugin "s" at .*s.sock '


async def walked(core: Core) -> list[str]:
    return [info.name async for info in core.snapshots("s").walk(NS, EVERYTHING)]


class Endless(MemorySnapshotter):
    """Lists as long as it is asked: as many infos a message as said, with labels of as many bytes, or as many labels of few."""

    def __init__(self, infos: int = 1, label_bytes: int = 0, labels: int = 1) -> None:
        super().__init__()
        self.infos, self.label_bytes, self.labels = infos, label_bytes, labels
        self.sent = 0

    async def list(self, request: snapshots.ListSnapshotsRequest) -> AsyncIterator[snapshots.ListSnapshotsResponse]:
        while True:
            info = []
            for _ in range(self.infos):
                self.sent += 1
                labels = (
                    {f"{n}": "x" * self.label_bytes for n in range(self.labels)}
                    if self.label_bytes or self.labels > 1
                    else {}
                )
                info.append(snapshots.Info(name=f"s{self.sent}", kind=snapshots.Kind.ACTIVE, labels=labels))
            yield snapshots.ListSnapshotsResponse(info=info)
            await asyncio.sleep(0)  # the gateway is in this loop, too


@pytest.mark.parametrize(
    "extra",
    [
        [snapshots.Info(name="")],
        [snapshots.Info(name="a", parent="b"), snapshots.Info(name="b", parent="a")],
        [snapshots.Info(name="a", parent="a")],
        [snapshots.Info(name="a", parent="nowhere")],
        [snapshots.Info(name="a"), snapshots.Info(name="a")],
        [snapshots.Info(name="x" * 10_000)],
    ],
    ids=["no name", "a circle", "its own parent", "no parent", "twice", "a long name"],
)
def test_a_list_that_can_not_be_is_told_and_nothing_is_removed(extra: list[snapshots.Info]) -> None:
    """Collection leaves the plugin out, and says which it is and why; what it made before stays, and goes when it is mended."""

    async def main() -> None:
        plugin = MemorySnapshotter()
        async with one_snapshotter(plugin, cleanup="all") as (_, core):
            await core.snapshots("s").create(NS, None, Kind.ACTIVE, "k", "", {})
            plugin.extra = extra
            core.registry.snapshotter("s").dirty = True
            await asyncio.wait_for(core.collect(), 20)  # the row goes: nothing holds it
            assert plugin.held and 'snapshot plugin "s"' in core.left_dirty() and "s.sock" in core.left_dirty()
            plugin.extra = []
            await core.collect()
            assert not plugin.held and core.left_dirty() == ""

    asyncio.run(main())


def test_an_empty_list_takes_no_row_away() -> None:
    """A plugin that shows nothing for once, as before its disk is mounted, costs no namespace its snapshots."""

    class Forgetful(MemorySnapshotter):
        shows = True

        async def list(self, request: snapshots.ListSnapshotsRequest) -> AsyncIterator[snapshots.ListSnapshotsResponse]:
            if self.shows:
                async for reply in super().list(request):
                    yield reply

    async def main() -> None:
        plugin = Forgetful()
        async with one_snapshotter(plugin, cleanup="all") as (_, core):
            await core.change(partial(rows.create, ns=NS, id="l", labels={}))
            await core.snapshots("s").create(NS, "l", Kind.ACTIVE, "k", "", {})
            plugin.shows = False
            assert await walked(core) == []
            core.registry.snapshotter("s").dirty = True
            await core.collect()
            plugin.shows = True
            assert await walked(core) == ["k"] and (await core.snapshots("s").stat(NS, "k")).kind is Kind.ACTIVE

    asyncio.run(main())


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        (Endless(), "listed more than 1000 things"),
        (Endless(infos=100, label_bytes=10_000), "listed more than 1000 things or 1 MiB"),
        (Endless(infos=1, labels=2000), "listed more than 1000 things or 1 MiB"),
        (Endless(infos=0), "answered a list with 1000 empty messages in a row"),
    ],
    ids=["of things", "of bytes", "of little labels", "of nothing"],
)
def test_a_list_without_end_is_cut_off(plugin: Endless, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin that goes on listing fills no memory, and holds up no caller."""
    monkeypatch.setattr(listing, "MOST_ENTRIES", 1000)
    monkeypatch.setattr(listing, "MOST_BYTES", 1 << 20)

    async def main() -> None:
        async with one_snapshotter(plugin) as (_, core):
            await core.snapshots("s").create(NS, None, Kind.ACTIVE, "k", "", {})
            with pytest.raises(DataLoss, match=NAMED + told):
                await asyncio.wait_for(walked(core), 20)
            # A plugin may send a window's worth that nobody reads; a label of it is some 8 bytes.
            most = listing.MOST_BYTES + STREAM_WINDOW_BYTES + (1 << 20)
            assert plugin.labels == 1 or plugin.sent * plugin.labels * 8 < most, "too much was read of it"
            core.registry.snapshotter("s").dirty = True
            await asyncio.wait_for(core.collect(), 20)
            assert told in core.left_dirty() and plugin.held

    asyncio.run(main())


def test_a_stat_without_an_answer_is_told() -> None:
    """An answer without an info is one that breaks the contract, not a snapshot without a name."""

    class Silent(MemorySnapshotter):
        async def stat(self, request: snapshots.StatSnapshotRequest) -> snapshots.StatSnapshotResponse:
            return snapshots.StatSnapshotResponse()

    async def main() -> None:
        async with one_snapshotter(Silent()) as (_, core):
            await core.snapshots("s").create(NS, None, Kind.ACTIVE, "k", "", {})
            with pytest.raises(DataLoss, match=NAMED + "answered without an info"):
                await core.snapshots("s").stat(NS, "k")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([b"\xff" * 20], "the answer to /containerd.services.snapshots.v1.Snapshots/Stat is malformed"),
        ([bytes(17 << 20)], "can't be taken"),
        ([], "Stat ended without an answer"),
        ([snapshots.StatSnapshotResponse(info=snapshots.Info(name="x", kind=77)).encode()], "unknown kind 77"),
    ],
    ids=["garbage", "too large", "none", "a kind"],
)
def test_an_answer_that_can_not_be_read_is_told_with_the_plugins_name(answers: list[bytes], told: str) -> None:
    """A client of the gateway has many peers behind it, and has to know which one is wrong; Introspection shows it, too."""

    class Garbled(MemorySnapshotter):
        def __mapping__(self) -> dict[str, Handler]:
            mapping = super().__mapping__()
            path = "/containerd.services.snapshots.v1.Snapshots/Stat"

            async def answer(stream: Any) -> None:
                await stream.recv_message()
                for data in answers:
                    await stream.send_message(data)

            # A stream, for the server would not end a unary call without an answer.
            return {**mapping, path: Handler(answer, Cardinality.UNARY_STREAM, bytes, bytes)}

    async def main() -> None:
        async with one_snapshotter(Garbled()) as (_, core):
            await core.snapshots("s").create(NS, None, Kind.ACTIVE, "k", "", {})
            with pytest.raises((Internal, DataLoss), match=told) as failed:
                await core.snapshots("s").stat(NS, "k")
            assert 'snapshot plugin "s" at ' in failed.value.message and "s.sock" in failed.value.message
            assert told in core.registry.snapshotter("s").last_error

    asyncio.run(main())


@pytest.mark.parametrize(
    "mount",
    [
        Mount(type="bind", source="/", options=["rbind", "rw"]),
        Mount(type="bind", source="/etc", options=["rw"]),
        Mount(type="bind", source="/var/lib/s/../../../etc", options=["rw"]),
        Mount(type="bind", source="/var/lib/x", options=["rw"], target="../../etc"),
        Mount(type="overlay", source="overlay", options=["lowerdir=/var/lib/s/1:/etc"]),
    ],
    ids=["the root", "outside", "dots", "a target", "a lower directory"],
)
def test_mounts_that_a_plugin_may_not_hand_out_fail_the_call_and_leave_nothing(mount: Mount) -> None:
    """The snapshot is taken back, the error names the plugin; what was made before is not handed out with them either."""

    async def main() -> None:
        plugin = MemorySnapshotter()
        async with one_snapshotter(plugin, roots=["/var/lib/s"]) as (_, core):
            await core.snapshots("s").create(NS, None, Kind.ACTIVE, "before", "", {})
            plugin.mounts_said = [mount]
            with pytest.raises(FailedPrecondition, match=NAMED.strip()):
                await core.snapshots("s").create(NS, None, Kind.ACTIVE, "k", "", {})
            with pytest.raises(FailedPrecondition, match=NAMED.strip()):
                await core.snapshots("s").mounts(NS, "before")
            assert await walked(core) == ["before"]
            await core.collect()
            assert not plugin.held

    asyncio.run(main())


@pytest.mark.parametrize("place", ["root", "state", "other/snapshots/1", "."])
def test_a_plugin_hands_out_nothing_of_the_mesh(place: str) -> None:
    """One that declares no roots may be served by root, whose directories the mesh's are: its rows, sockets and other plugins' trees."""

    async def main() -> None:
        plugin = MemorySnapshotter()
        with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
            base = Path(short)
            for made in ("root", "state", "other/snapshots/1", "own"):
                (base / made).mkdir(parents=True, exist_ok=True)
            async with serving(base / "s.sock", plugin):
                other = ProxyPlugin(type="snapshot", address=str(base / "o.sock"), exports={"root": str(base / "other")})
                gateway = Gateway(base, {"s": ProxyPlugin(type="snapshot", address=str(base / "s.sock")), "o": other})
                core = await gateway.start()
                try:
                    plugin.mounts_said = [Mount(type="bind", source=str(base / place), options=["rbind", "rw"])]
                    with pytest.raises(FailedPrecondition, match="the mesh's or another plugin's"):
                        await core.snapshots("s").create(NS, None, Kind.ACTIVE, "k", "", {})
                    plugin.mounts_said = [Mount(type="bind", source=str(base / "own"), options=["rbind", "rw"])]
                    assert await core.snapshots("s").create(NS, None, Kind.ACTIVE, "k2", "", {})
                finally:
                    await gateway.stop()

    asyncio.run(main())


def test_a_content_plugins_list_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same holds for blobs: collection removes nothing on the word of such a list, and says whose it is."""
    monkeypatch.setattr(listing, "MOST_ENTRIES", 1000)

    class EndlessContent(content.ContentBase):
        deleted = 0

        async def list(self, request: content.ListContentRequest) -> AsyncIterator[content.ListContentResponse]:
            number = 0
            while True:
                number += 1
                yield content.ListContentResponse(info=[content.Info(digest=f"sha256:{number:064x}")])
                await asyncio.sleep(0)

        async def delete(self, request: content.DeleteContentRequest) -> Empty:
            self.deleted += 1
            return Empty()

    async def main() -> None:
        plugin = EndlessContent()
        with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
            path = Path(short) / "c.sock"
            async with serving(path, plugin):
                gateway = Gateway(Path(short), {"c": ProxyPlugin(type="content", address=str(path), cleanup="all")})
                core = await gateway.start()
                try:
                    core.registry.only("content").dirty = True
                    await asyncio.wait_for(core.collect(), 20)
                    assert 'content plugin "c"' in core.left_dirty() and "listed more than 1000 things" in core.left_dirty()
                    assert not plugin.deleted
                finally:
                    await gateway.stop()

    asyncio.run(main())


def test_a_content_plugin_sends_no_more_than_a_blob_has() -> None:
    """Who reads a blob of three bytes to its end gets an error, not bytes without end."""

    class Endless(content.ContentBase):
        async def write(
            self, requests: AsyncIterator[content.WriteContentRequest]
        ) -> AsyncIterator[content.WriteContentResponse]:
            async for asked in requests:
                end = asked.offset + len(asked.data)
                yield content.WriteContentResponse(action=asked.action, offset=end, digest=DIGEST)

        async def read(self, request: content.ReadContentRequest) -> AsyncIterator[content.ReadContentResponse]:
            while True:
                yield content.ReadContentResponse(data=b"abc")

    async def main() -> None:
        with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
            path = Path(short) / "c.sock"
            async with serving(path, Endless()):
                gateway = Gateway(Path(short), {"c": ProxyPlugin(type="content", address=str(path))})
                core = await gateway.start()
                try:
                    store = core.content_store()
                    writer = await store.ingests.open(NS, None, "ref", 3, "")
                    await writer.write(0, b"abc", 3, "")
                    await writer.commit(3, b"", 3, "", {})
                    await writer.close()
                    got = b""
                    with pytest.raises(DataLoss, match='content plugin "c" at .* sent more bytes'):
                        async for frame in store.blobs.read(NS, DIGEST, 0, 0):
                            got += frame
                            assert len(got) < 100
                    assert got == b"abc"
                finally:
                    await gateway.stop()

    asyncio.run(main())


@pytest.mark.parametrize(
    "labels", [{}, {SNAPSHOT_REF: "another"}, {SNAPSHOT_REF: "target"}], ids=["none", "another", "parent"]
)
def test_a_target_is_what_its_labels_and_its_parent_say(labels: dict[str, str]) -> None:
    """A plugin that heeds no filter lists all that it has: the first of it would become a layer of somebody's image."""

    class Heedless(MemorySnapshotter):
        async def prepare(self, request: snapshots.PrepareSnapshotRequest) -> snapshots.PrepareSnapshotResponse:
            if request.key.endswith("second"):
                raise AlreadyExists("it is there")
            return await super().prepare(request)

    async def main() -> None:
        async with one_snapshotter(Heedless()) as (_, core):
            store = core.snapshots("s")
            for key, name, parent in (("a", "base", ""), ("b", "innocent", "base")):
                await store.create(NS, None, Kind.ACTIVE, key, parent, {})
                await store.commit(NS, None, name, key, labels, "")
            parent = "innocent" if labels.get(SNAPSHOT_REF) == "target" else "base"
            with pytest.raises(NotFound, match='target snapshot "target" in backend'):
                await store.create(NS, None, Kind.ACTIVE, "second", parent, {SNAPSHOT_REF: "target"})
            assert await walked(core) == ["base", "innocent"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"digest": "../../etc"}, "says the digest '../../etc'"),
        ({"digest": f"sha256:{'x' * 100_000}"}, "says the digest 'sha256:xxx"),
        ({"offset": -5}, "has -5 of"),
        ({"total": -1}, "of -1 bytes"),
    ],
    ids=["a path", "a long one", "an offset", "a total"],
)
def test_what_a_content_plugin_says_of_an_ingest_is_looked_at_before_it_is_a_row(said: dict[str, Any], told: str) -> None:
    """A blob of that name could be neither asked for nor deleted. What a client says of it is its own error."""

    class Lying(content.ContentBase):
        async def write(
            self, requests: AsyncIterator[content.WriteContentRequest]
        ) -> AsyncIterator[content.WriteContentResponse]:
            async for asked in requests:
                answer = content.WriteContentResponse(
                    action=asked.action, offset=asked.offset + len(asked.data), digest=DIGEST
                )
                if asked.data == b"lie":
                    for field, value in said.items():
                        setattr(answer, field, value)
                yield answer

    async def main() -> None:
        with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
            path = Path(short) / "c.sock"
            async with serving(path, Lying()):
                gateway = Gateway(Path(short), {"c": ProxyPlugin(type="content", address=str(path))})
                core = await gateway.start()
                try:
                    store = core.content_store()
                    writer = await store.ingests.open(NS, None, "ref", 0, "")
                    with pytest.raises(InvalidArgument):
                        await writer.commit(0, b"", 0, "sha512:no", {})
                    with pytest.raises(DataLoss, match='content plugin "c" at .*' + told) as failed:
                        await writer.write(0, b"lie", 0, "")
                        await writer.commit(3, b"", 0, "", {})
                    assert len(failed.value.message) < 1000 and not store.blobs.walk(NS)
                    await writer.close()
                finally:
                    await gateway.stop()

    asyncio.run(main())


@pytest.mark.parametrize(("offset", "size", "whole"), [(0, 0, 3), (1, 0, 2), (0, 2, 2), (1, 9, 2)])
@pytest.mark.parametrize("root", [False, True], ids=["sent", "read by ourselves"])
def test_a_content_plugin_sends_no_less_than_a_blob_has(offset: int, size: int, whole: int, root: bool) -> None:
    """A stream that ends early, or a file that was cut, is an error: the client would take what came for the whole."""

    class Short(content.ContentBase):
        less = 0

        async def write(
            self, requests: AsyncIterator[content.WriteContentRequest]
        ) -> AsyncIterator[content.WriteContentResponse]:
            async for asked in requests:
                end = asked.offset + len(asked.data)
                yield content.WriteContentResponse(action=asked.action, offset=end, digest=DIGEST)

        async def read(self, request: content.ReadContentRequest) -> AsyncIterator[content.ReadContentResponse]:
            data = b"abc"[request.offset :][: request.size or None]
            yield content.ReadContentResponse(data=data[: len(data) - self.less])

    async def main() -> None:
        with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
            path = Path(short) / "c.sock"
            plugin = Short()
            blob = Path(short) / "c" / "blobs" / "sha256" / DIGEST.removeprefix("sha256:")
            blob.parent.mkdir(parents=True)
            blob.write_bytes(b"abc")
            async with serving(path, plugin):
                exports = {"root": str(Path(short) / "c")} if root else {}
                gateway = Gateway(Path(short), {"c": ProxyPlugin(type="content", address=str(path), exports=exports)})
                store = (await gateway.start()).content_store()
                try:
                    writer = await store.ingests.open(NS, None, "ref", 3, "")
                    await writer.write(0, b"abc", 3, "")
                    await writer.commit(3, b"", 3, "", {})
                    await writer.close()
                    got = b"".join([bytes(frame) async for frame in store.blobs.read(NS, DIGEST, offset, size)])
                    assert len(got) == whole
                    plugin.less = 1
                    os.truncate(blob, offset + whole - 1)
                    with pytest.raises(DataLoss, match='content plugin "c" at .* 1 bytes of .* less than it had'):
                        async for _ in store.blobs.read(NS, DIGEST, offset, size):
                            pass
                finally:
                    await gateway.stop()

    asyncio.run(main())
