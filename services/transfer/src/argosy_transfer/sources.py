"""Sources of containerd's messages: what each stands for, and what a client is told of it, in containerd's words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Final

from argosy.client.images import get_image
from argosy.client.resolvers import Registries
from argosy.client.transfers import (
    Blob,
    ByteSource,
    DepotImage,
    ImageArchive,
    ImageFolder,
    RegistryImage,
    SnapshotTree,
    Source,
    StoredImage,
    TreeSource,
    depot,
)
from argosy.errors import WIRE, ArgosyError, NotFound, Unknown
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference
from argosy.windows import received
from argosy_protos._message import Message
from argosy_protos.argosy.snapshots.v1 import Snapshot
from argosy_protos.argosy.transfer import v1 as ours
from argosy_protos.containerd.services.images.v1 import Image
from argosy_protos.containerd.types import transfer as p

from argosy_transfer import paths
from argosy_transfer.jobs import Job, Opener, depot_name, directory


class FromRegistry(RegistryImage):
    """OCIRegistry."""

    def __init__(self, job: Job, said: p.OCIRegistry, registries: Registries, reference: Reference) -> None:
        super().__init__(registries, reference)
        self._job, self.said = job, said.reference
        self.called = f"OCI Registry ({self.said})"

    async def resolve(self) -> Descriptor:
        """Raises what comes of it in containerd's words."""
        self._job.teller.status(f"Resolving from {self.called}")
        try:
            return await super().resolve()
        except NotFound:
            raise NotFound(f"failed to resolve image: {self.said}") from None
        except ArgosyError as error:
            raise WIRE.get(error.code, Unknown)(f"failed to resolve image: {error.message}") from error


class FromStore(StoredImage):
    """ImageStore: names that are exported, of which the first one is pushed or tagged."""

    def __init__(self, job: Job, said: p.ImageStore) -> None:
        super().__init__(job.client.services, said.name)
        self.said = said

    async def _found(self) -> Image:
        return await get_image(self._services, self.said.name)


class FromArchive(ImageArchive):
    """ImageImportStream."""

    def __init__(self, job: Job, said: p.ImageImportStream) -> None:
        self.stream = received(job.stream(said.stream), job.settings.silence_s)
        super().__init__("the stream", self.stream)
        self.compress = said.force_compress


class FromStream(ByteSource):
    """ReadStream."""

    called = "a stream"

    def __init__(self, job: Job, said: p.ReadStream) -> None:
        self._pieces = received(job.stream(said.stream), job.settings.silence_s)

    def read(self) -> AsyncIterator[bytes]:
        return self._pieces


class FromContainer(TreeSource):
    """ContainerPath."""

    def __init__(self, said: p.ContainerPath, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self.called = f'container "{said.container_id}"'

    def tar(self) -> AsyncIterator[bytes]:
        return self._pieces


# -- which message is which --


async def _from_registry(job: Job, said: p.OCIRegistry, stack: AsyncExitStack) -> FromRegistry:
    return FromRegistry(job, said, *await stack.enter_async_context(job.registries(said)))


async def _from_store(job: Job, said: p.ImageStore, stack: AsyncExitStack) -> FromStore:
    return FromStore(job, said)


async def _from_archive(job: Job, said: p.ImageImportStream, stack: AsyncExitStack) -> FromArchive:
    return FromArchive(job, said)


async def _from_stream(job: Job, said: p.ReadStream, stack: AsyncExitStack) -> FromStream:
    return FromStream(job, said)


async def _from_blob(job: Job, said: ours.Blob, stack: AsyncExitStack) -> Blob:
    return Blob(job.client.services, said.digest)


async def _from_layout(job: Job, said: ours.Layout, stack: AsyncExitStack) -> ImageFolder:
    return ImageFolder(directory(said), said.name)


async def _from_depot(job: Job, said: ours.Stored, stack: AsyncExitStack) -> DepotImage:
    found, called = await depot(depot_name(said), job.client.services, stack)
    return DepotImage(found, said.name, f"{called}: {said.name}")


async def _from_container(job: Job, said: p.ContainerPath, stack: AsyncExitStack) -> FromContainer:
    reading = paths.reading(job.client, said, job.settings.silence_s)
    return FromContainer(said, await stack.enter_async_context(reading))


async def _from_snapshot(job: Job, said: Snapshot, stack: AsyncExitStack) -> SnapshotTree:
    return SnapshotTree(job.client, said.snapshotter, said.name, said.changes)


SOURCES: Final[Mapping[type[Message], tuple[type[Source], Opener]]] = {
    p.OCIRegistry: (FromRegistry, _from_registry),
    p.ImageStore: (FromStore, _from_store),
    p.ImageImportStream: (FromArchive, _from_archive),
    p.ReadStream: (FromStream, _from_stream),
    p.ContainerPath: (FromContainer, _from_container),
    Snapshot: (SnapshotTree, _from_snapshot),
    ours.Blob: (Blob, _from_blob),
    ours.Layout: (ImageFolder, _from_layout),
    ours.Stored: (DepotImage, _from_depot),
}
