"""STORE-006: a layer that comes as a ready made erofs image is not applied, and so never parsed by the kernel."""

from __future__ import annotations

import asyncio

import pytest
from argosy.client import Client
from argosy.client.content import write_blob
from argosy.errors import ArgosyError
from argosy_protos.containerd.services.diff.v1 import ApplyRequest
from argosy_protos.containerd.services.snapshots.v1 import PrepareSnapshotRequest
from argosy_protos.containerd.types import Descriptor

from tests.harness.mesh import Mesh

pytestmark = pytest.mark.root
# The magic number of an erofs superblock, where it stands.
IMAGE = bytes(1024) + b"\xe2\xe1\xf5\xe0" + bytes(3068)


@pytest.mark.parametrize("snapshotter", ["overlayfs", "native", "erofs"])
@pytest.mark.parametrize(
    "media_type",
    ["application/vnd.erofs.layer.v1", "application/vnd.oci.image.layer.v1.erofs"],
)
def test_an_erofs_image_is_no_layer(mesh: Mesh, snapshotter: str, media_type: str) -> None:
    """Under whichever name it comes, on each snapshotter."""

    async def main() -> None:
        async with Client(mesh.address, "default") as client, client.lease() as services:
            digest = await write_blob(services.content, "erofs", IMAGE)
            made = await services.snapshots.prepare(
                PrepareSnapshotRequest(snapshotter=snapshotter, key=f"{snapshotter}-{media_type}")
            )
            descriptor = Descriptor(media_type=media_type, digest=digest, size=len(IMAGE))
            with pytest.raises(ArgosyError):
                await services.diff.apply(ApplyRequest(diff=descriptor, mounts=made.mounts))

    asyncio.run(main())
