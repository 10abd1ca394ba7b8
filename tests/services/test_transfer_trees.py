"""Every pair of which an end is a tree, of a container or of a snapshot, from end to end over the wire, by GNU tar's and Debian's ctr's judgement."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy_protos._message import Message
from argosy_protos.argosy.snapshots.v1 import Snapshot
from argosy_protos.argosy.transfer import v1 as ours
from argosy_protos.containerd.types import transfer as p

from tests.harness.matrix import OF_TREES, PAIRS
from tests.harness.mesh import IMAGE, Mesh
from tests.harness.transfer import Tool, kept_blob, refused

pytestmark = pytest.mark.root

SERVED = [pair for pair, what in PAIRS.items() if what in OF_TREES]
DATA = os.urandom(100_000)
ROOT = {"containerd.io/gc.root": "here"}


def layer(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_700_000_000
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


TREE = layer(("top/file", DATA), ("top/.wh.gone", b""))


@pytest.fixture(scope="module")
def world(mesh: Mesh) -> Iterator[Mesh]:
    """A mesh with a container that has not run, and a snapshot."""
    mesh.ctr("containers", "create", IMAGE, "box", "true").ok()
    mesh.ctr("containers", "create", IMAGE, "other", "true").ok()
    yield mesh
    mesh.argosy("rm", "box", "other").ok()


@pytest.fixture
def tool(world: Mesh) -> Iterator[Tool]:
    with Tool(world.address) as found:
        yield found


def made(tool: Tool, name: str, data: bytes, **more: object) -> Snapshot:
    found = Snapshot(name=name, labels=ROOT, **more)  # type: ignore[arg-type] # as it is called
    tool.transfer(p.ReadStream(stream=tool.sending(data)), found)
    return found


def read(tool: Tool, source: Message) -> dict[str, bytes]:
    """Return the files of a tree, as Python reads the archive and GNU tar lists it."""
    into = bytearray()
    id, thread = tool.receiving(into)
    tool.transfer(source, p.WriteStream(stream=id))
    thread.join(10)
    listed = subprocess.run(["tar", "tf", "-"], input=bytes(into), capture_output=True, check=True).stdout.decode().split()
    with tarfile.open(fileobj=io.BytesIO(bytes(into))) as tar:
        files = {one.name: tar.extractfile(one).read() for one in tar if one.isreg()}  # type: ignore[union-attr] # it is one
    assert set(files) <= {name.removeprefix("./") for name in listed} | set(listed)
    return files


def source_of(kind: str, mesh: Mesh, tool: Tool, unique: str) -> Message:
    match kind:
        case "ImageImportStream":
            return p.ImageImportStream(stream=tool.sending(TREE))
        case "ReadStream":
            return p.ReadStream(stream=tool.sending(TREE))
        case "Blob":
            return ours.Blob(digest=kept_blob(mesh.address, TREE))
        case "ContainerPath":
            tool.transfer(p.ReadStream(stream=tool.sending(TREE)), p.ContainerPath(container_id="box", path="/tmp"))
            return p.ContainerPath(container_id="box", path="/tmp/top")
        case "Snapshot":
            return made(tool, f"from-{unique}", TREE)
    raise AssertionError(kind)


@pytest.mark.parametrize(("source", "sink"), SERVED, ids=[f"{a}-{b}" for a, b in SERVED])
def test_a_pair_brings_the_very_same(world: Mesh, tool: Tool, source: str, sink: str) -> None:
    unique = f"{source}-{sink}"
    begin = source_of(source, world, tool, unique)
    got = bytearray()
    match sink:
        case "ContainerPath":
            tool.transfer(begin, p.ContainerPath(container_id="other", path="/home"))
            assert read(tool, p.ContainerPath(container_id="other", path="/home/top"))["top/file"] == DATA
        case "Snapshot":
            tool.transfer(begin, Snapshot(name=unique, labels=ROOT))
            assert "Committed" in next(x for x in world.ctr("snapshots", "ls").ok().out.splitlines() if x.startswith(unique))
            assert read(tool, Snapshot(name=unique))["top/file"] == DATA
        case "Blob":
            new = ours.Blob(labels=ROOT)
            tool.transfer(begin, new)
            world.argosy("gc").ok()  # what a label does not keep is gone
            digests = world.ctr("content", "ls", "-q").ok().out.split()
            command = ["ctr", "-a", str(world.address), "content", "get"]
            blobs = [subprocess.run([*command, one], capture_output=True, check=True).stdout for one in digests]
            assert any(DATA in one for one in blobs)
        case _:
            id, thread = tool.receiving(got)
            kind = p.WriteStream if sink == "WriteStream" else p.ImageExportStream
            tool.transfer(begin, kind(stream=id))
            thread.join(10)
            with tarfile.open(fileobj=io.BytesIO(bytes(got))) as tar:
                assert tar.extractfile("top/file").read() == DATA  # type: ignore[union-attr] # it is there
    assert world.ctr("leases", "ls", "-q").ok().out == ""


def test_changes_are_a_layer_that_makes_the_same_again(world: Mesh, tool: Tool) -> None:
    """What is hidden below is hidden by it; a layer may be compressed."""
    base = made(tool, "base", layer(("etc/kept", b"1"), ("etc/gone", b"2")))
    made(tool, "upper", gzip.compress(layer(("etc/new", b"3"), ("etc/.wh.gone", b""))), parent="base")
    assert read(tool, Snapshot(name="upper")) == {"etc/kept": b"1", "etc/new": b"3"}
    assert read(tool, Snapshot(name="upper", changes=True)) == {"etc/new": b"3", "etc/.wh.gone": b""}
    assert read(tool, base) == {"etc/kept": b"1", "etc/gone": b"2"}
    for snapshotter in ("native", "overlayfs"):
        tool.transfer(base, Snapshot(name="base2", snapshotter=snapshotter, labels=ROOT))
        again = Snapshot(name="upper2", parent="base2", snapshotter=snapshotter, labels=ROOT)
        tool.transfer(Snapshot(name="upper", changes=True), again)
        assert read(tool, Snapshot(name="upper2", snapshotter=snapshotter)) == {"etc/kept": b"1", "etc/new": b"3"}


def test_a_snapshot_that_is_written_to_is_read_as_it_is(world: Mesh, tool: Tool) -> None:
    tool.transfer(p.ReadStream(stream=tool.sending(TREE)), p.ContainerPath(container_id="other", path="/root"))
    changes = read(tool, Snapshot(name="other", changes=True))
    assert changes["root/top/file"] == DATA and not any(name.startswith("bin/") for name in changes)


def test_what_can_not_be_is_said_and_leaves_nothing(world: Mesh, tool: Tool) -> None:
    made(tool, "there", TREE)
    before = world.ctr("snapshots", "ls").ok().out
    asked: list[tuple[Message, str]] = [
        (Snapshot(), "INVALID_ARGUMENT"), (Snapshot(name="there"), "ALREADY_EXISTS"),
        (Snapshot(name="new", parent="none"), "NOT_FOUND"), (Snapshot(name="new", snapshotter="none"), "INVALID_ARGUMENT"),
    ]  # fmt: skip
    for sink, code in asked:
        found, text = refused(tool.transfer, p.ReadStream(stream=tool.sending(TREE)), sink)
        assert found == code, text
    assert (
        refused(tool.transfer, p.ReadStream(stream=tool.sending(b"no tar" * 999)), Snapshot(name="new"))[0]
        == "INVALID_ARGUMENT"
    )
    assert refused(read, tool, Snapshot(name="none"))[0] == "NOT_FOUND"
    assert world.ctr("snapshots", "ls").ok().out == before
    assert world.ctr("leases", "ls", "-q").ok().out == ""


def test_people_write_snapshots_too(world: Mesh, tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(layer(("etc/one", b"1")))
    (tmp_path / "b.tar").write_bytes(layer(("etc/two", b"2")))
    world.argosy("transfer", f"archive:{tmp_path}/a.tar", "snapshot:written").ok()
    world.argosy("transfer", f"archive:{tmp_path}/b.tar", "snapshot:above#written").ok()
    world.argosy("gc").ok()
    assert read(tool, Snapshot(name="above")) == {"etc/one": b"1", "etc/two": b"2"}
    world.argosy("transfer", "snapshot:above", f"archive:{tmp_path}/out.tar").ok()
    with tarfile.open(tmp_path / "out.tar") as tar:
        assert {"etc/one", "etc/two"} <= set(tar.getnames())
    ran = world.argosy("transfer", f"archive:{tmp_path}/a.tar", "snapshot:written")
    assert ran.code == 5 and ran.err == 'argosy: snapshot "written": already exists\n'
