"""ContainerPath as a source and a destination: files of containers that run, that have ended, and that never ran, over grpcio and a whole mesh."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator

import pytest
from argosy_protos.containerd.types import transfer as p

from tests.harness.mesh import IMAGE, Mesh
from tests.harness.transfer import Tool

pytestmark = pytest.mark.root


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
    mesh.ctr("run", "-d", IMAGE, "box", "sleep", "1000").ok()
    try:
        yield "box"
    finally:
        mesh.argosy("rm", "--force", "box").ok()


def test_files_go_into_a_running_container_and_come_out(mesh: Mesh, tool: Tool, running: str) -> None:
    write(tool, running, "/tmp", archive(("a/b", b"one"), ("a/.wh.c", b"two")))
    said = mesh.argosy("exec", running, "cat", "/tmp/a/b", "/tmp/a/.wh.c").ok().out
    assert said == "onetwo"
    out = read(tool, running, "/tmp/a")
    assert names(out) == ["a/", "a/b", "a/.wh.c"] or names(out) == ["a/", "a/.wh.c", "a/b"]
    with tarfile.open(fileobj=io.BytesIO(out)) as tar:
        member = tar.extractfile("a/b")
        assert member is not None and member.read() == b"one"
