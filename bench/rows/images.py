"""The big image: imported, pulled and removed, each time on a freshly made disk; what was unpacked is compared with GNU tar."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from argosy.testkit.registry import running_registry

from bench.disk import fresh_disk
from bench.images import BIG, BigImage
from bench.measure import Bench, Result, Series, note
from bench.setup import Setup
from bench.sides import Failed, Side
from bench.trees import by_gnu_tar, described, first_difference


def _unpacked(side: Side, name: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="ay-tree-") as point:
        side.ctr("images", "mount", name, point)
        try:
            return described(Path(point))
        finally:
            side.ctr("images", "unmount", "--rm", point)


def big(bench: Bench, setup: Setup) -> None:
    """Rows import, pull, pull-argosy and rm."""
    image = setup.big_image()
    with fresh_disk("tar") as disk:
        wanted = by_gnu_tar(image.layers, disk)
    wanted.pop("lost+found", None)
    rounds = bench.rounds(3)
    with running_registry() as registry:
        remote = image.push(registry, "big")
        kinds: dict[str, Callable[[Side], None]] = {
            "import": lambda side: side.ctr("images", "import", str(image.archive)),
            "pull": lambda side: side.ctr("images", "pull", "--plain-http", remote),
            "pull-argosy": lambda side: side.pull(remote),
        }
        limits = {"import": (0.5, 0.25), "pull": (0.5, 0.25), "pull-argosy": (0.35, 0.2)}
        removals: tuple[Series, Series] = (Series(), Series())
        for kind, action in kinds.items():
            if kind not in bench.wanted and not (kind == "pull" and "rm" in bench.wanted):
                continue
            series: tuple[Series, Series] = (Series(), Series())
            for n in range(rounds):
                for index in (0, 1) if n % 2 == 0 else (1, 0):
                    with fresh_disk(kind) as disk, setup.side(index, disk) as side:
                        note(f"{kind} {n + 1}/{rounds} {side.label}")
                        cpu, client = side.cgroup.cpu_s(), side.client_cpu_s
                        began = time.perf_counter()
                        action(side)
                        series[index].values.append(time.perf_counter() - began)
                        series[index].daemon_cpu_s.append(side.cgroup.cpu_s() - cpu)
                        series[index].client_cpu_s.append(side.client_cpu_s - client)
                        name = BIG if kind == "import" else remote
                        if n == 0:
                            _verify(side, image, name, wanted)
                        elif kind == "pull":
                            removals[index].values.append(_removal(side, name, disk))
            bench.add(Result(kind, "500 MB gz, 70k files, 4 layers", "s", *series, *limits[kind]))
        if removals[0].values:
            bench.add(Result("rm", "images rm --sync, until freed", "s", *removals, required=1.0, aim=0.2))


def _verify(side: Side, image: BigImage, name: str, wanted: dict[str, str]) -> None:
    """Raises Failed when what was unpacked, or a digest, is not what it should be."""
    difference = first_difference(wanted, _unpacked(side, name))
    if difference:
        raise Failed(f"{side.label} unpacked {name} wrongly: {difference}")
    stored = set(side.lines("content", "ls", "-q"))
    missing = {layer["digest"] for layer in image.manifest["layers"]} - stored
    if missing:
        raise Failed(f"{side.label} has {name} without {', '.join(sorted(missing))}")


def _removal(side: Side, name: str, disk: Path) -> float:
    """Seconds until the image is gone and its room on the disk is free."""

    def used() -> int:
        info = os.statvfs(disk)
        return (info.f_blocks - info.f_bfree) * info.f_frsize

    before = used()
    began = time.perf_counter()
    side.ctr("images", "rm", "--sync", name)
    while used() > before - (1 << 30):
        if time.perf_counter() - began > 60:
            raise Failed(f"{side.label}: the room of {name} is not free after a minute")
        time.sleep(0.01)
    return time.perf_counter() - began
