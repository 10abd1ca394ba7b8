"""An image with other layers: each made anew by somebody, and the documents written that name them.

What is rewritten is OCI's, whatever it was before: docker has no words for most layers. What nobody changes stays as it is, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import anyio
from argosy_protos.containerd.services.images.v1 import Image

from argosy.client.connection import Client
from argosy.client.content import read_blob, write_blob
from argosy.client.images.documents import from_wire, kind, to_wire
from argosy.client.images.names import find_image, put_image
from argosy.client.jobs import together
from argosy.client.services import Services, present
from argosy.digest import Digest
from argosy.encryption.media import oci_type
from argosy.errors import InvalidArgument, NotFound
from argosy.labels import GC_REF_CONTENT
from argosy.oci.image import (
    CONFIG_TYPES,
    MAX_CONFIG_BYTES,
    MAX_DEPTH,
    MAX_MANIFEST_BYTES,
    Descriptor,
    Index,
    Manifest,
    Platform,
    parse_config,
    parse_document,
)
from argosy.oci.reference import Reference

_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class Part:
    """One layer of an image: its number in its manifest, of how many, and the digest of its tar, "" where no config says it."""

    layer: Descriptor
    number: int
    of: int
    diff_id: str

    def is_among(self, chosen: Sequence[int]) -> bool:
        """Return whether it is one of those that were chosen by number, from the end where it is negative; without any, all are."""
        return not chosen or self.number in chosen or self.number - self.of in chosen


Change = Callable[[Services, Part], Awaitable[Descriptor | None]]
"""Makes a layer anew and returns what it is by then; None for one that stays as it is. Called for several at once."""


async def rewrite(client: Client, name: str, new: str, change: Change, platforms: Sequence[Platform] = ()) -> Image:
    """Make an image of another, called new, of which change has made layers anew. Without platforms, for all that are here.

    The image has its name when all of it is there; a failure or cancellation leaves nothing that collection does not take.
    Raises NotFound, InvalidArgument, and what change raises.
    """
    async with client.lease() as services:
        image = await find_image(services, name)
        target = from_wire(present(image.target, f'the target of image "{name}"'))
        changed = await _Rewriting(services, change, platforms).tree(target)
        return await put_image(services, str(Reference.parse(new)), to_wire(changed))


class _Rewriting:
    """One image on its way into another."""

    def __init__(self, services: Services, change: Change, platforms: Sequence[Platform]) -> None:
        self._services, self._change, self._platforms = services, change, platforms
        self._limit = anyio.Semaphore(_AT_ONCE)
        self._found = False

    async def tree(self, target: Descriptor) -> Descriptor:
        """Return what an image is when its layers are changed. Raises NotFound when nothing of it is for the platforms."""
        changed = await self._document(target, 0)
        if not self._found:
            wanted = ", ".join(map(str, self._platforms))
            raise NotFound(f"the image has no manifest here for {wanted}" if wanted else "the image has no manifest here")
        return changed

    async def _document(self, d: Descriptor, depth: int) -> Descriptor:
        if depth > MAX_DEPTH:
            raise InvalidArgument(f"an image with indexes {MAX_DEPTH} deep is refused")
        data = await read_blob(self._services.content, d.digest, MAX_MANIFEST_BYTES)
        document = parse_document(data, d.media_type)
        said = json.loads(data)
        if isinstance(document, Index):
            return await self._index(d, document, said, depth)
        return await self._manifest(d, document, said)

    async def _index(self, d: Descriptor, index: Index, said: dict[str, Any], depth: int) -> Descriptor:
        entries = list(said["manifests"])
        for i, child in enumerate(index.manifests):
            if kind(child) not in ("index", "manifest") or not self._is_wanted(child):
                continue
            try:
                changed = await self._document(child, depth + 1)
            except NotFound:
                if await _is_here(self._services, child):
                    raise
                continue  # a platform that was never fetched
            if changed is not child:
                entries[i] = _replaced(entries[i], changed)
        if entries == said["manifests"]:
            return d
        labels = {f"{GC_REF_CONTENT}.m.{i}": entry["digest"] for i, entry in enumerate(entries)}
        return await self._written({**said, "mediaType": _INDEX, "manifests": entries}, labels)

    def _is_wanted(self, child: Descriptor) -> bool:
        """Return whether a manifest is for one of the platforms, or does not say for which it is."""
        if not self._platforms or child.platform is None or not child.platform.is_stated:
            return True
        return any(child.platform.distance(one) is not None for one in self._platforms)

    async def _manifest(self, d: Descriptor, manifest: Manifest, said: dict[str, Any]) -> Descriptor:
        diff_ids = await self._diff_ids(manifest)
        if diff_ids is None:
            return d  # an artifact, or for another platform
        self._found = True
        layers = manifest.layers
        entries = list(said["layers"])

        async def one(i: int) -> None:
            async with self._limit:
                part = Part(layers[i], i, len(layers), diff_ids[i] if len(diff_ids) == len(layers) else "")
                changed = await self._change(self._services, part)
            if changed is not None:
                entries[i] = _replaced(entries[i], changed)

        async with together() as group:
            for i in range(len(layers)):
                group.start_soon(one, i)
        if entries == said["layers"]:
            return d
        for entry in entries:
            entry["mediaType"] = oci_type(entry["mediaType"])
        config = {**said["config"], "mediaType": _CONFIG}
        labels = {f"{GC_REF_CONTENT}.config": manifest.config.digest}
        labels |= {f"{GC_REF_CONTENT}.l.{i}": entry["digest"] for i, entry in enumerate(entries)}
        return await self._written({**said, "mediaType": _MANIFEST, "config": config, "layers": entries}, labels)

    async def _diff_ids(self, manifest: Manifest) -> list[str] | None:
        """Return the digests of the layers' tars as the config says them; None for what is no image, or for none of the platforms."""
        if manifest.config.media_type and manifest.config.media_type not in CONFIG_TYPES:
            return None
        config = parse_config(await read_blob(self._services.content, manifest.config.digest, MAX_CONFIG_BYTES))
        platform = Platform(os=config.os, architecture=config.architecture, variant=config.variant)
        if self._platforms and all(platform.distance(one) is None for one in self._platforms):
            return None
        return config.rootfs.diff_ids

    async def _written(self, said: dict[str, Any], labels: dict[str, str]) -> Descriptor:
        data = json.dumps(said, separators=(",", ":")).encode()
        if len(data) > MAX_MANIFEST_BYTES:
            raise InvalidArgument(
                f"the image's new document would have {len(data)} bytes; {MAX_MANIFEST_BYTES} are the most"
            )
        digest = str(Digest.of(data))
        await write_blob(self._services.content, f"manifest-{digest}", data, labels)
        return Descriptor(media_type=said["mediaType"], digest=digest, size=len(data))


def _replaced(entry: dict[str, Any], d: Descriptor) -> dict[str, Any]:
    """Return a descriptor in a document as another one: what else is said of it stays, but for where else its bytes could be had."""
    found = {key: value for key, value in entry.items() if key not in ("urls", "data")}
    found |= {"mediaType": d.media_type, "digest": d.digest, "size": d.size}
    if kind(d) == "layer":
        found.pop("annotations", None)
        if d.annotations:
            found["annotations"] = d.annotations
    return found


async def _is_here(services: Services, d: Descriptor) -> bool:
    try:
        await read_blob(services.content, d.digest, MAX_MANIFEST_BYTES)
    except NotFound:
        return False
    return True
