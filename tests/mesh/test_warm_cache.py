"""A cache of layers as EROFS images: filled by a command, found by what a layer is, and then nobody fetches it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.client import Client
from argosy.client import images as api
from argosy.erofs.cache import find, path_of
from argosy.kernel.mount import temporary_mount
from argosy.mounts import Mount
from argosy.oci.image import chain_ids
from argosy_protos.containerd.services.images.v1 import DeleteImageRequest
from argosy_protos.containerd.services.snapshots.v1 import RemoveSnapshotRequest, ViewSnapshotRequest

from tests.harness.erofs import needs_erofs
from tests.harness.mesh import Mesh
from tests.harness.tars import layer
from tests.harness.web import Server, serving, sha256

pytestmark = [pytest.mark.root, needs_erofs]


def whole(*files: tuple[str, bytes]) -> bytes:
    """Return a layer that says of every directory what it is, as builders' do."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("", *sorted({name.partition("/")[0] for name, _ in files})):
            entry = tarfile.TarInfo(f"./{folder}")
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name, data in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


BELOW = whole(("etc/keep", b"kept"), ("etc/gone", b"gone"), ("bin/tool", b"x" * 100_000))
ABOVE = whole(("etc/.wh.gone", b""), ("etc/new", b"new"))
TOP = chain_ids([sha256(BELOW), sha256(ABOVE)])[-1]


@pytest.fixture
def warm(short_path: Path) -> Iterator[tuple[Mesh, Path]]:
    """A mesh whose EROFS snapshotter has a cache, which is empty."""
    cache = short_path / "cache"
    config = short_path / "mesh.toml"
    config.write_text(f'[services.snapshotter-erofs.settings]\nlayer_content_caches = ["/no/such", "{cache}"]\n')
    mesh = Mesh(short_path / "m", extra=["--config", str(config)])
    mesh.base.mkdir()
    mesh.start()
    try:
        yield mesh, cache
    finally:
        mesh.stop()


def blobs_asked(server: Server, *layers: bytes) -> int:
    return sum(seen.method == "GET" and seen.path.endswith(sha256(one)) for seen in server.seen for one in layers)


def test_a_layer_of_the_cache_is_not_fetched_and_reads_the_same(warm: tuple[Mesh, Path]) -> None:
    mesh, cache = warm

    async def tree(client: Client) -> dict[str, bytes]:
        key = f"view-{client.namespace}"
        asked = ViewSnapshotRequest(snapshotter="erofs", key=key, parent=TOP)
        mounts = [Mount.from_wire(one) for one in (await client.services.snapshots.view(asked)).mounts]
        with temporary_mount(mounts) as point:
            found = {str(f.relative_to(point)): f.read_bytes() for f in sorted(Path(point).rglob("*")) if f.is_file()}
        await client.services.snapshots.remove(RemoveSnapshotRequest(snapshotter="erofs", key=key))
        return found

    async def work() -> None:
        async with serving() as server:
            name = f"{server.netloc}/a/b:1"
            server.image("a/b:1", [BELOW, ABOVE])
            async with Client(mesh.address, "cold") as client:
                await api.pull(client, name, snapshotter="erofs")
                assert blobs_asked(server, BELOW, ABOVE) == 2
                cold = await tree(client)
            assert cold == {"bin/tool": b"x" * 100_000, "etc/keep": b"kept", "etc/new": b"new"}
            for state in ("made", "was there"):
                told = await asyncio.to_thread(
                    mesh.argosy, "-o", "json", "-n", "cold", "image", "build-erofs-cache", name, str(cache)
                )
                assert [row["state"] for row in json.loads(told.ok().out)] == [state] * 2
            async with Client(mesh.address, "cold") as client:
                await client.services.images.delete(DeleteImageRequest(name=name, sync=True))
            async with Client(mesh.address, "warm") as client:
                server.seen.clear()
                for _ in range(2):
                    await api.pull(client, name, snapshotter="erofs")
                    assert blobs_asked(server, BELOW, ABOVE) == 0
                assert await tree(client) == cold
            # It runs, and is not all here: who wants to give it away hears how it comes.
            lacking = await asyncio.to_thread(mesh.argosy, "-n", "warm", "export", os.devnull, name)
            assert lacking.code == 4 and "is not here; pull its image with --no-unpack" in lacking.err
            async with Client(mesh.address, "warm") as client:
                await api.pull(client, name, unpack_image=False)
                assert blobs_asked(server, BELOW, ABOVE) == 2
            (await asyncio.to_thread(mesh.argosy, "-n", "warm", "export", os.devnull, name)).ok()
            # A layer that only somebody else could have put there is none of the cache.
            path_of(cache, sha256(BELOW)).chmod(0o666)
            async with Client(mesh.address, "wary") as client:
                await api.pull(client, name, snapshotter="erofs")
                assert blobs_asked(server, BELOW) == 1

    asyncio.run(asyncio.wait_for(work(), 90))


def test_a_layer_that_needs_those_below_it_is_left_out(warm: tuple[Mesh, Path]) -> None:
    """What a directory that it does not name is like, is said below: the same layer is another image elsewhere."""
    mesh, cache = warm

    async def work() -> None:
        async with serving() as server, Client(mesh.address, "needs") as client:
            server.image("a/b:1", [BELOW, layer(("etc/other", b"of etc itself it says nothing"))])
            await api.pull(client, f"{server.netloc}/a/b:1", snapshotter="erofs")
            target = await api.target_of(client.services, f"{server.netloc}/a/b:1")
            states = [one.state for one in await api.build_erofs_cache(client.services, target, cache)]
            assert states[0] == "made" and states[1].startswith("left out: ")

    asyncio.run(asyncio.wait_for(work(), 60))


def test_what_is_in_a_cache_is_looked_at(tmp_path: Path) -> None:
    digest = sha256(b"x")
    first, second = tmp_path / "a", tmp_path / "b"
    assert find([first, second], digest) is None and find([first], "no digest") is None
    for folder in (second, first):
        path = path_of(folder, digest)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"an image")
        path.chmod(0o444)
        assert find([first, second], digest) == path
    shutil.rmtree(first)
    path_of(first, digest).parent.mkdir(parents=True)
    path_of(first, digest).symlink_to(path_of(second, digest))
    assert find([first], digest) is None and find([first, second], digest) == path_of(second, digest)
