"""Native bytes: ``<id>`` is the tree itself; a view mounts its parent's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from argosy.mounts import Mount
from argosy.plugin.snapshots import Backend, Kind, Usage
from argosy.plugin.snapshots.tree import disk_usage

from argosy_snapshotter_native.copy import copy_tree


class NativeBackend(Backend):
    """One plain tree a snapshot."""

    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        if parents and kind is Kind.ACTIVE:
            copy_tree(parents[0], directory)
        else:
            os.chmod(directory, 0o755)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        source = parents[0] if kind is Kind.VIEW and parents else directory
        return [Mount("bind", str(source), ("rbind", "rw" if kind is Kind.ACTIVE else "ro"))]

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        return disk_usage(directory)
