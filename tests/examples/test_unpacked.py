"""The remote snapshotter: what lies unpacked already is neither fetched nor unpacked, by our own client and by stock ctr."""

from __future__ import annotations

import asyncio
import io
import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from argosy.client import Client
from argosy.client import images as api
from argosy.client.images.documents import from_wire
from argosy.labels import CRI_PREFIX, STARGZ_PREFIX
from argosy.oci.image import chain_ids
from argosy.testkit.image import busybox_layer, oci_archive
from argosy_protos.containerd.services.content.v1 import ListContentRequest
from argosy_protos.containerd.services.images.v1 import DeleteImageRequest, GetImageRequest
from argosy_protos.containerd.services.snapshots.v1 import StatSnapshotRequest

from tests.examples.conftest import started
from tests.harness.containerd import Containerd
from tests.harness.examples import config_of, serving
from tests.harness.mesh import Mesh
from tests.harness.tars import layer
from tests.harness.web import Server, sha256
from tests.harness.web import serving as registry

pytestmark = pytest.mark.root

NAME = "docker.io/library/shared:1"
LAYERS = [busybox_layer(), layer(("home/second", b"of the image")), layer(("home/third", b"of the image"))]
CHAIN = chain_ids([sha256(one) for one in LAYERS])


@contextmanager
def there(make: str, annotated: bool = False) -> Iterator[tuple[Mesh | Containerd, Path]]:
    """A daemon of a make with the snapshotter; yields it and the directory of the layers that are unpacked."""
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    shared = base / "layers"
    shared.mkdir()
    try:
        with serving("unpacked", base, "--root", str(base / "root"), "--layers", str(shared)) as address:
            config = config_of("unpacked", address)
            if annotated:
                config += '\n\n[proxy_plugins.unpacked.exports]\nenable_remote_snapshot_annotations = "true"\n'
            peer = started(base, make, config)
            try:
                yield peer, shared
            finally:
                peer.destroy()
    finally:
        shutil.rmtree(base)


def share(shared: Path, n: int, name: str) -> None:
    """Unpack a layer, with a mark of its own in it, under the digits of a digest."""
    where = shared / name.partition(":")[2]
    where.mkdir(mode=0o755)
    with tarfile.open(fileobj=io.BytesIO(LAYERS[n])) as tar:
        tar.extractall(where, filter="tar")
    (where / f"shared{n}").write_text("of the directory")


@pytest.mark.parametrize("make", ["argosy", "containerd"])
def test_what_is_there_is_found_by_its_chain_id_and_run_by_stock_ctr(make: str) -> None:
    """By a client that says nothing else. The middle one is not there: it is unpacked between the others; what is shared stays as it is."""

    async def unpacked(address: Path, namespace: str) -> None:
        async with Client(address, namespace) as client, client.lease() as services:
            found = (await services.images.get(GetImageRequest(name=NAME))).image
            assert found is not None and found.target is not None
            await api.unpack(services, from_wire(found.target), "unpacked")

    with there(make) as (peer, shared):
        archive = shared.parent / "shared.tar"
        oci_archive(archive, NAME, LAYERS)
        share(shared, 0, CHAIN[0])
        share(shared, 2, CHAIN[2])
        for namespace in ("one", "two"):
            peer.ctr("images", "import", "--no-unpack", str(archive), namespace=namespace).ok()
            asyncio.run(unpacked(peer.address, namespace))
            script = "ls /; ls /home; echo x >/shared0; rm /shared2"
            ran = peer.ctr(
                "run", "--rm", "--snapshotter", "unpacked", NAME, "c", "sh", "-c", script, namespace=namespace
            ).ok()
            assert {"shared0", "shared2", "second", "third"} <= set(ran.out.split()) and "shared1" not in ran.out
        assert (shared / CHAIN[0].partition(":")[2] / "shared0").read_text() == "of the directory"
        for namespace in ("one", "two"):
            peer.ctr("images", "rm", "--sync", NAME, namespace=namespace).ok()
        assert (shared / CHAIN[2].partition(":")[2] / "shared2").exists(), "what is shared belongs to all"


@pytest.mark.parametrize("make", ["argosy", "containerd"])
def test_a_client_that_names_no_target_has_all_of_it_unpacked(make: str) -> None:
    """Debian's ctr is one: it fetches and unpacks as with any snapshotter."""
    with there(make) as (peer, shared):
        archive = shared.parent / "shared.tar"
        oci_archive(archive, NAME, LAYERS)
        share(shared, 0, CHAIN[0])
        peer.ctr("images", "import", "--snapshotter", "unpacked", str(archive)).ok()
        ran = peer.ctr("run", "--rm", "--snapshotter", "unpacked", NAME, "c", "ls", "/", "/home").ok()
        assert {"second", "third"} <= set(ran.out.split()) and "shared0" not in ran.out
        peer.ctr("images", "rm", "--sync", NAME).ok()


@asynccontextmanager
async def image() -> AsyncIterator[tuple[Server, str]]:
    """A registry with the image, and the image's name there."""
    async with registry() as server:
        server.image("a/shared:1", LAYERS)
        yield server, f"{server.netloc}/a/shared:1"


def fetched(server: Server) -> list[int]:
    """Which layers were asked for."""
    digests = [sha256(one) for one in LAYERS]
    asked = [seen.path.rpartition("/")[2] for seen in server.seen if "/blobs/" in seen.path and seen.method == "GET"]
    return [digests.index(digest) for digest in asked if digest in digests]


@pytest.mark.parametrize(("make", "annotated"), [("argosy", False), ("argosy", True), ("containerd", False)])
def test_our_pull_fetches_no_layer_that_is_there(make: str, annotated: bool) -> None:
    """0 bytes of layers come from the registry, also when it is pulled again; what it is told is the image, in both conventions."""

    async def main(address: Path) -> str:
        async with image() as (server, name), Client(address, "lazy") as client:
            for _ in range(2):
                await api.pull(client, name, snapshotter="unpacked")
                assert fetched(server) == []
            # Its manifest and its config are there, and no more.
            replies = client.services.content.list(ListContentRequest())
            held = [info.digest async for reply in replies for info in reply.info]
            assert len(held) == 2 and not set(held) & {sha256(one) for one in LAYERS}
            for n, chain in enumerate(CHAIN):
                reply = await client.services.snapshots.stat(StatSnapshotRequest(snapshotter="unpacked", key=chain))
                assert reply.info is not None
                labels, mine = reply.info.labels, [sha256(one) for one in LAYERS[n:]]
                assert labels[CRI_PREFIX + "image-ref"] == labels[STARGZ_PREFIX + "reference"] == name
                assert labels[CRI_PREFIX + "layer-digest"] == labels[STARGZ_PREFIX + "digest"] == mine[0]
                assert labels[CRI_PREFIX + "image-layers"] == labels[STARGZ_PREFIX + "layers"] == ",".join(mine)
                assert labels[CRI_PREFIX + "manifest-digest"] == server.tags["a/shared:1"]
            return name

    with there(make, annotated) as (peer, shared):
        for n, one in enumerate(LAYERS):
            share(shared, n, sha256(one))
        name = asyncio.run(main(peer.address))
        ran = peer.ctr("run", "--rm", "--snapshotter", "unpacked", name, "c", "ls", "/", "/home", namespace="lazy").ok()
        assert {"shared0", "shared1", "shared2", "second", "third"} <= set(ran.out.split())
        peer.ctr("images", "rm", "--sync", name, namespace="lazy").ok()


@pytest.mark.parametrize(
    ("there_are", "annotated", "wanted"), [((0, 1), False, [2]), ((0, 2), True, [1]), ((), False, [0, 1, 2])]
)
def test_what_is_not_there_is_fetched_and_nothing_else(
    there_are: tuple[int, ...], annotated: bool, wanted: list[int]
) -> None:
    """Where the snapshotter's table says that it is remote, also from below what it has."""

    async def main(mesh: Mesh) -> str:
        async with image() as (server, name), Client(mesh.address, "some") as client:
            await api.pull(client, name, snapshotter="unpacked")
            assert sorted(fetched(server)) == wanted
            # With another snapshotter all of it is needed.
            await api.pull(client, name, snapshotter="overlayfs")
            assert sorted(fetched(server)) == [0, 1, 2]
            await client.services.images.delete(DeleteImageRequest(name=name, sync=True))
            return name

    with there("argosy", annotated) as (peer, shared):
        assert isinstance(peer, Mesh)
        for n in there_are:
            share(shared, n, sha256(LAYERS[n]))
        asyncio.run(main(peer))
