"""S25: a container has its own standard streams and no other descriptor, and no way to one of the host's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.errors import FailedPrecondition
from argosy_shim_runc_v2 import guard

from tests.harness.mesh import IMAGE, Mesh, eventually

# The shell's own look: a pattern, so that no descriptor of a program that lists them is among them.
LOOK = "cd /proc/self/fd; for n in *; do [ -e $n ] && printf '%s ' $n; done; echo; sleep 0"


@pytest.fixture(scope="module", params=["cold", "template", "sleepy"])
def mesh(request: pytest.FixtureRequest, image_archive: Path) -> Iterator[Mesh]:
    """A mesh for each way in which a shim comes to be."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "cold":
            patch.setenv("ARGOSY_SHIM_TEMPLATE", "off")
        patch.setenv("ARGOSY_SHIM_SLEEP", "0.02" if request.param == "sleepy" else "off")
        running = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
        running.start()
        try:
            running.ctr("images", "import", str(image_archive)).ok()
            running.ctr("run", "--rm", IMAGE, "first", "true").ok()
            yield running
            assert running.leftovers() == []
        finally:
            running.destroy()


@pytest.mark.root
def test_a_container_has_descriptors_0_1_2(mesh: Mesh) -> None:
    """Whatever the daemon, the template, the keeper and the shim have open: init, exec, with and without a terminal."""
    # A shell keeps its terminal at 10 as well; it is the same one.
    assert mesh.ctr("run", "--rm", IMAGE, "init", "sh", "-c", LOOK).ok().out.split() == ["0", "1", "2"]
    mesh.ctr("run", "-d", IMAGE, "fds", "sleep", "1000").ok()
    try:
        for n in range(3):
            ran = mesh.ctr("tasks", "exec", "--exec-id", f"e{n}", "fds", "sh", "-c", LOOK).ok()
            assert ran.out.split() == ["0", "1", "2"]
        pid = next(line.split()[1] for line in mesh.ctr("tasks", "ls").ok().out.splitlines() if line.startswith("fds"))
        assert sorted(os.listdir(f"/proc/{pid}/fd"), key=int) == ["0", "1", "2"]
    finally:
        mesh.ctr("tasks", "rm", "-f", "fds")
        mesh.ctr("containers", "rm", "fds").ok()


@pytest.mark.root
def test_everything_that_a_shim_has_open_is_closed_by_an_exec(mesh: Mesh) -> None:
    """What could be inherited is closed on exec: of the shim, its keeper and its template, all but the standard streams."""
    mesh.ctr("run", "-d", IMAGE, "cloexec", "sleep", "1000").ok()
    try:
        shim = int((mesh.state / "io.containerd.runtime.v2.task/default/cloexec/shim.pid").read_text())
        family = [shim, *map(int, Path(f"/proc/{shim}/task/{shim}/children").read_text().split())]
        ours = [pid for pid in family if "shim" in Path(f"/proc/{pid}/comm").read_text()]
        assert ours
        for pid in ours:
            for fd in os.listdir(f"/proc/{pid}/fdinfo"):
                try:
                    flags = Path(f"/proc/{pid}/fdinfo/{fd}").read_text().split("flags:")[1].split()[0]
                except FileNotFoundError:
                    continue  # closed since
                assert int(fd) <= 2 or int(flags, 8) & os.O_CLOEXEC, (pid, fd, os.readlink(f"/proc/{pid}/fd/{fd}"))
    finally:
        mesh.ctr("tasks", "rm", "-f", "cloexec")
        mesh.ctr("containers", "rm", "cloexec").ok()


@pytest.mark.root
@pytest.mark.parametrize(
    "directory", ["/proc/self/fd/7", "/proc/self/fd/7/../..", "/./proc//1/fd/3", "/proc/thread-self/fd/8"]
)
def test_a_working_directory_is_no_descriptor(mesh: Mesh, directory: str) -> None:
    """CVE-2024-21626: an old runc has the host's cgroup directory open, and would start the process in it."""
    ran = mesh.ctr("run", "--rm", "--cwd", directory, IMAGE, "cwd", "pwd")
    assert ran.code and "working directory" in ran.err and directory in ran.err, ran
    mesh.ctr("containers", "rm", "cwd")
    mesh.ctr("run", "-d", IMAGE, "cwd", "sleep", "1000").ok()
    try:
        ran = mesh.ctr("tasks", "exec", "--exec-id", "e", "--cwd", directory, "cwd", "pwd")
        assert ran.code and "working directory" in ran.err, ran
        eventually(lambda: mesh.ctr("tasks", "exec", "--exec-id", "ok", "--cwd", "/home", "cwd", "pwd").out == "/home\n")
    finally:
        mesh.ctr("tasks", "rm", "-f", "cwd")
        mesh.ctr("containers", "rm", "cwd").ok()


def test_a_symlink_of_the_image_is_followed_before_the_runtime_does(tmp_path: Path) -> None:
    """The same attack through the image's own names: relative, absolute, one to the next, with dots, and in a circle."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "proc").mkdir()
    (tmp_path / "a/b/up").symlink_to("../../proc/self/fd/9")
    (tmp_path / "a/abs").symlink_to("/proc/self/fd")
    (tmp_path / "a/next").symlink_to("abs")
    (tmp_path / "a/out").symlink_to("../../../../../../../proc/1/root")
    (tmp_path / "a/fine").symlink_to("b")
    (tmp_path / "a/loop").symlink_to("loop")
    for cwd in ("/a/b/up", "/a/abs/7", "/a/next/7", "/a/fine/up", "/a/out", "a/out/etc", "/nothing/../proc/self/cwd"):
        with pytest.raises(FailedPrecondition, match="working directory"):
            guard.check(str(tmp_path), {"process": {"cwd": cwd}})
        with pytest.raises(FailedPrecondition, match="working directory"):
            guard.check_process(str(tmp_path), {"cwd": cwd})
    with pytest.raises(FailedPrecondition, match="circle"):
        guard.check(str(tmp_path), {"process": {"cwd": "/a/loop"}})
    for cwd in ("/", "", "/a/fine", "/not/there", "/proc", "/proc/self", "/proc/sys/fd"):
        guard.check(str(tmp_path), {"process": {"cwd": cwd}})
    with pytest.raises(FailedPrecondition, match="working directory"):
        guard.check_process(str(tmp_path / "elsewhere"), {"cwd": "/proc/self/fd/7"})
