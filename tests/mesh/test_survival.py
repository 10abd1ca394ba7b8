"""Any process may die: containers, their stdio and exit codes survive, and new work succeeds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.listening import listening
from tests.harness.mesh import IMAGE, Mesh, Ran, comm, eventually

pytestmark = pytest.mark.root


def start_counter(mesh: Mesh, id: str, log: Path) -> None:
    """A container that writes a number every tenth of a second and ends with 42 when told."""
    script = "i=0; trap 'exit 42' TERM; while :; do echo $i; i=$((i+1)); sleep 0.1; done"
    mesh.ctr("run", "-d", "--log-uri", f"file://{log}", IMAGE, id, "sh", "-c", script).ok()


def still_counts(log: Path) -> None:
    before = log.read_text().count("\n")
    eventually(lambda: log.read_text().count("\n") > before, what=f"{log} stopped growing")


def ends_with_42(mesh: Mesh, id: str) -> None:
    mesh.ctr("tasks", "kill", "-s", "TERM", id).ok()
    eventually(lambda: "STOPPED" in mesh.ctr("tasks", "ls").out)
    assert "exit code 42" in mesh.ctr("tasks", "rm", id).ok().err
    mesh.ctr("containers", "rm", id).ok()


def test_containers_outlive_a_stop_and_start(mesh: Mesh, tmp_path: Path) -> None:
    log = tmp_path / "log"
    start_counter(mesh, "keep", log)
    short = mesh.ctr("run", "-d", IMAGE, "short", "sh", "-c", "sleep 1; exit 5")
    short.ok()
    assert mesh.stop() == 0
    time.sleep(1.5)
    assert mesh.start() < 10
    still_counts(log)
    listed = mesh.ctr("tasks", "ls").ok().out
    assert "RUNNING" in listed
    ran = mesh.ctr("tasks", "exec", "--exec-id", "e", "keep", "echo", "adopted").ok()
    assert ran.out == "adopted\n"
    # What ended while nobody watched has its exit code all the same.
    assert "exit code 5" in mesh.ctr("tasks", "rm", "short").ok().err
    mesh.ctr("containers", "rm", "short").ok()
    ends_with_42(mesh, "keep")


def test_an_attached_client_sees_the_end_after_a_restart(mesh: Mesh) -> None:
    """Its stdio goes through FIFOs that the container itself holds."""
    mesh.ctr("run", "--null-io", "-d", IMAGE, "att", "sh", "-c", "sleep 2; exit 6").ok()
    mesh.stop()
    mesh.start()
    eventually(lambda: "STOPPED" in mesh.ctr("tasks", "ls").out)
    assert "exit code 6" in mesh.ctr("tasks", "rm", "att").ok().err
    mesh.ctr("containers", "rm", "att").ok()


@pytest.mark.parametrize(
    "victim", ["content", "snapshotter-overlay", "snapshotter-native", "snapshotter-erofs", "diff", "tasks", "gateway"]
)
def test_each_service_may_be_killed_once(mesh: Mesh, tmp_path: Path, victim: str) -> None:
    log = tmp_path / "log"
    id = f"k-{victim}"
    start_counter(mesh, id, log)
    mesh.wake()
    services = mesh.services()
    pid = services[comm(victim)]
    os.kill(pid, signal.SIGKILL)
    eventually(
        lambda: len(mesh.services()) == len(services) and pid not in mesh.services().values(), what="nobody restarted it"
    )
    eventually(lambda: mesh.ctr("run", "--rm", IMAGE, f"new-{victim}", "echo", "new work").out == "new work\n", within=20)
    still_counts(log)
    ends_with_42(mesh, id)


def send(shim: int, sent: signal.Signals) -> list[int]:
    """Send a signal to all of a shim: the process that it names, and the worker below that; return their pids."""
    below = map(int, Path(f"/proc/{shim}/task/{shim}/children").read_text().split())
    program = os.readlink(f"/proc/{shim}/exe")
    pids = [shim, *(pid for pid in below if os.readlink(f"/proc/{pid}/exe") == program)]
    for pid in pids:
        os.kill(pid, sent)
    return pids


def says(command: Callable[[], Ran], words: str) -> None:
    """Run a command until its error says something."""

    def check() -> None:
        ran = command()
        assert words in ran.err, ran

    eventually(check, within=20)


def restarted(mesh: Mesh, sent: signal.Signals) -> None:
    """End the task manager with a signal, and wait for the next one."""
    before = mesh.services()[comm("tasks")]
    os.kill(before, sent)
    eventually(lambda: mesh.services().get(comm("tasks"), before) != before, within=20)


def test_a_shim_that_is_stopped_while_its_manager_starts_keeps_its_container(mesh: Mesh, tmp_path: Path) -> None:
    """Nobody knows whether it is dead, so it is waited for; meanwhile its task is told as what it is."""
    log = tmp_path / "log"
    start_counter(mesh, "mute", log)
    shim = int((mesh.state / "io.containerd.runtime.v2.task/default/mute/shim.pid").read_text())
    stopped = send(shim, signal.SIGSTOP)
    try:
        restarted(mesh, signal.SIGKILL)
        says(lambda: mesh.ctr("tasks", "ps", "mute"), "has not answered")
        told = mesh.ctr("tasks", "kill", "mute")
        assert told.code != 0 and f"its shim (process {shim}) has not answered for" in told.err
        assert "mute" not in mesh.ctr("tasks", "ls").ok().out
        still_counts(log)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    eventually(lambda: "RUNNING" in mesh.ctr("tasks", "ls").ok().out)
    still_counts(log)
    ends_with_42(mesh, "mute")


def test_a_stopped_shim_that_is_killed_leaves_nothing(mesh: Mesh) -> None:
    """Also when its manager goes in order meanwhile: only its death ends the container."""
    mesh.ctr("run", "-d", IMAGE, "mute2", "sleep", "1000").ok()
    row = next(line for line in mesh.ctr("tasks", "ls").ok().out.splitlines() if line.startswith("mute2"))
    init = int(row.split()[1])
    bundle = mesh.state / "io.containerd.runtime.v2.task/default/mute2"
    shim = int((bundle / "shim.pid").read_text())
    send(shim, signal.SIGSTOP)
    for sent in (signal.SIGKILL, signal.SIGTERM):
        restarted(mesh, sent)
        says(lambda: mesh.ctr("tasks", "kill", "mute2"), "has not answered")
        assert Path(f"/proc/{init}").exists()
    os.kill(shim, signal.SIGKILL)
    eventually(lambda: not bundle.exists() and not Path(f"/proc/{init}").exists(), within=20)
    assert "mute2" not in mesh.ctr("tasks", "ls").ok().out
    mesh.ctr("containers", "rm", "mute2").ok()


def test_a_dead_shim_is_reported_and_cleaned_up(mesh: Mesh) -> None:
    mesh.ctr("run", "-d", IMAGE, "orphan", "sleep", "1000").ok()
    row = next(line for line in mesh.ctr("tasks", "ls").ok().out.splitlines() if line.startswith("orphan"))
    init = int(row.split()[1])
    with listening(mesh) as heard:
        shim = int((mesh.state / "io.containerd.runtime.v2.task/default/orphan/shim.pid").read_text())
        os.kill(shim, signal.SIGKILL)
        eventually(lambda: "orphan" not in mesh.ctr("tasks", "ls").ok().out)
        eventually(lambda: not Path(f"/proc/{init}").exists())
        eventually(lambda: any("/tasks/delete" in line for line in heard))
    out = "".join(heard)
    assert out.index("/tasks/exit") < out.index("/tasks/delete") and "137" in out
    mesh.ctr("containers", "rm", "orphan").ok()
