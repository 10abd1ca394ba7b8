"""FIFOs of clients: carried whole, held open, and taken away even after a client that was killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from argosy.client.stdio import Pump, Stdio

from tests.harness.processes import ending


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def made_by_a_killed_client(temporary: Path) -> Path:
    script = "import os, signal, sys, time; from argosy.client.stdio import Stdio; print(Stdio.fifos('x').directory, flush=True); time.sleep(100)"
    env = {**os.environ, "TMPDIR": str(temporary)}
    with ending(subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=env)) as client:
        assert client.stdout is not None
        directory = Path(client.stdout.readline().strip())
        grown_old(directory)
        # While its client lives it stays, however old.
        Stdio.fifos("other").remove()
        assert directory.exists()
        client.send_signal(signal.SIGKILL)
        client.wait(10)
    return directory


def grown_old(directory: Path) -> None:
    then = time.time() - 3600
    os.utime(directory, (then, then))


def test_what_a_killed_client_left_goes_with_the_next_one(temporary: Path) -> None:
    directory = made_by_a_killed_client(temporary)
    Stdio.fifos("other").remove()
    assert list(temporary.iterdir()) == [], directory


def test_what_a_container_still_uses_stays(temporary: Path) -> None:
    """A shim keeps a reader: somebody may attach."""
    directory = made_by_a_killed_client(temporary)
    shim = os.open(directory / "x-stdout", os.O_RDWR)
    try:
        Stdio.fifos("other").remove()
        assert directory.exists()
    finally:
        os.close(shim)
    Stdio.fifos("other").remove()
    assert not directory.exists()


@pytest.mark.parametrize("what", ["young", "a file", "a link", "not FIFOs"])
def test_what_is_not_abandoned_stays(temporary: Path, what: str) -> None:
    path = temporary / "argosy-fifo-other"
    if what == "a file":
        path.write_text("mine")
    elif what == "a link":
        (temporary / "target").mkdir()
        path.symlink_to(temporary / "target")
    else:
        path.mkdir()
    if what == "not FIFOs":
        (path / "data").write_text("mine")
    if what != "young":
        grown_old(path)
    Stdio.fifos("x").remove()
    assert path.exists()


def piped(check: Callable[[Stdio, Pump, int], object], source: int | None = None) -> bytes:
    """Run check beside a pump from FIFOs to a pipe; return what came through."""
    read, write = os.pipe()

    async def main() -> None:
        stdio = Stdio.fifos("x", terminal=True)
        pump = Pump(stdio, (write,), source)
        try:
            await asyncio.to_thread(check, stdio, pump, read)
            await pump.drain()
        finally:
            pump.close()
            stdio.remove()

    try:
        asyncio.run(main())
        os.close(write)
        write = -1
        with os.fdopen(read, "rb") as rest:
            read = -1
            return rest.read()
    finally:
        for fd in (read, write):
            if fd >= 0:
                os.close(fd)


def test_writers_may_come_and_go(temporary: Path) -> None:
    """A shim that is started again opens a FIFO once more: that is not its end."""

    def check(stdio: Stdio, pump: Pump, read: int) -> None:
        for word in (b"one ", b"two ", b"three"):
            shim = os.open(stdio.stdout, os.O_WRONLY)
            os.write(shim, word)
            os.close(shim)
            time.sleep(0.05)

    assert piped(check) == b"one two three"


def test_a_slow_reader_holds_up_nothing_else_and_loses_nothing(temporary: Path) -> None:
    """The drain goes on for longer than it waits for what is left behind."""
    sent = os.urandom(400_000)

    async def main() -> bytes:
        read, write = os.pipe()
        stdio = Stdio.fifos("x", terminal=True)
        pump = Pump(stdio, (write,), None)
        shim = os.open(stdio.stdout, os.O_WRONLY)

        def send() -> None:
            os.write(shim, sent)
            os.close(shim)

        writing = asyncio.create_task(asyncio.to_thread(send))
        late = time.monotonic()
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert time.monotonic() - late < 4, "the loop is held up"
        draining = asyncio.create_task(pump.drain())
        await asyncio.sleep(5.5)
        assert not draining.done()
        got = b""
        while len(got) < len(sent):
            got += await asyncio.to_thread(os.read, read, 65536)
        await writing
        await draining
        for fd in (read, write):
            os.close(fd)
        stdio.remove()
        return got

    assert asyncio.run(main()) == sent


def test_an_output_that_cannot_be_written_says_so(temporary: Path) -> None:
    async def main() -> OSError | None:
        full = os.open("/dev/full", os.O_WRONLY)
        stdio = Stdio.fifos("x", terminal=True)
        pump = Pump(stdio, (full,), None)
        shim = os.open(stdio.stdout, os.O_WRONLY)
        os.write(shim, b"x")
        async with asyncio.timeout(5):
            await pump.failed.wait()
        os.close(shim)
        await pump.drain()
        os.close(full)
        stdio.remove()
        return pump.error

    error = asyncio.run(main())
    assert error is not None and "standard output cannot be written" in str(error)


def test_a_pump_leaves_no_descriptor_and_no_thread(temporary: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    source, typed = os.pipe()
    for _ in range(5):
        assert piped(lambda stdio, pump, read: None, source) == b""
    os.close(source)
    os.close(typed)
    deadline = time.monotonic() + 5
    while any(thread.name.startswith("argosy") for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("argosy")]
    assert len(os.listdir("/proc/self/fd")) == before
