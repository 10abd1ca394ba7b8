"""A snapshotter that comes back with an empty store, a content store that lost blobs: pulling the image again heals, by stock ctr and by us."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argosy.client import Client, Container
from argosy.client import images as api
from argosy.errors import NotFound
from argosy.kernel.mount import temporary_mount
from argosy.mounts import Mount
from argosy.oci.spec import Options
from argosy.plugin.snapshots import SnapshotsServicer, TreeSnapshotter
from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_snapshotter_native.snapshotter import NativeBackend

from tests.harness.gateways import serving as serving_at
from tests.harness.mesh import Mesh, Ran
from tests.harness.tars import layer
from tests.harness.web import Server, serving, sha256

pytestmark = pytest.mark.root
LAYERS = [layer(("one", b"1")), layer(("two", b"2"))]


@pytest.fixture(scope="module")
def mesh() -> Iterator[Mesh]:
    """A mesh with a snapshotter of another make, which a test serves."""
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    config = base / "mesh.toml"
    config.write_text(f'[proxy_plugins.frail]\ntype = "snapshot"\naddress = "{base}/frail.sock"\n')
    running = Mesh(base, extra=("--config", str(config)))
    running.start()
    try:
        yield running
    finally:
        running.destroy()


@asynccontextmanager
async def frail(mesh: Mesh, root: Path) -> AsyncIterator[None]:
    """Serve the snapshotter, on what root has."""
    tree = await TreeSnapshotter.open(root, NativeBackend(), True)
    try:
        async with serving_at(mesh.base / "frail.sock", SnapshotsServicer(tree)):
            yield
    finally:
        await tree.close()


async def ctr(mesh: Mesh, *args: str) -> Ran:
    return await asyncio.to_thread(partial(mesh.ctr, *args, namespace="lost"))


async def looked(client: Client, key: str) -> list[str]:
    """Return the files of a new snapshot on an image's top one."""
    top = [s async for r in client.services.snapshots.list(p.ListSnapshotsRequest(snapshotter="frail")) for s in r.info]
    parent = next(s.name for s in top if s.kind is p.Kind.COMMITTED and s.parent)
    made = await client.services.snapshots.prepare(
        p.PrepareSnapshotRequest(
            snapshotter="frail", key=key, parent=parent, labels={"containerd.io/gc.root": "a container"}
        )
    )

    def files() -> list[str]:
        with temporary_mount([Mount.from_wire(m) for m in made.mounts]) as mounted:
            return sorted(path.name for path in Path(mounted).iterdir())

    return await asyncio.to_thread(files)


@pytest.mark.parametrize("how", ["argosy pull", "ctr pull", "ctr rm and pull"])
def test_an_empty_snapshotter_is_filled_again(mesh: Mesh, how: str, tmp_path: Path) -> None:
    """A container's snapshot from before is told to be lost, and can be removed."""

    async def pull(server: Server, client: Client) -> None:
        name = f"{server.netloc}/a/b:1"
        if how == "argosy pull":
            await api.pull(client, name, plain=True, snapshotter="frail")
        else:
            (await ctr(mesh, "images", "pull", "--plain-http", "--snapshotter", "frail", name)).ok()

    async def main() -> None:
        async with serving() as server, Client(mesh.address, "lost") as client:
            server.image("a/b:1", LAYERS)
            async with frail(mesh, tmp_path / "first"):
                await pull(server, client)
                assert await looked(client, "before") == ["one", "two"]
            async with frail(mesh, tmp_path / "second"):
                request = p.MountsRequest(snapshotter="frail", key="before")
                for _ in range(50):
                    try:
                        await client.services.snapshots.mounts(request)
                    except NotFound as error:
                        assert 'plugin "frail"' in error.message and 'remove "before"' in error.message
                        break
                    except Exception:
                        await asyncio.sleep(0.1)  # it is being connected to again
                else:
                    raise AssertionError("the lost snapshot was not told")
                if how == "ctr rm and pull":
                    await client.services.snapshots.remove(p.RemoveSnapshotRequest(snapshotter="frail", key="before"))
                    (await ctr(mesh, "images", "rm", "--sync", f"{server.netloc}/a/b:1")).ok()
                await pull(server, client)
                assert await looked(client, "after") == ["one", "two"]
                for key in ["after", "before"][: 1 if how == "ctr rm and pull" else 2]:
                    await client.services.snapshots.remove(p.RemoveSnapshotRequest(snapshotter="frail", key=key))
                (await ctr(mesh, "images", "rm", "--sync", f"{server.netloc}/a/b:1")).ok()

    asyncio.run(asyncio.wait_for(main(), 100))


def test_a_container_is_made_on_a_snapshotter_that_was_emptied(
    mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its image is unpacked again, without a pull; also when that happens in the middle of unpacking."""
    times = 0
    prepare = p.SnapshotsStub.prepare

    def before_the_second_layer(do: Callable[[], Awaitable[None]]) -> None:
        """Have something done before the second layer's snapshot is prepared, once."""

        async def prepared(
            self: p.SnapshotsStub, request: p.PrepareSnapshotRequest, **options: Any
        ) -> p.PrepareSnapshotResponse:
            nonlocal times
            if request.parent and request.key.startswith("extract-") and not times:
                times += 1
                await do()
            return await prepare(self, request, **options)

        monkeypatch.setattr(p.SnapshotsStub, "prepare", prepared)

    async def main() -> None:
        async with serving() as server, Client(mesh.address, "lost") as client, AsyncExitStack() as stack:
            server.image("e/f:1", LAYERS)
            name = f"{server.netloc}/e/f:1"

            async def empty(to: str) -> None:
                await stack.aclose()
                await stack.enter_async_context(frail(mesh, tmp_path / to))
                for _ in range(100):
                    try:
                        await client.services.snapshots.stat(p.StatSnapshotRequest(snapshotter="frail", key="none"))
                    except NotFound:
                        return
                    except Exception:
                        await asyncio.sleep(0.05)  # it is being connected to again

            await empty("first")
            await api.pull(client, name, plain=True, snapshotter="frail")
            await empty("second")
            one = await Container.create(client, "one", name, Options(args=["x"]), snapshotter="frail")
            await one.delete()
            await empty("third")
            before_the_second_layer(partial(empty, "fourth"))
            two = await Container.create(client, "two", name, Options(args=["x"]), snapshotter="frail")
            await two.delete()
            assert times == 1
            (await ctr(mesh, "images", "rm", "--sync", name)).ok()

    asyncio.run(asyncio.wait_for(main(), 100))


@pytest.mark.parametrize("how", ["argosy pull", "ctr pull"])
def test_blobs_that_are_lost_are_fetched_again(mesh: Mesh, how: str) -> None:
    """Reading one says what helps, and it does: layer, configuration and manifest."""

    async def main() -> None:
        async with serving() as server, Client(mesh.address, "lost") as client:
            target = server.image("c/d:1", LAYERS)
            name = f"{server.netloc}/c/d:1"

            async def pull() -> None:
                if how == "argosy pull":
                    await api.pull(client, name, plain=True, unpack_image=False)
                else:
                    (await ctr(mesh, "content", "fetch", "--plain-http", name)).ok()

            await pull()
            await asyncio.sleep(1.5)  # what was read last is kept open for a moment
            for digest in [sha256(LAYERS[0]), target["digest"]]:
                next(mesh.root.glob(f"**/blobs/sha256/{digest.partition(':')[2]}")).unlink()
                told = await ctr(mesh, "content", "get", digest)
                assert told.code and "does not have its bytes" in told.err and "pull its image again" in told.err, told.err
            await pull()
            for digest in [sha256(LAYERS[0]), target["digest"]]:
                (await ctr(mesh, "content", "get", digest)).ok()
            (await ctr(mesh, "images", "rm", "--sync", name)).ok()

    asyncio.run(asyncio.wait_for(main(), 100))
