"""Room that a store keeps on its disk for itself, so that a full disk can be emptied.

Two kinds: a file ``<database>.reserve``, which is given up when something that removes needs space, and taken back when there is some;
and blocks behind the end of the write-ahead log, which the log grows into, whoever fills the disk meanwhile.
"""

from __future__ import annotations

import errno
import os
import time
from typing import Final

from argosy import log
from argosy.kernel.files import preallocate
from argosy.roots import StrPath

logger = log.get("argosy.store")

# Twice what SQLite lets its log grow to before it writes it into the database (1000 pages of 4 KiB).
LOG_BYTES: Final = 8 << 20
# With less than this, a change may take no more pages than it found.
LOW_BYTES: Final = 4 << 20
_SUFFIX: Final = ".reserve"
# What is left over for names and the like when a start on a full disk had to give up the reserve.
SCRAPS_BYTES: Final = 256 << 10
_BLOCK: Final = 64 << 10
_LEAST_BYTES: Final = 4 << 20
_MOST_BYTES: Final = 64 << 20
_AGAIN_S: Final = 5.0


def free_bytes(path: StrPath) -> int:
    """Return how much we may still write to the file system of path."""
    found = os.statvfs(path)
    # Some blocks are root's alone.
    return (found.f_bfree if os.geteuid() == 0 else found.f_bavail) * found.f_frsize


class Reserve:
    """The file beside a database, or whatever has its name. For one process at a time; every method blocks briefly and none raises OSError."""

    def __init__(self, database: StrPath) -> None:
        self._path = f"{os.fspath(database)}{_SUFFIX}"
        self._database = database
        self._folder = os.path.dirname(os.path.abspath(database))
        self._tried = 0.0

    def _wanted(self) -> int:
        try:
            size = os.stat(self._database).st_size
        except OSError:
            size = 0
        # To drop everything, a log as large as the database may be written.
        return max(_LEAST_BYTES, min(size, _MOST_BYTES))

    @property
    def size(self) -> int:
        """How many bytes are kept now."""
        try:
            return os.stat(self._path).st_blocks * 512
        except OSError:
            return 0

    def low(self) -> bool:
        """Return whether the disk is as good as full."""
        try:
            return free_bytes(self._folder) < LOW_BYTES
        except OSError:
            return False

    def take(self, spare: int = 2 * LOW_BYTES) -> bool:
        """Keep as much of what should be kept as the disk has but for spare bytes; return whether all of it is kept."""
        self._tried = time.monotonic()
        wanted, kept = self._wanted(), self.size
        if kept >= wanted:
            return True
        try:
            size = min(wanted, kept + free_bytes(self._folder) - spare) & ~(_BLOCK - 1)
            if size <= kept:
                return False
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                os.posix_fallocate(fd, 0, size)
            finally:
                os.close(fd)
        except OSError as error:
            logger.debug("store.no_reserve", path=self._path, error=str(error))
            return False
        return size >= wanted

    def take_soon(self) -> None:
        """``take``, unless it was tried a moment ago."""
        if time.monotonic() - self._tried > _AGAIN_S:
            self.take()

    def give(self) -> bool:
        """Give the space back to the disk; return whether there was any."""
        kept = self.size
        if not kept:
            return False
        try:
            os.truncate(self._path, 0)
        except OSError as error:
            logger.warning("store.reserve_stays", path=self._path, error=str(error))
            return False
        logger.warning("store.reserve_given", path=self._path, size_bytes=kept)
        return True


def give_all(root: StrPath) -> bool:
    """Give up every reserve in a root, for something small that removals wait for; return whether there was any."""
    try:
        names = [name for name in os.listdir(root) if name.endswith(_SUFFIX)]
    except OSError:
        return False
    given = [Reserve(os.path.join(root, name.removesuffix(_SUFFIX))).give() for name in names]
    return any(given)


def grow_log(database: StrPath) -> None:
    """Have blocks behind the end of a database's log, which is open. Without them it has what the disk has."""
    try:
        # No lock of SQLite's is on this file: closing a descriptor of the database itself would drop them.
        fd = os.open(f"{os.fspath(database)}-wal", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    size = LOG_BYTES
    try:
        while size >= _BLOCK:
            try:
                preallocate(fd, size)
                return
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    return  # no file system that can
                size >>= 1
    finally:
        os.close(fd)
