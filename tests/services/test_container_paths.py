"""ContainerPath as a source and a destination: files of containers that run, that have ended, and that never ran, over grpcio and a whole mesh."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from argosy.client import Client, Container
from argosy.kernel.mount_table import mount_points
from argosy.kernel.unmount import unmount_tree
from argosy.oci.spec import Options
from argosy.testkit.served import served
from argosy_protos.containerd.types import transfer as p

from tests.harness.apart import is_ours
from tests.harness.mesh import IMAGE, Mesh, eventually
from tests.harness.transfer import Tool, pack, refused
from tests.storms.wire import Wire

pytestmark = pytest.mark.root

# Nobody else's: who copies it is looked for among all processes.
BIG = f"/tmp/big-{os.getpid()}"


@pytest.fixture
def tool(mesh: Mesh) -> Iterator[Tool]:
    with Tool(mesh.address) as found:
        yield found


def read(tool: Tool, container: str, path: str, **flags: bool) -> bytes:
    """Return the archive of what is at a path in a container."""
    into = bytearray()
    id, thread = tool.receiving(into)
    tool.transfer(p.ContainerPath(container_id=container, path=path, **flags), p.WriteStream(stream=id))
    thread.join(10)
    return bytes(into)


def write(tool: Tool, container: str, path: str, data: bytes, **flags: bool) -> None:
    source = p.ReadStream(stream=tool.sending(data), media_type="application/x-tar")
    tool.transfer(source, p.ContainerPath(container_id=container, path=path, **flags))


def made_for_copies(mesh: Mesh) -> int:
    with Wire(mesh.address, "default") as wire:
        return sum(one.info.name.startswith("copy-") for one in wire.call("mounts.v1.Mounts/List").messages)


def archive(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def names(data: bytes) -> list[str]:
    """Return the members of an archive as GNU tar lists them."""
    listed = subprocess.run(["tar", "tf", "-"], input=data, capture_output=True, check=True)
    return listed.stdout.decode().splitlines()


@pytest.fixture
def running(mesh: Mesh) -> Iterator[str]:
    """The id of a container that runs."""
    mesh.ctr("run", "-d", IMAGE, "files-box", "sleep", "1000").ok()
    try:
        yield "files-box"
    finally:
        mesh.argosy("rm", "--force", "files-box").ok()


def test_files_go_into_a_running_container_and_come_out(mesh: Mesh, tool: Tool, running: str) -> None:
    write(tool, running, "/tmp", archive(("a/b", b"one"), ("a/.wh.c", b"two")))
    said = mesh.argosy("exec", running, "cat", "/tmp/a/b", "/tmp/a/.wh.c").ok().out
    assert said == "onetwo"
    out = read(tool, running, "/tmp/a")
    assert names(out) == ["a/", "a/b", "a/.wh.c"] or names(out) == ["a/", "a/.wh.c", "a/b"]
    with tarfile.open(fileobj=io.BytesIO(out)) as tar:
        member = tar.extractfile("a/b")
        assert member is not None and member.read() == b"one"


@pytest.fixture
def stopped(mesh: Mesh) -> Iterator[str]:
    """The id of a container that has never run."""
    mesh.ctr("containers", "create", IMAGE, "files-still", "sleep", "1000").ok()
    try:
        yield "files-still"
    finally:
        mesh.argosy("rm", "--force", "files-still").ok()


def copiers(path: str) -> list[int]:
    """Return the processes that copy from, or to, this path in a container of ours."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = line.read_bytes().split(b"\0")
            pid = int(line.parent.name)
            if b"argosy.paths" in words and ascii(path).encode() in words and is_ours(pid):
                found.append(pid)
    return found


def test_a_container_that_does_not_run_has_its_files_in_its_snapshot(mesh: Mesh, tool: Tool, stopped: str) -> None:
    write(tool, stopped, "/tmp", archive(("new", b"before it ran")))
    assert names(read(tool, stopped, "/tmp/new")) == ["new"]
    assert "busybox" in " ".join(names(read(tool, stopped, "/bin")))
    task = mesh.ctr("tasks", "start", "-d", stopped).ok()
    assert task.code == 0
    assert mesh.argosy("exec", stopped, "cat", "/tmp/new").ok().out == "before it ran"


@pytest.mark.parametrize("state", ["created", "paused", "ended"])
def test_every_state_of_a_task_has_files(mesh: Mesh, tool: Tool, state: str) -> None:
    id = f"state-{state}"
    mesh.ctr("run", "-d", IMAGE, id, "sleep", "1000").ok() if state != "created" else None
    try:
        if state == "created":
            mesh.ctr("containers", "create", IMAGE, id, "sleep", "1000").ok()
            create_task(mesh, id)
        elif state == "paused":
            mesh.ctr("tasks", "pause", id).ok()
        else:
            mesh.ctr("tasks", "kill", "-s", "KILL", id).ok()
            eventually(lambda: "STOPPED" in mesh.ctr("tasks", "ls").out)
        write(tool, id, "/tmp", archive(("f", b"x")))
        assert names(read(tool, id, "/tmp/f")) == ["f"]
        with pytest.raises(AssertionError, match="not refused"):
            refused(read, tool, id, "/bin")
        assert refused(read, tool, id, "/no") == ("NOT_FOUND", f'"/no" in container "{id}": not found')
    finally:
        mesh.argosy("rm", "--force", id).ok()


def create_task(mesh: Mesh, id: str) -> None:
    """Create a task that is not started."""
    from argosy_protos.containerd.services.snapshots.v1 import MountsRequest, MountsResponse
    from argosy_protos.containerd.services.tasks.v1 import CreateTaskRequest

    with Tool(mesh.address) as tool:
        data = tool.call(
            "/containerd.services.snapshots.v1.Snapshots/Mounts", MountsRequest(snapshotter="overlayfs", key=id)
        )
        rootfs = MountsResponse.decode(data).mounts
        tool.call("/containerd.services.tasks.v1.Tasks/Create", CreateTaskRequest(container_id=id, rootfs=rootfs))


def test_volumes_are_seen_as_the_container_sees_them(mesh: Mesh, tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("a volume's")
    mesh.argosy(
        "run",
        "-d",
        "--name",
        "vol",
        "--mount",
        f"type=bind,src={tmp_path},dst=/vol,options=rbind:rw",
        IMAGE,
        "sleep",
        "1000",
    ).ok()
    try:
        assert names(read(tool, "vol", "/vol/in")) == ["in"]
        write(tool, "vol", "/vol", archive(("out", b"to the volume")))
        assert (tmp_path / "out").read_text() == "to the volume"
    finally:
        mesh.argosy("rm", "--force", "vol").ok()


def test_a_read_only_root_takes_nothing(mesh: Mesh, tool: Tool) -> None:
    mesh.argosy("run", "-d", "--name", "paths-ro", "--read-only", IMAGE, "sleep", "1000").ok()
    try:
        code, text = refused(write, tool, "paths-ro", "/tmp", archive(("x", b"")))
        assert code == "FAILED_PRECONDITION" and "is read-only" in text
    finally:
        mesh.argosy("rm", "--force", "paths-ro").ok()


def test_why_a_copy_failed_comes_before_the_end_of_its_stream(mesh: Mesh, tool: Tool) -> None:
    small = "type=tmpfs,src=tmpfs,dst=/small,options=size=1m"
    mesh.ctr("run", "-d", "--mount", small, IMAGE, "small", "sleep", "1000").ok()
    try:
        for _ in range(8):
            code, said = refused(write, tool, "small", "/small", archive(("big", bytes(4 << 20))))
            assert (code, "the disk is full" in said) == ("RESOURCE_EXHAUSTED", True), said
    finally:
        mesh.argosy("rm", "--force", "small").ok()


def test_owners_are_kept_where_that_is_asked_for(mesh: Mesh, tool: Tool, running: str) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("owned")
        info.uid, info.gid, info.mode = 1234, 4321, 0o4755
        tar.addfile(info)
    seen = []
    for keeps in (True, False):
        write(tool, running, "/tmp", out.getvalue(), preserve_ownership=keeps)
        seen.append(mesh.argosy("exec", running, "stat", "-c", "%u:%g %a", "/tmp/owned").ok().out.strip())
        with tarfile.open(fileobj=io.BytesIO(read(tool, running, "/tmp/owned", preserve_ownership=keeps))) as tar:
            member = tar.getmember("owned")
            seen.append(f"{member.uid}:{member.gid}")
    assert seen == ["1234:4321 4755", "1234:4321", "0:0 755", "0:0"]


def test_no_walk_is_the_entry_alone(tool: Tool, running: str) -> None:
    assert names(read(tool, running, "/bin", no_walk=True)) == ["bin/"]


def test_what_a_container_is_not_asked_for_is_said(tool: Tool, running: str) -> None:
    assert refused(read, tool, "nobody", "/x")[0] == "NOT_FOUND"
    assert refused(read, tool, "", "/x") == (
        "INVALID_ARGUMENT", "a container path names no container; say which: invalid argument",
    )  # fmt: skip
    assert refused(read, tool, running, "/proc/1/root/etc")[0] == "INVALID_ARGUMENT"
    assert refused(read, tool, running, "/proc/cpuinfo")[0] == "FAILED_PRECONDITION"
    assert refused(write, tool, running, "/tmp", b"no tar" * 1000)[0] == "INVALID_ARGUMENT"


def test_a_container_that_swaps_directories_for_symlinks_gets_nothing_of_the_host(
    mesh: Mesh, tool: Tool, running: str, tmp_path: Path
) -> None:
    """Its process does so as fast as it can, while files go in and out at the very path."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("host's own")
    script = f"cd /tmp; mkdir d; ln -s {secret} l; while :; do mv -T d was; mv -T l d; mv -T d l; mv -T was d; done"
    mesh.argosy("exec", "-d", running, "sh", "-c", script).ok()
    eventually(lambda: mesh.argosy("exec", running, "ls", "-d", "/tmp/l", "/tmp/was").out)
    for _ in range(2):
        for path in ("/tmp/d/", "/tmp/d/key", "/tmp"):
            with suppress(Exception):
                assert b"host's own" not in read(tool, running, path)
        with suppress(Exception):
            write(tool, running, "/tmp/d", archive(("key", b"container's"), ("sub/key", b"container's")))
    assert os.listdir(secret) == ["key"] and (secret / "key").read_text() == "host's own"


def test_a_client_that_goes_ends_the_copy(mesh: Mesh, tool: Tool, running: str) -> None:
    mesh.argosy("exec", running, "dd", "if=/dev/zero", f"of={BIG}", "bs=1M", "count=20").ok()
    stream = tool.open("export")
    stream.send(pack(p.WindowUpdate(update=64 << 10)))
    source, sink = p.ContainerPath(container_id=running, path=BIG), p.WriteStream(stream=stream.id)
    asked = tool.beside(tool.transfer, source, sink)
    stream.receive()
    (copier,) = copiers(BIG)
    # Standard streams, the root, the word, the order, and the file that is read.
    held = {fd.name: os.readlink(fd) for fd in Path(f"/proc/{copier}/fd").iterdir()}
    assert set(map(int, held)) <= set(range(10)), held
    limits = Path(f"/proc/{copier}/limits").read_text().splitlines()
    assert next(one for one in limits if one.startswith("Max address space")).split()[3] == str(1 << 30), (
        "names are any number"
    )
    stream.cancel()
    asked.join(10)
    eventually(lambda: not copiers(BIG), 20)
    assert names(read(tool, running, BIG)) == [BIG.rpartition("/")[2]], "the next one is served"


@pytest.mark.parametrize("end", ["the process that copies", "the service"])
def test_a_death_in_the_middle_leaves_nothing(mesh: Mesh, tool: Tool, stopped: str, end: str) -> None:
    write(tool, stopped, "/tmp", archive((BIG.rpartition("/")[2], bytes(4 << 20))))
    stream = tool.open("export")
    stream.send(pack(p.WindowUpdate(update=64 << 10)))
    source, sink = p.ContainerPath(container_id=stopped, path=BIG), p.WriteStream(stream=stream.id)
    failed: list[tuple[str, str]] = []
    asked = tool.beside(lambda: failed.append(refused(tool.transfer, source, sink)))
    stream.receive()
    victims = copiers(BIG)
    assert victims
    for pid in victims if end != "the service" else [mesh.services()["argosy-transfer"]]:
        os.kill(pid, signal.SIGKILL)
    while end != "the service":  # what it had read before is taken, and then there is no more
        stream.send(pack(p.WindowUpdate(update=1 << 20)))
        try:
            stream.receive()
        except (StopIteration, grpc.RpcError):
            break
    asked.join(20)
    assert failed and failed[0][0] == "UNAVAILABLE"
    eventually(lambda: not copiers(BIG), 20)
    mounted = Path("/proc/self/mounts").read_text()
    assert "argosy-mounts" not in mounted
    with Tool(mesh.address) as again:
        assert names(read(again, stopped, BIG)) == [BIG.rpartition("/")[2]]


def test_a_task_that_is_deleted_meanwhile_ends_the_copy(mesh: Mesh, tool: Tool, running: str) -> None:
    mesh.argosy("exec", running, "dd", "if=/dev/zero", f"of={BIG}", "bs=1M", "count=20").ok()
    stream = tool.open("export")
    stream.send(pack(p.WindowUpdate(update=64 << 10)))
    source, sink = p.ContainerPath(container_id=running, path=BIG), p.WriteStream(stream=stream.id)
    failed: list[tuple[str, str]] = []
    asked = tool.beside(lambda: failed.append(refused(tool.transfer, source, sink)))
    stream.receive()
    mesh.ctr("tasks", "kill", "-s", "KILL", running).ok()
    eventually(lambda: "STOPPED" in mesh.ctr("tasks", "ls").out)
    mesh.ctr("tasks", "delete", running).ok()
    asked.join(20)
    assert failed and failed[0][0] in ("ABORTED", "UNAVAILABLE")
    eventually(lambda: not copiers(BIG), 20)


def test_more_than_a_window_goes_both_ways_whole(mesh: Mesh, tool: Tool, running: str) -> None:
    data = os.urandom(3 << 20)
    write(tool, running, "/tmp", archive((BIG.rpartition("/")[2], data)))
    said = mesh.argosy("exec", running, "sha256sum", BIG).ok().out.split()[0]
    assert said == hashlib.sha256(data).hexdigest()
    with tarfile.open(fileobj=io.BytesIO(read(tool, running, BIG))) as tar:
        member = tar.extractfile(BIG.rpartition("/")[2])
        assert member is not None and member.read() == data


def test_ids_are_those_of_the_containers_own_user_namespace(tool: Tool, mesh: Mesh) -> None:
    """Whether it runs or not: nobody of the host is ever named, and what can't be named there is refused."""
    maps = ("--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536")
    for above in (mesh.base, mesh.state):
        above.chmod(0o711)
    mesh.ctr("run", "-d", *maps, IMAGE, "paths-mapped", "sleep", "1000").ok()
    try:
        for state in ("running", "ended", "without a task"):
            if state == "ended":
                mesh.ctr("tasks", "kill", "-s", "KILL", "paths-mapped").ok()
                eventually(lambda: "STOPPED" in mesh.ctr("tasks", "ls").out)
            elif state == "without a task":
                mesh.ctr("tasks", "delete", "paths-mapped").ok()
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w") as tar:
                for name, uid in (("root", 0), ("user", 1000)):
                    info = tarfile.TarInfo(f"{state}/{name}")
                    info.uid = info.gid = uid
                    tar.addfile(info)
            write(tool, "paths-mapped", "/tmp", out.getvalue(), preserve_ownership=True)
            if state == "running":
                seen = (
                    mesh.argosy("exec", "paths-mapped", "stat", "-c", "%u %g", "/tmp/running/root", "/tmp/running/user").ok().out
                )
                assert seen.split() == ["0", "0", "1000", "1000"]
            with tarfile.open(fileobj=io.BytesIO(read(tool, "paths-mapped", f"/tmp/{state}", preserve_ownership=True))) as tar:
                assert {one.name: (one.uid, one.gid) for one in tar if one.isfile()} == {
                    f"{state}/root": (0, 0), f"{state}/user": (1000, 1000),
                }  # fmt: skip
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w") as tar:
                info = tarfile.TarInfo("nobody")
                info.uid = 70000
                tar.addfile(info)
            assert refused(write, tool, "paths-mapped", "/tmp", out.getvalue(), preserve_ownership=True)[0] == "INVALID_ARGUMENT"
    finally:
        mesh.argosy("rm", "--force", "paths-mapped").ok()


def test_from_one_container_to_another(mesh: Mesh, tool: Tool, running: str, stopped: str) -> None:
    write(tool, running, "/tmp", archive(("a/b", b"x")))
    tool.transfer(p.ContainerPath(container_id=running, path="/tmp/a"), p.ContainerPath(container_id=stopped, path="/home"))
    assert names(read(tool, stopped, "/home/a")) == ["a/", "a/b"]


def test_a_stock_shim_has_its_containers_read_and_not_written(mesh: Mesh, tool: Tool) -> None:
    stock = shutil.which("containerd-shim-runc-v2", path="/usr/bin")
    if stock is None:
        pytest.skip("there is no stock shim")
    mesh.ctr("run", "-d", "--runtime", stock, IMAGE, "stock", "sleep", "1000").ok()
    try:
        code, text = refused(write, tool, "stock", "/tmp", archive(("x", b"")))
        assert code == "FAILED_PRECONDITION" and "takes no files" in text
        assert "busybox" in " ".join(names(read(tool, "stock", "/bin")))
    finally:
        mesh.argosy("rm", "--force", "stock").ok()


def test_a_snapshot_that_is_a_disk_is_made_and_mounted(short_path: Path, image_archive: Path) -> None:
    """Of a container that has never run nobody has made the rest of it yet."""
    mesh = Mesh(short_path)
    root = mesh.root / "disks"
    root.mkdir(parents=True)
    with served(Path(__file__).parent / "disks.py", "--root", str(root)) as address:
        config = short_path / "mesh.toml"
        config.write_text(
            f'[proxy_plugins.disks]\ntype = "snapshot"\naddress = "{address}"\nexports = {{ root = "{root}" }}\n'
        )
        mesh.extra = ["--config", str(config)]
        mesh.start()
        try:
            mesh.argosy("import", "--snapshotter", "disks", str(image_archive)).ok()

            async def create() -> None:
                async with Client(mesh.address) as client:
                    await Container.create(client, "disk", IMAGE, Options(args=["cat", "/home/f"]), snapshotter="disks")

            asyncio.run(create())
            with Tool(mesh.address) as tool:
                write(tool, "disk", "/home", archive(("f", b"it is there")))
                assert names(read(tool, "disk", "/home")) == ["home/", "home/f"]
                # What was made for a copy is there for as long as it takes, whatever is collected meanwhile.
                stream = tool.open("import")
                source = p.ReadStream(stream=stream.id, media_type="application/x-tar")
                done = tool.told(tool.transfer, source, p.ContainerPath(container_id="disk", path="/home"))
                eventually(lambda: made_for_copies(mesh) == 1)
                mesh.argosy("gc").ok()
                assert made_for_copies(mesh) == 1
                assert stream.receive().type_url == "containerd.types.transfer.WindowUpdate"
                stream.send(pack(p.Data(data=archive(("g", b"it is, too")))))
                stream.half_close()
                assert done.wait(30)
                assert sorted(names(read(tool, "disk", "/home"))) == ["home/", "home/f", "home/g"]
                assert made_for_copies(mesh) == 0
                assert mesh.ctr("leases", "ls", "-q").ok().out == ""
                # Killed in the middle of the next one, the service leaves nothing that anybody could trip over.
                _, asked, failed = begin_write(tool, "disk", "half")
                os.kill(mesh.services()["argosy-transfer"], signal.SIGKILL)
                asked.join(20)
                assert failed
                eventually(lambda: not copiers("/tmp"), 20)
            # What it had made is held by its lease, as whatever a killed client leaves.
            for lease in mesh.ctr("leases", "ls", "-q").ok().out.split():
                mesh.ctr("leases", "rm", lease).ok()
            mesh.argosy("gc").ok()
            assert mesh.ctr("tasks", "start", "disk").ok().out == "it is there"
            assert [one.point for one in mount_points() if one.point.startswith(str(mesh.state))] == []
        finally:
            unmount_tree(str(mesh.state))
            mesh.destroy()


def begin_write(tool: Tool, id: str, name: str) -> tuple[Any, Any, list[tuple[str, str]]]:
    """Begin to write a file below /tmp of a container; return its stream, its thread, and what it will have failed with."""
    stream = tool.open("import")
    failed: list[tuple[str, str]] = []

    def ask() -> None:
        source, sink = p.ReadStream(stream=stream.id), p.ContainerPath(container_id=id, path="/tmp")
        try:
            tool.transfer(source, sink)
        except grpc.RpcError as error:
            failed.append((error.code().name, error.details()))

    asked = tool.beside(ask)
    stream.receive()
    stream.send(pack(p.Data(data=archive((name, b"x" * 600))[:700])))
    eventually(lambda: copiers("/tmp"), 20)
    return stream, asked, failed


def finish_write(stream: Any, name: str) -> None:
    stream.send(pack(p.Data(data=archive((name, b"x" * 600))[700:])))
    stream.half_close()


def test_a_container_is_not_started_while_its_snapshot_is_written_to(mesh: Mesh, tool: Tool, stopped: str) -> None:
    """Two mounts of a snapshot do not see each other's changes. Another copy waits; a task may be made as soon as they are done."""
    stream, asked, failed = begin_write(tool, stopped, "one")
    ran = mesh.ctr("tasks", "start", "-d", stopped)
    assert ran.code != 0 and "files are being copied into its snapshot" in ran.err
    with Tool(mesh.address) as other:
        second = other.beside(lambda: write(other, stopped, "/tmp", archive(("two", b""))))
        assert names(read(tool, stopped, "/tmp")) != [], "who only reads does not wait"
        assert len(copiers("/tmp")) >= 1 and second.is_alive()
        finish_write(stream, "one")
        asked.join(20)
        second.join(20)
    assert not failed
    mesh.ctr("tasks", "start", "-d", stopped).ok()
    assert mesh.argosy("exec", stopped, "ls", "/tmp").ok().out.split() == ["one", "two"]
    write(tool, stopped, "/tmp", archive(("three", b"")))  # through the shim
    assert mesh.argosy("exec", stopped, "ls", "/tmp").ok().out.split() == ["one", "three", "two"]


@pytest.mark.parametrize("end", ["the client goes", "the service is killed"])
def test_who_goes_while_he_writes_to_a_snapshot_holds_nothing_up(mesh: Mesh, tool: Tool, stopped: str, end: str) -> None:
    stream, asked, failed = begin_write(tool, stopped, "one")
    if end == "the client goes":
        stream.cancel()
    else:
        os.kill(mesh.services()["argosy-transfer"], signal.SIGKILL)
    asked.join(20)
    assert failed
    eventually(lambda: not copiers("/tmp"), 20)
    assert "argosy-mounts" not in Path("/proc/self/mounts").read_text()
    mesh.ctr("tasks", "start", "-d", stopped).ok()
    assert mesh.argosy("exec", stopped, "ls", "-A", "/tmp").ok().out.split() == [], "half a file has no name"


def test_a_snapshot_that_is_removed_while_it_is_written_to_is_said(mesh: Mesh, tool: Tool, stopped: str) -> None:
    stream, asked, failed = begin_write(tool, stopped, "one")
    mesh.ctr("snapshots", "rm", stopped).ok()
    finish_write(stream, "one")
    asked.join(20)
    assert failed and failed[0][0] == "ABORTED" and "was removed meanwhile" in failed[0][1]


@pytest.mark.parametrize("service", ["argosy-tasks", "argosy-gateway"])
def test_a_service_that_goes_ends_a_copy_into_a_snapshot(mesh: Mesh, stopped: str, service: str) -> None:
    """Nobody keeps the container from being started then."""
    with Tool(mesh.address) as tool:
        _, asked, failed = begin_write(tool, stopped, "one")
        os.kill(mesh.services()[service], signal.SIGKILL)
        asked.join(20)
        assert failed and failed[0][0] == "UNAVAILABLE"
        eventually(lambda: not copiers("/tmp"), 20)
    eventually(lambda: mesh.ctr("tasks", "start", "-d", stopped).code == 0, 20)


def test_what_is_wrong_is_said_to_a_client_that_is_silent_since(mesh: Mesh, tool: Tool, stopped: str, running: str) -> None:
    """Its archive is none after the first kilobyte, and it sends no more, for as long as nobody tells it."""
    for id in (stopped, running):
        stream = tool.open("import")
        said: list[tuple[str, str]] = []
        source, sink = p.ReadStream(stream=stream.id), p.ContainerPath(container_id=id, path="/tmp")
        asked = tool.beside(lambda source=source, sink=sink, said=said: said.append(refused(tool.transfer, source, sink)))
        stream.receive()
        stream.send(pack(p.Data(data=b"no tar" * 200)))
        asked.join(20)
        assert said and said[0][0] == "INVALID_ARGUMENT", id


def hold(tool: Tool, id: str) -> Any:
    """Begin to keep a container without a task; what is returned yields one message when it is so."""
    from argosy_protos.argosy.shims.v1 import HoldRequest

    call = tool.channel.unary_stream("/argosy.shims.v1.Shims/Hold", bytes, bytes)
    return call(HoldRequest(container_id=id, reason="a test needs it").encode(), metadata=tool.metadata(), timeout=60)


def test_a_container_is_kept_without_a_task_by_one_after_the_other(
    mesh: Mesh, tool: Tool, stopped: str, running: str
) -> None:
    for id, code in ((running, "ALREADY_EXISTS"), ("nobody", "NOT_FOUND")):
        with pytest.raises(grpc.RpcError) as refusal:
            next(hold(tool, id))
        assert refusal.value.code().name == code
    first, second, third = hold(tool, stopped), hold(tool, stopped), hold(tool, stopped)
    next(first)
    second.cancel()
    first.cancel()
    next(third)
    assert "a test needs it" in mesh.ctr("tasks", "start", "-d", stopped).err
    third.cancel()
    mesh.ctr("tasks", "start", "-d", stopped).ok()
