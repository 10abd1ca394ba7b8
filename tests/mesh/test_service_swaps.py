"""Our own services, swapped for new processes of what is on disk while they are used: no call fails, and one that can't start changes nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.kernel.process import alive

from tests.harness.mesh import ARGOSY, IMAGE, Mesh, comm, eventually
from tests.mesh.test_plugin_commands import load
from tests.mesh.test_plugin_registry import refused, shown

pytestmark = pytest.mark.root
OVERLAY = comm("snapshotter-overlay")


@pytest.fixture
def mesh(short_path: Path, image_archive: Path) -> Iterator[Mesh]:
    running = Mesh(short_path / "m")
    running.base.mkdir()
    running.start()
    running.ctr("images", "import", str(image_archive)).ok()
    yield running
    running.destroy()


def test_a_new_process_of_the_snapshotter_takes_over_and_no_call_fails(mesh: Mesh) -> None:
    mesh.ctr("run", "-d", IMAGE, "stays", "sleep", "100").ok()
    with load(mesh, "overlayfs") as wrong:
        pids = [mesh.services()[OVERLAY]]
        for _ in range(3):
            mesh.argosy("plugin", "swap", "overlayfs").ok()
            eventually(lambda: not alive(pids[-1]))
            pids.append(mesh.services()[OVERLAY])
        assert len(set(pids)) == 4 and shown(mesh, "overlayfs")["generation"] == 4
    assert wrong == []
    assert "RUNNING" in mesh.ctr("tasks", "ls").ok().out
    assert mesh.ctr("run", "--rm", IMAGE, "new", "echo", "hello").ok().out == "hello\n"
    # It is the supervisor's as the one before was: killed, it comes again.
    os.kill(pids[-1], signal.SIGKILL)
    eventually(lambda: mesh.ctr("snapshots", "ls").code == 0)
    assert mesh.services()[OVERLAY] not in pids


def test_one_that_ends_while_it_is_replaced_is_followed_by_the_new_one(mesh: Mesh) -> None:
    """Its socket takes connections all the time, since the supervisor holds it: who connects then is answered by the new one."""
    old = mesh.services()[OVERLAY]
    with subprocess.Popen(
        [ARGOSY, "--address", mesh.address, "plugin", "swap", "overlayfs"], stderr=subprocess.PIPE, text=True
    ) as swap:
        eventually(lambda: len(processes(mesh, OVERLAY)) == 2)
        began = time.monotonic()
        os.kill(old, signal.SIGKILL)
        # Until it has died it takes connections, too.
        eventually(lambda: old not in processes(mesh, OVERLAY))
        mesh.ctr("snapshots", "ls").ok()
        _, said = swap.communicate()
    assert swap.returncode == 0, said
    assert time.monotonic() - began < 20  # a busy machine takes its time; who waits for one that is gone waits for 30 s
    assert mesh.services()[OVERLAY] != old
    assert mesh.ctr("run", "--rm", IMAGE, "new", "echo", "hello").ok().out == "hello\n"


def processes(mesh: Mesh, name: str) -> list[int]:
    """Return the processes of a service: two, while one takes over."""
    assert mesh.process is not None
    children = Path(f"/proc/{mesh.process.pid}/task/{mesh.process.pid}/children").read_text().split()
    found = []
    for pid in children:
        with contextlib.suppress(OSError):  # it ended while we looked
            if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                found.append(int(pid))
    return found


def test_images_stay_mounted_while_one_takes_over(mesh: Mesh, image_archive: Path) -> None:
    """Mounts of EROFS that a caller has in its hands are good all the time."""
    mesh.ctr("images", "import", "--snapshotter", "erofs", str(image_archive)).ok()
    mesh.ctr("run", "-d", "--snapshotter", "erofs", IMAGE, "on-erofs", "sleep", "100").ok()
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(mesh.root) in line]
    images = [point for point in mounts if point.endswith("/mnt")]
    assert images
    ids = {point: os.stat(point).st_dev for point in images}
    before = mesh.services()[comm("snapshotter-erofs")]
    mesh.argosy("plugin", "swap", "erofs").ok()
    assert mesh.services()[comm("snapshotter-erofs")] != before
    assert {point: os.stat(point).st_dev for point in images} == ids
    assert mesh.ctr("tasks", "exec", "--exec-id", "e", "on-erofs", "echo", "hello").ok().out == "hello\n"
    assert mesh.ctr("run", "--rm", "--snapshotter", "erofs", IMAGE, "another", "echo", "hello").ok().out == "hello\n"


def test_content_and_diff_are_swapped_too(mesh: Mesh) -> None:
    for name in ("content", "diff"):
        mesh.wake()
        before = mesh.services()[comm(name)]
        shown_as = next(row for row in ("content", "walking", "diff") if shown(mesh, row).get("type") == name)
        mesh.argosy("plugin", "swap", shown_as).ok()
        assert mesh.services()[comm(name)] != before
    mesh.ctr("content", "ls").ok()
    assert mesh.ctr("run", "--rm", IMAGE, "new", "echo", "hello").ok().out == "hello\n"


def test_one_that_can_not_be_swapped_says_so(mesh: Mesh) -> None:
    """A task manager, a canary of a service; one that does not run has nothing to swap."""
    refused(mesh.argosy("plugin", "swap", "task"), "")
    refused(mesh.argosy("plugin", "swap", "overlayfs", "--canary", "1s"), "swap it without a canary")
    refused(mesh.argosy("plugin", "rollback", "overlayfs"), "change it there")
    assert comm("snapshotter-native") not in mesh.services()
    mesh.argosy("plugin", "swap", "native").ok()
    assert comm("snapshotter-native") not in mesh.services()


def test_a_gateway_that_is_killed_meanwhile_leaves_a_service_that_serves(mesh: Mesh) -> None:
    import threading
    import time

    for wait_s in (0.2, 0.5, 0.8):
        eventually(lambda: mesh.ctr("snapshots", "ls").code == 0, within=20)
        swapping = threading.Thread(target=lambda: mesh.argosy("plugin", "swap", "overlayfs"))
        swapping.start()
        time.sleep(wait_s)
        os.kill(mesh.services()["argosy-gateway"], signal.SIGKILL)
        swapping.join()
    eventually(lambda: mesh.ctr("snapshots", "ls").code == 0, within=20)
    mesh.argosy("plugin", "swap", "overlayfs").ok()
    assert mesh.ctr("run", "--rm", IMAGE, "new", "echo", "hello").ok().out == "hello\n"
