"""mount(2) and its younger siblings: performs one mount that a snapshotter hands out.

Options are those of mount(8). Besides flags and file system data these have a meaning here:

* ``loop``: the source is a file; a loop device is made for it, which goes with the mount
* ``uidmap=c:h:n`` / ``gidmap=c:h:n``: the source (or an overlay's lower layers) is mounted id-mapped
* an overlay whose options are longer than a page is mounted through the new mount API
* a type ``fuse3.NAME`` or ``fuse.NAME`` is mounted by ``mount.fuse3`` or ``mount.fuse``, which runs the program NAME

A mount's own target is a name in a tree that somebody else has written: ``mount_target`` looks it up inside of that tree. Each of these
is a module beside this one: ``mount_options``, ``mount_target``, ``mount_trees``, ``mount_helpers``, ``loop_device``; ``unmount`` undoes
them, ``mount_table`` reads what is mounted, ``mount`` performs whole lists.
"""

from __future__ import annotations

import os
import stat
from typing import Final

from argosy.errors import FailedPrecondition
from argosy.kernel.loop_device import loop_device
from argosy.kernel.mount_helpers import helper_of, mount_by_helper
from argosy.kernel.mount_options import MS_BIND, MS_RDONLY, MS_REC, MS_REMOUNT, parse_options
from argosy.kernel.mount_target import Target
from argosy.kernel.mount_trees import mount_idmapped, mount_overlay_by_parts
from argosy.mounts import Mount

_PAGE: Final = 4096
_DEVICE: Final = "device="
# Options that a mount manager takes out of what it prepares.
_MANAGERS: Final = "X-containerd."


def mount(spec: Mount, path: str) -> None:
    """Mount spec on path (a directory, or a file for a bind of a file), which is followed if it is a symlink.

    The target of spec is a name below path, and never anywhere else. Raises OSError, InvalidArgument, FailedPrecondition.
    """
    if "/" in spec.type:
        raise FailedPrecondition(f'a mount of type "{spec.type}" has to be prepared by a mount manager first')
    for option in spec.options:
        if option.startswith(_MANAGERS):
            raise FailedPrecondition(f'internal mount option "{option}" was not consumed by the mount manager')
    if (helped := helper_of(spec.type)) is not None:
        mount_by_helper(*helped, spec, path)
        return
    if spec.type == "erofs":
        _check_images(spec)
    target = Target(path, spec.target)
    parsed = parse_options(spec.options)
    kind = spec.type
    bind = kind in ("bind", "rbind") or bool(parsed.flags & MS_BIND)
    if parsed.uidmap or parsed.gidmap:
        mount_idmapped(spec, parsed, target)
    elif bind:
        target.do(spec.source, "bind", MS_BIND | parsed.flags & MS_REC, "")
    elif parsed.loop:
        with loop_device(spec.source, bool(parsed.flags & MS_RDONLY)) as device:
            target.do(device, kind, parsed.flags, ",".join(parsed.data))
    else:
        data = ",".join(parsed.data)
        if kind == "overlay" and len(data) >= _PAGE - 1:
            mount_overlay_by_parts(parsed, target)
        else:
            target.do(spec.source, kind, parsed.flags, data)
    try:
        # A bind ignores every other flag the first time.
        rest = parsed.flags & ~(MS_BIND | MS_REC)
        if bind and rest:
            target.do("", "", MS_BIND | MS_REMOUNT | rest, "")
        for change in parsed.propagation:
            target.do("", "", change, "")
    except BaseException:
        target.undo()
        raise


def _check_images(spec: Mount) -> None:
    """Refuse images that are neither files nor disks. Raises FailedPrecondition.

    The kernel opens those of EROFS as files, and waits at a FIFO until somebody writes to it.
    """
    devices = [option.removeprefix(_DEVICE) for option in spec.options if option.startswith(_DEVICE)]
    for image in (spec.source, *devices):
        try:
            mode = os.stat(image).st_mode
        except OSError:
            continue  # the kernel says so, where it needs one
        if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
            raise FailedPrecondition(f"{image} is no image: it is neither a file nor a disk; name one")
