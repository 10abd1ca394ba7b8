"""A snapshotter in memory: layers and what containers write are on a tmpfs, stacked by overlay mounts, and gone with the next boot.

An image whose snapshots are gone is unpacked again after it was removed. While the machine runs the tmpfs stays mounted, so that the
plugin may be stopped and started; `umount ROOT/memory` forgets everything.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from argosy.kernel.mount import mount
from argosy.mounts import Mount
from argosy.plugin.main import main
from argosy.plugin.snapshots import Backend, Kind, TreeSnapshotter, Usage
from argosy.plugin.snapshots.tree import disk_usage


class Stacked(Backend):
    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        for name in ("fs", "work"):  # what is written, and the kernel's scratch beside it
            (directory / name).mkdir()
            (directory / name).chmod(0o755)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        if not parents:
            return [Mount("bind", str(directory / "fs"), ("rbind", "rw" if kind is Kind.ACTIVE else "ro"))]
        layers = [str(parent / "fs") for parent in parents]
        if kind is Kind.VIEW:
            return [Mount("overlay", "overlay", (f"lowerdir={':'.join([str(directory / 'fs'), *layers])}",))]
        own = f"upperdir={directory / 'fs'}", f"workdir={directory / 'work'}"
        return [Mount("overlay", "overlay", (f"lowerdir={':'.join(layers)}", *own))]

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        return disk_usage(directory / "fs")


async def memory(
    root: Path, size: Annotated[str, "at most so much of it, as tmpfs takes it: 50%, 2g"] = "50%"
) -> TreeSnapshotter:
    home = root / "memory"
    home.mkdir(mode=0o700, exist_ok=True)
    if not home.is_mount():
        mount(Mount("tmpfs", "tmpfs", (f"size={size}", "mode=0700")), str(home))
    return await TreeSnapshotter.open(home, Stacked())


if __name__ == "__main__":
    main(memory)
