"""A database: cancelled, gone, damaged, on a full disk. Nothing is half-written, swept or stuck, and no error of SQLite's gets out."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from argosy import roots
from argosy.errors import Aborted, ArgosyError, DataLoss, FailedPrecondition, ResourceExhausted, Unavailable
from argosy.store import reserve, schema
from argosy.store.database import Database
from argosy.store.schema import Migration, migrate

from tests.harness.cancelling import at_each_await
from tests.harness.mesh import run

STEPS = (Migration(1, "things", ("CREATE TABLE things (name TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID",)),)


def put(name: str, data: bytes = b"") -> Callable[[sqlite3.Connection], str]:
    def change(db: sqlite3.Connection) -> str:
        db.execute("INSERT INTO things VALUES (?, ?)", (name, data))
        return name

    return change


def drop(pattern: str) -> Callable[[sqlite3.Connection], int]:
    return lambda db: db.execute("DELETE FROM things WHERE name LIKE ?", (pattern,)).rowcount


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Database]:
    db = await Database.open(path, STEPS)
    try:
        yield db
    finally:
        await db.close()


def names(db: Database) -> list[str]:
    return [row[0] for row in db.read("SELECT name FROM things ORDER BY name")]


def opened_below(root: Path) -> list[str]:
    found = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
    return [path for path in found if path.startswith(str(root))]


def test_every_await_may_be_the_last(tmp_path: Path) -> None:
    """Opening, writing and closing: nothing stays open, and what was said to be written is."""
    said: list[str] = []
    run_number = 0

    async def work() -> None:
        nonlocal run_number
        run_number += 1
        db = await Database.open(tmp_path / "x.db", STEPS)
        try:
            said.append(await db.write(put(f"{run_number:04}")))
        finally:
            await db.close()

    async def check(ended: bool) -> None:
        assert opened_below(tmp_path) == []
        async with opened(tmp_path / "x.db") as db:
            assert set(said) <= set(names(db))

    async def main() -> None:
        for times in (1, 2):
            assert await at_each_await(work, check, times) >= 3

    asyncio.run(main())


def test_no_error_of_sqlites_gets_out(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "x.db") as db:
            await db.write(put("a"))
            with pytest.raises(Aborted, match="UNIQUE"):
                await db.write(put("a"))
            with pytest.raises(Unavailable, match="no such table"):
                db.read("SELECT * FROM missing")
            with pytest.raises(Unavailable, match="readonly"):
                db.reader.execute("DELETE FROM things")
        with pytest.raises(Unavailable, match="closed"):
            db.read("SELECT 1")
        with pytest.raises(Unavailable, match="is closed"):
            await db.write(put("b"))

    asyncio.run(main())


def test_damage_that_comes_while_it_is_open_is_data_loss(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "x.db") as db:
            for n in range(200):
                await db.write(put(f"{n}", b"x" * 500))
            await (await db._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")).close()
            with (tmp_path / "x.db").open("r+b") as file:
                file.seek(4096)
                file.write(b"\xff" * (os.fstat(file.fileno()).st_size - 4096))
            for reading in (
                lambda: names(db),
                lambda: [row for row in db.reader.execute("SELECT * FROM things")],  # noqa: C416 - row by row is the point
                lambda: db.reader.execute("SELECT name FROM things").fetchone(),
            ):
                with pytest.raises(DataLoss, match="x.db is damaged .* restore it from a copy"):
                    reading()

    asyncio.run(main())


def test_a_writer_that_ends_leaves_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with opened(tmp_path / "x.db") as db:

            def broken(*args: object) -> object:
                raise MemoryError

            monkeypatch.setattr(db, "_transact", broken)
            with pytest.raises(Unavailable, match="look whether the change is there"):
                await asyncio.wait_for(db.write(put("a")), 5)
            monkeypatch.undo()
            await db.write(put("b"))
            assert names(db) == ["b"]

    asyncio.run(main())


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_a_database_that_was_there_is_not_made_anew(tmp_path: Path, how: str) -> None:
    path = tmp_path / "x.db"
    migrate(path, STEPS)
    path.unlink()
    if how == "empty":
        path.touch()
    for _ in range(2):
        with pytest.raises(
            FailedPrecondition, match=f"x.db is {how}, though there was one; nothing was changed: restore it"
        ):
            migrate(path, STEPS)
    assert path.exists() == (how == "empty")
    (tmp_path / roots.ALLOW_LOSS).touch()

    async def main() -> None:
        async with opened(path) as db:
            assert names(db) == []

    asyncio.run(main())
    assert not (tmp_path / roots.ALLOW_LOSS).exists()
    migrate(path, STEPS)


# -- a full disk --


@pytest.fixture(params=["tmpfs", "ext4"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB."""
    point = tmp_path / "small"
    point.mkdir()
    if request.param == "tmpfs":
        run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(point)]).ok()
    else:
        image = tmp_path / "image"
        with image.open("wb") as file:
            file.truncate(64 << 20)
        # As on any but tiny disks; with smaller blocks, the mapped file of a log has holes, and a full disk kills who touches them.
        run(["mkfs.ext4", "-q", "-b", "4096", "-m", "0", str(image)]).ok()
        mounting = run(["mount", "-o", "loop", str(image), str(point)])
        if mounting.code:
            pytest.skip(f"no loop devices here: {mounting.err.strip()}")
    try:
        yield point
    finally:
        run(["umount", str(point)]).ok()


def fill(point: Path) -> None:
    """Leave not one byte on the file system."""
    with (point / f"ballast{len(list(point.iterdir()))}").open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


@pytest.mark.root
def test_a_full_disk_can_be_emptied(small: Path) -> None:
    """What makes the database larger is refused; everything in it can be removed, by transactions of any size, also after a start."""
    path = small / "db" / "x.db"

    async def main() -> None:
        async with opened(path) as db:
            await asyncio.gather(*(db.write(put(f"{n:05}", b"x" * 1000)) for n in range(2000)))
            fill(small)
            refused = 0
            for n in range(300):
                try:
                    await db.write(put(f"more{n}", b"x" * 3000))
                except ResourceExhausted as error:
                    assert "the disk is full" in error.message
                    refused += 1
            assert refused > 60
            for n in range(500):
                assert await db.write(drop(f"{n:05}")) == 1
            # As a process that is killed would leave it, and the next one finds it: no log, and no room for one.
        fill(small)
        async with opened(path) as db:
            assert len(names(db)) >= 1500
            assert await db.write(drop("0%")) == 1500
            assert not [name for name in names(db) if name.startswith("0")]
            for one in small.glob("ballast*"):
                one.unlink()
            # Room is taken back by and by.
            db._reserve._tried = 0.0
            await db.write(put("after", b"x" * 3000))
            await db.write(put("after2", b"x" * 3000))
            assert db._reserve.size >= 4 << 20

    asyncio.run(main())


@pytest.mark.root
def test_a_root_is_locked_and_a_database_made_on_a_full_disk_or_it_is_told(small: Path) -> None:
    (small / "r").mkdir()
    fd = roots.lock_root(small / "r", "one")
    os.close(fd)
    fill(small)
    fd = roots.lock_root(small / "r", "another")
    os.close(fd)
    with pytest.raises(ArgosyError, match="disk is full"):
        migrate(small / "r" / "x.db", STEPS)
    for one in small.glob("ballast*"):
        one.unlink()
    migrate(small / "r" / "x.db", STEPS)


def test_small_files_are_there_whole_or_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes are on disk before its name, and its name before it is acknowledged."""
    calls: list[str] = []
    for name in ("fsync", "replace"):
        plain = getattr(os, name)

        def noted(*args: object, name: str = name, plain: object = plain) -> object:
            what = os.readlink(f"/proc/self/fd/{args[0]}") if name == "fsync" else str(args[1])
            calls.append(f"{name} {os.path.basename(what)}")
            return plain(*args)  # type: ignore[operator] # it is a function

        monkeypatch.setattr(os, name, noted)
    roots.replace_file(tmp_path / "owner", "me")
    assert calls == ["fsync owner.tmp", "replace owner", f"fsync {tmp_path.name}"]

    def full(*args: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        roots.replace_file(tmp_path / "owner", "another")
    assert (tmp_path / "owner").read_text() == "me" and os.listdir(tmp_path) == ["owner"]


def test_a_log_is_given_blocks_and_keeps_its_length(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "x.db") as db:
            log = os.stat(tmp_path / "x.db-wal")
            if log.st_blocks * 512 < reserve.LOG_BYTES:
                pytest.skip("this file system allocates nothing ahead")
            await db.write(put("a"))
            assert os.stat(tmp_path / "x.db-wal").st_size < reserve.LOG_BYTES

    asyncio.run(main())


def test_the_reader_is_as_sqlites_own(tmp_path: Path) -> None:
    """What is read through it is what Python's own connection reads."""
    migrate(tmp_path / "x.db", STEPS)
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.executemany("INSERT INTO things VALUES (?, ?)", [(f"{n}", b"x" * n) for n in range(300)])
    reader = schema.read_only(tmp_path / "x.db")
    query = "SELECT * FROM things WHERE length(data) > ? ORDER BY name"
    expected = db.execute(query, (20,)).fetchall()
    assert reader.execute(query, (20,)).fetchall() == expected == list(reader.execute(query, (20,)))
    assert reader.execute(query, (20,)).fetchone() == expected[0]
    assert reader.execute(query, (900,)).fetchone() is None
    reader.close()
    db.close()


def test_an_outside_judge_finds_the_database_whole(tmp_path: Path) -> None:
    if subprocess.run(["sh", "-c", "command -v sqlite3"], capture_output=True).returncode:
        pytest.skip("the sqlite3 command is not installed")

    async def main() -> None:
        async with opened(tmp_path / "x.db") as db:
            await asyncio.gather(*(db.write(put(f"{n}", b"x" * 100)) for n in range(500)))

    asyncio.run(main())
    assert (
        run(["sqlite3", str(tmp_path / "x.db"), "PRAGMA integrity_check; SELECT count(*) FROM things"]).ok().out
        == "ok\n500\n"
    )
