"""Exporting images as an archive: an OCI layout that docker reads, too.

What goes in is looked for first; then the members are written in the order of their names, so that the same images make the same bytes.
A blob passes through in pieces: none is ever held whole.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, Protocol

import anyio.to_thread
from argosy_protos.containerd.services.content import v1 as content

from argosy.client.connection import Client
from argosy.client.content import read_blob
from argosy.client.files import appearing
from argosy.client.images.documents import blob_path, from_wire
from argosy.client.images.names import get_image
from argosy.client.images.naming import IMAGE_NAME, REF_NAME
from argosy.client.images.referrers import SUBJECT, referrers_here
from argosy.client.services import Services, present
from argosy.errors import DataLoss, InvalidArgument, NotFound
from argosy.labels import DISTRIBUTION_SOURCE
from argosy.oci.image import INDEX_TYPES, MANIFEST_TYPES, MAX_MANIFEST_BYTES, Descriptor, Index, Platform, parse_document
from argosy.oci.platforms import choose
from argosy.oci.reference import Reference
from argosy.oci.referrer import Referrer

Sink = Callable[[bytes], Awaitable[None]]
"""Takes an archive's next bytes; returns when more may come."""
_NO_MORE: Final = bytes(2 * tarfile.BLOCKSIZE)
_FOREIGN: Final = ("nondistributable", ".foreign.")


@dataclass(frozen=True, slots=True)
class Contents:
    """What of images goes into an archive. Without platforms, each manifest of an index that is here."""

    platforms: Sequence[Platform] = ()
    all_platforms: bool = False
    """Every manifest of an index: none may be missing."""
    docker: bool = True
    """Whether docker's manifest.json is in it, too."""
    foreign: bool = True
    """Whether layers that may not be given away are in it."""
    referrers: bool = True
    """Whether what refers to its manifests, and is here, is in it."""


EVERYTHING: Final = Contents()


class Blobs(Protocol):
    """Where an archive's documents and blobs come from."""

    async def document(self, d: Descriptor) -> bytes:
        """Return an index or a manifest, checked. Raises NotFound, DataLoss."""
        ...

    def fetch(self, d: Descriptor) -> AsyncIterator[bytes]:
        """Yield a blob's bytes."""
        ...

    async def has(self, d: Descriptor) -> bool:
        """Return whether a manifest was ever fetched; of one that was, nothing may be missing."""
        ...

    async def size(self, d: Descriptor) -> int:
        """Return how many bytes a blob has. Raises NotFound."""
        ...

    async def annotations(self, d: Descriptor) -> dict[str, str]:
        """Return what is said of where an image came from."""
        ...

    async def referrers(self, d: Descriptor) -> list[Referrer]:
        """Return what is here that refers to a manifest."""
        ...


class ContentBlobs:
    """What is in the content store."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def _info(self, d: Descriptor) -> content.Info:
        return present((await self._services.content.info(content.InfoRequest(digest=d.digest))).info, d.digest)

    async def document(self, d: Descriptor) -> bytes:
        return await read_blob(self._services.content, d.digest, MAX_MANIFEST_BYTES)

    async def fetch(self, d: Descriptor, offset: int = 0) -> AsyncGenerator[bytes, None]:
        with _lacking(d):
            async for part in self._services.content.read(content.ReadContentRequest(digest=d.digest, offset=offset)):
                yield part.data

    async def has(self, d: Descriptor) -> bool:
        try:
            await self._info(d)
        except NotFound:
            return False
        return True

    async def size(self, d: Descriptor) -> int:
        with _lacking(d):
            return (await self._info(d)).size

    async def annotations(self, d: Descriptor) -> dict[str, str]:
        labels = (await self._info(d)).labels
        return {key: value for key, value in labels.items() if key.startswith(DISTRIBUTION_SOURCE)}

    async def referrers(self, d: Descriptor) -> list[Referrer]:
        return await referrers_here(self._services, d.digest)


@contextmanager
def _lacking(d: Descriptor) -> Iterator[None]:
    """Have the error of a blob that is not here say how it is had: a layer may be unpacked, and never have been fetched."""
    try:
        yield
    except NotFound as error:
        raise NotFound(
            f"content digest {d.digest} is not here; pull its image with --no-unpack, which fetches all of it"
        ) from error


async def export_archive(client: Client, path: Path, names: Sequence[str], platform: Platform | None = None) -> None:
    """Write images as an OCI archive that docker reads too. A file appears when it is complete; a pipe or a device is written as it is. Raises OSError."""
    async with appearing(path) as write:
        await _export(client, write, names, platform)


async def export_stream(client: Client, stream: IO[bytes], names: Sequence[str], platform: Platform | None = None) -> None:
    """Write the same archive to a stream, which need not be seekable. A thread waits for it."""

    async def write(data: bytes) -> None:
        await anyio.to_thread.run_sync(stream.write, data)

    await _export(client, write, names, platform)
    await anyio.to_thread.run_sync(stream.flush)


async def _export(client: Client, write: Sink, names: Sequence[str], platform: Platform | None) -> None:
    images = [(name, await target_of(client.services, name)) for name in names]
    await export_images(client.services, images, write, Contents([platform] if platform else ()))


async def target_of(services: Services, name: str) -> Descriptor:
    """Return what an image's full name stands for. Raises NotFound."""
    return from_wire(present((await get_image(services, name)).target, f'the target of image "{name}"'))


async def export_images(
    services: Services, images: Sequence[tuple[str, Descriptor]], write: Sink, contents: Contents = EVERYTHING
) -> None:
    """Write images, by the names that they shall have there, as an archive. Raises NotFound, InvalidArgument, DataLoss, and what write raises."""
    await write_archive(ContentBlobs(services), images, write, contents)


async def write_archive(
    blobs: Blobs, images: Sequence[tuple[str, Descriptor]], write: Sink, contents: Contents = EVERYTHING
) -> None:
    """Write images as an archive, wherever their blobs are; one without a name has none there. Raises what ``export_images`` raises."""
    found = _Found(blobs, contents)
    for name, target in images:
        if target.media_type not in INDEX_TYPES | MANIFEST_TYPES:
            raise InvalidArgument(f'image "{name}" is of type "{target.media_type}": only manifests may be exported')
        await found.tree(target, name)
        await found.name(target, name)
    await _write(found, write)


@dataclass(slots=True)
class _Found:
    """What an archive of some images holds."""

    source: Blobs
    contents: Contents
    blobs: dict[str, Descriptor] = field(default_factory=dict)
    manifests: list[dict[str, Any]] = field(default_factory=list)
    docker: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def tree(self, d: Descriptor, name: str, is_image: bool = True) -> None:
        """Note what a descriptor leads to. What only refers to an image is none that docker would run."""
        document = parse_document(await self.source.document(d), d.media_type)
        self.blobs[d.digest] = d
        if self.contents.referrers:
            await self._referrers(d)
        if isinstance(document, Index):
            for child in await self._children(document):
                await self.tree(child, name)
            return
        layers = [x for x in document.layers if self.contents.foreign or not any(w in x.media_type for w in _FOREIGN)]
        for child in (document.config, *layers):
            self.blobs[child.digest] = child
        if not is_image:
            return
        entry = self.docker.setdefault(
            d.digest,
            {
                "Config": blob_path(document.config.digest),
                "RepoTags": [],
                "Layers": [blob_path(x.digest) for x in document.layers],
            },
        )
        if name:
            entry["RepoTags"].append(name)

    async def _referrers(self, d: Descriptor) -> None:
        """Note what refers to a manifest."""
        for one in await self.source.referrers(d):
            if one.descriptor.digest in self.blobs:
                continue
            await self.tree(one.descriptor, "", is_image=False)
            self.manifests.append({**one.written(), "annotations": {**one.annotations, SUBJECT: d.digest}})

    async def _children(self, index: Index) -> list[Descriptor]:
        if self.contents.all_platforms:
            return index.manifests
        if not self.contents.platforms:
            return [child for child in index.manifests if await self.source.has(child)]
        chosen: dict[str, Descriptor] = {}
        missing: NotFound | None = None
        for platform in self.contents.platforms:
            try:
                child = await choose(index, platform, self.source.document)
            except NotFound as error:
                missing = error
            else:
                chosen[child.digest] = child
        if missing is not None and not chosen:
            raise missing
        return list(chosen.values())

    async def name(self, d: Descriptor, name: str) -> None:
        """Note under which name an image is in the archive."""
        annotations = await self.source.annotations(d)
        if name:
            annotations |= {IMAGE_NAME: name, REF_NAME: _tag(name)}
        self.manifests.append(
            {"mediaType": d.media_type, "digest": d.digest, "size": d.size, "annotations": dict(sorted(annotations.items()))}
        )


def _tag(name: str) -> str:
    try:
        return Reference.parse(name).tag or name
    except InvalidArgument:
        return name.rpartition(":")[2]


def _header(name: str, size: int, mode: int = 0o644, kind: bytes = tarfile.REGTYPE) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.type = size, mode, kind
    return entry.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


async def _write(found: _Found, write: Sink) -> None:
    """Write the members in the order of their names: directories and blobs, then what says what they are."""
    members: dict[str, Callable[[], Awaitable[None]]] = {}
    for d in found.blobs.values():
        path = blob_path(d.digest)
        for folder in ("blobs/", path[: path.rindex("/") + 1]):
            members[folder] = partial(write, _header(folder, 0, 0o755, tarfile.DIRTYPE))
        members[path] = partial(_blob, found.source, d, write)
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": found.manifests}
    texts: list[tuple[str, Any, int]] = [
        ("index.json", index, 0o644),
        ("oci-layout", {"imageLayoutVersion": "1.0.0"}, 0o444),
    ]
    if found.contents.docker:
        texts.append(("manifest.json", list(found.docker.values()), 0o644))
    for name, said, mode in texts:
        data = json.dumps(said).encode()
        members[name] = partial(write, _header(name, len(data), mode) + data + _padding(len(data)))
    for name in sorted(members):
        await members[name]()
    await write(_NO_MORE)


async def _blob(source: Blobs, d: Descriptor, write: Sink) -> None:
    """Write one blob. Raises NotFound; DataLoss when it is not as long as it was said to be."""
    size, done = await source.size(d), 0
    await write(_header(blob_path(d.digest), size, 0o444))
    async for data in source.fetch(d):
        done += len(data)
        if done > size:
            break
        await write(data)
    if done != size:
        raise DataLoss(f"{d.digest} has other bytes than the {size} that its store says")
    await write(_padding(size))
