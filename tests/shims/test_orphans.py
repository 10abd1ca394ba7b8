"""Processes whose parents ended before them, in a container without a PID namespace: they are the shim's, and don't stay."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.client import Client, Container
from argosy.oci.spec import Options
from argosy.typeurl import SPEC, pack_json
from argosy_protos.containerd.services.containers.v1 import UpdateContainerRequest
from argosy_protos.google.protobuf import FieldMask

from tests.harness.mesh import IMAGE, Mesh, eventually

pytestmark = pytest.mark.root


@pytest.fixture(scope="module", params=["cold", "template", "sleepy"])
def mesh(request: pytest.FixtureRequest, image_archive: Path) -> Iterator[Mesh]:
    """A mesh whose shims are one process, or have a keeper, or sleep almost at once."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "cold":
            patch.setenv("ARGOSY_SHIM_TEMPLATE", "off")
        patch.setenv("ARGOSY_SHIM_SLEEP", "0.02" if request.param == "sleepy" else "off")
        running = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
        running.start()
        try:
            running.ctr("images", "import", str(image_archive)).ok()
            running.ctr("run", "--rm", IMAGE, "first", "true").ok()
            if request.param != "cold":
                eventually(lambda: list((running.state / "s").glob("t-*")))
            yield running
            assert running.leftovers() == []
        finally:
            running.destroy()


def shim_of(mesh: Mesh, id: str) -> int:
    return int((mesh.state / f"io.containerd.runtime.v2.task/default/{id}/shim.pid").read_text())


def zombies(parent: int) -> list[int]:
    """The children of a process that have ended and were not reaped."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] == "Z" and int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return found


def host_pids(mesh: Mesh, id: str, script: str) -> None:
    """Start a container that shares the host's processes."""

    async def create() -> None:
        async with Client(mesh.address, "default") as client:
            container = await Container.create(client, id, IMAGE, Options(args=["sh", "-c", script]))
            spec = container.spec
            spec["linux"]["namespaces"] = [n for n in spec["linux"]["namespaces"] if n["type"] != "pid"]
            container.record.spec = pack_json(SPEC, spec)
            mask = FieldMask(paths=["spec"])
            await client.services.containers.update(UpdateContainerRequest(container=container.record, update_mask=mask))

    asyncio.run(create())
    mesh.ctr("tasks", "start", "-d", id).ok()


# A grandchild whose parent ends at once is left to the nearest subreaper when that parent ends.
LEAVE = "(sleep {} & ) ; "


def test_orphans_of_a_container_do_not_stay_as_zombies(mesh: Mesh) -> None:
    """Twenty of them end while nobody asks the shim for anything, ten more are left by an exec; statuses are still the right ones."""
    host_pids(mesh, "host", "for i in $(seq 20); do " + LEAVE.format(0.3) + "done; exec sleep 1000")
    try:
        shim = shim_of(mesh, "host")
        time.sleep(0.6)
        eventually(lambda: zombies(shim) == [], what="orphans of the init are zombies")
        ran = mesh.ctr(
            "tasks", "exec", "--exec-id", "e", "host", "sh", "-c", f"for i in $(seq 10); do {LEAVE.format(0.2)} done; exit 7"
        )
        assert ran.code == 7
        time.sleep(0.4)
        eventually(lambda: zombies(shim) == [], what="orphans of the exec are zombies")
        # While others end all the time, an exec's status and output are its own.
        mesh.ctr(
            "tasks",
            "exec",
            "-d",
            "--exec-id",
            "storm",
            "host",
            "sh",
            "-c",
            f"for i in $(seq 300); do {LEAVE.format(0.01)} done",
        )
        for n in range(8):
            ran = mesh.ctr("tasks", "exec", "--exec-id", f"s{n}", "host", "sh", "-c", f"echo {n}; exit {n + 10}")
            assert (ran.code, ran.out) == (n + 10, f"{n}\n"), ran.err
        time.sleep(0.3)
        eventually(lambda: zombies(shim) == [], what="orphans of the storm are zombies")
        mesh.ctr("tasks", "kill", "-s", "KILL", "host").ok()
        eventually(lambda: "STOPPED" in mesh.ctr("tasks", "ls").out)
        assert "exit code 137" in mesh.ctr("tasks", "rm", "host").ok().err
    finally:
        mesh.ctr("tasks", "rm", "-f", "host")
        mesh.ctr("containers", "rm", "host").ok()


def test_a_known_child_is_left_to_who_waits_for_it() -> None:
    """In a process of its own, because orphans are looked for among all children: helpers keep their status, others are reaped."""
    program = """
import os, select
from argosy.shim import spawn
null = os.open("/dev/null", os.O_RDWR)
stdio = spawn.Stdio(null, null, null)
helper = spawn.spawn(["/bin/sh", "-c", "exit 7"], stdio)
held = os.pidfd_open(helper)
select.select([held], [], [])
assert spawn.reap_orphans() is False
assert os.waitstatus_to_exitcode(spawn.wait(helper)) == 7
strangers = [os.posix_spawn("/bin/true", ["true"], {}) for _ in range(5)]
for pid in strangers:
    fd = os.pidfd_open(pid)
    select.select([fd], [], [])
assert spawn.reap_orphans({strangers[0]}) is False
assert spawn.reap_orphans(stop=lambda: True) is False
assert spawn.reap_orphans() is True
for pid in strangers:
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        continue
    raise SystemExit("a stranger was not reaped")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr


def test_a_known_child_may_be_taken_while_it_is_looked_at() -> None:
    """Who waits for a helper is a thread of its own (a copy's, an event's): it may be a step ahead of who looks for orphans."""
    program = """
import os, select
from argosy.shim import spawn
null = os.open("/dev/null", os.O_RDWR)
helper = spawn.spawn(["/bin/true"], spawn.Stdio(null, null, null))
select.select([os.pidfd_open(helper)], [], [])
stranger = os.posix_spawn("/bin/true", ["true"], {})
select.select([os.pidfd_open(stranger)], [], [])
look = os.waitid
def taken_meanwhile(kind, pid, flags):
    found = look(kind, pid, flags)
    if kind == os.P_ALL and found is not None and found.si_pid == helper:
        spawn.wait(helper)
    return found
os.waitid = taken_meanwhile
assert spawn.reap_orphans() is True, "the stranger was left"
assert spawn.known() == []
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
