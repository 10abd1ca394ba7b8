"""A pull that fails or is cancelled: it ends all that it started, gives its lease back and leaves the image that was there."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from argosy.client import Client
from argosy.client import images as api
from argosy.errors import InvalidArgument, NotFound
from argosy_protos.containerd.services.images.v1 import GetImageRequest, ListImagesRequest
from argosy_protos.containerd.services.leases.v1 import ListRequest
from argosy_protos.containerd.services.snapshots.v1 import ListSnapshotsRequest, ViewSnapshotRequest

from tests.harness.mesh import ARGOSY, Mesh
from tests.harness.tars import layer
from tests.harness.web import INDEX, Server, serving, sha256

pytestmark = pytest.mark.root

NOTHING: dict[str, list[Any]] = {"leases": [], "active": []}


def with_client(mesh: Mesh, work: Callable[[Client], Awaitable[None]], namespace: str) -> None:
    async def main() -> None:
        async with Client(mesh.address, namespace) as client:
            await asyncio.wait_for(work(client), 100)

    asyncio.run(main())


async def left(client: Client, snapshotter: str = "overlayfs") -> dict[str, list[Any]]:
    """Return what a pull that is over may not leave: leases, and snapshots that are being made."""
    services = client.services
    listed = [s async for r in services.snapshots.list(ListSnapshotsRequest(snapshotter=snapshotter)) for s in r.info]
    return {
        "leases": (await services.leases.list(ListRequest())).leases,
        "active": [s.name for s in listed if s.name.startswith("extract-")],
    }


def running() -> set[asyncio.Task[Any]]:
    """Return the loop's tasks but those of the registry, which lives in it, too."""
    return {task for task in asyncio.all_tasks() if "RequestHandler" not in repr(task.get_coro())}


async def fails(error: type[BaseException], match: str, work: Awaitable[Any]) -> None:
    """Do work that fails; nothing that it started may be left running in this loop."""
    before = running()
    with pytest.raises(error, match=match):
        await work
    for _ in range(3):
        await asyncio.sleep(0)
    assert running() - before == set()


class Slow:
    """A registry that sends large blobs a byte at a time, and one of them not at all."""

    def __init__(self) -> None:
        self.missing, self.begun, self.ended = "", 0, 0
        self.hurry = False

    async def answer(self, server: Server, request: web.Request) -> web.StreamResponse | None:
        digest = request.path.rpartition("/")[2]
        size = len(server.blobs.get(digest, b""))
        if "/blobs/" not in request.path or size < 10000 or self.hurry:
            return None
        if digest == self.missing:
            while self.begun < 2:
                await asyncio.sleep(0.01)
            return web.Response(status=404)
        response = web.StreamResponse(headers={"Content-Length": str(size)})
        await response.prepare(request)
        self.begun += 1
        try:
            while request.transport is not None and not request.transport.is_closing():
                await response.write(b"\0")
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass  # that is what we wait for
        finally:
            self.ended += 1
        return response


def test_a_layer_that_fails_ends_its_siblings(mesh: Mesh) -> None:
    """They were left downloading, for as long as the registry liked."""
    slow = Slow()

    async def work(client: Client) -> None:
        async with serving(slow.answer) as server:
            layers = [layer(("f", os.urandom(20000))) for _ in range(3)]
            slow.missing = sha256(layers[0])
            server.image("a/b:1", layers)
            await fails(NotFound, "answered 404", api.pull(client, f"{server.netloc}/a/b:1"))
            assert await left(client) == NOTHING
            assert (await client.services.images.list(ListImagesRequest())).images == []
            while slow.ended < 2:
                await asyncio.sleep(0.02)
            slow.missing, slow.hurry = "", True
            await asyncio.wait_for(api.pull(client, f"{server.netloc}/a/b:1"), 20)

    with_client(mesh, work, "siblings")


@pytest.mark.parametrize("all_platforms", [False, True])
def test_a_pull_may_be_cancelled_at_any_time(mesh: Mesh, all_platforms: bool) -> None:
    """At twenty moments of a pull; then a whole one succeeds."""

    async def work(client: Client) -> None:
        async with serving() as server:
            name = f"{server.netloc}/a/b:1"
            await client.default_snapshotter()
            for i in range(20):
                server.image("a/b:1", [layer(("f", os.urandom(200000))) for _ in range(3)])
                before = running()
                pulling = asyncio.ensure_future(api.pull(client, name, all_platforms=all_platforms))
                await asyncio.wait({pulling}, timeout=0.006 * i)
                pulling.cancel()
                await asyncio.wait({pulling})
                for _ in range(3):
                    await asyncio.sleep(0)
                assert running() - before == set()
                assert await left(client) == NOTHING
            server.image("a/b:1", [layer(("f", os.urandom(200000))) for _ in range(3)])
            image = await api.pull(client, name, all_platforms=all_platforms)
            assert image.target is not None and image.target.digest == server.tags["a/b:1"]

    with_client(mesh, work, f"cancelled-{all_platforms}")


def test_an_image_keeps_what_it_was_when_a_later_pull_fails(mesh: Mesh) -> None:
    """Its name moves when all of the new one is there and unpacked."""

    async def work(client: Client) -> None:
        async with serving() as server:
            name = f"{server.netloc}/a/b:1"
            server.image("a/b:1", [layer(("f", b"1"))])
            first = await api.pull(client, name)
            wrong = {"rootfs": {"type": "layers", "diff_ids": [sha256(b"another")]}}
            server.image("a/b:1", [layer(("f", b"2"))], wrong)
            await fails(InvalidArgument, "wrong diff id", api.pull(client, name))
            image = (await client.services.images.get(GetImageRequest(name=name))).image
            assert image is not None and image.target == first.target
            assert await left(client) == NOTHING

    with_client(mesh, work, "kept")


def test_an_index_that_lists_no_image_is_an_error_and_no_wait_without_end(mesh: Mesh) -> None:
    """What is no manifest was taken for a layer, and the unpacking waited for its documents for ever."""

    async def work(client: Client) -> None:
        async with serving() as server:
            odd = server.keep(b"{}", "application/vnd.example+json")
            platform = {"os": "linux", "architecture": "amd64"}
            server.tag("a/b:1", {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**odd, "platform": platform}]})
            await fails(NotFound, "no manifest for linux/amd64", api.pull(client, f"{server.netloc}/a/b:1"))
            assert await left(client) == NOTHING

    with_client(mesh, work, "odd")


def test_a_layer_listed_twice_is_fetched_once(mesh: Mesh) -> None:
    """The same bytes, once over the wire and twice in the chain."""

    async def work(client: Client) -> None:
        async with serving() as server:
            one, two = layer(("f", os.urandom(100))), layer(("g", os.urandom(100)))
            server.image("a/b:1", [one, two, one])
            await api.pull(client, f"{server.netloc}/a/b:1")
            assert len([seen for seen in server.seen if seen.path.endswith(sha256(one))]) == 1

    with_client(mesh, work, "twice")


def test_a_snapshotter_that_can_t_rebase_after_all_gets_the_layers_one_after_the_other(
    short_path: Path, image_archive: Path
) -> None:
    """As the overlay snapshotter in a user namespace: what it is said to be able to is found out by trying."""
    program = ARGOSY.with_name("argosy-snapshotter-native")
    command = [str(program), "--root", str(short_path / "n"), "--address", str(short_path / "n.sock")]
    config = short_path / "mesh.toml"
    config.write_text(
        f'[proxy_plugins.claims]\ntype = "snapshot"\naddress = "{short_path}/n.sock"\ncapabilities = ["rebase"]\n'
        "[services.content]\nkind = 'content'\n[services.diff]\nkind = 'diff'\n"
    )
    mesh = Mesh(short_path, extra=("--config", str(config)))

    async def work(client: Client) -> None:
        async with serving() as server:
            server.image("a/b:1", [layer(("f", b"below"), ("g", b"stays")), layer((".wh.f", b"")), layer(("h", b"top"))])
            await api.pull(client, f"{server.netloc}/a/b:1", snapshotter="claims")
            assert await left(client, "claims") == NOTHING
            listed = [
                s async for r in client.services.snapshots.list(ListSnapshotsRequest(snapshotter="claims")) for s in r.info
            ]
            top = ({s.name for s in listed} - {s.parent for s in listed}).pop()
            made = await client.services.snapshots.view(ViewSnapshotRequest(snapshotter="claims", key="look", parent=top))
            assert sorted(os.listdir(made.mounts[0].source)) == ["g", "h"]

    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as plugin:
        try:
            mesh.start()
            with_client(mesh, work, "claims")
        finally:
            mesh.destroy()
            plugin.terminate()
