"""Layers that are unpacked while they come, and lie about their size or their packing; and others who take away what is being read."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from collections.abc import Awaitable, Callable

import pytest
import zstandard
from argosy.client import Client
from argosy.client import images as api
from argosy.client.content import open_ingest
from argosy.errors import Aborted, ArgosyError, DataLoss, InvalidArgument, NotFound
from argosy.oci.image import Descriptor
from argosy_protos.argosy.diff.v1 import UnpackRequest
from argosy_protos.containerd.services.content.v1 import AbortRequest, ListStatusesRequest
from argosy_protos.containerd.services.leases.v1 import DeleteRequest, ListRequest
from argosy_protos.containerd.services.snapshots.v1 import (
    ListSnapshotsRequest,
    PrepareSnapshotRequest,
    RemoveSnapshotRequest,
)
from argosy_protos.containerd.types import Descriptor as WireDescriptor

from tests.harness.mesh import Mesh
from tests.mesh.test_coming_layers import Slow, is_there, pulled, until, workers
from tests.mesh.test_resolvers import CONFIG, LAYER, MANIFEST, NAME, descriptor

pytestmark = pytest.mark.root

GZIP, ZSTD = f"{LAYER}+gzip", f"{LAYER}+zstd"


async def nothing() -> None:
    pass


class Lying(Slow):
    """As ``Slow``, with a layer that is packed, and of which the manifest says what it likes."""

    def __init__(
        self, meanwhile: Callable[[], Awaitable[object]], pack: Callable[[bytes], bytes] = bytes, media_type: str = LAYER, more: int = 0
    ) -> None:  # fmt: skip
        super().__init__(meanwhile)
        rootfs = {"type": "layers", "diff_ids": [self.digest]}
        self.sent = pack(self.layer)
        self.digest = f"sha256:{hashlib.sha256(self.sent).hexdigest()}"
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
        layer = {**descriptor(media_type, self.sent), "size": len(self.sent) + more}
        described = {"config": descriptor(CONFIG, config), "layers": [layer]}
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, **described}).encode()
        self.target = Descriptor.of(descriptor(MANIFEST, manifest))
        self.blobs = {str(descriptor("", data)["digest"]): data for data in (manifest, config)}


@pytest.mark.parametrize("more", [-1, 1, 1 << 40])
def test_a_size_that_is_not_the_layers_is_told_and_nothing_is_kept(mesh: Mesh, more: int) -> None:
    resolver = Lying(lambda: until(lambda: workers(mesh)), more=more)

    async def work(client: Client) -> None:
        with pytest.raises(DataLoss, match="the resolver sen"):
            await api.pull(client, NAME)
        assert (await client.services.content.list_statuses(ListStatusesRequest())).statuses == []

    pulled(mesh, f"lies-{more + 1}", resolver, work)


def members(data: bytes) -> bytes:
    return b"".join(gzip.compress(data[at : at + 100_000], 0) for at in range(0, len(data), 100_000))


def frames(data: bytes) -> bytes:
    skipped = b"\x50\x2a\x4d\x18\4\0\0\0skip"
    return skipped + zstandard.compress(data[: 10 << 20]) + skipped + zstandard.compress(data[10 << 20 :])


PACKED: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "many members, zeros behind": (ZSTD, lambda data: members(data) + bytes(9000), ""),
    "many frames": (ZSTD, frames, ""),
    "something behind": (GZIP, lambda data: members(data) + b"something" * 99, "the layer's gzip stream is damaged"),
    "its end missing": (GZIP, lambda data: members(data)[:-5], "the layer's gzip stream is truncated"),
    "a window of 2^41": (ZSTD, lambda _: b"\x28\xb5\x2f\xfd\x00\xf8" + bytes(9 << 20), "zstd stream is damaged: .*too much memory"),
}  # fmt: skip


@pytest.mark.parametrize("how", PACKED)
def test_however_it_is_packed_it_is_unpacked_or_refused_in_words(mesh: Mesh, how: str) -> None:
    media_type, pack, says = PACKED[how]
    resolver = Lying(nothing if says else lambda: until(lambda: workers(mesh)), pack, media_type)

    async def work(client: Client) -> None:
        if not says:
            await api.pull(client, NAME)
            return
        with pytest.raises(InvalidArgument, match=says):
            await api.pull(client, NAME)

    pulled(mesh, f"packed-{list(PACKED).index(how)}", resolver, work)
    if not says:
        is_there(mesh, resolver)


def test_of_two_pulls_of_a_layer_one_may_be_cancelled(mesh: Mesh) -> None:
    """The other has waited for it, and goes on where it was."""
    begun = asyncio.Event()

    async def meanwhile() -> None:
        await until(lambda: workers(mesh))
        begun.set()
        await asyncio.sleep(1000)

    resolver = Slow(meanwhile)

    async def work(client: Client) -> None:
        first = asyncio.create_task(api.pull(client, NAME))
        await begun.wait()
        async with Client(mesh.address, "two", resolver=resolver) as two:
            second = asyncio.create_task(api.pull(two, NAME))
            await asyncio.sleep(0.1)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            await second

    pulled(mesh, "two", resolver, work)
    is_there(mesh, resolver)


async def take(client: Client, what: str, layer: str) -> None:
    """Take something away from a pull, as a client of its namespace."""
    services = client.services
    if what == "ingest":
        await services.content.abort(AbortRequest(ref=f"layer-{layer}"))
    elif what == "lease":
        for lease in (await services.leases.list(ListRequest())).leases:
            await services.leases.delete(DeleteRequest(id=lease.id, sync=True))
    else:
        request = ListSnapshotsRequest(snapshotter="overlayfs")
        names = [info.name async for answer in services.snapshots.list(request) for info in answer.info]
        for name in names:
            await services.snapshots.remove(RemoveSnapshotRequest(snapshotter="overlayfs", key=name))


TAKEN: dict[str, tuple[type[ArgosyError], str]] = {
    "ingest": (Aborted, "was aborted while it was open, and its bytes are gone; write it again"),
    "snapshot": (NotFound, "snapshot extract-.* does not exist"),
    "lease": (NotFound, "lease"),
}


@pytest.mark.parametrize("what", TAKEN)
def test_who_takes_away_what_is_read_ends_the_pull_which_says_what_is_gone(mesh: Mesh, what: str) -> None:
    namespace = f"taken-{what}"

    async def meanwhile() -> None:
        await until(lambda: workers(mesh))
        async with Client(mesh.address, namespace) as thief:
            await take(thief, what, resolver.digest)

    resolver = Slow(meanwhile)

    async def work(client: Client) -> None:
        kind, says = TAKEN[what]
        with pytest.raises(kind, match=says):
            await api.pull(client, NAME)
        await api.pull(client, NAME)  # nothing of it is in the way

    pulled(mesh, namespace, resolver, work)
    is_there(mesh, resolver)


def test_an_ingest_that_nobody_writes_is_waited_for_until_it_goes_and_a_size_that_is_none_is_refused(mesh: Mesh) -> None:
    async def work(client: Client) -> None:
        async with client.lease() as services:
            made = await services.snapshots.prepare(PrepareSnapshotRequest(snapshotter="overlayfs", key="by-hand"))

            async def unpack(ref: str, size: int) -> bool:
                layer = WireDescriptor(media_type=LAYER, digest="sha256:" + "0" * 64, size=size)
                answer = await services.layers.unpack(UnpackRequest(ref=ref, layer=layer, mounts=made.mounts))
                return answer.applied is not None

            for ref in ("", "nobody", "../../etc/passwd"):
                assert not await unpack(ref, 100)
            with pytest.raises(InvalidArgument, match="is said to have -5 bytes"):
                await unpack("nobody", -5)
            ingest = await open_ingest(services.content, "silent", 100, "")
            waiting = asyncio.create_task(unpack("silent", 1 << 62))
            await until(lambda: workers(mesh))
            ingest.close()
            await services.content.abort(AbortRequest(ref="silent"))
            with pytest.raises(Aborted, match="thrown away"):
                await waiting

    pulled(mesh, "by-hand", Slow(nothing), work)
