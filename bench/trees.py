"""Trees: whether two directories hold the same, in names, kinds, modes, owners, times and bytes."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path


def described(root: Path) -> dict[str, str]:
    """Return what is at every path below root. The root itself and times of directories are left out."""

    def walk(directory: Path) -> Iterator[tuple[str, str]]:
        for entry in os.scandir(directory):
            info = entry.stat(follow_symlinks=False)
            what = f"{stat.filemode(info.st_mode)} {info.st_uid}:{info.st_gid}"
            if entry.is_symlink():
                what += f" -> {os.readlink(entry.path)}"
            elif entry.is_dir():
                yield from walk(Path(entry.path))
            else:
                what += f" {info.st_size} {int(info.st_mtime)} "
                with open(entry.path, "rb") as file:
                    what += hashlib.file_digest(file, "sha256").hexdigest()
            yield os.path.relpath(entry.path, root), what

    return dict(walk(root))


def by_gnu_tar(layers: Sequence[Path], into: Path) -> dict[str, str]:
    """Unpack layers without whiteouts in order with GNU tar, and describe the result."""
    for layer in layers:
        subprocess.run(["tar", "-xpzf", str(layer), "-C", str(into)], check=True)
    return described(into)


def first_difference(wanted: dict[str, str], found: dict[str, str]) -> str:
    """Say where two trees differ, or nothing."""
    for path in sorted(wanted.keys() | found.keys()):
        if wanted.get(path) != found.get(path):
            return f"{path}: {found.get(path, 'missing')}, not {wanted.get(path, 'there at all')}"
    return ""
