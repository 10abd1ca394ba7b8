"""Tries out, at start, what this kernel can do with EROFS: mount a file of 512-byte blocks, by itself or through a loop device."""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy.erofs.image import DATA_START, Node, directory, finish
from argosy.erofs.snapshot import FILES
from argosy.errors import FailedPrecondition
from argosy.kernel.mount import mount
from argosy.kernel.scratch import scratch_in
from argosy.kernel.unmount import MNT_DETACH, unmount
from argosy.mounts import Mount
from argosy.plugin.snapshots import remap

from argosy_snapshotter_erofs import room

_INSTEAD: Final = "use the overlayfs snapshotter instead"


@dataclass(frozen=True)
class Abilities:
    """The answers. image_options are for mounting an image: a file on tmpfs takes a loop device, too."""

    image_options: tuple[str, ...]
    index_off: bool
    remap_ids: bool = False


def ask(root: Path, rooms: bool = False) -> Abilities:
    """Try an image below an overlay, and with rooms one of these. Raises FailedPrecondition with the reason when this machine can't."""
    if os.geteuid() != 0:
        raise FailedPrecondition(f"EROFS images are mounted by root only; run as root, or {_INSTEAD}")
    with scratch_in(root) as base:
        for name in ("image", "upper", "work", "merged"):
            (base / name).mkdir()
        fd = os.open(base / "i", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            top = directory()
            assert top.kids is not None
            top.kids[b"file"] = Node(0o100644)
            finish(fd, DATA_START, top, b"argosy: a check.")
        finally:
            os.close(fd)
        if rooms:
            (base / FILES).mkdir()
            try:
                room.make(base, room.LEAST)
            except FailedPrecondition as error:
                raise FailedPrecondition(f"default_size is set, and cannot be kept here: {error.message}") from error
            finally:
                room.detach(base)
        options = _image_options(base)
        try:
            layers = (f"workdir={base / 'work'}", f"upperdir={base / 'upper'}", f"lowerdir={base / 'image'}")
            mount(Mount("overlay", "overlay", layers), str(base / "merged"))
            unmount(str(base / "merged"), MNT_DETACH)
            mapped = remap.is_possible(layers, base / "merged")
        except OSError as error:
            raise FailedPrecondition(
                f"{root} cannot carry overlay mounts ({error.strerror}); put the root on ext4, xfs or btrfs"
            ) from error
        finally:
            unmount(str(base / "image"), MNT_DETACH)
    return Abilities(options, Path("/sys/module/overlay/parameters/index").exists(), mapped)


def _image_options(base: Path) -> tuple[str, ...]:
    first: OSError | None = None
    for options in ((), ("loop",)):
        try:
            mount(Mount("erofs", str(base / "i"), ("ro", *options)), str(base / "image"))
        except OSError as error:
            first = first or error
            continue
        if os.listdir(base / "image") == ["file"]:
            return options
        with contextlib.suppress(OSError):
            unmount(str(base / "image"), MNT_DETACH)
    assert first is not None
    if first.errno == errno.ENODEV:
        raise FailedPrecondition(f"this kernel has no EROFS (CONFIG_EROFS_FS); load the erofs module, or {_INSTEAD}")
    raise FailedPrecondition(
        f"this kernel cannot mount EROFS images of 512-byte blocks ({first.strerror}): Linux 6.4 can from loop devices, "
        f"6.12 from files; {_INSTEAD}"
    ) from first
