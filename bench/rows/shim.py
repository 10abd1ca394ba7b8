"""Shims: from the start binary to the first ttrpc answer, and the memory of one among fifty."""

from __future__ import annotations

import os
import re
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

from argosy_protos.containerd.runtime.bootstrap.v1 import BootstrapParams
from argosy_protos.containerd.task.v2 import ConnectRequest

from bench.accounts import pss_bytes
from bench.images import SMALL
from bench.measure import Bench, Result, Series
from bench.sides import Failed, Side

_COUNT = 50
_REST_S = 5
_HEADER = struct.Struct(">IIBB")


def _field(number: int, data: bytes) -> bytes:
    assert len(data) < 128
    return bytes((number << 3 | 2, len(data))) + data


def _ask(path: str) -> bytes:
    """Send Connect over ttrpc and return the answer's bytes."""
    request = _field(1, b"containerd.task.v2.Task") + _field(2, b"Connect") + _field(3, ConnectRequest(id="x").encode())
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(_HEADER.pack(len(request), 1, 1, 0) + request)
        return connection.recv(65536)


def start(side: Side, n: int) -> float:
    """Start a shim as its daemon does; return the seconds until it answered. It is ended at once."""
    bundle = side.base / "bundles" / f"s{n}-{time.monotonic_ns()}"
    bundle.mkdir(parents=True)
    (bundle / "config.json").write_text('{"annotations": {}}')
    os.mkfifo(bundle / "log")
    reader = os.open(bundle / "log", os.O_RDONLY | os.O_NONBLOCK)
    id = bundle.name
    env = {**side.environment(), "TTRPC_ADDRESS": f"{side.address}.ttrpc", "GRPC_ADDRESS": str(side.address)}
    env |= {"ARGOSY_SHIM_SOCKET_DIR": str(side.base / "state/s"), "MAX_SHIM_VERSION": "2", "GOMAXPROCS": "2"}
    flags = ["-namespace", "bench", "-address", str(side.address), "-publish-binary", "/bin/true", "-id", id]
    stdin = BootstrapParams(instance_id=id, namespace="bench").encode() if side.label == "ours" else b""
    began = time.perf_counter()
    done = subprocess.run([str(side.shim), *flags, "start"], cwd=bundle, env=env, input=stdin, capture_output=True)
    match = re.search(rb"unix://([^\x00-\x1f\"]+?\w{16,})", done.stdout)
    if done.returncode or match is None:
        raise Failed(f"{side.label}: shim start: {done.stdout!r} {done.stderr[-500:]!r}")
    path = match[1].decode()
    _ask(path)
    spent = time.perf_counter() - began
    for pid in _shims(id):
        os.kill(pid, signal.SIGKILL)
    Path(path).unlink(missing_ok=True)
    os.close(reader)
    return spent * 1e3


def _shims(id: str) -> list[int]:
    """Pids of the shim processes whose command line has ``-id id``, or which say so in their name."""
    found = []
    for proc in Path("/proc").iterdir():
        if proc.name.isdigit():
            try:
                words = (proc / "cmdline").read_bytes().split(b"\0")
                name = (proc / "comm").read_text().strip()
            except OSError:
                continue
            if (id.encode() in words and any(b"shim" in w for w in words)) or name == f"shim:{id}"[:15]:
                found.append(int(proc.name))
    return found


def shim(bench: Bench) -> None:
    ours, theirs = bench.turns(bench.rounds(30), start, warm=2)
    bench.add(Result("shim", "start to first ttrpc answer", "ms", ours, theirs, 1.0, 0.3))
    memory: tuple[Series, Series] = (Series(), Series())
    for side, series in zip(bench.sides, memory, strict=True):
        ids = [f"m{n:03}" for n in range(_COUNT)]
        for id in ids:
            side.ctr("run", "-d", "--null-io", SMALL, id, "sleep", "3600")
        # What a shim takes for hours, and not while its container starts.
        time.sleep(_REST_S)
        pids = [pid for id in ids for pid in _shims(id)]
        if len(pids) < _COUNT:
            raise Failed(f"{side.label}: {len(pids)} shims for {_COUNT} containers")
        series.values.append(pss_bytes(pids) / _COUNT / 2**20)
        for id in ids:
            side.ctr("tasks", "rm", "-f", id)
            side.ctr("containers", "rm", id)
    bench.add(Result("shim", f"PSS of one, {_COUNT} running for {_REST_S} s", "MiB", *memory, required=1.0, aim=0.3))
