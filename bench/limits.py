"""Physical limits: what the machine itself can do, printed beside the rows."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from isal import isal_zlib

from bench.measure import Series, shown
from bench.setup import Setup

_CHUNK = 1 << 20


def _runtime(name: str, setup: Setup) -> Callable[[], float]:
    """Milliseconds of create, start, wait and delete of ``true``, with nothing around it."""
    rootfs = Path(tempfile.mkdtemp(prefix="ay-limit-"))
    subprocess.run(
        ["sh", "-c", 'mkdir -p "$0/rootfs/bin" && cp "$(command -v busybox)" "$0/rootfs/bin/true"', str(rootfs)], check=True
    )
    subprocess.run([name, "spec"], cwd=rootfs, check=True)
    config = rootfs / "config.json"
    config.write_text(config.read_text().replace('"sh"', '"/bin/true"').replace('"terminal": true', '"terminal": false'))

    def once() -> float:
        began = time.perf_counter()
        for verb in (["create", "--bundle", str(rootfs)], ["start"]):
            subprocess.run([name, *verb, f"limit-{name}"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        spent = time.perf_counter() - began
        while subprocess.run([name, "state", f"limit-{name}"], capture_output=True).stdout.find(b'"stopped"') < 0:
            time.sleep(0.005)
        began = time.perf_counter()
        subprocess.run([name, "delete", f"limit-{name}"], check=True)
        return (spent + time.perf_counter() - began) * 1e3

    return once


def _inflate(setup: Setup) -> float:
    total, began = 0, time.perf_counter()
    for layer in setup.big_image().layers:
        machine = isal_zlib.decompressobj(wbits=31)
        with layer.open("rb") as file:
            while data := file.read(_CHUNK):
                total += len(machine.decompress(data))
    return total / (time.perf_counter() - began) / 1e6


def _hash() -> float:
    data, machine = os.urandom(_CHUNK), hashlib.sha256()
    began = time.perf_counter()
    for _ in range(512):
        machine.update(data)
    return 512 * _CHUNK / (time.perf_counter() - began) / 1e6


def _files() -> float:
    from bench.disk import fresh_disk

    with fresh_disk("limit") as disk:
        at = os.open(disk, os.O_RDONLY | os.O_DIRECTORY)
        began = time.perf_counter()
        for n in range(20_000):
            fd = os.open(f"f{n}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=at)
            os.write(fd, b"x" * 8000)
            os.close(fd)
        spent = time.perf_counter() - began
        os.close(at)
    return 20_000 / spent


def _socket() -> float:
    left, right = socket.socketpair()
    data = os.urandom(_CHUNK)

    def send() -> None:
        for _ in range(1024):
            left.sendall(data)
        left.close()

    thread = threading.Thread(target=send)
    began = time.perf_counter()
    thread.start()
    buffer, total = bytearray(_CHUNK), 0
    while n := right.recv_into(buffer):
        total += n
    thread.join()
    return total / (time.perf_counter() - began) / 1e6


# Which limits stand next to which rows.
_RUNTIME, _INFLATE, _HASH, _FILES, _COPY = (
    "runc create+start+delete, ms", "isal inflate of the layers, MB/s out", "sha256, MB/s",
    "files of 8 kB created on a fresh ext4, per s", "copy over a unix socket, MB/s",
)  # fmt: skip
BESIDE: Mapping[str, Sequence[str]] = {
    "read": (_COPY,), "write": (_COPY, _HASH), "run": (_RUNTIME,), "stress": (_RUNTIME,),
    "import": (_INFLATE, _FILES), "pull": (_INFLATE, _FILES), "pull-argosy": (_INFLATE, _FILES, _HASH),
}  # fmt: skip


def beside(found: Mapping[str, float]) -> dict[str, str]:
    """Return by row what the machine itself can do."""
    return {
        row: "; ".join(f"{name}: {shown(found[name])}" for name in names if name in found) for row, names in BESIDE.items()
    }


def limits(setup: Setup) -> dict[str, float]:
    """Measure and print them; returns medians by name."""
    rows: dict[str, tuple[Callable[[], float], int]] = {
        _RUNTIME: (_runtime("runc", setup), 10),
        _INFLATE: (lambda: _inflate(setup), 2),
        _HASH: (_hash, 5),
        _FILES: (_files, 2),
        _COPY: (_socket, 3),
    }
    found = {}
    for name, (measure, times) in rows.items():
        found[name] = Series([measure() for _ in range(times)]).median
        print(f"{'limit':<12} {name:<48} {shown(found[name])}", flush=True)
    return found
