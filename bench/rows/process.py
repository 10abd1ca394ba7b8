"""The daemon as a process: its memory when idle, and how long a start takes."""

from __future__ import annotations

import time
from contextlib import ExitStack

from bench.images import SMALL
from bench.load import Generator
from bench.measure import Bench, Result, Series
from bench.rows.rpc import CREATE_IMAGE, LIST_CONTAINERS, image, prepare
from bench.setup import Setup
from bench.sides import ARGOSY, VERSION, Ours, Side

_MANY = 1000
# How long after the last command the memory that it left is looked at: at once, and when nobody has come any more.
_RESTS_S = (2, 30)
# What is asked first: who answers, and what is in the database.
_ASKED = {"answer": VERSION, "list": LIST_CONTAINERS}


def process(bench: Bench, setup: Setup) -> None:
    """Rows idle and start, on sides of their own, which have not worked yet."""
    memory: tuple[Series, Series] = (Series(), Series())
    starts: dict[tuple[int, str], tuple[Series, Series]] = {
        (count, asked): (Series(), Series()) for count in (0, _MANY) for asked in _ASKED
    }
    with ExitStack() as stack:
        sides = [stack.enter_context(setup.side(index, one.base.parent / "fresh")) for index, one in enumerate(bench.sides)]
        time.sleep(2)
        for side, other, kept in zip(sides, reversed(sides), memory, strict=True):
            kept.values.append(side.pss_bytes([*bench.sides, other]) / 2**20)
        for (count, asked), series in starts.items():
            if count and asked == "answer":
                for side in sides:
                    _fill(side, count)
            for n in range(bench.rounds(5) + 1):
                for side, kept in zip(sides, series, strict=True):
                    side.stop()
                    spent = side.start(_ASKED[asked])
                    if n:
                        kept.values.append(spent * 1e3)
    bench.add(Result("idle", "PSS of the daemon, idle", "MiB", *memory, required=2.0, aim=1.0))
    for (count, asked), series in starts.items():
        # 250 ms where stock takes 35: nothing answers before all is loaded.
        bench.add(Result("start", f"to first {asked}, {count} records", "ms", *series, required=8.0))


def after(bench: Bench, setup: Setup) -> None:
    """Row after, on sides of their own: what is held when the work is done and no container is left."""
    memory: dict[int, tuple[Series, Series]] = {rest_s: (Series(), Series()) for rest_s in _RESTS_S}
    with ExitStack() as stack:
        sides = [stack.enter_context(setup.side(index, one.base.parent / "after")) for index, one in enumerate(bench.sides)]
        for side in sides:
            side.ctr("images", "import", str(setup.small_image()))
            for n in range(4):
                _used(side, n)
        worked = time.monotonic()
        for rest_s, series in memory.items():
            time.sleep(max(0.0, worked + rest_s - time.monotonic()))
            for side, other, kept in zip(sides, reversed(sides), series, strict=True):
                kept.values.append(side.pss_bytes([*bench.sides, other]) / 2**20)
    for rest_s, series in memory.items():
        # 60 MiB of ours, where stock has 22.
        bench.add(Result("after", f"PSS {rest_s} s after an import, 4 run and 4 ps", "MiB", *series, required=2.7))


def _used(side: Side, n: int) -> None:
    """Run a container to its end and list what there is, with the side's own client."""
    if isinstance(side, Ours):
        side.run(str(ARGOSY), "--address", str(side.address), "run", "--rm", SMALL, "true")
        side.run(str(ARGOSY), "--address", str(side.address), "ps")
    else:
        side.ctr("run", "--rm", SMALL, f"after{n}", "true")
        side.ctr("tasks", "ls")


def _fill(side: Side, count: int) -> None:
    load = Generator(side)
    prepare(load, images=count, containers=count)
    load([(CREATE_IMAGE, image("example.com/more:1"))], 1)
    load.close()
