"""Execs that leave something behind, or are started while their container ends: their clients come back all the same."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from argosy.client import Client
from argosy.errors import NotFound
from argosy_protos.containerd.services.tasks.v1 import DeleteProcessRequest, ExecProcessRequest, WaitRequest
from argosy_protos.google.protobuf import Any as AnyMessage

from tests.harness.mesh import BIN, IMAGE, Mesh, eventually
from tests.harness.processes import ending
from tests.shims.test_orphans import host_pids

pytestmark = pytest.mark.root


def _exec(mesh: Mesh, id: str, name: str, *command: str) -> list[str]:
    return ["ctr", "-a", str(mesh.address), "tasks", "exec", "--exec-id", name, id, *command]


def _remove(mesh: Mesh, id: str) -> None:
    mesh.ctr("tasks", "rm", "-f", id).ok()
    mesh.ctr("containers", "rm", id).ok()


def _descriptors(mesh: Mesh, id: str) -> int:
    """Return how many the shim has open, whichever of its two processes has most."""
    pid = (mesh.state / "io.containerd.runtime.v2.task/default" / id / "shim.pid").read_text()
    found = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and _parent(p) == pid]
    return max(
        (len(os.listdir(f"/proc/{one}/fd")) for one in [int(pid), *found] if os.path.exists(f"/proc/{one}/fd")), default=0
    )


def _parent(process: Path) -> str:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[1]
    except OSError:
        return ""  # it has gone


@pytest.mark.parametrize(
    ("script", "out"),
    [
        ("sleep 40 & echo started", "started\n"),
        ("sleep 40 2>&1 >/dev/null & echo started", "started\n"),
        ("(sleep 0.5; echo late) & echo started", "started\nlate\n"),
        ("(sleep 40; echo too late) & echo error >&2; echo out", "out\n"),
    ],
)
def test_what_an_exec_leaves_in_the_background_holds_its_client_for_seconds_only(mesh: Mesh, script: str, out: str) -> None:
    """What it says within two seconds is heard, and the container goes on."""
    mesh.ctr("run", "-d", IMAGE, "bg", "sleep", "100").ok()
    began = time.monotonic()
    ran = subprocess.run(_exec(mesh, "bg", "e", "sh", "-c", script), capture_output=True, text=True, timeout=30)
    assert (ran.returncode, ran.stdout) == (0, out)
    assert time.monotonic() - began < 10
    assert mesh.ctr("tasks", "exec", "--exec-id", "f", "bg", "echo", "goes on").ok().out == "goes on\n"
    _remove(mesh, "bg")


def test_what_never_stops_writing_in_the_background_holds_nobody_either(mesh: Mesh) -> None:
    """It gets SIGPIPE, as from a pipe whose reader has left."""
    mesh.ctr("run", "-d", IMAGE, "yes", "sleep", "100").ok()
    began = time.monotonic()
    with ending(subprocess.Popen(_exec(mesh, "yes", "e", "sh", "-c", "yes & exit 3"), stdout=subprocess.PIPE)) as client:
        assert client.stdout is not None
        while client.stdout.read(1 << 20):
            assert time.monotonic() - began < 10
        assert client.wait(10) == 3
    # Init reaps nothing here, so it may be a zombie.
    left = mesh.ctr("tasks", "exec", "--exec-id", "f", "yes", "sh", "-c", "cat /proc/[0-9]*/stat").out
    assert [line.split()[2] for line in left.splitlines() if "(yes)" in line] in ([], ["Z"])
    _remove(mesh, "yes")


def test_a_slow_reader_of_an_exec_gets_every_byte(mesh: Mesh) -> None:
    """More than pipe and FIFO take, read long after the exec has written what fits."""
    mesh.ctr("run", "-d", IMAGE, "slow-exec", "sleep", "100").ok()
    script = "head -c 3000000 /dev/zero; head -c 100000 /dev/zero >&2; exit 4"
    command = _exec(mesh, "slow-exec", "e", "sh", "-c", script)
    with ending(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)) as client:
        assert client.stdout is not None
        got = 0
        for pause in (3.0, *(0.0 for _ in range(100000))):
            time.sleep(pause)
            part = client.stdout.read1(65536)  # type: ignore[attr-defined] # of a BufferedReader, which it is
            got += len(part)
            if not part:
                break
        assert got == 3000000
        assert client.wait(10) == 4
    _remove(mesh, "slow-exec")


def test_execs_leave_no_descriptors_or_threads_in_the_shim(mesh: Mesh) -> None:
    mesh.ctr("run", "-d", IMAGE, "fds-exec", "sleep", "100").ok()
    counts = []
    for n in range(6):
        mesh.ctr("tasks", "exec", "--exec-id", f"e{n}", "fds-exec", "echo", "x").ok()
        counts.append(_descriptors(mesh, "fds-exec"))
    assert max(counts[2:]) <= counts[1] + 2, counts
    _remove(mesh, "fds-exec")


_PASSWD_IS_A_FIFO = "mkfifo /etc/p && mv /etc/p /etc/passwd && touch /ready; sleep 1000"


def _hangs(mesh: Mesh, id: str, of_host: bool = False) -> None:
    """Run a container in which every exec waits for somebody to write /etc/passwd."""
    if of_host:
        host_pids(mesh, id, _PASSWD_IS_A_FIFO)
    else:
        mesh.ctr("run", "-d", IMAGE, id, "sh", "-c", _PASSWD_IS_A_FIFO).ok()
    root = mesh.state / "io.containerd.runtime.v2.task/default" / id / "rootfs"
    eventually(lambda: (root / "ready").exists())


def _starting(mesh: Mesh, id: str) -> list[str]:
    """The processes of runc that start an exec of the container, in it and outside."""
    found = subprocess.run(["pgrep", "-af", "--", f"--root {mesh.state}/.* {id}$"], capture_output=True, text=True).stdout
    return [line for line in found.splitlines() if " exec " in line]


def test_an_exec_that_hangs_in_its_start_holds_up_no_other(mesh: Mesh) -> None:
    """runc opens the container's /etc/passwd, and what that is the container decides."""
    _hangs(mesh, "fifo")
    root = mesh.state / "io.containerd.runtime.v2.task/default/fifo/rootfs"
    with ending(subprocess.Popen(_exec(mesh, "fifo", "hangs", "true"), stderr=subprocess.PIPE, text=True)) as hangs:
        eventually(lambda: len(_starting(mesh, "fifo")) == 1)
        (root / "etc/passwd").rename(root / "etc/fifo")
        (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
        for n in range(3):
            assert mesh.ctr("tasks", "exec", "--exec-id", f"e{n}", "fifo", "echo", "goes on").ok().out == "goes on\n"
        assert "RUNNING" in mesh.ctr("tasks", "ls").ok().out
        assert hangs.poll() is None
        # Killed, it fails alone, with what runc has left in the container.
        mesh.ctr("tasks", "kill", "-s", "SIGKILL", "--exec-id", "hangs", "fifo").ok()
        assert hangs.wait(10) == 1
        assert hangs.stderr is not None and "it was killed while it was being started" in hangs.stderr.read()
    eventually(lambda: _starting(mesh, "fifo") == [])
    assert "runc" not in subprocess.run(["fuser", "-v", str(root / "etc/fifo")], capture_output=True, text=True).stderr
    mesh.ctr("tasks", "delete", "--exec-id", "hangs", "fifo")
    bundle = mesh.state / "io.containerd.runtime.v2.task/default/fifo"
    assert not list(bundle.glob("*-log.json")) and not list(bundle.glob("*-process.json"))
    _remove(mesh, "fifo")


@pytest.mark.parametrize("of_host", [False, True], ids=["own pids", "host's pids"])
def test_a_container_ends_though_an_exec_of_it_hangs_in_its_start(mesh: Mesh, of_host: bool) -> None:
    _hangs(mesh, "ends", of_host)
    with ending(subprocess.Popen(_exec(mesh, "ends", "hangs", "true"), stderr=subprocess.DEVNULL)) as hangs:
        eventually(lambda: len(_starting(mesh, "ends")) == 1)
        began = time.monotonic()
        _remove(mesh, "ends")
        # With the PID namespace ends what is in it, and runc may already call that the exec's own end.
        assert hangs.wait(10) in (1, 137) and time.monotonic() - began < 10
    eventually(lambda: _starting(mesh, "ends") == [])


def test_a_client_that_is_interrupted_ends_the_start_that_it_waits_for(mesh: Mesh) -> None:
    _hangs(mesh, "client")
    command = [str(BIN / "argosy"), "--address", str(mesh.address), "exec", "client", "true"]
    with ending(subprocess.Popen(command, stderr=subprocess.PIPE, text=True)) as hangs:
        eventually(lambda: len(_starting(mesh, "client")) == 1)
        hangs.send_signal(signal.SIGTERM)
        assert hangs.wait(20) == 128 + signal.SIGTERM
    eventually(lambda: _starting(mesh, "client") == [])
    _remove(mesh, "client")


def test_execs_start_side_by_side_each_with_its_own_words(mesh: Mesh) -> None:
    mesh.ctr("run", "-d", IMAGE, "many", "sleep", "100").ok()
    commands = [("echo", str(n)) if n % 2 else (f"/no/such/{n}",) for n in range(12)]
    clients = [
        subprocess.Popen(_exec(mesh, "many", f"e{n}", *c), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for n, c in enumerate(commands)
    ]
    for n, client in enumerate(clients):
        out, error = client.communicate(timeout=60)
        if n % 2:
            assert (client.returncode, out) == (0, f"{n}\n"), error
        else:
            assert client.returncode == 1 and f"/no/such/{n}" in error
    _remove(mesh, "many")


def test_the_id_of_an_exec_that_did_not_start_can_be_used_again(mesh: Mesh) -> None:
    """Its client had begun to wait for its end before the start failed."""
    mesh.ctr("run", "-d", IMAGE, "again-exec", "sleep", "100").ok()
    for n in range(2):
        failed = subprocess.run(_exec(mesh, "again-exec", "e", "/no/such"), capture_output=True, text=True, timeout=30)
        assert failed.returncode == 1 and "/no/such" in failed.stderr
        command = _exec(mesh, "again-exec", "e", "sh", "-c", f"echo {n}; exit 3")
        with ending(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as client:
            assert client.wait(10) == 3
            assert client.stdout is not None and client.stdout.read() == f"{n}\n"
    _remove(mesh, "again-exec")


def test_who_waits_for_an_exec_that_never_runs_hears_that_it_is_deleted(mesh: Mesh) -> None:
    mesh.ctr("run", "-d", IMAGE, "never", "sleep", "100").ok()

    async def main() -> None:
        async with Client(str(mesh.address)) as client:
            tasks = client.services.tasks
            spec = AnyMessage(value=json.dumps({"args": ["true"], "cwd": "/"}).encode())
            await tasks.exec(ExecProcessRequest(container_id="never", exec_id="e", spec=spec))
            waits = asyncio.ensure_future(tasks.wait(WaitRequest(container_id="never", exec_id="e")))
            await asyncio.sleep(0.2)
            await tasks.delete_process(DeleteProcessRequest(container_id="never", exec_id="e"))
            with pytest.raises(NotFound, match="process does not exist e"):
                await asyncio.wait_for(waits, 10)

    asyncio.run(main())
    _remove(mesh, "never")
