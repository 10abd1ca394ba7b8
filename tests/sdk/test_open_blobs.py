"""Blobs that are read in small pieces are opened once, and let go of when they are deleted or nobody reads them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from argosy.digest import Digest
from argosy.errors import InvalidArgument, NotFound, OutOfRange
from argosy.plugin.content.blobfile import OpenBlobs, blob_path


def _store(root: Path, data: bytes) -> str:
    digest = Digest.of(data)
    path = blob_path(root, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(digest)


def _held(root: Path) -> list[str]:
    """Which files below root this process has open."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            continue  # the listing's own
    return [path for path in found if path.startswith(f"{root}/")]


def test_ranges_are_what_was_asked_for(tmp_path: Path) -> None:
    async def work() -> None:
        blobs = OpenBlobs(tmp_path)
        digest = _store(tmp_path, bytes(range(256)) * 8192)
        assert b"".join(blobs.read(digest, 0, 0)) == bytes(range(256)) * 8192
        assert b"".join(blobs.read(digest, 255, 3)) == b"\xff\x00\x01"
        assert b"".join(blobs.read(digest, (2 << 20) - 1, 100)) == b"\xff"
        assert list(blobs.read(digest, 2 << 20, 1)) == []
        with pytest.raises(OutOfRange, match="read past object length 2097152 bytes"):
            list(blobs.read(digest, (2 << 20) + 1, 1))
        with pytest.raises(NotFound):
            list(blobs.read(str(Digest.of(b"none")), 0, 0))
        with pytest.raises(InvalidArgument):
            list(blobs.read("sha256:../../etc/passwd", 0, 0))
        assert len(_held(tmp_path)) == 1
        blobs.close()
        assert _held(tmp_path) == []

    asyncio.run(work())


def test_a_deleted_blob_is_let_go_of_and_who_reads_it_reads_on(tmp_path: Path) -> None:
    async def work() -> None:
        blobs = OpenBlobs(tmp_path)
        data = os.urandom(3 << 20)
        digest = _store(tmp_path, data)
        reader = blobs.read(digest, 0, 0)
        got = [next(reader)]
        blobs.forget(digest)
        blob_path(tmp_path, Digest.parse(digest)).unlink()
        assert len(_held(tmp_path)) == 1
        got += reader
        assert b"".join(got) == data and _held(tmp_path) == []
        with pytest.raises(NotFound):
            list(blobs.read(digest, 0, 0))
        # One that stops in the middle holds nothing either.
        digest = _store(tmp_path, data)
        reader = blobs.read(digest, 0, 0)
        next(reader)
        blobs.close()
        reader.close()  # type: ignore[attr-defined] # it is a generator
        assert _held(tmp_path) == []

    asyncio.run(work())


def test_few_are_open_and_none_for_long(tmp_path: Path) -> None:
    async def work() -> None:
        blobs = OpenBlobs(tmp_path)
        for n in range(20):
            list(blobs.read(_store(tmp_path, b"%d" % n), 0, 0))
        assert len(_held(tmp_path)) == 8
        last = str(Digest.of(b"19"))
        for _ in range(6):
            await asyncio.sleep(0.25)
            assert b"".join(blobs.read(last, 0, 0)) == b"19"
        assert _held(tmp_path), "what is being read is opened anew each time"
        for _ in range(100):
            await asyncio.sleep(0.1)
            if not _held(tmp_path):
                break
        assert _held(tmp_path) == []

    asyncio.run(work())
