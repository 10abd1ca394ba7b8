"""S26: nothing in a container can see or write the programs of the host that make and watch it."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.mesh import BIN, IMAGE, Mesh, eventually

pytestmark = pytest.mark.root

# A program that runs can't be written to, so that a descriptor of it is kept for the moment when it does not run any more.
HUNT = r"""
for p in /proc/[0-9]*; do
  exe=$(readlink $p/exe) || continue
  case "$exe" in /bin/busybox*) continue;; esac
  echo "met $exe $(sha256sum <$p/exe)"
  exec 9<$p/exe && echo held
  (printf overwritten >>/proc/self/fd/9) 2>/dev/null && echo WROTE
  kill -9 ${p#/proc/}
  for n in 1 2 3 4 5 6 7 8; do
    (printf overwritten >>/proc/self/fd/9) 2>/dev/null && echo WROTE
    sleep 0.1
  done
done
"""


@pytest.fixture(scope="module", params=["cold", "template"])
def mesh(request: pytest.FixtureRequest, image_archive: Path) -> Iterator[Mesh]:
    """A mesh with a runc of its own, which may be overwritten."""
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    (base / "bin").mkdir()
    runc = shutil.which("runc")
    assert runc is not None
    shutil.copy2(runc, base / "bin/runc")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "cold":
            patch.setenv("ARGOSY_SHIM_TEMPLATE", "off")
        running = Mesh(base, path_first=base / "bin")
        running.start()
        try:
            running.ctr("images", "import", str(image_archive)).ok()
            running.ctr("run", "--rm", IMAGE, "first", "true").ok()
            yield running
            assert running.leftovers() == []
        finally:
            running.destroy()


def programs(mesh: Mesh) -> dict[Path, str]:
    """What runs as root around a container, with its contents' digest."""
    paths = [mesh.base / "bin/runc", BIN / "containerd-shim-runc-v2", Path(sys.executable).resolve()]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_a_container_cannot_overwrite_what_enters_it(mesh: Mesh) -> None:
    """CVE-2019-5736: the runtime is made to run within a container, held open there, and written to once it has ended."""
    before = programs(mesh)
    # The runtime is linked against the host's libraries; an attacker's image has some of its own.
    libraries = [
        f"type=bind,src={path},dst={path},options=rbind:ro" for path in ("/lib", "/lib64", "/usr/lib") if Path(path).is_dir()
    ]
    mounts = [word for mount in libraries for word in ("--mount", mount)]
    mesh.ctr("run", "-d", *mounts, IMAGE, "hunter", "sleep", "1000").ok()

    def within(id: str, *words: str) -> str:
        return mesh.ctr("tasks", "exec", "--exec-id", id, "hunter", *words).ok().out

    try:
        within("fifo", "mkfifo", "/tmp/log")
        # The runtime, which is asked to run itself, becomes a process of the container, and waits for a reader of its log.
        mesh.ctr("tasks", "exec", "-d", "--exec-id", "bait", "hunter", "/proc/self/exe", "--log", "/tmp/log", "list").ok()
        out = within("hunt", "sh", "-c", HUNT)
        assert before[mesh.base / "bin/runc"] in out and "held" in out, (
            f"the runtime was not met, and nothing was tried: {out}"
        )
        assert "WROTE" not in out, out
    finally:
        mesh.ctr("tasks", "rm", "-f", "hunter")
        mesh.ctr("containers", "rm", "hunter").ok()
    mesh.ctr("run", "--rm", IMAGE, "self", "/proc/self/exe")
    mesh.ctr("containers", "rm", "self")
    assert programs(mesh) == before


def test_a_container_sees_neither_shim_nor_interpreter(mesh: Mesh) -> None:
    """Neither as a process, nor through a mount, nor by name: what runs it is in no namespace and no directory of its own."""
    look = "cat /proc/self/mountinfo; for p in /proc/[0-9]*; do readlink $p/exe; cat $p/comm; done; ls -d " + " ".join(
        map(str, programs(mesh))
    )
    out = mesh.ctr("run", "--rm", IMAGE, "look", "sh", "-c", look).out
    roots = [line.split(" - ")[0].split()[3:5] for line in out.splitlines() if " - " in line]
    assert len(roots) > 5
    for path in programs(mesh):
        assert str(path) not in out
        for root, point in roots:
            assert point == "/" or not str(path).startswith(point.rstrip("/") + "/"), (root, point)
    assert "shim" not in out.replace("/containerd-shim", "") and "python" not in out


def test_the_programs_are_roots_alone(mesh: Mesh) -> None:
    """Whoever can write to a program that root runs is root: the shim's script, its interpreter and its modules are not others'."""
    mesh.ctr("run", "-d", IMAGE, "owned", "sleep", "1000").ok()
    try:
        shim = int((mesh.state / "io.containerd.runtime.v2.task/default/owned/shim.pid").read_text())
        eventually(lambda: Path(f"/proc/{shim}/maps").read_text() != "")
        mapped = {
            line.split(None, 5)[5].strip() for line in Path(f"/proc/{shim}/maps").read_text().splitlines() if "/" in line
        }
        files = {path for path in mapped if os.path.isfile(path)} | {str(path) for path in programs(mesh)}
        assert any("python" in path for path in files)
        for path in files:
            info = os.stat(path)
            assert info.st_uid == 0 and not info.st_mode & 0o022, (path, oct(info.st_mode))
    finally:
        mesh.ctr("tasks", "rm", "-f", "owned")
        mesh.ctr("containers", "rm", "owned").ok()
