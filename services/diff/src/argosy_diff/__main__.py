"""argosy-diff: a differ, as a process of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from argosy.plugin.diff import DiffServicer
from argosy.rpc.channel import Channel
from argosy.service import Service, ServiceContext, run
from argosy.settings import Settings, option
from argosy.tables import StreamProcessor
from argosy_protos._service import ServiceBase

from argosy_diff.contents import Contents
from argosy_diff.differ import WalkingDiffer
from argosy_diff.workers import Workers


@dataclass(frozen=True, kw_only=True)
class DiffSettings(Settings):
    """Whose layers these are, and what may decode them."""

    content: Path = option("socket that serves the content of the layers; usually the gateway's")
    stream_processors: dict[str, StreamProcessor] = field(default_factory=dict)
    workers: int = option("how many layers to apply at a time; default: one a core", 0)

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise ValueError(f"workers must be 0 or more, not {self.workers}")


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
