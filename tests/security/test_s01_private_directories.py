"""S1: what a mesh keeps is in directories that only it can enter (CVE-2024-25621)."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.mesh import ARGOSY, IMAGE, Mesh, eventually

pytestmark = pytest.mark.root

NOBODY = 65534
_LIST = f"""
import os, sys
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
for path in sys.argv[1:]:
    try:
        print(path, os.listdir(path))
    except PermissionError:
        pass
"""


@pytest.fixture
def careless(short_path: Path) -> Iterator[Mesh]:
    """A mesh that is started with umask 000, where everybody can go, over directories that were open."""
    short_path.chmod(0o755)
    mesh = Mesh(short_path, command=("sh", "-c", 'umask 000; exec "$0" "$@"', str(ARGOSY)))
    for path in (
        mesh.root,
        mesh.state,
        mesh.root / "io.containerd.content.v1.content",
        mesh.state / "runc",
        mesh.state / "s",
    ):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)
    yield mesh
    mesh.destroy()


def listed_by_nobody(paths: list[Path]) -> str:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LIST, *map(str, paths)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_after_a_start_with_umask_000_every_directory_is_closed_also_one_that_was_open(
    careless: Mesh, image_archive: Path
) -> None:
    """root, state and every plugin's directory are 0700 and ours; uid 65534 can list nothing at all."""
    assert listed_by_nobody([careless.root]) != ""  # it could, before
    careless.start()
    careless.ctr("images", "import", str(image_archive)).ok()
    careless.ctr("run", "-d", IMAGE, "s1", "sleep", "60").ok()
    careless.wake()
    eventually(lambda: sum((path / ".lock").exists() for path in careless.root.iterdir() if path.is_dir()) == 9)
    plugins = [path for path in careless.root.iterdir() if path.is_dir()]
    assert {path.name for path in plugins} >= {
        "tasks",
        "io.containerd.metadata.v1.argosy",
        "io.containerd.content.v1.content",
    }
    for path in (careless.root, careless.state, *plugins, careless.state / "runc", careless.state / "s"):
        found = path.stat()
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (os.geteuid(), 0o700), path
    # Walked, for a service that starts makes directories and takes them away again.
    everything = [Path(at) for base in (careless.root, careless.state) for at, _, _ in os.walk(base)]
    assert len(everything) > 20
    assert listed_by_nobody([careless.root, careless.state, *everything[:500]]) == ""
    careless.ctr("tasks", "rm", "-f", "s1").ok()
    careless.ctr("containers", "rm", "s1").ok()


def test_what_is_made_above_a_root_is_as_closed(short_path: Path) -> None:
    short_path.chmod(0o755)
    command = ("sh", "-c", 'umask 000; exec "$0" "$@"', str(BIN_CONTENT))
    root, address = short_path / "a/b/content", short_path / "c/d/content.sock"
    process = subprocess.Popen([*command, "--root", str(root), "--address", str(address)], stderr=subprocess.DEVNULL)
    try:
        eventually(address.is_socket, within=20)
        for path in (root, *root.parents, *address.parents):
            if path.is_relative_to(short_path) and path != short_path:
                assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
    finally:
        process.terminate()
        assert process.wait(30) == 0


BIN_CONTENT = ARGOSY.parent / "argosy-content"
