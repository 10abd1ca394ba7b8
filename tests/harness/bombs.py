"""Layers to unpack: archives by hand, bombs that are small to make, and the differ's workers without a service around them."""

from __future__ import annotations

import functools
import gzip
import os
import tarfile
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path

import anyio
from argosy.erofs.snapshot import MARKER
from argosy.kernel.process import alive
from argosy.mounts import Mount
from argosy.tables import StreamProcessor
from argosy.unpack.apply import Applied
from argosy.unpack.limits import DEFAULTS, Limits
from argosy_diff.forker import Setup
from argosy_diff.workers import Workers

from tests.harness.mesh import eventually

TAR = "application/vnd.oci.image.layer.v1.tar"
KINDS = ("native", "overlay", "erofs")
MIB, GIB = 1 << 20, 1 << 30


def entry(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, **more: object) -> bytes:
    """Return the header of one entry, in GNU's form: a size may be larger than octal digits have room for."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    for key, value in more.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def pax(data: bytes, kind: bytes = b"x") -> bytes:
    """Return an extended header with data in it, whatever that is."""
    return entry("pax", len(data), kind) + padded(data)


def record(key: bytes, value: bytes) -> bytes:
    """Return one pax record."""
    rest = b" " + key + b"=" + value + b"\n"
    size = len(rest)
    while len(str(size)) + len(rest) != size:
        size = len(str(size)) + len(rest)
    return str(size).encode() + rest


def archive(*files: tuple[str, bytes]) -> bytes:
    """Return an archive of plain files."""
    return b"".join(entry(name, len(data)) + padded(data) for name, data in files) + bytes(1024)


@functools.cache
def _zeros(size: int) -> bytes:
    return gzip.compress(bytes(size), 9, mtime=0)


def zeros_gzip(size: int) -> bytes:
    """Return a gzip of an archive with one file of size zeros, a multiple of 64 MiB: a thousandth of it, and quickly made."""
    return (
        gzip.compress(entry("zeros", size), mtime=0) + _zeros(64 * MIB) * (size // (64 * MIB)) + gzip.compress(bytes(1024))
    )


def mounts_for(base: Path, kind: str) -> tuple[list[Mount], Path]:
    """Return mounts to apply a layer to, as a snapshotter of a kind would give them, and the directory to look at."""
    base.mkdir()
    if kind == "native":
        return [Mount("bind", str(base), ("rbind", "rw"))], base
    for name in ("fs", "work", "lower"):
        (base / name).mkdir()
    if kind == "erofs":
        (base / MARKER).touch()
        return [Mount("bind", str(base / "fs"), ("rbind", "rw"))], base
    options = (f"workdir={base}/work", f"upperdir={base}/fs", f"lowerdir={base}/lower")
    return [Mount("overlay", "overlay", options)], base / "fs"


class Unpacker:
    """Workers, and blobs to give them."""

    def __init__(self, base: Path, workers: Workers, processors: Mapping[str, StreamProcessor]) -> None:
        self.base, self.workers, self.processors = base, workers, processors

    async def apply(
        self, data: bytes, mounts: Sequence[Mount], media_type: str = TAR, payloads: Mapping[str, bytes] | None = None,
        said: int = 0,
    ) -> Applied:  # fmt: skip
        """said is how many bytes a layer is said to have of which these have come."""
        with tempfile.TemporaryFile(dir=self.base) as blob:
            blob.write(data)
            blob.seek(0)
            name = "layer sha256:0123"
            if said:
                return await self.workers.apply_coming(blob, said, media_type, mounts, name)
            return await self.workers.apply(
                blob, len(data), media_type, mounts, self.processors, payloads or {}, False, name
            )

    def pids(self) -> list[int]:
        """Return the workers that have nothing to do."""
        return [worker.pid for worker in self.workers._idle]


def with_workers(
    base: Path,
    work: Callable[[Unpacker], Awaitable[None]],
    limits: Limits = DEFAULTS,
    processors: Mapping[str, StreamProcessor] | None = None,
) -> None:
    """Run work with workers, which are gone afterwards, with all that they began."""
    before = set(descendants(os.getpid()))

    async def main() -> None:
        scratch = base / "scratch"
        scratch.mkdir(exist_ok=True)
        workers = Workers(Setup(limits, scratch), 2)
        try:
            with anyio.fail_after(60):
                await work(Unpacker(base, workers, processors or {}))
            assert list(scratch.iterdir()) == []
        finally:
            workers.close()

    anyio.run(main, backend_options={"use_uvloop": True})  # as a service has it
    keepers = [pid for pid in descendants(os.getpid()) if pid not in before]
    for pid in keepers:
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            continue  # a worker, which its keeper reaps
    eventually(lambda: not any(alive(pid) for pid in keepers), what="workers outlive their keeper")


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes below one, zombies too."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = Path(f"/proc/{name}/stat").read_bytes()
            except OSError:
                continue
            parents.setdefault(int(stat.rpartition(b")")[2].split()[1]), []).append(int(name))
    todo = [pid]
    while todo:
        for child in parents.get(todo.pop(), ()):
            yield child
            todo.append(child)


def peak_bytes(pid: int, what: str = "VmHWM") -> int:
    """Return the most memory that a process ever had. One that was forked begins with all that its parent has: see ``own_bytes``."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) << 10
    raise AssertionError(f"the kernel tells no {what}")


def own_bytes() -> int:
    """Return how much memory this process has, which those that it forks have from their beginning."""
    return peak_bytes(os.getpid(), "VmRSS")
