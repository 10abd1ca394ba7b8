"""Images that come from a resolver of the client's own: what it says is checked, and nothing is left of what is refused."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from argosy.client import Client, Registries, Resolver
from argosy.client import images as api
from argosy.client.content import read_blob
from argosy.client.credentials import Credentials
from argosy.errors import DataLoss, InvalidArgument, NotFound
from argosy.labels import DISTRIBUTION_SOURCE
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference
from argosy_protos.containerd.services.content.v1 import InfoRequest, ListStatusesRequest
from argosy_protos.containerd.services.leases.v1 import ListRequest

from tests.harness.mesh import Mesh

pytestmark = pytest.mark.root

NAME = "registry.invalid/box:1"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}


def noise_layer(size: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo("noise")
        entry.size = size
        tar.addfile(entry, io.BytesIO(os.urandom(size)))
    return out.getvalue()


class Memory:
    """An image of one layer that nobody has seen before; change tells what is sent of a blob instead of the bytes it has."""

    def __init__(self, size: int = 3 << 20, change: Callable[[bytes], bytes] = lambda data: data) -> None:
        self.layer = noise_layer(size)
        diff_id = f"sha256:{hashlib.sha256(self.layer).hexdigest()}"
        rootfs = {"type": "layers", "diff_ids": [diff_id]}
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
        described = {"config": descriptor(CONFIG, config), "layers": [descriptor(LAYER, self.layer)]}
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, **described}).encode()
        self.target = Descriptor.of(descriptor(MANIFEST, manifest))
        self.blobs = {str(descriptor("", data)["digest"]): data for data in (manifest, config, self.layer)}
        self.asked: list[tuple[str, int]] = []
        self.closed = 0
        self._change = change

    async def resolve(self, reference: Reference) -> Descriptor:
        if reference.tag == "none":
            raise NotFound(f'image "{reference}"')
        return self.target

    async def fetch(self, reference: Reference, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        self.asked.append((descriptor.digest, offset))
        data = self.blobs[descriptor.digest]
        data = self._change(data) if data == self.layer else data
        try:
            for at in range(offset, len(data), 100_000):
                yield data[at : at + 100_000]
        finally:
            self.closed += 1


def with_client(
    mesh: Mesh, work: Callable[[Client], Awaitable[None]], namespace: str, resolver: Resolver | None = None
) -> None:
    async def main() -> None:
        async with Client(mesh.address, namespace, resolver=resolver) as client:
            await asyncio.wait_for(work(client), 60)
            assert (await client.services.leases.list(ListRequest())).leases == []
            assert (await client.services.content.list_statuses(ListStatusesRequest())).statuses == []

    asyncio.run(main())


@pytest.mark.parametrize("size", [1000, 3 << 20])
def test_a_client_pulls_from_its_resolver_and_a_pull_from_its_own(mesh: Mesh, size: int) -> None:
    first, second = Memory(size), Memory(size)

    async def work(client: Client) -> None:
        image = await api.pull(client, NAME)
        assert image.name == NAME and image.target is not None and image.target.digest == first.target.digest
        info = (await client.services.content.info(InfoRequest(digest=first.target.digest))).info
        # No registry has it, so that none is named as its source; and a second pull leaves the labels as they are.
        assert (
            info is not None and info.labels and not [name for name in info.labels if name.startswith(DISTRIBUTION_SOURCE)]
        )
        await api.pull(client, NAME)
        again = (await client.services.content.info(InfoRequest(digest=first.target.digest))).info
        assert again is not None and again.labels == info.labels
        assert len(first.asked) == first.closed == 3
        image = await api.pull(client, NAME, resolver=second)
        assert image.target is not None and image.target.digest == second.target.digest
        with pytest.raises(NotFound, match='image "registry.invalid/box:none": not found'):
            await api.pull(client, "registry.invalid/box:none")

    with_client(mesh, work, f"resolver-{size}", first)


LIES = {
    "more": lambda data: data + b"x",
    "much more": lambda data: data * 3,
    "less": lambda data: data[:-1],
    "nothing": lambda data: b"",
    "other bytes": lambda data: b"?" * len(data),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("size", [1000, 3 << 20])
def test_bytes_that_are_not_the_descriptors_are_refused(mesh: Mesh, lie: str, size: int) -> None:
    """Below 1 MiB they go through the store's socket, above it into its file."""
    resolver = Memory(size, LIES[lie])

    async def work(client: Client) -> None:
        with pytest.raises(DataLoss, match="the resolver sen"):
            await api.pull(client, NAME)
        with pytest.raises(NotFound):
            await read_blob(client.services.content, str(descriptor("", resolver.layer)["digest"]))

    with_client(mesh, work, "liar", resolver)


def test_a_name_with_a_digest_means_those_bytes(mesh: Mesh) -> None:
    resolver = Memory()

    async def work(client: Client) -> None:
        with pytest.raises(DataLoss, match="the resolver answers with"):
            await api.pull(client, f"registry.invalid/box@sha256:{'0' * 64}")
        await api.pull(client, f"registry.invalid/box@{resolver.target.digest}")

    with_client(mesh, work, "digests", resolver)


def test_a_pull_that_is_cancelled_closes_what_it_fetches(mesh: Mesh) -> None:
    class Hangs(Memory):
        async def fetch(self, reference: Reference, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
            if self.blobs[descriptor.digest] != self.layer:
                async for piece in super().fetch(reference, descriptor, offset):
                    yield piece
                return
            try:
                yield self.layer[:10]
                hanging.set()
                await asyncio.sleep(1000)
            finally:
                ended.set()

    hanging, ended = asyncio.Event(), asyncio.Event()

    async def work(client: Client) -> None:
        pulling = asyncio.create_task(api.pull(client, NAME, resolver=Hangs()))
        await hanging.wait()
        pulling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pulling
        assert ended.is_set()
        assert (await client.services.leases.list(ListRequest())).leases == []

    async def main() -> None:
        async with Client(mesh.address, "hangs") as client:
            await asyncio.wait_for(work(client), 60)

    asyncio.run(main())


def test_secrets_for_a_registry_do_not_vanish_in_another_resolver(mesh: Mesh) -> None:
    async def work(client: Client) -> None:
        with pytest.raises(InvalidArgument, match="plain and credentials are for registries"):
            await api.pull(client, NAME, plain=True)
        with pytest.raises(InvalidArgument, match="plain and credentials are for registries"):
            await api.pull(client, NAME, credentials=Credentials("me", "secret"))

    with_client(mesh, work, "secrets", Memory())


def test_a_resolver_may_ask_registries_for_the_rest(mesh: Mesh, registry: str) -> None:
    mine = Memory()

    class Mirror:
        def __init__(self, rest: Registries) -> None:
            self.rest = rest

        def of(self, reference: Reference) -> Resolver:
            return mine if reference.registry == "registry.invalid" else self.rest

        async def resolve(self, reference: Reference) -> Descriptor:
            return await self.of(reference).resolve(reference)

        def fetch(self, reference: Reference, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
            return self.of(reference).fetch(reference, descriptor, offset)

    async def work(client: Client) -> None:
        async with Registries() as rest:
            await api.pull(client, NAME, resolver=Mirror(rest))
            await api.push(client, f"{registry}/lib/box:1", source=NAME)
            image = await api.pull(client, f"{registry}/lib/box:1", resolver=Mirror(rest))
            assert image.target is not None and image.target.digest == mine.target.digest
        with pytest.raises(InvalidArgument, match="registries are not open"):
            await api.pull(client, f"{registry}/lib/box:1", resolver=rest)

    with_client(mesh, work, "mirror")
