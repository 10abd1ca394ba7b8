"""What a plugin is told of the image that its snapshots are made for: all of it, before any layer is unpacked, whichever client pulls."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument, NotFound
from argosy.labels import SNAPSHOT_REF
from argosy.oci.image import chain_ids
from argosy.rpc.channel import Channel
from argosy.rpc.server import Server
from argosy.testkit.image import busybox_layer, oci_archive, second_layer
from argosy_protos.argosy.pull.v1 import GetRequest, Image, PullsStub
from argosy_protos.containerd.services.snapshots import v1 as s

from tests.harness.mesh import Mesh, run
from tests.harness.web import serving as registry
from tests.harness.web import sha256

LAYERS = [busybox_layer(), second_layer()]
CHAIN = chain_ids([sha256(layer) for layer in LAYERS])
ARCHIVED = "docker.io/library/archived:1"


class Asks(s.SnapshotsBase):
    """A snapshotter that asks the gateway for the image of each layer that it is to make, and refuses to make it: nothing is unpacked."""

    def __init__(self, address: Path) -> None:
        self._address = address
        self.told: list[tuple[str, list[Image] | ArgosyError]] = []

    async def stat(self, request: s.StatSnapshotRequest) -> s.StatSnapshotResponse:
        raise NotFound(f"snapshot {request.key} does not exist")

    async def list(self, request: s.ListSnapshotsRequest) -> AsyncIterator[s.ListSnapshotsResponse]:
        yield s.ListSnapshotsResponse()

    async def prepare(self, request: s.PrepareSnapshotRequest) -> s.PrepareSnapshotResponse:
        if target := request.labels.get(SNAPSHOT_REF):
            async with Channel(self._address) as gateway:
                self.told.append((target, await asked(gateway, request.key.partition("/")[0], target)))
        raise FailedPrecondition("enough is known")


async def asked(gateway: Channel, namespace: str, chain_id: str) -> list[Image] | ArgosyError:
    try:
        bound = gateway.with_metadata({"containerd-namespace": namespace})
        return list((await PullsStub(bound).get(GetRequest(chain_id=chain_id), timeout=10)).images)
    except ArgosyError as error:
        return error


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))


def test_it_is_all_there_before_the_first_layer(mesh: Mesh) -> None:
    """By our own pull and by Debian's; of an import there is no reference, and what is no image's is NOT_FOUND."""

    async def main() -> None:
        asks = Asks(mesh.address)
        server = Server([asks])
        await server.listen_unix(mesh.base / "asks.sock")
        try:
            async with registry() as images, Channel(mesh.address) as gateway:
                descriptor = images.image("a/b:1", LAYERS)
                name = f"{images.netloc}/a/b:1"
                add = ("plugin", "add", "snapshot", "asks", "--address", str(mesh.base / "asks.sock"))
                (await asyncio.to_thread(mesh.argosy, *add)).ok()
                ours = ("pull", "--plain-http", "--snapshotter", "asks", name)
                ran = await asyncio.to_thread(partial(mesh.argosy, *ours, namespace="ours"))
                assert ran.code and "enough is known" in ran.err, ran
                (target, answer), *_ = asks.told
                assert target == CHAIN[0] and isinstance(answer, list), answer
                check(answer, descriptor["digest"], f"{images.netloc}/a/b@{descriptor['digest']}", 0)
                assert not [seen for seen in images.seen if sha256(LAYERS[1]) in seen.path], "no layer was fetched before"
                # Debian's client says no target: its plugins have to ask by what they know.
                theirs = ("images", "pull", "--plain-http", "--snapshotter", "asks", name)
                ran = await asyncio.to_thread(partial(mesh.ctr, *theirs, namespace="theirs"))
                assert ran.code and "enough is known" in ran.err, ran
                for n, chain_id in enumerate(CHAIN):
                    said = await asked(gateway, "theirs", chain_id)
                    assert isinstance(said, list), said
                    check(said, descriptor["digest"], f"127.0.0.1/a/b@{descriptor['digest']}", n)
                    assert list(said[0].names) == [name]
                archive = mesh.base / "archive.tar"
                digest = oci_archive(archive, ARCHIVED, LAYERS)
                (
                    await asyncio.to_thread(
                        partial(mesh.ctr, "images", "import", "--no-unpack", str(archive), namespace="third")
                    )
                ).ok()
                said = await asked(gateway, "third", CHAIN[1])
                assert isinstance(said, list) and (said[0].references, list(said[0].names), said[0].manifest_digest) == (
                    [],
                    [ARCHIVED],
                    digest,
                )
                for chain_id, kind in ((sha256(b"nothing"), NotFound), ("sha256:x", InvalidArgument), ("", InvalidArgument)):
                    assert isinstance(await asked(gateway, "third", chain_id), kind)
                assert isinstance(await asked(gateway, "nobodys", CHAIN[0]), NotFound)
        finally:
            await server.close(0.5)

    try:
        mesh.start()
        asyncio.run(main())
    finally:
        mesh.destroy()
        run(["rm", "-rf", str(mesh.base)])


def check(images: list[Image], manifest: str, reference: str, n: int) -> None:
    (image,) = images
    assert (image.manifest_digest, image.references, image.layer) == (manifest, [reference], n)
    assert [layer.chain_id for layer in image.layers] == CHAIN
    assert [layer.diff_id for layer in image.layers] == [sha256(layer) for layer in LAYERS]
    assert [(layer.digest, layer.size) for layer in image.layers] == [(sha256(layer), len(layer)) for layer in LAYERS]
