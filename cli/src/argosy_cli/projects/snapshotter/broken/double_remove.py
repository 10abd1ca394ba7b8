"""mine, a snapshotter with a fault: Remove of what is not there answers that it is removed."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from argosy.errors import NotFound
from argosy.mounts import Mount
from argosy.plugin.main import main
from argosy.plugin.snapshots import Backend, Kind, TreeSnapshotter, Usage
from argosy.plugin.snapshots.tree import disk_usage


class Mine(Backend):
    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        directory.chmod(0o755)
        if parents:
            subprocess.run(["cp", "-aT", "--reflink=auto", "--", parents[0], directory], check=True)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        return [Mount("bind", str(directory), ("rbind", "rw" if kind is Kind.ACTIVE else "ro"))]

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        return disk_usage(directory)


class Faulty(TreeSnapshotter):
    async def remove(self, key: str) -> None:
        try:
            await super().remove(key)
        except NotFound:
            return  # is it not gone, as was wished?


async def mine(root: Path) -> Faulty:
    return await Faulty.open(root, Mine())


if __name__ == "__main__":
    main(mine)
