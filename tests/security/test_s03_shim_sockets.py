"""S3 and S2, shims: nothing of a bundle or a shim can be reached by another user of the host, and nothing listens by name alone."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.mesh import IMAGE, Mesh, eventually

pytestmark = pytest.mark.root
NOBODY = 65534


@pytest.fixture(scope="module", params=["cold", "template"])
def mesh(request: pytest.FixtureRequest, image_archive: Path) -> Iterator[Mesh]:
    """A mesh that was started without a umask, in directories that somebody has left open, with a container."""
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    base.chmod(0o755)  # so that only what is below it can keep others out
    for place in ("state/s", "state/runc", "state/io.containerd.runtime.v2.task"):
        (base / place).mkdir(parents=True)
        (base / place).chmod(0o777)
    before = os.umask(0)
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "cold":
            patch.setenv("ARGOSY_SHIM_TEMPLATE", "off")
        running = Mesh(base)
        try:
            running.start()
            running.ctr("images", "import", str(image_archive)).ok()
            running.ctr("run", "--rm", IMAGE, "first", "true").ok()
            running.ctr("run", "-d", IMAGE, "secret", "sleep", "1000").ok()
            yield running
            running.ctr("tasks", "rm", "-f", "secret")
            running.ctr("containers", "rm", "secret").ok()
            eventually(lambda: running.leftovers() == [])
        finally:
            os.umask(before)
            running.destroy()


def as_nobody(program: str, *words: str) -> str:
    """Run a program of Python as another user of the host; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import os, socket, sys; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n{program}", *words],
        capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def all_below(*places: Path) -> list[Path]:
    return [path for place in places for path in (place, *place.rglob("*"))]


def test_another_user_can_stat_nothing_of_a_bundle(mesh: Mesh) -> None:
    """CVE-2021-41103: setuid programs of a root file system are out of reach, as is all that a shim has written."""
    bundle = mesh.state / "io.containerd.runtime.v2.task/default/secret"
    inside = [bundle / "config.json", bundle / "rootfs", bundle / "rootfs/bin/busybox", bundle / "log", bundle / "address"]
    assert all(os.path.lexists(path) for path in inside)
    program = "print(*(p for p in sys.argv[1:] if os.path.lexists(p)))"
    assert as_nobody(program, *map(str, inside)).split() == []
    for name in ("state/s", "state/runc", "state/io.containerd.runtime.v2.task/default/secret"):
        assert (mesh.base / name).stat().st_mode & 0o077 == 0, name
    # What a name leads through may be entered, and not listed or written to.
    for path in all_below(mesh.state / "io.containerd.runtime.v2.task"):
        if path.is_dir() and not path.is_symlink() and bundle not in path.parents:
            assert path.stat().st_mode & 0o066 == 0, (path, oct(path.stat().st_mode))


def test_sockets_and_fifos_are_roots_alone(mesh: Mesh) -> None:
    """0600 in directories of 0700, whatever the umask was; another user can't connect."""
    found = [path for path in all_below(mesh.state) if not path.is_symlink()]
    special = [path for path in found if stat.S_ISSOCK(path.lstat().st_mode) or stat.S_ISFIFO(path.lstat().st_mode)]
    shims = [path for path in special if path.parent.name == "s"]
    assert shims and any(path.name == "log" for path in special)
    for path in shims:
        assert path.lstat().st_mode & 0o177 == 0, (path, oct(path.lstat().st_mode))
    for path in special:
        if stat.S_ISFIFO(path.lstat().st_mode):
            assert path.lstat().st_mode & 0o177 == 0, (path, oct(path.lstat().st_mode))
    program = """
for path in sys.argv[1:]:
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
        except OSError:
            continue
        print(path)
"""
    assert as_nobody(program, *map(str, shims)) == ""


def test_nothing_listens_by_name_alone(mesh: Mesh) -> None:
    """CVE-2020-15257: an abstract socket has no mode, and every container in the host's network could connect to it."""
    shim = int((mesh.state / "io.containerd.runtime.v2.task/default/secret/shim.pid").read_text())
    pids = {shim, *mesh.services().values(), *map(int, Path(f"/proc/{shim}/task/{shim}/children").read_text().split())}
    inodes = set()
    for pid in pids:
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            try:
                link = os.readlink(fd)
            except FileNotFoundError:
                continue
            if link.startswith("socket:["):
                inodes.add(link[8:-1])
    assert inodes
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        assert fields[6] not in inodes or len(fields) < 8 or not fields[7].startswith("@"), line


def test_a_shim_answers_root_and_itself_only(mesh: Mesh) -> None:
    """A socket that was given to another user by mistake still refuses that user: who connects is looked at, not who could."""
    address = Path((mesh.state / "io.containerd.runtime.v2.task/default/secret/address").read_text().removeprefix("unix://"))
    for path, mode in ((address.parent, 0o711), (address, 0o666), (mesh.state, 0o711)):
        path.chmod(mode)
    try:
        program = """
with socket.socket(socket.AF_UNIX) as s:
    s.settimeout(5)
    s.connect(sys.argv[1])
    try:
        s.sendall(bytes.fromhex("00000000000000010100"))
        print(len(s.recv(100)))
    except (BrokenPipeError, ConnectionResetError):
        print(0)
"""
        assert as_nobody(program, str(address)).strip() == "0"
        with socket.socket(socket.AF_UNIX) as mine:
            mine.settimeout(5)
            mine.connect(str(address))
            mine.sendall(bytes.fromhex("00000000000000010100"))
            assert mine.recv(100)
    finally:
        for path, mode in ((address.parent, 0o700), (address, 0o600), (mesh.state, 0o700)):
            path.chmod(mode)
