"""Labels that map ids: with them a root file system is handed out for a user namespace, without a chown of any layer.

The layers are mounted id-mapped by whoever performs the mounts (options ``uidmap=`` and ``gidmap=``). What a container writes goes to a
directory of its own that is not mapped: that belongs to the host's id of the container's root from the beginning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from argosy.errors import FailedPrecondition, InvalidArgument
from argosy.kernel.mount_one import mount
from argosy.kernel.unmount import MNT_DETACH, unmount
from argosy.mounts import Mount

UID_MAPPING: Final = "containerd.io/snapshot/uidmapping"
GID_MAPPING: Final = "containerd.io/snapshot/gidmapping"

# Ids have 32 bits, and the last one means "none".
_IDS: Final = (1 << 32) - 1
_ID_MAP: Final = re.compile(r"[0-9]{1,10}:[0-9]{1,10}:[0-9]{1,10}(?:,[0-9]{1,10}:[0-9]{1,10}:[0-9]{1,10})*", re.ASCII)


def _rows(labels: Mapping[str, str], label: str) -> list[tuple[int, int, int]]:
    """Return a label's (container id, host id, count) rows; none when it is not there.

    A layer's annotation can set the label, and it becomes a mount option: what is no list of ``c:h:n`` is refused.
    Raises InvalidArgument.
    """
    text = labels.get(label, "")
    if not text:
        return []
    rows = [tuple(map(int, row.split(":"))) for row in text.split(",")] if _ID_MAP.fullmatch(text) else []
    found = [(c, h, n) for c, h, n in rows if n and c + n <= _IDS and h + n <= _IDS]
    if not found or len(found) != len(rows):
        raise InvalidArgument(f"label {label} is {text[:64]!r}, which is no list of container:host:count below 2^32 - 1")
    return found


def _root(rows: Sequence[tuple[int, int, int]]) -> int | None:
    """Return the host id of container id 0, or None."""
    return next((host for container, host, _ in rows if container == 0), None)


def root_owner(labels: Mapping[str, str]) -> tuple[int, int] | None:
    """Return who owns the container's root on the host, user and group; None when the labels don't say both. Raises InvalidArgument."""
    uid, gid = _root(_rows(labels, UID_MAPPING)), _root(_rows(labels, GID_MAPPING))
    return None if uid is None or gid is None else (uid, gid)


def mount_options(labels: Mapping[str, str]) -> list[str]:
    """Return the mount options of the labels. Raises InvalidArgument."""
    options: list[str] = []
    for name, label in (("uidmap", UID_MAPPING), ("gidmap", GID_MAPPING)):
        if _rows(labels, label):
            options.append(f"{name}={labels[label]}")
    return options


def is_possible(layers: Sequence[str], point: Path) -> bool:
    """Return whether an overlay of these layers (its options) can be mounted on the directory point with mapped ids. Nothing stays mounted."""
    try:
        mount(Mount("overlay", "overlay", ("uidmap=0:100000:1000", "gidmap=0:100000:1000", *layers)), str(point))
    except (OSError, FailedPrecondition):
        return False  # no such mounts in this kernel, or no user namespaces: in a chroot, or where they are forbidden
    unmount(str(point), MNT_DETACH)
    return True
