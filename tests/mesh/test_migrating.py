"""Images that move to another snapshotter: from content, from the registry, from the old one; begun anew, and looked at."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argosy.client import Client
from argosy.client import images as api
from argosy.client.images import migrating
from argosy.errors import NotFound, Unavailable
from argosy.kernel.mount import temporary_mount
from argosy.labels import COPIED_FROM
from argosy.mounts import Mount
from argosy_protos.containerd.services.content.v1 import DeleteContentRequest
from argosy_protos.containerd.services.images.v1 import DeleteImageRequest
from argosy_protos.containerd.services.snapshots import v1 as p

from tests.harness.mesh import IMAGE, Mesh
from tests.harness.tars import layer
from tests.harness.web import Server, serving, sha256

pytestmark = pytest.mark.root
LAYERS = [layer(("one", b"1"), ("gone", b"x")), layer(("two", b"2"), (".wh.gone", b"")), layer(("three", b"3"))]
OLD, NEW = "overlayfs", "native"


@pytest.fixture(scope="module")
def mesh() -> Iterator[Mesh]:
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    running = Mesh(base)
    running.start()
    try:
        yield running
    finally:
        running.destroy()


async def snapshots(client: Client, name: str) -> dict[str, p.Info]:
    request = p.ListSnapshotsRequest(snapshotter=name)
    return {info.name: info async for reply in client.services.snapshots.list(request) for info in reply.info}


async def files(client: Client, name: str, snapshotter: str) -> list[str]:
    """The files of a new view of an image."""
    found = await api.ready(client.services, name, [snapshotter])
    assert found.is_on(snapshotter)
    held = await snapshots(client, snapshotter)
    parents = {info.parent for info in held.values()}
    top = next(key for key, info in held.items() if info.kind is p.Kind.COMMITTED and key not in parents)
    request = p.ViewSnapshotRequest(snapshotter=snapshotter, key="look", parent=top)
    mounts = (await client.services.snapshots.view(request)).mounts

    def listed() -> list[str]:
        with temporary_mount([Mount.from_wire(m) for m in mounts]) as mounted:
            return sorted(path.name for path in Path(mounted).iterdir())

    try:
        return await asyncio.to_thread(listed)
    finally:
        await client.services.snapshots.remove(p.RemoveSnapshotRequest(snapshotter=snapshotter, key="look"))


def with_an_image(mesh: Mesh, namespace: str, work: Callable[[Client, Server, str], Awaitable[None]]) -> None:
    """Do work with an image that is on the old snapshotter; it is taken away again."""

    async def main() -> None:
        async with serving() as server, Client(mesh.address, namespace) as client:
            server.image("a/b:1", LAYERS)
            name = f"{server.netloc}/a/b:1"
            await api.pull(client, name, plain=True, snapshotter=OLD)
            try:
                await work(client, server, name)
            finally:
                await client.services.images.delete(DeleteImageRequest(name=name, sync=True))
            assert not await snapshots(client, OLD) and not await snapshots(client, NEW)

    asyncio.run(asyncio.wait_for(main(), 100))


async def migrated(client: Client, *names: str, **options: Any) -> list[migrating.Migrated]:
    return [one async for one in api.migrate(client, OLD, NEW, names, plain=True, **options)]


async def without_blobs(client: Client, *which: int) -> None:
    for n in which:
        await client.services.content.delete(DeleteContentRequest(digest=sha256(LAYERS[n])))


def test_it_is_unpacked_again_and_a_second_time_changes_nothing(mesh: Mesh) -> None:
    """From content alone: the registry is not asked."""

    async def work(client: Client, server: Server, name: str) -> None:
        (one,) = await migrated(client)
        assert (one.image, one.state, one.there, one.unpacked, one.copied) == (name, "unpacked", 0, 3, 0)
        assert await files(client, name, NEW) == ["one", "three", "two"]
        before = await snapshots(client, NEW)
        (again,) = await migrated(client)
        assert (again.state, again.there) == ("ready", 3) and await snapshots(client, NEW) == before
        assert len(await snapshots(client, OLD)) == 3

    with_an_image(mesh, "again", work)


def test_what_content_lacks_is_fetched(mesh: Mesh) -> None:
    async def work(client: Client, server: Server, name: str) -> None:
        await without_blobs(client, 0, 2)
        found = await api.ready(client.services, name, [OLD, NEW])
        assert set(found.missing) == {sha256(LAYERS[0]), sha256(LAYERS[2])} and found.is_on(OLD) and not found.is_on(NEW)
        (one,) = await migrated(client)
        assert (one.state, one.unpacked) == ("unpacked", 3)
        assert (await api.ready(client.services, name, [NEW])).missing == []

    with_an_image(mesh, "fetched", work)


class Gone:
    """A registry that is not there any more."""

    async def resolve(self, reference: Any) -> Any:
        raise Unavailable("the registry is gone")

    async def fetch(self, reference: Any, descriptor: Any, offset: int = 0) -> Any:
        if descriptor is not None:
            raise Unavailable("the registry is gone")
        yield b""


def test_what_can_not_be_fetched_is_copied(mesh: Mesh) -> None:
    """From the old snapshotter, whiteouts too; it says so of itself. What neither has fails, and says both."""

    async def work(client: Client, server: Server, name: str) -> None:
        await without_blobs(client, 0, 1)
        (one,) = await migrated(client, resolver=Gone())
        assert (one.state, one.unpacked, one.copied) == ("copied", 1, 2)
        assert await files(client, name, NEW) == ["one", "three", "two"]
        copied = [info for info in (await snapshots(client, NEW)).values() if COPIED_FROM in info.labels]
        assert len(copied) == 2 and {info.labels[COPIED_FROM] for info in copied} == {OLD}
        held = await snapshots(client, OLD)
        assert all(info.kind is p.Kind.COMMITTED for info in held.values()) and len(held) == 3

    with_an_image(mesh, "copied", work)


def test_one_that_neither_has_fails_and_the_rest_goes_on(mesh: Mesh) -> None:
    async def work(client: Client, server: Server, name: str) -> None:
        await without_blobs(client, 2)
        held = await snapshots(client, OLD)
        top = next(key for key in held if key not in {info.parent for info in held.values()})
        await client.services.snapshots.remove(p.RemoveSnapshotRequest(snapshotter=OLD, key=top))
        (one,) = await migrated(client, resolver=Gone())
        assert one.state == "failed" and one.error is not None
        assert "the registry is gone" in one.error.message and f'"{OLD}" does not have its layer' in one.error.message
        found = await api.ready(client.services, name, [NEW])
        assert found.unpacked[0].layers == 2
        assert len(await snapshots(client, NEW)) == 2
        (two,) = await migrated(client)
        assert (two.there, two.unpacked, two.state) == (2, 1, "unpacked")

    with_an_image(mesh, "neither", work)


def test_one_that_is_cut_short_goes_on_where_it_was(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after a layer, with a collection before the next try."""

    async def work(client: Client, server: Server, name: str) -> None:
        done = 0

        put = migrating._Migration._put

        async def dies(*args: Any) -> None:
            nonlocal done
            if done:
                raise asyncio.CancelledError
            await put(*args)
            done += 1

        monkeypatch.setattr(migrating._Migration, "_put", dies)
        cut = asyncio.ensure_future(migrated(client))
        await asyncio.wait([cut])
        assert cut.cancelled()
        monkeypatch.undo()
        await asyncio.to_thread(mesh.argosy, "gc")
        assert len(await snapshots(client, NEW)) == 1
        (one,) = await migrated(client)
        assert (one.there, one.unpacked) == (1, 2)

    with_an_image(mesh, "cut", work)


def test_the_old_one_lets_go_when_it_is_told_to(mesh: Mesh) -> None:
    async def work(client: Client, server: Server, name: str) -> None:
        (one,) = await migrated(client, name, drop=True)
        assert one.unpacked == 3
        await asyncio.to_thread(mesh.argosy, "gc")
        assert not await snapshots(client, OLD) and await files(client, name, NEW) == ["one", "three", "two"]
        with pytest.raises(NotFound):
            await migrated(client, "nobody:1")

    with_an_image(mesh, "drops", work)


def test_by_command_containers_stay_where_they_are(mesh: Mesh, image_archive: Path) -> None:
    """And run on; what is ready where is shown."""
    mesh.argosy("import", str(image_archive)).ok()
    mesh.argosy("run", "-d", "--name", "stays", IMAGE, "sleep", "100").ok()
    try:
        shown = json.loads(mesh.argosy("-o", "json", "image", "check", IMAGE).ok().out)
        assert {row["snapshotter"]: row["ready"] for row in shown} == {"overlayfs": True, "native": False, "erofs": False}
        ran = mesh.argosy("snapshotter", "migrate", OLD, NEW, "--image", IMAGE).ok()
        assert "unpacked" in ran.out and f'1 containers keep their snapshots on "{OLD}": stays' in ran.err
        assert "ready" in mesh.argosy("image", "check", "--snapshotter", NEW).ok().out
        assert mesh.argosy("run", "--rm", "--snapshotter", NEW, IMAGE, "echo", "hello").ok().out == "hello\n"
        assert "running" in mesh.argosy("ps").ok().out
        refused = mesh.argosy("snapshotter", "migrate", OLD, OLD)
        assert refused.code == 2 and "name another snapshotter" in refused.err
        assert mesh.argosy("snapshotter", "migrate", OLD, "nothing", "--image", IMAGE).code == 2
    finally:
        mesh.argosy("rm", "-f", "stays").ok()
        mesh.argosy("rmi", "--sync", IMAGE).ok()
