"""The leak check itself: it sees what a mesh holds, and only that."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.leaks import MARK, descriptors, drop_namespaces, holds, new_mark, pinned
from tests.harness.mesh import eventually, run
from tests.harness.processes import ending

pytestmark = pytest.mark.root


def test_a_marked_process_is_seen_and_others_are_not(short_path: Path) -> None:
    """The mark goes with the environment; another mesh's mark is somebody else's business."""
    mark = new_mark()
    with (
        ending(subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: mark})) as ours,
        ending(subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: new_mark()})) as others,
    ):
        eventually(lambda: ours.pid in holds(short_path, mark).processes)
        assert others.pid not in holds(short_path, mark).processes
        assert ours.pid not in holds(short_path, mark, ignore={ours.pid}).processes
    assert holds(short_path, mark).lines() == []


def test_a_zombie_of_a_marked_process_is_seen(short_path: Path) -> None:
    """A child that its parent does not wait for."""
    mark = new_mark()
    script = "import os, time\nif os.fork() == 0: os._exit(0)\ntime.sleep(60)"
    with ending(subprocess.Popen([sys.executable, "-c", script], env={**os.environ, MARK: mark})):
        eventually(lambda: len(holds(short_path, mark).zombies) == 1)


def test_mounts_and_sockets_below_the_directory_are_seen(short_path: Path) -> None:
    """By their place: nothing else on the machine is below it."""
    point = short_path / "m"
    point.mkdir()
    assert run(["mount", "-t", "tmpfs", "none", str(point)]).code == 0
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(short_path / "s"))
            listener.listen()
            held = holds(short_path, new_mark())
            assert held.mounts == (str(point),)
            assert held.sockets == (str(short_path / "s"),)
    finally:
        run(["umount", str(point)])


def test_a_cgroup_of_a_namespace_is_seen_and_an_empty_namespace_goes(short_path: Path) -> None:
    """runc makes <namespace>/<id>, and removes only the latter."""
    top = next((p for p in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")) if (p / "cgroup.procs").exists()), None)
    if top is None:
        pytest.skip("no cgroup v2 hierarchy is mounted")
    name = f"leak-{new_mark()[:8]}"
    (top / name / "c").mkdir(parents=True)
    try:
        assert holds(short_path, new_mark(), [name]).cgroups == (str(top / name / "c"),)
    finally:
        (top / name / "c").rmdir()
        drop_namespaces([name])
    assert not (top / name).exists()


def test_a_network_namespace_that_a_mount_keeps_is_seen(short_path: Path) -> None:
    """Nobody is in it any more, and it is there all the same."""
    mark, point = new_mark(), short_path / "net"
    point.touch()
    try:
        with ending(subprocess.Popen(["unshare", "-n", "sleep", "60"], env={**os.environ, MARK: mark})) as inside:
            eventually(lambda: len(holds(short_path, mark).netns) == 1)
            (space,) = holds(short_path, mark).netns
            assert run(["mount", "--bind", f"/proc/{inside.pid}/ns/net", str(point)]).code == 0
        assert len(pinned({space})) == 1
    finally:
        run(["umount", str(point)])
    assert pinned({space}) == []


def test_descriptors_are_counted_by_what_they_are(tmp_path: Path) -> None:
    """A path, or a kind."""
    with (tmp_path / "f").open("w"), socket.socket():
        kinds = descriptors(os.getpid())
    assert kinds[str(tmp_path / "f")] == 1 and kinds["socket"] >= 1
