"""Images whose layers are EROFS images: converted there and back, run on every snapshotter, and what differs from what they were is nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argosy.client import Client
from argosy.client import images as api
from argosy.client.content import read_blob
from argosy.client.images.documents import resolve
from argosy.client.images.names import find_image
from argosy.client.services import present
from argosy.erofs.cache import find
from argosy.kernel.mount import temporary_mount
from argosy.mounts import Mount
from argosy.oci.image import chain_ids
from argosy.oci.layers import EROFS
from argosy.testkit.image import busybox_layer, oci_archive
from argosy_protos.containerd.services.content.v1 import InfoRequest
from argosy_protos.containerd.services.diff.v1 import DiffRequest
from argosy_protos.containerd.services.snapshots.v1 import RemoveSnapshotRequest, ViewSnapshotRequest
from argosy_protos.containerd.types import Mount as WireMount

from tests.harness.erofs import SNAPSHOTTERS, needs_erofs
from tests.harness.layers import archive, described, directory, entry, hard_link, symlink
from tests.harness.mesh import Mesh
from tests.harness.web import serving
from tests.sdk.test_erofs import mounted
from tests.sdk.test_erofs_layers import needs_mkfs, packed

pytestmark = pytest.mark.root

FORMS = {"erofs": EROFS, "erofs+zstd": f"{EROFS}+zstd"}
# What layers do to each other: hide, replace, link, and put files where the archive says nothing of the directory.
BELOW = archive(
    directory("tmp", 0o1777), directory("etc"), entry("etc/gone", data=b"g"), entry("etc/keep", data=b"k" * 9000, uid=70000, mode=0o4755),
    directory("full"), entry("full/old", data=b"o"), directory("usr"), directory("usr/lib"), symlink("lib", "usr/lib"),
    hard_link("etc/same", "etc/keep"), entry("kind", data=b"a file"),
)  # fmt: skip
ABOVE = archive(
    entry("tmp/file", data=b"t"), entry("etc/.wh.gone"), entry("lib/through", data=b"l"), directory("full"), entry("full/.wh..wh..opq"),
    entry("full/new", data=b"n"), directory("kind"), entry("kind/inside", data=b"i"),
)  # fmt: skip


def manifest(mesh: Mesh, name: str) -> tuple[dict[str, Any], dict[str, Any], list[bytes]]:
    """Return an image's manifest, its config, and its layers' bytes."""

    async def main() -> tuple[dict[str, Any], dict[str, Any], list[bytes]]:
        async with Client(mesh.address, "default") as client:
            content, target = client.services.content, present((await find_image(client.services, name)).target, "it")
            document = json.loads(await read_blob(content, target.digest))
            if "manifests" in document:
                (found,) = document["manifests"]
                assert found["platform"]["os.features"] == ["erofs"]
                document = json.loads(await read_blob(content, found["digest"]))
            config = json.loads(await read_blob(content, document["config"]["digest"]))
            return document, config, [await read_blob(content, one["digest"]) for one in document["layers"]]

    return asyncio.run(main())


@pytest.fixture(scope="module")
def converted(mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A mesh with layers:1, and the demo image, in both forms."""
    path = tmp_path_factory.mktemp("image") / "layers.tar"
    oci_archive(path, "docker.io/library/layers:1", [BELOW, ABOVE])
    mesh.argosy("import", str(path)).ok()
    for name, form in (
        ("layers", "erofs"),
        ("layers", "erofs+zstd"),
        ("busybox:latest", "erofs"),
        ("busybox:latest", "erofs+zstd"),
    ):
        name, _, tag = name.partition(":")
        mesh.argosy("image", "convert", "--to", form, f"{name}:{tag or 1}", f"{name}-{form.replace('+', '-')}:1").ok()
    yield mesh


@pytest.mark.parametrize("form", FORMS)
def test_the_documents_are_as_containerd_has_them(converted: Mesh, form: str, tmp_path: Path) -> None:
    """Its type of layers, diff ids of the images themselves, and a platform that asks for EROFS."""
    document, config, layers = manifest(converted, f"layers-{form.replace('+', '-')}:1")
    assert [one["mediaType"] for one in document["layers"]] == [FORMS[form]] * 2
    assert config["os.features"] == ["erofs"] and len(config["history"]) == 2
    for number, (data, diff_id) in enumerate(zip(layers, config["rootfs"]["diff_ids"], strict=True)):
        image = (
            subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout if "zstd" in form else data
        )
        assert diff_id == f"sha256:{hashlib.sha256(image).hexdigest()}"
        (tmp_path / str(number)).write_bytes(image)
        if shutil.which("fsck.erofs"):
            subprocess.run(["fsck.erofs", str(tmp_path / str(number))], check=True, capture_output=True)

    async def main() -> None:
        async with Client(converted.address, "default") as client:
            for one, diff_id in zip(document["layers"], config["rootfs"]["diff_ids"], strict=True):
                info = present((await client.services.content.info(InfoRequest(digest=one["digest"]))).info, "it")
                assert info.labels["containerd.io/uncompressed"] == diff_id

    asyncio.run(main())


def made_by_mkfs(base: Path, *options: str) -> bytes:
    """Return an image of the demo's first layer that mkfs.erofs made."""
    (base / "tree").mkdir()
    subprocess.run(["tar", "-x", "-C", str(base / "tree")], input=busybox_layer(), check=True)
    subprocess.run(
        ["mkfs.erofs", "--quiet", *options, str(base / "image"), str(base / "tree")], check=True, capture_output=True
    )
    return (base / "image").read_bytes()


async def tree(client: Client, name: str, snapshotter: str) -> dict[str, tuple[object, ...]]:
    """Return what is in an image once it is unpacked."""
    services = client.services
    target = api.from_wire(present((await find_image(services, name)).target, "it"))
    found = await resolve(services, target)
    await api.unpack(services, target, snapshotter)
    key, top = f"view-{name}", chain_ids(api.layers_of(found))[-1]
    asked = ViewSnapshotRequest(snapshotter=snapshotter, key=key, parent=top)
    mounts = [Mount.from_wire(one) for one in (await services.snapshots.view(asked)).mounts]
    with temporary_mount(mounts) as point:
        said = described(Path(point))
    await services.snapshots.remove(RemoveSnapshotRequest(snapshotter=snapshotter, key=key))
    return said


@pytest.mark.parametrize("snapshotter", SNAPSHOTTERS)
def test_they_hold_what_the_tars_held_and_run(converted: Mesh, snapshotter: str) -> None:
    async def main() -> None:
        async with Client(converted.address, "default") as client, client.lease() as services:
            under = Client(converted.address, "default", services=services)
            wanted = await tree(under, "docker.io/library/layers:1", snapshotter)
            assert {"tmp/file", "usr/lib/through", "full/new", "kind/inside"} <= wanted.keys() and "etc/gone" not in wanted
            for form in ("erofs", "erofs-zstd"):
                assert await tree(under, f"docker.io/library/layers-{form}:1", snapshotter) == wanted

    asyncio.run(main())
    ran = converted.argosy("run", "--rm", "--snapshotter", snapshotter, "busybox-erofs-zstd:1", "cat", "/etc/motd").ok()
    assert ran.out == "hello from an argosy\n"


def test_any_client_runs_them(converted: Mesh, tmp_path: Path) -> None:
    """ctr imports, unpacks and runs what is exported, and knows nothing of it."""
    path = tmp_path / "erofs.tar"
    converted.argosy("export", str(path), "busybox-erofs:1").ok()
    converted.ctr("images", "import", "--all-platforms", str(path), namespace="others").ok()
    ran = converted.ctr("run", "--rm", "docker.io/library/busybox-erofs:1", "c", "cat", "/etc/motd", namespace="others").ok()
    assert ran.out == "hello from an argosy\n"


def test_a_cache_is_filled_from_them(converted: Mesh, tmp_path: Path) -> None:
    """By what the snapshotter asks for: their own diff ids."""
    _, config, _ = manifest(converted, "layers-erofs-zstd:1")
    converted.argosy("image", "build-erofs-cache", "layers-erofs-zstd:1", str(tmp_path / "cache")).ok()
    assert all(find([tmp_path / "cache"], diff_id) for diff_id in config["rootfs"]["diff_ids"][:1])


def test_they_become_tars_again_that_hold_the_same(converted: Mesh) -> None:
    converted.argosy("image", "convert", "--to", "gzip", "layers-erofs-zstd:1", "layers-back:1").ok()
    converted.argosy("image", "convert", "--to", "erofs", "layers-erofs-zstd:1", "layers-raw:1").ok()

    async def main() -> None:
        async with Client(converted.address, "default") as client, client.lease() as services:
            under = Client(converted.address, "default", services=services)
            found = [await tree(under, f"docker.io/library/layers{more}:1", "overlayfs") for more in ("", "-back")]
            assert found[0] == found[1]
            raw, once = [await find_image(services, f"docker.io/library/layers-{one}:1") for one in ("raw", "erofs")]
            layers = [
                (await resolve(services, api.from_wire(present(one.target, "it")))).manifest.layers for one in (raw, once)
            ]
            assert layers[0] == layers[1], "what is compressed otherwise is the same image"
            back = await resolve(
                services,
                api.from_wire(present((await find_image(services, "docker.io/library/layers-back:1")).target, "it")),
            )
            config = json.loads(await read_blob(services.content, back.manifest.config.digest))
            assert "os.features" not in config

    asyncio.run(main())


@needs_mkfs
@pytest.mark.parametrize("snapshotter", SNAPSHOTTERS)
def test_an_image_of_what_mkfs_made_runs(mesh: Mesh, tmp_path: Path, snapshotter: str) -> None:
    image = made_by_mkfs(tmp_path)
    oci_archive(tmp_path / "a.tar", "docker.io/library/mkfs:1", [image], media_type=EROFS, pack=bytes)
    mesh.ctr("images", "import", "--snapshotter", snapshotter, str(tmp_path / "a.tar"), namespace=snapshotter).ok()
    ran = mesh.argosy("run", "--rm", "--snapshotter", snapshotter, "mkfs:1", "ls", "/etc/passwd", namespace=snapshotter).ok()
    assert ran.out == "/etc/passwd\n"


@needs_mkfs
def test_one_with_files_compressed_in_it_is_refused_with_what_it_is(mesh: Mesh, tmp_path: Path) -> None:
    oci_archive(
        tmp_path / "a.tar", "docker.io/library/lz4:1", [made_by_mkfs(tmp_path, "-zlz4hc")], media_type=EROFS, pack=bytes
    )
    mesh.ctr("images", "import", "--no-unpack", str(tmp_path / "a.tar")).ok()
    for words in (["import", str(tmp_path / "a.tar")], ["image", "convert", "--to", "gzip", "lz4:1", "lz4:2"]):
        refused = mesh.argosy(*words)
        assert (
            refused.code != 0 and "files are compressed in the layer's EROFS image, which is not read here" in refused.err
        ), refused


def test_several_convert_the_same_at_a_time(converted: Mesh) -> None:
    async def main() -> None:
        async with Client(converted.address, "default") as client:
            names = [f"docker.io/library/same-{n}:1" for n in range(4)]
            made = await asyncio.gather(
                *(api.convert(client, "docker.io/library/layers:1", name, "erofs+zstd") for name in names)
            )
            assert len({present(one.target, "it").digest for one in made}) == 1

    asyncio.run(main())


def test_a_layer_of_which_no_image_can_be_made_is_told_by_what_it_links_to(mesh: Mesh, tmp_path: Path) -> None:
    oci_archive(tmp_path / "links.tar", "docker.io/library/links:1", [BELOW, archive(hard_link("a", "etc/keep"))])
    mesh.argosy("import", str(tmp_path / "links.tar")).ok()
    refused = mesh.argosy("image", "convert", "--to", "erofs", "links:1", "links:2")
    assert refused.code != 0 and 'hard link "a" is to "etc/keep", which is not in the layer' in refused.err
    assert "links:2" not in mesh.argosy("images", "ls").ok().out


@needs_erofs
def test_diff_makes_such_layers_too(mesh: Mesh, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/file").write_bytes(b"f" * 5000)

    async def main() -> None:
        async with Client(mesh.address, "default") as client, client.lease() as services:
            right = [WireMount(type="bind", source=str(tmp_path / "tree"), options=["rbind", "ro"])]
            made = present((await services.diff.diff(DiffRequest(right=right, media_type=EROFS, ref="made"))).diff, "it")
            assert made.media_type == EROFS
            (tmp_path / "image").write_bytes(await read_blob(services.content, made.digest))

    asyncio.run(main())
    with mounted(tmp_path / "image") as root:
        assert (root / "file").read_bytes() == b"f" * 5000


@pytest.mark.parametrize("snapshotter", SNAPSHOTTERS)
def test_a_large_one_is_pulled_and_unpacked_while_it_comes(mesh: Mesh, snapshotter: str) -> None:
    """Nothing of an image means anything before all of it is there: what comes is in a file of the worker's own until then."""
    data = os.urandom(1 << 20) * 10

    async def main() -> None:
        async with serving() as server, Client(mesh.address, f"large-{snapshotter}") as client, client.lease() as services:
            image = packed(archive(directory("d"), entry("d/large", data=data)))
            server.image("a/large:1", [image])
            body = json.loads(server.blobs[server.tags["a/large:1"]])
            body["layers"][0]["mediaType"] = EROFS
            server.tag("a/large:1", body)
            name = f"{server.netloc}/a/large:1"
            await api.pull(Client(mesh.address, client.namespace, services=services), name, snapshotter=snapshotter)
            assert (await tree(Client(mesh.address, client.namespace, services=services), name, snapshotter)).keys() == {
                "d",
                "d/large",
            }

    asyncio.run(main())
