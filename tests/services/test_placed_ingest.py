"""An ingest whose file its client writes: counted, hashed, committed only when nobody can change it, and never two clients' at once."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from argosy.digest import Digest
from argosy.errors import Aborted, FailedPrecondition, Locked, NotFound, Unimplemented
from argosy.plugin.content.blobs import Blobs
from argosy.plugin.content.local import LocalStore, LocalWriter

DATA = os.urandom(3 << 20)
DIGEST = str(Digest.of(DATA))


def with_writer(root: Path, work: Callable[[LocalStore, LocalWriter, Path], Awaitable[None]]) -> None:
    async def main() -> None:
        store = LocalStore(Blobs(root))
        writer = await store.writer("r", len(DATA), DIGEST, "test")
        assert isinstance(writer, LocalWriter)
        path, device, inode = await store.place("r")
        found = path.stat()
        assert (found.st_dev, found.st_ino) == (device, inode)
        await work(store, writer, path)

    asyncio.run(main())


async def commit(writer: LocalWriter) -> str:
    return await writer.commit(len(DATA), b"", len(DATA), DIGEST, None)


def test_what_the_client_wrote_is_hashed_and_committed(tmp_path: Path) -> None:
    async def work(store: LocalStore, writer: LocalWriter, path: Path) -> None:
        await writer.write(0, DATA[:1000], 0, "")  # both ways may be mixed
        with path.open("r+b", buffering=0) as file:
            file.seek(1000)
            file.write(DATA[1000 : 1 << 20])
            await writer.stat(0, "")
            assert writer.status().offset == 1 << 20 and writer.digest() == str(Digest.of(DATA[: 1 << 20]))
            file.write(DATA[1 << 20 :])
        await writer.stat(0, "")
        assert await commit(writer) == DIGEST
        assert b"".join([part async for part in store.read(DIGEST, 0, 0)]) == DATA
        with pytest.raises(NotFound, match='ingest "r" is not open'):
            await store.place("r")

    with_writer(tmp_path, work)


def test_what_can_still_be_changed_is_not_committed(tmp_path: Path) -> None:
    async def work(store: LocalStore, writer: LocalWriter, path: Path) -> None:
        with path.open("r+b", buffering=0) as file:
            file.write(DATA)
            await writer.stat(0, "")
            with pytest.raises(FailedPrecondition, match="still open in the client that writes its file"):
                await commit(writer)
        # The bytes are kept, and it can still be written.
        assert await commit(writer) == DIGEST

    with_writer(tmp_path, work)


def test_bytes_that_were_not_announced_are_not_committed(tmp_path: Path) -> None:
    async def work(store: LocalStore, writer: LocalWriter, path: Path) -> None:
        path.write_bytes(DATA)
        await writer.stat(0, "")
        with path.open("ab") as file:
            file.write(b"more")
        with pytest.raises(FailedPrecondition, match=f"has {len(DATA) + 4} bytes, of which {len(DATA)} were announced"):
            await commit(writer)
        await writer.stat(0, "")
        with pytest.raises(FailedPrecondition, match="failed size validation"):
            await writer.commit(len(DATA) + 4, b"", len(DATA), DIGEST, None)

    with_writer(tmp_path, work)


def test_bytes_that_were_changed_after_they_were_hashed_are_not_committed(tmp_path: Path) -> None:
    async def work(store: LocalStore, writer: LocalWriter, path: Path) -> None:
        path.write_bytes(DATA)
        await writer.stat(0, "")
        await asyncio.sleep(0.02)  # kernels before 6.13 stamp files every few milliseconds
        with path.open("r+b") as file:
            file.write(bytes((DATA[0] ^ 1,)))
        with pytest.raises(FailedPrecondition, match="was changed after it was hashed"):
            await commit(writer)
        assert not (tmp_path / "blobs/sha256" / DIGEST.partition(":")[2]).exists()

    with_writer(tmp_path, work)


def test_an_ingest_whose_last_client_still_has_the_file_is_locked(tmp_path: Path) -> None:
    hold = "import sys; file = open(sys.argv[1], 'r+b'); print('open', flush=True); sys.stdin.read()"

    async def work(store: LocalStore, writer: LocalWriter, path: Path) -> None:
        path.write_bytes(DATA[:5000])
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-c", hold, str(path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert client.stdout is not None and await client.stdout.readline() == b"open\n"
        await writer.close()
        with pytest.raises(Locked, match="still open in a client that writes its file"):
            await store.writer("r", 0, "", "another")
        await client.communicate(b"")
        again = await store.writer("r", 0, "", "another")
        assert again.status().offset == 5000 and again.digest() == str(Digest.of(DATA[:5000]))
        await again.close()

    with_writer(tmp_path, work)


def test_a_file_system_without_leases_has_no_places_and_ingests_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.fcntl

    def without_leases(fd: int, command: int, argument: int = 0) -> int:
        if command == fcntl.F_SETLEASE:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return real(fd, command, argument)

    monkeypatch.setattr(fcntl, "fcntl", without_leases)

    async def main() -> None:
        store = LocalStore(Blobs(tmp_path))
        writer = await store.writer("r", len(DATA), DIGEST, "test")
        with pytest.raises(Unimplemented, match="has no leases"):
            await store.place("r")
        await writer.write(0, DATA, 0, "")
        assert await writer.commit(len(DATA), b"", len(DATA), DIGEST, None) == DIGEST

    asyncio.run(main())


@pytest.mark.parametrize("placed", [True, False], ids=["placed", "sent"])
def test_a_commit_of_what_was_aborted_meanwhile_says_so_and_closes_nobodys_file(tmp_path: Path, placed: bool) -> None:
    """Its descriptor was closed twice; the second time its number was another ingest's, whose bytes went nowhere."""

    async def main() -> None:
        store = LocalStore(Blobs(tmp_path))
        writer = await store.writer("r", len(DATA), DIGEST, "test")
        await writer.write(0, DATA, 0, "")
        if placed:
            await store.place("r")
            await writer.stat(0, "")
        await store.abort("r")
        with pytest.raises(
            Aborted, match=r'ingest "r" was aborted while it was open, and its bytes are gone; write it again'
        ):
            await writer.commit(len(DATA), b"", len(DATA), DIGEST, None)
        others = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]
        await writer.close()
        for fd in others:
            os.close(fd)
        again = await store.writer("r", len(DATA), DIGEST, "test")
        await again.write(0, DATA, 0, "")
        assert await again.commit(len(DATA), b"", len(DATA), DIGEST, None) == DIGEST

    asyncio.run(main())
