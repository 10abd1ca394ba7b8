"""A content store gives back what was taken, whichever await a caller gives up at."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from argosy.digest import Digest
from argosy.errors import AlreadyExists, NotFound
from argosy.filters import EVERYTHING
from argosy.plugin.content import Writer, blobs
from argosy.plugin.content.blobs import Blobs
from argosy.plugin.content.local import LocalStore

from tests.harness.cancelling import at_each_await

DATA = os.urandom(200 << 10)  # more than is written in the loop's own thread
DIGEST = str(Digest.of(DATA))


def held(root: Path) -> list[str]:
    """Which files below root this process has open."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            continue  # the listing's own
    return [path for path in found if path.startswith(f"{root}/")]


async def nothing_is_held(store: LocalStore) -> None:
    """No ref is locked, no file is open, and the ref can be taken up at once, with what it says it has."""
    assert len(store.holds) == 0 and store._writers == {} and held(store.blobs.root) == []
    writer = await store.writer("r", 0, "", "check")
    try:
        size = writer.status().offset
        assert size in (0, len(DATA), 2 * len(DATA))
        assert writer.digest() == str(Digest.of((DATA * 2)[:size]))
    finally:
        await writer.close()
    assert len(store.holds) == 0 and held(store.blobs.root) == []


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(Blobs(tmp_path))


async def use(store: LocalStore, work: Callable[[Writer], Coroutine[Any, Any, Any]]) -> None:
    """As the servicer does it: whatever happens, the writer is closed."""
    writer = await store.writer("r", 0, "", "test")
    try:
        await work(writer)
    finally:
        await writer.close()


async def fill(store: LocalStore) -> None:
    await use(store, lambda writer: writer.write(0, DATA, 0, ""))


@pytest.mark.parametrize("times", [1, 2])
def test_opening_and_closing(store: LocalStore, times: int) -> None:
    async def main() -> None:
        await fill(store)

        async def check(ended: bool) -> None:
            await nothing_is_held(store)
            assert (await store.status("r")).offset == len(DATA)

        async def nothing(writer: Writer) -> None:
            return

        assert await at_each_await(lambda: use(store, nothing), check, times) >= 2

    asyncio.run(main())


@pytest.mark.parametrize("times", [1, 3])
def test_writing(store: LocalStore, times: int) -> None:
    async def main() -> None:
        async def work(writer: Writer) -> None:
            await writer.write(0, DATA, 0, "")
            await writer.write(len(DATA), DATA, 0, "")
            await writer.stat(0, "")

        async def check(ended: bool) -> None:
            await nothing_is_held(store)

        assert await at_each_await(lambda: use(store, work), check, times) >= 4

    asyncio.run(main())


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_committing(store: LocalStore, algorithm: str) -> None:
    """There is the whole blob, or the ingest as it was."""
    import hashlib

    expected = f"{algorithm}:{hashlib.new(algorithm, DATA).hexdigest()}"

    async def main() -> None:
        async def work(writer: Writer) -> None:
            await writer.write(0, DATA, 0, "")
            await writer.commit(len(DATA), b"", len(DATA), expected, None)

        async def check(ended: bool) -> None:
            assert len(store.holds) == 0 and held(store.blobs.root) == []
            try:
                size = (await store.info(expected)).size
            except NotFound:
                assert not ended
                await nothing_is_held(store)
            else:
                assert size == len(DATA) and await store.statuses(EVERYTHING) == []
                await store.delete(expected)

        assert await at_each_await(lambda: use(store, work), check) >= 3

    asyncio.run(main())


def test_a_commit_of_what_is_there_already(store: LocalStore) -> None:
    async def main() -> None:
        async def work(writer: Writer) -> None:
            await writer.write(0, DATA, 0, "")
            try:
                await writer.commit(len(DATA), b"", len(DATA), "", None)
            except AlreadyExists:
                return

        await use(store, work)

        async def check(ended: bool) -> None:
            await nothing_is_held(store)
            assert (await store.info(DIGEST)).size == len(DATA)

        assert await at_each_await(lambda: use(store, work), check) >= 3

    asyncio.run(main())


def test_reading_listing_deleting_and_aborting(store: LocalStore) -> None:
    async def main() -> None:
        async def all_of_it() -> None:
            await fill(store)
            assert [s.ref for s in await store.statuses(EVERYTHING)] == ["r"]
            await store.abort("r")
            try:
                await use(store, lambda writer: writer.commit(0, DATA, 0, "", None))
            except AlreadyExists:
                pass  # of the run before
            assert b"".join([part async for part in store.read(DIGEST, 0, 0)]) == DATA
            assert [info.digest async for info in store.walk(EVERYTHING)] == [DIGEST]
            await store.delete(DIGEST)

        async def check(ended: bool) -> None:
            assert len(store.holds) == 0 and held(store.blobs.root) == []

        assert await at_each_await(all_of_it, check) >= 8

    asyncio.run(main())


def test_nobody_hashes_for_a_caller_who_has_left(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled open ends after the piece that is being hashed, and gives its ref and its file back."""
    monkeypatch.setattr(blobs, "_HASH_CHUNK", 1 << 10)
    pieces = 0
    begun = threading.Event()
    plain = os.pread

    def slow(fd: int, size: int, offset: int) -> bytes:
        nonlocal pieces
        pieces += 1
        begun.set()
        time.sleep(0.02)
        return plain(fd, size, offset)

    async def main() -> None:
        await fill(store)
        monkeypatch.setattr(os, "pread", slow)
        opening = asyncio.ensure_future(store.writer("r", 0, "", "test"))
        await asyncio.to_thread(begun.wait)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert pieces < 20
        monkeypatch.setattr(os, "pread", plain)
        await nothing_is_held(store)
        assert (await store.status("r")).offset == len(DATA)

    asyncio.run(main())
