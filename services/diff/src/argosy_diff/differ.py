"""The differ: one thread a call, blobs from and to the owner's content service."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from argosy.kernel.mount import temporary_mount
from argosy.labels import UNCOMPRESSED
from argosy.mounts import Mount
from argosy.plugin.diff import Descriptor, Differ
from argosy.tables import StreamProcessor

from argosy_diff.apply import Applied, apply_layer
from argosy_diff.compare import DEFAULT, TAR, LayerWriter, compressor, write_layer
from argosy_diff.contents import Contents, scratch_file
from argosy_diff.workers import SMALL_BYTES, Workers


def _compare(
    left: Sequence[Mount], right: Sequence[Mount], out: IO[bytes], media_type: str, epoch_s: int | None
) -> LayerWriter:
    with ExitStack() as stack:
        lower = stack.enter_context(temporary_mount(left, read_only=True)) if left else ""
        upper = stack.enter_context(temporary_mount(right, read_only=True))
        return write_layer(lower, upper, out, media_type, epoch_s)


class WalkingDiffer(Differ):
    """Applies tar layers and compares trees by walking them."""

    def __init__(
        self, contents: Contents, processors: Mapping[str, StreamProcessor], scratch: Path, workers: Workers | None = None
    ) -> None:
        self._contents, self._processors, self._scratch = contents, processors, scratch
        self._workers = workers

    async def apply(
        self, layer: Descriptor, mounts: Sequence[Mount], payloads: Mapping[str, bytes], sync: bool
    ) -> Descriptor:
        blob = await self._contents.open(layer.digest)
        work: Awaitable[Applied]
        if self._workers is None or layer.size < SMALL_BYTES:
            work = asyncio.to_thread(apply_layer, blob, layer.media_type, mounts, self._processors, payloads, sync)
        else:
            work = self._workers.apply(blob, layer.media_type, mounts, payloads, sync)
        try:
            # It can't be stopped; a caller that leaves must not find it writing into what it then removes.
            applied = await asyncio.shield(work)
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
            layer = await asyncio.shield(asyncio.to_thread(_compare, lower, upper, out, chosen, epoch_s))
            out.flush()
            kept = dict(labels)
            if chosen != TAR:
                kept[UNCOMPRESSED] = f"sha256:{layer.uncompressed.hexdigest()}"
            digest = f"sha256:{layer.compressed.hexdigest()}"
            await self._contents.put(ref, out, layer.size, digest, kept)
        return Descriptor(chosen, digest, layer.size)
