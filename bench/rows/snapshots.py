"""Snapshots: a cycle of Prepare, Mounts and Remove."""

from __future__ import annotations

import itertools
import subprocess

from argosy_protos.containerd.services.snapshots.v1 import MountsRequest, PrepareSnapshotRequest, RemoveSnapshotRequest

from bench.images import SMALL
from bench.load import Generator
from bench.measure import Bench, Result
from bench.sides import Side

_S = "/containerd.services.snapshots.v1.Snapshots"
_CYCLES = 100
_NUMBERS = itertools.count()


def top_of(side: Side) -> str:
    """The chain id of the small image's last layer."""
    listed = subprocess.run(
        ["ctr", "-a", str(side.address), "snapshots", "ls"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[1:]
    rows = [line.split() for line in listed if "Committed" in line]
    parents = {row[1] for row in rows if len(row) == 3}
    return next(row[0] for row in rows if row[0] not in parents and len(row) == 3)


def cycle(parent: str, snapshotter: str) -> list[tuple[str, bytes]]:
    key = f"p{next(_NUMBERS)}"
    labels = {"containerd.io/gc.root": "x"}
    return [
        (
            f"{_S}/Prepare",
            PrepareSnapshotRequest(snapshotter=snapshotter, key=key, parent=parent, labels=labels).encode(),
        ),
        (f"{_S}/Mounts", MountsRequest(snapshotter=snapshotter, key=key).encode()),
        (f"{_S}/Remove", RemoveSnapshotRequest(snapshotter=snapshotter, key=key).encode()),
    ]


def prepare(bench: Bench) -> None:
    loads = {side: Generator(side) for side in bench.sides}
    parents = {side: top_of(side) for side in bench.sides}

    def step(side: Side, n: int) -> float:
        plan = [call for _ in range(_CYCLES) for call in cycle(parents[side], "overlayfs")]
        counted = loads[side](plan, 1, namespace="default")
        return counted["calls"] / counted["per_s"] / _CYCLES * 1e3

    ours, theirs = bench.turns(bench.rounds(7), step)
    bench.add(Result("prepare", "Prepare+Mounts+Remove", "ms", ours, theirs, 1.2, 0.8, note=f"({SMALL} as parent)"))
    for load in loads.values():
        load.close()
