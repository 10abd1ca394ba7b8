"""S2 (CVE-2021-41103): a host user who is not root reaches nothing below a bundle or a snapshot: no setuid program of an image."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.mesh import IMAGE, Mesh

pytestmark = pytest.mark.root
NOBODY = 65534
SNAPSHOTTERS = ("overlayfs", "native", "erofs")


@pytest.fixture
def running(mesh: Mesh) -> Iterator[Mesh]:
    """A container on each snapshotter; each has written a setuid program to its root."""
    ids = []
    for name in SNAPSHOTTERS:
        mesh.argosy("run", "-d", "--name", f"c-{name}", "--snapshotter", name, IMAGE,
                    "sh", "-c", "cp /bin/busybox /owned; chmod 4755 /owned; sleep 100").ok()  # fmt: skip
        ids.append(f"c-{name}")
    yield mesh
    for id in ids:
        mesh.argosy("rm", "-f", id).ok()
    # A bundle is taken away after the task's end was told.
    assert mesh.leftovers(15) == []


def reached(paths: list[Path]) -> list[str]:
    """Return which of these paths a user of the host can stat, read, list or run."""
    code = (
        "import os, sys\n"
        "for path in sys.stdin.read().split('\\0'):\n"
        "    for look in (os.lstat, os.listdir, lambda p: os.close(os.open(p, os.O_RDONLY | os.O_NONBLOCK)), lambda p: os.access(p, os.X_OK) or 1 / 0):\n"
        "        try: look(path); print(path); break\n"
        "        except (OSError, ZeroDivisionError): pass\n"
    )
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, "-I", "-S", "-c", code]
    ran = subprocess.run(command, input="\0".join(map(str, paths)), capture_output=True, text=True, timeout=60, check=True)
    return ran.stdout.splitlines()


def below(*tops: Path) -> list[Path]:
    return [Path(folder) / name for top in tops for folder, folders, files in os.walk(top) for name in (*folders, *files)]


def tops(mesh: Mesh) -> list[Path]:
    """Return the directories of snapshots and bundles."""
    return [
        *(mesh.root / f"io.containerd.snapshotter.v1.{name}" for name in SNAPSHOTTERS),
        mesh.state / "io.containerd.runtime.v2.task",
        mesh.root / "tasks/io.containerd.runtime.v2.task",
        mesh.state / "runc",
    ]


def test_no_path_of_a_snapshot_or_bundle_is_reached(running: Mesh) -> None:
    """Not to stat, list, read or run."""
    paths = below(*tops(running))
    assert sum(p.name == "owned" for p in paths) >= 2, "the setuid programs are not where they are looked for"
    assert reached([*tops(running), *paths]) == []


def test_nor_when_the_directories_above_them_are_opened(running: Mesh) -> None:
    """Each snapshot and each bundle is closed by itself: an operator may loosen what is above it.

    But for the native snapshotter's, whose directories are roots of containers, with the modes that they have there, and
    runc's, which opens a container's to all: what holds all of them is closed.
    """
    ours = [top for top in tops(running) if top.name != "runc"]
    opened = [running.base, running.root, running.root / "tasks", running.state, *ours]
    opened += [p for top in ours for p in top.glob("*") if p.name in ("snapshots", "default")]
    opened = [p for p in opened if p.parent.name != "io.containerd.snapshotter.v1.native"]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in opened if path.is_dir()}
    try:
        for path in modes:
            path.chmod(0o755)
        inner = [p for p in below(*tops(running)) if p not in modes]
        # What lies directly in an opened directory can be seen; what is in it can't.
        deep = [p for p in inner if p.parent not in modes]
        assert sum(p.name == "owned" for p in deep) >= 2
        assert reached(deep) == []
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
