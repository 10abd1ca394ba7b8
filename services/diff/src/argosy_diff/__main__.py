"""argosy-diff: a differ, as a process of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from argosy.models import Field
from argosy.plugin.diff import DiffServicer
from argosy.rpc.channel import Channel
from argosy.service import Service, ServiceContext, run
from argosy.settings import Settings
from argosy_protos._service import ServiceBase

from argosy_diff.contents import Contents
from argosy_diff.differ import WalkingDiffer
from argosy_diff.processors import StreamProcessor
from argosy_diff.workers import Workers


class DiffSettings(Settings):
    """Whose layers these are, and what may decode them."""

    content: Path = Field(description="socket that serves the content of the layers; usually the gateway's")
    stream_processors: dict[str, StreamProcessor] = Field(default_factory=dict)
    workers: int = Field(default=0, description="how many layers to apply at a time; default: one a core", ge=0)


async def start(ctx: ServiceContext[DiffSettings]) -> Sequence[ServiceBase]:
    s = ctx.settings
    scratch = s.root / "scratch"
    scratch.mkdir(exist_ok=True, mode=0o700)
    contents = Contents(Channel(s.content, name="content"), scratch)
    workers = Workers(s.stream_processors, s.workers or len(os.sched_getaffinity(0)))

    async def close() -> None:
        workers.close()

    ctx.on_close(close)
    return [DiffServicer(WalkingDiffer(contents, s.stream_processors, scratch, workers))]


SERVICE = Service("diff", DiffSettings, start)


def main() -> None:
    run(SERVICE)


if __name__ == "__main__":
    main()
