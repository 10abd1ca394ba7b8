"""Snapshots whoever dies or gives up at whatever moment, and whatever happened to their index: the old state, the new one, or a sentence."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from argosy import roots
from argosy.errors import AlreadyExists, ArgosyError, FailedPrecondition, InvalidArgument, NotFound
from argosy.filters import EVERYTHING
from argosy.kernel import descent
from argosy.mounts import Mount
from argosy.plugin.snapshots import Backend, Kind, TreeSnapshotter, Usage, index, tree
from argosy.store import database
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.harness.cancelling import at_each_await
from tests.harness.deaths import dies_at_line
from tests.harness.mesh import run


class Layers(Backend):
    """``data`` is an active one's bytes and ``image`` a committed one's; ``data`` goes when it is committed."""

    rebases = True

    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        for parent in parents:
            assert (parent / "image").exists()
        (directory / "data").write_text("bytes")

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        return [Mount("bind", str(directory), ("rbind", "rw"))]

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        return Usage(1, 1)

    def seal(self, directory: Path, parents: Sequence[Path] | None) -> None:
        (directory / "image").write_text((directory / "data").read_text())

    def sealed(self, directory: Path) -> None:
        (directory / "data").unlink(missing_ok=True)


@asynccontextmanager
async def opened(root: Path, sync_remove: bool = False) -> AsyncIterator[TreeSnapshotter]:
    snapshots = await TreeSnapshotter.open(root, Layers(), sync_remove)
    try:
        yield snapshots
    finally:
        await snapshots.close()


async def exists(snapshots: TreeSnapshotter, key: str) -> Kind | None:
    try:
        return (await snapshots.stat(key)).kind
    except NotFound:
        return None


def directories(root: Path) -> set[str]:
    return set(os.listdir(root / "snapshots"))


async def whole(snapshots: TreeSnapshotter) -> None:
    """Each record has its bytes, and there are no bytes without a record, once the rest is cleaned up."""
    await snapshots.cleanup()
    infos = [info async for info in snapshots.walk(EVERYTHING)]
    records = [snapshots._index.get(info.name) for info in infos]
    assert directories(snapshots.root) == {str(record.id) for record in records}
    for record in records:
        there = os.listdir(snapshots.root / "snapshots" / str(record.id))
        assert ("image" if record.info.kind is Kind.COMMITTED else "data") in there, (record, there)
        if record.info.kind is not Kind.COMMITTED:
            (mount,) = await snapshots.mounts(record.info.name)
            assert os.path.isdir(mount.source)


async def some(snapshots: TreeSnapshotter) -> None:
    """A committed layer ``base``, and an active snapshot ``a`` on it."""
    await snapshots.prepare("b", "", {})
    await snapshots.commit("base", "b", {}, "")
    await snapshots.prepare("a", "base", {})


def prepare(s: TreeSnapshotter) -> Coroutine[Any, Any, Any]:
    return s.prepare("k", "base", {"l": "v"})


def view(s: TreeSnapshotter) -> Coroutine[Any, Any, Any]:
    return s.view("k", "base", {})


def commit(s: TreeSnapshotter) -> Coroutine[Any, Any, Any]:
    return s.commit("n", "a", {}, "")


def remove(s: TreeSnapshotter) -> Coroutine[Any, Any, Any]:
    return s.remove("a")


def clean(s: TreeSnapshotter) -> Coroutine[Any, Any, Any]:
    return s.cleanup()


OPERATIONS = [prepare, view, commit, remove, clean]


async def old_or_new(operation: Callable[..., Any], snapshots: TreeSnapshotter, ended: bool) -> None:
    """What the operation is about is as before or as wanted; as wanted when it ended."""
    await whole(snapshots)
    a, k, n = [await exists(snapshots, key) for key in ("a", "k", "n")]
    assert await exists(snapshots, "base") is Kind.COMMITTED
    if operation in (prepare, view):
        done = k is not None
        assert (a, n) == (Kind.ACTIVE, None)
    elif operation is commit:
        done = n is not None
        # Never both, never neither.
        assert (a, n) in ((Kind.ACTIVE, None), (None, Kind.COMMITTED)) and k is None
    elif operation is remove:
        done = a is None
        assert (k, n) == (None, None)
    else:
        done = True
    assert done or not ended


@pytest.mark.parametrize("sync_remove", [False, True])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_change_that_is_cancelled_at_any_await(tmp_path: Path, operation: Callable[..., Any], sync_remove: bool) -> None:
    async def main() -> None:
        for times in (1, 2):
            root = tmp_path / str(times)
            async with opened(root, sync_remove) as snapshots:
                await some(snapshots)

                async def check(ended: bool, snapshots: TreeSnapshotter = snapshots) -> None:
                    # The first look may find it under way: it waits for what became of it.
                    await old_or_new(operation, snapshots, ended)
                    if await exists(snapshots, "k"):
                        await snapshots.remove("k")
                    if await exists(snapshots, "n"):
                        await snapshots.remove("n")
                    if not await exists(snapshots, "a"):
                        await snapshots.prepare("a", "base", {})

                assert await at_each_await(partial(operation, snapshots), check, times) >= 1

    asyncio.run(main())


def test_an_open_that_is_cancelled_at_any_await_holds_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as snapshots:
            await some(snapshots)

        async def open_and_close() -> None:
            async with opened(tmp_path):
                return

        async def check(ended: bool) -> None:
            held = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
            assert [path for path in held if path.startswith(str(tmp_path))] == []
            async with opened(tmp_path) as snapshots:
                await whole(snapshots)

        assert await at_each_await(open_and_close, check) >= 3

    asyncio.run(main())


@pytest.mark.parametrize(("operation", "sync_remove"), [(prepare, False), (commit, False), (remove, False), (remove, True)])
def test_a_process_that_is_killed_at_any_line(tmp_path: Path, operation: Callable[..., Any], sync_remove: bool) -> None:
    """After the next start: the old state or the new one, and no bytes without a record."""

    async def before() -> None:
        async with opened(tmp_path / "before", sync_remove) as snapshots:
            await some(snapshots)

    root = tmp_path / "root"

    async def change(begin: Callable[[], None]) -> None:
        async with opened(root, sync_remove) as snapshots:
            begin()
            await operation(snapshots)
            os._exit(0)

    async def after(ended: bool) -> None:
        async with opened(root, sync_remove) as snapshots:
            # The next one that is made must not take over what an earlier one left.
            await snapshots.prepare("next", "base", {})
            await old_or_new(operation, snapshots, ended)

    asyncio.run(before())
    modules = (tree, index, database)
    nth, died = 1, True
    while died:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(tmp_path / "before", root)
        died = dies_at_line(nth, modules, lambda begin: asyncio.run(change(begin)))
        asyncio.run(after(not died))
        nth += 2
    assert nth > 30  # of each two lines one


def test_what_became_of_a_commit_is_told_for_sure(tmp_path: Path) -> None:
    """A caller who has lost the answer asks for key and name while it is still being done, and asks again for the commit."""

    async def main() -> None:
        async with opened(tmp_path) as snapshots:
            await some(snapshots)
            caller = asyncio.ensure_future(commit(snapshots))
            await asyncio.sleep(0)
            caller.cancel()
            found = await asyncio.gather(exists(snapshots, "a"), exists(snapshots, "n"))
            assert tuple(found) == (None, Kind.COMMITTED)
            with pytest.raises(AlreadyExists):
                await commit(snapshots)
            # An existing name is told before anything is done to the key's bytes.
            await snapshots.prepare("c", "base", {})
            with pytest.raises(AlreadyExists):
                await snapshots.commit("n", "c", {}, "")
            assert "image" not in os.listdir(tmp_path / "snapshots" / str(snapshots._index.get("c").id))
            with pytest.raises(AlreadyExists):
                await snapshots.commit("c", "c", {}, "")
            await whole(snapshots)

    asyncio.run(main())


def test_many_at_once_for_one_name(tmp_path: Path) -> None:
    """One wins; the losers keep their active snapshots."""

    async def main() -> None:
        async with opened(tmp_path) as snapshots:
            await some(snapshots)
            keys = [f"k{n}" for n in range(8)]
            await asyncio.gather(*(snapshots.prepare(key, "base", {}) for key in keys))
            outcomes = await asyncio.gather(*(snapshots.commit("name", key, {}, "") for key in keys), return_exceptions=True)
            assert sorted(type(o).__name__ for o in outcomes) == ["AlreadyExists"] * 7 + ["NoneType"]
            assert sum([await exists(snapshots, key) is Kind.ACTIVE for key in keys]) == 7
            same = await asyncio.gather(*(snapshots.prepare("same", "", {}) for _ in range(8)), return_exceptions=True)
            assert sum(isinstance(o, AlreadyExists) for o in same) == 7
            await whole(snapshots)

    asyncio.run(main())


def test_a_parent_that_goes_while_a_child_is_made(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path, True) as snapshots:
            for n in range(10):
                await snapshots.prepare(f"b{n}", "", {})
                await snapshots.commit(f"base{n}", f"b{n}", {}, "")
                await asyncio.gather(
                    snapshots.prepare(f"child{n}", f"base{n}", {}), snapshots.remove(f"base{n}"), return_exceptions=True
                )
                child, parent = await exists(snapshots, f"child{n}"), await exists(snapshots, f"base{n}")
                assert child is None or parent is Kind.COMMITTED
            await whole(snapshots)

    asyncio.run(main())


# -- the index is not what it was --


def made(root: Path, count: int = 3) -> None:
    async def main() -> None:
        async with opened(root) as snapshots:
            for n in range(count):
                await snapshots.prepare(f"k{n}", "", {"label": "value" * 100})

    asyncio.run(main())


def refused(root: Path, match: str) -> str:
    """Opening says no, in words that match, and changes nothing, however often it is tried."""
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and path.suffix != ".reserve"}
    words = ""
    for _ in range(3):
        with pytest.raises(FailedPrecondition, match=match) as caught:
            asyncio.run(TreeSnapshotter.open(root, Layers()))
        words = caught.value.message
    after = {path for path in root.rglob("*") if path.is_file()}
    assert before.keys() <= after and all(path.read_bytes() == text for path, text in before.items())
    return words


@pytest.mark.parametrize("damage", ["gone", "empty", "no tables", "gone but for its log"])
def test_a_missing_index_is_told_and_nothing_is_swept(tmp_path: Path, damage: str) -> None:
    made(tmp_path)
    path = tmp_path / "index.db"
    if damage == "gone but for its log":
        (tmp_path / "index.db-wal").write_bytes(b"x" * 4096)
        (tmp_path / "index.db.made").unlink()
    path.unlink()
    if damage == "empty":
        path.touch()
    elif damage == "no tables":
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE x (y)")
            db.execute("DROP TABLE x")
        db.close()
    words = refused(tmp_path, "index.db is (gone|empty), though there was one")
    assert "restore it from a copy" in words and str(tmp_path / roots.ALLOW_LOSS) in words
    # The operator's word is good for one start.
    (tmp_path / roots.ALLOW_LOSS).touch()
    asyncio.run(empty(tmp_path))
    assert not (tmp_path / roots.ALLOW_LOSS).exists() and directories(tmp_path) == set()


async def empty(root: Path) -> None:
    async with opened(root) as snapshots:
        assert [info async for info in snapshots.walk(EVERYTHING)] == []
        await whole(snapshots)


def test_an_index_without_its_marker_and_without_a_log(tmp_path: Path) -> None:
    """Of a time before there were markers: the tree itself says that there was an index."""
    made(tmp_path)
    for path in tmp_path.glob("index.db*"):
        path.unlink()
    refused(tmp_path, r"doesn't name 3 of 3 snapshots .* newer than the index")


def test_an_index_from_an_older_copy(tmp_path: Path) -> None:
    made(tmp_path, 20)
    copy = (tmp_path / "index.db").read_bytes()

    async def more() -> None:
        async with opened(tmp_path) as snapshots:
            await snapshots.prepare("new", "", {})

    asyncio.run(more())
    newer = (tmp_path / "index.db").read_bytes()
    (tmp_path / "index.db").write_bytes(copy)
    assert "1 of 21" in refused(tmp_path, "newer than the index")
    (tmp_path / "index.db").write_bytes(newer)
    asyncio.run(more_is_there(tmp_path))


async def more_is_there(root: Path) -> None:
    async with opened(root) as snapshots:
        assert await exists(snapshots, "new") is Kind.ACTIVE
        await whole(snapshots)


def forget(root: Path, keys: Sequence[str]) -> None:
    with sqlite3.connect(root / "index.db") as db:
        db.executemany("DELETE FROM snapshots WHERE key = ?", [(key,) for key in keys])
    db.close()


def test_a_few_that_were_removed_before_a_power_loss_go_and_more_than_half_need_a_word(tmp_path: Path) -> None:
    made(tmp_path, 5)
    forget(tmp_path, ["k0", "k1"])

    async def look() -> None:
        async with opened(tmp_path) as snapshots:
            await whole(snapshots)

    asyncio.run(look())
    assert directories(tmp_path) == {"3", "4", "5"}
    forget(tmp_path, ["k2", "k3"])
    refused(tmp_path, "2 of 3 snapshots .* more than half")
    (tmp_path / roots.ALLOW_LOSS).touch()
    asyncio.run(look())
    assert directories(tmp_path) == {"5"}


@pytest.mark.root
@pytest.mark.parametrize("how", ["bind", "overlay"])
def test_what_is_mounted_is_not_removed_on_the_index_word(tmp_path: Path, how: str) -> None:
    made(tmp_path / "root", 10)
    one = tmp_path / "root/snapshots/1"
    point = tmp_path / "point"
    point.mkdir()
    (tmp_path / "lower").mkdir()
    if how == "bind":
        run(["mount", "--bind", str(one), str(point)]).ok()
    else:
        run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={one}:{tmp_path}/lower", str(point)]).ok()
    try:
        forget(tmp_path / "root", ["k0"])
        refused(tmp_path / "root", r"1 of 10 snapshots .* in use, as .*/snapshots/1\)")
    finally:
        run(["umount", str(point)]).ok()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@example(offset=0.171875, value=128)  # in a name of the schema, which SQLite's error quotes
@given(offset=st.floats(0, 0.9999), value=st.integers(0, 255))
def test_a_bad_byte_anywhere(tmp_path_factory: pytest.TempPathFactory, offset: float, value: int) -> None:
    """The index is refused in a sentence, or is used; no tree goes, and no error of SQLite's gets out."""
    root = tmp_path_factory.mktemp("bad")
    made(root, 3)
    path = root / "index.db"
    data = bytearray(path.read_bytes())
    data[int(offset * len(data))] = value
    path.write_bytes(data)

    async def main() -> None:
        try:
            async with opened(root) as snapshots:
                try:
                    infos = [info async for info in snapshots.walk(EVERYTHING)]
                    for info in infos:
                        await snapshots.update(info, [])
                except ArgosyError:
                    pass  # in our words
        except ArgosyError as error:
            assert str(root) in error.message or "index.db" in error.message

    asyncio.run(main())
    assert {"1", "2", "3"} <= directories(root)


# -- sizes --


def test_names_without_end_and_lists_that_are_left(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as snapshots:
            for call in (snapshots.prepare("k" * 5000, "", {}), snapshots.prepare("", "", {})):
                with pytest.raises(InvalidArgument, match="snapshot key"):
                    await call
            await snapshots.prepare("k", "", {})
            with pytest.raises(InvalidArgument, match="at most 4096 are allowed"):
                await snapshots.commit("n" * 5000, "k", {}, "")
            with pytest.raises(InvalidArgument, match="4096 bytes"):
                await snapshots.prepare("labels", "", {"a": "b" * 5000})
            assert directories(tmp_path) == {"1"}
            for n in range(250):
                await snapshots._index.create(100 + n, f"many{n:03}", Kind.ACTIVE, "", (), {})
            # Changes between two parts of a list: what stays is there once.
            seen: list[str] = []
            async for info in snapshots.walk(EVERYTHING):
                seen.append(info.name)
                if len(seen) == 50:
                    await snapshots._index.commit("aaa", "many200", {})
                    await snapshots._index.remove("many240")
            assert len(seen) == len(set(seen)) == 250 and "aaa" in seen and "many240" not in seen
            walk = snapshots.walk(EVERYTHING)
            await anext(walk)
            await walk.aclose()  # type: ignore[attr-defined] # it is a generator

    asyncio.run(main())


def test_a_record_that_is_no_record(tmp_path: Path) -> None:
    made(tmp_path, 1)
    with sqlite3.connect(tmp_path / "index.db") as db:
        db.execute("UPDATE snapshots SET labels = ?", (json.dumps({"a": 1})[:-1],))
    db.close()

    async def main() -> None:
        async with opened(tmp_path) as snapshots:
            with pytest.raises(ArgosyError, match='the record of snapshot "k0" is damaged'):
                await snapshots.stat("k0")

    asyncio.run(main())


def test_who_waits_for_the_root_does_not_wait_for_a_large_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was removed goes while snapshots are served; what of it is left at a release goes with whoever claims the root next."""
    removed = tmp_path / "snapshots/rm-7"
    removed.mkdir(parents=True)
    for n in range(500):
        (removed / str(n)).touch()
    unlink = descent._quietly_unlink

    def slowly(name: str, fd: int) -> None:
        time.sleep(0.01)
        unlink(name, fd)

    async def main() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(descent, "_quietly_unlink", slowly)
            async with anyio.create_task_group() as tasks:
                snapshots = await TreeSnapshotter.open(tmp_path, Layers(), tasks=tasks)
                await some(snapshots)
                while len(os.listdir(removed)) == 500:
                    await asyncio.sleep(0.01)
                began = time.monotonic()
                tasks.cancel_scope.cancel()
            await snapshots.close()
            assert time.monotonic() - began < 4 and os.listdir(removed)
        async with opened(tmp_path) as snapshots:
            assert not removed.exists()
            await whole(snapshots)

    asyncio.run(main())


def test_a_committed_snapshot_is_measured_when_somebody_asks_first(tmp_path: Path) -> None:
    """And never again, also not by the next process; a commit measures nothing, and one that goes meanwhile is no error of who asked."""
    measured: list[tuple[str, Kind]] = []
    leave = threading.Event()

    class Measured(Layers):
        def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
            measured.append((directory.name, kind))
            assert leave.wait(10)
            return Usage(4096 * len(measured), 1)

    async def main() -> None:
        snapshots = await TreeSnapshotter.open(tmp_path, Measured())
        try:
            for name in ("a", "b"):
                await snapshots.prepare(f"{name}-key", "", {})
                await snapshots.commit(name, f"{name}-key", {}, "")
            await snapshots.view("view", "a", {})
            assert await snapshots.usage("view") == Usage() and measured == []
            asked = asyncio.ensure_future(snapshots.usage("b"))
            while not measured:
                await asyncio.sleep(0.01)
            await snapshots.remove("b")
            leave.set()
            assert await asked == Usage(4096, 1)
            assert await snapshots.usage("a") == await snapshots.usage("a") == Usage(8192, 1)
            assert [kind for _, kind in measured] == [Kind.COMMITTED] * 2
        finally:
            await snapshots.close()
        snapshots = await TreeSnapshotter.open(tmp_path, Measured())
        try:
            assert await snapshots.usage("a") == Usage(8192, 1) and len(measured) == 2
        finally:
            await snapshots.close()

    asyncio.run(main())


def test_who_asks_for_the_usage_beside_a_commit_hears_of_it_when_that_is_over(tmp_path: Path) -> None:
    """What only an active snapshot needs is still there meanwhile, and is not to be counted for ever."""
    sealing, leave = threading.Event(), threading.Event()

    class Slow(Layers):
        def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
            return Usage(0, len(list(directory.iterdir())))

        def sealed(self, directory: Path) -> None:
            sealing.set()
            assert leave.wait(10)
            super().sealed(directory)

    async def main() -> None:
        snapshots = await TreeSnapshotter.open(tmp_path, Slow())
        try:
            await snapshots.prepare("key", "", {})
            commit = asyncio.ensure_future(snapshots.commit("name", "key", {}, ""))
            while not sealing.is_set():
                await asyncio.sleep(0.01)
            asked = asyncio.ensure_future(snapshots.usage("name"))
            await asyncio.sleep(0.05)
            leave.set()
            await commit
            assert (await asked).inodes == 1
        finally:
            await snapshots.close()

    asyncio.run(main())
