"""A mesh whose disk is full: it starts, tells what it can't do, and lets everything be removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.mesh import IMAGE, Mesh, eventually, run

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]


@pytest.fixture(params=["tmpfs", "ext4"])
def cramped(request: pytest.FixtureRequest, short_path: Path, image_archive: Path) -> Iterator[Mesh]:
    """A mesh with an image, and a root of 160 MiB."""
    mesh = Mesh(short_path / "m")
    mesh.root.mkdir(parents=True)
    if request.param == "tmpfs":
        run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(mesh.root)]).ok()
    else:
        image = short_path / "image"
        with image.open("wb") as file:
            file.truncate(160 << 20)
        run(["mkfs.ext4", "-q", "-b", "4096", "-m", "0", str(image)]).ok()
        mounting = run(["mount", "-o", "loop", str(image), str(mesh.root)])
        if mounting.code:
            pytest.skip(f"no loop devices here: {mounting.err.strip()}")
    try:
        mesh.start()
        mesh.ctr("images", "import", str(image_archive)).ok()
        yield mesh
    finally:
        if mesh.process is not None:
            mesh.stop()
        run(["umount", "-R", "-l", str(mesh.base)])
        run(["umount", str(mesh.root)])


def fill(path: Path) -> None:
    """Write until there is no byte left."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def free(mesh: Mesh) -> int:
    found = os.statvfs(mesh.root)
    return found.f_bavail * found.f_frsize  # on ext4, some of what is free is nobody's


@pytest.mark.parametrize("again", ["as it runs", "started anew", "started after a kill"])
def test_a_bomb_goes_with_what_names_it(cramped: Mesh, again: str) -> None:
    mesh = cramped
    mesh.ctr("leases", "create", "--id", "old").ok()
    mesh.ctr("snapshots", "prepare", "bomb").ok()
    mounts = mesh.ctr("snapshots", "mounts", "/m", "bomb").ok().out
    mounted = next(word for word in mounts.split() if word.startswith(str(mesh.root)))
    fill(Path(mounted) / "bomb")
    assert free(mesh) < 1 << 20
    if again == "started anew":
        mesh.stop()
        fill(mesh.root / "more")
        mesh.start()
    elif again == "started after a kill":
        assert mesh.process is not None
        for pid in mesh.services().values():
            os.kill(pid, 9)
        eventually(lambda: mesh.ctr("version").code == 0)
    # What needs more than a start may just have given up is told so.
    refused = mesh.ctr("content", "ingest", "more", input="x" * (24 << 20))
    assert refused.code and "disk is full" in refused.err, refused.err
    mesh.ctr("leases", "rm", "old").ok()
    mesh.ctr("snapshots", "rm", "bomb").ok()
    # The collector would come by itself, but not at once after one that took long.
    mesh.ctr("images", "rm", "--sync", IMAGE).ok()
    (mesh.root / "more").unlink(missing_ok=True)
    try:
        eventually(lambda: free(mesh) > 60 << 20, within=30)
    except AssertionError:
        raise AssertionError(f"the bomb stays: {free(mesh)} bytes are free\n{mesh.log.read_text()[-6000:]}") from None
    assert IMAGE not in mesh.ctr("images", "ls", "-q").ok().out
    eventually(lambda: mesh.ctr("content", "ingest", "again", input="x" * (1 << 20)).code == 0)
