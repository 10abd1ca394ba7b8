"""argosy-diff: a differ, as a process of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence

from argosy.plugin.diff import DiffServicer
from argosy.plugin.diff.contents import Contents
from argosy.rpc.channel import Channel
from argosy.service import ServiceContext, run
from argosy_protos._service import ServiceBase

from argosy_diff.decoders import decoders
from argosy_diff.differ import WalkingDiffer
from argosy_diff.forker import Setup
from argosy_diff.layers import Layers
from argosy_diff.registered import Registered
from argosy_diff.service import SERVICE, DiffSettings
from argosy_diff.workers import Workers, clean


async def start(ctx: ServiceContext[DiffSettings]) -> Sequence[ServiceBase]:
    s = ctx.settings
    scratch = s.root / "scratch"
    scratch.mkdir(exist_ok=True, mode=0o700)
    workers = Workers(Setup(s.layers, scratch), s.workers or len(os.sched_getaffinity(0)))
    for left in scratch.iterdir():
        clean(left)  # workers of a service that was killed
    daemon = Channel(s.content, name="content")
    contents = Contents(daemon, scratch)

    async def close() -> None:
        workers.close()

    ctx.on_close(close)
    processors = Registered(daemon, s.stream_processors, decoders(s.decryption_keys, s.key_providers))
    differ = WalkingDiffer(contents, scratch, workers, processors)
    return [DiffServicer(differ), Layers(differ)]


def main() -> None:
    run(SERVICE)


if __name__ == "__main__":
    main()
