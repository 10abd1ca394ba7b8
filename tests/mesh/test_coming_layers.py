"""Layers that are unpacked while they come: what is unpacked is what came, whoever lies, dies or is cancelled in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from argosy.client import Client, Progress
from argosy.client import images as api
from argosy.client.content import open_ingest
from argosy.errors import DataLoss, InvalidArgument
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference
from argosy_protos.containerd.services.snapshots.v1 import ListSnapshotsRequest

from tests.harness.erofs import SNAPSHOTTERS
from tests.harness.mesh import Mesh
from tests.mesh.test_resolvers import CONFIG, LAYER, MANIFEST, NAME, descriptor

pytestmark = pytest.mark.root

FILE_BYTES = 9 << 20


def layer_of(*names: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = FILE_BYTES
            tar.addfile(entry, io.BytesIO(os.urandom(FILE_BYTES)))
    return out.getvalue()


class Slow:
    """An image of one layer with two files. Behind the first, and some bytes of the second, the rest waits until ``meanwhile`` has returned."""

    def __init__(self, meanwhile: Callable[[], Awaitable[object]], diff_id: str = "") -> None:
        self.layer = layer_of("first", "second")
        self.sent = self.layer
        self.digest = f"sha256:{hashlib.sha256(self.layer).hexdigest()}"
        rootfs = {"type": "layers", "diff_ids": [diff_id or self.digest]}
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
        described = {"config": descriptor(CONFIG, config), "layers": [descriptor(LAYER, self.layer)]}
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, **described}).encode()
        self.target = Descriptor.of(descriptor(MANIFEST, manifest))
        self.blobs = {str(descriptor("", data)["digest"]): data for data in (manifest, config, self.layer)}
        self.fetched = 0
        self._meanwhile = meanwhile

    async def resolve(self, reference: Reference) -> Descriptor:
        return self.target

    async def fetch(self, reference: Reference, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        if descriptor.digest != self.digest:
            yield self.blobs[descriptor.digest]
            return
        self.fetched += 1
        middle = FILE_BYTES + 100_000
        for at in range(offset, middle, 1 << 20):
            yield self.sent[at : min(at + (1 << 20), middle)]
        if self.fetched == 1:
            await self._meanwhile()
        yield self.sent[max(middle, offset) :]


def unpacked(mesh: Mesh, name: str) -> list[Path]:
    """Return the files of that name in snapshots, as far as they are whole."""
    found = []
    for path in mesh.root.glob(f"*/snapshots/*/fs/{name}"):
        with contextlib.suppress(OSError):
            if path.stat().st_size == FILE_BYTES:
                found.append(path)
    return found


def workers(mesh: Mesh) -> list[int]:
    """Return the workers of the differ that have a layer."""
    out = subprocess.run(["pgrep", "-x", "argosy-diff-wor"], capture_output=True, text=True).stdout
    found = []
    for pid in out.split():
        with contextlib.suppress(OSError):
            if str(mesh.base) in Path(f"/proc/{pid}/cmdline").read_text() and any(
                str(mesh.root) in os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()
            ):
                found.append(int(pid))
    return found


async def until(check: Callable[[], object]) -> None:
    while not check():
        await asyncio.sleep(0.01)


def pulled(mesh: Mesh, namespace: str, resolver: Slow, work: Callable[[Client], Awaitable[object]]) -> None:
    """Do work with a client, and see that it leaves no layer half unpacked, and nobody at it."""

    async def main() -> None:
        async with Client(mesh.address, namespace, resolver=resolver) as client:
            await asyncio.wait_for(work(client), 60)
            request = ListSnapshotsRequest(snapshotter="overlayfs")
            names = [info.name async for answer in client.services.snapshots.list(request) for info in answer.info]
            assert not [name for name in names if name.startswith("extract-")]
            await asyncio.wait_for(until(lambda: not workers(mesh)), 20)

    asyncio.run(main())


def is_there(mesh: Mesh, resolver: Slow) -> None:
    """See that both files are in a snapshot as they are in the layer."""
    with tarfile.open(fileobj=io.BytesIO(resolver.layer)) as tar:
        for name in ("first", "second"):
            member = tar.extractfile(name)
            assert member is not None
            wanted = member.read()
            assert any(path.read_bytes() == wanted for path in unpacked(mesh, name)), name


def test_a_layer_is_unpacked_while_it_comes(mesh: Mesh) -> None:
    before = set(unpacked(mesh, "first"))
    said: list[str] = []

    async def meanwhile() -> None:
        # Were it not, this would wait for ever.
        await until(lambda: set(unpacked(mesh, "first")) - before)
        assert "unpacking" not in said, "who watches sees one thing after the other"

    resolver = Slow(meanwhile)

    def watch(progress: Progress) -> None:
        if progress.ref == f"layer-{resolver.digest}":
            said.append(progress.status)

    pulled(mesh, "coming", resolver, lambda client: api.pull(client, NAME, watch=watch))
    is_there(mesh, resolver)
    assert resolver.fetched == 1
    assert sorted(set(said), key=said.index) == ["waiting", "downloading", "done", "unpacking", "unpacked"]


@pytest.mark.parametrize("snapshotter", SNAPSHOTTERS[1:])
def test_every_snapshotter_has_it(mesh: Mesh, snapshotter: str) -> None:
    """A tree that is a copy, and an image."""
    resolver = Slow(lambda: until(lambda: workers(mesh)))
    pulled(mesh, f"coming-{snapshotter}", resolver, lambda client: api.pull(client, NAME, snapshotter=snapshotter))
    namespace = f"coming-{snapshotter}"
    view = ["snapshots", "--snapshotter", snapshotter, "view", "--mounts", "seen", resolver.digest]
    try:
        (mount,) = json.loads(mesh.ctr(*view, namespace=namespace).ok().out)
        with tarfile.open(fileobj=io.BytesIO(resolver.layer)) as tar:
            for name in ("first", "second"):
                member = tar.extractfile(name)
                assert member is not None and Path(mount["Source"], name).read_bytes() == member.read()
    finally:
        mesh.ctr("snapshots", "--snapshotter", snapshotter, "rm", "seen", namespace=namespace)


def test_its_worker_may_die(mesh: Mesh) -> None:
    """The layer is unpacked once more, when it is there."""

    async def meanwhile() -> None:
        await until(lambda: workers(mesh))
        for pid in workers(mesh):
            os.kill(pid, signal.SIGKILL)
        await until(lambda: not workers(mesh))

    resolver = Slow(meanwhile)
    pulled(mesh, "coming-dies", resolver, lambda client: api.pull(client, NAME))
    is_there(mesh, resolver)
    assert resolver.fetched == 1


def test_the_differ_may_die(mesh: Mesh) -> None:
    async def meanwhile() -> None:
        await until(lambda: workers(mesh))
        os.kill(mesh.services()["argosy-diff"], signal.SIGKILL)

    resolver = Slow(meanwhile)
    pulled(mesh, "coming-killed", resolver, lambda client: api.pull(client, NAME))
    is_there(mesh, resolver)


def test_bytes_that_are_others_are_nobodys_layer(mesh: Mesh) -> None:
    async def meanwhile() -> None:
        await until(lambda: workers(mesh))

    resolver = Slow(meanwhile)
    resolver.sent = resolver.layer[:-5000] + os.urandom(5000)

    async def work(client: Client) -> None:
        with pytest.raises(DataLoss, match="the resolver sent other bytes"):
            await api.pull(client, NAME)

    pulled(mesh, "coming-lies", resolver, work)


def test_a_layer_that_is_not_what_the_image_says_is_refused_in_the_same_words(mesh: Mesh) -> None:
    async def meanwhile() -> None:
        await until(lambda: workers(mesh))

    resolver = Slow(meanwhile, f"sha256:{'7' * 64}")

    async def work(client: Client) -> None:
        with pytest.raises(InvalidArgument, match=f"wrong diff id calculated on extraction of {resolver.digest}"):
            await api.pull(client, NAME)

    pulled(mesh, "coming-other", resolver, work)


def test_what_an_earlier_pull_left_may_be_damaged(mesh: Mesh) -> None:
    """Then it is thrown away, with what was unpacked of it, and all is fetched anew."""

    async def meanwhile() -> None:
        await until(lambda: workers(mesh))

    resolver = Slow(meanwhile)

    async def work(client: Client) -> None:
        async with client.lease() as services:
            left = await open_ingest(services.content, f"layer-{resolver.digest}", len(resolver.layer), resolver.digest)
            await left.write(resolver.layer[: 1 << 20])
            await left.write(os.urandom(1 << 20))
            left.close()
            await api.pull(client, NAME)

    pulled(mesh, "coming-left", resolver, work)
    is_there(mesh, resolver)
    assert resolver.fetched == 2


def test_a_pull_that_is_cancelled_leaves_nobody_at_work(mesh: Mesh) -> None:
    begun = asyncio.Event()

    async def meanwhile() -> None:
        await until(lambda: workers(mesh))
        begun.set()
        await asyncio.sleep(1000)

    async def work(client: Client) -> None:
        pulling = asyncio.create_task(api.pull(client, NAME))
        await begun.wait()
        pulling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pulling

    pulled(mesh, "coming-cancelled", Slow(meanwhile), work)
