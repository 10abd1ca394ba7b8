"""``argosy run`` in the foreground on what is not ours: Debian's containerd, and Debian's shim in our mesh."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.containerd import Containerd
from tests.harness.leaks import cgroups
from tests.harness.mesh import ARGOSY, IMAGE, Mesh, Peer, eventually, run
from tests.harness.processes import ending

pytestmark = pytest.mark.root

GO_SHIM = Path("/usr/bin/containerd-shim-runc-v2")


@pytest.fixture(scope="module", params=["containerd", "shim"])
def stock(request: pytest.FixtureRequest, image_archive: Path) -> Iterator[Peer]:
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    peer: Containerd | Mesh
    if request.param == "containerd":
        peer = Containerd(base / "c")
    else:
        first = base / "bin"
        first.mkdir()
        (first / GO_SHIM.name).symlink_to(GO_SHIM)
        peer = Mesh(base / "m", path_first=first)
        peer.base.mkdir()
    try:
        peer.start()
        try:
            peer.ctr("images", "import", str(image_archive)).ok()
            yield peer
        finally:
            peer.destroy()
    finally:
        run(["umount", "-R", "-l", str(base)])
        run(["rm", "-rf", str(base)])


def command(peer: Peer, *args: str) -> list[str]:
    return [str(ARGOSY), "-a", str(peer.address), *args]


def fifos(temporary: Path) -> list[Path]:
    return list(temporary.glob("argosy-fifo-*"))


def test_run_and_exec_carry_stdio_and_exit_codes(stock: Peer, tmp_path: Path) -> None:
    env = {"TMPDIR": str(tmp_path)}
    began = time.monotonic()
    ran = run(command(stock, "run", "--rm", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 3"), env)
    assert (ran.code, ran.out, ran.err) == (3, "out\n", "err\n")
    ran = run(command(stock, "run", "--rm", "-i", IMAGE, "sh", "-c", "cat; exit 4"), env, input="in\n" * 50_000)
    assert (ran.code, ran.out) == (4, "in\n" * 50_000), ran.err
    ran = run(command(stock, "run", "--rm", "-t", IMAGE, "sh", "-c", "test -t 1 && echo tty"), env)
    assert (ran.code, ran.out) == (0, "tty\n"), ran.err  # read as text: \r\n is one line's end
    run(command(stock, "run", "-d", "--name", "host", IMAGE, "sleep", "1000")).ok()
    ran = run(command(stock, "exec", "-i", "host", "sh", "-c", "cat; exit 5"), env, input="in\n")
    assert (ran.code, ran.out) == (5, "in\n"), ran.err
    run(command(stock, "rm", "-f", "host")).ok()
    assert time.monotonic() - began < 25
    assert fifos(tmp_path) == []


def test_a_reader_that_has_gone_ends_it(stock: Peer, tmp_path: Path) -> None:
    args = command(stock, "run", "--rm", "--name", "piped", IMAGE, "yes")
    with ending(subprocess.Popen(args, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)})) as running:
        assert running.stdout is not None and running.stdout.read(10_000)
        running.stdout.close()
        assert running.wait(20) == 141
    assert "piped" not in stock.ctr("containers", "ls", "-q").ok().out
    assert fifos(tmp_path) == []


def test_a_failed_create_leaves_nothing(stock: Peer, tmp_path: Path) -> None:
    ran = run(command(stock, "run", "--name", "unmade", IMAGE, "no-such-program"), {"TMPDIR": str(tmp_path)})
    assert ran.code != 0 and "no-such-program" in ran.err
    assert "unmade" not in stock.ctr("containers", "ls", "-q").ok().out + stock.ctr("tasks", "ls", "-q").ok().out
    assert fifos(tmp_path) == []
    base = str(stock.address.parent)
    eventually(lambda: not _processes(base, "unmade"), what="a shim or a runc of it is left")
    assert [path for path in stock.address.parent.rglob("unmade*") if "runtime" in str(path)] == []
    assert cgroups("unmade") == []


def _processes(base: str, id: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it has just ended
        if id in words and any(base in word for word in words):
            found.append(" ".join(words))
    return found


def test_it_outlasts_the_daemon(stock: Peer, tmp_path: Path) -> None:
    """Killed with -9, or stopped, and started again."""
    log = tmp_path / "log"
    script = "trap 'echo bye; exit 42' TERM; i=0; while :; do echo $i; i=$((i+1)); sleep 0.1; done"
    args = command(stock, "run", "--rm", "--name", "lasting", IMAGE, "sh", "-c", script)
    with log.open("wb") as out, ending(subprocess.Popen(args, stdout=out, stderr=subprocess.PIPE)) as running:
        eventually(lambda: log.read_text().count("\n") > 3, within=20)
        if isinstance(stock, Containerd):
            assert stock.process is not None
            with ending(stock.process) as daemon:
                daemon.kill()
            stock.start()
        else:
            assert isinstance(stock, Mesh)
            assert stock.stop() == 0
            stock.start()
        before = log.read_text().count("\n")
        eventually(lambda: log.read_text().count("\n") > before + 3)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 42
    assert log.read_text().endswith("bye\n")
    assert "lasting" not in stock.ctr("containers", "ls", "-q").ok().out
