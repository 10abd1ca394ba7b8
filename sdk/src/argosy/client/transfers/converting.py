"""An image with its layers in another form: compressed otherwise, or not at all, or as EROFS images. The layers hold the same.

What a layer becomes has to be known before the manifest that names it, so converted layers are in unnamed files until the transfer's end.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import IO, Final

import anyio.to_thread
from anyio import from_thread

from argosy.client import scratch
from argosy.client.content import CHUNK
from argosy.client.progress import Progress
from argosy.client.rewriting import Made, Part, Rewriting, Workshop
from argosy.client.transfers.ends import ArchiveSource, ImageSource, Source, Wish
from argosy.errors import InvalidArgument
from argosy.oci.image import Descriptor, kind
from argosy.oci.layers import FORMS, OPENED, in_form, is_encrypted, oci_type
from argosy.oci.passing import checked
from argosy.plugin.diff.packing import Compared, repack
from argosy.unpack.inflate import inflate
from argosy.unpack.limits import Budget

# What a thread does before it says how far it is.
_STEP_BYTES: Final = 8 << 20
# What is written anew is in memory: far more than the documents of any image.
_MAX_DOCUMENTS_BYTES: Final = 64 << 20


class Converted(ArchiveSource):
    """A source's image with layers of one form. Layers that have it, and what is no layer that is known, stay as they are."""

    def __init__(self, source: Source, form: str, wish: Wish) -> None:
        """Raises InvalidArgument for a form that is none, and a source that gives no image."""
        if form not in FORMS:
            raise InvalidArgument(f'layers can be {", ".join(FORMS)}, and not "{form}"')
        if not isinstance(source, (ImageSource, ArchiveSource)):
            raise InvalidArgument(f"{source.called} is no image, and has no layers")
        self._source, self._form, self._wish = source, form, wish
        self.called = source.called

    @asynccontextmanager
    async def image(self) -> AsyncGenerator[ImageSource, None]:
        async with AsyncExitStack() as stack:
            source = self._source
            if isinstance(source, ArchiveSource):
                source = await stack.enter_async_context(source.image())
            assert isinstance(source, ImageSource)
            work = _Work(source, self._form, self._wish, stack)
            rewriting = Rewriting(work, self._wish.platforms)
            yield _Image(source, work, await rewriting.tree(await source.resolve()))


class _Work(Workshop):
    """One image's conversion: the documents that were made, and the files of the layers."""

    def __init__(self, source: ImageSource, form: str, wish: Wish, stack: AsyncExitStack) -> None:
        self._source, self._form, self._wish, self._stack = source, form, wish, stack
        self.called = source.called
        self._made: dict[str, tuple[Compared, str]] = {}
        """By digest: what a layer became, and the digest of what was in it."""
        self.documents: dict[str, bytes] = {}
        self.layers: dict[str, IO[bytes]] = {}

    async def read(self, d: Descriptor) -> bytes:
        return await self._source.document(d)

    async def keep(self, d: Descriptor, data: bytes, names: Mapping[str, str]) -> None:
        self.documents[d.digest] = data
        if sum(map(len, self.documents.values())) > _MAX_DOCUMENTS_BYTES:
            raise InvalidArgument(
                f"{self.called} has more than {_MAX_DOCUMENTS_BYTES} bytes of manifests; convert it for fewer platforms"
            )

    async def lacks(self, d: Descriptor) -> bool:
        return self._source.may_lack

    async def make(self, part: Part) -> Made | None:
        layer = part.layer
        if is_encrypted(layer.media_type):
            raise InvalidArgument(f"layer {layer.digest} is encrypted, and can't be converted; decrypt it first")
        media_type = in_form(layer.media_type, self._form)
        if layer.media_type not in OPENED or media_type == oci_type(layer.media_type):
            return None
        if layer.digest not in self._made:
            file = self._stack.enter_context(scratch.unnamed())
            made, _ = self._made[layer.digest] = await self._converted(part, file, media_type)
            self.layers[made.digest] = file
        made, held = self._made[layer.digest]
        now = Descriptor(media_type=media_type, digest=made.digest, size=made.size)
        return Made.repacked(part, now, held, made.uncompressed)

    async def _converted(self, part: Part, out: IO[bytes], media_type: str) -> tuple[Compared, str]:
        """Write a layer in another form to a file. Raises InvalidArgument for a damaged one, ResourceExhausted, FailedPrecondition."""
        d, watch = part.layer, self._wish.watch
        with scratch.unnamed() as raw:
            async for piece in checked(d, self._source.fetch(d)):
                await anyio.to_thread.run_sync(raw.write, piece)
            raw.seek(0)

            def said() -> Iterator[bytes]:
                """Yield what is inflated. Ends with whoever waits for it."""
                done = 0
                for chunk in inflate(raw):
                    from_thread.check_cancelled()
                    done += len(chunk)
                    if done >= _STEP_BYTES:
                        done = 0
                        from_thread.run_sync(
                            watch, Progress(f"{kind(d)}-{d.digest}", "importing", min(raw.tell(), d.size), d.size, d)
                        )
                    yield chunk

            def work() -> tuple[Compared, str]:
                budget = Budget(layer=f"layer {d.digest}", packed=d.size)
                made = repack(said(), d.media_type, out, media_type, scratch.folder(), budget, blob=raw)
                out.flush()
                return made

            return await anyio.to_thread.run_sync(work)


class _Image(ImageSource):
    """What was converted, and from the source what was not."""

    def __init__(self, source: ImageSource, work: _Work, target: Descriptor) -> None:
        self._source, self._work, self._target = source, work, target
        self.called, self.may_lack = source.called, source.may_lack

    async def resolve(self) -> Descriptor:
        return self._target

    async def fetch(self, d: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        if d.digest in self._work.documents:
            yield self._work.documents[d.digest][offset:]
        elif d.digest in self._work.layers:
            fd, at = self._work.layers[d.digest].fileno(), offset
            while data := await anyio.to_thread.run_sync(os.pread, fd, CHUNK, at):
                at += len(data)
                yield data
        else:
            async for piece in self._source.fetch(d, offset):
                yield piece

    async def origin(self, d: Descriptor, registry: str, beside: str) -> str:
        is_new = d.digest in self._work.documents or d.digest in self._work.layers
        return "" if is_new else await self._source.origin(d, registry, beside)

    async def has(self, d: Descriptor) -> bool:
        return d.digest in self._work.documents or await self._source.has(d)
