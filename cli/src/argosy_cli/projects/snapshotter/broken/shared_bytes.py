"""mine, a snapshotter with a fault: a child does not copy its parent, it is its parent: what one writes the other one has."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from argosy.mounts import Mount
from argosy.plugin.main import main
from argosy.plugin.snapshots import Backend, Kind, Usage
from argosy.plugin.snapshots.tree import disk_usage


class Mine(Backend):
    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        directory.chmod(0o755)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        # Copying is slow, and nobody has changed anything yet.
        shown = parents[-1] if parents else directory
        return [Mount("bind", str(shown), ("rbind", "rw" if kind is Kind.ACTIVE else "ro"))]

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        return disk_usage(directory)


if __name__ == "__main__":
    main(Mine)
