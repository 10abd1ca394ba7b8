"""S39: no value that an image's configuration can set ends a loop, starts a process, pins or frees an object."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from argosy import labels as vocabulary
from argosy.client import Client
from argosy.client.content import write_blob
from argosy.errors import InvalidArgument, NotFound
from argosy.plugin.snapshots import Kind
from argosy.plugin.snapshots.remap import GID_MAPPING, UID_MAPPING
from argosy.testkit.image import oci_archive
from argosy_gateway.provenance import MAX_DOCUMENT_BYTES, MAX_DOCUMENTS, brought, image_labels, parse
from argosy_protos.containerd.services.containers import v1 as p
from argosy_protos.containerd.services.content.v1 import InfoRequest
from argosy_protos.containerd.services.leases import v1 as leases
from argosy_protos.containerd.services.snapshots.v1 import PrepareSnapshotRequest
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_protos.google.protobuf import FieldMask
from argosy_snapshotter_overlay.layout import Abilities
from argosy_snapshotter_overlay.snapshotter import OverlayBackend
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.mesh import Mesh

HOSTILE = {
    "containerd.io/restart.status": "running",
    "containerd.io/restart.count": "x",
    "containerd.io/gc.root": "2001-01-01T00:00:00Z",
    "containerd.io/gc.expire": "2001-01-01T00:00:00Z",
    "containerd.io/gc.ref.image": "docker.io/library/other:latest",
    "containerd.io/gc.bref.image": "docker.io/library/other:latest",
    "containerd.io/snapshot/uidmapping": "0:0:1,upperdir=/etc",
    "containerd.io/snapshot.ref": "x",
    "containerd.io/defaults/runtime": "/tmp/evil",
    "io.cri-containerd.kind": "sandbox",
    "io.cri-containerd.image": "managed",
    "argosy/log": "/etc/shadow",
}
Wanted = Callable[[Client], Awaitable[None]]


def work_in(mesh: Mesh, work: Wanted, namespace: str = "default") -> None:
    async def main() -> None:
        async with Client(mesh.address, namespace) as client:
            await asyncio.wait_for(work(client), 60)

    asyncio.run(main())


def load(mesh: Mesh, path: Path, name: str, labels: dict[str, str]) -> str:
    reference = f"docker.io/library/{name}:latest"
    oci_archive(path / f"{name}.tar", reference, config={"Labels": labels})
    mesh.ctr("images", "import", str(path / f"{name}.tar")).ok()
    return reference


def container(id: str, image: str, labels: dict[str, str]) -> p.Container:
    return p.Container(id=id, image=image, labels=dict(labels), runtime=p.ContainerRuntime(name="r"), spec=AnyMessage())


@pytest.mark.root
def test_nothing_reserved_gets_from_an_image_onto_a_container(mesh: Mesh, tmp_path: Path) -> None:
    """Not by the stock client, not by ours, not by one that copies labels with Create or Update."""
    image = load(mesh, tmp_path, "hostile", {**HOSTILE, "maintainer": "somebody"})
    mesh.ctr("containers", "create", image, "stock").ok()
    mesh.argosy("run", "--name", "ours", image, "true").ok()

    async def work(client: Client) -> None:
        stub = client.services.containers
        await stub.create(p.CreateContainerRequest(container=container("raw", image, {**HOSTILE, "a": "b"})))
        for mask in (None, FieldMask(paths=["labels"])):
            await stub.update(
                p.UpdateContainerRequest(container=container("raw", image, {**HOSTILE, "a": "b"}), update_mask=mask)
            )
        for id, own in (("stock", "maintainer"), ("ours", "maintainer"), ("raw", "a")):
            found = (await stub.get(p.GetContainerRequest(id=id))).container
            assert found is not None
            assert own in found.labels and not any(map(vocabulary.is_reserved, found.labels)), found.labels
        # Whoever names one label means it, and what is there stays when all labels are written again.
        wanted = container("raw", image, HOSTILE)
        mask = FieldMask(paths=["labels.containerd.io/restart.status"])
        await stub.update(p.UpdateContainerRequest(container=wanted, update_mask=mask))
        await stub.update(p.UpdateContainerRequest(container=wanted, update_mask=FieldMask(paths=["labels"])))
        found = (await stub.get(p.GetContainerRequest(id="raw"))).container
        assert found is not None and found.labels == {"containerd.io/restart.status": "running"}
        # Labels that are not the image's are the caller's.
        other = {"containerd.io/gc.ref.content.x": "sha256:" + "0" * 64, "containerd.io/restart.policy": "no"}
        made = (await stub.create(p.CreateContainerRequest(container=container("other", image, other)))).container
        assert made is not None and made.labels == other
        for id in ("stock", "ours", "raw", "other"):
            await stub.delete(p.DeleteContainerRequest(id=id))

    mesh.ctr("tasks", "rm", "-f", "ours")
    work_in(mesh, work)


@pytest.mark.root
def test_an_image_pins_nothing(mesh: Mesh, tmp_path: Path) -> None:
    """gc.ref labels of an image would keep what they name for as long as a container of it lives."""
    data = b"nobody needs this"
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    image = load(mesh, tmp_path, "pins", {"containerd.io/gc.ref.content.x": digest})

    async def work(client: Client) -> None:
        async with client.lease() as services:
            await write_blob(services.content, "r", data)
            mesh.ctr("containers", "create", image, "pinning").ok()
        lease = (await client.services.leases.create(leases.CreateRequest())).lease
        assert lease is not None
        await client.services.leases.delete(leases.DeleteRequest(id=lease.id, sync=True))
        with pytest.raises(NotFound):
            await client.services.content.info(InfoRequest(digest=digest))

    work_in(mesh, work)
    mesh.ctr("containers", "rm", "pinning").ok()


@pytest.mark.root
def test_labels_that_a_layers_annotations_set_are_answered(mesh: Mesh) -> None:
    """Stock clients hand annotations under containerd.io/snapshot/ to the snapshotter: odd ones are refused by name."""

    async def work(client: Client) -> None:
        odd = [
            "²:1:1",
            "0:99999999999999999999:1",
            "0:4294967296:1",
            "0:0:1,upperdir=/etc",
            "0:1:1\n",
            "x",
            "0:0:0",
            "-1:0:1",
        ]
        for i, value in enumerate(odd):
            for label in (UID_MAPPING, GID_MAPPING):
                with pytest.raises(InvalidArgument, match=re.escape(label)):
                    await client.services.snapshots.prepare(
                        PrepareSnapshotRequest(snapshotter="overlayfs", key=f"odd{i}", labels={label: value})
                    )

    work_in(mesh, work)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.one_of(st.text(max_size=20), st.from_regex(r"[0-9²-]{1,11}:[0-9]{1,11}:[0-9]{1,11}(,[a-z0-9:=/]*)?", fullmatch=True))
)
def test_an_id_map_becomes_one_mount_option_or_none(value: str) -> None:
    """A comma would begin another option, which mounts something else."""
    backend = OverlayBackend(Abilities(userxattr=False, index_off=False, remap_ids=True))
    try:
        (mount,) = backend.mounts(Path("/x"), Kind.ACTIVE, (), {UID_MAPPING: value, GID_MAPPING: value})
    except InvalidArgument:
        return
    options = [o for o in mount.options if o.startswith(("uidmap=", "gidmap="))]
    assert all(re.fullmatch(r"[ug]idmap=[0-9:]+(,[0-9:]+)*", o) for o in options)
    assert bool(options) == bool(value)


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Blobs(dict[str, bytes]):
    """A content store."""

    def put(self, value: Any) -> str:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self[digest_of(data)] = data
        return digest_of(data)

    def read(self, digest: str) -> AsyncIterator[bytes]:
        if digest not in self:
            raise NotFound(digest)

        async def parts() -> AsyncIterator[bytes]:
            data = self[digest]
            for start in range(0, len(data), 7000):
                yield data[start : start + 7000]

        return parts()


def test_the_labels_of_every_platform_count() -> None:
    """The gateway can't know which platform a client took; what the namespace does not have brought nothing."""
    blobs = Blobs()
    manifests = []
    for name in ("a", "b"):
        config = blobs.put({"config": {"Labels": {f"containerd.io/{name}": "x", "plain": "y"}}})
        manifests.append({"digest": blobs.put({"config": {"digest": config}, "layers": [{"digest": "sha256:0"}]})})
    nested = blobs.put({"manifests": manifests})
    index = blobs.put({"manifests": [{"digest": nested}, {"digest": "sha256:" + "0" * 64}, {"digest": "no digest"}, {}, 1]})
    assert asyncio.run(image_labels(index, blobs.read)) == {"containerd.io/a", "containerd.io/b"}
    asked = {"containerd.io/a", "containerd.io/c", "plain"}
    assert asyncio.run(brought("i", index, asked, blobs.read)) == {"containerd.io/a"}


@pytest.mark.parametrize(
    "document",
    [
        '{"config":{"Labels":{"argosy/log":"x"}}}',
        '{"CONFIG":{"LABELS":{"argosy/log":"x"}}}',
        '{"config":{"label\u017f":{"argosy/log":"x"}}}',
        '{"config":{"Labels":{"argosy/log":"x"}},"config":{}}',
        '{"config":{},"config":{"Labels":{"argosy/log":"x"},"Labels":{}}}',
        '{"config":{"\\u004cabels":{"\\u0061rgosy/log":"x"}}}',
        '{"config":{"Labels":{"argosy/log":"x"}},"n":' + "9" * 5000 + "}",
        '{"config":{"Labels":{"argosy/log":"x","y":"\ud800\t\x01"}}}',
        ' \n\ufeff{"config":{"Labels":{"argosy/log":"x"}}} and more',
    ],
)
def test_what_any_clients_decoder_reads_is_read(document: str) -> None:
    """Go's decoder ignores case, merges what stands twice, and takes numbers of any length."""
    assert parse(document.encode("utf-8", "surrogatepass"))[1] == {"argosy/log"}


@pytest.mark.parametrize(
    "document", [b"", b"\xff", b"[]", b"1", b"null", b"{", b'{"config":[]}', b'{"config":{"Labels":["argosy/log"]}}']
)
def test_what_no_client_can_read_brings_nothing(document: bytes) -> None:
    """And breaks nothing."""
    assert parse(document) == (set(), set())


def test_an_image_that_hides_its_labels_makes_no_container_with_any() -> None:
    """More documents, bytes or depth than are looked at: the reserved labels' origin can't be told, so Create is refused."""
    blobs = Blobs()
    deep = blobs.put(b'{"config":{"Labels":{"argosy/log":"x"}},"x":' + b"[" * 9000 + b"]" * 9000 + b"}")
    large = blobs.put({"config": {"Labels": {"argosy/log": "x"}}, "x": " " * MAX_DOCUMENT_BYTES})
    many = blobs.put({"manifests": [{"digest": digest_of(str(i).encode())} for i in range(MAX_DOCUMENTS + 1)]})
    for target in (deep, large, many):
        with pytest.raises(InvalidArgument, match='whether image "i" brought the labels argosy/log cannot be told'):
            asyncio.run(brought("i", target, {"argosy/log"}, blobs.read))
        # A container without such labels does not care.
        assert asyncio.run(brought("i", target, {"plain"}, blobs.read)) == set()


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda c: st.lists(c) | st.dictionaries(st.sampled_from(["config", "Labels", "manifests", "digest", "x"]), c),
    )
)
def test_no_document_breaks_the_reader(value: Any) -> None:
    """Whatever its shape."""
    digests, found = parse(json.dumps(value).encode())
    assert all(isinstance(d, str) for d in digests) and found == set()
