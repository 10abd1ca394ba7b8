"""Trees of any depth, by directory descriptors: a container may have nested directories deeper than a path is long.

No symlink is followed and nothing is looked up by a path of more than one name.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_LEVELS: Final = 64


@dataclass(frozen=True, slots=True)
class Entered:
    """A directory on the way down. fd is the directory's and entries can be asked for their lstat, for this step only."""

    fd: int
    name: str
    entries: list[os.DirEntry[str]]

    def stats(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield names with their lstat; what went meanwhile is left out."""
        for entry in self.entries:
            try:
                yield entry.name, entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue


@dataclass(frozen=True, slots=True)
class Left:
    """The same directory on the way up. fd is its parent's, for this step only; -1 for the root."""

    fd: int
    name: str


@dataclass(slots=True)
class _Level:
    name: str
    fd: int
    id: tuple[int, int]
    todo: deque[str]


def _always(_: int, __: str) -> bool:
    return True


def descend(
    root: str | bytes | os.PathLike[str], dir_fd: int | None = None, into: Callable[[int, str], bool] = _always
) -> Iterator[Entered | Left]:
    """Walk root, a directory (a name in dir_fd, if given), down and up. What vanishes meanwhile is left out. Raises OSError for root.

    into is asked with each directory's descriptor and name, but for root's: one that it says False of is not entered.
    """
    levels: list[_Level] = []

    def enter(fd: int, name: str) -> Entered:
        info = os.fstat(fd)
        with os.scandir(fd) as scan:
            found = list(scan)
        below = deque(entry.name for entry in found if entry.is_dir(follow_symlinks=False))
        levels.append(_Level(name, fd, (info.st_dev, info.st_ino), below))
        if len(levels) > _OPEN_LEVELS and levels[-_OPEN_LEVELS - 1].fd >= 0:
            old = levels[-_OPEN_LEVELS - 1]
            os.close(old.fd)
            old.fd = -1
        return Entered(fd, name, found)

    try:
        yield enter(os.open(root, _DIRECTORY, dir_fd=dir_fd), "")
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
                if not into(fd, name):
                    os.close(fd)
                    continue
                yield enter(fd, name)
                continue
            if len(levels) > 1 and levels[-2].fd < 0:
                up = levels[-2]
                up.fd = os.open("..", _DIRECTORY, dir_fd=level.fd)
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


def _never() -> bool:
    return False


def remove_tree(root: str | bytes | os.PathLike[str], dir_fd: int | None = None, left: Callable[[], bool] = _never) -> bool:
    """Delete a directory and all below it, as far as that is allowed; return whether it is gone. Never raises OSError.

    left is asked before each entry: the rest stays once it returns True.
    """
    try:
        for step in descend(root, dir_fd):
            if isinstance(step, Entered):
                for entry in step.entries:
                    if left():
                        return False
                    if not entry.is_dir(follow_symlinks=False):
                        _quietly_unlink(entry.name, step.fd)
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


def _quietly_unlink(name: str, fd: int) -> None:
    try:
        os.unlink(name, dir_fd=fd)
    except OSError:
        return  # immutable, or gone: the directory's own removal tells
