"""Overlay bytes: ``fs`` is a layer's own tree, ``work`` the kernel's scratch of an active one.

Mounts say what containerd's overlay snapshotter says, in its order: clients compare and parse them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from argosy.errors import InvalidArgument
from argosy.mounts import Mount
from argosy.plugin.snapshots import Backend, Kind, Usage
from argosy.plugin.snapshots.tree import disk_usage
from argosy.unpack.settle import TRUSTED_OPAQUE, settle_tree

from argosy_snapshotter_overlay.layout import Abilities

UID_MAPPING: Final = "containerd.io/snapshot/uidmapping"
GID_MAPPING: Final = "containerd.io/snapshot/gidmapping"
UPPERDIR: Final = "containerd.io/snapshot/overlay.upperdir"


# Ids have 32 bits, and the last one means "none".
_IDS: Final = (1 << 32) - 1
_ID_MAP: Final = re.compile(r"[0-9]{1,10}:[0-9]{1,10}:[0-9]{1,10}(?:,[0-9]{1,10}:[0-9]{1,10}:[0-9]{1,10})*", re.ASCII)


def _id_map(labels: Mapping[str, str], label: str) -> list[tuple[int, int, int]]:
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


def _host_root(rows: Sequence[tuple[int, int, int]]) -> int | None:
    """Return the host id of container id 0, or None."""
    return next((host for container, host, _ in rows if container == 0), None)


class OverlayBackend(Backend):
    """One directory with ``fs`` and ``work`` a snapshot."""

    def __init__(self, abilities: Abilities, mount_options: Sequence[str] = (), upperdir_label: bool = False) -> None:
        self._abilities = abilities
        # In a user namespace a layer's whiteouts can't be made without the layers below.
        self.rebases = not abilities.userxattr
        self._opaque_xattr = "user.overlay.opaque" if abilities.userxattr else TRUSTED_OPAQUE
        self._upperdir_label = upperdir_label
        self._extra = list(mount_options)
        if abilities.userxattr:
            self._extra.append("userxattr")
        if abilities.index_off:
            self._extra.append("index=off")

    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        uid, gid = _host_root(_id_map(labels, UID_MAPPING)), _host_root(_id_map(labels, GID_MAPPING))
        fs = directory / "fs"
        fs.mkdir()
        os.chmod(fs, 0o755)
        if kind is Kind.ACTIVE:
            work = directory / "work"
            work.mkdir()
            os.chmod(work, 0o711)
        if uid is not None and gid is not None:
            os.lchown(fs, uid, gid)
        elif parents:
            stat = os.stat(parents[0] / "fs")
            if (stat.st_uid, stat.st_gid) != (os.geteuid(), os.getegid()):
                os.lchown(fs, stat.st_uid, stat.st_gid)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        remap: list[str] = []
        if self._abilities.remap_ids:
            remap += [f"uidmap={labels[UID_MAPPING]}"] if _id_map(labels, UID_MAPPING) else []
            remap += [f"gidmap={labels[GID_MAPPING]}"] if _id_map(labels, GID_MAPPING) else []
        if not parents:
            mode = "rw" if kind is Kind.ACTIVE else "ro"
            return [Mount("bind", str(directory / "fs"), (*remap, mode, "rbind"))]
        if kind is Kind.VIEW and len(parents) == 1:
            return [Mount("bind", str(parents[0] / "fs"), (*remap, "ro", "rbind"))]
        options = list(remap)
        if kind is Kind.ACTIVE:
            options += [f"workdir={directory / 'work'}", f"upperdir={directory / 'fs'}"]
        options.append("lowerdir=" + ":".join(str(p / "fs") for p in parents))
        return [Mount("overlay", "overlay", (*options, *self._extra))]

    def seal(self, directory: Path, parents: Sequence[Path] | None) -> None:
        if parents is not None:
            settle_tree(str(directory / "fs"), [str(p / "fs") for p in parents], self._opaque_xattr)

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        return disk_usage(directory / "fs")

    def info_labels(self, directory: Path, kind: Kind) -> Mapping[str, str]:
        return {UPPERDIR: str(directory / "fs")} if self._upperdir_label else {}
