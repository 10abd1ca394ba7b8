"""Sources and sinks of containerd's messages: what each stands for, done by the client library against the gateway's own socket.

Which pairs there are is decided by ``argosy.client.transfers``; what a client is told of each is said here, in containerd's words.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from argosy import log
from argosy.client import Client
from argosy.client.images import (
    Contents,
    Guarded,
    Wants,
    export_images,
    get_image,
    import_images,
    store,
    target_of,
    unpack,
    write_archive,
)
from argosy.client.jobs import together
from argosy.client.registry import Registry
from argosy.client.resolvers import Registries
from argosy.client.services import Services
from argosy.client.transfers import (
    ArchiveSink,
    ArchiveSource,
    Blob,
    ByteSink,
    ByteSource,
    DepotImage,
    DepotName,
    ImageArchive,
    ImageFolder,
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
    SnapshotTree,
    Source,
    StoredImage,
    TreeSink,
    TreeSource,
    Watched,
    Wish,
    bring,
    depot,
    transfer,
    way,
)
from argosy.client.web import warned
from argosy.errors import WIRE, ArgosyError, InvalidArgument, NotFound, Unknown
from argosy.oci.image import Descriptor, Platform
from argosy.oci.reference import Reference
from argosy.windows import Writer, received
from argosy_protos._message import Message
from argosy_protos.argosy.snapshots.v1 import Snapshot
from argosy_protos.argosy.transfer import v1 as ours
from argosy_protos.containerd.services.images.v1 import Image
from argosy_protos.containerd.types import transfer as p

from argosy_transfer import paths
from argosy_transfer.credentials import Asker
from argosy_transfer.images import is_for, naming, platforms, unpacks
from argosy_transfer.lines import Lines
from argosy_transfer.progress import Teller
from argosy_transfer.service import TransferSettings
from argosy_transfer.streams import Stream

logger = log.get("transfer")

_TRACE_BYTES: Final = 1 << 20
_DEBUG: Final = (p.HTTPDebug.DEBUG, p.HTTPDebug.BOTH)
# What stands for an image before it is there: how many names there will be does not depend on it.
_UNKNOWN: Final = Descriptor(digest="sha256:" + "0" * 64, size=0)

_OURS: Final = (ours.Blob, ours.Layout, ours.Stored, p.WriteStream)


@dataclass
class Job:
    """One transfer that was asked for."""

    client: Client
    settings: TransferSettings
    teller: Teller
    find: Callable[[str], Stream]
    """Returns a stream of the caller's by its id. Raises NotFound."""
    used: list[Stream] = field(default_factory=list)

    def stream(self, id: str) -> Stream:
        """Return a stream that ends with the job. Raises NotFound."""
        found = self.find(id)
        self.used.append(found)
        return found

    def close(self) -> None:
        for stream in self.used:
            stream.close()

    async def run(self, source: Message, destination: Message) -> None:
        """Do what a pair stands for. Raises NotServed, and what comes of it."""
        begin, end = SOURCES.get(type(source)), SINKS.get(type(destination))
        if begin is None or end is None or way(begin[0], end[0]) is None:
            raise NotServed("nothing is done for it")
        said = source.platforms if isinstance(source, p.ImageStore) else ()
        async with AsyncExitStack() as stack:
            wish = Wish(platforms(said), self.teller.watch)
            opened = await begin[1](self, source, stack)
            sink = await end[1](self, destination, stack)
            if not isinstance(destination, _OURS):
                await transfer(opened, sink, wish)  # they have their own words
                return
            self.teller.root = opened.called
            self.teller.status(f"Transferring to {sink.called}")
            found = await transfer(opened, sink, wish)
            self.teller.completed(f"Completed transfer to {sink.called}", found)

    @asynccontextmanager
    async def registries(self, it: p.OCIRegistry) -> AsyncGenerator[tuple[Registries, Reference], None]:
        """Yield what asks registries as a client wants it, and the name that it is asked for."""
        said = it.resolver or p.RegistryResolver()
        reference = _reference(it.reference)
        if said.host_dir and not said.host_dir.startswith("/"):
            raise InvalidArgument(
                f'host_dir "{said.host_dir}" is no absolute path; it is a directory of this daemon\'s machine'
            )
        if said.default_scheme not in ("", "http", "https"):
            raise InvalidArgument(f'default_scheme "{said.default_scheme}" is neither http nor https')
        ask = Asker(self.stream(said.auth_stream), it.reference, self.settings.answer_s) if said.auth_stream else None
        lines = Lines(self.stream(said.logs_stream), _TRACE_BYTES) if said.logs_stream else None
        trace = (lines.add if lines is not None else _log) if said.http_debug in _DEBUG else None
        async with together() as group:
            if lines is not None:
                group.start_soon(lines.run, self.settings.silence_s)
            registries = Registries(
                plain=said.default_scheme == "http", credentials=ask, hosts_dir=Path(said.host_dir) if said.host_dir else None,
                headers=dict(said.headers), trace=trace, warn=self._warn,
            )  # fmt: skip
            failure: ArgosyError | None = None
            async with registries:
                try:
                    yield registries, reference
                except ArgosyError as error:
                    failure = error  # what was said on the way to it is told, too
            if lines is not None:
                lines.end()
        if failure is not None:
            raise failure

    def _warn(self, text: str) -> None:
        """Tell a client, and the log, what a registry warns of."""
        self.teller.status(text)
        warned(text)

    @asynccontextmanager
    async def writer(self, id: str) -> AsyncGenerator[Writer, None]:
        """Yield what sends bytes to a stream of the client's, and close that when the block ends."""
        stream = self.stream(id)
        writer = Writer(stream, self.settings.silence_s)
        async with together() as group:
            group.start_soon(writer.run)
            yield writer
            group.cancel_scope.cancel()
        stream.close()


# -- sources --


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


# -- sinks --


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
    return ImageFolder(_directory(said), said.name)


async def _from_depot(job: Job, said: ours.Stored, stack: AsyncExitStack) -> DepotImage:
    found, called = await depot(_depot(said), job.client.services, stack)
    return DepotImage(found, said.name, f"{called}: {said.name}")


async def _from_container(job: Job, said: p.ContainerPath, stack: AsyncExitStack) -> FromContainer:
    reading = paths.reading(job.client, said, job.settings.silence_s)
    return FromContainer(said, await stack.enter_async_context(reading))


async def _to_container(job: Job, said: p.ContainerPath, stack: AsyncExitStack) -> ToContainer:
    return ToContainer(job, said)


async def _from_snapshot(job: Job, said: Snapshot, stack: AsyncExitStack) -> SnapshotTree:
    return SnapshotTree(job.client, said.snapshotter, said.name, said.changes)


async def _to_snapshot(job: Job, said: Snapshot, stack: AsyncExitStack) -> NewSnapshot:
    return NewSnapshot(job.client, said.snapshotter, said.name, said.parent, said.labels)


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
    return LayoutName(_directory(said), said.name)


async def _to_depot(job: Job, said: ours.Stored, stack: AsyncExitStack) -> DepotName:
    found, called = await depot(_depot(said), job.client.services, stack)
    return DepotName(found, said.name, f"{called}: {said.name}")


Opener = Callable[[Job, Any, AsyncExitStack], Awaitable[Any]]
"""Makes an end of a message. What it opens is closed with the stack."""
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


def _directory(said: ours.Layout) -> Path:
    if not said.path.startswith("/"):
        raise InvalidArgument(f'layout "{said.path}" is no absolute path; it is a directory of this daemon\'s machine')
    return Path(said.path)


def _depot(said: ours.Stored) -> str:
    if not said.depot:
        raise InvalidArgument("an image in a depot, and no depot is named; say which")
    return said.depot


def _reference(text: str) -> Reference:
    """Return what a client calls an image of a registry. Raises Unknown in containerd's words where it says no object, InvalidArgument."""
    last = text.rpartition("/")[2]
    if "@" not in text and ":" not in last:
        raise Unknown("failed to resolve image: object required")
    return Reference.parse(text)


def _log(text: str) -> None:
    logger.info("registry.http", said=text)
