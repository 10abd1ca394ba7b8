"""A remote snapshotter: layers that lie unpacked in a directory, on a file system that hosts share, are never fetched.

Each is a directory named by the hexadecimal digits of its layer's digest, or, for a client that says nothing of that, of its chain id: as an
overlay keeps it, with whiteouts as devices 0:0. What is not there is fetched and unpacked as everywhere.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from argosy.digest import Digest
from argosy.errors import AlreadyExists
from argosy.labels import CRI_PREFIX, REMOTE, SNAPSHOT_REF, STARGZ_PREFIX
from argosy.mounts import Mount
from argosy.plugin.main import main
from argosy.plugin.snapshots import Backend, Kind, TreeSnapshotter, Usage
from argosy.plugin.snapshots.tree import disk_usage


class Shared(Backend):
    def __init__(self, layers: Path) -> None:
        self.layers = layers

    def found(self, labels: Mapping[str, str]) -> Path | None:
        said = [
            labels[key] for key in (CRI_PREFIX + "layer-digest", STARGZ_PREFIX + "digest", SNAPSHOT_REF) if key in labels
        ]
        there = [path for path in (self.layers / Digest.parse(digest).hex for digest in said) if path.is_dir()]
        return there[0] if there else None

    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        (directory / "work").mkdir()
        if (layer := self.found(labels)) is not None:
            (directory / "fs").symlink_to(layer)
        else:
            (directory / "fs").mkdir()
            (directory / "fs").chmod(0o755)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        layers = [str((path / "fs").resolve()) for path in (directory, *parents)]
        if not parents:
            return [Mount("bind", layers[0], ("rbind", "rw" if kind is Kind.ACTIVE else "ro"))]
        if kind is Kind.VIEW:
            return [Mount("overlay", "overlay", (f"lowerdir={':'.join(layers)}",))]
        own = f"upperdir={layers[0]}", f"workdir={directory / 'work'}"
        return [Mount("overlay", "overlay", (f"lowerdir={':'.join(layers[1:])}", *own))]

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        return Usage() if (directory / "fs").is_symlink() else disk_usage(directory / "fs")


class Remote(TreeSnapshotter):
    async def prepare(self, key: str, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]:
        mounts = await super().prepare(key, parent, labels)
        if not isinstance(self.backend, Shared) or SNAPSHOT_REF not in labels or self.backend.found(labels) is None:
            return mounts
        target = labels[SNAPSHOT_REF]
        try:  # committed first, and said afterwards: that is what a client looks for when it hears that it exists
            await self.commit(f"{target} on {parent}", key, {**labels, REMOTE: "unpacked"}, "")
        except AlreadyExists:
            await self.remove(key)
        raise AlreadyExists(f'target snapshot "{target}"')


async def unpacked(root: Path, layers: Annotated[Path, "directory of the layers that are unpacked already"]) -> Remote:
    return await Remote.open(root, Shared(layers))


if __name__ == "__main__":
    main(unpacked)
