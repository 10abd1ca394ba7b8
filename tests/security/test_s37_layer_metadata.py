"""S37: what describes a layer is bounded before memory is taken for it, and whoever unpacks it ends with its caller."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import anyio
import pytest
import zstandard
from argosy.erofs.layer import LayerIndex
from argosy.errors import ArgosyError, InvalidArgument, ResourceExhausted
from argosy.kernel.mount_table import mounts_below
from argosy.kernel.process import alive
from argosy.mounts import Mount
from argosy.plugin.diff.contents import scratch_file
from argosy.testkit.image import oci_archive
from argosy.unpack.limits import Budget, Limits
from argosy.unpack.tar import TarReader

from tests.harness.bombs import (
    GIB,
    KINDS,
    MIB,
    Unpacker,
    descendants,
    entry,
    mounts_for,
    padded,
    pax,
    peak_bytes,
    record,
    with_workers,
)
from tests.harness.mesh import ARGOSY, Mesh, eventually

RECORDS = b"6 a=b\n" * (MIB // 6)
NO_LIMITS = Limits(max_bytes=0, max_ratio=0, max_entries=0, max_metadata_bytes=0)


def cost(chunks: Iterator[bytes], limits: Limits | None = None) -> tuple[type[ArgosyError] | None, int, float]:
    """Read an archive to its end; return the error's class, the most memory that it took, and the seconds."""
    failed: type[ArgosyError] | None = None
    kept = []
    tracemalloc.start()
    began = time.process_time()
    try:
        for one in TarReader(chunks, Budget(limits or Limits())):
            kept.append(one)  # the archive may fail in the middle
    except ArgosyError as error:
        failed = type(error)
    spent = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return failed, peak, spent


def old_gnu(blocks: int) -> Iterator[bytes]:
    head = bytearray(entry("sparse", 0, b"S"))
    head[482] = 1
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    yield bytes(head)
    block = (b"00000000000\00000000000000\0") * 21 + b"\1" + bytes(7)
    for _ in range(blocks):
        yield block


def version_1_0(size: int, runs: int) -> Iterator[bytes]:
    keys = record(b"GNU.sparse.major", b"1") + record(b"GNU.sparse.minor", b"0") + record(b"GNU.sparse.realsize", b"9")
    yield pax(keys) + entry("sparse", size) + b"%06d\n" % runs + b"0\n0\n0"
    for _ in range(size // 4096):
        yield b"\n0" * 2048


def version_0_1(size: int) -> Iterator[bytes]:
    yield pax(record(b"GNU.sparse.map", b"0,0," * (size // 4) + b"0,0")) + entry("sparse")


def version_0_0(size: int) -> Iterator[bytes]:
    one = record(b"GNU.sparse.offset", b"0") + record(b"GNU.sparse.numbytes", b"0")
    yield pax(one * (size // len(one))) + entry("sparse")


@pytest.mark.parametrize(
    ("archive", "failed"),
    [
        (lambda: old_gnu(1 << 13), InvalidArgument),
        (lambda: version_1_0(2 * MIB, 999_999), InvalidArgument),
        (lambda: version_1_0(2 * MIB, 100_000), InvalidArgument),
        (lambda: version_0_1(4 * MIB), InvalidArgument),
        (lambda: version_0_0(4 * MIB), InvalidArgument),
        (lambda: version_0_1(MIB - 100), None),
        (lambda: version_0_0(MIB - 100), None),
    ],
    ids=["old", "1.0", "1.0 with less", "0.1", "0.0", "0.1 as long as may be", "0.0 as long as may be"],
)
def test_a_sparse_map_takes_little(archive: Callable[[], Iterator[bytes]], failed: type[ArgosyError] | None) -> None:
    """A map of a mebibyte is the most, in any of the four forms, and takes less than 64 MiB."""
    error, peak, _ = cost(archive())
    assert error is failed and peak < 64 * MIB


def test_thousands_of_pax_headers_stop_early() -> None:
    """3000 headers of a mebibyte of little records: refused after some of them, in seconds, by default."""
    began = time.process_time()
    with pytest.raises(ResourceExhausted, match="raise max_metadata_bytes"):
        list(TarReader(pax(RECORDS) + entry(f"f{n}") for n in range(3000)))
    assert time.process_time() - began < 10


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_extended_headers_belong_to_an_entry(kind: bytes) -> None:
    """Headers that lead to nothing are refused after some of them, whatever kind they are."""
    error, _, seconds = cost(pax(b"", kind) for _ in range(1_000_000))
    assert error is InvalidArgument and seconds < 1


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_an_extended_header_has_a_size(kind: bytes) -> None:
    """Two mebibytes of one header are refused before they are read."""

    def chunks() -> Iterator[bytes]:
        yield entry("pax", 2 * MIB, kind)
        raise AssertionError("it was read")

    assert cost(chunks())[0] is InvalidArgument


@pytest.mark.parametrize("kind", [b"L", b"K"])
def test_a_name_is_no_longer_than_a_path(kind: bytes) -> None:
    """Names and link targets of 5000 bytes are refused, as GNU writes them and as pax does."""
    key = b"path" if kind == b"L" else b"linkpath"
    for header in (pax(b"a/" * 2500, kind), pax(record(key, b"a/" * 2500))):
        assert cost(iter([header + entry("x", 0, b"2") + bytes(1024)]))[0] is InvalidArgument


def many_names() -> Iterator[bytes]:
    """Each entry takes 2 KiB of the archive, and several times that of whoever remembers the parts of its name."""
    deep = b"/".join(b"%02d" % n for n in range(99))
    for n in range(1_000_000):
        yield pax(record(b"path", b"%s/%d" % (deep, n))) + entry("x")


@pytest.mark.root
@pytest.mark.parametrize("kind", KINDS)
def test_the_memory_of_whoever_unpacks_is_about_what_the_limit_says(tmp_path: Path, kind: str) -> None:
    """A million names of a hundred parts are refused at the limit; the process took about that much."""
    mounts, _ = mounts_for(tmp_path / "root", kind)
    stream = zstandard.ZstdCompressor().compressobj()
    data = b"".join(stream.compress(chunk) for _, chunk in zip(range(10_000), many_names(), strict=False)) + stream.flush()

    async def work(unpacker: Unpacker) -> None:
        await unpacker.apply(
            entry("first") + bytes(1024), mounts if kind != "erofs" else mounts_for(tmp_path / "other", kind)[0]
        )
        before = peak_bytes(unpacker.pids()[0])
        with pytest.raises(ResourceExhausted, match="raise max_metadata_bytes"):
            await unpacker.apply(data, mounts)
        assert peak_bytes(unpacker.pids()[0]) - before < 4 * 16 * MIB

    with_workers(tmp_path, work, Limits(max_metadata_bytes=16 * MIB))


def test_numbers_are_numbers() -> None:
    """What Go's reader refuses where a number belongs is refused: signs, prefixes, more than 64 bits, a NUL in a name."""
    for key, value in (
        (b"size", b"0x5"), (b"size", b"9" * 20), (b"size", b"1_0"), (b"uid", b"9" * 4000), (b"gid", b" 1"), (b"mtime", b"1e9"),
        (b"mtime", b"9" * 40), (b"path", b"a\0b"), (b"linkpath", b"a\0b"), (b"SCHILY.xattr.user.a\0b", b"c"), (b"size", b"-1"),
    ):  # fmt: skip
        assert cost(iter([pax(record(key, value)) + entry("x") + bytes(1024)]))[0] is InvalidArgument, (key, value)
    for field, text in (
        (slice(124, 136), b"0o17".ljust(12)),
        (slice(108, 116), b"-5".ljust(8)),
        (slice(100, 108), b"1_0".ljust(8)),
    ):
        head = bytearray(entry("x"))
        head[field] = text
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        assert cost(iter([bytes(head) + bytes(1024)]))[0] is InvalidArgument, text


def test_empty_records_change_nothing() -> None:
    """``path=`` and ``size=`` say nothing: what the header says counts, as in Go's reader."""
    keys = b"".join(record(k, b"") for k in (b"path", b"linkpath", b"size", b"uid", b"mtime"))
    one = next(iter(TarReader(iter([pax(keys) + entry("x", 5, uid=7) + padded(b"12345") + bytes(1024)]))))
    assert (one.name, one.size, one.uid) == (b"x", 5, 7)


def test_a_name_that_two_readers_understand_differently_is_refused() -> None:
    """A file called ``d/`` with data is a directory to some and a file to others: what follows would be read differently."""
    for kind in (b"0", b"\0"):
        assert cost(iter([entry("d/", 512, kind) + entry("inner") + bytes(1024)]))[0] is InvalidArgument


# -- a worker ends with its caller --


def slow_layer() -> bytes:
    """Return a layer that takes minutes where nothing limits it, in a few KiB."""
    stream = zstandard.ZstdCompressor().compressobj()
    one = pax(RECORDS) + entry("f")
    return b"".join(stream.compress(one) for _ in range(300)) + stream.flush()


async def cancelled(work: Awaitable[object], busy: Callable[[], object]) -> float:
    """Cancel work once busy says so; return how many seconds it took to end."""

    async def run() -> None:
        await work

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        with anyio.fail_after(10):
            while not busy():
                await anyio.sleep(0.02)
        began = time.monotonic()
        tasks.cancel_scope.cancel()
    return time.monotonic() - began


def busy_worker(above: int) -> int:
    """Return the pid of the worker below us that has used some CPU; 0 while there is none."""
    for pid in descendants(above):
        try:
            if Path(f"/proc/{pid}/comm").read_text() == "argosy-diff-wor\n":
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                if int(fields[11]) + int(fields[12]) > 10:
                    return pid
        except OSError:
            continue
    return 0


@pytest.mark.root
@pytest.mark.parametrize("kind", KINDS)
def test_a_cancelled_apply_is_over_within_a_second(tmp_path: Path, kind: str) -> None:
    """The worker is dead when the cancelled call returns, and the next layer has another one."""
    mounts, _ = mounts_for(tmp_path / "root", kind)

    async def work(unpacker: Unpacker) -> None:
        seen: list[int] = []

        def busy() -> bool:
            seen.append(busy_worker(os.getpid()))
            return bool(seen[-1])

        assert await cancelled(unpacker.apply(slow_layer(), mounts), busy) < 1
        assert not alive(seen[-1])
        await unpacker.apply(entry("x") + bytes(1024), mounts_for(tmp_path / "other", kind)[0])

    with_workers(tmp_path, work, NO_LIMITS)


@pytest.mark.root
def test_a_cancelled_compare_leaves_no_mount(tmp_path: Path) -> None:
    """A tree with a terabyte of holes takes an hour to read; who gives up finds no worker, no mount, no directory."""
    for name in ("fs", "work", "lower"):
        (tmp_path / name).mkdir()
    with (tmp_path / "fs/holes").open("wb") as file:
        file.truncate(1024 * GIB)
    upper = [
        Mount("overlay", "overlay", (f"lowerdir={tmp_path}/lower", f"upperdir={tmp_path}/fs", f"workdir={tmp_path}/work"))
    ]

    async def work(unpacker: Unpacker) -> None:
        with scratch_file(tmp_path) as out:
            comparing = unpacker.workers.compare([], upper, out, "application/vnd.oci.image.layer.v1.tar+gzip", None, {}, {})
            assert await cancelled(comparing, lambda: busy_worker(os.getpid())) < 1
        assert mounts_below(str(tmp_path)) == []

    with_workers(tmp_path, work)


@pytest.fixture
def unlimited(short_path: Path) -> Iterator[Mesh]:
    config = short_path / "c.toml"
    config.write_text("[layers]\nmax_bytes = 0\nmax_ratio = 0\nmax_entries = 0\nmax_metadata_bytes = 0\n")
    mesh = Mesh(short_path / "m", extra=["--config", str(config)])
    mesh.base.mkdir()
    mesh.start()
    try:
        yield mesh
    finally:
        mesh.destroy()


@pytest.mark.root
@pytest.mark.parametrize("dies", ["client", "service"])
def test_a_worker_dies_with_whoever_wanted_it(unlimited: Mesh, tmp_path: Path, dies: str) -> None:
    """SIGKILL to ``argosy import``, or to the differ, while a layer is unpacked: a second later nobody works on it."""
    mesh = unlimited
    oci_archive(tmp_path / "slow.tar", "docker.io/library/slow:1", layers=[(pax(RECORDS) + entry("f")) * 100])
    client = subprocess.Popen([str(ARGOSY), "--address", str(mesh.address), "import", str(tmp_path / "slow.tar")],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "ARGOSY_CLI_TEMPLATE": "off"})  # fmt: skip
    try:
        assert mesh.process is not None
        above = mesh.process.pid
        eventually(lambda: busy_worker(above) > 0, 20, "no worker unpacks the layer")
        worker = busy_worker(above)
        if dies == "client":
            client.kill()
        else:
            os.kill(mesh.services()["argosy-diff"], signal.SIGKILL)
        eventually(lambda: not alive(worker), what="the worker outlives whoever wanted it")
    finally:
        client.kill()
        client.wait()


def test_an_image_reads_no_more_than_its_budget() -> None:
    """The index of an image goes by the same budget as a tree: it is the reader that counts."""
    from argosy.erofs.image import directory

    with LayerIndex(directory(), (), False) as index, pytest.raises(ResourceExhausted, match="max_entries"):
        index.apply(TarReader(iter([entry("a") + entry("b")]), Budget(Limits(max_entries=1))))
