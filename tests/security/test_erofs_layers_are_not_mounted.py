"""STORE-006: a layer that comes as a ready made EROFS image is read here, and never parsed by the kernel."""

from __future__ import annotations

import asyncio
import os

import pytest
from argosy.client import Client
from argosy.client.content import write_blob
from argosy.errors import ArgosyError
from argosy.kernel.mount import temporary_mount
from argosy.mounts import Mount
from argosy.oci.layers import EROFS
from argosy_protos.containerd.services.diff.v1 import ApplyRequest
from argosy_protos.containerd.services.snapshots.v1 import CommitSnapshotRequest, PrepareSnapshotRequest, ViewSnapshotRequest
from argosy_protos.containerd.types import Descriptor

from tests.harness.erofs import SNAPSHOTTERS
from tests.harness.layers import archive, directory, entry, symlink
from tests.harness.mesh import Mesh
from tests.sdk.test_erofs_layers import HOSTILE, SMALL, packed

pytestmark = pytest.mark.root
# The magic number of a super block, where it stands.
IMAGE = bytes(1024) + b"\xe2\xe1\xf5\xe0" + bytes(3068)
FAULTS = {"nothing but a number": IMAGE, **{name: change(packed(SMALL)) for name, (change, _) in HOSTILE.items()}}


@pytest.mark.parametrize("snapshotter", SNAPSHOTTERS)
def test_a_hostile_image_is_refused(mesh: Mesh, snapshotter: str) -> None:
    """On each snapshotter, and also under a name that is none of a layer's."""

    async def main() -> None:
        async with Client(mesh.address, "default") as client, client.lease() as services:
            for number, (name, data) in enumerate((*FAULTS.items(), ("another name", IMAGE))):
                digest = await write_blob(services.content, f"erofs-{number}-{snapshotter}", data)
                asked = PrepareSnapshotRequest(snapshotter=snapshotter, key=f"{snapshotter}-{number}")
                made = await services.snapshots.prepare(asked)
                media_type = "application/vnd.oci.image.layer.v1.erofs" if name == "another name" else EROFS
                descriptor = Descriptor(media_type=media_type, digest=digest, size=len(data))
                with pytest.raises(ArgosyError):
                    await services.diff.apply(ApplyRequest(diff=descriptor, mounts=made.mounts))

    asyncio.run(main())


@pytest.mark.parametrize("snapshotter", SNAPSHOTTERS)
def test_what_is_mounted_was_written_here(mesh: Mesh, snapshotter: str) -> None:
    """Whatever an image of somebody's says of itself, a view shows what was unpacked of it, and the system's own attributes are none of it."""
    tar = archive(
        directory("d"),
        entry("d/f", data=b"f" * 5000, mode=0o4755),
        symlink("s", "../../../etc/shadow"),
        entry("tmp/g", data=b"g"),
    )
    image = bytearray(packed(tar))
    image[1024 + 48 : 1024 + 64] = b"somebody's image"  # its uuid

    async def main() -> None:
        async with Client(mesh.address, "default") as client, client.lease() as services:
            digest = await write_blob(services.content, f"image-{snapshotter}", bytes(image))
            made = await services.snapshots.prepare(
                PrepareSnapshotRequest(snapshotter=snapshotter, key=f"new-{snapshotter}")
            )
            descriptor = Descriptor(media_type=EROFS, digest=digest, size=len(image))
            applied = (await services.diff.apply(ApplyRequest(diff=descriptor, mounts=made.mounts))).applied
            assert applied is not None and (applied.digest, applied.media_type, applied.size) == (digest, EROFS, len(image))
            name = f"done-{snapshotter}"
            await services.snapshots.commit(
                CommitSnapshotRequest(snapshotter=snapshotter, key=f"new-{snapshotter}", name=name)
            )
            asked = ViewSnapshotRequest(snapshotter=snapshotter, key=f"view-{snapshotter}", parent=name)
            view = [Mount.from_wire(one) for one in (await services.snapshots.view(asked)).mounts]
            with temporary_mount(view) as root:
                assert (
                    os.stat(f"{root}/d/f").st_mode & 0o7777 == 0o4755 and os.readlink(f"{root}/s") == "../../../etc/shadow"
                )
                assert [key for key in os.listxattr(f"{root}/tmp") if key.startswith("trusted.")] == []

    asyncio.run(main())
    for path in mesh.base.rglob("layer.erofs"):
        assert b"somebody's image" not in path.read_bytes()[:4096]
