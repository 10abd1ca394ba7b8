"""mine, a snapshotter with a fault: a committed snapshot has the labels of the active one, and not those of its Commit."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

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
    async def commit(self, name: str, key: str, labels: Mapping[str, str], parent: str) -> None:
        await super().commit(name, key, (await self.stat(key)).labels, parent)


async def mine(root: Path) -> Faulty:
    return await Faulty.open(root, Mine())


if __name__ == "__main__":
    main(mine)
