"""Files into and out of containers in VMs, as a client of the Transfer service copies them: on the host, and through the guest's agent. All under TCG."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from argosy_protos.containerd.types import transfer as p

from tests.harness import kata
from tests.harness.kata import RUNTIME, Home, vm_of
from tests.harness.mesh import IMAGE, Mesh, eventually
from tests.harness.transfer import Opened, Tool, pack, refused

pytestmark = kata.MARKS

# What shows that a copy has left its container: nobody has a file of that name.
MARK = f"argosy-outside-{os.getpid()}"


@pytest.fixture(scope="module")
def mesh(home: Home, image_archive: Path) -> Iterator[Mesh]:
    with kata.mesh_in(home, image_archive) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def tool(mesh: Mesh) -> Iterator[Tool]:
    with Tool(mesh.address) as found:
        yield found


@dataclass(frozen=True)
class Box:
    """A container that waits, whose root file system is a directory of the host's, or disks."""

    id: str
    mesh: Mesh
    tool: Tool

    def sh(self, command: str) -> str:
        return self.mesh.argosy("exec", self.id, "sh", "-c", command).ok().out

    def read(self, path: str, **flags: bool) -> bytes:
        """Return the archive of what is at a path."""
        into = bytearray()
        stream, thread = self.tool.receiving(into)
        self.tool.transfer(p.ContainerPath(container_id=self.id, path=path, **flags), p.WriteStream(stream=stream))
        thread.join(10)
        return bytes(into)

    def write(self, path: str, data: bytes, **flags: bool) -> None:
        source = p.ReadStream(stream=self.tool.sending(data), media_type="application/x-tar")
        self.tool.transfer(source, p.ContainerPath(container_id=self.id, path=path, **flags))


def run(mesh: Mesh, tool: Tool, id: str, kind: str, folder: Path, *flags: str, shell: str = "sleep 1000") -> Box:
    config = folder / f"{kind}.toml"
    config.write_text(f'rootfs = "{kind}"\n')
    mesh.ctr(
        "run", "-d", *RUNTIME, "--runtime-config-path", str(config), *flags, IMAGE, id, "sh", "-c", f"{shell}; sleep 1000"
    ).ok()
    return Box(id, mesh, tool)


def removed(box: Box) -> None:
    box.mesh.ctr("tasks", "rm", "-f", box.id)
    box.mesh.ctr("containers", "rm", box.id)


@pytest.fixture(scope="module", params=["virtiofs", "block"])
def box(request: pytest.FixtureRequest, mesh: Mesh, tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    # It makes links that lead out of it, and says when they are there.
    links = f"mkdir /out; ln -s /etc /out/etc; ln -s ../../../../../../tmp /out/up; ln -s /proc/1/root /out/magic; touch /out/{MARK}"
    box = run(mesh, tool, f"box-{request.param}", request.param, tmp_path_factory.mktemp("box"), shell=links)
    try:
        eventually(lambda: MARK in mesh.argosy("exec", box.id, "ls", "/out").out)
        yield box
    finally:
        removed(box)


def archive(*members: tuple[str, bytes | str]) -> bytes:
    """Return a tar of files; of a str that is a symlink to it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, what in members:
            info = tarfile.TarInfo(name)
            info.uid = info.gid = 1234
            if isinstance(what, str):
                info.type, info.linkname = tarfile.SYMTYPE, what
            info.size, info.mode = (len(what) if isinstance(what, bytes) else 0), 0o4755
            tar.addfile(info, io.BytesIO(what) if isinstance(what, bytes) else None)
    return out.getvalue()


def names(data: bytes) -> list[str]:
    """Return the members of an archive as GNU tar lists them."""
    listed = subprocess.run(["tar", "tf", "-"], input=data, capture_output=True, check=True)
    return sorted(listed.stdout.decode().splitlines())


# The second is a file system of the guest's, which no host has.
@pytest.mark.parametrize("folder", ["/root", "/dev/shm"])
def test_files_go_into_a_vm_and_come_out(box: Box, folder: str) -> None:
    data = os.urandom(1_000_000)
    box.write(folder, archive(("a/b", data), ("a/.wh.c", b"two")))
    said = box.sh(f"sha256sum {folder}/a/b; cat {folder}/a/.wh.c; stat -c ' %u:%g %a' {folder}/a/b").split()
    assert said == [hashlib.sha256(data).hexdigest(), f"{folder}/a/b", "two", "0:0", "755"]
    # What is there already is replaced, and seen by who looks at once.
    box.write(folder, archive(("a/b", b"other")), preserve_ownership=True)
    assert box.sh(f"cat {folder}/a/b; stat -c ' %u:%g %a' {folder}/a/b") == "other 1234:1234 4755\n"
    box.sh(f"echo said >{folder}/a/b")
    out = box.read(f"{folder}/a", preserve_ownership=True)
    assert names(out) == ["a/", "a/.wh.c", "a/b"] and names(box.read(f"{folder}/a", no_walk=True)) == ["a/"]
    with tarfile.open(fileobj=io.BytesIO(out)) as tar:
        member = tar.extractfile("a/b")
        assert member is not None and member.read() == b"said\n" and tar.getmember("a/b").uid == 1234
    assert refused(box.read, f"{folder}/no") == ("NOT_FOUND", f'"{folder}/no" in container "{box.id}": not found')
    assert refused(box.write, f"{folder}/a/b", archive())[0] == "FAILED_PRECONDITION"


def test_a_tree_with_mounts_is_what_the_container_sees(box: Box) -> None:
    box.sh("echo in >/dev/shm/in")
    assert "dev/shm/in" in names(box.read("/dev")) and "./dev/shm/in" in names(box.read("/"))
    code, said = refused(box.read, "/proc/version")
    assert code == "FAILED_PRECONDITION" and "kernel's own state" in said


def test_nothing_leads_out_of_a_containers_root(box: Box) -> None:
    """Neither to the host's files nor to the guest's own, by links of the container's and by those of an archive."""
    for path, where in (("/out/etc", "/etc"), ("/out/up", "/tmp"), ("/out/etc/../../../..", "/")):
        box.write(path, archive((f"{MARK}.{len(where)}", b"x")))
        assert box.sh(f"cat {where}/{MARK}.{len(where)}") == "x"
    for path in ("/out/magic/etc/passwd", "/proc/1/root/etc/passwd"):
        assert refused(box.read, path)[0] == "INVALID_ARGUMENT"
    assert refused(box.write, "/out", archive(("../../x", b"")))[0] == "INVALID_ARGUMENT"
    assert refused(box.write, "/out", archive(("l", "/tmp"), ("l/x", b"")))[0] == "INVALID_ARGUMENT"
    assert not [d for d in ("/etc", "/tmp", "/") if any(n.startswith(MARK) for n in os.listdir(d))]
    assert refused(box.read, "/" + "x" * 5000)[0] == "INVALID_ARGUMENT"


def test_files_are_there_while_it_is_paused_and_after_its_end(mesh: Mesh, tool: Tool, tmp_path: Path) -> None:
    """And what was written then is in the snapshot, where a container without a task has its files."""
    box = run(mesh, tool, "states", "block", tmp_path)
    try:
        mesh.ctr("tasks", "pause", box.id).ok()
        box.write("/root", archive(("paused", b"1")))
        mesh.ctr("tasks", "resume", box.id).ok()
        mesh.ctr("tasks", "kill", "-s", "KILL", box.id).ok()
        eventually(lambda: "STOPPED" in mesh.ctr("tasks", "ls").out)
        box.write("/root", archive(("ended", b"2")))
        assert names(box.read("/root/ended")) == ["ended"]
        mesh.ctr("tasks", "rm", box.id).ok()
        assert names(box.read("/root/.")) == ["./", "./ended", "./paused"]
    finally:
        removed(box)


def test_a_root_that_is_read_only_stays_so_and_a_volume_is_the_hosts(mesh: Mesh, tool: Tool, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    mount = f"type=bind,src={volume},dst=/mnt,options=rbind:rw"
    box = run(mesh, tool, "fixed", "virtiofs", tmp_path, "--read-only", "--mount", mount)
    try:
        code, said = refused(box.write, "/root", archive(("x", b"")))
        assert code == "FAILED_PRECONDITION" and "read-only" in said
        assert names(box.read("/etc/group")) == ["group"]
        box.write("/mnt", archive(("given", b"in")))
        assert (volume / "given").read_bytes() == b"in"
        (volume / "taken").write_bytes(b"out")
        assert names(box.read("/mnt/taken")) == ["taken"]
    finally:
        removed(box)


def half(box: Box, path: str) -> Opened:
    """Send the beginning of a file of 1 MB to a container, and no end."""
    stream = box.tool.open("import")
    data = archive(("half", bytes(1 << 20)))[: 64 << 10]
    box.tool.beside(box.tool.transfer, p.ReadStream(stream=stream.id), p.ContainerPath(container_id=box.id, path=path))
    credit = 0
    for at in range(0, len(data), 32 << 10):
        while credit < 32 << 10:
            credit += p.WindowUpdate.decode(stream.receive().value).update
        stream.send(pack(p.Data(data=data[at : at + (32 << 10)])))
        credit -= 32 << 10
    return stream


@pytest.mark.parametrize("kind", ["virtiofs", "block"])
def test_a_copy_under_way_holds_up_no_end(mesh: Mesh, tool: Tool, home: Home, tmp_path: Path, kind: str) -> None:
    """A client that goes, the container's removal and the VM's death each end it, and leave the old file, and nothing else."""
    box = run(mesh, tool, f"going-{kind}", kind, tmp_path)
    try:
        box.write("/root", archive(("half", b"old")))
        stream = half(box, "/root")
        stream.cancel()
        eventually(lambda: box.sh("cat /root/half; ls -A /root") == "oldhalf\n")
        stream = half(box, "/root")
        mesh.ctr("tasks", "rm", "-f", box.id).ok()
        stream.cancel()
        with tarfile.open(fileobj=io.BytesIO(box.read("/root/half"))) as tar:
            member = tar.extractfile("half")
            assert member is not None and member.read() == b"old"
        kata.nothing_left(home) if not mesh.ctr("tasks", "ls", "-q").out.strip() else None
        mesh.ctr("tasks", "start", "-d", box.id).ok()
        stream = half(box, "/dev/shm")
        os.kill(vm_of(mesh, box.id), 9)
        eventually(lambda: "STOPPED" in mesh.ctr("tasks", "ls").out)
        stream.cancel()
        code, said = refused(box.read, "/root/half")
        assert code == "FAILED_PRECONDITION" and "delete its task" in said
    finally:
        removed(box)
