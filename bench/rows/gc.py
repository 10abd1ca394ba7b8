"""Garbage collection among many objects, and what others notice of it; how cost grows with their number."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import grpc
from argosy_protos.containerd.services.content.v1 import WriteAction, WriteContentRequest
from argosy_protos.containerd.services.leases.v1 import CreateRequest as CreateLease
from argosy_protos.containerd.services.leases.v1 import DeleteRequest as DeleteLease
from argosy_protos.containerd.services.snapshots.v1 import CommitSnapshotRequest, PrepareSnapshotRequest

from bench.disk import fresh_disk
from bench.load import Generator
from bench.measure import Bench, Result, Series, note
from bench.rows.rpc import CREATE_CONTAINER, CREATE_IMAGE, CREATE_LEASE, GET_CONTAINER, READS, S, container, image, prepare
from bench.rows.snapshots import cycle
from bench.setup import Setup
from bench.sides import Side

_BLOBS, _SNAPSHOTS, _IMAGES = 10_000, 5_000, 1_000
_ROOT = {"containerd.io/gc.root": "x"}
_NUMBERS = itertools.count()


def blobs(side: Side, numbers: range, namespace: str) -> list[str]:
    """Put small blobs, which are roots, into the content store. Returns their digests."""
    with grpc.insecure_channel(f"unix:{side.address}") as channel:
        write = channel.stream_stream(f"{S}.content.v1.Content/Write")

        def put(n: int) -> str:
            data = f"blob {namespace} {n}".encode()
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            message = WriteContentRequest(
                action=WriteAction.COMMIT, ref=f"{namespace}-{n}", data=data, total=len(data), expected=digest, labels=_ROOT
            )
            list(write(iter([message.encode()]), metadata=(("containerd-namespace", namespace),), timeout=60))
            return digest

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(put, numbers))


def snapshots(load: Generator, count: int, namespace: str) -> None:
    """Make count committed snapshots, which are roots."""
    calls = []
    for n in range(count):
        key, name = f"{namespace}-k{n}", f"{namespace}-s{n}"
        request = PrepareSnapshotRequest(snapshotter="overlayfs", key=key, labels=_ROOT)
        commit = CommitSnapshotRequest(snapshotter="overlayfs", name=name, key=key, labels=_ROOT)
        calls.append(
            (
                (f"{S}.snapshots.v1.Snapshots/Prepare", request.encode()),
                (f"{S}.snapshots.v1.Snapshots/Commit", commit.encode()),
            )
        )
    # All are prepared before any is committed: calls in flight overtake each other.
    for part in (0, 1):
        load([call[part] for call in calls], 1, at_once=16, namespace=namespace)


def collect(load: Generator, namespace: str) -> float:
    """Have the collector run to its end; return its seconds."""
    id = f"gc{next(_NUMBERS)}"
    load([(CREATE_LEASE, CreateLease(id=id).encode())], 1, namespace=namespace)
    return load([(f"{S}.leases.v1.Leases/Delete", DeleteLease(id=id, sync=True).encode())], 1, namespace=namespace)["p50_s"]


def gc(bench: Bench, setup: Setup) -> None:
    times: tuple[Series, Series] = (Series(), Series())
    waits: tuple[Series, Series] = (Series(), Series())
    for index in (0, 1):
        with fresh_disk("gc") as disk, setup.side(index, disk) as side:
            load = Generator(side)
            note(f"gc: filling {side.label}")
            prepare(load, "gc", images=0)
            digests = blobs(side, range(_BLOBS), "gc")
            snapshots(load, _SNAPSHOTS, "gc")
            load(
                [(CREATE_IMAGE, image(f"example.com/i:{n}", digests[n])) for n in range(_IMAGES)],
                1,
                at_once=32,
                namespace="gc",
            )
            collect(load, "gc")
            other = Generator(side)
            quiet = other([READS["Containers.Get"]], 500, namespace="gc")["p50_s"]
            for _ in range(bench.rounds(7)):
                slowest: list[float] = []
                stop = threading.Event()
                watcher = threading.Thread(target=_watch, args=(side, stop, slowest))
                watcher.start()
                times[index].values.append(collect(load, "gc") * 1e3)
                stop.set()
                watcher.join()
                waits[index].values.append((max(slowest) - quiet) * 1e3)
            load.close()
            other.close()
    counts = f"{_BLOBS // 1000}k blobs, {_SNAPSHOTS // 1000}k snapshots"
    bench.add(Result("gc", f"full, {counts}", "ms", *times, required=1.0, aim=0.3))
    bench.add(Result("gc", "most a Get waits longer meanwhile", "ms", *waits, required=1.0, aim=0.3))


def _watch(side: Side, stop: threading.Event, slowest: list[float]) -> None:
    """Time Containers.Get over and over until stop is set."""
    with grpc.insecure_channel(f"unix:{side.address}") as channel:
        get = channel.unary_unary(GET_CONTAINER)
        while not stop.is_set():
            began = time.perf_counter()
            get(READS["Containers.Get"][1], metadata=(("containerd-namespace", "gc"),), timeout=60)
            slowest.append(time.perf_counter() - began)


_COUNTS = (10, 100, 1_000, 10_000)


_Costs = dict[str, Series]


def growth(bench: Bench, setup: Setup) -> None:
    """Ours alone: what List, Get, Prepare and GC cost among 10 to 10000 objects; "theirs" is the cost among ten times fewer.

    Each number of objects has a mesh of its own, and they take turns: this machine is not as fast in one minute as in the next.
    """
    found: dict[int, _Costs] = {count: defaultdict(Series) for count in _COUNTS}
    with ExitStack() as stack:
        disk = stack.enter_context(fresh_disk("growth"))
        loads: dict[int, Generator] = {}
        for count in _COUNTS:
            note(f"growth: making {count} of each")
            (base := disk / f"{count}").mkdir()
            side = stack.enter_context(setup.side(0, base))
            loads[count] = load = Generator(side)
            stack.callback(load.close)
            prepare(load, "grow", images=0, containers=1)
            load([(CREATE_CONTAINER, container(f"g{n}")) for n in range(count)], 1, at_once=32, namespace="grow")
            load([(CREATE_IMAGE, image(f"example.com/g:{n}")) for n in range(count)], 1, at_once=32, namespace="grow")
            blobs(side, range(count), "grow")
            snapshots(load, count, "grow")
            collect(load, "grow")
        rounds = bench.rounds(7)
        for n in range(-1, rounds):
            for count in _COUNTS if n % 2 else reversed(_COUNTS):
                _grown(loads[count], count, found[count] if n >= 0 else defaultdict(Series))
    for what in found[_COUNTS[0]]:
        for fewer, more in itertools.pairwise(_COUNTS):
            ours, tenth = found[more][what], found[fewer][what]
            bench.add(Result("growth", f"{what} of {more}", "us", ours, tenth, required=1.2, note="(ours at a tenth)"))


def _grown(load: Generator, count: int, costs: _Costs) -> None:
    """Take one sample of each cost in a mesh of count objects of each kind."""
    listed = load([READS["Images.List(100)"]], max(3, 1000 // count), namespace="grow")
    costs["List, each"].values.append(listed["p50_s"] / count * 1e6)
    costs["Get"].values.append(load([READS["Containers.Get"]], 200, namespace="grow")["p50_s"] * 1e6)
    plan = [call for _ in range(30) for call in cycle("", "overlayfs")]
    counted = load(plan, 1, namespace="grow")
    costs["Prepare cycle"].values.append(counted["calls"] / counted["per_s"] / 30 * 1e6)
    costs["GC, each"].values.append(collect(load, "grow") / count * 1e6)
