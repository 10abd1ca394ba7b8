"""Where an archive is written to: a file appears when it is whole, and what is no file stays what it is."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from pathlib import Path

import pytest
from argosy.client.files import appearing


def written(path: Path, *pieces: bytes, fails: bool = False) -> None:
    async def work() -> None:
        async with appearing(path) as write:
            for piece in pieces:
                await write(piece)
            if fails:
                raise ValueError("cut off")

    asyncio.run(work())


def test_a_file_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="cut off"):
        written(path, b"new", fails=True)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["out"]
    written(path, b"new", b"er")
    assert path.read_bytes() == b"newer" and os.listdir(tmp_path) == ["out"]


def test_a_symlink_stays_and_leads_to_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "out"
    link.symlink_to("there/real")
    for data in (b"first", b"second"):
        written(link, data)
        assert link.is_symlink() and (tmp_path / "there/real").read_bytes() == data
    assert os.listdir(tmp_path / "there") == ["real"]


def test_a_pipe_is_written_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    written(path, b"through ", b"it")
    reader.join(10)
    assert got == [b"through it"] and stat.S_ISFIFO(path.stat().st_mode)


def test_a_descriptor_by_its_name_is_written_where_it_stands(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb+") as file:
        file.write(b"before ")
        file.flush()
        path = Path(f"/dev/fd/{file.fileno()}")
        written(path, b"x")
        assert os.fstat(file.fileno()).st_nlink == 1 and os.listdir(tmp_path) == ["file"]


@pytest.mark.root
def test_a_device_stays_one_and_the_error_names_it(tmp_path: Path) -> None:
    """Who has an archive written to /dev/null as root has a machine afterwards."""
    device, link = tmp_path / "full", tmp_path / "link"
    os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 7))
    link.symlink_to("full")
    for path in (device, link):
        with pytest.raises(OSError, match="No space left on device") as full:
            written(path, b"x")
        assert full.value.filename == str(path)
        assert stat.S_ISCHR(device.lstat().st_mode) and link.is_symlink()


def test_there_has_to_be_a_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no such directory; make it first"):
        written(tmp_path / "no" / "out", b"x")
    with pytest.raises(IsADirectoryError):
        written(tmp_path, b"x")
