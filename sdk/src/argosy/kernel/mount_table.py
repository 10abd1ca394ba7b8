"""The kernel's table of mounts (mountinfo(5)), and what is read from it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple


class Mounted(NamedTuple):
    """A row of mountinfo(5): mount point, mounted directory of the file system, type, source, options."""

    point: str
    root: str
    type: str
    source: str
    options: tuple[str, ...]
    super_options: tuple[str, ...]
    """Those of the file system; of a cgroup hierarchy, its controllers are among them."""


def _unescaped(field: str) -> str:
    if "\\" not in field:
        return field
    first, *rest = os.fsencode(field).split(b"\\")
    return os.fsdecode(first + b"".join(bytes((int(part[:3], 8),)) + part[3:] for part in rest))


def mount_points() -> Iterator[Mounted]:
    """Yield this namespace's mounts, the earliest first."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            before, _, after = line.rstrip("\n").partition(" - ")
            fields, (kind, source, options) = before.split(" "), after.split(" ", 2)
            yield Mounted(
                _unescaped(fields[4]),
                _unescaped(fields[3]),
                kind,
                _unescaped(source),
                tuple(fields[5].split(",")),
                tuple(options.split(",")),
            )


def answers_at_once(path: str) -> bool:
    """Return whether a path's file system is the kernel's own: no process and no network answers for it.

    By the mount table alone, so that nothing is asked that may not answer; symlinks are not followed.
    """
    path = os.path.abspath(path)
    nearest, kind = "", ""
    for mounted in mount_points():
        point = mounted.point.rstrip("/")
        if len(point) >= len(nearest) and (path == point or path.startswith(point + "/")):
            nearest, kind = point, mounted.type
    return not kind.startswith(("fuse", "nfs", "cifs", "smb", "9p", "virtiofs", "ceph", "afs"))


def mounts_below(prefix: str) -> list[str]:
    """Return the mount points at or below prefix, deepest last."""
    inside = prefix.rstrip("/") + "/"
    return [m.point for m in mount_points() if m.point == prefix or m.point.startswith(inside)]
