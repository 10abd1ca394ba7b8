"""Debian's dockerd on our socket: containers with ids of 64 digits, terminals, and what is typed into them."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from argosy.testkit.image import busybox_layer

from tests.harness.leaks import cgroups
from tests.harness.mesh import Mesh, Ran, eventually, run
from tests.harness.processes import ending

pytestmark = pytest.mark.root

IMAGE = "busybox:local"
# By their paths: another client of the same name may come first on PATH.
DOCKER, DOCKERD = "/usr/bin/docker", "/usr/sbin/dockerd"
# Where dockerd looks for plugins, whatever it is told.
PLUGINS = (Path("/run/docker/plugins"), Path("/run/docker"))
_WITHIN_S = 30.0


class Docker:
    """A dockerd whose containerd is ours; it touches no bridge and no firewall of the host."""

    def __init__(self, mesh: Mesh, base: Path) -> None:
        self.base = base
        self._host = f"unix://{base}/d.sock"
        self.command = [
            DOCKERD, "--containerd", str(mesh.address), "--host", self._host, "--data-root", str(base / "data"),
            "--exec-root", str(base / "exec"), "--pidfile", str(base / "pid"), "--storage-driver", "vfs",
            "--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
            "--containerd-namespace", "docker", "--log-level", "warn", "--cgroup-parent", f"/{base.parent.name}",
        ]  # fmt: skip

    def words(self, *args: str) -> list[str]:
        return [DOCKER, "--host", self._host, *args]

    def __call__(self, *args: str) -> Ran:
        return run(self.words(*args), env={"DOCKER_CONFIG": str(self.base / "config")})


@pytest.fixture(scope="module")
def docker() -> Iterator[Docker]:
    """A dockerd with an image in it; it and the mesh leave nothing behind."""
    mesh = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
    mesh.start()
    made = [path for path in PLUGINS if not path.exists()]
    try:
        found = Docker(mesh, mesh.base / "docker")
        found.base.mkdir()
        with (
            (found.base / "log").open("w") as log,
            ending(subprocess.Popen(found.command, stdout=log, stderr=log)) as daemon,
        ):
            eventually(lambda: found("version").code == 0, within=_WITHIN_S, what="dockerd does not answer")
            tar = found.base / "root.tar"
            tar.write_bytes(busybox_layer())
            found("import", str(tar), IMAGE).ok()
            yield found
            for left in found("ps", "--all", "--quiet", "--no-trunc").out.split():
                found("rm", "--force", left).ok()
            daemon.terminate()
            assert daemon.wait(_WITHIN_S) == 0, (found.base / "log").read_text()[-2000:]
        assert mesh.leftovers() == []
    finally:
        mesh.destroy()
        # What dockerd makes and leaves, as on any host.
        for path in [*made, *cgroups(mesh.base.name)]:
            if path.exists():
                path.rmdir()


@contextmanager
def terminal(args: Sequence[str]) -> Iterator[int]:
    """Run a command on a terminal of its own; yields our end of it."""
    ours, theirs = pty.openpty()
    try:
        with ending(subprocess.Popen(args, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)) as process:
            os.close(theirs)
            yield ours
            assert process.wait(_WITHIN_S) == 0
    finally:
        os.close(ours)


def read_until(fd: int, wanted: str) -> str:
    """Return what a terminal shows, up to and with the wanted text."""
    shown, deadline = "", time.monotonic() + _WITHIN_S
    while wanted not in shown:
        assert select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0], f"no {wanted!r} in {shown!r}"
        shown += os.read(fd, 4096).decode()
    return shown


def test_a_container_with_a_terminal(docker: Docker) -> None:
    """Its id is of 64 digits, and so the terminal's socket would not fit below its bundle."""
    ran = docker(
        "run",
        "--rm",
        "--tty",
        "--network",
        "none",
        IMAGE,
        "sh",
        "-c",
        "test -t 0 && test -t 1 && echo on a terminal; exit 3",
    )
    assert (ran.out, ran.code) == ("on a terminal\n", 3)


def test_an_exec_on_a_terminal_reads_what_is_typed(docker: Docker) -> None:
    name = docker("run", "--detach", "--network", "none", "--name", "typed", IMAGE, "sleep", "300").ok().out.strip()
    assert len(name) == 64
    with terminal(docker.words("exec", "--interactive", "--tty", "typed", "sh")) as screen:
        read_until(screen, "# ")
        os.write(screen, b"tty; echo $((6 * 7))\n")
        assert "/dev/pts/" in read_until(screen, "\r\n42\r\n")
        os.write(screen, b"exit\n")
    docker("rm", "--force", "typed").ok()


def test_a_terminal_that_is_attached_reads_what_is_typed(docker: Docker) -> None:
    with terminal(docker.words("run", "--rm", "--interactive", "--tty", "--network", "none", IMAGE, "sh")) as screen:
        read_until(screen, "# ")
        os.write(screen, b"stty size >/dev/null && echo $((40 + 2))\n")
        read_until(screen, "\r\n42\r\n")
        os.write(screen, b"exit\n")


def test_pipes_codes_and_logs(docker: Docker) -> None:
    """Without a terminal: output and errors apart, the exit code, what was logged, and an exec's code."""
    ran = docker("run", "--name", "said", "--network", "none", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (ran.out, ran.err, ran.code) == ("out\n", "err\n", 7)
    assert docker("logs", "said").ok().out == "out\n"
    docker("start", "said").ok()
    assert docker("wait", "said").ok().out == "7\n"
    docker("rm", "said").ok()


def test_pause_stats_and_stop(docker: Docker) -> None:
    docker(
        "run",
        "--detach",
        "--network",
        "none",
        "--name",
        "stopped",
        "--memory",
        "32m",
        IMAGE,
        "sh",
        "-c",
        "trap 'exit 5' TERM; while :; do sleep 0.1; done",
    ).ok()
    docker("pause", "stopped").ok()
    assert docker("inspect", "--format", "{{.State.Status}}", "stopped").ok().out == "paused\n"
    docker("unpause", "stopped").ok()
    assert "32MiB" in docker("stats", "--no-stream", "--format", "{{.MemUsage}}", "stopped").ok().out
    assert "trap" in docker("top", "stopped").ok().out
    docker("stop", "stopped").ok()
    assert docker("inspect", "--format", "{{.State.ExitCode}}", "stopped").ok().out == "5\n"
    docker("rm", "stopped").ok()
