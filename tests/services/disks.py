"""A snapshotter whose snapshots are disks: its mounts have to be prepared, as those of containerd's erofs snapshotter in block mode."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from argosy.mounts import Mount
from argosy.plugin.main import main
from argosy.plugin.snapshots import Backend, Kind, Usage
from argosy.plugin.snapshots.tree import disk_usage

IMAGE = "disk.img"
TREE = "{{ mount 0 }}/tree"


class Disks(Backend):
    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        if parents:
            shutil.copyfile(parents[0] / IMAGE, directory / IMAGE)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        image = str(directory / IMAGE)
        if kind is not Kind.ACTIVE:
            return [Mount("ext4", image, ("ro", "loop", "noload")), Mount("format/bind", TREE, ("rbind", "ro"))]
        made = f"X-containerd.mkdir.path={TREE}:0755"
        return [
            Mount("mkfs/ext4", image, ("X-containerd.mkfs.size=16MiB", "rw", "loop")),
            Mount("format/mkdir/bind", TREE, (made, "rbind", "rw")),
        ]

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        return disk_usage(directory)


if __name__ == "__main__":
    main(Disks)
