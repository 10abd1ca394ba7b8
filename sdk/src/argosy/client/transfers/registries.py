"""An image of a registry, as a source and as a sink."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Final

from argosy.client.referrers import add_to_fallback, check_subject, referrers
from argosy.client.registry import Registry
from argosy.client.resolvers import Registries
from argosy.client.transfers.copying import BlobSink, copy_image
from argosy.client.transfers.ends import ImageSource, Wish
from argosy.errors import DataLoss, InvalidArgument
from argosy.oci.image import Descriptor, Index, parse_document
from argosy.oci.reference import Reference
from argosy.oci.referrer import Referrer

# Signatures and bills of materials of all that an image consists of; a registry that lists more has something else in mind.
MOST_REFERRERS: Final = 128


class RegistryImage(ImageSource):
    """An image where the registry of its name has it, or a mirror."""

    def __init__(self, registries: Registries, reference: Reference, *, with_referrers: bool = False) -> None:
        """with_referrers: what refers to the image there goes along, and what refers to that."""
        self.registries, self.reference, self.with_referrers = registries, reference, with_referrers
        self._referrers: set[str] = set()
        self.called = f"OCI Registry ({reference})"

    def pulled_as(self, other: Reference) -> None:
        """Come from another name."""
        self.registries.pulled_as(self.reference, other)
        self.reference = other

    async def resolve(self) -> Descriptor:
        return await self.registries.resolve(self.reference)

    def fetch(self, d: Descriptor, offset: int = 0) -> AsyncGenerator[bytes, None]:
        return self.registries.fetch(self.reference, d, offset)

    async def origin(self, d: Descriptor, registry: str, beside: str) -> str:
        mine = self.reference
        return mine.repository if mine.registry == registry and mine.repository != beside else ""

    async def referrers(self, d: Descriptor) -> list[Referrer]:
        """Raises InvalidArgument for a manifest that is listed and refers to another one, and for more than go along at a time."""
        if not self.with_referrers:
            return []
        found = await referrers(await self.registries.of(self.reference), d.digest)
        self._referrers.update(one.descriptor.digest for one in found)
        if len(self._referrers) > MOST_REFERRERS:
            raise InvalidArgument(f"{self.called} has more than {MOST_REFERRERS} referrers: they do not go along")
        for one in found:
            check_subject(parse_document(await self.document(one.descriptor), one.descriptor.media_type), one, d.digest)
        return found


class RegistryName(BlobSink):
    """A name in a registry. A reference with a digest names nothing but that: another image is refused."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        reference = registry.reference
        self.called = f"OCI Registry ({reference})"
        self.registry, self.repository = reference.registry, reference.repository

    async def take_image(self, source: ImageSource, wish: Wish) -> Descriptor:
        target, reference = await source.resolve(), self._registry.reference
        if not reference.tag and reference.digest != target.digest:
            raise DataLoss(f"{reference} is to be pushed, and the image is {target.digest}")
        return await copy_image(source, self, wish, target)

    async def has(self, d: Descriptor) -> bool:
        return await self._registry.has("blobs", d.digest)

    async def put_blob(self, d: Descriptor, body: Callable[[], AsyncIterator[bytes]], origin: str) -> bool:
        return await self._registry.push_blob(d.digest, d.size, body, origin)

    async def put_document(self, d: Descriptor, data: bytes, is_top: bool) -> None:
        registry, reference = self._registry, self._registry.reference
        name = (reference.tag or reference.digest) if is_top else d.digest
        keeps = await registry.push_manifest(d.media_type, data, name)
        document = parse_document(data, d.media_type)
        if not keeps and not isinstance(document, Index) and document.subject is not None:
            kind = document.artifact_type or document.config.media_type
            await add_to_fallback(registry, document.subject.digest, Referrer(d, kind, document.annotations))
