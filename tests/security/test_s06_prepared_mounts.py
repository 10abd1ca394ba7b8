"""S6: what a mount manager prepares goes nowhere else, whatever a text, a disk or a directory says."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument, ResourceExhausted
from argosy.kernel.mount import mount_all
from argosy.kernel.mount_table import mount_points
from argosy.kernel.unmount import unmount_tree
from argosy.mounting.activation import activate
from argosy.mounting.plan import plan
from argosy.mounting.templates import Made, formatted
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


@pytest.mark.parametrize("text", ["{", "{{ ", "{{ mount 0 ", "{{m", "}{{"], ids=["braces", "actions", "calls", "words", "ends"])
def test_a_text_of_a_megabyte_is_refused_at_once(place: Path, text: str) -> None:
    """Whoever looks for both ends of each action in it would be at it for an hour, and holds up the whole process meanwhile."""
    whole = f"size={text * ((1 << 19) // len(text))}"
    mounts = [Mount("tmpfs", "tmpfs", ()), Mount("format/tmpfs", "tmpfs", (whole,))]
    check(mounts)
    with pytest.raises(InvalidArgument, match="the mount's text"):
        activate(plan(mounts), f"{place}/t", [f"{place}/root"])
    untouched(place)


def test_a_type_of_megabytes_is_taken_apart_once() -> None:
    """It is taken apart before it is looked at: not word by word, which would copy the rest as often."""
    mounts = [Mount("format/" * (2 << 20) + "tmpfs", "tmpfs", ())]
    assert len(plan(mounts).left[0].transformers) < 100
    with pytest.raises(FailedPrecondition, match="larger than the 1048576 that it may have"):
        check(mounts)


def test_all_texts_of_a_mount_grow_together() -> None:
    """A thousand options that each say a long source of before again would be a gigabyte."""
    made = [Made(Mount("bind", "/" + "s" * 4000, ()), "/t/1")]
    with pytest.raises(ResourceExhausted, match="grows beyond"):
        formatted(Mount("tmpfs", "tmpfs", ("size=" + "{{source 0}}" * 200,) * 64), made)
    few = formatted(Mount("tmpfs", "{{ mount 0 }}", ("a={{ mount 0 }}", "b"), "{{target 0}}"), made)
    assert few == Mount("tmpfs", "/t/1", ("a=/t/1", "b"), "")


@pytest.mark.parametrize("kind", ["fifo", "socket", "directory", "device"])
@pytest.mark.parametrize(
    "of",
    [
        lambda path: Mount("erofs", path, ()),
        lambda path: Mount("erofs", "/etc/hostname", (f"device={path}",)),
        lambda path: Mount("ext4", path, ("loop", "ro")),
        lambda path: Mount("loop", path, ("ro",)),
    ],
    ids=["an image", "a device", "a disk", "a loop device"],
)  # fmt: skip
def test_what_is_no_file_and_no_disk_is_not_opened(place: Path, kind: str, of: Callable[[str], Mount]) -> None:
    """The kernel opens images, and waits at a FIFO: sixteen of them would be all that the service ever mounts."""
    path = place / "special"
    with socket.socket(socket.AF_UNIX) as server:
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "socket":
            server.bind(str(path))
        elif kind == "directory":
            path.mkdir()
        else:
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
        with pytest.raises(FailedPrecondition, match="neither a file nor a disk|which is no file"):
            activate(plan([of(str(path))], True), f"{place}/t", [f"{place}/root"])
        with pytest.raises((FailedPrecondition, OSError), match="neither a file nor a disk|which is no file"):
            mount_all([of(str(path))], f"{place}/point")
    untouched(place)
