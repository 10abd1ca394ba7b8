"""``python -m bench.swaps``: what swapping a snapshotter costs those who use it. As root.

A snapshotter of the SDK, by command, is used at a steady rate by workers that prepare a snapshot, ask for its mounts, commit it and remove
it. For a while it is left alone, then it is swapped again and again for a fresh process of its command, and back. No call may fail. The
time of a call is that of its caller; what swaps add to the 99th percentile of all calls is the difference of the two phases.

With ``--pulls`` and ``--containers`` so many images are pulled at a time, in both phases, and so many containers run on the snapshotter.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import anyio
from argosy.client.connection import Client
from argosy.rpc.channel import Channel
from argosy_protos.argosy.plugins.v1 import AddRequest, PluginsStub, RollbackRequest, SwapRequest, Table
from argosy_protos.containerd.services.snapshots.v1 import (
    CommitSnapshotRequest,
    MountsRequest,
    PrepareSnapshotRequest,
    RemoveSnapshotRequest,
)

from bench.disk import fresh_disk
from bench.images import SMALL, small
from bench.measure import note
from bench.setup import Setup
from bench.sides import ARGOSY, Side

EXAMPLE: Final = Path(__file__).parents[1] / "examples/snapshotter.py"
NAME: Final = "swapped"


class Load:
    """Workers that use a snapshotter at a steady rate, and how long each of their calls took."""

    def __init__(self, client: Client, name: str, workers: int, every_s: float) -> None:
        self._client, self._name, self._workers, self._every_s = client, name, workers, every_s
        self.took_s: list[float] = []
        self.failed: list[str] = []
        self._over = False
        self._serial = 0

    async def run(self) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(self._workers):
                group.start_soon(self._work)

    def end(self) -> None:
        self._over = True

    def taken(self) -> list[float]:
        """Return the times since the last time, in order."""
        taken, self.took_s = sorted(self.took_s), []
        return taken

    async def _work(self) -> None:
        async with self._client.lease() as leased:
            stub, it = leased.snapshots, self._name
            while not self._over:
                self._serial += 1
                key, name, due = f"k{self._serial}", f"c{self._serial}", time.perf_counter() + self._every_s
                for call in (
                    lambda key=key: stub.prepare(PrepareSnapshotRequest(snapshotter=it, key=key)),
                    lambda key=key: stub.mounts(MountsRequest(snapshotter=it, key=key)),
                    lambda key=key, name=name: stub.commit(CommitSnapshotRequest(snapshotter=it, key=key, name=name)),
                    lambda name=name: stub.remove(RemoveSnapshotRequest(snapshotter=it, key=name)),
                ):
                    began = time.perf_counter()
                    try:
                        await call()
                    except Exception as error:  # whatever it is, it counts
                        self.failed.append(repr(error))
                    self.took_s.append(time.perf_counter() - began)
                await anyio.sleep(max(0.0, due - time.perf_counter()))


@contextmanager
def containers(side: Side, count: int) -> Iterator[list[str]]:
    """Yield the names of so many running containers; each of them must run to the end."""
    names = [f"c{n}" for n in range(count)]
    if count:
        note(f"starting {count} containers")
        side.run(str(ARGOSY), "--address", str(side.address), "import", str(small(side.base)))
    for name in names:
        side.run(str(ARGOSY), "--address", str(side.address), "run", "-d", "--name", name, SMALL, "sleep", "100000")
    try:
        yield names
    finally:
        for name in names:
            side.run(str(ARGOSY), "--address", str(side.address), "rm", "--force", name)


def running(side: Side) -> int:
    """Return how many containers run."""
    said = subprocess.run(
        [str(ARGOSY), "--address", str(side.address), "-o", "json", "ps"], capture_output=True, text=True, check=True
    ).stdout
    return sum(row["status"] == "running" for row in json.loads(said))


@contextmanager
def pulling(side: Side, pulls: int, seconds: float) -> Iterator[subprocess.Popen[str] | None]:
    """Yield a process that pulls so many images at a time for so many seconds once it is told to; None for none."""
    if not pulls:
        yield None
        return
    note(f"making images for {pulls} pulls at a time")
    images = int(seconds * 12)
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.busy", str(side.address), str(images), str(pulls), str(seconds)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the process that pulls did not come up")
        yield process
    finally:
        process.kill()
        process.wait()


def at(ordered: Sequence[float], share: float) -> float:
    """Return the time in ms that a share of the calls did not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3 if ordered else 0.0


async def measured(
    address: Path,
    base: Path,
    service: str,
    workers: int,
    every_s: float,
    seconds: float,
    pause_s: float,
    pulls: subprocess.Popen[str] | None,
) -> dict[str, Any]:
    """service is one of the mesh's own to swap, which has no way back; "" is a plugin by command. pulls goes on meanwhile."""
    async with Channel(address) as channel, Client(address, namespace="bench") as client:
        plugins = PluginsStub(channel)
        name = service or NAME
        if not service:
            command = [sys.executable, str(EXAMPLE), "--root", str(base / NAME)]
            note(f"the plugin: {shlex.join(command)}")
            await plugins.add(AddRequest(table=Table(type="snapshot", name=NAME, command=command)), timeout=60)
        load = Load(client, name, workers, every_s)
        swaps: list[float] = []
        backs: list[float] = []
        async with anyio.create_task_group() as group:
            group.start_soon(load.run)
            if pulls is not None and pulls.stdin is not None:
                pulls.stdin.write("go\n")
                pulls.stdin.flush()
            await anyio.sleep(2)
            load.taken()
            await anyio.sleep(seconds)
            alone = load.taken()
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                for took, what in (
                    (swaps, lambda: plugins.swap(SwapRequest(name=name), timeout=60)),
                    (backs, lambda: plugins.rollback(RollbackRequest(name=name), timeout=60)),
                ):
                    if service and took is backs:
                        continue
                    began = time.perf_counter()
                    await what()
                    took.append(time.perf_counter() - began)
                    await anyio.sleep(max(0.0, min(pause_s, until - time.perf_counter())))
            swapped = load.taken()
            load.end()
    return {
        "workers": workers,
        "calls": len(alone) + len(swapped),
        "failed": len(load.failed),
        "errors": load.failed[:5],
        "swaps": len(swaps) + len(backs),
        "alone_ms": {"p50": at(alone, 0.5), "p99": at(alone, 0.99), "max": at(alone, 1)},
        "swapped_ms": {"p50": at(swapped, 0.5), "p99": at(swapped, 0.99), "max": at(swapped, 1)},
        "added_p99_ms": at(swapped, 0.99) - at(alone, 0.99),
        "swap_ms": at(sorted(swaps), 0.5),
        "rollback_ms": {"p50": at(sorted(backs), 0.5), "max": at(sorted(backs), 1)},
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.swaps", description=__doc__)
    parser.add_argument(
        "--service", default="", help="one of the mesh's own snapshotters, in the place of a plugin by command"
    )
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument(
        "--every", type=float, default=0.1, help="seconds between two rounds of a worker (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="of each of the two phases (default: %(default)s)")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two swaps (default: %(default)s)")
    parser.add_argument("--pulls", type=int, default=0, help="how many images are pulled at a time meanwhile")
    parser.add_argument("--containers", type=int, default=0, help="how many containers run meanwhile")
    args = parser.parse_args()
    with (
        fresh_disk("ours") as disk,
        Setup(None).side(0, disk) as side,
        containers(side, args.containers),
        pulling(side, args.pulls, args.seconds * 2 + 2) as pulls,
    ):
        found = asyncio.run(
            measured(side.address, disk, args.service, args.workers, args.every, args.seconds, args.pause, pulls)
        )
        if pulls is not None and pulls.stdout is not None:
            found["pulls"] = json.loads(pulls.stdout.readline())
            found["failed"] += found["pulls"]["failed"]
        found["containers"] = {"wanted": args.containers, "running": running(side)}
        found["failed"] += args.containers - found["containers"]["running"]
        held = sorted(map(float, re.findall(r'"held_ms": ([0-9.]+)', (side.base / "log").read_text())))
        found["held_ms"] = {"p50": held[len(held) // 2], "max": held[-1]} if held else {}
    print(json.dumps(found, indent=2))
    return 1 if found["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
