"""Layers made: packed by the differ itself, then led through the stream processors to the type that was asked for.

What processors are given is a file that is whole by then: they see no layer that was given up, and one that waits holds nobody up who packs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from argosy.errors import InvalidArgument, ResourceExhausted
from argosy.kernel.files import full_disk
from argosy.mounts import Mount
from argosy.plugin.diff.compare import compare_trees
from argosy.plugin.diff.contents import scratch_file
from argosy.plugin.diff.packing import Compared, repack
from argosy.tables import StreamProcessor
from argosy.unpack.inflate import inflate
from argosy.unpack.limits import Budget, Limits

from argosy_diff.processors import Chain, opened, resolve, resolve_push

Processors = Mapping[str, StreamProcessor]
Payloads = Mapping[str, bytes]
_CHUNK: Final = 1 << 20


def compared_layer(
    lower: Sequence[Mount], upper: Sequence[Mount], out: IO[bytes], media_type: str, epoch_s: int | None, processors: Processors,
    payloads: Payloads, limits: Limits, scratch: Path,
) -> Compared:  # fmt: skip
    """Write the layer that leads from lower to upper to out, in a type that processors lead to. Blocks as ``compare_trees`` does.

    Raises what that raises, and Unknown with what a processor said that failed.
    """

    def work(sink: IO[bytes], base: str) -> Compared:
        return compare_trees(lower, upper, sink, base, epoch_s, limits.max_bytes)

    return _made(work, out, media_type, processors, payloads, limits, scratch)


def converted_layer(
    blob: IO[bytes], layer_type: str, out: IO[bytes], media_type: str, processors: Processors, payloads: Payloads, limits: Limits,
    scratch: Path, name: str,
) -> tuple[Compared, str]:  # fmt: skip
    """Write a layer in another type to out; return it, and the digest of what was in it. Blocks.

    name is what errors call it. Raises InvalidArgument, Unknown, Unimplemented, FailedPrecondition, ResourceExhausted.
    """
    steps = resolve(layer_type, processors, payloads)
    budget = Budget(limits, name, blob.seek(0, os.SEEK_END))
    blob.seek(0)
    held = ""

    def work(sink: IO[bytes], base: str) -> Compared:
        nonlocal held
        try:
            with Chain(blob, steps, payloads) as chain:
                try:
                    made, held = repack(
                        inflate(chain.output), opened(layer_type, steps), sink, base, scratch, budget,
                        most=limits.max_bytes, blob=None if steps else blob,
                    )  # fmt: skip
                except InvalidArgument:
                    # A processor that failed explains a broken stream better than the stream does.
                    chain.explain()
                    raise
                chain.finish()
        except OSError as error:
            raise full_disk(error, f"converting {name}") from error
        return made

    return _made(work, out, media_type, processors, payloads, limits, scratch), held


def _made(
    pack: Callable[[IO[bytes], str], Compared], out: IO[bytes], media_type: str, processors: Processors, payloads: Payloads,
    limits: Limits, scratch: Path,
) -> Compared:  # fmt: skip
    base, steps = resolve_push(media_type, processors, payloads)
    if not steps:
        return pack(out, base)
    with scratch_file(scratch) as packed:
        made = pack(packed, base)
        packed.flush()
        packed.seek(0)
        digest, size, most = hashlib.sha256(), 0, limits.max_bytes
        with Chain(packed, steps, payloads) as chain:
            try:
                while data := chain.output.read(_CHUNK):
                    size += len(data)
                    if most and size > most:
                        raise ResourceExhausted(
                            f"the layer is refused: its stream processors made more than {most} bytes of it; if it shall be, raise max_bytes "
                            "under [layers] in the configuration"
                        )
                    digest.update(data)
                    left = memoryview(data)
                    while left:
                        left = left[out.write(left) :]
            except OSError as error:
                raise full_disk(error, "the layer") from error
            chain.finish()
    return Compared(f"sha256:{digest.hexdigest()}", size, made.uncompressed)
