"""argosy.client against a mesh and a real registry: pull, push, resume, mirrors, replaced services."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from argosy.client import Client, Container, Progress, Stdio
from argosy.client import images as api
from argosy.client.content import open_ingest, read_blob
from argosy.client.registry import Credentials, Registry, hosts_for
from argosy.errors import DataLoss, FailedPrecondition, NotFound, Unauthenticated
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference
from argosy.oci.spec import Options
from argosy_protos.containerd.services.content.v1 import ListStatusesRequest
from argosy_protos.containerd.services.images.v1 import DeleteImageRequest, GetImageRequest
from argosy_protos.containerd.services.leases.v1 import ListRequest

from tests.harness.mesh import IMAGE, Mesh

pytestmark = pytest.mark.root


def with_client(mesh: Mesh, work: Callable[[Client], Awaitable[None]], namespace: str = "client") -> None:
    async def main() -> None:
        async with Client(mesh.address, namespace) as client:
            await asyncio.wait_for(work(client), 60)

    asyncio.run(main())


async def target_of(client: Client, name: str) -> Descriptor:
    image = (await client.services.images.get(GetImageRequest(name=name))).image
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
            async with Registry(Reference.parse(f"{host}/x:1")) as registry:
                puller = api._Puller(services, registry, None, lambda _: None)
                layer = Descriptor(mediaType="application/vnd.oci.image.layer.v1.tar", digest=digest, size=len(data))
                # What an earlier pull left is not fetched again.
                ingest = await open_ingest(services.content, f"layer-{digest}", len(data), digest)
                await ingest.write(data[:1000])
                ingest.close()
                await asyncio.sleep(0.1)
                await puller.blob(layer)
                assert ranges[0] == "bytes=1000-" and len(ranges) == 3
                assert await read_blob(services.content, digest) == data
                wrong = Descriptor(mediaType=layer.media_type, digest="sha256:" + "0" * 64, size=len(data))
                with pytest.raises(DataLoss, match="the registry sent other bytes"):
                    await puller.blob(wrong)
                left = (await services.content.list_statuses(ListStatusesRequest())).statuses
                assert left == []

    with_client(mesh, work, "broken")


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
                descriptor = Descriptor(mediaType="x/layer", digest="sha256:" + "1" * 64, size=7)
                async with Registry(reference, credentials=Credentials("me", "secret")) as registry:
                    assert b"".join([c async for c in registry.fetch(descriptor)]) == b"foreign"
                assert ("elsewhere", "") in seen and not any(a for p, a in seen if p == "elsewhere")
                foreign = Descriptor(
                    mediaType="x/layer", digest="sha256:" + "2" * 64, size=7, urls=[f"http://{other}/foreign"]
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
    assert hosts[0].headers == {"X-A": "b"} and "push" not in hosts[0].capabilities
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
