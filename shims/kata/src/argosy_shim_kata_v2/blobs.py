"""Layers that are EROFS images already, which a guest can have as disks the way they are: nothing is packed or copied."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from argosy.kernel.mount_table import Mounted, mount_points

# A VM has sixteen slots for devices, and a pod more containers than one.
MOST: Final = 6
_SUPER_BLOCK: Final = 1024
_MAGIC: Final = 0xE0F5E1E2
_HEAD: Final = struct.Struct("<I8xB67xIHH")
_PAGE_BITS: Final = 12
# Which release reads images of blocks smaller than a page.
_SMALL_BLOCKS: Final = (6, 4)
# Zero padding, big clusters and chunks; what came later is not in every guest's kernel.
_FEATURES: Final = 0x1 | 0x2 | 0x4
_COMPRESSED: Final = 0x2
_LZ4: Final = 0x1


def release_of(kernel: str) -> tuple[int, int]:
    """Return (major, minor) of a kernel's release; (0, 0) of anything else."""
    found = re.match(r"(\d{1,4})\.(\d{1,4})", kernel)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def readable(image: Path, kernel: str) -> bool:
    """Return whether a guest of that kernel release can mount an image by itself."""
    try:
        with open(image, "rb") as file:
            file.seek(_SUPER_BLOCK)
            magic, bits, features, algorithms, devices = _HEAD.unpack(file.read(_HEAD.size))
    except (OSError, struct.error):
        return False
    if magic != _MAGIC or devices or features & ~_FEATURES:
        return False
    if features & _COMPRESSED and algorithms & ~_LZ4:
        return False
    return bool(bits == _PAGE_BITS or (9 <= bits < _PAGE_BITS and release_of(kernel) >= _SMALL_BLOCKS))


def image_of(directory: str, mounts: Mapping[str, Mounted]) -> Path | None:
    """Return the EROFS image that is mounted, as a whole, at a directory; None for any other. mounts is the topmost mount by mount point."""
    found = mounts.get(os.path.realpath(directory))
    if found is None or found.type != "erofs" or found.root != "/" or "idmapped" in found.options:
        return None
    source = Path(found.source)
    if source.is_block_device():
        loop = Path("/sys/class/block") / source.name / "loop"
        try:
            if int((loop / "offset").read_text()):
                return None
            source = Path((loop / "backing_file").read_text().rstrip("\n"))
        except (OSError, ValueError):
            return None  # a disk, or a loop device that has gone
    return source if source.is_file() else None


def images_of(lowers: Sequence[str], kernel: str) -> tuple[Path, ...]:
    """Return the images that are mounted at lower directories, topmost first; () if a guest of that kernel can't read all of them as they are."""
    if not 0 < len(lowers) <= MOST:
        return ()
    found = []
    mounts = {mount.point: mount for mount in mount_points()}
    for lower in lowers:
        image = image_of(lower, mounts)
        if image is None or not readable(image, kernel):
            return ()
        found.append(image)
    return tuple(found)
