"""What an image's documents say, read from the content store; descriptors there and on the wire."""

from __future__ import annotations

from argosy_protos.containerd.types import Descriptor as WireDescriptor

from argosy.client.content import read_blob
from argosy.client.services import Services
from argosy.digest import Digest
from argosy.errors import InvalidArgument
from argosy.oci.image import (
    MAX_CONFIG_BYTES,
    MAX_MANIFEST_BYTES,
    Descriptor,
    Index,
    Platform,
    Resolved,
    parse_config,
    parse_document,
)
from argosy.oci.platforms import Read, choose


def to_wire(d: Descriptor) -> WireDescriptor:
    return WireDescriptor(media_type=d.media_type, digest=d.digest, size=d.size, annotations=d.annotations)


def from_wire(d: WireDescriptor) -> Descriptor:
    return Descriptor(media_type=d.media_type, digest=d.digest, size=d.size, annotations=dict(d.annotations))


def reader(services: Services) -> Read:
    """Return what reads documents from content."""

    async def read(d: Descriptor) -> bytes:
        return await read_blob(services.content, d.digest, MAX_MANIFEST_BYTES)

    return read


async def resolve(services: Services, target: Descriptor, platform: Platform | None = None) -> Resolved:
    """Return manifest and config of an image for a platform, from content. Raises NotFound, InvalidArgument."""
    wanted = platform or Platform.of_host()
    data = await read_blob(services.content, target.digest, MAX_MANIFEST_BYTES)
    document = parse_document(data, target.media_type)
    if isinstance(document, Index):
        return await resolve(services, await choose(document, wanted, reader(services)), wanted)
    config = parse_config(await read_blob(services.content, document.config.digest, MAX_CONFIG_BYTES))
    return Resolved(target, document, config)


def layers_of(image: Resolved) -> list[str]:
    """Return the diff ids of an image's layers. Raises InvalidArgument when they are none, or not those of its manifest.

    A snapshot of nothing is refused here, and not made: what a VM's runtime makes of one is anybody's guess (CVE-2026-24054).
    """
    diff_ids, layers = image.config.rootfs.diff_ids, image.manifest.layers
    if len(diff_ids) != len(layers):
        raise InvalidArgument(f"the image has {len(layers)} layers and {len(diff_ids)} diff ids")
    if not layers:
        raise InvalidArgument("the image has no layers: there is nothing to run in it")
    return diff_ids


def blob_path(digest: str) -> str:
    """Return where an OCI image layout keeps a blob. Raises InvalidArgument."""
    parsed = Digest.parse(digest)
    return f"blobs/{parsed.algorithm}/{parsed.hex}"
