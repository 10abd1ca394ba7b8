"""Content: one big blob out and in through the daemon's socket, with ctr."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import tempfile
import threading
import time
from pathlib import Path

from bench.measure import Bench, Result, Series
from bench.sides import Side

_MB = 512
_NUMBERS = itertools.count()


def _blob(directory: Path, seed: int) -> tuple[Path, str]:
    """A file of bytes that nothing compresses, and its digest."""
    rng, path, digest = random.Random(seed), directory / f"blob-{seed}", hashlib.sha256()
    chunk = rng.randbytes(1 << 20)
    with path.open("wb") as file:
        for n in range(_MB):
            data = n.to_bytes(8, "big") + seed.to_bytes(8, "big") + chunk[16:]
            digest.update(data)
            file.write(data)
    return path, f"sha256:{digest.hexdigest()}"


class _Peak:
    """The most memory that a side's processes have while a block runs, asked ten times a second."""

    def __init__(self, side: Side) -> None:
        self._side, self._stop = side, threading.Event()
        self.before = self.bytes = side.pss_bytes()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self.bytes = max(self.bytes, self._side.pss_bytes())

    def __enter__(self) -> _Peak:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()


def content(bench: Bench) -> None:
    with tempfile.TemporaryDirectory(prefix="ay-blob-") as scratch:
        path, digest = _blob(Path(scratch), 1)
        for side in bench.sides:
            side.ctr("-n", "bench", "content", "ingest", "--expected-digest", digest, "first", input=path)
            side.ctr("-n", "bench", "content", "label", digest, "containerd.io/gc.root=bench")
            # The first reader finds it in the page cache on both sides.
            side.ctr("-n", "bench", "content", "get", digest)

        def read(side: Side, n: int) -> float:
            began = time.perf_counter()
            side.ctr("-n", "bench", "content", "get", digest)
            return _MB / (time.perf_counter() - began)

        def write(side: Side, n: int) -> float:
            # The namespace is new, so nothing is known of the blob; the bytes are new, so the store has not got them.
            fresh, wanted = blobs[n]
            # Nobody pays for what the kernel still has to write of the turn before.
            os.sync()
            began = time.perf_counter()
            side.ctr(
                "-n", f"w{n + 1}", "content", "ingest", "--expected-digest", wanted, f"in-{next(_NUMBERS)}", input=fresh
            )
            spent = time.perf_counter() - began
            side.ctr("-n", f"w{n + 1}", "content", "rm", wanted)
            return _MB / spent

        growth: tuple[Series, Series] = (Series(), Series())

        def read_watched(side: Side, n: int) -> None:
            with _Peak(side) as peak:
                side.ctr("-n", "bench", "content", "get", digest)
            if n >= 0:
                growth[0 if side is bench.ours else 1].values.append((peak.bytes - peak.before) / 2**20)

        ours, theirs = bench.turns(bench.rounds(5), read)
        bench.add(Result("read", "Content.Read 512 MB, ctr", "MB/s", ours, theirs, 1.0, 1.5, higher_is_better=True))
        rounds = bench.rounds(5)
        blobs = {n: _blob(Path(scratch), n + 3) for n in range(-1, rounds)}
        ours, theirs = bench.turns(rounds, write)
        bench.add(Result("write", "Content.Write 512 MB, ctr", "MB/s", ours, theirs, 1.0, 1.5, higher_is_better=True))
        bench.turns(1, read_watched, warm=0)
        bench.add(Result("read", "memory a Read adds, at most", "MiB", *growth, note="(bounded, not judged)"))
