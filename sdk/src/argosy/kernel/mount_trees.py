"""Mounts made as trees that have no name yet, and are then attached to their target: the system calls from fsopen(2) on.

What one string of options to mount(2) can't do is done here: an overlay of so many layers that their names do not fit a page, and
mounts whose user and group ids are mapped.
"""

from __future__ import annotations

import ctypes
import os
import re
from typing import Final

from argosy.errors import FailedPrecondition
from argosy.kernel.libc import syscall
from argosy.kernel.mount_options import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC, ParsedOptions
from argosy.kernel.mount_target import Target
from argosy.kernel.temporary import temporary_directory
from argosy.kernel.unmount import MNT_DETACH, unmount
from argosy.kernel.user_namespace import user_namespace
from argosy.mounts import Mount

_OPEN_TREE_CLONE, _AT_RECURSIVE, _AT_EMPTY_PATH, _MOVE_MOUNT_F_EMPTY_PATH = 1, 0x8000, 0x1000, 4
_FSCONFIG_SET_FLAG, _FSCONFIG_SET_STRING, _FSCONFIG_CMD_CREATE = 0, 1, 6
_MOUNT_ATTR = {MS_RDONLY: 1, MS_NOSUID: 2, MS_NODEV: 4, MS_NOEXEC: 8}
_MOUNT_ATTR_IDMAP: Final = 0x00100000


def mount_overlay_by_parts(parsed: ParsedOptions, target: Target) -> None:
    """Mount an overlay layer by layer: its options as one string would not fit a page. Raises OSError, InvalidArgument."""
    context = syscall("fsopen", b"overlay", ctypes.c_uint(1))
    try:
        _configure(context, "source", "overlay")
        for option in parsed.data:
            name, _, value = option.partition("=")
            if name == "lowerdir":
                for layer in value.split(":"):
                    _configure(context, "lowerdir+", layer)
            elif value:
                _configure(context, name, value)
            else:
                syscall(
                    "fsconfig",
                    ctypes.c_int(context),
                    ctypes.c_uint(_FSCONFIG_SET_FLAG),
                    name.encode(),
                    None,
                    ctypes.c_int(0),
                )
        syscall(
            "fsconfig",
            ctypes.c_int(context),
            ctypes.c_uint(_FSCONFIG_CMD_CREATE),
            None,
            None,
            ctypes.c_int(0),
            path=target.path,
        )
        attributes = sum(bit for flag, bit in _MOUNT_ATTR.items() if parsed.flags & flag)
        tree = syscall("fsmount", ctypes.c_int(context), ctypes.c_uint(1), ctypes.c_uint(attributes), path=target.path)
    finally:
        os.close(context)
    try:
        with target.found() as path:
            _attach(tree, path)
    finally:
        os.close(tree)


def _configure(context: int, key: str, value: str) -> None:
    syscall(
        "fsconfig", ctypes.c_int(context), ctypes.c_uint(_FSCONFIG_SET_STRING), key.encode(), os.fsencode(value),
        ctypes.c_int(0), path=value,
    )  # fmt: skip


def _attach(tree: int, path: str) -> None:
    syscall(
        "move_mount", ctypes.c_int(tree), b"", ctypes.c_int(-100), os.fsencode(path),
        ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH), path=path,
    )  # fmt: skip


def mount_idmapped(spec: Mount, parsed: ParsedOptions, target: Target) -> None:
    """Mount spec with its ids mapped, or those of an overlay's lower layers. Raises OSError, InvalidArgument, FailedPrecondition."""
    with user_namespace(parsed.uidmap, parsed.gidmap) as userns:
        if spec.type == "overlay":
            with temporary_directory() as scratch:
                _overlay_on_mapped(parsed, target, scratch, userns)
            return
        tree = _mapped_tree(spec.source, userns, bool(parsed.flags & MS_REC))
    try:
        with target.found() as path:
            _attach(tree, path)
    finally:
        os.close(tree)


def _overlay_on_mapped(parsed: ParsedOptions, target: Target, scratch: str, userns: int) -> None:
    """Lower layers are mounted id-mapped beside the target for as long as mount(2) looks at them."""
    made: list[str] = []
    data: list[str] = []
    try:
        for option in parsed.data:
            name, _, value = option.partition("=")
            if name != "lowerdir":
                data.append(option)
                continue
            for n, layer in enumerate(value.split(":")):
                layered = os.path.join(scratch, str(n))
                os.mkdir(layered)
                tree = _mapped_tree(layer, userns, False)
                try:
                    _attach(tree, layered)
                finally:
                    os.close(tree)
                made.append(layered)
            data.append("lowerdir=" + ":".join(made))
        target.do("overlay", "overlay", parsed.flags, ",".join(data))
    finally:
        for layered in made:
            unmount(layered, MNT_DETACH)


def _mapped_tree(source: str, userns: int, recursive: bool) -> int:
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | (_AT_RECURSIVE if recursive else 0)
    tree = syscall("open_tree", ctypes.c_int(-100), os.fsencode(source), ctypes.c_uint(flags), path=source)
    attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_IDMAP, 0, 0, userns)
    try:
        how = _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
        syscall(
            "mount_setattr", ctypes.c_int(tree), b"", ctypes.c_uint(how), ctypes.byref(attributes),
            ctypes.c_size_t(32), path=source,
        )  # fmt: skip
    except OSError:
        os.close(tree)
        raise
    return tree


def maps_ids(path: str | os.PathLike[str]) -> bool:
    """Return whether directories there can be mounted id-mapped, beneath overlays, too (Linux 5.19). Takes some milliseconds.

    A path that is not there yet is taken for what is above it.
    """
    there = os.path.abspath(path)
    while not os.path.exists(there):
        there = os.path.dirname(there)
    version = [int(part) for part in re.findall(r"\d+", os.uname().release)[:2]]
    if os.geteuid() != 0 or version < [5, 19]:
        return False
    try:
        with user_namespace("0:100000:1000", "") as userns:
            os.close(_mapped_tree(there, userns, False))
    except (OSError, FailedPrecondition):
        return False  # no such mounts of this file system, or no user namespaces: in a chroot, or where they are forbidden
    return True
