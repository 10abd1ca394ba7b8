"""Two runs of tests do not meet in the control groups, whatever they call their containers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from argosy.kernel.process import alive

from tests.harness.apart import is_ours
from tests.harness.mesh import IMAGE, Mesh
from tests.harness.processes import ending

pytestmark = pytest.mark.root

# Another run of tests, with a mesh whose container has the name of ours; it is told by a line when to take it away.
_OTHER = """
import sys
from pathlib import Path
from tests.harness.apart import apart
from tests.harness.mesh import IMAGE, Mesh
made = apart()
mesh = Mesh(Path(sys.argv[1]))
mesh.start()
try:
    mesh.ctr("images", "import", sys.argv[2]).ok()
    mesh.ctr("run", "-d", IMAGE, "same", "sleep", "1000").ok()
    print("runs", flush=True)
    sys.stdin.readline()
    mesh.ctr("tasks", "rm", "-f", "same").ok()
    print("gone", flush=True)
    sys.stdin.readline()
finally:
    mesh.destroy()
    made.leave()
"""


def pid_of(mesh: Mesh, id: str) -> int:
    for line in mesh.ctr("tasks", "ls").ok().out.splitlines()[1:]:
        if line.split()[0] == id:
            return int(line.split()[1])
    raise AssertionError(f"no task {id}")


def groups(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cgroup").read_text().splitlines()


def test_a_container_outlives_one_of_its_name_in_another_run(mesh: Mesh, image_archive: Path, short_path: Path) -> None:
    mesh.ctr("run", "-d", IMAGE, "same", "sleep", "1000").ok()
    pid = pid_of(mesh, "same")
    assert all(line.endswith((":/default/same", ":/")) for line in groups(pid)), groups(pid)
    command = [sys.executable, "-c", _OTHER, str(short_path), str(image_archive)]
    with ending(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)) as other:
        assert other.stdin is not None and other.stdout is not None
        try:
            assert other.stdout.readline() == "runs\n"
            other.stdin.write("take it away\n")
            other.stdin.flush()
            assert other.stdout.readline() == "gone\n"
            assert alive(pid)
            assert mesh.ctr("tasks", "exec", "--exec-id", "e", "same", "echo", "here").ok().out == "here\n"
        finally:
            other.stdin.close()  # at the end of what it is told it ends its mesh
            code = other.wait(60)
        assert code == 0
    mesh.ctr("tasks", "rm", "-f", "same").ok()
    mesh.ctr("containers", "rm", "same").ok()


def test_a_process_of_another_run_is_not_ours() -> None:
    script = "import sys; from tests.harness.apart import apart; apart(); print('is apart', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script]
    with (
        ending(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)) as below,
        ending(subprocess.Popen(["sleep", "1000"])) as ours,
    ):
        assert below.stdout is not None and below.stdout.readline() == "is apart\n"
        seen = [sys.executable, "-c", f"from tests.harness.apart import apart, is_ours; apart(); print(is_ours({ours.pid}))"]
        assert is_ours(ours.pid) and is_ours(below.pid)
        assert subprocess.run(seen, capture_output=True, text=True, check=True).stdout == "False\n"


def test_who_cannot_be_apart_is_where_it_was() -> None:
    """The last hierarchy can't be mounted; the run says so, and goes on beside the others."""
    script = """
import os
from pathlib import Path
from tests.harness import apart
def state():
    own = [os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "cgroup")]
    return [*own, Path("/proc/self/cgroup").read_text(), Path("/proc/self/mountinfo").read_text(), os.getcwd()]
before, mount, last = state(), apart._mount, list(apart._hierarchies())[-1]
def fails(hierarchy):
    mount(hierarchy)
    if hierarchy == last:
        raise PermissionError(1, "no", str(hierarchy.point))
apart._mount = fails
try:
    apart.apart()
except PermissionError:
    print(state() == before, not [one for row in apart._hierarchies() for one in row.parent.glob(f"argosy-run-{os.getpid()}")])
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "True True\n", ran
