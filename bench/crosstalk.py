"""``python -m bench.crosstalk``: whether calls of one namespace ever meet the plugin of another, and what an intercept costs them.

A mesh with its overlayfs, and an instance of the example's snapshotter that the calls of one namespace go to. Clients of both namespaces
make snapshots of the same keys side by side. Each answer says whose it is by the directory that it names; afterwards both plugins are asked,
at their own sockets, what they hold.
"""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

from argosy.rpc.channel import Channel
from argosy_protos.argosy.plugins.v1 import AddInterceptRequest, InterceptsStub, Selector
from argosy_protos.containerd.services.leases.v1 import CreateRequest, LeasesStub
from argosy_protos.containerd.services.snapshots import v1 as p

from bench.sides import Ours

_CALLS: Final = 10_000
_CLIENTS: Final = 8
_SNAPSHOTTER: Final = "overlayfs"
_SPACES: Final = ("dev", "prod")
_SEED: Final = 7
_LEASE: Final = "crosstalk"
_READY_S: Final = 20.0


class Seen:
    """What was seen: calls by namespace, those that were answered by the wrong plugin, and how long they took in seconds."""

    def __init__(self, own: Path) -> None:
        self._own = str(own)
        self.calls: Counter[str] = Counter()
        self.wrong = 0
        self.took_s: dict[str, list[float]] = {ns: [] for ns in _SPACES}

    def mounts(self, ns: str, answer: p.PrepareSnapshotResponse | p.MountsResponse) -> None:
        """Look whose directories an answer names."""
        said = [text for mount in answer.mounts for text in (mount.source, *mount.options)]
        self.wrong += any(self._own in text for text in said) != (ns == "dev")


async def _client(channel: Channel, ns: str, part: int, seen: Seen, intercepted: bool) -> None:
    """Make calls until there are enough of them."""
    # What no lease holds, a collection would take.
    stub = p.SnapshotsStub(channel.with_metadata({"containerd-namespace": ns, "containerd-lease": _LEASE}))
    turns = random.Random(f"{_SEED} {ns} {part}")
    n = 0
    while sum(seen.calls.values()) < _CALLS:
        n += 1
        key = f"k{part}-{n}"
        calls = [
            (stub.prepare, p.PrepareSnapshotRequest(snapshotter=_SNAPSHOTTER, key=key)),
            (stub.mounts, p.MountsRequest(snapshotter=_SNAPSHOTTER, key=key)),
            (stub.stat, p.StatSnapshotRequest(snapshotter=_SNAPSHOTTER, key=key)),
            (stub.usage, p.UsageRequest(snapshotter=_SNAPSHOTTER, key=key)),
        ]
        if turns.random() < 0.7:
            calls.append((stub.remove, p.RemoveSnapshotRequest(snapshotter=_SNAPSHOTTER, key=key)))
        for method, request in calls:
            began = time.perf_counter()
            answer = await method(request, timeout=30.0)  # type: ignore[operator] # each takes its own request
            if isinstance(request, p.StatSnapshotRequest):
                seen.took_s[ns].append(time.perf_counter() - began)
            seen.calls[ns] += 1
            if intercepted and isinstance(answer, p.PrepareSnapshotResponse | p.MountsResponse):
                seen.mounts(ns, answer)


async def _run(address: Path, own: Path, intercepted: bool) -> Seen:
    seen = Seen(own)
    async with Channel(address) as channel, asyncio.TaskGroup() as group:
        for ns in _SPACES:
            for part in range(_CLIENTS // 2):
                group.create_task(_client(channel, ns, part + (100 if intercepted else 0), seen, intercepted))
    return seen


async def _held(address: Path) -> Counter[str]:
    """Return how many snapshots of each namespace a plugin holds, by its own word."""
    async with Channel(address) as channel:
        replies = p.SnapshotsStub(channel).list(p.ListSnapshotsRequest(snapshotter=_SNAPSHOTTER))
        return Counter([info.name.split("/")[0] async for reply in replies for info in reply.info])


async def _main(side: Ours, base: Path) -> int:
    own = base / "own.sock"
    async with Channel(side.address) as channel:
        for ns in _SPACES:
            await LeasesStub(channel.with_metadata({"containerd-namespace": ns})).create(CreateRequest(id=_LEASE))
    before = await _run(side.address, base / "own", False)
    async with Channel(side.address) as channel:
        request = AddInterceptRequest(selector=Selector(plugin=_SNAPSHOTTER, namespace="dev"), address=str(own))
        await InterceptsStub(channel).add(request, timeout=10.0)
    hidden = (await _held(side.base / "state/snapshotter-overlay.sock"))["dev"]
    during = await _run(side.address, base / "own", True)
    theirs, ours = await _held(side.base / "state/snapshotter-overlay.sock"), await _held(own)
    strayed = (ours.total() - ours["dev"]) + max(0, theirs["dev"] - hidden)
    for what, seen in (("without", before), ("with", during)):
        for ns in _SPACES:
            took = sorted(seen.took_s[ns])
            print(f"{what:8} {ns:5} {seen.calls[ns]:6} calls, Stat p50 {took[len(took) // 2] * 1e3:6.2f} ms, "
                  f"p99 {took[int(len(took) * 0.99)] * 1e3:6.2f} ms")  # fmt: skip
    print(
        f"{during.calls.total()} calls, {during.wrong} answered by the other plugin, {strayed} snapshots where they do not belong"
    )
    return 1 if during.wrong or strayed else 0


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
        base = Path(short)
        side = Ours(base / "b")
        example = Path(__file__).parent.parent / "examples/snapshotter.py"
        plugin = subprocess.Popen(
            [sys.executable, str(example), "--root", str(base / "own"), "--address", str(base / "own.sock")]
        )
        try:
            side.start()
            until = time.monotonic() + _READY_S
            while not (base / "own.sock").exists() and time.monotonic() < until:
                time.sleep(0.05)
            return asyncio.run(_main(side, base))
        finally:
            plugin.send_signal(signal.SIGTERM)
            plugin.wait(20)
            side.destroy()


if __name__ == "__main__":
    raise SystemExit(main())
