"""mine, a snapshotter with a fault: a view can be written."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from argosy.mounts import Mount
from argosy.plugin.main import main
from argosy.plugin.snapshots import Backend, Kind, Usage
from argosy.plugin.snapshots.tree import disk_usage


class Mine(Backend):
    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        directory.chmod(0o755)
        if parents:
            subprocess.run(["cp", "-aT", "--reflink=auto", "--", parents[0], directory], check=True)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        return [Mount("bind", str(directory), ("rbind", "rw"))]

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        return disk_usage(directory)


if __name__ == "__main__":
    main(Mine)
