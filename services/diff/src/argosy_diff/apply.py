"""A layer onto mounts: blob, stream processors, and what the SDK does with a tar."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, cast

from argosy.errors import InvalidArgument
from argosy.mounts import Mount
from argosy.tables import StreamProcessor
from argosy.unpack.apply import Applied, unpack
from argosy.unpack.growing import Growing
from argosy.unpack.limits import DEFAULTS, Budget, Limits

from argosy_diff.processors import Chain, opened, resolve


def apply_layer(
    blob: IO[bytes], media_type: str, mounts: Sequence[Mount], processors: Mapping[str, StreamProcessor],
    payloads: Mapping[str, bytes], sync: bool, limits: Limits = DEFAULTS, name: str = "the layer", size: int | None = None,
) -> Applied:  # fmt: skip
    """Apply a blob, a file, from its beginning. Blocks until it is done: run it in a process that may be killed, in its first thread.

    name is what errors call the layer. size is how many bytes a blob will have that is still being written, which is waited for. Raises
    InvalidArgument, Unknown, ResourceExhausted, Aborted when there is no waiting for it any more.
    """
    if not mounts:
        raise InvalidArgument("a layer needs mounts to be applied to")
    steps = resolve(media_type, processors, payloads)
    if size is None:
        budget = Budget(limits, name, blob.seek(0, os.SEEK_END))
        blob.seek(0)
        source: IO[bytes] = blob
    else:
        assert not steps, "a processor reads the file by itself, and would take what is there for all there is"
        budget = Budget(limits, name, 0)  # what has come is to be seen; that it will be so many bytes is somebody's word
        source = cast("IO[bytes]", Growing(blob, size, budget.packed))
    with Chain(source, steps, payloads) as chain, _umask_of_nobody():
        try:
            applied = unpack(chain.output, mounts, sync, budget, works_ahead=not steps, media_type=opened(media_type, steps))
        except InvalidArgument:
            # A processor that failed explains a broken stream better than the stream does.
            chain.explain()
            raise
        chain.finish()
    return applied


@contextmanager
def _umask_of_nobody() -> Iterator[None]:
    """Have files made with the modes that they are given, which spares a call for each. The process is one layer's; its processors run already."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)
