"""What is on disk before it is acknowledged, as the kernel sees it: docs/durability.md, line by line."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness.erofs import needs_erofs
from tests.harness.mesh import Mesh, comm, eventually

pytestmark = pytest.mark.root

_CALLS = "fsync,fdatasync,rename,renameat,renameat2,unlink,write,writev,sendto,sendmsg"


@pytest.fixture(scope="module")
def traced() -> Iterator[Mesh]:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed; type: apt-get install -y strace")
    mesh = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")), idle_s=0)
    mesh.start()
    try:
        mesh.wake()
        yield mesh
    finally:
        mesh.destroy()


@contextmanager
def trace(mesh: Mesh, service: str) -> Iterator[list[str]]:
    """Yield a list that holds the service's calls, in order, once the block is left."""
    pid = next(p for n, p in mesh.services().items() if n == comm(service))
    out = mesh.base / f"trace-{service}"
    errors = mesh.base / "strace.err"
    with errors.open("w") as stderr:
        process = subprocess.Popen(
            ["strace", "-f", "-y", "-e", f"trace={_CALLS}", "-o", str(out), "-p", str(pid)], stderr=stderr
        )
    try:
        eventually(lambda: "attached" in errors.read_text() or process.poll() is not None)
        if process.poll() is not None:
            pytest.skip(f"this machine lets nobody trace: {errors.read_text().strip()}")
        lines: list[str] = []
        yield lines
        time.sleep(0.2)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)
    # A call that another thread interrupted is there twice; the second line says that it has returned.
    lines += [line for line in out.read_text().splitlines() if "<unfinished" not in line]


def last(lines: list[str], pattern: str) -> int:
    """Return where the last call that matches returned."""
    found = [i for i, line in enumerate(lines) if re.search(pattern, line)]
    assert found, f"no {pattern} in:\n" + "\n".join(lines)
    return found[-1]


SOCKET_WRITE = r"(write|writev|sendto|sendmsg)(\(\d+<(socket|UNIX)| resumed)"


def test_a_blob_is_on_disk_before_it_has_its_name_and_its_name_before_the_answer(traced: Mesh) -> None:
    with trace(traced, "content") as calls:
        traced.ctr("content", "ingest", "one", input="bytes that count\n").ok()
    data, named = last(calls, r"fsync\(\d+<\S+/ingest/\w+/data>"), last(calls, r"rename\(\"\S+/data\", \"\S+/blobs/sha256/")
    directory, answer = last(calls, r"fsync\(\d+<\S+/blobs/sha256>"), last(calls, SOCKET_WRITE)
    assert data < named < directory < answer


def test_an_ingest_that_is_left_is_on_disk(traced: Mesh) -> None:
    with trace(traced, "content") as calls:
        # A wrong digest: the bytes are kept for whoever goes on.
        traced.ctr("content", "ingest", "--expected-digest", f"sha256:{'0' * 64}", "left", input="bytes\n")
    assert last(calls, r"fsync\(\d+<\S+/ingest/\w+/data>") >= 0


@pytest.mark.parametrize(
    ("service", "database", "command"),
    [
        ("gateway", "metadata.db-wal", ["leases", "create", "--id", "durable"]),
        ("gateway", "metadata.db-wal", ["namespaces", "create", "durable"]),
        ("snapshotter-overlay", "index.db-wal", ["snapshots", "prepare", "durable"]),
        pytest.param(
            "snapshotter-erofs",
            "index.db-wal",
            ["snapshots", "--snapshotter", "erofs", "prepare", "durable"],
            marks=needs_erofs,
        ),
    ],
)
def test_a_record_is_on_disk_before_the_answer(traced: Mesh, service: str, database: str, command: list[str]) -> None:
    with trace(traced, service) as calls:
        traced.ctr(*command).ok()
    synced = last(calls, rf"(fsync|fdatasync)(\(\d+<\S+/{database}>| resumed)")
    assert synced < last(calls, SOCKET_WRITE)
