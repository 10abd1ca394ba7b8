"""Our own variants against our default: HTTP/2 engine, snapshotter, runtime, shim from a template or by itself."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from bench.disk import fresh_disk
from bench.images import BIG, SMALL
from bench.load import Generator
from bench.measure import Bench, Result, Step, note
from bench.rows.rpc import READS
from bench.rows.rpc import prepare as fill
from bench.rows.shim import start
from bench.rows.snapshots import cycle, top_of
from bench.setup import Setup
from bench.sides import Failed, Side

_NUMBERS = itertools.count()
_CYCLES = 50


@contextmanager
def _pair(setup: Setup, rounds: float, env: Mapping[str, str] | None = None) -> Iterator[Bench]:
    """Yield a bench of two sides of ours: one with env as the variant, one as it comes."""
    with ExitStack() as stack:
        sides = [
            stack.enter_context(setup.side(0, stack.enter_context(fresh_disk(name)), more))
            for name, more in (("variant", env), ("default", None))
        ]
        for side in sides:
            side.ctr("images", "import", str(setup.small_image()))
        yield Bench(sides[0], sides[1], rounds)


def variants(bench: Bench, setup: Setup) -> None:
    """What is printed as ours is the variant, what is printed as stock our default."""
    rounds = bench.rounds(10) / 10
    _engine(bench, setup, rounds)
    for name in ("native", "erofs"):
        _snapshotter(name, bench, setup, rounds)
    _runtimes(bench, setup, rounds)
    _big_image(bench, setup)


def _engine(bench: Bench, setup: Setup, rounds: float) -> None:
    note("variants: h2 / ngh2")
    with _pair(setup, rounds, {"ARGOSY_H2": "h2"}) as pair:
        loads = {side: Generator(side) for side in pair.sides}
        for load in loads.values():
            fill(load)
        for what in ("Version", "Images.List(100)"):
            ours, theirs = pair.turns(pair.rounds(5), _calls(loads, what))
            bench.add(Result("variants", f"{what} p50: h2 / ngh2", "us", ours, theirs))
        for load in loads.values():
            load.close()


def _calls(loads: Mapping[Side, Generator], what: str) -> Step:
    return lambda side, n: loads[side]([READS[what]], 100)["p50_s"] * 1e6


def _snapshotter(name: str, bench: Bench, setup: Setup, rounds: float) -> None:
    note(f"variants: {name} / overlayfs")
    with _pair(setup, rounds) as pair:
        chosen = {pair.ours: name, pair.theirs: "overlayfs"}
        pair.ours.ctr("images", "import", "--snapshotter", name, str(setup.small_image()))
        loads = {side: Generator(side) for side in pair.sides}
        parents = {side: top_of(side) for side in pair.sides}

        def cycles(side: Side, n: int) -> float:
            plan = [call for _ in range(_CYCLES) for call in cycle(parents[side], chosen[side])]
            counted = loads[side](plan, 1, namespace="default")
            return counted["calls"] / counted["per_s"] / _CYCLES * 1e3

        def run(side: Side, n: int) -> None:
            side.ctr("run", "--rm", "--snapshotter", chosen[side], SMALL, f"v{next(_NUMBERS)}", "true")

        for what, ours, theirs in (
            ("Prepare+Mounts+Remove", *pair.turns(pair.rounds(5), cycles)),
            ("ctr run --rm true", *pair.turns(pair.rounds(10), run, scale=1e3)),
        ):
            bench.add(Result("variants", f"{what}: {name} / overlayfs", "ms", ours, theirs))
        for load in loads.values():
            load.close()


def _runtimes(bench: Bench, setup: Setup, rounds: float) -> None:
    with _pair(setup, rounds, {"ARGOSY_SHIM_TEMPLATE": "off"}) as pair:
        note("variants: cold shim / template")
        ours, theirs = pair.turns(pair.rounds(10), start, warm=2)
        bench.add(Result("variants", "shim start: cold / template", "ms", ours, theirs))
        ours, theirs = pair.turns(
            pair.rounds(10), lambda side, n: side.ctr("run", "--rm", SMALL, f"v{next(_NUMBERS)}", "true"), scale=1e3
        )
        bench.add(Result("variants", "ctr run --rm true: cold / template", "ms", ours, theirs))
    if shutil.which("crun") is None:
        note("variants: crun is not installed; type: sudo apt-get install -y crun")
        return
    note("variants: crun / runc")
    with _pair(setup, rounds) as pair:

        def run(side: Side, n: int) -> None:
            binary = ["--runc-binary", "crun"] if side is pair.ours else []
            side.ctr("run", "--rm", *binary, SMALL, f"v{next(_NUMBERS)}", "true")

        try:
            ours, theirs = pair.turns(pair.rounds(10), run, warm=2, scale=1e3)
        except Failed as error:
            note(f"variants: crun cannot run containers on this machine: {str(error).splitlines()[-1].strip()}")
            return
        bench.add(Result("variants", "ctr run --rm true: crun / runc", "ms", ours, theirs))


def _big_image(bench: Bench, setup: Setup) -> None:
    """One import and one removal each: what differs is more than a tenth."""
    image = setup.big_image()
    seconds: dict[str, tuple[float, float]] = {}
    for name in ("erofs", "overlayfs"):
        note(f"variants: the big image on {name}")
        with fresh_disk("big") as disk, setup.side(0, disk) as side:
            began = time.perf_counter()
            side.ctr("images", "import", "--snapshotter", name, str(image.archive))
            imported = time.perf_counter()
            side.ctr("images", "rm", "--sync", BIG)
            seconds[name] = imported - began, time.perf_counter() - imported
    for what, index in (("import of the big image", 0), ("images rm --sync of it", 1)):
        ours, theirs = bench.one(seconds["erofs"][index]), bench.one(seconds["overlayfs"][index])
        bench.add(Result("variants", f"{what}: erofs / overlayfs", "s", ours, theirs))
