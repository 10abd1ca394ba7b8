"""A service starts with its first call; one that cannot start says why to whoever calls it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.harness.mesh import IMAGE, Mesh, comm, eventually

pytestmark = pytest.mark.root


@pytest.fixture
def own_mesh(short_path: Path) -> Iterator[Mesh]:
    mesh = Mesh(short_path)
    yield mesh
    mesh.destroy()


def names(mesh: Mesh) -> set[str]:
    return set(mesh.services())


def test_nothing_runs_that_nobody_called(own_mesh: Mesh, image_archive: Path) -> None:
    own_mesh.start()
    time.sleep(0.5)  # the collector's first look, and the restart monitor's
    assert names(own_mesh) == {"argosy-gateway"}
    status = own_mesh.argosy("status").ok().out
    assert status.count("starts with its first call") == 8
    assert names(own_mesh) == {"argosy-gateway"}
    own_mesh.ctr("images", "import", str(image_archive)).ok()
    ran = {"argosy-gateway", "argosy-content", "argosy-diff", comm("snapshotter-overlay")}
    assert names(own_mesh) == ran
    own_mesh.ctr("run", "-d", IMAGE, "t", "sleep", "60").ok()
    assert names(own_mesh) == ran | {"argosy-tasks"}
    # Tasks want to be looked after, called or not.
    own_mesh.stop()
    own_mesh.start()
    eventually(lambda: names(own_mesh) == {"argosy-gateway", "argosy-tasks"})
    own_mesh.ctr("tasks", "rm", "-f", "t").ok()
    own_mesh.ctr("containers", "rm", "t").ok()
    assert not list(own_mesh.state.glob("tasks.sock.idle"))


def test_a_task_manager_that_is_killed_again_and_again_comes_back_to_its_tasks(own_mesh: Mesh, image_archive: Path) -> None:
    """Called or not: somebody has to see how they end."""
    own_mesh.start()
    own_mesh.ctr("images", "import", str(image_archive)).ok()
    own_mesh.ctr("run", "-d", IMAGE, "t", "sleep", "60").ok()

    def started(times: int) -> bool:
        return own_mesh.log.read_text().count('"event": "service.ready", "service": "tasks"') == times

    for nth in range(1, 5):
        eventually(partial(started, nth), within=15)
        os.kill(own_mesh.services()["argosy-tasks"], signal.SIGKILL)
    eventually(partial(started, 5), within=15)
    own_mesh.ctr("tasks", "rm", "-f", "t").ok()
    own_mesh.ctr("containers", "rm", "t").ok()


def test_a_call_waits_for_a_service_that_comes_back(own_mesh: Mesh, image_archive: Path) -> None:
    own_mesh.start()
    own_mesh.ctr("images", "import", str(image_archive)).ok()
    pid = own_mesh.services()[comm("snapshotter-overlay")]
    os.kill(pid, signal.SIGKILL)
    # Not even the first call after it fails: its connection waits on a socket that was there all the time.
    eventually(lambda: pid not in own_mesh.services().values())
    assert own_mesh.ctr("snapshots", "info", "nope").err.count("does not exist") == 1


def test_a_service_that_cannot_start_says_why(own_mesh: Mesh, image_archive: Path) -> None:
    own_mesh.start()
    broken = own_mesh.root / "io.containerd.snapshotter.v1.native/index.db"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"this is not a database, whatever its name says" * 100)
    ran = own_mesh.ctr("images", "import", "--snapshotter", "native", str(image_archive))
    assert ran.code == 1 and "index.db" in ran.err, ran.err
    # The rest works, and so does this one once the cause is gone; it refuses for ten seconds at most.
    own_mesh.ctr("images", "import", str(image_archive)).ok()
    broken.unlink()
    eventually(lambda: own_mesh.ctr("images", "import", "--snapshotter", "native", str(image_archive)).code == 0, within=20)


def test_a_service_may_be_told_to_start_with_the_mesh(own_mesh: Mesh) -> None:
    config = own_mesh.base / "mesh.toml"
    config.write_text(
        '[services.content]\nkind = "content"\nstart = "at-once"\n[services.diff]\nkind = "diff"\nstart = "on-demand"\n'
    )
    own_mesh.extra = ["--config", str(config)]
    own_mesh.start()
    eventually(lambda: names(own_mesh) == {"argosy-gateway", "argosy-content"})
