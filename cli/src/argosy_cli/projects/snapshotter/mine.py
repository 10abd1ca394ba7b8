"""mine, a snapshotter: each snapshot is a directory, and begins as a copy of its parent's."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from argosy.mounts import Mount
from argosy.plugin.main import main
from argosy.plugin.snapshots import Backend, Kind, Usage
from argosy.plugin.snapshots.tree import disk_usage

# Keys, names, parents, labels, times and errors are done by the SDK. Three answers are yours: how a snapshot's bytes are made, how a
# container mounts them, and how much room they take. All three run in threads: they may block.


class Mine(Backend):
    # Say True once your layers are stacked by the mount instead of copied: what was prepared without a parent is right on any then.
    rebases = False

    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        """Fill a new directory. parents are those of committed snapshots, the nearest first; none for the first layer of an image."""
        # What a container may enter; the SDK makes it for root alone.
        directory.chmod(0o755)
        if parents:
            # Change this to keep layers in another way: reflinks, a volume of a storage system, a file system of your own. What raises
            # here fails the call, and nothing of the snapshot stays.
            subprocess.run(["cp", "-aT", "--reflink=auto", "--", parents[0], directory], check=True)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        """Say how it is mounted, and mount nothing: whoever asked does. A view is never written."""
        # Change this to stack layers: Mount("overlay", "overlay", ("lowerdir=...", "upperdir=...", "workdir=...")).
        return [Mount("bind", str(directory), ("rbind", "rw" if kind is Kind.ACTIVE else "ro"))]

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        """Return what it takes on disk beyond its parents."""
        return disk_usage(directory)

    # More can be said, and need not be: seal() when a snapshot is committed, release() before its directory is deleted, attach(),
    # info_labels(). argosy.plugin.snapshots.Backend describes them.


if __name__ == "__main__":
    # --root, --address, --help, signals and the service manager are main's. Give Mine an __init__ with parameters, and each is a flag:
    # def __init__(self, size: Annotated[str, "how large"] = "2g") is --size.
    main(Mine)
