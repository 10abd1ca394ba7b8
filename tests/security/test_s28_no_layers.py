"""S28: an image without layers is an explicit error, never a snapshot of nothing that a VM's runtime makes something of (CVE-2026-24054)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from argosy.client import Client, Container
from argosy.client import images as api
from argosy.errors import InvalidArgument
from argosy.oci.spec import Options
from argosy_protos.containerd.services.containers.v1 import ListContainersRequest
from argosy_protos.containerd.services.images.v1 import ListImagesRequest
from argosy_protos.containerd.services.snapshots.v1 import ListSnapshotsRequest

from tests.harness.mesh import Mesh
from tests.harness.tars import layer
from tests.harness.web import serving

pytestmark = pytest.mark.root


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 60)

    asyncio.run(main())


async def snapshots(client: Client) -> list[str]:
    found: list[str] = []
    async for reply in client.services.snapshots.list(ListSnapshotsRequest(snapshotter="overlayfs")):
        found += [info.name for info in reply.info]
    return found


def test_an_image_without_layers_is_not_pulled_to_be_run(mesh: Mesh) -> None:
    """Stored without unpacking it may be: then no container is made of it."""

    async def work() -> None:
        async with serving() as server, Client(mesh.address, "s28") as client:
            name = f"{server.netloc}/a/b:1"
            server.image("a/b:1", [])
            with pytest.raises(InvalidArgument, match="the image has no layers"):
                await api.pull(client, name)
            assert (await client.services.images.list(ListImagesRequest())).images == []
            await api.pull(client, name, unpack_image=False)
            with pytest.raises(InvalidArgument, match="the image has no layers"):
                await Container.create(client, "c", name, Options())
            assert await snapshots(client) == []
            assert (await client.services.containers.list(ListContainersRequest())).containers == []

    run(work)


def test_a_config_that_hides_the_layers_makes_no_empty_snapshot(mesh: Mesh) -> None:
    """The manifest has one, the config's list is empty: no container on a snapshot of nothing."""

    async def work() -> None:
        async with serving() as server, Client(mesh.address, "s28-hidden") as client:
            name = f"{server.netloc}/a/b:1"
            server.image("a/b:1", [layer(("f", b"1"))], {"rootfs": {"type": "layers", "diff_ids": []}})
            await api.pull(client, name, unpack_image=False)
            with pytest.raises(InvalidArgument, match="1 layers and 0 diff ids"):
                await Container.create(client, "c", name, Options())
            assert await snapshots(client) == []

    run(work)


@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_an_archive_without_layers_is_not_imported_to_be_run(mesh: Mesh, tmp_path: Path, kind: str) -> None:
    """Neither form makes a snapshot of nothing."""

    async def work() -> None:
        async with serving() as server, Client(mesh.address, f"s28-{kind}") as client:
            image = server.image("a/b:1", [])
            config = server.blobs[json.loads(server.blobs[image["digest"]])["config"]["digest"]]
            path = tmp_path / "image.tar"
            if kind == "oci":
                index = {
                    "schemaVersion": 2,
                    "manifests": [{**image, "annotations": {"io.containerd.image.name": "docker.io/t/x:1"}}],
                }
                blobs = [(f"blobs/sha256/{digest[7:]}", data) for digest, data in server.blobs.items()]
                path.write_bytes(layer(("index.json", json.dumps(index).encode()), *blobs))
            else:
                listing = [{"Config": "c.json", "RepoTags": ["t/x:1"], "Layers": []}]
                path.write_bytes(layer(("manifest.json", json.dumps(listing).encode()), ("c.json", config)))
            with pytest.raises(InvalidArgument, match="the image has no layers"):
                await api.import_archive(client, path)
            assert (await client.services.images.list(ListImagesRequest())).images == [] and await snapshots(client) == []

    run(work)
