"""What a job finds and goes on to use stays, though the only one that referred to it goes meanwhile."""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from argosy.client import Client
from argosy.client import images as api
from argosy.client.content import read_blob
from argosy.client.images.migrating import migrate
from argosy.client.images.names import find_image
from argosy.client.services import Services
from argosy.errors import NotFound
from argosy.oci.image import chain_ids
from argosy.testkit.image import busybox_layer, oci_archive
from argosy_protos.containerd.services.images.v1 import DeleteImageRequest
from argosy_protos.containerd.services.leases.v1 import CreateRequest, DeleteRequest
from argosy_protos.containerd.services.snapshots.v1 import StatSnapshotRequest

from tests.harness.mesh import Mesh

pytestmark = pytest.mark.root
FIRST, SECOND = "docker.io/library/first:1", "docker.io/library/second:1"


class After:
    """A service's stub, one of whose methods has its answer only after something else was done, once."""

    def __init__(self, stub: Any, method: str, matters: Callable[[Any], bool], do: Callable[[], Awaitable[None]]) -> None:
        self._stub, self._method, self._matters, self._do = stub, method, matters, do
        self.done = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._stub, name)
        if name != self._method:
            return real

        async def call(request: Any, **how: Any) -> Any:
            answer = await real(request, **how)
            if self._matters(request) and not self.done:
                self.done = True
                await self._do()
            return answer

        return call


def with_lease(mesh: Mesh, namespace: str, work: Callable[[Client, Services], Awaitable[None]]) -> None:
    """work gets a client that has a lease, and services under it; the lease is gone, and what it held collected, when work has ended."""

    async def main() -> None:
        async with Client(mesh.address, namespace) as plain:
            await plain.services.leases.create(CreateRequest(id="job"))
            async with Client(mesh.address, namespace, lease="job") as client, client.lease() as services:
                await asyncio.wait_for(work(client, services), 60)
            await plain.services.leases.delete(DeleteRequest(id="job", sync=True))

    asyncio.run(main())


def archives(tmp_path: Path) -> tuple[Path, Path]:
    """Two images of the same layers."""
    first, second = tmp_path / "first.tar", tmp_path / "second.tar"
    oci_archive(first, FIRST, [busybox_layer()], {"User": "1"})
    oci_archive(second, SECOND, [busybox_layer()], {"User": "2"})
    return first, second


async def layers(services: Services, name: str) -> tuple[list[str], list[str]]:
    """Return an image's layers: their blobs, and the names of their snapshots."""
    image = await find_image(services, name)
    assert image.target is not None
    resolved = await api.resolve(services, api.from_wire(image.target))
    return [one.digest for one in resolved.manifest.layers], chain_ids(api.layers_of(resolved))


def test_an_image_whose_layers_another_had_unpacked_is_unpacked(mesh: Mesh, tmp_path: Path) -> None:
    first, second = archives(tmp_path)
    mesh.argosy("import", str(first), namespace="unpacked").ok()
    mesh.argosy("import", "--no-unpack", str(second), namespace="unpacked").ok()
    names: list[str] = []

    async def work(client: Client, services: Services) -> None:
        _, chain = await layers(services, SECOND)
        names.extend(chain)
        image = await find_image(services, SECOND)
        assert image.target is not None

        async def go() -> None:
            await client.services.images.delete(DeleteImageRequest(name=FIRST, sync=True))

        found = After(services.snapshots, "stat", lambda request: request.key == chain[-1], go)
        await api.unpack(services.replaced(snapshots=found), api.from_wire(image.target), "overlayfs")
        assert found.done

    with_lease(mesh, "unpacked", work)
    assert names[-1] in mesh.ctr("snapshots", "ls", namespace="unpacked").ok().out


def test_an_image_whose_layers_are_on_the_new_snapshotter_by_another_is_there(mesh: Mesh, tmp_path: Path) -> None:
    first, second = archives(tmp_path)
    mesh.argosy("import", "--snapshotter", "native", str(first), namespace="moved").ok()
    mesh.argosy("import", str(second), namespace="moved").ok()

    names: list[str] = []

    async def work(client: Client, services: Services) -> None:
        _, chain = await layers(services, SECOND)
        names.extend(chain)

        async def go() -> None:
            await client.services.images.delete(DeleteImageRequest(name=FIRST, sync=True))

        def matters(request: StatSnapshotRequest) -> bool:
            return (request.snapshotter, request.key) == ("native", chain[-1])

        found = After(services.snapshots, "stat", matters, go)
        client.replace(snapshots=found)
        moved = [one async for one in migrate(client, "overlayfs", "native", [SECOND])]
        assert found.done and [one.state for one in moved] == ["ready"]

    with_lease(mesh, "moved", work)
    assert names[-1] in mesh.ctr("snapshots", "--snapshotter", "native", "ls", namespace="moved").ok().out


def test_a_layer_that_an_archive_lacks_and_another_image_has_stays(mesh: Mesh, tmp_path: Path) -> None:
    first, second = archives(tmp_path)
    mesh.argosy("import", "--no-unpack", str(first), namespace="lacking").ok()

    async def work(client: Client, services: Services) -> None:
        (layer,), _ = await layers(services, FIRST)
        lacking = tmp_path / "lacking.tar"
        with tarfile.open(second) as whole, tarfile.open(lacking, "w") as cut:
            for member in whole:
                if layer.removeprefix("sha256:") not in member.name:
                    cut.addfile(member, whole.extractfile(member))

        async def go() -> None:
            await client.services.images.delete(DeleteImageRequest(name=FIRST, sync=True))

        found = After(services.content, "info", lambda request: request.digest == layer, go)
        _, (target,) = await api.import_images(services.replaced(content=found), lacking)
        assert found.done
        await api.put_image(services, SECOND, api.to_wire(target))
        with pytest.raises(NotFound):
            await find_image(services, FIRST)
        assert await read_blob(services.content, layer)

    with_lease(mesh, "lacking", work)
    mesh.argosy("run", "--rm", SECOND, "true", namespace="lacking").ok()
