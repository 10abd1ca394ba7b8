"""Mounts of the types ``fuse3.NAME`` and ``fuse.NAME``: helpers mount them, as for containerd. The helper here mounts a tmpfs."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from argosy.errors import FailedPrecondition
from argosy.kernel.mount import mount_all, temporary_mount
from argosy.kernel.mount_table import mounts_below
from argosy.kernel.unmount import unmount_all
from argosy.mounts import Mount

pytestmark = pytest.mark.root

OPTIONS = ("lowerdir=/low/1:/low/2", "upperdir=/up", "workdir=/work")


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is all of PATH; programs in it write what they are given to "said"."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for name in ("fuse-overlayfs", "nydus-overlayfs", "sh"):
        program(folder, name, "exit 9")
    for name in ("mount.fuse3", "mount.fuse"):
        program(folder, name, f'printf "%s\\n" "$0" "$@" >{tmp_path}/said; exec /bin/mount -t tmpfs -o size=64k helped "$2"')
    return folder


@pytest.mark.parametrize(
    ("type", "helper"), [("fuse3.fuse-overlayfs", "mount.fuse3"), ("fuse.nydus-overlayfs", "mount.fuse")]
)
def test_the_helper_of_the_type_mounts_it(bin: Path, tmp_path: Path, type: str, helper: str) -> None:
    with temporary_mount([Mount(type, "overlay", OPTIONS)]) as point:
        assert mounts_below(point) == [point]
        words = (tmp_path / "said").read_text().splitlines()
    options = [word for option in OPTIONS for word in ("-o", option)]
    assert words == [str(bin / helper), "overlay", point, *options, "-t", type.partition(".")[2]]
    assert mounts_below(point) == [] and not os.path.exists(point)


def test_what_serves_the_mount_may_keep_its_output_open(bin: Path, tmp_path: Path) -> None:
    program(bin, "mount.fuse3", '/bin/mount -t tmpfs -o size=64k helped "$2"; /bin/sleep 20 & echo $! >' + f"{tmp_path}/pid")
    began = time.monotonic()
    with temporary_mount([Mount("fuse3.fuse-overlayfs", "overlay", OPTIONS)]):
        assert time.monotonic() - began < 15
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize(
    ("mount", "words"),
    [
        (Mount("fuse3.sh", "/tmp/evil"), "would run sh as root"),
        (Mount("fuse3.fuse-overlayfs", "overlay", OPTIONS, "/below"), "target of its own"),
        (Mount("fuse3.fuse-overlayfs", "overlay", ("plugins=/tmp/evil.so",)), "plugins"),
        (Mount("fuse3.fuse-overlayfs", "overlay", ("lowerdir=/a,plugins=/tmp/evil.so",)), "plugins"),
    ],
)
def test_a_helper_runs_no_code_of_a_plugins(bin: Path, tmp_path: Path, mount: Mount, words: str) -> None:
    with pytest.raises(FailedPrecondition, match=words):
        mount_all([mount], str(tmp_path))
    assert not (tmp_path / "said").exists()


@pytest.mark.parametrize(
    ("missing", "package"), [("mount.fuse3", "install fuse3"), ("fuse-overlayfs", "install fuse-overlayfs")]
)
def test_what_is_not_installed_is_named(bin: Path, tmp_path: Path, missing: str, package: str) -> None:
    (bin / missing).unlink()
    with pytest.raises(FailedPrecondition, match=package):
        mount_all([Mount("fuse3.fuse-overlayfs", "overlay", OPTIONS)], str(tmp_path))


@pytest.mark.parametrize("text", ["echo no such device >&2; exit 1", "echo no such device; exit 0"])
def test_a_helper_that_mounts_nothing_has_failed_and_earlier_mounts_go(bin: Path, tmp_path: Path, text: str) -> None:
    program(bin, "mount.fuse3", text)
    point = tmp_path / "point"
    point.mkdir()
    try:
        with pytest.raises(FailedPrecondition, match="no such device"):
            mount_all(
                [Mount("tmpfs", "tmpfs", ("size=64k",)), Mount("fuse3.fuse-overlayfs", "overlay", OPTIONS)], str(point)
            )
        assert mounts_below(str(point)) == []
    finally:
        unmount_all(str(point))
