"""A command in the foreground keeps its container, whatever happens to the daemon between the two."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from argosy.client import Client, Container
from argosy.oci.spec import Options

from tests.harness.mesh import ARGOSY, IMAGE, Mesh, comm, eventually
from tests.harness.processes import ending

pytestmark = pytest.mark.root

# Counts until it is told to end, so that a test says when.
COUNTS = "trap 'echo bye; exit 42' TERM; i=0; while :; do echo $i; i=$((i+1)); sleep 0.1; done"


def killed(mesh: Mesh, service: str) -> None:
    """Kill a service, and wait for the next one."""
    before = mesh.services()[comm(service)]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: mesh.services().get(comm(service), before) != before, within=20)


def gateway(mesh: Mesh) -> None:
    killed(mesh, "gateway")


def tasks(mesh: Mesh) -> None:
    killed(mesh, "tasks")


def everything(mesh: Mesh) -> None:
    assert mesh.stop() == 0
    time.sleep(1)
    mesh.start()


def counted(log: Path) -> int:
    return log.read_text().count("\n")


def grows(log: Path) -> None:
    before = counted(log)
    eventually(lambda: counted(log) > before + 3, what=f"{log} stopped growing")


def command(mesh: Mesh, *args: str) -> list[str]:
    return [str(ARGOSY), "-a", str(mesh.address), *args]


def is_gone(mesh: Mesh, id: str) -> bool:
    return id not in mesh.ctr("containers", "ls", "-q").ok().out.split()


@pytest.mark.parametrize("fault", [gateway, tasks, everything])
def test_a_run_outlasts_its_daemon(mesh: Mesh, tmp_path: Path, fault: Callable[[Mesh], None]) -> None:
    log = tmp_path / "log"
    run = command(mesh, "run", "--rm", "--name", "lasting", IMAGE, "sh", "-c", COUNTS)
    with log.open("wb") as out, ending(subprocess.Popen(run, stdout=out, stderr=subprocess.PIPE)) as running:
        eventually(lambda: counted(log) > 3)
        fault(mesh)
        grows(log)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 42
    lines = log.read_text().splitlines()
    assert lines == [*map(str, range(len(lines) - 1)), "bye"]
    assert is_gone(mesh, "lasting")


def test_an_exec_outlasts_its_daemon(mesh: Mesh, tmp_path: Path) -> None:
    log = tmp_path / "log"
    mesh.ctr("run", "-d", IMAGE, "host", "sleep", "1000").ok()
    run = command(mesh, "exec", "host", "sh", "-c", COUNTS)
    with log.open("wb") as out, ending(subprocess.Popen(run, stdout=out, stderr=subprocess.PIPE)) as running:
        eventually(lambda: counted(log) > 3)
        for fault in (gateway, tasks):
            fault(mesh)
            grows(log)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 42
    mesh.argosy("rm", "-f", "host").ok()


def test_the_exit_code_of_one_that_ended_while_nobody_watched(mesh: Mesh) -> None:
    """Also, a person is told what is waited for."""
    run = command(
        mesh,
        "run",
        "--rm",
        "--name",
        "unseen",
        IMAGE,
        "sh",
        "-c",
        "trap 'echo out; exit 5' TERM; echo in; while :; do sleep 0.1; done",
    )
    with ending(subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)) as running:
        assert running.stdout is not None and running.stdout.readline() == "in\n"
        row = next(line for line in mesh.ctr("tasks", "ls").ok().out.splitlines() if line.startswith("unseen"))
        init = int(row.split()[1])
        assert mesh.stop() == 0
        os.kill(init, signal.SIGTERM)
        time.sleep(4.5)
        assert running.poll() is None
        mesh.start()
        out, err = running.communicate(timeout=20)
    assert (running.returncode, out) == (5, "out\n"), err
    assert 'container "unseen" runs on; waiting for the daemon' in err
    assert "the daemon is back" in err
    assert is_gone(mesh, "unseen")


def test_who_does_not_want_to_wait_for_the_daemon_leaves_the_container_alone(mesh: Mesh) -> None:
    run = command(mesh, "run", "--rm", "--name", "alone", IMAGE, "sh", "-c", "echo in; sleep 1000")
    with ending(subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)) as running:
        assert running.stdout is not None and running.stdout.readline() == "in\n"
        assert mesh.stop() == 0
        running.send_signal(signal.SIGINT)
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 130
        assert 'container "alone" runs on' in (running.stderr.read() if running.stderr else "")
    mesh.start()
    assert "RUNNING" in mesh.ctr("tasks", "ls").ok().out
    mesh.argosy("rm", "-f", "alone").ok()


def test_a_script_is_as_robust_as_the_command(mesh: Mesh, tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def script() -> int:
        async with Client(mesh.address, "default") as client:
            container = await Container.create(client, "script", IMAGE, Options(args=["sh", "-c", COUNTS]))
            with log.open("wb") as out:
                async with container.run(stdout=out.fileno(), remove=True, signals=False) as process:
                    await asyncio.sleep(0.5)
                    await asyncio.to_thread(gateway, mesh)
                    await asyncio.to_thread(grows, log)
                    await process.kill(signal.SIGTERM)
                    return await process.wait()

    assert asyncio.run(script()) == 42
    assert log.read_text().endswith("bye\n")
    assert is_gone(mesh, "script")


def test_a_start_that_fails_leaves_nothing(mesh: Mesh) -> None:
    ran = mesh.argosy("run", "--name", "failed", IMAGE, "no-such-program")
    assert ran.code != 0 and "no-such-program" in ran.err
    assert is_gone(mesh, "failed")
    assert mesh.ctr("snapshots", "ls").ok().out.find("failed") == -1


@pytest.mark.parametrize("by", ["a signal", "a lost connection"])
def test_a_create_that_is_cut_short_leaves_nothing(mesh: Mesh, tmp_path: Path, by: str) -> None:
    """Whether the task came to be is not known then: it is looked for."""
    mesh.wake()
    manager = mesh.services()[comm("tasks")]
    run = command(mesh, "run", "--name", "cut", IMAGE, "sleep", "1000")
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    os.kill(manager, signal.SIGSTOP)
    try:
        with ending(subprocess.Popen(run, stderr=subprocess.PIPE, text=True, env=env)) as running:
            eventually(lambda: any(tmp_path.glob("argosy-fifo-*")), what="it does not come to Create")
            time.sleep(0.5)
            if by == "a signal":
                running.send_signal(signal.SIGINT)
            else:
                gateway(mesh)
            time.sleep(0.5)
            os.kill(manager, signal.SIGCONT)
            code = running.wait(25)
            assert running.stderr is not None
            said = running.stderr.read()
    finally:
        os.kill(manager, signal.SIGCONT)
    assert said.count("\n") == 1 and said.startswith("argosy: "), said
    assert code == (130 if by == "a signal" else 7), said
    eventually(lambda: "cut" not in mesh.ctr("tasks", "ls", "-q").ok().out and is_gone(mesh, "cut"))
    assert list(tmp_path.glob("argosy-fifo-*")) == []
