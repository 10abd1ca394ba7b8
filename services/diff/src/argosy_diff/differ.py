"""The differ: a worker process a call, blobs from and to the owner's content service."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from argosy.errors import InvalidArgument, PermissionDenied, Unknown
from argosy.labels import UNCOMPRESSED
from argosy.mounting.kept import kept
from argosy.mounts import Mount
from argosy.oci.layers import EROFS, TAR, is_encrypted, is_erofs
from argosy.plugin.diff import Descriptor, Differ
from argosy.plugin.diff.compare import DEFAULT
from argosy.plugin.diff.contents import Contents, scratch_file
from argosy.plugin.diff.packing import Compared
from argosy.tables import StreamProcessor
from argosy.unpack.apply import Applied
from argosy_protos.containerd.services.mounts.v1 import MountsStub

from argosy_diff.decoders import check_only, given, is_decoder
from argosy_diff.processors import resolve, resolve_push
from argosy_diff.registered import Registered
from argosy_diff.workers import Workers


class WalkingDiffer(Differ):
    """Applies tar layers and compares trees by walking them. A call that is cancelled leaves no worker, mount or ingest."""

    def __init__(self, contents: Contents, scratch: Path, workers: Workers, processors: Registered) -> None:
        self._contents, self._scratch, self._workers = contents, scratch, workers
        self._processors = processors

    async def apply(
        self, layer: Descriptor, mounts: Sequence[Mount], payloads: Mapping[str, bytes], sync: bool
    ) -> Descriptor:
        processors = await self._processors.for_type(layer.media_type)
        blob = await self._contents.open(layer.digest, layer.size)
        try:
            size = os.fstat(blob.fileno()).st_size
            payloads = given([layer], payloads, processors)
            async with kept(MountsStub(self._contents.channel), "fs-diffapply", mounts) as rest:
                applied = await self._workers.apply(
                    blob, size, layer.media_type, rest, processors, payloads, sync, f"layer {layer.digest}"
                )
        finally:
            blob.close()
        return _applied(layer, applied)

    async def unpack(self, ref: str, layer: Descriptor, mounts: Sequence[Mount]) -> Descriptor | None:
        """Apply a layer while it comes, from the file of an ingest that the caller has open; None when that can't be done, and nothing was.

        Raises what ``apply`` raises, Aborted when the ingest's bytes were thrown away.
        """
        if layer.size < 0:
            raise InvalidArgument(f"layer {layer.digest} is said to have {layer.size} bytes; a layer has none or more")
        with self._workers.room_for_coming() as room:
            if not room or not layer.size or await self._processors.for_type(layer.media_type):
                return None
            file = await self._contents.open_ingest(ref)
            if file is None:
                return None
            with file:
                async with kept(MountsStub(self._contents.channel), "fs-diffapply", mounts) as rest:
                    applied = await self._workers.apply_coming(
                        file, layer.size, layer.media_type, rest, f"layer {layer.digest}"
                    )
        return _applied(layer, applied)

    async def compare(
        self,
        lower: Sequence[Mount],
        upper: Sequence[Mount],
        media_type: str,
        ref: str,
        labels: Mapping[str, str],
        epoch_s: int | None,
    ) -> Descriptor:
        made, _ = await self.make(lower, upper, media_type, ref, labels, epoch_s, {})
        return made

    async def make(
        self, lower: Sequence[Mount], upper: Sequence[Mount], media_type: str, ref: str, labels: Mapping[str, str],
        epoch_s: int | None, payloads: Mapping[str, bytes],
    ) -> tuple[Descriptor, str]:  # fmt: skip
        """As ``compare``, with payloads for stream processors by their ids; return the layer, and the digest of its tar."""
        chosen = media_type or DEFAULT
        processors = await self._processors.to_make(chosen)
        resolve_push(chosen, processors, payloads)  # refuse before anything is mounted
        with scratch_file(self._scratch) as out:
            layer = await self._workers.compare(lower, upper, out, chosen, epoch_s, processors, payloads)
            return await self._put(out, layer, chosen, ref, labels), layer.uncompressed

    async def convert(
        self, layer: Descriptor, media_type: str, ref: str, labels: Mapping[str, str], payloads: Mapping[str, bytes]
    ) -> tuple[Descriptor, str, str]:  # fmt: skip
        """Write a layer that is there in another type into the content store; return it, the digest of its tar or image, and that of what was there.

        Raises NotFound for the blob, Unimplemented for a type that nothing leads to, Unknown for one that nothing opens, and with what a stream
        processor says, InvalidArgument for a broken layer, ResourceExhausted. Cancellation leaves no worker and no ingest.
        """
        processors = {**await self._processors.for_type(layer.media_type), **await self._processors.to_make(media_type)}
        resolve_push(media_type, processors, payloads)
        resolve(layer.media_type, processors, payloads)
        payloads = given([layer], payloads, processors)
        blob = await self._contents.open(layer.digest, layer.size)
        with blob, scratch_file(self._scratch) as out:
            made, held = await self._workers.convert(
                blob, layer.media_type, out, media_type, processors, payloads, f"layer {layer.digest}"
            )
            return await self._put(out, made, media_type, ref, labels), made.uncompressed, held

    async def _put(
        self, out: IO[bytes], layer: Compared, media_type: str, ref: str, labels: Mapping[str, str]
    ) -> Descriptor:
        ref = ref or f"{time.time_ns()}-{base64.urlsafe_b64encode(os.urandom(3)).decode()}"
        kept = dict(labels)
        if media_type != TAR:
            kept[UNCOMPRESSED] = layer.uncompressed
        await self._contents.put(ref, out, layer.size, layer.digest, kept)
        return Descriptor(media_type, layer.digest, layer.size)

    async def authorize(self, layers: Sequence[Descriptor], payloads: Mapping[str, bytes]) -> None:
        """Return when the keys of this machine, or those of payloads, open each encrypted layer among some. What is not encrypted needs none.

        Raises PermissionDenied with what the decoder says of the first that they don't open.
        """
        sealed = [layer for layer in layers if is_encrypted(layer.media_type)]
        checks: dict[str, StreamProcessor] = {}
        groups: dict[str, list[Descriptor]] = {}
        for layer in sealed:
            processors = await self._processors.for_type(layer.media_type)
            for id, processor, _ in resolve(layer.media_type, processors, payloads):
                if is_decoder(id):
                    checks[id] = check_only(processor)
                    groups.setdefault(id, []).append(layer)
        for id, processor in checks.items():
            try:
                await self._workers.run({id: processor}, given(groups[id], payloads, {id: processor}))
            except Unknown as error:
                raise PermissionDenied(error.message) from None


def _applied(layer: Descriptor, applied: Applied) -> Descriptor:
    return Descriptor(EROFS if is_erofs(layer.media_type) else TAR, applied.digest, applied.size)
