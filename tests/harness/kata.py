"""What tests of the VM shim need: a guest image made once, directories for VMs, and a look at what is left."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from argosy_protos.containerd.services.tasks.v1 import GetRequest, GetResponse
from argosy_protos.containerd.v1.types import Status
from argosy_shim_kata_v2.config import Config

from tests.harness.mesh import BIN, WITHIN_S, Mesh, Peer, eventually, run

RUNTIME = ("--runtime", "io.containerd.kata.v2")
# Packages are fetched once; what is made of them is made for every session.
CACHE = Path(__file__).parent.parent.parent / ".cache/kata/packages"


def why_not() -> str:
    """Return why no VM can run here, or ""."""
    if os.geteuid() != 0:
        return "needs root: mounts"
    if shutil.which(Config().hypervisor) is None:
        return f"{Config().hypervisor} is not installed: apt-get install -y qemu-system-x86"
    if not Config().file_server():
        return "virtiofsd is not installed: apt-get install -y qemu-system-common, or virtiofsd"
    if shutil.which("apt-get") is None:
        return "the guest image is made of Debian packages, and there is no apt-get"
    return ""


# What stands above every test that starts VMs.
MARKS = [
    pytest.mark.root,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "VMs run here"),
    pytest.mark.timeout(300),
]


def tidy(peer: Peer) -> None:
    """Take away every container with its task and snapshot: a test that failed must not fail those after it."""
    for id in peer.ctr("tasks", "ls", "-q").out.split():
        peer.ctr("tasks", "rm", "-f", id)
    for id in peer.ctr("containers", "ls", "-q").out.split():
        peer.ctr("containers", "rm", id)


def build(directory: Path) -> None:
    """Make the guest image in directory, or skip the test with apt's own words where there are no packages to be had."""
    CACHE.mkdir(parents=True, exist_ok=True)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "packages").symlink_to(CACHE)
    done = run([str(BIN / "argosy"), "kata", "build-image", "--directory", str(directory)], timeout=300)
    if done.code and "apt-get" in done.err:
        pytest.skip(f"no guest image: {done.err.strip()[-300:]}")
    assert done.code == 0, done


def processes(run_directory: Path) -> list[str]:
    """The command lines of VMs, their file servers and the pools of spare ones, below run_directory; those of others are not looked at."""
    found = []
    below, named = f"{run_directory}/", f"ARGOSY_KATA_RUN={run_directory}".encode()
    for proc in Path("/proc").iterdir():
        try:
            words = (proc / "cmdline").read_bytes().decode(errors="replace") if proc.name.isdigit() else ""
            keeps = "argosy_shim_kata_v2.pool" in words and named in (proc / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if keeps or (below in words and ("qemu" in words or "virtiofsd" in words)):
            found.append(f"{proc.name} {words[:80]}")
    return found


def leftovers(run_directory: Path) -> list[str]:
    """Whatever VMs below run_directory have left: processes, sockets, directories, mounts. Their memory goes with their processes."""
    found = processes(run_directory)
    found += [str(p) for p in run_directory.iterdir() if p.name != "accel.json"] if run_directory.exists() else []
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"{run_directory}/" in line]
    return found


def memory_file(vm: int) -> str:
    """The file that a VM's memory is mapped from, as the kernel tells it: with " (deleted)" where no name leads to it."""
    sizes: dict[str, int] = {}
    for line in Path(f"/proc/{vm}/maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5].startswith("/"):
            first, last = (int(address, 16) for address in fields[0].split("-"))
            sizes[fields[5]] = sizes.get(fields[5], 0) + last - first
    return max(sizes, key=lambda name: sizes[name])


def vm_of(peer: Peer, id: str, namespace: str = "") -> int:
    """The pid of the VM that a task runs in."""
    for line in peer.ctr("tasks", "ls", namespace=namespace).ok().out.splitlines():
        if line.split()[0] == id:
            return int(line.split()[1])
    raise AssertionError(f"no task {id}")


def is_running(peer: Peer, id: str, exec_id: str) -> bool:
    """Whether a process's start has been answered and its end not been seen."""
    with grpc.insecure_channel(f"unix:{peer.address}") as channel:
        get = channel.unary_unary("/containerd.services.tasks.v1.Tasks/Get", lambda r: r.encode(), GetResponse.decode)
        try:
            told = get(
                GetRequest(container_id=id, exec_id=exec_id),
                metadata=(("containerd-namespace", "default"),),
                timeout=20,
            )
        except grpc.RpcError:
            return False
    return told.process is not None and told.process.status == Status.RUNNING


def tail(path: Path) -> str:
    return subprocess.run(["tail", "-n", "30", str(path)], capture_output=True, text=True).stdout


@dataclass(frozen=True)
class Home:
    """The VM shim's directories, which no other test has."""

    base: Path

    @property
    def data(self) -> Path:
        """Where it keeps the guest image, templates and packed layers."""
        return self.base / "data"

    @property
    def run(self) -> Path:
        """Where running VMs have their directories."""
        return self.base / "r"

    @property
    def image(self) -> Path:
        return self.data / "image"


def nothing_left(home: Home, within: float = WITHIN_S) -> None:
    """Wait until nothing is left of any VM."""
    left: list[str] = []

    def empty() -> bool:
        left[:] = leftovers(home.run)
        return not left

    try:
        eventually(empty, within=within)
    except AssertionError:
        raise AssertionError(f"left: {left}") from None


@contextlib.contextmanager
def mesh_in(home: Home, image_archive: Path) -> Iterator[Mesh]:
    """Yield a mesh that has the image; nothing but its VMs' own may be left of it at the end."""
    daemon = Mesh(home.base / "m")
    daemon.base.mkdir()
    daemon.start()
    try:
        daemon.ctr("images", "import", str(image_archive)).ok()
        yield daemon
        assert daemon.leftovers() == []
    finally:
        daemon.destroy()


@contextlib.contextmanager
def new_home(guest_image: Path) -> Iterator[Home]:
    """Yield directories with the guest image, which the environment names. Nothing may be left of any VM at the end."""
    home = Home(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ARGOSY_KATA_DIR", str(home.data))
            patch.setenv("ARGOSY_KATA_RUN", str(home.run))
            home.data.mkdir()
            home.image.symlink_to(guest_image)
            yield home
            nothing_left(home)
    finally:
        shutil.rmtree(home.base, ignore_errors=True)
