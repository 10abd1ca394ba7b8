"""Pushing an image: every blob that its registry lacks, then its documents, each after what it names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

import anyio
from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.images.v1 import Image

from argosy.client.connection import Client
from argosy.client.content import read_blob
from argosy.client.images.documents import from_wire, kind
from argosy.client.images.names import find_image, get_image
from argosy.client.jobs import together
from argosy.client.progress import Progress, Watch, nobody
from argosy.client.registry import Credentials, Registry
from argosy.client.services import Services
from argosy.errors import FailedPrecondition, NotFound
from argosy.labels import DISTRIBUTION_SOURCE
from argosy.oci.image import MAX_MANIFEST_BYTES, Descriptor, Index, Platform, parse_document
from argosy.oci.reference import Reference

_PARALLEL_UPLOADS: Final = 4


async def push(
    client: Client,
    name: str,
    *,
    source: str = "",
    plain: bool = False,
    credentials: Credentials | None = None,
    watch: Watch = nobody,
) -> Descriptor:
    """Push an image to the registry its name says; source is another local image to push under that name, in any form of its name.

    Returns what the name stands for there now. Raises NotFound, InvalidArgument, and what the registry refuses with.
    """
    reference = Reference.parse(name)
    services = client.services
    image = await find_image(services, source) if source else await get_image(services, str(reference))
    async with Registry(reference, plain=plain, credentials=credentials) as registry:
        return await push_image(services, registry, image, watch=watch)


async def push_image(
    services: Services, registry: Registry, image: Image, *, platforms: Sequence[Platform] = (), watch: Watch = nobody
) -> Descriptor:
    """Push an image under the name that a registry was opened for. With platforms, manifests of an index that are for others are left out."""
    if image.target is None:
        raise FailedPrecondition(f'image "{image.name}" names no content; pull or import it again')
    target = from_wire(image.target)
    reference = registry.reference
    limit = anyio.Semaphore(_PARALLEL_UPLOADS)

    async def elsewhere(d: Descriptor) -> str:
        """Return another repository of the registry that a blob came from, "" for none."""
        info = (await services.content.info(content.InfoRequest(digest=d.digest))).info
        said = info.labels.get(f"{DISTRIBUTION_SOURCE}{reference.registry}", "") if info is not None else ""
        return next((one for one in said.split(",") if one and one != reference.repository), "")

    async def blob(d: Descriptor, parent: str) -> None:
        ref, parents = f"{kind(d)}-{d.digest}", (parent,)
        watch(Progress(ref, "waiting", 0, d.size, d, parents))
        async with limit:
            if await registry.has("blobs", d.digest):
                watch(Progress(ref, "exists", d.size, d.size, d, parents))
                return

            async def body() -> AsyncIterator[bytes]:
                sent = 0
                async for part in services.content.read(content.ReadContentRequest(digest=d.digest)):
                    sent += len(part.data)
                    watch(Progress(ref, "uploading", sent, d.size, d))
                    yield part.data

            if await registry.push_blob(d.digest, d.size, body, await elsewhere(d)):
                watch(Progress(ref, "exists", d.size, d.size, d, parents))
                return
            watch(Progress(ref, "done", d.size, d.size, d, parents))

    async def tree(d: Descriptor, name: str, parents: tuple[str, ...] = ()) -> None:
        ref = f"{kind(d)}-{d.digest}"
        data = await read_blob(services.content, d.digest, MAX_MANIFEST_BYTES)
        watch(Progress(ref, "waiting", 0, d.size, d, parents))
        document = parse_document(data, d.media_type)
        if isinstance(document, Index):
            for child in document.manifests:
                if not _is_for(child, platforms):
                    continue
                try:
                    await tree(child, child.digest, (ref,))
                except NotFound:
                    continue  # a platform that was never fetched
        else:
            async with together() as group:
                for child in {c.digest: c for c in (document.config, *document.layers)}.values():
                    group.start_soon(blob, child, ref)
        await registry.push_manifest(d.media_type, data, name)
        watch(Progress(ref, "done", d.size, d.size, d, parents))

    await tree(target, reference.tag or reference.digest)
    return target


def _is_for(manifest: Descriptor, platforms: Sequence[Platform]) -> bool:
    """Return whether a manifest of an index goes along: it is for one of the platforms, or does not say for which it is."""
    said = manifest.platform
    if not platforms or said is None or not said.is_stated:
        return True
    return any(said.distance(one) is not None for one in platforms)
