"""Temporary directories for mounts: they go with the block, and what a killed process has left there goes with the next one's.

Who makes one holds flock(2) on it, which ends with the process however that ends. Mounts are made on directories inside of it:
the kernel looks up a name in what is mounted on it, and there the lock is not.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from argosy.kernel.unmount import unmount_tree

_PREFIX: Final = "argosy-mounts-"


@contextmanager
def temporary_directory() -> Iterator[str]:
    """Yield a new directory for empty directories to mount on; at the end of the block nothing is mounted there. Raises OSError."""
    import tempfile  # slow to import, and shims seldom need it

    _sweep(tempfile.gettempdir())
    while (made := _locked(tempfile.mkdtemp(prefix=_PREFIX))) is None:
        pass
    directory, lock = made
    try:
        yield directory
    finally:
        try:
            _remove(directory)
        finally:
            os.close(lock)


def _locked(directory: str) -> tuple[str, int] | None:
    """Return a directory with its lock; None when a sweep came first, and takes it away."""
    try:
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.stat(directory), os.fstat(lock)):
            return directory, lock
    except (BlockingIOError, FileNotFoundError):
        pass  # it is being taken away, or has been
    except BaseException:
        os.close(lock)
        raise
    os.close(lock)
    return None


def _remove(directory: str) -> None:
    """Remove a directory with the empty ones, and the symlinks, in it: of what is still mounted, or is no place to mount on, nothing is deleted."""
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        (os.unlink if os.path.islink(path) else os.rmdir)(path)
    os.rmdir(directory)


def _sweep(folder: str) -> None:
    """Unmount and remove what processes have left that are no more."""
    with os.scandir(folder) as entries:
        found = [entry.path for entry in entries if entry.name.startswith(_PREFIX)]
    for directory in found:
        with suppress(OSError):  # its owner lives, it is somebody else's, or gone meanwhile
            _take_away(directory)


def _take_away(directory: str) -> None:
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(lock).st_uid == os.geteuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unmount_tree(directory)
            _remove(directory)
    finally:
        os.close(lock)
