"""The kernel's table of mounts, read back: names that it escapes, and names that are no Latin-1."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from argosy.kernel.mount import mount
from argosy.kernel.mount_table import mount_points, mounts_below
from argosy.kernel.unmount import MNT_DETACH, unmount, unmount_tree
from argosy.mounts import Mount

pytestmark = pytest.mark.root


@pytest.mark.parametrize("name", ["plain", "a space and\ttab", "back\\slash\\040", "層 übung", os.fsdecode(b"no\xffutf8")])
def test_a_mount_point_is_found_under_its_own_name(tmp_path: Path, name: str) -> None:
    point = tmp_path / name
    point.mkdir()
    mount(Mount("tmpfs", "a source", ("size=64k", "ro")), os.fspath(point))
    try:
        (found,) = [mount for mount in mount_points() if mount.point == os.fspath(point)]
        assert (found.type, found.source, found.root) == ("tmpfs", "a source", "/")
        assert "ro" in found.options and "size=64k" in found.super_options
        assert mounts_below(os.fspath(tmp_path)) == [os.fspath(point)]
        unmount_tree(os.fspath(tmp_path))
        assert mounts_below(os.fspath(tmp_path)) == []
    finally:
        if mounts_below(os.fspath(tmp_path)):
            unmount(os.fspath(point), MNT_DETACH)
