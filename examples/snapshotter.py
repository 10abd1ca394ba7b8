"""A snapshotter in one class: each snapshot is a directory, and begins as a copy of its parent's. `snapshotter.py ROOT SOCKET` serves it."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from argosy.mounts import Mount
from argosy.plugin.serve import serve
from argosy.plugin.snapshots import Backend, Kind, TreeSnapshotter, Usage
from argosy.plugin.snapshots.tree import disk_usage


class Plain(Backend):
    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        directory.chmod(0o755)
        if parents:  # cp -a keeps owners, modes and links; shutil.copytree would follow a layer's links into the host
            subprocess.run(["cp", "-aT", "--", parents[0], directory], check=True)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        return [Mount("bind", str(directory), ("rbind", "rw" if kind is Kind.ACTIVE else "ro"))]

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        return disk_usage(directory)


async def main(root: Path, address: Path) -> None:
    await serve(await TreeSnapshotter.open(root, Plain()), address)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C ends it
        asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
