"""``shim_cgroup`` of runc's options: the shim itself is in that cgroup, whoever forked it, or the task is refused."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.client import Client
from argosy.errors import ArgosyError
from argosy.kernel.mount_table import mount_points
from argosy.typeurl import pack
from argosy_protos.containerd.runc.v1 import Options
from argosy_protos.containerd.services.snapshots.v1 import MountsRequest
from argosy_protos.containerd.services.tasks.v1 import CreateTaskRequest

from tests.harness.mesh import IMAGE, Mesh, eventually

pytestmark = pytest.mark.root

GROUP = f"/argosy-shims-{os.getpid()}"


@pytest.fixture
def group() -> Iterator[str]:
    """A cgroup in one hierarchy, of those that take processes without more ado."""
    points = [m.point for m in mount_points() if m.type == "cgroup2" or (m.type == "cgroup" and "pids" in m.super_options)]
    made = [Path(point + GROUP) for point in points]
    for cgroup in made:
        cgroup.mkdir()
    yield GROUP
    # A process that has ended is in it until its parent has seen that.
    eventually(lambda: not any(cgroup.joinpath("cgroup.procs").read_text() for cgroup in made))
    for cgroup in made:
        cgroup.rmdir()


def create(mesh: Mesh, id: str, group: str) -> int:
    async def main() -> int:
        async with Client(mesh.address, "default") as client:
            mounts = (await client.services.snapshots.mounts(MountsRequest(snapshotter="overlayfs", key=id))).mounts
            options = pack("containerd.runc.v1.Options", Options(shim_cgroup=group))
            request = CreateTaskRequest(container_id=id, rootfs=mounts, options=options)
            return int((await client.services.tasks.create(request)).pid)

    return asyncio.run(main())


def shim_of(init: int) -> list[int]:
    """Return the init's parent, and what else of the shim is below that."""
    parent = int(Path(f"/proc/{init}/stat").read_text().rpartition(")")[2].split()[1])
    below = [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    return [parent, *(pid for pid in below if pid != init)]


@pytest.mark.parametrize("number", [1, 2])
def test_the_shim_is_in_the_cgroup_that_the_options_name(mesh: Mesh, group: str, number: int) -> None:
    """The first shim of a mesh starts by itself, the next one is a template's."""
    id = f"in-a-group-{number}"
    mesh.ctr("containers", "create", IMAGE, id, "sleep", "1000").ok()
    init = create(mesh, id, group)
    try:
        for pid in shim_of(init):
            assert any(line.endswith(f":{group}") for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
        assert f":{group}\n" not in Path(f"/proc/{init}/cgroup").read_text()
    finally:
        mesh.ctr("tasks", "rm", "--force", id)
        mesh.ctr("containers", "rm", id).ok()


@pytest.mark.parametrize("wrong", ["/argosy-no-such-cgroup", "/../../etc", "/"])
def test_a_cgroup_that_cannot_be_joined_refuses_the_task_and_leaves_nothing(mesh: Mesh, wrong: str) -> None:
    mesh.ctr("containers", "create", IMAGE, "nowhere", "true").ok()
    try:
        with pytest.raises(ArgosyError, match=f"can't join the cgroup {wrong}"):
            create(mesh, "nowhere", wrong)
        assert "nowhere" not in mesh.ctr("tasks", "ls").ok().out
        # Its socket is gone as well: the same task can be made.
        assert create(mesh, "nowhere", "") > 0
    finally:
        mesh.ctr("tasks", "rm", "--force", "nowhere")
        mesh.ctr("containers", "rm", "nowhere").ok()
