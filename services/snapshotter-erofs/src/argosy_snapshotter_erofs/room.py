"""Room for what is written: a file system of its own size for an active snapshot's files, in a file of the snapshot's directory.

The file is the only record: a snapshot has the room that it was made with, whatever the settings say later. We mount it, as we mount
images, so that who writes gets a bind or an overlay of directories; who has written all of it gets ENOSPC, and nobody else does.

A room is mounted through one loop device, also when somebody still uses it who mounted it before us: that one device is found
and mounted again, which is the same file system for the kernel. Two devices would destroy what is on it.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from argosy import log
from argosy.erofs.snapshot import FILES, ROOM, ROOM_IMAGE, UPPER
from argosy.errors import FailedPrecondition, NotFound, in_words
from argosy.kernel.loop_device import status, writer_of
from argosy.kernel.mount import mount
from argosy.kernel.unmount import MNT_DETACH, unmount_all
from argosy.labels import MAX_SIZE
from argosy.mounts import Mount
from argosy.plugin.snapshots import Usage

logger = log.get("argosy.snapshots")

WORK: Final = "work"
LEAST: Final = 1 << 20
"""Bytes. A smaller file system has no place for anything."""
_FILE_SYSTEM: Final = "ext4"
# Nothing is kept for root, who is the one that writes; a journal in a file that is all holes need not be zeroed, and takes no blocks yet.
_MKFS_FLAGS: Final = ("-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1")
# Tables of inodes are not zeroed beforehand: that would fill the file, which has holes.
_OPTIONS: Final = ("rw", "noinit_itable")
_NEW: Final = "upper.new"
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_SHOWN: Final = 64


def asked(labels: Mapping[str, str], default: int) -> int:
    """Return the bytes that a snapshot with these labels is to have, 0 for no limit. A label that is no size counts as none, with a warning."""
    text = labels.get(MAX_SIZE)
    if not text:
        return default
    size = int(text) if _NUMBER.fullmatch(text) else 0
    if size <= 0:
        logger.warning("snapshot.max_size_ignored", label=MAX_SIZE, value=text[:_SHOWN], default=default)
        return default
    return size


def make(directory: Path, size: int) -> None:
    """Give a fresh snapshot room, of ``LEAST`` bytes at least and the size of the disk that it lies on at most, and mount it. Blocks.

    ``fs`` is there, and says whose the files' root is and with which mode. Raises FailedPrecondition when there is no mkfs.ext4, or no
    loop device; OSError.
    """
    from argosy.mounting.files import MKFS, make_file_system  # few snapshots have a size

    disk = os.statvfs(directory)
    bytes_ = max(LEAST, min(size, disk.f_blocks * disk.f_frsize))
    words = (f"{MKFS}fs={_FILE_SYSTEM}", f"{MKFS}size={bytes_}")
    try:
        make_file_system(Mount(_FILE_SYSTEM, str(directory / ROOM_IMAGE), words), [str(directory)], _MKFS_FLAGS)
    except NotFound as error:  # of a program; who reads NOT_FOUND here takes it for the parent
        raise FailedPrecondition(f"a snapshot of {bytes_} bytes: {error.message}, or prepare it without a size") from error
    attach(directory, fresh=True)


def has(directory: Path) -> bool:
    """Return whether a snapshot has room of its own."""
    return (directory / ROOM_IMAGE).exists()


def attach(directory: Path, fresh: bool = False) -> None:
    """Mount a snapshot's room, unless it is; nobody can have used a fresh one before. Raises FailedPrecondition when it can't be mounted; nothing is lost then."""
    point = directory / ROOM
    try:
        point.mkdir(exist_ok=True)
        if os.stat(point).st_dev == os.stat(directory).st_dev:
            _mount(directory / ROOM_IMAGE, point, fresh)
        if not (point / UPPER).exists():
            _furnish(point, directory / FILES)
    except OSError as error:
        with contextlib.suppress(OSError):
            point.rmdir()
        raise FailedPrecondition(
            f"{directory / ROOM_IMAGE}, where the snapshot's files are, cannot be mounted ({in_words(error)}); "
            "see that there are loop devices and ext4, or remove the snapshot and prepare it again"
        ) from error


def detach(directory: Path) -> None:
    """Unmount a snapshot's room; who uses it keeps it to the end. One that isn't mounted, or there, is fine. Raises OSError."""
    point = directory / ROOM
    unmount_all(str(point), MNT_DETACH)
    with contextlib.suppress(OSError):
        point.rmdir()


def drop(directory: Path) -> None:
    """Unmount a snapshot's room and delete it. May be called again. Raises OSError."""
    detach(directory)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(directory / ROOM_IMAGE)


def measure(directory: Path) -> Usage:
    """Return what a room takes of the disk, or is about to (what is written is not on it at once), and the inodes in it."""
    size = os.lstat(directory / ROOM_IMAGE).st_blocks * 512
    point = directory / ROOM
    if not point.exists() or os.stat(point).st_dev == os.stat(directory).st_dev:
        return Usage(size, 1)
    inside = os.statvfs(point)
    return Usage(
        max(size, (inside.f_blocks - inside.f_bfree) * inside.f_frsize), 1 + inside.f_files - inside.f_ffree
    )


def _mount(image: Path, point: Path, fresh: bool) -> None:
    with contextlib.nullcontext("") if fresh else _device_of(image) as device:
        if device:
            mount(Mount(_FILE_SYSTEM, device, _OPTIONS), str(point))
        else:
            mount(Mount(_FILE_SYSTEM, str(image), (*_OPTIONS, "loop")), str(point))


@contextlib.contextmanager
def _device_of(image: Path) -> Iterator[str]:
    """Yield the loop device that a file is used through already, which stays it meanwhile; "" when there is none."""
    info = os.stat(image)
    file = info.st_dev, info.st_ino
    device = writer_of(*file)
    if not device:
        yield ""
        return
    # What is open is not let go of; until it was, the device may have become another file's.
    fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            ours = status(fd).file == file
        except OSError:
            ours = False
        yield device if ours else ""
    finally:
        os.close(fd)


def _furnish(point: Path, like: Path) -> None:
    """Make the directories that are written to; upper is there last, and whole."""
    info = os.stat(like)
    work, new = point / WORK, point / _NEW
    work.mkdir(exist_ok=True)
    os.chmod(work, 0o711)
    new.mkdir(exist_ok=True)
    os.chown(new, info.st_uid, info.st_gid)
    os.chmod(new, info.st_mode & 0o7777)
    new.rename(point / UPPER)
