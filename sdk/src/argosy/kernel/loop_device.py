"""Loop devices: a file as a block device, for as long as it is mounted."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

_LOOP_SET_FD, _LOOP_SET_STATUS64, _LOOP_CTL_GET_FREE, _LO_FLAGS_AUTOCLEAR = 0x4C00, 0x4C04, 0x4C82, 4


@contextmanager
def loop_device(path: str, read_only: bool) -> Iterator[str]:
    """Yield a loop device for path; the kernel frees it when the last mount of it goes."""
    backing = os.open(path, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC)
    try:
        while True:
            control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
            try:
                number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
            finally:
                os.close(control)
            device = f"/dev/loop{number}"
            fd = os.open(device, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC)
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
        info = bytearray(232)
        info[52:56] = (_LO_FLAGS_AUTOCLEAR | (1 if read_only else 0)).to_bytes(4, "little")
        fcntl.ioctl(fd, _LOOP_SET_STATUS64, bytes(info))
        yield device
    finally:
        os.close(fd)
