"""Checkpoint images go through the disk in pieces, and out of the content store come plain files only. (CRIU itself is not needed.)"""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from argosy.errors import InvalidArgument, NotFound
from argosy.names import LEASE_HEADER, NAMESPACE_HEADER
from argosy.rpc.channel import Channel
from argosy_protos.containerd.services.leases.v1 import CreateRequest, LeasesStub
from argosy_tasks.checkpoints import Checkpoints, pack, unpack

from tests.harness.mesh import Mesh

MIB = 1 << 20


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """What CRIU writes: files at the top of a directory, one of them as large as memory."""
    path = tmp_path / "criu"
    path.mkdir()
    (path / "inventory.img").write_bytes(b"inventory")
    with (path / "pages-1.img").open("wb") as pages:
        for n in range(48):
            pages.write(bytes([n]) * MIB)
    return path


def same(one: Path, other: Path) -> bool:
    return subprocess.run(["diff", "-r", str(one), str(other)], check=False).returncode == 0


def test_an_image_is_packed_and_unpacked_in_pieces(image: Path, tmp_path: Path) -> None:
    """GNU tar reads what is packed, and memory stays at a few of the pieces, both ways."""
    tracemalloc.start()
    try:
        with (tmp_path / "image.tar").open("w+b") as file:
            digest, size = pack(image, file)
            file.seek(0)
            (tmp_path / "back").mkdir()
            unpack(file, tmp_path / "back")
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()
    said = subprocess.run(["sha256sum", str(tmp_path / "image.tar")], capture_output=True, text=True, check=True).stdout
    assert digest == f"sha256:{said.split()[0]}" and size == (tmp_path / "image.tar").stat().st_size
    assert same(image, tmp_path / "back")
    (tmp_path / "gnu").mkdir()
    subprocess.run(["tar", "xf", str(tmp_path / "image.tar"), "-C", str(tmp_path / "gnu")], check=True)
    assert same(image, tmp_path / "gnu")


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        ("container.log", tarfile.SYMTYPE, "/etc/passwd"),
        ("container.log", tarfile.LNKTYPE, "a"),
        ("container.log", tarfile.FIFOTYPE, ""),
        ("container.log", tarfile.CHRTYPE, ""),
        ("../escape", tarfile.REGTYPE, ""),
        ("/etc/escape", tarfile.REGTYPE, ""),
        ("sub/file", tarfile.REGTYPE, ""),
        ("sub", tarfile.DIRTYPE, ""),
        ("a", tarfile.REGTYPE, ""),
    ],
)
def test_an_image_from_outside_holds_plain_files_at_its_top(tmp_path: Path, name: str, kind: bytes, link: str) -> None:
    """Anything else is refused, also a second file of the same name; nothing is written beside the directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a"))
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, link
        tar.addfile(entry)
    buffer.seek(0)
    target = tmp_path / "in" / "target"
    target.mkdir(parents=True)
    with pytest.raises(InvalidArgument, match="checkpoint image"):
        unpack(buffer, target)
    assert os.listdir(tmp_path / "in") == ["target"] and os.listdir(target) == ["a"]


def test_what_a_crash_has_left_goes_at_the_next_start(tmp_path: Path) -> None:
    """But for what a task that lives is restored from."""
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.open(lambda *_: False)
    with checkpoints.scratch() as scratch:
        assert scratch.parent.parent == tmp_path / "checkpoints" and scratch.stat().st_mode & 0o077 == 0
    for name in (".new/half", "default/lives", "default/gone", "other/lives"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    checkpoints.open(lambda namespace, id: (namespace, id) == ("default", "lives"))
    left = sorted(str(p.relative_to(tmp_path / "checkpoints")) for p in (tmp_path / "checkpoints").glob("*/*"))
    assert left == ["default/lives"]


@pytest.mark.root
def test_an_image_comes_back_from_the_content_store(mesh: Mesh, image: Path, tmp_path: Path) -> None:
    """Through a real one, in pieces; what a failed fetch has begun is gone, and a task's image goes with the task."""
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.open(lambda *_: False)

    async def main() -> None:
        channel = Channel(mesh.address, name="gateway")
        # As a client does it: what nothing refers to yet is collected without a lease.
        leases = LeasesStub(channel.with_metadata({NAMESPACE_HEADER: "default"}))
        await leases.create(CreateRequest(id="checkpoints"))
        caller = channel.with_metadata({NAMESPACE_HEADER: "default", LEASE_HEADER: "checkpoints"})
        try:
            stored = await checkpoints.put(caller, "application/x-criu", image, "checkpoint-test")
            again = await checkpoints.put(caller, "application/x-criu", image, "checkpoint-test-2")
            assert stored.digest == again.digest
            path = await checkpoints.fetch(caller, stored.digest, "default", "one")
            assert same(image, Path(path)) and Path(path).parent.stat().st_mode & 0o077 == 0
            with pytest.raises(NotFound):
                await checkpoints.fetch(caller, "sha256:" + "0" * 64, "default", "two")
            await checkpoints.forget("default", "one")
            assert not Path(path).exists() and os.listdir(tmp_path / "checkpoints/.new") == []
        finally:
            channel.close()

    asyncio.run(main())
