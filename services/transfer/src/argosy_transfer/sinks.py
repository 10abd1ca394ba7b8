"""Sinks of containerd's messages: what each stands for, and what a client is told of it, in containerd's words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from argosy import log
from argosy.client.images import (
    Contents,
    Guarded,
    Wants,
    export_images,
    import_images,
    store,
    target_of,
    unpack,
    write_archive,
)
from argosy.client.registry import Registry
from argosy.client.services import Services
from argosy.client.transfers import (
    ArchiveSink,
    ArchiveSource,
    ByteSink,
    DepotName,
    ImageSink,
    ImageSource,
    Known,
    LayoutName,
    NewBlob,
    NewSnapshot,
    NotServed,
    RegistryImage,
    RegistryName,
    Sink,
    StoredImage,
    TreeSink,
    Watched,
    Wish,
    bring,
    depot,
)
from argosy.errors import InvalidArgument, NotFound, Unknown
from argosy.oci.image import Descriptor, Platform
from argosy.oci.reference import Reference
from argosy_protos._message import Message
from argosy_protos.argosy.snapshots.v1 import Snapshot
from argosy_protos.argosy.transfer import v1 as ours
from argosy_protos.containerd.types import transfer as p

from argosy_transfer import paths
from argosy_transfer.images import is_for, naming, platforms, unpacks
from argosy_transfer.jobs import Job, Opener, depot_name, directory
from argosy_transfer.sources import FromArchive, FromRegistry, FromStore

logger = log.get("transfer")

# What stands for an image before it is there: how many names there will be does not depend on it.
_UNKNOWN: Final = Descriptor(digest="sha256:" + "0" * 64, size=0)


class ToRegistry(RegistryName):
    """OCIRegistry."""

    def __init__(self, job: Job, said: p.OCIRegistry, registry: Registry) -> None:
        super().__init__(registry)
        self._job = job
        self.called = f"OCI Registry ({said.reference})"

    async def take_image(self, source: ImageSource, wish: Wish) -> Descriptor:
        teller, target = self._job.teller, await source.resolve()
        teller.status(f"Pushing to {self.called}")
        teller.root = source.said.name if isinstance(source, FromStore) else source.called
        teller.named("pushing content", teller.root, target)
        await super().take_image(Known(source, target), wish)
        teller.named("pushed content", teller.root, target)
        teller.completed(f"Completed push to {self.called}", target)
        return target


class ToStore(ImageSink):
    """ImageStore: a pull, an import, or another name."""

    def __init__(self, job: Job, said: p.ImageStore) -> None:
        self._job, self._said, self._named = job, said, naming(said)
        self._wanted = platforms(said.platforms)
        self.called = f'image "{said.name}"'

    async def take_image(self, source: ImageSource, wish: Wish) -> Descriptor:
        job, said, named = self._job, self._said, self._named
        teller = job.teller
        async with job.client.lease() as services:
            if isinstance(source, StoredImage):
                target = await source.resolve()
                # Its labels are those that the client says, and what verifiers have said of it.
                names = [(name, {**labels, **source.verdict}) for name, labels in named.names(target)]
                await store(services, names, target)
                return target
            guarded = await self._asked(source, services)
            where = await unpacks(job.client, services, said, guarded.snapshotter if guarded is not None else "")
            wants = Wants(self._wanted, where, said.all_metadata, said.manifest_limit)
            target = await source.resolve()
            names = named.names(target)
            if not names:
                raise NotFound("no image name found")
            if guarded is not None:
                services = await guarded.resolved(target, [name for name, _ in names])
                for one in guarded.verdicts:
                    teller.status(f"Verified by {one.verifier}" + (f" ({one.reason})" if one.reason else ""))
            teller.status(f"Pulling from {source.called}")
            teller.root = source.said if isinstance(source, FromRegistry) else source.called
            teller.named("fetching image content", teller.root, target)
            await bring(
                services,
                source,
                target,
                Reference.parse(names[0][0]) if not isinstance(source, RegistryImage) else source.reference,
                wants,
                wish,
            )
            for image in await store(services, names, target):
                teller.named("saved", image.name, target)
            teller.completed(f"Completed pull from {source.called}")
        return target

    async def _asked(self, source: ImageSource, services: Services) -> Guarded | None:
        """Ask who guards the images before a registry is asked, which may be another one then; what comes from elsewhere is asked about when it is named."""
        if not isinstance(source, RegistryImage):
            return None
        # Names that are made of a digest are asked about when that is known.
        names = [name for name, _ in self._named.names(_UNKNOWN) if _UNKNOWN.digest not in name] or [str(source.reference)]
        where = next((one.snapshotter for one in self._said.unpacks if one.snapshotter), "")
        guarded = Guarded(services, source.reference, names, where)
        source.pulled_as(await guarded.before())
        return guarded

    async def take_archive(self, source: ArchiveSource, wish: Wish) -> Descriptor | None:
        if not isinstance(source, FromArchive):
            return await super().take_archive(source, wish)
        job, named, wanted = self._job, self._named, self._wanted
        teller = job.teller
        async with job.client.lease() as services:
            to_unpack = await unpacks(job.client, services, self._said)
            teller.status("Importing")
            index, images = await import_images(
                services, source.stream, compress=source.compress, index=bool(named.names(_UNKNOWN))
            )
            if wanted and not any([await is_for(services, d, one) for d in images for one in wanted]):
                raise Unknown(f"image might be filtered out: the archive has none for {', '.join(map(str, wanted))}")
            for d in images:
                for platform, snapshotter in to_unpack:
                    if await is_for(services, d, platform):
                        await unpack(services, d, snapshotter, platform, teller.watch)
            if index is not None:
                for image in await store(services, named.names(index), index):
                    teller.named("saved", image.name, index)
            for d in images:
                names = named.imported(d)
                if not names:
                    logger.info("import.no_name", digest=d.digest)
                    continue
                for image in await store(services, names, d):
                    teller.named("saved", image.name, d)
            teller.status("Completed import")
        return None


class ToArchive(ArchiveSink):
    """ImageExportStream."""

    called = "the stream"

    def __init__(self, job: Job, said: p.ImageExportStream) -> None:
        self._job, self._said = job, said
        self.contents = Contents(
            () if said.all_platforms else platforms(said.platforms) or [Platform.of_host()], said.all_platforms,
            docker=not said.skip_compatibility_manifest, foreign=not said.skip_non_distributable,
        )  # fmt: skip

    @asynccontextmanager
    async def opened(self, is_archive: bool) -> AsyncGenerator[Callable[[bytes], Awaitable[None]], None]:
        async with self._job.writer(self._said.stream) as writer:
            yield writer.write
            await writer.finish(pad=is_archive)

    async def take_image(self, source: ImageSource, wish: Wish) -> Descriptor:
        job = self._job
        if isinstance(source, FromStore):
            said = source.said
            if any(one.is_prefix for one in said.extra_references):
                raise NotServed("images by a prefix are not exported")
            names = [name for name in (said.name, *(one.name for one in said.extra_references)) if name]
            if not names:
                raise InvalidArgument("an export names no image; say which")
            async with job.client.lease() as services:
                images = [(name, await target_of(services, name)) for name in names]
                job.teller.status("Exporting")
                async with self.opened(True) as write:
                    await export_images(services, images, write, self.contents)
            job.teller.status("Completed export")
            return images[0][1]
        target = await source.resolve()
        job.teller.status("Exporting")
        name = str(source.reference) if isinstance(source, RegistryImage) else ""
        async with self.opened(True) as write:
            await write_archive(Watched(source, wish.watch), [(name, target)], write, self.contents)
        job.teller.status("Completed export")
        return target


class ToStream(ByteSink):
    """WriteStream."""

    called = "a stream"

    def __init__(self, job: Job, said: p.WriteStream) -> None:
        self._job, self._stream = job, said.stream

    async def take_bytes(self, pieces: AsyncIterator[bytes], wish: Wish) -> None:
        async with self._job.writer(self._stream) as writer:
            async for piece in pieces:
                await writer.write(piece)
            await writer.finish()


class ToContainer(TreeSink):
    """ContainerPath."""

    def __init__(self, job: Job, said: p.ContainerPath) -> None:
        self._job, self._said = job, said
        self.called = f'container "{said.container_id}"'

    async def untar(self, pieces: AsyncIterator[bytes], wish: Wish) -> None:
        await paths.writing(self._job.client, self._said, pieces, self._job.settings.silence_s)


# -- which message is which --


async def _to_registry(job: Job, said: p.OCIRegistry, stack: AsyncExitStack) -> ToRegistry:
    registries, reference = await stack.enter_async_context(job.registries(said))
    return ToRegistry(job, said, await registries.of(reference))


async def _to_store(job: Job, said: p.ImageStore, stack: AsyncExitStack) -> ToStore:
    return ToStore(job, said)


async def _to_archive(job: Job, said: p.ImageExportStream, stack: AsyncExitStack) -> ToArchive:
    return ToArchive(job, said)


async def _to_stream(job: Job, said: p.WriteStream, stack: AsyncExitStack) -> ToStream:
    return ToStream(job, said)


async def _to_blob(job: Job, said: ours.Blob, stack: AsyncExitStack) -> NewBlob:
    return NewBlob(job.client, said.digest, said.labels)


async def _to_layout(job: Job, said: ours.Layout, stack: AsyncExitStack) -> LayoutName:
    return LayoutName(directory(said), said.name)


async def _to_depot(job: Job, said: ours.Stored, stack: AsyncExitStack) -> DepotName:
    found, called = await depot(depot_name(said), job.client.services, stack)
    return DepotName(found, said.name, f"{called}: {said.name}")


async def _to_container(job: Job, said: p.ContainerPath, stack: AsyncExitStack) -> ToContainer:
    return ToContainer(job, said)


async def _to_snapshot(job: Job, said: Snapshot, stack: AsyncExitStack) -> NewSnapshot:
    return NewSnapshot(job.client, said.snapshotter, said.name, said.parent, said.labels)


SINKS: Final[Mapping[type[Message], tuple[type[Sink], Opener]]] = {
    p.OCIRegistry: (ToRegistry, _to_registry),
    p.ImageStore: (ToStore, _to_store),
    p.ImageExportStream: (ToArchive, _to_archive),
    p.WriteStream: (ToStream, _to_stream),
    p.ContainerPath: (ToContainer, _to_container),
    Snapshot: (NewSnapshot, _to_snapshot),
    ours.Blob: (NewBlob, _to_blob),
    ours.Layout: (LayoutName, _to_layout),
    ours.Stored: (DepotName, _to_depot),
}
