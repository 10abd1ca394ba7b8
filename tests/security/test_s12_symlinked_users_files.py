"""S12: passwd and group files are looked up inside the image's root, whatever links lead where."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from argosy.errors import NotFound
from argosy.oci.users import resolve

INSIDE, OUTSIDE = "inside:x:7:7::/:\n", "outside:x:8:8::/:\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An image whose /usr/passwd has "inside", beside a host file that has "outside"."""
    top = tmp_path / "root"
    (top / "etc").mkdir(parents=True)
    (top / "usr").mkdir()
    (top / "usr/passwd").write_text(INSIDE)
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr/passwd").write_text(OUTSIDE)
    return top


@pytest.mark.parametrize(
    "target", ["/usr/passwd", "../usr/passwd", "../../../../../../usr/passwd", "/../../usr/passwd", "/usr/../usr/passwd"]
)
def test_links_stay_inside(root: Path, target: str) -> None:
    """An absolute one starts at the image's root, and ``..`` ends there."""
    os.symlink(target, root / "etc/passwd")
    assert resolve(str(root), "inside").uid == 7
    with pytest.raises(NotFound):
        resolve(str(root), "outside")


def test_a_directory_that_is_a_link_stays_inside(root: Path) -> None:
    """Every component is resolved below the root."""
    (root / "etc").rmdir()
    os.symlink("../../usr", root / "etc")
    assert resolve(str(root), "inside").uid == 7


@pytest.mark.parametrize(
    "target", ["/proc/self/root/etc/passwd", "/proc/self/cwd/etc/passwd", "/etc/passwd", "passwd", "/nowhere"]
)
def test_the_hosts_file_is_never_read(root: Path, target: str) -> None:
    """Not through /proc, not through a loop: the host has a user daemon, the image has none."""
    os.symlink(target, root / "etc/passwd")
    with pytest.raises(NotFound, match='user "daemon" is not in the image'):
        resolve(str(root), "daemon")


@pytest.mark.root
def test_the_hosts_proc_in_the_image_leads_nowhere(root: Path) -> None:
    """Magic links are not followed even where a /proc is mounted in it."""
    import subprocess

    (root / "proc").mkdir()
    subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
    try:
        os.symlink("/proc/self/root/etc/passwd", root / "etc/passwd")
        with pytest.raises(NotFound):
            resolve(str(root), "daemon")
    finally:
        subprocess.run(["umount", root / "proc"], check=True)


def test_a_link_that_changes_while_it_is_read_leads_nowhere_else(root: Path) -> None:
    """A container that runs may rename what it likes meanwhile."""
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for target in ("/usr/passwd", "/proc/self/root/etc/passwd", "../../usr/passwd"):
                os.symlink(target, root / "etc/next")
                os.rename(root / "etc/next", root / "etc/passwd")

    os.symlink("/usr/passwd", root / "etc/passwd")
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(300):
            with pytest.raises(NotFound):
                resolve(str(root), "daemon")
            with pytest.raises(NotFound):
                resolve(str(root), "outside")
    finally:
        stop.set()
        thread.join()
