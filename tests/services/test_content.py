"""The content store's machine, holds and disk, and the process as containerd sees it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
from pathlib import Path

import pytest
from argosy.digest import Digest
from argosy.errors import AlreadyExists, FailedPrecondition, Locked, NotFound, OutOfRange
from argosy.filters import EVERYTHING
from argosy.kernel.files import begin_writeback
from argosy.plugin.content import blobs
from argosy.plugin.content.blobs import Blobs
from argosy.plugin.content.holds import Holds
from argosy.plugin.content.ingest import Ingest, Kind
from argosy.plugin.content.local import LocalStore
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.mesh import run

DATA = b"0123456789" * 1000


def test_a_write_elsewhere_is_out_of_range_and_changes_nothing() -> None:
    ingest = Ingest("r", offset=5)
    for call in (ingest.write, ingest.commit):
        with pytest.raises(OutOfRange, match="write @4 must occur at current offset 5"):
            call(4, b"x", 99, "sha256:other")
        assert ingest == Ingest("r", offset=5)


def test_offset_zero_starts_again() -> None:
    ingest = Ingest("r", offset=5)
    assert [a.kind for a in ingest.write(0, b"abc")] == [Kind.TRUNCATE, Kind.APPEND, Kind.ANSWER]
    assert ingest.offset == 3


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(st.tuples(st.sampled_from(["write", "again", "bad"]), st.binary(max_size=20)), max_size=20))
def test_the_machine_and_a_plain_buffer_agree(steps: list[tuple[str, bytes]]) -> None:
    ingest, buffer = Ingest("r"), b""
    for kind, data in steps:
        if kind == "bad":
            with pytest.raises(OutOfRange):
                ingest.write(len(buffer) + 1, data)
            continue
        offset = len(buffer) if kind == "write" else 0
        ingest.write(offset, data)
        buffer = (buffer if offset else b"") + data
        assert ingest.offset == len(buffer)


def test_a_hold_says_who_and_for_how_long() -> None:
    now = [100.0]
    holds = Holds(lambda: now[0])
    hold = holds.acquire("r", "pid 7")
    now[0] = 103.5
    with pytest.raises(Locked, match=r"ref r locked for 3\.500s \(since .*\) by pid 7"):
        holds.acquire("r", "pid 8")
    holds.release(hold)
    holds.release(hold)
    holds.acquire("r", "pid 8")


def store_in(path: Path) -> LocalStore:
    return LocalStore(Blobs(path))


def test_failed_commits_keep_the_bytes_and_a_later_one_succeeds(tmp_path: Path) -> None:
    async def main() -> None:
        store = store_in(tmp_path)
        digest = str(Digest.of(DATA))
        writer = await store.writer("r", 0, "", "test")
        await writer.write(0, DATA, 0, "")
        with pytest.raises(FailedPrecondition, match="unexpected commit digest"):
            await writer.commit(len(DATA), b"", 0, "sha256:" + "0" * 64, None)
        await writer.close()
        writer = await store.writer("r", 0, "", "test")
        assert writer.status().offset == len(DATA) and writer.digest() == digest
        with pytest.raises(FailedPrecondition, match="failed size validation"):
            await writer.commit(len(DATA), b"", 5, "", None)
        await writer.close()
        writer = await store.writer("r", 0, "", "test")
        assert await writer.commit(len(DATA), b"", len(DATA), digest, None) == digest
        await writer.close()
        path = tmp_path / "blobs/sha256" / digest.partition(":")[2]
        assert path.read_bytes() == DATA and path.stat().st_mode & 0o777 == 0o444
        assert list((tmp_path / "ingest").iterdir()) == []
        with pytest.raises(AlreadyExists):
            await store.writer("other", 0, digest, "test")
        writer = await store.writer("other", 0, "", "test")
        await writer.write(0, DATA, 0, "")
        with pytest.raises(AlreadyExists, match="content sha256:"):
            await writer.commit(len(DATA), b"", 0, "", None)
        await writer.close()
        assert await store.statuses(EVERYTHING) == []

    asyncio.run(main())


def test_big_messages_are_hashed_beside_the_write_and_begin_their_way_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []

    def begin(fd: int, offset: int, length: int) -> None:
        # It is asked for bytes that are there, in a file that is open.
        assert os.fstat(fd).st_size >= offset + length
        told.append((offset, length))

    monkeypatch.setattr(blobs, "begin_writeback", begin)

    async def main() -> None:
        store = store_in(tmp_path)
        writer = await store.writer("r", 0, "", "test")
        whole = b""
        for n in range(20):
            data = bytes([n]) * ((1 << 20) + n)
            await writer.write(len(whole), data, 0, "")
            whole += data
            # The running digest is that of what is there, after each message.
            assert writer.digest() == str(Digest.of(whole)) and writer.status().offset == len(whole)
        await writer.close()
        assert len(told) == 2 and told[0][0] == 0 and told[1][0] == told[0][1] >= 8 << 20
        writer = await store.writer("r", 0, "", "test")
        assert writer.digest() == str(Digest.of(whole))
        # From the start again: so does the writing.
        await writer.write(0, whole[: 9 << 20], 0, "")
        digest = await writer.commit(9 << 20, b"", 0, "", None)
        assert digest == str(Digest.of(whole[: 9 << 20])) and told[2:] == [(0, 9 << 20)]
        await writer.close()

    asyncio.run(main())


def dirty(fd: int, size: int) -> int:
    """How many pages of a file the kernel has not begun to write (cachestat(2), Linux 6.5)."""
    span, counts = (ctypes.c_uint64 * 2)(0, size), (ctypes.c_uint64 * 5)()
    if ctypes.CDLL(None, use_errno=True).syscall(451, fd, span, counts, 0):
        pytest.skip(f"no cachestat: {os.strerror(ctypes.get_errno())}")
    return counts[1]


def test_the_kernel_takes_the_hint(tmp_path: Path) -> None:
    if run(["stat", "-f", "-c", "%T", str(tmp_path)]).ok().out.strip() == "tmpfs":
        pytest.skip("temporary files are in memory")
    with (tmp_path / "file").open("wb") as file:
        file.write(b"x" * (4 << 20))
        file.flush()
        assert dirty(file.fileno(), 4 << 20)
        begin_writeback(file.fileno(), 0, 4 << 20)
        began = time.monotonic()
        while dirty(file.fileno(), 4 << 20):
            assert time.monotonic() - began < 10
            time.sleep(0.01)
    # Where there is no disk behind a descriptor it is no error.
    read, write = os.pipe()
    begin_writeback(write, 0, 4096)
    os.close(read)
    os.close(write)


def test_the_empty_blob(tmp_path: Path) -> None:
    async def main() -> None:
        store = store_in(tmp_path)
        writer = await store.writer("r", 0, "", "test")
        assert await writer.commit(0, b"", 0, "", None) == str(Digest.of(b""))
        await writer.close()

    asyncio.run(main())


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_commit_hashes_with_the_algorithm_that_is_expected(tmp_path: Path, algorithm: str) -> None:
    import hashlib

    async def main() -> None:
        store = store_in(tmp_path)
        expected = f"{algorithm}:{hashlib.new(algorithm, DATA).hexdigest()}"
        writer = await store.writer("r", 0, "", "test")
        await writer.write(0, DATA, 0, "")
        assert await writer.commit(len(DATA), b"", 0, expected, None) == expected
        assert (await store.info(expected)).size == len(DATA)

    asyncio.run(main())


def test_reads_by_range(tmp_path: Path) -> None:
    async def main() -> None:
        store = store_in(tmp_path)
        writer = await store.writer("r", 0, "", "test")
        digest = await writer.commit(0, DATA, 0, "", None)

        async def read(offset: int, size: int) -> bytes:
            return b"".join([part async for part in store.read(digest, offset, size)])

        assert await read(0, 0) == DATA
        assert await read(10, 5) == DATA[10:15]
        assert await read(len(DATA) - 3, 100) == DATA[-3:]
        assert await read(len(DATA), 0) == b""
        assert await read(-5, 3) == DATA[:3]
        with pytest.raises(OutOfRange, match=f"read past object length {len(DATA)} bytes"):
            await read(len(DATA) + 1, 0)
        with pytest.raises(NotFound):
            await store.info("sha256:" + "0" * 64)

    asyncio.run(main())


@pytest.mark.parametrize("damage", ["ref", "startedat"])
def test_start_removes_ingests_that_a_crash_left_without_a_name(tmp_path: Path, damage: str) -> None:
    blobs = Blobs(tmp_path)
    blobs.open_ingest("whole", 0).close()
    blobs.open_ingest("broken", 0).close()
    os.unlink(blobs.ingest_path("broken") / damage)
    assert blobs.recover() == 1
    assert [s.ref for s in blobs.statuses()] == ["whole"]


def test_a_stock_layout(tmp_path: Path) -> None:
    """File names are those of containerd's own local store."""
    blobs = Blobs(tmp_path)
    ingest = blobs.open_ingest("default/1/ref", 12)
    ingest.append(b"hello")
    ingest.close()
    (folder,) = (tmp_path / "ingest").iterdir()
    assert sorted(p.name for p in folder.iterdir()) == ["data", "ref", "startedat", "total", "updatedat"]
    assert (folder / "ref").read_text() == "default/1/ref" and (folder / "total").read_text() == "12"
