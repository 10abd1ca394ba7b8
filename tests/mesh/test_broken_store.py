"""A mesh whose stores are not what they were: nothing is swept, and every caller hears at once why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.mesh import ARGOSY, IMAGE, Mesh, eventually, run

pytestmark = pytest.mark.root

INDEX = "io.containerd.snapshotter.v1.overlayfs/index.db"


@pytest.fixture
def own_mesh(short_path: Path, image_archive: Path) -> Iterator[Mesh]:
    mesh = Mesh(short_path / "m")
    mesh.base.mkdir()
    mesh.start()
    try:
        mesh.ctr("images", "import", str(image_archive)).ok()
        yield mesh
    finally:
        mesh.destroy()


def trees(mesh: Mesh) -> set[str]:
    return {path.name for path in (mesh.root / INDEX).parent.joinpath("snapshots").iterdir()}


def test_a_lost_index_is_told_and_its_trees_stay(own_mesh: Mesh) -> None:
    """Also those of a container that runs on meanwhile. With its operator's word the rest of the mesh can begin anew."""
    mesh = own_mesh
    mesh.ctr("run", "-d", IMAGE, "witness", "sleep", "300").ok()
    before = trees(mesh)
    mesh.stop()
    copy = (mesh.root / INDEX).read_bytes()
    (mesh.root / INDEX).unlink()
    mesh.start()
    for _ in range(3):
        began = time.monotonic()
        told = mesh.ctr("snapshots", "prepare", "new")
        assert told.code and "index.db is gone, though there was one" in told.err and "allow-loss" in told.err, told.err
        assert time.monotonic() - began < 10
    assert trees(mesh) == before
    assert mesh.log.read_text().count("service.cannot_start") <= 3
    # What does not need it goes on.
    mesh.ctr("leases", "create", "--id", "l").ok()
    assert "RUNNING" in mesh.ctr("tasks", "ls").ok().out
    mesh.stop()
    (mesh.root / INDEX).write_bytes(copy)
    mesh.start()
    assert mesh.ctr("tasks", "exec", "--exec-id", "e", "witness", "echo", "there").ok().out == "there\n"
    mesh.ctr("snapshots", "prepare", "new").ok()


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_lost_metadata_is_told_and_no_mesh_starts(own_mesh: Mesh, how: str) -> None:
    mesh = own_mesh
    before = trees(mesh)
    blobs = sorted((mesh.root / "io.containerd.content.v1.content/blobs/sha256").iterdir())
    mesh.stop()
    database = mesh.root / "io.containerd.metadata.v1.argosy/metadata.db"
    copy = database.read_bytes()
    database.unlink()
    if how == "empty":
        database.touch()
    ran = run([str(ARGOSY), "up", "--root", str(mesh.root), "--state", str(mesh.state), "--address", str(mesh.address)])
    assert ran.code and f"metadata.db is {how}, though there was one" in ran.err, ran.err
    assert trees(mesh) == before
    assert sorted((mesh.root / "io.containerd.content.v1.content/blobs/sha256").iterdir()) == blobs
    database.write_bytes(copy)
    mesh.start()
    assert IMAGE in mesh.ctr("images", "ls", "-q").ok().out


def test_an_owner_that_a_power_loss_left_empty_names_nobody(own_mesh: Mesh) -> None:
    mesh = own_mesh
    mesh.ctr("images", "rm", "--sync", IMAGE).ok()
    mark = mesh.root / "io.containerd.content.v1.content/owner"
    assert mark.read_text().split()[1] == str(mesh.address)
    owner = mark.read_text()
    mesh.stop()
    mark.write_text("")
    mesh.start()
    blobs = mesh.root / "io.containerd.content.v1.content/blobs/sha256"
    mesh.ctr("content", "ingest", "r", input="bytes\n").ok()
    mesh.ctr("content", "rm", next(iter(blobs.iterdir())).name, f"sha256:{next(iter(blobs.iterdir())).name}")
    mesh.ctr("leases", "create", "--id", "x").ok()
    mesh.ctr("leases", "rm", "--sync", "x").ok()
    eventually(lambda: mark.read_text() == owner)
