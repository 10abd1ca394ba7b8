"""mine, a snapshotter with a fault: it never takes any room."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from argosy.mounts import Mount
from argosy.plugin.main import main
from argosy.plugin.snapshots import Backend, Kind, Usage


class Mine(Backend):
    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        directory.chmod(0o755)
        if parents:
            subprocess.run(["cp", "-aT", "--reflink=auto", "--", parents[0], directory], check=True)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        return [Mount("bind", str(directory), ("rbind", "rw" if kind is Kind.ACTIVE else "ro"))]

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        return Usage()


if __name__ == "__main__":
    main(Mine)
