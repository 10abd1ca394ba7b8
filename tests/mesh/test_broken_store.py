"""A mesh whose stores are not what they were: nothing is swept, and every caller hears at once why."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.mesh import ARGOSY, IMAGE, Mesh, Ran, eventually, run

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


def top_of(mesh: Mesh) -> str:
    """Return the name of the image's last layer."""
    rows = [line.split() for line in mesh.ctr("snapshots", "ls").ok().out.splitlines()[1:]]
    return next(row[0] for row in rows if row[-1] == "Committed" and row[0] not in {other[1] for other in rows})


@pytest.mark.parametrize("client", ["argosy", "ctr"])
def test_an_image_whose_snapshots_are_lost_has_them_made_anew(own_mesh: Mesh, client: str) -> None:
    """Its blobs are there, and whoever runs it unpacks them again: the stock client, too."""
    mesh = own_mesh
    top = top_of(mesh)
    mesh.stop()
    (mesh.root / INDEX).unlink()
    (mesh.root / INDEX).with_name("allow-loss").touch()
    mesh.start()
    told = mesh.ctr("snapshots", "prepare", "key", top)
    assert told.code and "pull and unpack its image again" in told.err, told
    commands: list[Callable[[], Ran]] = [
        lambda: mesh.argosy("run", "--rm", IMAGE, "true"),
        lambda: mesh.ctr("run", "--rm", IMAGE, "stock", "true"),
    ]
    for command in commands if client == "argosy" else reversed(commands):
        command().ok()


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_lost_metadata_is_told_and_no_mesh_starts(own_mesh: Mesh, how: str) -> None:
    mesh = own_mesh
    mesh.argosy("gc").ok()  # the archive's index is nobody's once it was imported
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


def lose_metadata(mesh: Mesh, how: str) -> dict[Path, bytes]:
    """Take a stopped mesh's metadata away; return it."""
    folder = mesh.root / "io.containerd.metadata.v1.argosy"
    copy = {path: path.read_bytes() for path in folder.iterdir() if path.name.startswith("metadata.db")}
    for path in copy:
        path.unlink()
    if how == "with an operator's word":
        (folder / "metadata.db.made").touch()
        (folder / "allow-loss").touch()
    return copy


def running(mesh: Mesh, namespace: str = "") -> list[str]:
    return [
        line.split()[0] for line in mesh.ctr("tasks", "ls", namespace=namespace).ok().out.splitlines() if "RUNNING" in line
    ]


def says(mesh: Mesh, text: str, since: int = 0) -> None:
    eventually(lambda: text in mesh.log.read_text()[since:], what=f"the log never said {text!r}")


@pytest.mark.parametrize("how", ["with its mark", "with an operator's word"])
def test_a_gateway_that_lost_its_metadata_ends_no_task(own_mesh: Mesh, how: str) -> None:
    """It is another one than the tasks were made for. They are listed, and end when their operator says so."""
    mesh = own_mesh
    for id in ("one", "two", "three"):
        mesh.ctr("run", "-d", IMAGE, id, "sleep", "300").ok()
    mesh.ctr("run", "-d", IMAGE, "over", "true").ok()
    mesh.stop()
    copy = lose_metadata(mesh, how)
    mesh.start()
    says(mesh, "tasks.without_record")
    warned = next(line for line in mesh.log.read_text().splitlines() if "tasks.without_record" in line)
    assert "default/one" in warned and "default/over" in warned and "allow-loss" in warned and "rm --force" in warned
    assert sorted(running(mesh)) == ["one", "three", "two"]
    assert "running (no record)" in mesh.argosy("ps").ok().out
    assert "default/two" in mesh.argosy("-o", "json", "status").ok().out
    # With a record of its own again, stock ctr can name it.
    bundle = mesh.state / "io.containerd.runtime.v2.task/default"
    mesh.ctr("containers", "create", "--config", str(bundle / "one/config.json"), "one").ok()
    mesh.ctr("tasks", "rm", "-f", "one").ok()
    refused = mesh.argosy("rm", "two")
    assert refused.code and "is running; stop it first" in refused.err
    mesh.argosy("rm", "--force", "two").ok()
    assert mesh.argosy("rm", "--force", "two").code
    assert running(mesh) == ["three"]
    mesh.stop()
    lose_metadata(mesh, "with its mark")
    for path, data in copy.items():
        path.write_bytes(data)
    mesh.start()
    assert mesh.ctr("tasks", "exec", "--exec-id", "e", "three", "echo", "there").ok().out == "there\n"
    mesh.ctr("tasks", "rm", "-f", "three").ok()
    mesh.ctr("tasks", "rm", "over").ok()
    eventually(lambda: not mesh.leftovers(0))


def test_an_old_copy_of_the_metadata_ends_none_of_many_tasks(own_mesh: Mesh) -> None:
    """It has the same uuid, and no record of what was made since. The operator's word ends them all."""
    mesh = own_mesh
    mesh.ctr("run", "-d", IMAGE, "early", "sleep", "300").ok()
    mesh.stop()
    copy = lose_metadata(mesh, "with its mark")
    for path, data in copy.items():
        path.write_bytes(data)
    mesh.start()
    for id in ("one", "two"):
        mesh.ctr("run", "-d", IMAGE, id, "sleep", "300").ok()
    mesh.stop()
    lose_metadata(mesh, "with its mark")
    for path, data in copy.items():
        path.write_bytes(data)
    mesh.start()
    says(mesh, "which are more than half of all that run")
    assert sorted(running(mesh)) == ["early", "one", "two"]
    mesh.stop()
    word = mesh.root / "tasks/allow-loss"
    word.touch()
    mesh.start()
    eventually(lambda: running(mesh) == ["early"])
    eventually(lambda: not word.exists())


def test_a_container_that_was_deleted_meanwhile_takes_its_task_along(own_mesh: Mesh) -> None:
    """By the gateway that it was made for, which has a record of the others."""
    mesh = own_mesh
    for id in ("stays", "stays-too", "goes"):
        mesh.ctr("run", "-d", IMAGE, id, "sleep", "300").ok()
    mesh.stop()
    with sqlite3.connect(mesh.root / "io.containerd.metadata.v1.argosy/metadata.db") as db:
        db.execute("DELETE FROM containers WHERE id = 'goes'")
    db.close()
    mesh.start()
    eventually(lambda: sorted(running(mesh)) == ["stays", "stays-too"])
    mesh.stop()
    with sqlite3.connect(mesh.root / "io.containerd.metadata.v1.argosy/metadata.db") as db:
        db.execute("DELETE FROM containers WHERE id = 'stays-too'")
    db.close()
    (mesh.state / "io.containerd.runtime.v2.task/default/stays-too/gateway").unlink(missing_ok=True)
    mesh.start()
    says(mesh, "is not the one that they were made for")
    assert sorted(running(mesh)) == ["stays", "stays-too"]


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
