"""Operations on files that the standard library does not have: a disk that is full, two paths that are exchanged, what a file system is, all of several
descriptors, bytes that shall be on their way to the disk, a file's bytes with its holes, blocks behind its end."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator, Sequence
from typing import Final

from argosy.errors import ResourceExhausted
from argosy.kernel.libc import call

_EXCHANGE: Final = 2
_AT_FDCWD: Final = -100
_SYNC_FILE_RANGE_WRITE: Final = 2
_COPY: Final = 64 << 20
_KEEP_SIZE, _PUNCH_HOLE = 1, 2


def full_disk(error: OSError, noun: str) -> OSError | ResourceExhausted:
    """Return the error to raise for error: a full disk has its own class and remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceExhausted(f"{noun}: the disk is full; free some space and try again, what is there is kept")
    return error


def exchange(one: str, other: str) -> None:
    """Exchange two paths of one file system, at once (renameat2(2)). Raises OSError."""
    names = (os.fsencode(one), os.fsencode(other))
    call(
        "renameat2", ctypes.c_int(_AT_FDCWD), names[0], ctypes.c_int(_AT_FDCWD), names[1], ctypes.c_uint(_EXCHANGE), path=one
    )


def sync_file_system(fd: int) -> None:
    """Write a whole file system to the disk, the one that a descriptor is of (syncfs(2)). Blocks. Raises OSError."""
    call("syncfs", ctypes.c_int(fd))


def punch_hole(fd: int, offset: int, length: int) -> None:
    """Free a part of a file; it reads as zeros, and the file stays as long as it is (fallocate(2)). Blocks.

    Raises OSError: EOPNOTSUPP where the file system can't.
    """
    call(
        "fallocate", ctypes.c_int(fd), ctypes.c_int(_KEEP_SIZE | _PUNCH_HOLE), ctypes.c_int64(offset), ctypes.c_int64(length)
    )


def begin_writeback(fd: int, offset: int, length: int) -> None:
    """Have the kernel begin to write a part of a file to the disk (sync_file_range(2)). Blocks while the disk's queue is full.

    It is no promise: what has to be there after a crash still needs its fsync, which then finds less to do. Does nothing where
    it is not supported.
    """
    try:
        call("sync_file_range", fd, ctypes.c_int64(offset), ctypes.c_int64(length), ctypes.c_uint(_SYNC_FILE_RANGE_WRITE))
    except OSError:
        pass  # fsync says what is wrong, to somebody who can be told


def preallocate(fd: int, size: int) -> None:
    """Have size bytes of blocks for a file, whose length stays what it is (fallocate(2)). Raises OSError, as where nobody can."""
    call("fallocate", fd, ctypes.c_int(_KEEP_SIZE), ctypes.c_int64(0), ctypes.c_int64(size))


def open_directories(paths: Sequence[str]) -> list[int]:
    """Return a descriptor for each directory, good for paths below it and nothing else. Raises OSError; none is left open then."""
    found: list[int] = []
    try:
        for path in paths:
            found.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))  # noqa: PERF401 - what is open must be known
    except OSError:
        for fd in found:
            os.close(fd)
        raise
    return found


def data_runs(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield where the first size bytes of a regular file are no holes: offsets and lengths, in order. Raises OSError."""
    at = 0
    while at < size:
        try:
            at = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return  # nothing but a hole is left
            raise
        if at < size:
            hole = min(os.lseek(fd, at, os.SEEK_HOLE), size)
            yield at, hole - at
            at = hole


def copy_bytes(source: int, target: int, size: int, at: int = 0) -> None:
    """Copy the first size bytes of a regular file to offset at of another; holes are left out, so that they stay holes.

    Where the file ends early nothing is written. Raises OSError.
    """
    for done, left in data_runs(source, size):
        while left:
            sent = _copy(source, target, left, done, at + done)
            if not sent:
                return
            done, left = done + sent, left - sent


def _copy(source: int, target: int, size: int, offset: int, at: int) -> int:
    try:
        return os.copy_file_range(source, target, min(size, _COPY), offset, at)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
    return os.pwrite(target, os.pread(source, min(size, 1 << 20), offset), at)
