"""The differ: what it unpacks runs, and what it makes of changes is a layer; in our mesh, and on a stock daemon's content."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest
from argosy.client import Client
from argosy.errors import Unimplemented
from argosy.oci.image import chain_ids
from argosy.rpc import Channel
from argosy_protos.containerd.services.content.v1 import ReadContentRequest
from argosy_protos.containerd.services.diff import v1 as diff
from argosy_protos.containerd.services.images.v1 import GetImageRequest
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.containerd.types import Descriptor

from tests.examples.conftest import Together
from tests.harness.mesh import IMAGE

pytestmark = pytest.mark.root
TAR = "application/vnd.oci.image.layer.v1.tar"
CHANGES = "echo new >/etc/new; rm /etc/passwd; rm -r /home; mkdir -m 700 /home; chown 5:60 /etc/motd"


def test_it_unpacks_and_compares(stores: Together, image_archive: Path) -> None:
    """Debian's containerd takes no differ from outside: there its content and its snapshots are used as a client would."""
    peer = stores.peer
    if stores.is_ours:
        peer.ctr("images", "import", str(image_archive)).ok()
    else:
        peer.ctr("images", "import", "--no-unpack", str(image_archive)).ok()
        asyncio.run(unpacked(peer.address, stores.base / "differ.sock"))
    ran = peer.ctr("run", IMAGE, "c", "sh", "-ec", f"cat /etc/motd; {CHANGES}").ok()
    assert ran.out == "hello from an argosy\n"
    if stores.is_ours:
        command = ["ctr", "-a", str(peer.address), "snapshots", "diff", "c"]
        made = subprocess.run(command, capture_output=True, check=True).stdout
        # The runtime has made /run, to mount there.
        assert names_of(made) - {"run"} == {"etc", "etc/new", "etc/.wh.passwd", "etc/motd", "home"}
        with tarfile.open(fileobj=io.BytesIO(made)) as tar:
            assert (tar.getmember("etc/motd").uid, tar.getmember("etc/motd").gid) == (5, 60)
    peer.ctr("containers", "rm", "c").ok()
    peer.ctr("images", "rm", "--sync", IMAGE).ok()


def names_of(data: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return set(tar.getnames())


async def unpacked(daemon: Path, differ: Path) -> None:
    async with Client(daemon, "default") as client, Channel(differ, metadata={"containerd-namespace": "default"}) as channel:
        own, stub = client.services.snapshots, diff.DiffStub(channel)

        async def read(digest: str) -> bytes:
            return b"".join([part.data async for part in client.services.content.read(ReadContentRequest(digest=digest))])

        image = (await client.services.images.get(GetImageRequest(name=IMAGE))).image
        assert image is not None and image.target is not None
        target = json.loads(await read(image.target.digest))
        manifest = json.loads(await read(target["manifests"][0]["digest"])) if "manifests" in target else target
        diff_ids = json.loads(await read(manifest["config"]["digest"]))["rootfs"]["diff_ids"]
        parent, labels = "", {"containerd.io/gc.root": "x"}
        for layer, diff_id, name in zip(manifest["layers"], diff_ids, chain_ids(diff_ids), strict=True):
            request = snapshots.PrepareSnapshotRequest(snapshotter="overlayfs", key="k", parent=parent, labels=labels)
            mounts = (await own.prepare(request)).mounts
            wire = Descriptor(media_type=layer["mediaType"], digest=layer["digest"], size=layer["size"])
            applied = (await stub.apply(diff.ApplyRequest(diff=wire, mounts=mounts))).applied
            assert applied is not None and applied.digest == diff_id
            await own.commit(snapshots.CommitSnapshotRequest(snapshotter="overlayfs", name=name, key="k", labels=labels))
            parent = name
        first, last = chain_ids(diff_ids)
        views = [
            (
                await own.view(snapshots.ViewSnapshotRequest(snapshotter="overlayfs", key=key, parent=of, labels=labels))
            ).mounts
            for key, of in (("a", first), ("b", last))
        ]
        with pytest.raises(Unimplemented, match="x/y"):
            await stub.diff(diff.DiffRequest(media_type="x/y"))
        made = (await stub.diff(diff.DiffRequest(left=views[0], right=views[1], media_type=TAR, ref="made"))).diff
        assert made is not None
        data = await read(made.digest)
        assert (f"sha256:{hashlib.sha256(data).hexdigest()}", len(data)) == (made.digest, made.size)
        assert {"etc/motd", "var/lib"} <= names_of(data)
        for key in ("a", "b"):
            await own.remove(snapshots.RemoveSnapshotRequest(snapshotter="overlayfs", key=key))
