"""argosy.client against a mesh and a real registry: pull, push, resume, mirrors, replaced services."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import random
import signal
import subprocess
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from argosy.client import Client, Container, Progress, Registries, Stdio
from argosy.client import images as api
from argosy.client.content import Ingest, PlacedIngest, open_ingest, place, read_blob
from argosy.client.credentials import Credentials
from argosy.client.hosts import hosts_for
from argosy.client.images import pulling
from argosy.client.images.pulling import Puller
from argosy.client.registry import Registry
from argosy.client.services import present
from argosy.digest import Digest
from argosy.errors import (
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from argosy.mounts import DETACHED
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference
from argosy.oci.spec import Options
from argosy.testkit.image import oci_archive
from argosy_protos.argosy.content.v1 import PlaceRequest, PlaceResponse
from argosy_protos.containerd.services.content.v1 import ListStatusesRequest
from argosy_protos.containerd.services.diff.v1 import ApplyRequest
from argosy_protos.containerd.services.images.v1 import DeleteImageRequest, GetImageRequest
from argosy_protos.containerd.services.leases.v1 import ListRequest
from argosy_protos.containerd.services.snapshots.v1 import ListSnapshotsRequest

from tests.harness.erofs import SNAPSHOTTERS
from tests.harness.mesh import IMAGE, Mesh, comm

pytestmark = pytest.mark.root


def with_client(mesh: Mesh, work: Callable[[Client], Awaitable[None]], namespace: str = "client") -> None:
    async def main() -> None:
        async with Client(mesh.address, namespace) as client:
            await asyncio.wait_for(work(client), 60)

    asyncio.run(main())


async def target_of(client: Client, name: str) -> Descriptor:
    image = (await client.services.images.get(GetImageRequest(name=name))).image
    assert image is not None and image.target is not None
    return api.from_wire(image.target)


def test_push_and_pull_and_run(mesh: Mesh, registry: str, image_archive: Path) -> None:
    name = f"{registry}/lib/box:1"

    async def work(client: Client) -> None:
        assert await api.import_archive(client, image_archive) == [IMAGE]
        original = await target_of(client, IMAGE)
        await api.push(client, name, source=IMAGE)
        await client.services.images.delete(DeleteImageRequest(name=IMAGE, sync=True))
        with pytest.raises(NotFound):
            await read_blob(client.services.content, original.digest)
        seen: list[Progress] = []
        image = await api.pull(client, name, watch=seen.append)
        assert image.target is not None and image.target.digest == original.digest
        assert {"waiting", "unpacking", "done"} <= {s.status for s in seen}
        by_digest = await api.pull(client, f"{registry}/lib/box@{original.digest}")
        assert by_digest.target is not None and by_digest.target.digest == original.digest
        with pytest.raises(NotFound):
            await api.pull(client, f"{registry}/lib/none:1")
        assert (await client.services.leases.list(ListRequest())).leases == []
        container = await Container.create(client, "c1", name, Options(args=["sh", "-c", "exit 9"]))
        task = await container.new_task(Stdio())
        waiting = asyncio.ensure_future(task.wait())
        await task.start()
        assert await waiting == 9 and await task.delete() == 9
        await container.delete()

    with_client(mesh, work)


@asynccontextmanager
async def fake_registry(routes: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", routes)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr] # aiohttp says the port nowhere else
        yield f"127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def test_a_broken_download_goes_on_where_it_broke_and_a_wrong_blob_is_refused(mesh: Mesh) -> None:
    import hashlib

    data = os.urandom(3 << 20)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    ranges: list[str] = []

    async def routes(request: web.Request) -> web.StreamResponse:
        ranges.append(request.headers.get("Range", ""))
        start = int(ranges[-1].removeprefix("bytes=").rstrip("-") or 0)
        body = data if digest in request.path else b"?" * len(data)
        response = web.StreamResponse(status=206 if start else 200, headers={"Content-Length": str(len(data) - start)})
        await response.prepare(request)
        await response.write(body[start : start + (1 << 20)])
        if len(ranges) < 3 and digest in request.path:
            request.transport.close()  # type: ignore[union-attr] # the line is cut
            return response
        await response.write(body[start + (1 << 20) :])
        return response

    async def work(client: Client) -> None:
        async with fake_registry(routes) as host, client.lease() as services:
            async with Registries() as registries:
                puller = Puller(services, registries, Reference.parse(f"{host}/x:1"), None, lambda _: None)
                layer = Descriptor(media_type="application/vnd.oci.image.layer.v1.tar", digest=digest, size=len(data))
                # What an earlier pull left is not fetched again.
                ingest = await open_ingest(services.content, f"layer-{digest}", len(data), digest)
                await ingest.write(data[:1000])
                ingest.close()
                await asyncio.sleep(0.1)
                await puller.blob(layer)
                assert ranges[0] == "bytes=1000-" and len(ranges) == 3
                assert await read_blob(services.content, digest) == data
                wrong = Descriptor(media_type=layer.media_type, digest="sha256:" + "0" * 64, size=len(data))
                with pytest.raises(DataLoss, match="the registry sent other bytes"):
                    await puller.blob(wrong)
                left = (await services.content.list_statuses(ListStatusesRequest())).statuses
                assert left == []

    with_client(mesh, work, "broken")


def test_a_blob_is_written_where_it_will_stay_unless_the_store_has_no_such_place(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[PlacedIngest | None] = []

    async def placed(ingests: Any, ingest: Ingest) -> PlacedIngest | None:
        files.append(await place(ingests, ingest))
        return files[-1]

    monkeypatch.setattr(pulling, "place", placed)

    async def fetched(client: Client, size: int, **other: Any) -> bool:
        """Fetch a blob of that size; return whether it went straight into its file."""
        data = os.urandom(size)
        digest = str(Digest.of(data))

        async def routes(request: web.Request) -> web.StreamResponse:
            return web.Response(body=data)

        files.clear()
        async with fake_registry(routes) as host, client.lease() as leased:
            services = leased.replaced(**other)
            async with Registries() as registries:
                puller = Puller(services, registries, Reference.parse(f"{host}/x:1"), None, lambda _: None)
                await puller.blob(Descriptor(media_type="application/x", digest=digest, size=size))
            assert await read_blob(services.content, digest) == data
        return files != [] and files[-1] is not None

    async def work(client: Client) -> None:
        assert await fetched(client, 20 << 20)
        assert not await fetched(client, 1000)

        class Nowhere:
            async def place(self, request: PlaceRequest) -> PlaceResponse:
                return PlaceResponse(path="/nowhere/data", device=1, inode=1)

        class Elsewhere:
            """A store on another machine, where there is a file of that name here."""

            async def place(self, request: PlaceRequest) -> PlaceResponse:
                return PlaceResponse(path=__file__, device=1, inode=1)

        class Old:
            async def place(self, request: PlaceRequest) -> PlaceResponse:
                raise Unimplemented("unknown service argosy.content.v1.Ingests")

        for ingests in (Nowhere(), Elsewhere(), Old(), None):
            assert not await fetched(client, 2 << 20, ingests=ingests)

    with_client(mesh, work)


def test_an_ingest_of_another_namespace_or_of_nobody_has_no_place(mesh: Mesh) -> None:
    async def work(client: Client) -> None:
        ingest = await open_ingest(client.services.content, "mine", 5, "")
        assert await present(client.services.ingests, "a place").place(PlaceRequest(ref="mine"))
        async with Client(mesh.address, "stranger") as other:
            with pytest.raises(NotFound, match='ingest "mine" is not open in namespace "stranger"'):
                await present(other.services.ingests, "a place").place(PlaceRequest(ref="mine"))
        ingest.close()

        async def closed() -> bool:
            try:
                await present(client.services.ingests, "a place").place(PlaceRequest(ref="mine"))
            except NotFound:
                return True
            return False

        while not await closed():
            await asyncio.sleep(0.02)

    with_client(mesh, work)


def test_a_gateway_that_dies_while_a_blob_is_written_leaves_what_was_there(mesh: Mesh) -> None:
    data = os.urandom(24 << 20)
    digest = str(Digest.of(data))
    ranges: list[str] = []
    killed = asyncio.Event()

    async def routes(request: web.Request) -> web.StreamResponse:
        ranges.append(request.headers.get("Range", ""))
        start = int(ranges[-1].removeprefix("bytes=").rstrip("-") or 0)
        response = web.StreamResponse(status=206 if start else 200, headers={"Content-Length": str(len(data) - start)})
        await response.prepare(request)
        half = max(start, len(data) // 2)
        await response.write(data[start:half])
        if not killed.is_set():
            await asyncio.sleep(0.3)
            os.kill(mesh.services()[comm("gateway")], signal.SIGKILL)
            killed.set()
        await response.write(data[half:])
        return response

    async def answers(client: Client) -> bool:
        try:
            await client.default_snapshotter()
        except Unavailable:
            return False
        return True

    async def work(client: Client) -> None:
        async with fake_registry(routes) as host:
            layer = Descriptor(media_type="application/x", digest=digest, size=len(data))
            reference = Reference.parse(f"{host}/x:1")
            async with Registries() as registries:
                with pytest.raises(Unavailable):
                    await Puller(client.services, registries, reference, None, lambda _: None).blob(layer)
                async with Client(mesh.address, client.namespace) as again:
                    while not await answers(again):
                        await asyncio.sleep(0.05)
                    async with again.lease() as services:
                        await Puller(services, registries, reference, None, lambda _: None).blob(layer)
                        assert await read_blob(services.content, digest) == data
        # What came in meanwhile went into the file, gateway or not.
        assert all(int(r.removeprefix("bytes=").rstrip("-")) >= len(data) // 2 for r in ranges[1:]) and len(ranges) <= 2

    with_client(mesh, work)


def test_tokens_are_fetched_and_credentials_stay_with_their_host() -> None:
    """CVE-2020-15157: what is elsewhere gets no Authorization."""
    seen: list[tuple[str, str]] = []

    async def main() -> None:
        async def elsewhere(request: web.Request) -> web.StreamResponse:
            seen.append(("elsewhere", request.headers.get("Authorization", "")))
            return web.Response(body=b"foreign")

        async with fake_registry(elsewhere) as other:

            async def routes(request: web.Request) -> web.StreamResponse:
                authorization = request.headers.get("Authorization", "")
                seen.append((request.path, authorization))
                if request.path == "/token":
                    assert request.query["scope"] == "repository:lib/box:pull" and request.query["service"] == "here"
                    return web.json_response(
                        {"token": "T"} if authorization.startswith("Basic ") else {}, status=200 if authorization else 401
                    )
                if authorization != "Bearer T":
                    realm = f'Bearer realm="http://{request.host}/token",service="here",scope="repository:lib/box:pull"'
                    return web.Response(status=401, headers={"WWW-Authenticate": realm})
                return web.Response(status=307, headers={"Location": f"http://{other}/blob"})

            async with fake_registry(routes) as host:
                reference = Reference.parse(f"{host}/lib/box:1")
                descriptor = Descriptor(media_type="x/layer", digest="sha256:" + "1" * 64, size=7)
                async with Registry(reference, credentials=Credentials("me", "secret")) as registry:
                    assert b"".join([c async for c in registry.fetch(descriptor)]) == b"foreign"
                assert ("elsewhere", "") in seen and not any(a for p, a in seen if p == "elsewhere")
                foreign = Descriptor(
                    media_type="x/layer", digest="sha256:" + "2" * 64, size=7, urls=[f"http://{other}/foreign"]
                )
                seen.clear()
                async with Registry(reference, credentials=Credentials("me", "secret"), hosts=[]) as registry:
                    assert b"".join([c async for c in registry.fetch(foreign)]) == b"foreign"
                assert seen == [("elsewhere", "")]
                async with Registry(reference) as registry:
                    with pytest.raises(Unauthenticated, match="token service"):
                        await registry.resolve()

    asyncio.run(main())


def test_mirrors_come_from_hosts_toml(tmp_path: Path) -> None:
    folder = tmp_path / "example.com:5000"
    folder.mkdir()
    (folder / "hosts.toml").write_text(
        'server = "https://example.com:5000"\n[host."http://mirror:80"]\ncapabilities = ["pull", "resolve"]\nheader = {X-A = "b"}\n'
    )
    hosts = hosts_for("example.com:5000", config=tmp_path)
    assert [h.base for h in hosts] == ["http://mirror:80/v2", "https://example.com:5000/v2"]
    assert hosts[0].headers == [("X-A", "b")] and "push" not in hosts[0].capabilities
    assert [h.base for h in hosts_for("docker.io")] == ["https://registry-1.docker.io/v2"]
    assert [h.base for h in hosts_for("localhost:5000")] == ["http://localhost:5000/v2"]


def test_any_service_may_be_something_else(mesh: Mesh) -> None:
    """A local object in the place of a stub: the same code then needs no daemon for it."""

    class NoDiff:
        async def apply(self, request: object, **_: object) -> object:
            raise FailedPrecondition("no layers today")

    async def work(client: Client) -> None:
        client.replace(diff=NoDiff())
        target = await target_of(client, IMAGE)
        with pytest.raises(FailedPrecondition, match="no layers today"):
            await api.unpack(client.services, target, "native")

    mesh.ctr("snapshots", "--snapshotter", "native", "ls").ok()
    with_client(mesh, work, "default")


def _layer(*entries: tuple[str, bytes, bytes, str]) -> bytes:
    """A tar of (name, type, data, link)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, data, link in entries:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname, info.mode, info.mtime = kind, len(data), link, 0o751, 1_600_000_000
            info.uid = 7 if name == "below" else 0
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


NOISE = random.Random(1).randbytes(2 << 20)
F, D, L = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE
STACK = [
    _layer(*((n, D, b"", "") for n in ("below", "gone", "opaque")), *((n, F, n.encode(), "") for n in ("gone/a", "opaque/a", "below/a", "hard"))),
    # By itself: whiteouts stay, an opaque directory hides what is below.
    _layer((".wh.gone", F, b"", ""), ("opaque", D, b"", ""), ("opaque/.wh..wh..opq", F, b"", ""), ("opaque/b", F, b"b", "")),
    # Not by itself: the directory's owner and the file's bytes are in the layers below.
    _layer(("below/c", F, NOISE, ""), ("link", L, b"", "hard")),
    _layer(("opaque", D, b"", ""), ("opaque/d", F, NOISE[::-1], "")),
]  # fmt: skip


@pytest.mark.parametrize("snapshotter", SNAPSHOTTERS)
def test_layers_unpacked_side_by_side_are_what_ctr_makes_one_after_the_other(
    mesh: Mesh, tmp_path: Path, snapshotter: str
) -> None:
    name = "docker.io/library/stack:1"
    archive = tmp_path / "stack.tar"
    oci_archive(archive, name, STACK)
    mesh.ctr("images", "import", "--snapshotter", snapshotter, str(archive), namespace=f"one-{snapshotter}").ok()
    mesh.ctr("images", "import", "--no-unpack", str(archive), namespace=f"many-{snapshotter}").ok()
    asked: list[bool] = []

    async def work(client: Client) -> None:
        real = client.services.diff

        class Watched:
            async def apply(self, request: ApplyRequest) -> object:
                asked.append(any(DETACHED in m.options for m in request.mounts))
                return await real.apply(request)

        target = await target_of(client, name)
        async with client.lease() as services:
            await api.unpack(services.replaced(diff=Watched()), target, snapshotter)

    with_client(mesh, work, f"many-{snapshotter}")
    # The third layer was tried by itself and then on the others.
    assert sorted(asked) == ([False, False, True, True, True] if snapshotter != "native" else [False] * 4)
    trees = []
    for namespace in (f"one-{snapshotter}", f"many-{snapshotter}"):
        mounted = tmp_path / namespace
        mounted.mkdir()
        mesh.ctr("images", "mount", "--snapshotter", snapshotter, name, str(mounted), namespace=namespace).ok()
        trees.append({str(p.relative_to(mounted)): _seen(p) for p in sorted(mounted.rglob("*"))})
        mesh.ctr("images", "unmount", "--rm", "--snapshotter", snapshotter, str(mounted), namespace=namespace).ok()
        mesh.ctr("images", "rm", "--sync", name, namespace=namespace).ok()
    assert trees[0] == trees[1]
    assert set(trees[0]) == {"below", "below/a", "below/c", "hard", "link", "opaque", "opaque/b", "opaque/d"}
    assert trees[0]["below"][1] == 7


def _seen(path: Path) -> tuple[object, ...]:
    info = path.lstat()
    kept = () if path.is_dir() else (info.st_nlink, int(info.st_mtime), path.read_bytes())
    return (oct(info.st_mode), info.st_uid, *kept)


def test_a_wrong_layer_among_many_leaves_no_snapshot(mesh: Mesh, tmp_path: Path) -> None:
    name = "docker.io/library/wrong:1"
    archive = tmp_path / "wrong.tar"
    oci_archive(archive, name, STACK)
    mesh.ctr("images", "import", "--no-unpack", str(archive), namespace="wrong").ok()

    async def work(client: Client) -> None:
        real = client.services.diff

        class Wrong:
            async def apply(self, request: ApplyRequest) -> object:
                reply = await real.apply(request)
                assert reply.applied is not None
                if len(request.mounts[0].options) == 2 and reply.applied.size > 1 << 20:
                    reply.applied.digest = f"sha256:{'0' * 64}"
                return reply

        target = await target_of(client, name)
        async with client.lease() as services:
            with pytest.raises(InvalidArgument, match="wrong diff id"):
                await api.unpack(services.replaced(diff=Wrong()), target, "overlayfs")
        found = [
            i.name
            async for r in client.services.snapshots.list(ListSnapshotsRequest(snapshotter="overlayfs"))
            for i in r.info
        ]
        assert not [n for n in found if n.startswith("extract-")]

    with_client(mesh, work, "wrong")


def test_a_worker_that_dies_fails_its_layer_and_nothing_else(mesh: Mesh, tmp_path: Path) -> None:
    name = "docker.io/library/dies:1"
    archive = tmp_path / "dies.tar"
    oci_archive(archive, name, [_layer(("big", F, os.urandom(48 << 20), ""))])
    mesh.ctr("images", "import", "--no-unpack", str(archive), namespace="dies").ok()

    def workers() -> list[int]:
        out = subprocess.run(["pgrep", "-x", "argosy-diff-wor"], capture_output=True, text=True).stdout
        found = []
        for pid in out.split():
            with contextlib.suppress(OSError):  # another mesh's that ends as we look, or one of ours
                if str(mesh.base) in Path(f"/proc/{pid}/cmdline").read_text():
                    found.append(int(pid))
        return found

    async def work(client: Client) -> None:
        target = await target_of(client, name)
        for pid in workers():
            os.kill(pid, signal.SIGKILL)
        while workers():
            await asyncio.sleep(0.01)  # one that was killed may be seen for a moment
        async with client.lease() as services:
            job = asyncio.ensure_future(api.unpack(services, target, "overlayfs"))
            while not (busy := workers()):
                await asyncio.sleep(0.002)
            os.kill(busy[0], signal.SIGKILL)
            with pytest.raises(Unavailable, match="the worker of this layer (died|is gone)"):
                await job
            await api.unpack(services, target, "overlayfs")

    with_client(mesh, work, "dies")
