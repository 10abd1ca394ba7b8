"""``python -m bench.arrivals``: how soon a plugin serves that has just come, and whether plugins that come and go leave something behind. As root.

A snapshotter is registered and not there; a client prepares a snapshot, and waits for it. Then the snapshotter binds its socket: from that moment until the
client's answer is what a row of ``registered`` measures. ``directory`` is the same for a socket that appears in the registration directory: nobody knew of
it before, and the client asks again as long as there is no such snapshotter. Last a plugin is added and removed, again and again, and the gateway's
memory and descriptors are looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from argosy.errors import ArgosyError
from argosy.labels import GC_ROOT
from argosy.mounts import Mount
from argosy.plugin.snapshots import Backend, Kind, SnapshotsServicer, TreeSnapshotter, Usage
from argosy.plugin.snapshots.tree import disk_usage
from argosy.rpc.channel import Channel
from argosy.rpc.server import Server
from argosy_protos.argosy.plugins.v1 import AddRequest, PluginsStub, RemoveRequest, Table
from argosy_protos.containerd.services.snapshots.v1 import (
    PrepareSnapshotRequest,
    RemoveSnapshotRequest,
    SnapshotsStub,
)

from bench.disk import fresh_disk
from bench.measure import note
from bench.setup import Setup

_GATEWAY: Final = "argosy-gateway"
_PAUSE_S: Final = 0.2


class Directories(Backend):
    """Each snapshot is an empty directory."""

    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        directory.chmod(0o755)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        return [Mount("bind", str(directory), ("rbind", "rw"))]

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        return disk_usage(directory)


async def until_served(snapshots: SnapshotsStub, name: str, key: str) -> float:
    """Prepare a snapshot, asked for again as long as nobody serves; return when that was answered."""
    while True:
        with suppress(ArgosyError):
            await snapshots.prepare(PrepareSnapshotRequest(snapshotter=name, key=key, labels={GC_ROOT: "now"}), timeout=30)
            return time.perf_counter()
        await asyncio.sleep(0.005)


async def arrivals(channel: Channel, base: Path, directory: Path | None, rounds: int) -> list[float]:
    """Return how many ms each first Prepare took, from the bind on. directory is where sockets are registered by being there."""
    plugins = PluginsStub(channel)
    snapshots = SnapshotsStub(channel.with_metadata({"containerd-namespace": "bench"}))
    took = []
    for n in range(rounds):
        name = f"{'found' if directory else 'told'}{n}"
        socket = (directory or base) / f"{name}.sock"
        tree = await TreeSnapshotter.open(base / name, Directories())
        server = Server([SnapshotsServicer(tree)])
        if directory is None:
            await plugins.add(AddRequest(table=Table(type="snapshot", name=name, address=str(socket))), timeout=30)
        else:
            (directory / f"{name}.toml").write_text('type = "snapshot"\n')
        waiting = asyncio.ensure_future(until_served(snapshots, name, "first"))  # noqa: TID251 - awaited below
        await asyncio.sleep(_PAUSE_S)
        began = time.perf_counter()
        await server.listen_unix(socket)
        took.append((await waiting - began) * 1e3)
        await snapshots.remove(RemoveSnapshotRequest(snapshotter=name, key="first"))
        if directory is None:
            await plugins.remove(RemoveRequest(name=name, force=True), timeout=60)
        else:
            socket.unlink()
        await server.close(0.1)
        await tree.close()
    return took


def holds(pids: Sequence[int]) -> tuple[int, int]:
    """Return how many KiB are resident and how many descriptors are open in the gateway."""
    for pid in pids:
        if Path(f"/proc/{pid}/comm").read_text().strip() == _GATEWAY[:15]:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            rss = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
            return rss, len(os.listdir(f"/proc/{pid}/fd"))
    raise RuntimeError("the gateway is not there")


async def cycles(channel: Channel, base: Path, count: int) -> None:
    plugins = PluginsStub(channel)
    table = Table(type="snapshot", name="again", address=str(base / "again.sock"))
    for _ in range(count):
        await plugins.add(AddRequest(table=table), timeout=30)
        await plugins.remove(RemoveRequest(name="again"), timeout=30)


async def measured(side: Any, base: Path, rounds: int, count: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    async with Channel(side.address) as channel:
        for what, directory in (("registered", None), ("directory", side.base / "state/plugins.d")):
            took = sorted(await arrivals(channel, base, directory, rounds))
            found[f"{what}_ms"] = {
                "rounds": rounds,
                "p50": took[len(took) // 2],
                "p99": took[int(len(took) * 0.99)],
                "max": took[-1],
            }
        tree = await TreeSnapshotter.open(base / "again", Directories())
        server = Server([SnapshotsServicer(tree)])
        await server.listen_unix(base / "again.sock")
        try:
            held = []
            for part in range(4):
                await cycles(channel, base, count // 4 if part else 100)
                await asyncio.sleep(2)
                held.append(holds(side.cgroup.pids()))
        finally:
            await server.close(0.1)
            await tree.close()
    found["cycles"] = count // 4 * 3
    found["rss_kib"], found["descriptors"] = ([one[n] for one in held] for n in (0, 1))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.arrivals", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="plugins that come, each way (default: %(default)s)")
    parser.add_argument("--cycles", type=int, default=1400, help="plugins added and removed (default: %(default)s)")
    args = parser.parse_args()
    note(f"{args.rounds} arrivals each way, {args.cycles} plugins added and removed")
    with fresh_disk("ours") as disk, Setup(None).side(0, disk) as side:
        print(json.dumps(asyncio.run(measured(side, disk, args.rounds, args.cycles)), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
