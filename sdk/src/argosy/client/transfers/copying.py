"""An image from a source to a sink that takes it blob by blob: each passes through in pieces, and no copy is kept.

Blobs go first, side by side, then the documents, each after what it names; so what can be seen at the sink is whole.
"""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import anyio

from argosy.client.images.documents import kind
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
    watch, limit = wish.watch, anyio.Semaphore(_PARALLEL)
    documents = 0
    taken: set[str] = set()
    refused: list[ArgosyError] = []
    """What the sink has said no with."""

    @contextmanager
    def told() -> Iterator[None]:
        try:
            yield
        except ArgosyError as error:
            refused.append(error)
            raise

    async def origin(d: Descriptor) -> str:
        return await source.origin(d, sink.registry, sink.repository) if sink.registry else ""

    async def blob(d: Descriptor, parent: str) -> None:
        ref, parents = f"{kind(d)}-{d.digest}", (parent,)
        watch(Progress(ref, "waiting", 0, d.size, d, parents))
        async with limit:
            with told():
                has = await sink.has(d)
            if has:
                watch(Progress(ref, "exists", d.size, d.size, d, parents))
                return

            failed: list[ArgosyError] = []

            async def body() -> AsyncIterator[bytes]:
                failed.clear()
                sent = 0
                try:
                    async for piece in checked(d, source.fetch(d)):
                        sent += len(piece)
                        watch(Progress(ref, "uploading", sent, d.size, d))
                        yield piece
                except ArgosyError as error:
                    failed.append(error)
                    raise

            try:
                came = await sink.put_blob(d, body, await origin(d))
            except ArgosyError as error:
                # A sink that was cut off by its source knows that it was, and not why.
                refused.extend([] if failed else [error])
                raise (failed or [error])[0] from error
            watch(Progress(ref, "exists" if came else "done", d.size, d.size, d, parents))

    async def tree(d: Descriptor, parents: tuple[str, ...] = (), depth: int = 0) -> None:
        nonlocal documents
        documents += 1
        if depth > MAX_DEPTH or documents > MAX_CHILDREN:
            raise InvalidArgument(f"an image with indexes {MAX_DEPTH} deep or {MAX_CHILDREN} manifests is refused")
        if d.size > MAX_MANIFEST_BYTES:
            raise InvalidArgument(f"{kind(d)} {d.digest} has {d.size} bytes; more than {MAX_MANIFEST_BYTES} are refused")
        ref = f"{kind(d)}-{d.digest}"
        data = await source.document(d)
        watch(Progress(ref, "waiting", 0, d.size, d, parents))
        document = parse_document(data, d.media_type)
        if isinstance(document, Index):
            came, lacking = False, None
            for child in document.manifests:
                if not is_for(child, wish.platforms):
                    continue
                try:
                    await tree(child, (ref,), depth + 1)
                    came = True
                except NotFound as error:
                    # What the sink does not find is no platform that the source lacks.
                    if not source.may_lack or error in refused:
                        raise
                    lacking = error
            if lacking is not None and not came:
                raise lacking  # of what is wanted nothing is there
        else:
            async with together() as group:
                for child in {c.digest: c for c in (document.config, *document.layers)}.values():
                    group.start_soon(blob, child, ref)
        with told():
            await sink.put_document(d, data, not parents)
        watch(Progress(ref, "done", d.size, d.size, d, parents))
        taken.add(d.digest)
        for one in await source.referrers(d):
            if one.descriptor.digest not in taken:
                await tree(one.descriptor, (ref,), depth + 1)

    await tree(top)
    return top


async def _alone(source: ImageSource, d: Descriptor, platforms: Sequence[Platform]) -> Descriptor:
    """Return the manifest of an image for the first of the platforms. Raises NotFound, InvalidArgument."""
    for _ in range(MAX_DEPTH):
        document = parse_document(await source.document(d), d.media_type) if d.media_type in INDEX_TYPES else None
        if not isinstance(document, Index):
            return d
        d = await choose(document, platforms[0], source.document)
    raise InvalidArgument(f"an image with indexes {MAX_DEPTH} deep is refused")
