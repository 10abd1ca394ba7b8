"""Comparing a tree that a container may change meanwhile: nothing outside it is read, and nothing but files is opened."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argosy.errors import Aborted, FailedPrecondition, ResourceExhausted
from argosy.kernel.path import open_regular
from argosy.oci.layers import TAR
from argosy.plugin.diff import compare
from argosy.plugin.diff.compare import Change, Tree, changes, write_layer

pytestmark = pytest.mark.root

MIB = 1 << 20


def names(lower: str, upper: Path) -> list[str]:
    out = io.BytesIO()
    write_layer(lower, str(upper), out, TAR)
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        return [member.name for member in tar]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], None]], None]:
    """Do something to the tree between the moment when a path was listed and that when it is read."""

    def install(path: str, act: Callable[[], None]) -> None:
        def disturbed(lower: Tree | None, upper: Tree) -> Iterator[Change]:
            for change in changes(lower, upper):
                if change.path == path:
                    act()
                yield change

        monkeypatch.setattr(compare, "changes", disturbed)

    return install


Meanwhile = Callable[[str, Callable[[], None]], None]


def test_a_directory_that_becomes_a_symlink_leads_nowhere(tmp_path: Path, meanwhile: Meanwhile) -> None:
    """A container that swaps a directory for a symlink to the host does not get the host's files into its layer."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/file").write_text("the host's")
    upper = tmp_path / "upper"
    (upper / "d").mkdir(parents=True)
    (upper / "d/file").write_text("mine")

    def swap() -> None:
        (upper / "d").rename(upper / "e")
        (upper / "d").symlink_to(tmp_path / "secret")

    meanwhile("d/file", swap)
    out = io.BytesIO()
    with pytest.raises(Aborted, match="changed while it was read; stop what writes to the tree and compare again"):
        write_layer("", str(upper), out, TAR)
    assert b"the host's" not in out.getvalue()


@pytest.mark.parametrize("becomes", ["fifo", "device", "gone", "shorter", "directory"])
def test_a_file_that_becomes_something_else_is_told(tmp_path: Path, meanwhile: Meanwhile, becomes: str) -> None:
    """A FIFO in its place would hang us, a device would give the host's bytes: neither is opened."""
    upper = tmp_path / "upper"
    upper.mkdir()
    file = upper / "file"
    file.write_bytes(bytes(3 * MIB))

    def act() -> None:
        file.unlink()
        if becomes == "fifo":
            os.mkfifo(file)
        elif becomes == "device":
            os.mknod(file, 0o020666, os.makedev(1, 5))  # /dev/zero
        elif becomes == "directory":
            file.mkdir()

    if becomes == "shorter":

        def shorten(fd: int) -> int:
            os.truncate(file, 1)
            return open_regular(fd)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("argosy.plugin.diff.compare.open_regular", shorten)
            with pytest.raises(Aborted, match='"file" changed while it was read'):
                write_layer("", str(upper), io.BytesIO(), TAR)
        return
    meanwhile("file", act)
    with pytest.raises(Aborted, match='"file" changed while it was read'):
        write_layer("", str(upper), io.BytesIO(), TAR)


def test_special_files_of_equal_age_are_compared_without_being_opened(tmp_path: Path) -> None:
    """Two FIFOs, two sockets and two devices with whole-second times: their content is not looked at."""
    for side in ("lower", "upper"):
        (tmp_path / side).mkdir()
        os.mkfifo(tmp_path / side / "fifo")
        os.mknod(tmp_path / side / "zero", 0o020666, os.makedev(1, 5))
        (tmp_path / side / "file").write_text("a" if side == "lower" else "b")
        for path in (tmp_path / side).iterdir():
            os.utime(path, (1_000_000_000, 1_000_000_000))
    assert names(str(tmp_path / "lower"), tmp_path / "upper") == ["file"]


def test_a_tree_deeper_than_a_path_is_refused_in_words(tmp_path: Path) -> None:
    """What no layer can hold is told with its name, not as a recursion that went too far."""
    nest(tmp_path / "upper", 30, "d" * 200)
    with pytest.raises(FailedPrecondition, match="deeper than a path is long"):
        write_layer("", str(tmp_path / "upper"), io.BytesIO(), TAR)


def nest(root: Path, levels: int, name: str) -> None:
    root.mkdir()
    fd = os.open(root, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)


def test_a_deep_tree_needs_neither_recursion_nor_descriptors(tmp_path: Path) -> None:
    """A tree of 1100 levels becomes a layer of 1100 entries; few descriptors are open meanwhile."""
    try:
        nest(tmp_path / "lower", 1100, "d")
        nest(tmp_path / "upper", 1100, "d")
        before = len(os.listdir("/proc/self/fd"))
        with Tree(str(tmp_path / "upper")) as upper:
            for n, _ in enumerate(changes(None, upper)):
                assert n % 100 or len(os.listdir("/proc/self/fd")) < before + 10
        assert len(names("", tmp_path / "upper")) == 1100
        os.chmod(str(tmp_path / "upper") + "/d" * 1100, 0o700)
        assert len(names(str(tmp_path / "lower"), tmp_path / "upper")) == 1100
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "lower", tmp_path / "upper"], check=True)


def test_a_layer_has_a_size(tmp_path: Path) -> None:
    """A hole of a terabyte is not written out for hours: the limit of layers is the limit here, too."""
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ResourceExhausted, match=f"larger than {8 * MIB} bytes.*max_bytes under"):
        write_layer("", str(tmp_path), io.BytesIO(), TAR, most=8 * MIB)


def test_capabilities_and_links_come_through_descriptors(tmp_path: Path) -> None:
    """A capability is a change, and is written; a symlink's target is its own."""
    for side in ("lower", "upper"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "cap").write_text("x")
        os.utime(tmp_path / side / "cap", (1, 1))
    os.setxattr(tmp_path / "upper/cap", "security.capability", b"\x01\x00\x00\x02\x00\x04\x00\x00" + bytes(12))
    (tmp_path / "upper/link").symlink_to("/etc/passwd")
    out = io.BytesIO()
    write_layer(str(tmp_path / "lower"), str(tmp_path / "upper"), out, TAR)
    out.seek(0)
    with tarfile.open(fileobj=out, errors="surrogateescape") as tar:
        found = {member.name: member for member in tar}
    assert found["link"].linkname == "/etc/passwd" and sorted(found) == ["cap", "link"]
    assert "SCHILY.xattr.security.capability" in found["cap"].pax_headers
