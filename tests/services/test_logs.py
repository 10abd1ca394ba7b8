"""Logs of detached containers: on disk, bounded, and readable while they are shortened."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest
from argosy.client import Client
from argosy.client.logs import read
from argosy_tasks.logs import bound_of, shorten

from tests.harness.mesh import IMAGE, Mesh, eventually

MIB = 1 << 20


@pytest.mark.parametrize(
    ("uri", "bound"),
    [
        ("file:///a/b.log?maxSize=1048576", ("/a/b.log", MIB)),
        ("file:///a%20b%3f?x=1&maxSize=2097152", ("/a b?", 2 * MIB)),
        ("file:///a?maxSize=1", ("/a", 256 << 10)),
        ("file:///a", None),
        ("file:///a?maxSize=", None),
        ("file:///a?maxSize=-1", None),
        ("file:///a?maxSize=1e9", None),
        ("file:///a?maxSize=\u0661", None),
        ("binary:///a?maxSize=1048576", None),
        ("/run/fifo", None),
        ("", None),
    ],
)
def test_a_bound_is_read_from_the_uri(uri: str, bound: tuple[str, int] | None) -> None:
    assert bound_of(uri) == bound


def test_the_oldest_part_of_a_log_goes_and_the_rest_stays_where_it_is(tmp_path: Path) -> None:
    """Whoever appends and whoever reads at an offset notices nothing; du judges."""
    path = tmp_path / "log"
    with path.open("ab", buffering=0) as writer:
        for n in range(3 * 16384):
            writer.write(b"%063d\n" % n)
        assert shorten(str(path), MIB)
        writer.write(b"after\n")
    taken = int(subprocess.run(["du", "-B1", str(path)], capture_output=True, text=True, check=True).stdout.split()[0])
    assert taken < MIB
    assert path.stat().st_size == 3 * MIB + 6
    text = path.read_bytes()
    kept = text.lstrip(b"\0")
    assert MIB // 2 <= len(kept) <= MIB // 2 + (128 << 10) and kept.endswith(b"%063d\nafter\n" % (3 * 16384 - 1))
    assert not shorten(str(path), MIB)


def test_only_a_regular_file_of_our_own_is_shortened(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic"):
        shorten(str(tmp_path / "link"), 1)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="No such device"):
        shorten(str(tmp_path / "fifo"), 1)
    if os.geteuid() == 0:
        (tmp_path / "others").write_bytes(b"x" * MIB)
        os.chown(tmp_path / "others", 4242, 4242)
        assert not shorten(str(tmp_path / "others"), 1)


@pytest.mark.root
def test_a_detached_containers_log_is_below_the_root_and_bounded(mesh: Mesh, tmp_path: Path) -> None:
    """It is its owner's alone, goes with its container, and one that writes without end fills no disk."""
    mesh.argosy("run", "-d", "--name", "logged", IMAGE, "sh", "-c", "echo one; echo two").ok()
    log = mesh.root / "logs/default/logged.log"
    eventually(lambda: log.exists() and log.read_text() == "one\ntwo\n")
    assert log.stat().st_mode & 0o777 == 0o600 and log.parent.stat().st_mode & 0o777 == 0o700
    assert not (mesh.state / "logs").exists()
    assert mesh.argosy("logs", "logged").ok().out == "one\ntwo\n"
    mesh.argosy("rm", "-f", "logged").ok()
    assert not log.exists()
    endless = tmp_path / "endless"
    uri = f"file://{endless}?maxSize={MIB}"
    script = "n=0; while [ $n -lt 40 ]; do dd if=/dev/zero bs=64k count=4 2>/dev/null | tr '\\0' x; echo; n=$((n+1)); sleep 0.1; done; sleep 100"
    mesh.ctr("run", "-d", "--log-uri", uri, IMAGE, "endless", "sh", "-c", script).ok()
    try:
        # 256 KiB ten times a second, and a look each second.
        eventually(lambda: endless.exists() and endless.stat().st_size > 9 * MIB, within=40)
        assert endless.stat().st_blocks * 512 < 6 * MIB
        eventually(lambda: endless.stat().st_blocks * 512 <= MIB, what="the log stays too large")
    finally:
        mesh.ctr("tasks", "rm", "-f", "endless")
        mesh.ctr("containers", "rm", "endless").ok()


def test_a_shortened_log_is_read_from_its_first_whole_line(tmp_path: Path) -> None:
    """What was freed reads as zeros, and is nobody's output."""
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"%063d\n" % n for n in range(32768)))
    assert shorten(str(path), MIB)

    async def main() -> bytes:
        return b"".join([data async for data in read(Client(tmp_path / "nobody"), "x", path)])

    lines = asyncio.run(main()).splitlines()
    assert all(len(line) == 63 for line in lines) and int(lines[-1]) == 32767
    assert [int(line) for line in lines] == list(range(int(lines[0]), 32768)) and MIB // 2 // 64 - 1 <= len(lines) < 16384
