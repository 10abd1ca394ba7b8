"""Unmounting: the top mount of a path, all that are stacked on it, all that are below it."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Final

from argosy.kernel.libc import call
from argosy.kernel.mount_table import mounts_below

MNT_DETACH: Final = 2
_UMOUNT_NOFOLLOW: Final = 8


def unmount(path: str, flags: int = 0) -> None:
    """Unmount the top mount on path; symlinks are not followed. Raises OSError (EINVAL: not a mount point)."""
    call("umount2", os.fsencode(path), ctypes.c_int(flags | _UMOUNT_NOFOLLOW), path=path)


def unmount_all(path: str, flags: int = 0) -> None:
    """Unmount everything stacked on path. A path that is no mount point, or missing, is fine. Raises OSError."""
    while True:
        try:
            unmount(path, flags)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):
                return
            if error.errno == errno.EBUSY and not flags & MNT_DETACH:
                flags |= MNT_DETACH
                continue
            raise


def unmount_tree(prefix: str) -> None:
    """Unmount everything at or below prefix, deepest first, lazily where it is busy. Raises OSError.

    The kernel's table has a mount point's own name: symlinks on the way to prefix are followed, prefix itself is not.
    """
    folder, name = os.path.split(prefix.rstrip("/"))
    prefix = os.path.join(os.path.realpath(folder), name)
    for point in sorted(set(mounts_below(prefix)), key=len, reverse=True):
        unmount_all(point)
