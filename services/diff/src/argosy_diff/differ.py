"""The differ: a worker process a call, blobs from and to the owner's content service."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from argosy.labels import UNCOMPRESSED
from argosy.mounting.kept import kept
from argosy.mounts import Mount
from argosy.plugin.diff import Descriptor, Differ
from argosy.plugin.diff.compare import DEFAULT, compressor
from argosy.plugin.diff.contents import Contents, scratch_file
from argosy.unpack.types import TAR

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
            async with kept(self._contents.channel, "fs-diffapply", mounts) as rest:
                applied = await self._workers.apply(
                    blob, size, layer.media_type, rest, processors, payloads, sync, f"layer {layer.digest}"
                )
        finally:
            blob.close()
        return Descriptor(TAR, applied.digest, applied.size)

    async def compare(
        self,
        lower: Sequence[Mount],
        upper: Sequence[Mount],
        media_type: str,
        ref: str,
        labels: Mapping[str, str],
        epoch_s: int | None,
    ) -> Descriptor:
        chosen = media_type or DEFAULT
        compressor(chosen)  # refuse before anything is mounted
        ref = ref or f"{time.time_ns()}-{base64.urlsafe_b64encode(os.urandom(3)).decode()}"
        with scratch_file(self._scratch) as out:
            layer = await self._workers.compare(lower, upper, out, chosen, epoch_s)
            kept = dict(labels)
            if chosen != TAR:
                kept[UNCOMPRESSED] = layer.uncompressed
            await self._contents.put(ref, out, layer.size, layer.digest, kept)
        return Descriptor(chosen, layer.digest, layer.size)
