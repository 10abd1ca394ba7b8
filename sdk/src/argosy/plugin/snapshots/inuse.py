"""Finds the snapshot directories that are mounted anywhere on this machine, in whatever mount namespace."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path


def _tables() -> Iterator[str]:
    """Yield the mount table of each mount namespace, ours first."""
    seen: set[str] = set()
    for process in ["self", *(p for p in os.listdir("/proc") if p.isdigit())]:
        try:
            namespace = os.readlink(f"/proc/{process}/ns/mnt")
            if namespace in seen:
                continue
            table = Path(f"/proc/{process}/mountinfo").read_text(errors="surrogateescape")
        except OSError:
            continue  # it has ended, or is not ours to look at
        seen.add(namespace)
        yield table


def mounted(directory: Path, ids: Collection[int]) -> set[int]:
    """Return those of ids whose ``<directory>/<id>`` is mounted, or is a layer of an overlay. For rare occasions: it reads all of /proc.

    Another root whose path ends alike may be taken for ours; nobody loses anything by that.
    """
    # Binds show the path below their file system's root, of which we know the end for sure; layers may be named from within directory.
    tail = re.escape(f"{directory.parent.name}/{directory.name}")
    by_path = re.compile(rf"{tail}/(\d+)(?=[/:, \n]|$)", re.MULTILINE)
    inside = re.compile(r"(?:lowerdir\+?|upperdir|workdir)=([^, \n]+)")
    layer = re.compile(r"(?:^|:)(\d+)/")
    found: set[int] = set()
    for table in _tables():
        found |= {int(number) for number in by_path.findall(table)}
        for layers in inside.findall(table):
            found |= {int(number) for number in layer.findall(layers)}
    return found & set(ids)
