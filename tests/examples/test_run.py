"""The README's client, as a user would run it: on our own mesh, and on a stock containerd."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.test_snapshotter import blocks
from tests.harness.containerd import Containerd
from tests.harness.mesh import IMAGE, Mesh, Peer, comm, eventually, run
from tests.harness.processes import ending

EXAMPLE = Path(__file__).parents[2] / "examples/run.py"


@pytest.fixture(scope="module", params=["argosy", "containerd"])
def peer(request: pytest.FixtureRequest, image_archive: Path) -> Iterator[Peer]:
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    running: Mesh | Containerd = Mesh(base) if request.param == "argosy" else Containerd(base)
    running.start()
    try:
        running.ctr("images", "import", str(image_archive)).ok()
        yield running
    finally:
        running.destroy()


def command(*args: str) -> list[str]:
    return [sys.executable, str(EXAMPLE), *args]


def test_the_readme_shows_the_file_that_is_run_here() -> None:
    assert EXAMPLE.read_text() in blocks("python")


@pytest.mark.root
def test_stdio_and_the_exit_code_are_the_containers(peer: Peer, tmp_path: Path) -> None:
    env = {"ARGOSY_ADDRESS": str(peer.address), "TMPDIR": str(tmp_path)}
    ran = run(command("busybox", "sh", "-c", "cat; echo err >&2; exit 3"), env, input="in\n")
    assert (ran.code, ran.out, ran.err) == (3, "in\n", "err\n")
    assert peer.ctr("containers", "ls", "-q").ok().out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.root
def test_an_image_that_is_not_here_is_pulled(peer: Peer, registry: str) -> None:
    name = f"{registry}/lib/box:1"
    peer.ctr("images", "tag", IMAGE, name).ok()
    peer.ctr("images", "push", "--plain-http", name).ok()
    peer.ctr("images", "rm", "--sync", name).ok()
    ran = run(command(name, "cat", "/etc/motd"), {"ARGOSY_ADDRESS": str(peer.address)})
    assert (ran.code, ran.out, ran.err) == (0, "hello from an argosy\n", "")
    peer.ctr("images", "rm", "--sync", name).ok()


@pytest.mark.root
def test_a_failure_is_one_sentence(peer: Peer, tmp_path: Path) -> None:
    env = {"ARGOSY_ADDRESS": str(peer.address), "TMPDIR": str(tmp_path)}
    ran = run(command("busybox", "no-such-program"), env)
    # What runc says of it goes to the container's standard error, which is ours, before.
    assert ran.code == 1 and "Traceback" not in ran.err, ran
    assert ran.err.splitlines()[-1].startswith("run.py: ") and "no-such-program" in ran.err.splitlines()[-1], ran
    assert peer.ctr("containers", "ls", "-q").ok().out == ""
    ran = run(command("busybox", "true"), {"ARGOSY_ADDRESS": str(tmp_path / "nobody")})
    assert ran.code == 1 and "no such socket; start a daemon" in ran.err and ran.err.count("\n") == 1, ran
    assert list(tmp_path.iterdir()) == []


@pytest.mark.root
def test_a_signal_is_the_containers_and_a_killed_gateway_ends_nothing(peer: Peer, tmp_path: Path) -> None:
    script = "trap 'echo bye; exit 42' TERM; echo in; while :; do sleep 0.1; done"
    env = {**os.environ, "ARGOSY_ADDRESS": str(peer.address), "TMPDIR": str(tmp_path)}
    with ending(
        subprocess.Popen(
            command("busybox", "sh", "-c", script), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=env
        )
    ) as running:
        assert running.stdout is not None and running.stdout.readline() == "in\n"
        if isinstance(peer, Mesh):
            before = peer.services()[comm("gateway")]
            os.kill(before, signal.SIGKILL)
            eventually(lambda: peer.services().get(comm("gateway"), before) != before, within=20)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 42
        assert running.stdout.read() == "bye\n"
    eventually(lambda: peer.ctr("containers", "ls", "-q").ok().out == "")
    assert list(tmp_path.iterdir()) == []
