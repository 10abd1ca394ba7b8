"""Trees of any depth, by directory descriptors: a container may have nested directories deeper than a path is long.

No symlink is followed and nothing is looked up by a path of more than one name.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_LEVELS: Final = 64


@dataclass(frozen=True, slots=True)
class Entered:
    """A directory on the way down; entries are its names with their lstat. fd is the directory's, for this step only."""

    fd: int
    name: bytes
    entries: list[tuple[bytes, os.stat_result]]


@dataclass(frozen=True, slots=True)
class Left:
    """The same directory on the way up. fd is its parent's, for this step only; -1 for the root."""

    fd: int
    name: bytes


@dataclass(slots=True)
class _Level:
    name: bytes
    fd: int
    id: tuple[int, int]
    todo: deque[bytes]


def _entries(fd: int) -> list[tuple[bytes, os.stat_result]]:
    found: list[tuple[bytes, os.stat_result]] = []
    with os.scandir(fd) as scan:
        for entry in scan:
            try:
                found.append((os.fsencode(entry.name), entry.stat(follow_symlinks=False)))
            except FileNotFoundError:
                continue  # it went meanwhile
    return found


def descend(root: str | bytes | os.PathLike[str], dir_fd: int | None = None) -> Iterator[Entered | Left]:
    """Walk root, a directory (a name in dir_fd, if given), down and up. What vanishes meanwhile is left out. Raises OSError for root."""
    levels: list[_Level] = []

    def enter(fd: int, name: bytes) -> Entered:
        info = os.fstat(fd)
        found = _entries(fd)
        below = deque(n for n, s in found if stat.S_ISDIR(s.st_mode))
        levels.append(_Level(name, fd, (info.st_dev, info.st_ino), below))
        if len(levels) > _OPEN_LEVELS and levels[-_OPEN_LEVELS - 1].fd >= 0:
            old = levels[-_OPEN_LEVELS - 1]
            os.close(old.fd)
            old.fd = -1
        return Entered(fd, name, found)

    try:
        yield enter(os.open(root, _DIRECTORY, dir_fd=dir_fd), b"")
        while levels:
            level = levels[-1]
            if level.todo:
                name = level.todo.popleft()
                try:
                    fd = os.open(name, _DIRECTORY, dir_fd=level.fd)
                except OSError as error:
                    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                        continue
                    raise
                yield enter(fd, name)
                continue
            if len(levels) > 1 and levels[-2].fd < 0:
                up = levels[-2]
                up.fd = os.open(b"..", _DIRECTORY, dir_fd=level.fd)
                info = os.fstat(up.fd)
                if (info.st_dev, info.st_ino) != up.id:
                    raise OSError(errno.ESTALE, "a directory was moved away while it was walked", os.fsdecode(root))
            levels.pop()
            os.close(level.fd)
            yield Left(levels[-1].fd if levels else -1, level.name)
    finally:
        for level in levels:
            if level.fd >= 0:
                os.close(level.fd)


def remove_tree(root: str | bytes | os.PathLike[str], dir_fd: int | None = None) -> bool:
    """Delete a directory and all below it, as far as that is allowed; return whether it is gone. Never raises OSError."""
    try:
        for step in descend(root, dir_fd):
            if isinstance(step, Entered):
                for name, info in step.entries:
                    if not stat.S_ISDIR(info.st_mode):
                        _quietly_unlink(name, step.fd)
            elif step.fd >= 0:
                try:
                    os.rmdir(step.name, dir_fd=step.fd)
                except OSError:
                    continue  # not empty, or mounted on
        os.rmdir(root, dir_fd=dir_fd)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _quietly_unlink(name: bytes, fd: int) -> None:
    try:
        os.unlink(name, dir_fd=fd)
    except OSError:
        return  # immutable, or gone: the directory's own removal tells
