"""Shims come from a template where there is one, are the same without it, and outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.kernel.surroundings import key
from argosy.testkit.image import oci_archive

from tests.harness.mesh import BIN, IMAGE, Mesh, eventually

pytestmark = pytest.mark.root
SHIM = BIN / "containerd-shim-runc-v2"


@pytest.fixture
def own_mesh(short_path: Path) -> Iterator[Mesh]:
    oci_archive(short_path / "image.tar", IMAGE)
    mesh = Mesh(short_path / "m")
    mesh.base.mkdir()
    mesh.start()
    mesh.ctr("images", "import", str(short_path / "image.tar")).ok()
    try:
        yield mesh
        assert mesh.leftovers() == []
    finally:
        mesh.destroy()
    eventually(lambda: templates(mesh) == [], what="the template outlived the mesh")


def templates(mesh: Mesh) -> list[int]:
    """The templates of this mesh; their spares have the same command line, and them as parents."""
    found = {}
    for proc in Path("/proc").iterdir():
        if proc.name.isdigit():
            try:
                command = (proc / "cmdline").read_bytes().decode(errors="replace")
                parent = int((proc / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if "argosy_shim_runc_v2.template" in command and str(mesh.base) in command:
                found[int(proc.name)] = parent
    return [pid for pid, parent in found.items() if parent not in found]


def shim_of(mesh: Mesh, id: str) -> tuple[int, int]:
    """The pid of a container's shim, and its parent's."""
    pid = int((mesh.state / f"io.containerd.runtime.v2.task/default/{id}/shim.pid").read_text())
    return pid, int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_the_daemon_and_the_binary_mean_the_same_place() -> None:
    source = SHIM.read_text().rpartition("\nmain()")[0] + "\nprint(surroundings(), end='')\n"
    script = source.replace("__file__", repr(str(SHIM)))
    python = str(SHIM.parent / "python3")
    told = subprocess.run([python, "-I", "-S", "-c", script], capture_output=True, text=True, check=True).stdout
    assert told == key(os.getpid(), python, str(SHIM))


def test_the_second_shim_is_forked_from_what_the_first_left(own_mesh: Mesh) -> None:
    for id in ("one", "two", "three"):
        own_mesh.ctr("run", "-d", IMAGE, id, "sleep", "1000").ok()
        eventually(lambda: len(templates(own_mesh)) == 1)
    (warm,) = templates(own_mesh)
    assert len([p for p in (own_mesh.state / "s").glob("t-*") if p.is_socket()]) == 1
    own_mesh.ctr("run", "-d", IMAGE, "four", "sleep", "1000").ok()
    pid, parent = shim_of(own_mesh, "four")
    assert parent == warm
    shown = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    assert shown[0] == str(SHIM).encode() and shown[1:5] == [b"-namespace", b"default", b"-id", b"four"]
    assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null" and os.getsid(pid) == pid
    # Its death is nobody's business but its own.
    os.kill(warm, signal.SIGKILL)
    assert own_mesh.ctr("tasks", "exec", "--exec-id", "e", "four", "echo", "alive").ok().out == "alive\n"
    assert own_mesh.ctr("run", "--rm", IMAGE, "five", "echo", "cold").ok().out == "cold\n"
    eventually(lambda: len(templates(own_mesh)) == 1 and templates(own_mesh) != [warm])
    assert own_mesh.ctr("run", "--rm", IMAGE, "six", "echo", "warm").ok().out == "warm\n"
    for id in ("one", "two", "three", "four"):
        own_mesh.ctr("tasks", "rm", "-f", id)
        own_mesh.ctr("containers", "rm", id).ok()


def test_a_template_of_older_code_makes_no_shim(own_mesh: Mesh) -> None:
    import argosy_shim_runc_v2

    own_mesh.ctr("run", "--rm", IMAGE, "first", "true").ok()
    eventually(lambda: len(templates(own_mesh)) == 1)
    before = templates(own_mesh)
    assert argosy_shim_runc_v2.__file__ is not None
    os.utime(argosy_shim_runc_v2.__file__)
    assert own_mesh.ctr("run", "--rm", IMAGE, "second", "echo", "new").ok().out == "new\n"
    eventually(lambda: len(templates(own_mesh)) == 1 and templates(own_mesh) != before)


def test_a_failed_start_says_why_through_a_template(own_mesh: Mesh, tmp_path: Path) -> None:
    own_mesh.ctr("run", "--rm", IMAGE, "first", "true").ok()
    eventually(lambda: len(templates(own_mesh)) == 1)
    env = {**os.environ, "ARGOSY_SHIM_SOCKET_DIR": str(own_mesh.state / "s")}
    for extra in ({}, {"ARGOSY_SHIM_TEMPLATE": "off"}):
        ran = subprocess.run(
            [SHIM, "-namespace", "default", "start"], cwd=tmp_path, env=env | extra, capture_output=True, text=True, input=""
        )
        assert ran.returncode == 1 and "start needs -id and -namespace" in ran.stderr, ran
