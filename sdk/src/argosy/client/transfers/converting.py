"""An image with its layers in another form: compressed otherwise, or not at all. The layers hold the same, and so does the config.

What a layer becomes has to be known before the manifest that names it, so converted layers are in unnamed files until the transfer's end.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import IO, Any, Final

import anyio
import anyio.to_thread

from argosy.client.content import CHUNK
from argosy.client.images.documents import kind
from argosy.client.jobs import together
from argosy.client.progress import Progress, Watch
from argosy.client.transfers.copying import is_for
from argosy.client.transfers.ends import ArchiveSource, ImageSource, Source, Wish
from argosy.digest import Digest, hasher
from argosy.errors import DataLoss, InvalidArgument, NotFound
from argosy.oci.image import MAX_CHILDREN, MAX_DEPTH, Descriptor, Index, parse_config, parse_document
from argosy.oci.passing import checked
from argosy.plugin.diff.compare import compressor
from argosy.unpack.inflate import inflate
from argosy.unpack.limits import Budget
from argosy.unpack.types import TAR

FORMS: Final = ("uncompressed", "gzip", "zstd")
_DOCKER: Final = "application/vnd.docker.image.rootfs.diff.tar"
# What a layer's type ends in, of OCI and of docker, by its form.
_ENDS: Final = {"uncompressed": ("", ""), "gzip": ("+gzip", ".gzip"), "zstd": ("+zstd", ".zstd")}
# Each takes a processor for itself.
_AT_ONCE: Final = 2
# What a thread does before it can be told to stop.
_STEP_BYTES: Final = 8 << 20


def form_of(media_type: str) -> tuple[str, str]:
    """Return the form of a layer, and what its type begins with; two empty strings for what is no tar."""
    for form, (oci, docker) in _ENDS.items():
        if media_type in (TAR + oci, _DOCKER + docker):
            return form, TAR if media_type.startswith(TAR) else _DOCKER
    return "", ""


class Converted(ArchiveSource):
    """A source's image with layers of one form. Layers that have it, and what is no tar, stay as they are."""

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
            yield _Image(source, work, await work.tree(await source.resolve()))


class _Work:
    """One image's conversion: the documents that were made, and the files of the layers."""

    def __init__(self, source: ImageSource, form: str, wish: Wish, stack: AsyncExitStack) -> None:
        self._source, self._form, self._wish, self._stack = source, form, wish, stack
        self._limit = anyio.Semaphore(_AT_ONCE)
        self._became: dict[str, dict[str, Any]] = {}
        """By digest: what a layer or a document is now."""
        self.documents: dict[str, bytes] = {}
        self.layers: dict[str, IO[bytes]] = {}
        self._seen: set[str] = set()
        self._count = 0

    async def tree(self, d: Descriptor, depth: int = 0) -> Descriptor:
        """Convert all below a document; return what it is now. Raises InvalidArgument, DataLoss, NotFound."""
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_CHILDREN:
            raise InvalidArgument(f"an image with indexes {MAX_DEPTH} deep or {MAX_CHILDREN} manifests is refused")
        data = await self._source.document(d)
        document, said = parse_document(data, d.media_type), json.loads(data)
        if isinstance(document, Index):
            for child in document.manifests:
                if is_for(child, self._wish.platforms):
                    try:
                        found = await self.tree(child, depth + 1)
                    except NotFound:
                        if not self._source.may_lack:
                            raise
                    else:
                        self._became[child.digest] = {"digest": found.digest, "size": found.size}
            said["manifests"] = [self._now(one) for one in said["manifests"]]
        else:
            config = parse_config(await self._source.document(document.config)) if document.layers else None
            diff_ids = config.rootfs.diff_ids if config is not None else []
            if len(diff_ids) != len(document.layers):
                diff_ids = [""] * len(document.layers)  # no image, but an artifact
            async with together() as group:
                for layer, diff_id in zip(document.layers, diff_ids, strict=True):
                    if layer.digest not in self._seen:
                        self._seen.add(layer.digest)
                        group.start_soon(self._layer, layer, diff_id)
            said["layers"] = [self._now(one) for one in said["layers"]]
        made = json.dumps(said, separators=(",", ":")).encode()
        if said == json.loads(data):
            made = data  # nothing of it was converted
        now = Descriptor(media_type=d.media_type, digest=str(Digest.of(made)), size=len(made))
        self.documents[now.digest] = made
        return now

    def _now(self, said: dict[str, Any]) -> dict[str, Any]:
        """Return a descriptor as it is now. What else says the digest of something that was converted says the new one."""
        changed = self._became.get(said["digest"], {})
        found = {key: value for key, value in said.items() if key != "urls" or not changed} | changed
        if found.get("annotations"):
            found["annotations"] = {
                key: self._became[value]["digest"] if value in self._became else value
                for key, value in found["annotations"].items()
            }
        return found

    async def _layer(self, d: Descriptor, diff_id: str) -> None:
        form, begins = form_of(d.media_type)
        if "encrypted" in d.media_type:
            raise InvalidArgument(f"layer {d.digest} is encrypted, and can't be converted; decrypt it first")
        if not form or form == self._form:
            return
        async with self._limit:
            file = await _converted(self._source, d, diff_id, self._form, self._stack, self._wish.watch)
        digest, size = await anyio.to_thread.run_sync(_digest_of, file)
        end = _ENDS[self._form][begins == _DOCKER]
        self.layers[digest] = file
        self._became[d.digest] = {"mediaType": begins + end, "digest": digest, "size": size}


async def _converted(
    source: ImageSource, d: Descriptor, diff_id: str, form: str, stack: AsyncExitStack, watch: Watch
) -> IO[bytes]:
    """Return a file with a layer in another form. Raises DataLoss where the layer is not what its config says, InvalidArgument for a damaged one."""
    ref = f"{kind(d)}-{d.digest}"
    out = stack.enter_context(_unnamed())
    with _unnamed() as raw:
        async for piece in checked(d, source.fetch(d)):
            await anyio.to_thread.run_sync(raw.write, piece)
        raw.seek(0)
        running, compressing = hasher(), compressor(TAR + _ENDS[form][0])
        budget, chunks = Budget(layer=f"layer {d.digest}", packed=d.size), inflate(raw)
        done = 0

        def step(chunks: Iterator[bytes]) -> bool:
            """Do some; return whether there is more."""
            nonlocal done
            begun = done
            for chunk in chunks:
                done += len(chunk)
                budget.inflated(done)
                running.update(chunk)
                out.write(compressing.compress(chunk))
                if done - begun >= _STEP_BYTES:
                    return True
            out.write(compressing.flush())
            return False

        while await anyio.to_thread.run_sync(step, chunks):
            watch(Progress(ref, "importing", min(raw.tell(), d.size), d.size, d))
    if diff_id and f"sha256:{running.hexdigest()}" != diff_id:
        raise DataLoss(f"layer {d.digest} holds sha256:{running.hexdigest()}, and its config says {diff_id}")
    return out


def _unnamed() -> IO[bytes]:
    return tempfile.TemporaryFile(dir=os.environ.get("TMPDIR") or ("/var/tmp" if os.access("/var/tmp", os.W_OK) else None))


def _digest_of(file: IO[bytes]) -> tuple[str, int]:
    file.flush()
    running, size = hasher(), 0
    while data := os.pread(file.fileno(), CHUNK, size):
        running.update(data)
        size += len(data)
    return f"sha256:{running.hexdigest()}", size


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
