"""Files that are read while they grow."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from argosy.errors import Aborted
from argosy.unpack.growing import Growing


def read_all(path: Path, size: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        return io.BufferedReader(Growing(file, size), 7).read()


def meanwhile(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_what_is_there_is_read_and_what_is_not_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"begun, ")
    with path.open("ab", buffering=0) as writer:
        read = threading.Event()

        class Watched(Growing):
            def readinto(self, buffer: Any) -> int:
                read.set()
                return super().readinto(buffer)

        def write() -> None:
            assert read.wait(10)
            for piece in (b"and ", b"ended", b"; this is somebody else's"):
                writer.write(piece)

        thread = meanwhile(write)
        with path.open("rb", buffering=0) as file:
            watched = Watched(file, 16)
            assert b"".join(iter(lambda: watched.read(7) or b"", b"")) == b"begun, and ended"
            os.fstat(file.fileno())  # it is still its opener's
        thread.join()


def test_a_file_that_is_whole_is_read_to_its_end_whoever_removes_it(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * 1000)
    with path.open("rb", buffering=0) as file:
        path.unlink()
        assert io.BufferedReader(Growing(file, 1000)).read() == b"x" * 1000


@pytest.mark.parametrize("how", ["removed", "begun anew"])
def test_nobody_waits_for_bytes_that_were_thrown_away(tmp_path: Path, how: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * 10)
    with path.open("rb", buffering=0) as file:
        growing = Growing(file, 20)
        assert growing.read(10) == b"x" * 10
        thread = meanwhile(path.unlink if how == "removed" else lambda: os.truncate(path, 5))
        with pytest.raises(Aborted, match="thrown away"):
            growing.read(10)
        thread.join()


def test_an_empty_one_needs_nobody(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.touch()
    assert read_all(path, 0) == b""
