"""Image archives and folders with an OCI layout: read as images blob by blob, and archives written of an image from anywhere.

What docker saves has no manifest: one is made of its parts, as an import makes it, and not written anywhere.
"""

from __future__ import annotations

import abc
import json
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Final

import anyio
import anyio.to_thread

from argosy.client.content import CHUNK
from argosy.client.files import appearing, naming
from argosy.client.images.documents import blob_path
from argosy.client.images.exporting import Contents, write_archive
from argosy.client.images.importing import digest_of, written
from argosy.client.images.naming import IMAGE_NAME, REF_NAME
from argosy.client.images.referrers import SUBJECT
from argosy.client.members import Archive, Part
from argosy.client.progress import Progress, Watch
from argosy.client.sources import Folder, Source, opened, pieces_of, pipe
from argosy.client.transfers.ends import ArchiveSource, ByteSink, ByteSource, ImageSink, ImageSource, Wish
from argosy.digest import Digest
from argosy.errors import InvalidArgument, NotFound
from argosy.oci.image import (
    MAX_CONFIG_BYTES,
    MAX_MANIFEST_BYTES,
    Descriptor,
    Index,
    kind,
    parse_config,
    parse_docker_listing,
    parse_document,
)
from argosy.oci.passing import checked
from argosy.oci.referrer import Referrer

_SHOWN: Final = 5


@dataclass
class _Held:
    """An archive that was looked through: the images in it, and where the blobs of what docker saved are."""

    archive: Archive | Folder
    images: list[Descriptor]
    parts: dict[str, str] = field(default_factory=dict)
    """By digest: the member that holds it, where its name does not say so."""
    made: dict[str, bytes] = field(default_factory=dict)
    """By digest: a manifest that nobody wrote."""
    refer: dict[str, list[Referrer]] = field(default_factory=dict)
    """By digest: what refers to a manifest. None of that is an image of its own."""
    turn: anyio.Lock = field(default_factory=anyio.Lock)
    """One file is read from one place at a time; a compressed one would begin anew for each piece of another blob."""

    def _path(self, d: Descriptor) -> str:
        return self.parts.get(d.digest) or blob_path(d.digest)

    def has(self, d: Descriptor) -> bool:
        return d.digest in self.made or self._path(d) in self.archive

    def part(self, d: Descriptor) -> Part:
        """Raises NotFound."""
        if self._path(d) not in self.archive:
            raise NotFound(f"{d.digest} is not in it")
        return self.archive.member(self._path(d))

    async def fetch(self, d: Descriptor, offset: int) -> AsyncGenerator[bytes, None]:
        if d.digest in self.made:
            yield self.made[d.digest][offset:]
            return
        if isinstance(self.archive, Folder):
            async for piece in _pieces(self.part(d), offset):
                yield piece
            return
        async with self.turn:
            async for piece in _pieces(self.part(d), offset):
                yield piece


async def _pieces(part: Part, offset: int) -> AsyncIterator[bytes]:
    part.skip(offset)
    while data := await anyio.to_thread.run_sync(part.read, CHUNK):
        yield data


async def _held(archive: Archive | Folder) -> _Held:
    """Return what an archive holds. Raises InvalidArgument."""
    if "index.json" in archive:
        index = parse_document(archive.member("index.json").whole(MAX_MANIFEST_BYTES), "")
        if not isinstance(index, Index):
            raise InvalidArgument("its index.json is no index")
        held = _Held(archive, [d for d in index.manifests if SUBJECT not in d.annotations])
        for d in index.manifests:
            if subject := d.annotations.get(SUBJECT):
                said = {key: value for key, value in d.annotations.items() if key != SUBJECT}
                held.refer.setdefault(subject, []).append(Referrer(d, d.artifact_type, said))
        return held
    if "manifest.json" not in archive:
        raise InvalidArgument("it is neither an OCI nor a docker archive: it has no index.json or manifest.json")
    held = _Held(archive, [])
    known: dict[str, Descriptor] = {}
    """By member: images share their layers, and each is read once."""
    for entry in parse_docker_listing(archive.member("manifest.json").whole(MAX_MANIFEST_BYTES)):
        config = archive.member(entry.config).whole(MAX_CONFIG_BYTES)
        parse_config(config)
        top = Descriptor(
            media_type="application/vnd.docker.container.image.v1+json", digest=str(Digest.of(config)), size=len(config)
        )
        held.parts[top.digest] = entry.config
        layers = []
        for path in entry.layers:
            if path not in known:
                digest, size, compressed = await digest_of(archive.member(path))
                media = "application/vnd.docker.image.rootfs.diff.tar" + (".gzip" if compressed else "")
                held.parts[digest] = path
                known[path] = Descriptor(media_type=media, digest=digest, size=size)
            layers.append(known[path])
        body = {
            "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": written(top), "layers": [written(layer) for layer in layers],
        }  # fmt: skip
        data = json.dumps(body, sort_keys=True).encode()
        d = Descriptor(media_type=str(body["mediaType"]), digest=str(Digest.of(data)), size=len(data))
        held.made[d.digest] = data
        for tag in entry.repo_tags or [""]:
            held.images.append(
                Descriptor(
                    media_type=d.media_type, digest=d.digest, size=d.size, annotations={IMAGE_NAME: tag} if tag else {}
                )
            )
    return held


class ArchivedImage(ImageSource):
    """One image of an archive or a folder."""

    may_lack = True  # platforms that were left out when it was written

    def __init__(self, called: str, held: _Held, target: Descriptor) -> None:
        self.called, self._held, self._target = called, held, target

    async def resolve(self) -> Descriptor:
        return self._target

    def fetch(self, d: Descriptor, offset: int = 0) -> AsyncGenerator[bytes, None]:
        return self._held.fetch(d, offset)

    async def has(self, d: Descriptor) -> bool:
        return self._held.has(d)

    async def referrers(self, d: Descriptor) -> list[Referrer]:
        return self._held.refer.get(d.digest, [])


class _Images(ArchiveSource):
    """What holds images. It is opened with its use: whoever wants its bytes does not look into it."""

    def __init__(self, called: str, source: Source, name: str = "") -> None:
        """name is the image that is meant: what the archive calls it, its tag, or its digest. What yields bytes can be used once."""
        self.called, self.source, self._name = called, source, name

    @asynccontextmanager
    async def image(self) -> AsyncGenerator[ImageSource, None]:
        """What can be read only once is kept in an unnamed file until the end."""
        async with opened(self.source) as (archive, called, _):
            try:
                held = await _held(archive)
            except InvalidArgument as error:
                raise InvalidArgument(f"{called}: {error.message}") from error
            yield ArchivedImage(self.called, held, self._chosen(held))

    def _chosen(self, held: _Held) -> Descriptor:
        name, found = self._name, held.images
        if name:
            found = [d for d in found if name in (d.digest, d.annotations.get(REF_NAME), d.annotations.get(IMAGE_NAME))]
        if len({d.digest for d in found}) == 1:
            return found[0]
        have = [d.annotations.get(IMAGE_NAME) or d.annotations.get(REF_NAME) or d.digest for d in held.images]
        listed = ", ".join(have[:_SHOWN]) + (f" and {len(have) - _SHOWN} more" if len(have) > _SHOWN else "")
        if not found:
            raise NotFound(f"{self.called} has no image{f' {name}' if name else ''}; it has {listed or 'none'}")
        raise InvalidArgument(f"{self.called} holds {len(have)} images, and one is wanted: {listed}")


class ImageFolder(_Images):
    """A directory with an OCI layout, or with what docker saves."""

    def __init__(self, directory: Path, name: str = "") -> None:
        super().__init__(f"directory {directory}", directory, name)


class ImageArchive(_Images, ByteSource):
    """A tar file or a pipe with an archive of images, which is bytes, too."""

    def read(self) -> AsyncIterator[bytes]:
        if isinstance(self.source, Path):
            return _file(self.source)
        return self.source if isinstance(self.source, AsyncIterator) else pieces_of(self.source)


async def _file(path: Path) -> AsyncGenerator[bytes, None]:
    """Yield a file's bytes. Raises NotFound, InvalidArgument for what is neither a file nor a pipe; OSError."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"{path} does not exist") from None
    if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
        raise InvalidArgument(f"{path} is neither a file nor a pipe: it has no bytes")
    with pipe(path) if stat.S_ISFIFO(mode) else path.open("rb") as file:
        async for piece in pieces_of(file):
            yield piece


class ArchiveSink(ImageSink, ByteSink):
    """Takes an image as an archive, or bytes as they are."""

    image_name = ""
    """What the archive calls its image."""
    contents = Contents(all_platforms=True)

    @abc.abstractmethod
    def opened(self, is_archive: bool) -> AbstractAsyncContextManager[Callable[[bytes], Awaitable[None]]]:
        """Yield what takes the next bytes, and returns when more may come. When the block ends well all of it is there."""

    async def take_image(self, source: ImageSource, wish: Wish) -> Descriptor:
        target = await source.resolve()
        contents = replace(self.contents, platforms=wish.platforms, all_platforms=not wish.platforms and not source.may_lack)
        async with self.opened(True) as write:
            await write_archive(Watched(source, wish.watch), [(self.image_name, target)], write, contents)
        return target

    async def take_bytes(self, pieces: AsyncIterator[bytes], wish: Wish) -> None:
        async with self.opened(False) as write:
            async for piece in pieces:
                await write(piece)


class ArchiveFile(ArchiveSink):
    """A file, which appears when it is complete; a pipe or a device."""

    def __init__(self, path: Path, image_name: str = "") -> None:
        self.called, self._path, self.image_name = f"file {path}", path, image_name

    @asynccontextmanager
    async def opened(self, is_archive: bool) -> AsyncGenerator[Callable[[bytes], Awaitable[None]], None]:
        """Raises OSError."""
        async with appearing(self._path) as write:
            yield write


class Output(ArchiveSink):
    """Standard output, or another stream that is open."""

    def __init__(self, stream: IO[bytes], called: str, image_name: str = "") -> None:
        self.called, self._stream, self.image_name = called, stream, image_name

    @asynccontextmanager
    async def opened(self, is_archive: bool) -> AsyncGenerator[Callable[[bytes], Awaitable[None]], None]:
        async def write(data: bytes) -> None:
            with naming(self.called):
                await anyio.to_thread.run_sync(self._stream.write, data)

        yield write
        with naming(self.called):
            await anyio.to_thread.run_sync(self._stream.flush)


class Watched:
    """The blobs of a source while an archive is written of them: each is checked, and told of."""

    def __init__(self, source: ImageSource, watch: Watch) -> None:
        self._source, self._watch = source, watch
        self.document, self.has, self.size, self.annotations = source.document, source.has, source.size, source.annotations
        self.referrers = source.referrers

    async def fetch(self, d: Descriptor) -> AsyncGenerator[bytes, None]:
        ref, sent = f"{kind(d)}-{d.digest}", 0
        async for piece in checked(d, self._source.fetch(d)):
            sent += len(piece)
            self._watch(Progress(ref, "uploading", sent, d.size, d))
            yield piece
        self._watch(Progress(ref, "done", d.size, d.size, d))
