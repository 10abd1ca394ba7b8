"""S6: what a mount manager prepares goes nowhere else, whatever a text, a disk or a directory says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.errors import ArgosyError, FailedPrecondition
from argosy.kernel.mount import mount_all
from argosy.kernel.mount_table import mount_points
from argosy.kernel.unmount import unmount_tree
from argosy.mounting.activation import activate
from argosy.mounting.plan import plan
from argosy.mounts import Mount, check

pytestmark = pytest.mark.root
P = "X-containerd.mkdir.path"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A root with a disk's directory in it, the host's directory beside it, and one for mount points."""
    for name in ("root/disk/dir", "host", "t", "point"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "host/secret").write_text("secret")
    yield tmp_path
    unmount_tree(str(tmp_path))


def untouched(place: Path) -> None:
    assert os.listdir(place / "t") == [] and os.listdir(place / "host") == ["secret"]
    assert not [one.point for one in mount_points() if one.point.startswith(str(place))]


@pytest.mark.parametrize("link", ["/host", "../../host", "dir"])
@pytest.mark.parametrize(
    "last",
    [
        Mount("format/bind", "{{ mount 0 }}/link", ("rbind",)),
        Mount("format/bind", "{{ mount 0 }}/link/in", ("rbind",)),
        Mount("format/overlay", "overlay", ("lowerdir={{ mount 0 }}/dir:{{ mount 0 }}/link",)),
        Mount("format/overlay", "overlay", ("lowerdir={{ mount 0 }}", "upperdir={{ mount 0 }}/link/u", "workdir={{ mount 0 }}/dir")),
        Mount("format/mkdir/bind", "{{ mount 0 }}/link/new", (f"{P}={{{{ mount 0 }}}}/link/new:0755", "rbind")),
    ],
    ids=["the source", "behind the source", "a layer", "what is written", "what is made"],
)  # fmt: skip
def test_a_disk_with_a_symlink_in_it_leads_nowhere(place: Path, link: str, last: Mount) -> None:
    """Whoever wrote the disk may have put a symlink where a directory is expected; neither a manager nor who mounts alone follows it."""
    (place / "root/disk/link").symlink_to(f"{place}{link}" if link.startswith("/") else link)
    mounts = [Mount("bind", f"{place}/root/disk", ("rbind", "rw")), last]
    check(mounts)
    with pytest.raises(FailedPrecondition, match="symlink|symbolic link"):
        activate(plan(mounts), f"{place}/t", [f"{place}/root"])
    untouched(place)
    with pytest.raises(FailedPrecondition, match="symlink|symbolic link"):
        mount_all(mounts, f"{place}/point")
    untouched(place)


@pytest.mark.parametrize(
    "mounts",
    [
        [Mount("format/bind", "{{ mount 0 }}/../../etc", ("rbind",))],
        [Mount("format/bind", "/x{{ mount 0 }}/../../../etc", ("rbind",))],
        [Mount("format/overlay", "overlay", ("{{ source 0 }}=1",))],
        [Mount("format/mkdir/bind", "/a", (f"{P}=/etc/argosy-test", "rbind"))],
        [Mount("format/mkfs/ext4", "/etc/argosy-test", ("X-containerd.mkfs.size=1MiB", "loop"))],
        [Mount("mkfs/proc", "/proc", ("X-containerd.mkfs.size=1MiB",))],
        [Mount("format/loop", "/dev/vda", ())],
        [Mount("format/fuse3.sh", "/a", ("-c reboot",))],
    ],
    ids=[
        "dots",
        "dots behind",
        "an option",
        "a directory of the host",
        "a disk of the host",
        "a type",
        "a device",
        "a program",
    ],
)
def test_a_list_that_leads_elsewhere_is_refused(place: Path, mounts: list[Mount]) -> None:
    """By its words, or when it is prepared; a tmpfs is made before it."""
    listed = [Mount("tmpfs", "tmpfs", ()), *mounts]
    with pytest.raises((ArgosyError, OSError)):
        check(listed)
        activate(plan(listed), f"{place}/t", [f"{place}/root"])
    assert not Path("/etc/argosy-test").exists()
    untouched(place)
