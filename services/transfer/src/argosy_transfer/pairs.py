"""What each pair of a source and a destination does. The work is the client library's, done here against the gateway's own socket."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from argosy import log
from argosy.client import Client
from argosy.client.images import (
    Contents,
    Wants,
    export_images,
    fetch_image,
    from_wire,
    import_images,
    push_image,
    store,
    target_of,
    unpack,
)
from argosy.client.jobs import together
from argosy.client.resolvers import Registries
from argosy.client.services import present
from argosy.errors import WIRE, ArgosyError, InvalidArgument, NotFound, Unknown
from argosy.oci.image import Descriptor, Platform
from argosy.oci.reference import Reference
from argosy_protos._message import Message
from argosy_protos.containerd.services.images.v1 import GetImageRequest
from argosy_protos.containerd.types import transfer as p

from argosy_transfer.credentials import Asker
from argosy_transfer.images import is_for, naming, platforms, unpacks
from argosy_transfer.progress import Teller
from argosy_transfer.service import TransferSettings
from argosy_transfer.streams import Stream
from argosy_transfer.windows import Lines, Writer, received

logger = log.get("transfer")

_TRACE_BYTES: Final = 1 << 20
_DEBUG: Final = (p.HTTPDebug.DEBUG, p.HTTPDebug.BOTH)


class NotServed(Exception):
    """Raised for a pair that nothing is done for."""


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
        match source, destination:
            case p.OCIRegistry(), p.ImageStore():
                await self._pull(source, destination)
            case p.ImageStore(), p.OCIRegistry():
                await self._push(source, destination)
            case p.ImageStore(), p.ImageExportStream():
                await self._export(source, destination)
            case p.ImageStore(), p.ImageStore():
                await self._tag(source, destination)
            case p.ImageImportStream(), p.ImageStore():
                await self._import(source, destination)
            case p.ImageImportStream(), p.ImageExportStream():
                await self._echo(source, destination)
            case _:
                raise NotServed

    # -- registries --

    @asynccontextmanager
    async def _registries(self, it: p.OCIRegistry) -> AsyncGenerator[tuple[Registries, Reference], None]:
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
                headers=dict(said.headers), trace=trace,
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

    async def _pull(self, source: p.OCIRegistry, destination: p.ImageStore) -> None:
        teller, named = self.teller, naming(destination)
        where = f"OCI Registry ({source.reference})"
        teller.status(f"Resolving from {where}")
        async with self.client.lease() as services, self._registries(source) as (registries, reference):
            wanted = Wants(
                platforms(destination.platforms), await unpacks(self.client, services, destination),
                destination.all_metadata, destination.manifest_limit,
            )  # fmt: skip
            try:
                target = await registries.resolve(reference)
            except NotFound:
                raise NotFound(f"failed to resolve image: {source.reference}") from None
            except ArgosyError as error:
                raise WIRE.get(error.code, Unknown)(f"failed to resolve image: {error.message}") from error
            names = named.names(target)
            if not names:
                raise NotFound("no image name found")
            teller.status(f"Pulling from {where}")
            teller.root = source.reference
            teller.named("fetching image content", source.reference, target)
            await fetch_image(services, registries, reference, target, wanted, teller.watch)
            for image in await store(services, names, target):
                teller.named("saved", image.name, target)
            teller.status(f"Completed pull from {where}")

    async def _push(self, source: p.ImageStore, destination: p.OCIRegistry) -> None:
        teller, services = self.teller, self.client.services
        where = f"OCI Registry ({destination.reference})"
        image = present((await services.images.get(GetImageRequest(name=source.name))).image, f'image "{source.name}"')
        target = from_wire(present(image.target, f'the target of image "{source.name}"'))
        teller.status(f"Pushing to {where}")
        teller.root = image.name
        teller.named("pushing content", image.name, target)
        async with self._registries(destination) as (registries, reference):
            registry = await registries.of(reference)
            await push_image(services, registry, image, platforms=platforms(source.platforms), watch=teller.watch)
        teller.status(f"Completed push to {where}", target)

    # -- names --

    async def _tag(self, source: p.ImageStore, destination: p.ImageStore) -> None:
        async with self.client.lease() as services:
            target = await target_of(services, source.name)
            await store(services, naming(destination).names(target), target)

    # -- archives --

    async def _export(self, source: p.ImageStore, destination: p.ImageExportStream) -> None:
        if any(one.is_prefix for one in source.extra_references):
            raise NotServed
        names = [name for name in (source.name, *(one.name for one in source.extra_references)) if name]
        if not names:
            raise InvalidArgument("an export names no image; say which")
        wanted = platforms(destination.platforms) or [Platform.of_host()]
        contents = Contents(
            () if destination.all_platforms else wanted, destination.all_platforms,
            docker=not destination.skip_compatibility_manifest, foreign=not destination.skip_non_distributable,
        )  # fmt: skip
        async with self.client.lease() as services:
            images = [(name, await target_of(services, name)) for name in names]
            self.teller.status("Exporting")
            async with self._writer(destination.stream) as writer:
                await export_images(services, images, writer.write, contents)
                await writer.finish(pad=True)
        self.teller.status("Completed export")

    @asynccontextmanager
    async def _writer(self, id: str) -> AsyncGenerator[Writer, None]:
        """Yield what sends bytes to a stream of the client's, and close that when the block ends."""
        stream = self.stream(id)
        writer = Writer(stream, self.settings.silence_s)
        async with together() as group:
            group.start_soon(writer.run)
            yield writer
            group.cancel_scope.cancel()
        stream.close()

    async def _import(self, source: p.ImageImportStream, destination: p.ImageStore) -> None:
        teller, named = self.teller, naming(destination)
        wanted = platforms(destination.platforms)
        stream = self.stream(source.stream)
        async with self.client.lease() as services:
            to_unpack = await unpacks(self.client, services, destination)
            teller.status("Importing")
            # What a name would be made of does not depend on the index.
            probe = Descriptor(digest="sha256:" + "0" * 64, size=0)
            index, images = await import_images(
                services, received(stream, self.settings.silence_s), compress=source.force_compress,
                index=bool(named.names(probe)),
            )  # fmt: skip
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

    async def _echo(self, source: p.ImageImportStream, destination: p.ImageExportStream) -> None:
        coming = self.stream(source.stream)
        async with self._writer(destination.stream) as writer:
            async for data in received(coming, self.settings.silence_s):
                await writer.write(data)
            await writer.finish()


def _reference(text: str) -> Reference:
    """Return what a client calls an image of a registry. Raises Unknown in containerd's words where it says no object, InvalidArgument."""
    last = text.rpartition("/")[2]
    if "@" not in text and ":" not in last:
        raise Unknown("failed to resolve image: object required")
    return Reference.parse(text)


def _log(text: str) -> None:
    logger.info("registry.http", said=text)
