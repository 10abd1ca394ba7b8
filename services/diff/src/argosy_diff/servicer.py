"""containerd.services.diff.v1.Diff."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from argosy.errors import InvalidArgument
from argosy.kernel.mount import temporary_mount
from argosy.labels import UNCOMPRESSED
from argosy.mounts import Mount
from argosy_protos.containerd.services.diff import v1 as p
from argosy_protos.containerd.types import Descriptor

from argosy_diff.apply import apply_layer
from argosy_diff.compare import DEFAULT, TAR, LayerWriter, compressor, write_layer
from argosy_diff.contents import Contents, scratch_file
from argosy_diff.processors import StreamProcessor


def _compare(
    left: Sequence[Mount], right: Sequence[Mount], out: IO[bytes], media_type: str, epoch_s: int | None
) -> LayerWriter:
    with ExitStack() as stack:
        lower = stack.enter_context(temporary_mount(left, read_only=True)) if left else ""
        upper = stack.enter_context(temporary_mount(right, read_only=True))
        return write_layer(lower, upper, out, media_type, epoch_s)


class Diff(p.DiffBase):
    """Applies and compares, one thread a call."""

    def __init__(self, contents: Contents, processors: Mapping[str, StreamProcessor], scratch: Path) -> None:
        self._contents, self._processors, self._scratch = contents, processors, scratch

    async def apply(self, request: p.ApplyRequest) -> p.ApplyResponse:
        if request.diff is None:
            raise InvalidArgument("an apply needs a descriptor")
        blob = await self._contents.open(request.diff.digest)
        mounts = [Mount.from_wire(m) for m in request.mounts]
        payloads = {k: v.encode() for k, v in request.payloads.items()}
        work = asyncio.to_thread(
            apply_layer, blob, request.diff.media_type, mounts, self._processors, payloads, request.sync_fs
        )
        try:
            # A thread can't be stopped; a caller that leaves must not find it writing into what it then removes.
            applied = await asyncio.shield(work)
        finally:
            blob.close()
        return p.ApplyResponse(applied=Descriptor(media_type=TAR, digest=applied.digest, size=applied.size))

    async def diff(self, request: p.DiffRequest) -> p.DiffResponse:
        media_type = request.media_type or DEFAULT
        compressor(media_type)  # refuse before anything is mounted
        ref = request.ref or f"{time.time_ns()}-{base64.urlsafe_b64encode(os.urandom(3)).decode()}"
        left = [Mount.from_wire(m) for m in request.left]
        right = [Mount.from_wire(m) for m in request.right]
        epoch = request.source_date_epoch.seconds if request.source_date_epoch is not None else None
        with scratch_file(self._scratch) as out:
            layer = await asyncio.shield(asyncio.to_thread(_compare, left, right, out, media_type, epoch))
            out.flush()
            labels = dict(request.labels)
            if media_type != TAR:
                labels[UNCOMPRESSED] = f"sha256:{layer.uncompressed.hexdigest()}"
            digest = f"sha256:{layer.compressed.hexdigest()}"
            await self._contents.put(ref, out, layer.size, digest, labels)
        return p.DiffResponse(diff=Descriptor(media_type=media_type, digest=digest, size=layer.size))
