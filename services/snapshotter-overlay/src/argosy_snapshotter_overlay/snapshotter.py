"""Overlay bytes: ``fs`` is a layer's own tree, ``work`` the kernel's scratch of an active one.

Mounts say what containerd's overlay snapshotter says, in its order: clients compare and parse them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from argosy.mounts import Mount
from argosy.plugin.snapshots import Backend, Kind, Usage, remap
from argosy.plugin.snapshots.tree import disk_usage
from argosy.unpack.settle import TRUSTED_OPAQUE, settle_tree

from argosy_snapshotter_overlay.layout import Abilities

UPPERDIR: Final = "containerd.io/snapshot/overlay.upperdir"


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
        owner = remap.root_owner(labels)
        fs = directory / "fs"
        fs.mkdir()
        os.chmod(fs, 0o755)
        if kind is Kind.ACTIVE:
            work = directory / "work"
            work.mkdir()
            os.chmod(work, 0o711)
        if owner is not None:
            os.lchown(fs, *owner)
        elif parents:
            stat = os.stat(parents[0] / "fs")
            if (stat.st_uid, stat.st_gid) != (os.geteuid(), os.getegid()):
                os.lchown(fs, stat.st_uid, stat.st_gid)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        mapped = remap.mount_options(labels) if self._abilities.remap_ids else []
        if not parents:
            mode = "rw" if kind is Kind.ACTIVE else "ro"
            return [Mount("bind", str(directory / "fs"), (*mapped, mode, "rbind"))]
        if kind is Kind.VIEW and len(parents) == 1:
            return [Mount("bind", str(parents[0] / "fs"), (*mapped, "ro", "rbind"))]
        options = list(mapped)
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
