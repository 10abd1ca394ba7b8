"""Pushing an image: every blob that its registry lacks, then its documents, each after what it names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import anyio
from argosy_protos.containerd.services.content import v1 as content

from argosy.client.connection import Client
from argosy.client.content import read_blob
from argosy.client.images.documents import from_wire, kind
from argosy.client.images.names import find_image, get_image
from argosy.client.jobs import together
from argosy.client.progress import Progress, Watch, nobody
from argosy.client.registry import Credentials, Registry
from argosy.errors import FailedPrecondition, NotFound
from argosy.oci.image import MAX_MANIFEST_BYTES, Descriptor, Index, parse_document
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
) -> None:
    """Push an image to the registry its name says; source is another local image to push under that name, in any form of its name.

    Raises NotFound, InvalidArgument, and what the registry refuses with.
    """
    reference = Reference.parse(name)
    services = client.services
    image = await find_image(services, source) if source else await get_image(services, str(reference))
    if image.target is None:
        raise FailedPrecondition(f'image "{image.name}" names no content; pull or import it again')
    target = from_wire(image.target)
    async with Registry(reference, plain=plain, credentials=credentials) as registry:
        limit = anyio.Semaphore(_PARALLEL_UPLOADS)

        async def blob(d: Descriptor) -> None:
            ref = f"{kind(d)}-{d.digest}"
            async with limit:
                if await registry.has("blobs", d.digest):
                    watch(Progress(ref, "exists", d.size, d.size))
                    return

                async def body() -> AsyncIterator[bytes]:
                    sent = 0
                    async for part in services.content.read(content.ReadContentRequest(digest=d.digest)):
                        sent += len(part.data)
                        watch(Progress(ref, "uploading", sent, d.size))
                        yield part.data

                await registry.push_blob(d.digest, d.size, body)
                watch(Progress(ref, "done", d.size, d.size))

        async def tree(d: Descriptor, name: str) -> None:
            data = await read_blob(services.content, d.digest, MAX_MANIFEST_BYTES)
            document = parse_document(data, d.media_type)
            if isinstance(document, Index):
                for child in document.manifests:
                    try:
                        await tree(child, child.digest)
                    except NotFound:
                        continue  # a platform that was never fetched
            else:
                async with together() as group:
                    for child in {c.digest: c for c in (document.config, *document.layers)}.values():
                        group.start_soon(blob, child)
            await registry.push_manifest(d.media_type, data, name)
            watch(Progress(f"{kind(d)}-{d.digest}", "done", d.size, d.size))

        await tree(target, reference.tag or reference.digest)
