"""Each process that has a part in a transfer is killed in its middle: the client hears of it, nothing stays, and the next try is right."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from argosy_protos.containerd.types import transfer as p

from tests.harness.mesh import IMAGE, Mesh, comm, eventually
from tests.harness.transfer import HOST, WINDOW, Tool, extra, pack, refused

pytestmark = pytest.mark.root

PROCESSES = ("gateway", "transfer", "content", "diff", "snapshotter-overlay")
EXPORT = p.ImageStore(extra_references=[extra(IMAGE)])
STORE = p.ImageStore(
    platforms=[HOST], unpacks=[p.UnpackConfiguration(platform=HOST)],
    extra_references=[extra("x", is_prefix=True, allow_overwrite=True)],
)  # fmt: skip


@pytest.fixture(scope="module")
def mesh(image_archive: Path) -> Iterator[Mesh]:
    running = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
    running.start()
    try:
        running.ctr("images", "import", str(image_archive)).ok()
        yield running
        assert running.leftovers() == []
    finally:
        running.destroy()


@pytest.fixture(scope="module")
def archive(mesh: Mesh) -> bytes:
    return exported(mesh)


def exported(mesh: Mesh) -> bytes:
    got = bytearray()
    with Tool(mesh.address) as tool:
        id, reading = tool.receiving(got)
        tool.transfer(EXPORT, p.ImageExportStream(stream=id), timeout=30)
        reading.join(10)
    return bytes(got)


def kill(mesh: Mesh, process: str) -> None:
    """Kill a process, and return when all of them answer again."""
    mesh.wake()
    old = mesh.services()[comm(process)]
    os.kill(old, signal.SIGKILL)

    def again() -> None:
        assert (
            mesh.ctr("version").code == 0
            and mesh.ctr("snapshots", "ls").code == 0
            and mesh.ctr("content", "ls", "-q").code == 0
        )
        assert mesh.services().get(comm("gateway"), old) != old or process != "gateway"

    eventually(again, within=30)


def nothing_is_left(mesh: Mesh, namespace: str, leases: list[str]) -> None:
    def check() -> None:
        mesh.argosy("gc").ok()
        assert mesh.ctr("leases", "ls", "-q", namespace=namespace).ok().out.split() == leases
        assert mesh.ctr("content", "active", namespace=namespace).ok().out.splitlines()[1:] == []
        assert mesh.ctr("content", "ls", "-q", namespace=namespace).ok().out == ""
        assert mesh.ctr("snapshots", "ls", namespace=namespace).ok().out.splitlines()[1:] == []

    eventually(check, within=20)


@pytest.mark.parametrize("process", PROCESSES)
def test_an_export_in_whose_middle_one_is_killed_is_whole_or_an_error(mesh: Mesh, archive: bytes, process: str) -> None:
    got = bytearray()
    with Tool(mesh.address) as tool:
        stream = tool.open("export")
        ends: list[str] = []

        def run() -> None:
            try:
                tool.transfer(EXPORT, p.ImageExportStream(stream=stream.id), timeout=60)
                ends.append("OK")
            except grpc.RpcError as error:
                ends.append(error.code().name)

        tool.beside(run)
        stream.send(pack(p.WindowUpdate(update=WINDOW)))
        got += p.Data.decode(stream.receive().value).data
        kill(mesh, process)

        def rest() -> None:
            for _ in range(len(archive) // WINDOW + 2):
                stream.send(pack(p.WindowUpdate(update=WINDOW)))
            for message in stream.rest():
                got.extend(p.Data.decode(message.value).data)

        tool.beside(rest).join(30)
        eventually(lambda: bool(ends), within=30)
    assert ends[0] in ("OK", "UNAVAILABLE", "CANCELLED"), ends
    assert (bytes(got) == archive) if ends == ["OK"] else archive.startswith(bytes(got))
    if process in ("diff", "snapshotter-overlay"):
        assert ends == ["OK"], "it has no part in it"
    assert exported(mesh) == archive


@pytest.mark.parametrize("process", PROCESSES)
def test_an_import_in_whose_middle_one_is_killed_is_whole_or_names_nothing(mesh: Mesh, archive: bytes, process: str) -> None:
    """Half of the archive is there when it happens; what was begun goes with the lease, and the same archive is imported then."""
    namespace = f"i-{process}"
    with Tool(mesh.address, namespace) as tool:
        tool.make_lease("mine")
        stream = tool.open("import")
        ends: list[tuple[str, str]] = []

        def run() -> None:
            try:
                tool.transfer(p.ImageImportStream(stream=stream.id), STORE, timeout=60)
                ends.append(("OK", ""))
            except grpc.RpcError as error:
                ends.append((error.code().name, error.details() or ""))

        tool.beside(run)
        at = 0

        def send(until: int) -> None:
            nonlocal at
            while at < until:
                if at % WINDOW == 0:
                    stream.receive()
                stream.send(pack(p.Data(data=archive[at : at + WINDOW // 2])))
                at += WINDOW // 2

        send(len(archive) // 2)
        kill(mesh, process)

        def rest() -> None:
            send(len(archive))
            stream.half_close()

        tool.beside(rest).join(30)
        eventually(lambda: bool(ends), within=60)
    assert ends[0][0] in ("OK", "UNAVAILABLE", "CANCELLED"), ends
    names = mesh.ctr("images", "ls", "-q", namespace=namespace).ok().out.split()
    assert names == ([IMAGE] if ends[0][0] == "OK" else [])
    with Tool(mesh.address, namespace) as tool:
        tool.lease = "mine"
        tool.transfer(p.ImageImportStream(stream=tool.sending(archive)), STORE)
        assert mesh.ctr("images", "ls", "-q", namespace=namespace).ok().out.split() == [IMAGE]
        ran = mesh.ctr("run", "--rm", "--net-host", IMAGE, "x", "/no-such", namespace=namespace)
        assert "no-such" in ran.err, "it is unpacked"
        mesh.ctr("images", "rm", "--sync", IMAGE, namespace=namespace).ok()
        tool.end_lease()
    nothing_is_left(mesh, namespace, [])


def test_a_stream_of_a_process_that_was_killed_is_nobodys(mesh: Mesh) -> None:
    """Its id may be used again, and the client that had it was told."""
    with Tool(mesh.address) as tool:
        stream = tool.open("export")
        kill(mesh, "transfer")
        assert refused(lambda: list(stream.rest()))[0] in ("UNAVAILABLE", "CANCELLED")
        assert refused(tool.transfer, EXPORT, p.ImageExportStream(stream=stream.id))[0] == "NOT_FOUND"
