"""What a transfer goes from, and what it goes to: a source says what it can give, a sink what it takes, and that decides what each pair does.

    gives                       is taken as                                     by
    an image   ImageSource      the same image: its documents and blobs         ImageSink
    bytes      ByteSource       the same bytes, which nobody looks into         ByteSink
    an archive ArchiveSource    one of the images that it holds, or all         ImageSink
    a tree     TreeSource       directories and files                           TreeSink
    a tree                      its tar stream                                  ByteSink
    bytes                       a tar stream with a tree in it                  TreeSink

An end may be several of these: a file with an archive of images gives bytes, too. What comes first in the table is done, and a pair that is not in it is
not served.
"""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from argosy.client.progress import Watch, nobody
from argosy.errors import DataLoss, Unimplemented
from argosy.oci.image import MAX_MANIFEST_BYTES, Descriptor, Platform
from argosy.oci.passing import checked, ended
from argosy.oci.referrer import Referrer


class NotServed(Unimplemented):
    """Raised for a pair that nothing is done for."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a transfer. Without platforms, all of an image."""

    platforms: Sequence[Platform] = ()
    watch: Watch = nobody
    alone: bool = False
    """Of the first platform the image by itself where it goes blob by blob, and no index of it."""


class Source(abc.ABC):
    """Where a transfer goes from."""

    called: str
    """How messages call it."""


class Sink(abc.ABC):
    """Where a transfer goes to."""

    called: str
    """How messages call it."""


class ImageSource(Source):
    """One image somewhere: what its name stands for, its documents and its blobs, each of which may be asked for from any byte on."""

    may_lack: bool = False
    """Whether manifests of an index may be missing here, and the image be whole all the same."""

    @abc.abstractmethod
    async def resolve(self) -> Descriptor:
        """Return the index or manifest that it is now. Raises NotFound, Unavailable, and what it is refused with."""

    @abc.abstractmethod
    def fetch(self, d: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        """Yield the bytes of one of its documents or blobs from offset on. A generator is closed when its reader ends early. Raises NotFound."""

    async def origin(self, d: Descriptor, registry: str, beside: str) -> str:
        """Return a repository of a registry that has a blob already, beside the one that it goes to; "" for none that is known."""
        return ""

    async def has(self, d: Descriptor) -> bool:
        """Return whether a manifest of an index is here, where some may be missing."""
        return True

    async def size(self, d: Descriptor) -> int:
        """Return how many bytes a blob has here."""
        return d.size

    async def annotations(self, d: Descriptor) -> dict[str, str]:
        """Return what an archive is to say of where it came from."""
        return {}

    async def referrers(self, d: Descriptor) -> list[Referrer]:
        """Return what goes along with a manifest because it refers to it: what is kept here with it."""
        return []

    async def document(self, d: Descriptor) -> bytes:
        """Return an index, a manifest or a config whole. Raises DataLoss for other bytes than its descriptor says."""
        data = bytearray()
        async for piece in checked(d, self.fetch(d)):
            data += piece
            if len(data) > MAX_MANIFEST_BYTES:
                raise DataLoss(f"{d.digest} is larger than {MAX_MANIFEST_BYTES} bytes, and no document")
        return bytes(data)


class Known(ImageSource):
    """A source that was asked already what its image is: its name may be another's by now."""

    def __init__(self, source: ImageSource, target: Descriptor) -> None:
        self._source, self._target = source, target
        self.called, self.may_lack = source.called, source.may_lack

    async def resolve(self) -> Descriptor:
        return self._target

    def fetch(self, d: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        return self._source.fetch(d, offset)

    async def origin(self, d: Descriptor, registry: str, beside: str) -> str:
        return await self._source.origin(d, registry, beside)

    async def has(self, d: Descriptor) -> bool:
        return await self._source.has(d)

    async def size(self, d: Descriptor) -> int:
        return await self._source.size(d)

    async def annotations(self, d: Descriptor) -> dict[str, str]:
        return await self._source.annotations(d)

    async def referrers(self, d: Descriptor) -> list[Referrer]:
        return await self._source.referrers(d)

    async def document(self, d: Descriptor) -> bytes:
        return await self._source.document(d)


class ArchiveSource(Source):
    """An archive, which may hold several images; a sink that takes one image takes the only one."""

    @abc.abstractmethod
    def image(self) -> AbstractAsyncContextManager[ImageSource]:
        """Yield the image that is meant, which is the only one where nothing says which. Raises InvalidArgument where it can't be told, NotFound."""


class ByteSource(Source):
    """Bytes that are read once, from the first to the last."""

    @abc.abstractmethod
    def read(self) -> AsyncIterator[bytes]:
        """Yield them in pieces of any size. Raises Unavailable and Cancelled where whoever gives them is gone."""


class TreeSource(Source):
    """Directories and files: of a snapshot, of a container."""

    @abc.abstractmethod
    def tar(self) -> AsyncIterator[bytes]:
        """Yield them as a tar stream."""


class ImageSink(Sink):
    """Takes one image, whole or not at all: its name stands for it when everything is there."""

    @abc.abstractmethod
    async def take_image(self, source: ImageSource, wish: Wish) -> Descriptor:
        """Return what the image is there. Raises what either end refuses."""

    async def take_archive(self, source: ArchiveSource, wish: Wish) -> Descriptor | None:
        """Take what an archive holds: the only image in it. Raises InvalidArgument where there are more."""
        async with source.image() as image:
            return await self.take_image(image, wish)


class ByteSink(Sink):
    """Takes bytes."""

    @abc.abstractmethod
    async def take_bytes(self, pieces: AsyncIterator[bytes], wish: Wish) -> None:
        """Return when they are there, and stay. What is cut off leaves nothing that has a name."""


class TreeSink(Sink):
    """Takes directories and files."""

    @abc.abstractmethod
    async def untar(self, pieces: AsyncIterator[bytes], wish: Wish) -> None:
        """Take a tree as a tar stream. Raises InvalidArgument for what is none."""


def way(source: type[Source], sink: type[Sink]) -> Callable[[Any, Any, Wish], Awaitable[Descriptor | None]] | None:
    """Return what is done for a pair of ends of these classes; None for one that is not served."""
    gives, takes = partial(issubclass, source), partial(issubclass, sink)
    for given, taken, done in _WAYS:
        if gives(given) and takes(taken):
            return done
    return None


async def transfer(source: Source, sink: Sink, wish: Wish) -> Descriptor | None:
    """Do what a pair stands for; return the image that was transferred, if it was one. Raises NotServed, and what comes of it.

    Cancelling ends all that was begun.
    """
    done = way(type(source), type(sink))
    if done is None:
        gives = " and ".join(dict.fromkeys(_WORDS[given] for given, _, _ in _WAYS if isinstance(source, given)))
        takes = " and ".join(dict.fromkeys(_WORDS[taken] for _, taken, _ in _WAYS if isinstance(sink, taken)))
        raise NotServed(f"{source.called} gives {gives}, and {sink.called} takes {takes}")
    return await done(source, sink, wish)


async def _image(source: ImageSource, sink: ImageSink, wish: Wish) -> Descriptor:
    return await sink.take_image(source, wish)


async def _bytes(source: ByteSource, sink: ByteSink, wish: Wish) -> None:
    async with ended(source.read()) as pieces:
        await sink.take_bytes(pieces, wish)


async def _archive(source: ArchiveSource, sink: ImageSink, wish: Wish) -> Descriptor | None:
    return await sink.take_archive(source, wish)


async def _tree(source: TreeSource, sink: TreeSink, wish: Wish) -> None:
    async with ended(source.tar()) as pieces:
        await sink.untar(pieces, wish)


async def _packed(source: TreeSource, sink: ByteSink, wish: Wish) -> None:
    async with ended(source.tar()) as pieces:
        await sink.take_bytes(pieces, wish)


async def _unpacked(source: ByteSource, sink: TreeSink, wish: Wish) -> None:
    async with ended(source.read()) as pieces:
        await sink.untar(pieces, wish)


# The table at the top of this module.
_WAYS: Final[Sequence[tuple[type[Source], type[Sink], Callable[[Any, Any, Wish], Awaitable[Descriptor | None]]]]] = (
    (ImageSource, ImageSink, _image),
    (ByteSource, ByteSink, _bytes),
    (ArchiveSource, ImageSink, _archive),
    (TreeSource, TreeSink, _tree),
    (TreeSource, ByteSink, _packed),
    (ByteSource, TreeSink, _unpacked),
)
_WORDS: Final[Mapping[type[Source] | type[Sink], str]] = {
    ImageSource: "an image", ArchiveSource: "an archive of images", ByteSource: "bytes", TreeSource: "a tree",
    ImageSink: "an image", ByteSink: "bytes", TreeSink: "a tree",
}  # fmt: skip
