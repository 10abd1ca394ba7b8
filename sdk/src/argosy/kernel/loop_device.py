"""Loop devices: a file as a block device, for as long as it is mounted."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple, Self

_LOOP_SET_FD, _LOOP_SET_STATUS64, _LOOP_GET_STATUS64, _LOOP_CTL_GET_FREE = 0x4C00, 0x4C04, 0x4C05, 0x4C82
READ_ONLY: Final = 1
AUTOCLEAR: Final = 4
"""The kernel lets go of the file when nobody has the device open or mounted any more."""
# In struct loop_info64, which has 232 bytes.
_FLAGS_AT, _NAME_AT, _NAME_BYTES, _INFO_BYTES = 52, 56, 64, 232


class Status(NamedTuple):
    """What a loop device is attached to: the kernel's own words, of which two are read here."""

    raw: bytes

    @property
    def file(self) -> tuple[int, int]:
        """The file: its file system's device and its inode, as stat(2) says them."""
        return int.from_bytes(self.raw[:8], "little"), int.from_bytes(self.raw[8:16], "little")

    @property
    def flags(self) -> int:
        return int.from_bytes(self.raw[_FLAGS_AT : _FLAGS_AT + 4], "little")

    @property
    def name(self) -> bytes:
        """What whoever attached it has called it."""
        return self.raw[_NAME_AT : _NAME_AT + _NAME_BYTES].rstrip(b"\0")

    def _flagged(self, flags: int) -> Self:
        return self._replace(raw=self.raw[:_FLAGS_AT] + flags.to_bytes(4, "little") + self.raw[_FLAGS_AT + 4 :])

    def with_(self, flag: int) -> Self:
        return self._flagged(self.flags | flag)

    def without(self, flag: int) -> Self:
        return self._flagged(self.flags & ~flag)


def status(fd: int) -> Status:
    """Return what the device at a descriptor is attached to. Raises OSError (ENXIO: to nothing)."""
    raw = bytearray(_INFO_BYTES)
    fcntl.ioctl(fd, _LOOP_GET_STATUS64, raw)
    return Status(bytes(raw))


def set_status(fd: int, wanted: Status) -> None:
    """Change the flags and the name of the device at a descriptor. Raises OSError."""
    fcntl.ioctl(fd, _LOOP_SET_STATUS64, wanted.raw)


def writer_of(device: int, inode: int) -> str:
    """Return a loop device that is attached to a file for writing, by anybody, or "" when there is none."""
    for name in os.listdir("/sys/block"):
        if not name.startswith("loop") or not os.path.exists(f"/sys/block/{name}/loop"):
            continue
        try:
            fd = os.open(f"/dev/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue  # it is not there, or somebody has it for himself to change it
        try:
            found = status(fd)
        except OSError:
            continue  # it was let go of
        finally:
            os.close(fd)
        if found.file == (device, inode) and not found.flags & READ_ONLY:
            return f"/dev/{name}"
    return ""


def _opened(path: str, mode: int) -> int:
    """Open a file or a disk. Raises OSError, EINVAL for anything else: to open it may do something, or wait for ever."""
    found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        kind = os.fstat(found).st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISBLK(kind):
            raise OSError(errno.EINVAL, "neither a file nor a disk", path)
        return os.open(f"/proc/self/fd/{found}", mode | os.O_CLOEXEC)
    finally:
        os.close(found)


@contextmanager
def attached(path: str, read_only: bool, name: bytes = b"") -> Iterator[tuple[str, int]]:
    """Yield a loop device for path, and an open descriptor of it; the kernel frees it with its last user. name has 63 bytes at most.

    Raises OSError: EINVAL for what is neither a file nor a disk.
    """
    mode = os.O_RDONLY if read_only else os.O_RDWR
    backing = _opened(path, mode)
    try:
        while True:
            control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
            try:
                number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
            finally:
                os.close(control)
            device = f"/dev/loop{number}"
            fd = os.open(device, mode | os.O_CLOEXEC)
            try:
                fcntl.ioctl(fd, _LOOP_SET_FD, backing)
            except OSError as error:
                os.close(fd)
                if error.errno == errno.EBUSY:
                    continue  # somebody took the free one first
                raise
            break
    finally:
        os.close(backing)
    try:
        info = bytearray(_INFO_BYTES)
        info[_FLAGS_AT : _FLAGS_AT + 4] = (AUTOCLEAR | (READ_ONLY if read_only else 0)).to_bytes(4, "little")
        info[_NAME_AT : _NAME_AT + len(name)] = name
        fcntl.ioctl(fd, _LOOP_SET_STATUS64, bytes(info))
        yield device, fd
    finally:
        os.close(fd)


@contextmanager
def loop_device(path: str, read_only: bool) -> Iterator[str]:
    """Yield a loop device for path; the kernel frees it when the last mount of it goes."""
    with attached(path, read_only) as (device, _):
        yield device
