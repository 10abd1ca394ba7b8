"""Mounts that are there for a moment: gone with the block, and with the next one's when their process was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argosy.kernel.mount import mount_all, temporary_mount
from argosy.kernel.mount_table import mounts_below
from argosy.kernel.temporary import temporary_directory
from argosy.kernel.unmount import unmount_tree
from argosy.mounts import Mount

from tests.harness.processes import ending

TMPFS = Mount("tmpfs", "tmpfs", ("size=64k",))
MOUNTS = """
import time
from argosy.kernel.mount import temporary_mount
from argosy.mounts import Mount
with temporary_mount([Mount("tmpfs", "tmpfs", ("size=64k",)), Mount("tmpfs", "tmpfs", ("size=64k",))]) as point:
    open(f"{point}/file", "w").close()
    print(point, flush=True)
    time.sleep(100)
"""


@pytest.fixture
def temporary(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(short_path))
    yield short_path
    unmount_tree(str(short_path))


@pytest.mark.root
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_process_mounted_goes_with_the_next_mount(temporary: Path, number: signal.Signals) -> None:
    env = {**os.environ, "TMPDIR": str(temporary)}
    with ending(subprocess.Popen([sys.executable, "-c", MOUNTS], stdout=subprocess.PIPE, text=True, env=env)) as process:
        assert process.stdout is not None
        point = process.stdout.readline().strip()
        with temporary_mount([TMPFS]) as mine:
            assert os.path.exists(f"{point}/file"), "it is taken away while its process lives"
            assert mounts_below(mine)
        process.send_signal(number)
        process.wait(10)
    assert len(mounts_below(point)) == 2
    with temporary_mount([TMPFS]):
        assert not os.path.exists(point)
    assert list(temporary.iterdir()) == [] and mounts_below(str(temporary)) == []


@pytest.mark.root
def test_what_was_mounted_is_never_deleted(temporary: Path) -> None:
    """A mount that stays, whatever holds it, is removed by nobody: what is in it is somebody's file system."""
    kept = temporary / "kept"
    kept.mkdir()
    (kept / "file").write_text("precious")
    with pytest.raises(OSError), temporary_directory() as directory:
        os.mkdir(f"{directory}/mount")
        mount_all([Mount("bind", str(kept), ("rbind",))], f"{directory}/mount")
    assert (kept / "file").read_text() == "precious"
    with temporary_directory():
        assert not os.path.exists(directory)
    assert (kept / "file").read_text() == "precious"


@pytest.mark.parametrize("what", ["a file", "a link", "with a file in it"])
def test_what_is_no_place_for_mounts_stays(temporary: Path, what: str) -> None:
    path = temporary / "argosy-mounts-other"
    target = temporary / "target"
    target.mkdir()
    if what == "a file":
        path.write_text("mine")
    elif what == "a link":
        path.symlink_to(target)
    else:
        path.mkdir()
        (path / "data").write_text("mine")
    with temporary_directory():
        assert path.exists()
    assert path.exists() and target.exists()


@pytest.mark.root
def test_what_is_somebody_elses_stays(temporary: Path) -> None:
    path = temporary / "argosy-mounts-other"
    path.mkdir()
    os.chown(path, 65534, 65534)
    with temporary_directory():
        assert path.exists()


def test_sweeps_and_new_directories_do_not_get_into_each_others_way(temporary: Path) -> None:
    def work(_: int) -> None:
        for _ in range(100):
            with temporary_directory() as directory:
                os.mkdir(f"{directory}/mount")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert list(temporary.iterdir()) == []
