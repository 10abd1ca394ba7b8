"""What the suites of shims and of task services share: a root file system, the FIFOs of a process, and a look at this machine's processes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import anyio.to_thread

from argosy.testkit.image import busybox_layer
from argosy.unpack.tar import TarReader
from argosy.unpack.tree import TreeWriter

SLEEP: Final = ("sleep", "1000")
_READ_BYTES: Final = 65536


def root_file_system(path: Path) -> None:
    """Make a directory that holds a small system. Raises NotFound without busybox."""
    path.mkdir()
    with TreeWriter(str(path)) as writer:
        writer.apply(TarReader(iter([busybox_layer()])))
    (path / "run").mkdir(exist_ok=True)


def runs(pid: int) -> bool:
    """Return whether a process is there, and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def processes() -> list[int]:
    """Return every process but our own."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and int(path.name) != os.getpid()]


def read(pid: int, name: str) -> str:
    """Return a file of a process, "" once it is over."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


class Fifos:
    """The FIFOs of one process, as a client has them: it reads stdout and stderr, and writes stdin."""

    def __init__(self, directory: Path, word: str, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self.paths = {name: str(directory / f"{word}-{name}") for name in ("stdin", "stdout", "stderr")}
        for path in self.paths.values():
            os.mkfifo(path, 0o700)
        self._read = {
            name: os.open(self.paths[name], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC) for name in ("stdout", "stderr")
        }
        self.stdin = -1

    def open_stdin(self) -> None:
        """Open stdin for writing, now that the other side reads it."""
        self.stdin = os.open(self.paths["stdin"], os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def close_stdin(self) -> None:
        os.close(self.stdin)
        self.stdin = -1

    async def text(self, expected: str, name: str = "stdout") -> str:
        """Return what came, once it has expected in it, or when time is over."""

        def read() -> str:
            data = b""
            until = time.monotonic() + self._deadline_s
            while expected.encode() not in data and time.monotonic() < until:
                data += self._part(name)
            return data.decode(errors="replace")

        return await anyio.to_thread.run_sync(read)

    async def much(self, size: int, name: str = "stdout") -> bytes:
        """Return what came, once it is size bytes, or when time is over."""

        def read() -> bytes:
            data = bytearray()
            until = time.monotonic() + self._deadline_s
            while len(data) < size and time.monotonic() < until:
                data += self._part(name)
            return bytes(data)

        return await anyio.to_thread.run_sync(read)

    def now(self, name: str = "stdout") -> str:
        """Return what is there."""
        try:
            return os.read(self._read[name], _READ_BYTES).decode(errors="replace")
        except BlockingIOError:
            return ""

    def _part(self, name: str) -> bytes:
        """Return what is there, after a moment when there is nothing."""
        try:
            part = os.read(self._read[name], _READ_BYTES)
        except BlockingIOError:
            part = b""
        if not part:
            time.sleep(0.01)
        return part

    def close(self) -> None:
        for fd in (*self._read.values(), self.stdin):
            if fd >= 0:
                os.close(fd)


@contextmanager
def fifos(directory: Path, run: str, word: str, deadline_s: float) -> Iterator[Fifos]:
    """Yield FIFOs in a directory."""
    made = Fifos(directory, f"{run}-{time.time_ns()}-{word}", deadline_s)
    try:
        yield made
    finally:
        made.close()
        for path in made.paths.values():
            os.unlink(path)
