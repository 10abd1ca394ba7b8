"""An image of the daemon's, by its name and in its content store: as a source, and as a sink that has it unpacked, too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.images.v1 import Image

from argosy.client.connection import Client
from argosy.client.images.asking import Guarded
from argosy.client.images.documents import from_wire, to_wire
from argosy.client.images.exporting import ContentBlobs
from argosy.client.images.names import find_image, put_image
from argosy.client.images.pulling import Wants, fetch_image
from argosy.client.images.referrers import fetch_referrers
from argosy.client.services import Services, present
from argosy.client.transfers.ends import ImageSink, ImageSource, Wish
from argosy.client.transfers.registries import RegistryImage
from argosy.labels import DISTRIBUTION_SOURCE, verdict
from argosy.oci.image import Descriptor, Platform
from argosy.oci.passing import generated
from argosy.oci.reference import Reference, host_of


class StoredImage(ContentBlobs, ImageSource):
    """What an image's name stands for, from content."""

    may_lack = True  # platforms that were never fetched

    def __init__(self, services: Services, name: str, target: Descriptor | None = None) -> None:
        """target is what the name stands for, where that is known."""
        super().__init__(services)
        self._name, self._target = name, target
        self.verdict: dict[str, str] = {}
        """What verifiers have said of it, as labels, once it was resolved by its name."""
        self.called = f'image "{name}"'

    async def resolve(self) -> Descriptor:
        if self._target is None:
            image = await self._found()
            self._target = from_wire(present(image.target, f'the target of image "{image.name}"'))
            self.verdict = verdict(image.labels, self._target.digest)
        return self._target

    async def _found(self) -> Image:
        return await find_image(self._services, self._name)

    async def origin(self, d: Descriptor, registry: str, beside: str) -> str:
        info = (await self._services.content.info(content.InfoRequest(digest=d.digest))).info
        labels = info.labels if info is not None else {}
        # What containerd's clients have fetched says no port.
        said = next(
            (found for one in (registry, host_of(registry)) if (found := labels.get(f"{DISTRIBUTION_SOURCE}{one}"))), ""
        )
        return next((one for one in said.split(",") if one and one != beside), "")


@dataclass(frozen=True, slots=True)
class AsResolver:
    """A source as who pulls an image asks it: whatever name it is to get, the bytes are the source's."""

    source: ImageSource

    async def resolve(self, reference: Reference) -> Descriptor:
        return await self.source.resolve()

    def fetch(self, reference: Reference, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        return generated(self.source.fetch(descriptor, offset))


async def bring(
    services: Services, source: ImageSource, target: Descriptor, name: Reference, wants: Wants, wish: Wish
) -> None:
    """Have an image's blobs in content and its layers unpacked, under the lease of services, wherever it comes from.

    name is what it is to be called: a snapshotter that fetches by itself is told the name of an image of a registry only.
    """
    if isinstance(source, RegistryImage):
        await fetch_image(services, source.registries, source.reference, target, wants, wish.watch)
        if source.with_referrers:
            await fetch_referrers(services, source.registries, source.reference, target.digest, watch=wish.watch)
    else:
        await fetch_image(services, AsResolver(source), name, target, wants, wish.watch, by_itself=False)


class StoredName(ImageSink):
    """A name among the daemon's images. The image gets it when all of it is there."""

    def __init__(self, client: Client, name: str, *, unpack: bool = True, snapshotter: str = "") -> None:
        """Raises InvalidArgument for a name that no image can have."""
        self._client, self._reference = client, Reference.parse(name)
        self._unpack, self._snapshotter = unpack, snapshotter
        self.called = f'image "{self._reference}"'

    async def take_image(self, source: ImageSource, wish: Wish) -> Descriptor:
        async with self._client.lease() as services:
            guarded = None
            if isinstance(source, RegistryImage):
                # What comes from elsewhere is asked about when it gets its name.
                guarded = Guarded(services, source.reference, [str(self._reference)], self._snapshotter)
                source.pulled_as(await guarded.before())
            target = await source.resolve()
            if guarded is not None:
                services = await guarded.resolved(target)
            if not isinstance(source, StoredImage):
                wants = Wants(wish.platforms, await self._unpacks(wish, guarded.snapshotter if guarded is not None else ""))
                await bring(services, source, target, self._reference, wants, wish)
            told = source.verdict if isinstance(source, StoredImage) else {}
            await put_image(services, str(self._reference), to_wire(target), more=told)
        return target

    async def _unpacks(self, wish: Wish, asked_for: str) -> Sequence[tuple[Platform, str]]:
        if not self._unpack:
            return []
        wanted = wish.platforms or [Platform.of_host()]
        return [(wanted[0], self._snapshotter or asked_for or await self._client.default_snapshotter())]
