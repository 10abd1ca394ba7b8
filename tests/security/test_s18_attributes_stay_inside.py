"""S18: owner, mode, times and attributes are set on what was just made, and on nothing else."""

from __future__ import annotations

import os
import stat
import tarfile
import threading
from pathlib import Path

import pytest
from argosy.errors import ArgosyError
from argosy.unpack.tar import TarReader
from argosy.unpack.tree import TreeWriter

from tests.harness.layers import UNMARKED_WAYS, WAYS, Member, archive, directory, entry, hard_link, symlink, unpacked

pytestmark = pytest.mark.root


def _state(path: Path) -> tuple[object, ...]:
    info = path.stat()
    return (info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns, info.st_ctime_ns, sorted(os.listxattr(path)))


def _loud(name: str, kind: bytes, target: str = "") -> Member:
    """A member that wants to change everything about what it is called."""
    return entry(
        name, kind, link=target, mode=0o7777, uid=1234, gid=1234, mtime=1, pax={"SCHILY.xattr.user.mark": "1", "SCHILY.xattr.security.mark": "1"}
    )  # fmt: skip


@pytest.mark.parametrize("way", [*WAYS, *UNMARKED_WAYS])
def test_a_file_of_the_host_keeps_its_mode_owner_times_and_attributes(tmp_path: Path, way: tuple[str, str]) -> None:
    """CVE-2021-32760: every kind of member over, through and behind symlinks to a file and a directory of the host."""
    folder, file = tmp_path / "folder", tmp_path / "folder/file"
    folder.mkdir()
    file.write_text("host")
    file.chmod(0o4711)
    before = _state(folder), _state(file)
    kinds = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE)
    for number, kind in enumerate(kinds):
        target = "f" if kind == tarfile.LNKTYPE else "x"
        layer = archive(
            symlink("f", str(file)), symlink("d", str(folder)), hard_link("g", "f"),
            _loud("d/file", kind, target), _loud("g", kind, target), _loud("f", kind, "g"), _loud("d", kind, "g"),
        )  # fmt: skip
        base = tmp_path / str(number)
        base.mkdir()
        try:
            with unpacked(way, base, [archive(directory("e")), layer]):
                pass
        except ArgosyError:
            pass  # refused; also fine
        assert (_state(folder), _state(file)) == before


def test_whoever_swaps_a_name_for_a_symlink_changes_nothing_of_the_host(tmp_path: Path) -> None:
    """A container that runs on the directory while a layer is applied to it: what is named is not looked up a second time."""
    file, root = tmp_path / "file", tmp_path / "root"
    file.write_text("host")
    file.chmod(0o600)
    root.mkdir()
    before = _state(file)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for name in ("a", "b", "c"):
                try:
                    os.symlink(file, root / "new")
                    os.rename(root / "new", root / name)
                except OSError:
                    continue  # a directory is in the way

    attacker = threading.Thread(target=swap)
    attacker.start()
    try:
        for _ in range(300):
            members = [_loud("a", tarfile.FIFOTYPE), _loud("b", tarfile.REGTYPE), _loud("c", tarfile.DIRTYPE)]
            try:
                with TreeWriter(str(root)) as writer:
                    writer.apply(TarReader(iter([archive(*members)])))
            except ArgosyError:
                continue  # told; also fine
    finally:
        stop.set()
        attacker.join()
    assert _state(file) == before and stat.S_IMODE(file.stat().st_mode) == 0o600
