"""An image from a source to a sink that takes it blob by blob: each passes through in pieces, and no copy is kept.

Blobs go first, side by side, then the documents, each after what it names; so what can be seen at the sink is whole.
"""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import anyio

from argosy.client.jobs import together
from argosy.client.progress import Progress
from argosy.client.transfers.ends import ImageSink, ImageSource, Wish
from argosy.errors import ArgosyError, InvalidArgument, NotFound
from argosy.oci.image import (
    INDEX_TYPES,
    MAX_CHILDREN,
    MAX_DEPTH,
    MAX_MANIFEST_BYTES,
    Descriptor,
    Index,
    Platform,
    kind,
    parse_document,
)
from argosy.oci.passing import checked
from argosy.oci.platforms import choose, is_for

_PARALLEL: Final = 4


class BlobSink(ImageSink):
    """Takes an image blob by blob, and its documents by themselves."""

    registry: str = ""
    """The registry that it is in, for sources that know what else is there."""
    repository: str = ""

    @abc.abstractmethod
    async def has(self, d: Descriptor) -> bool:
        """Return whether a blob is there."""

    @abc.abstractmethod
    async def put_blob(self, d: Descriptor, body: Callable[[], AsyncIterator[bytes]], origin: str) -> bool:
        """Take a blob; body is asked for its bytes again where they have to be sent again. Returns whether it came from origin, a repository next to this one."""

    @abc.abstractmethod
    async def put_document(self, d: Descriptor, data: bytes, is_top: bool) -> None:
        """Take a manifest or an index whose children are there. The top one is what the image's name stands for from now on."""

    async def take_image(self, source: ImageSource, wish: Wish) -> Descriptor:
        return await copy_image(source, self, wish)


async def copy_image(source: ImageSource, sink: BlobSink, wish: Wish, target: Descriptor | None = None) -> Descriptor:
    """Copy an image; return what it is. With platforms, manifests of an index that are for others are left out. Raises NotFound, DataLoss, InvalidArgument."""
    top = await source.resolve() if target is None else target
    if wish.alone:
        top = await _alone(source, top, wish.platforms)
    await _Copy(source, sink, wish).tree(top)
    return top


class _Copy:
    """One image on its way."""

    def __init__(self, source: ImageSource, sink: BlobSink, wish: Wish) -> None:
        self._source, self._sink, self._wish, self._watch = source, sink, wish, wish.watch
        self._limit = anyio.Semaphore(_PARALLEL)
        self._documents = 0
        self._taken: set[str] = set()
        """The digests of documents that the sink has."""
        self._refused: list[ArgosyError] = []
        """What the sink has said no with: what it does not find is no platform that the source lacks."""

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Ask the sink in the block."""
        try:
            yield
        except ArgosyError as error:
            self._refused.append(error)
            raise

    async def tree(self, d: Descriptor, parents: tuple[str, ...] = (), depth: int = 0) -> None:
        """Copy a manifest or an index, what it names before it, and what refers to it after it."""
        self._documents += 1
        if depth > MAX_DEPTH or self._documents > MAX_CHILDREN:
            raise InvalidArgument(f"an image with indexes {MAX_DEPTH} deep or {MAX_CHILDREN} manifests is refused")
        if d.size > MAX_MANIFEST_BYTES:
            raise InvalidArgument(f"{kind(d)} {d.digest} has {d.size} bytes; more than {MAX_MANIFEST_BYTES} are refused")
        ref = f"{kind(d)}-{d.digest}"
        data = await self._source.document(d)
        self._watch(Progress(ref, "waiting", 0, d.size, d, parents))
        document = parse_document(data, d.media_type)
        if isinstance(document, Index):
            await self._children(document, ref, depth)
        else:
            async with together() as group:
                for child in {c.digest: c for c in (document.config, *document.layers)}.values():
                    group.start_soon(self._blob, child, ref)
        with self._told():
            await self._sink.put_document(d, data, not parents)
        self._watch(Progress(ref, "done", d.size, d.size, d, parents))
        self._taken.add(d.digest)
        for one in await self._source.referrers(d):
            if one.descriptor.digest not in self._taken:
                await self.tree(one.descriptor, (ref,), depth + 1)

    async def _children(self, index: Index, ref: str, depth: int) -> None:
        """Copy what an index names, for the platforms that are wanted; of those a source may lack some."""
        came, lacking = False, None
        for child in index.manifests:
            if not is_for(child, self._wish.platforms):
                continue
            try:
                await self.tree(child, (ref,), depth + 1)
                came = True
            except NotFound as error:
                if not self._source.may_lack or error in self._refused:
                    raise
                lacking = error
        if lacking is not None and not came:
            raise lacking  # of what is wanted nothing is there

    async def _blob(self, d: Descriptor, parent: str) -> None:
        ref, parents = f"{kind(d)}-{d.digest}", (parent,)
        self._watch(Progress(ref, "waiting", 0, d.size, d, parents))
        async with self._limit:
            with self._told():
                has = await self._sink.has(d)
            if has:
                self._watch(Progress(ref, "exists", d.size, d.size, d, parents))
                return
            came = await self._sent(d, ref)
            self._watch(Progress(ref, "exists" if came else "done", d.size, d.size, d, parents))

    async def _sent(self, d: Descriptor, ref: str) -> bool:
        """Give a blob to the sink; return whether that had it from a repository next to it. Raises what the source, else what the sink says."""
        source, sink = self._source, self._sink
        failed: list[ArgosyError] = []

        async def body() -> AsyncIterator[bytes]:
            failed.clear()
            sent = 0
            try:
                async for piece in checked(d, source.fetch(d)):
                    sent += len(piece)
                    self._watch(Progress(ref, "uploading", sent, d.size, d))
                    yield piece
            except ArgosyError as error:
                failed.append(error)
                raise

        try:
            origin = await source.origin(d, sink.registry, sink.repository) if sink.registry else ""
            return await sink.put_blob(d, body, origin)
        except ArgosyError as error:
            # A sink that was cut off by its source knows that it was, and not why.
            self._refused.extend([] if failed else [error])
            raise (failed or [error])[0] from error


async def _alone(source: ImageSource, d: Descriptor, platforms: Sequence[Platform]) -> Descriptor:
    """Return the manifest of an image for the first of the platforms. Raises NotFound, InvalidArgument."""
    for _ in range(MAX_DEPTH):
        document = parse_document(await source.document(d), d.media_type) if d.media_type in INDEX_TYPES else None
        if not isinstance(document, Index):
            return d
        d = await choose(document, platforms[0], source.document)
    raise InvalidArgument(f"an image with indexes {MAX_DEPTH} deep is refused")
