"""A file system whose server takes the question for one file, and never answers it."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from argosy.kernel.libc import call
from argosy.kernel.unmount import MNT_DETACH, unmount_all

# Of the kernel's protocol (linux/fuse.h), as much as a directory needs.
_LOOKUP, _GETATTR, _INIT, _FORGET, _BATCH_FORGET, _INTERRUPT, _DESTROY = 1, 3, 26, 2, 42, 36, 38
_UNANSWERED: Final = (_FORGET, _BATCH_FORGET, _INTERRUPT)
_IN: Final = struct.Struct("<IIQQIIIHH")
_OUT: Final = struct.Struct("<IiQ")
_DIRECTORY: Final = 0o040755


class Hanging:
    """What is mounted: /file is asked for and not answered, another name is not there."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._asked, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def asked(self) -> bool:
        """Whether somebody waits for the file."""
        return self._asked.is_set()

    def abort(self) -> None:
        """Have the server go, as after its death: whoever waits hears of an error. Safe to call twice."""
        if not self._over.is_set():
            self._over.set()
            self._thread.join()
            os.close(self._fd)

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        while not self._over.is_set():
            if not poll.poll(20):
                continue
            try:
                message = os.read(self._fd, 1 << 20)
            except OSError:
                return  # unmounted
            _, opcode, unique, node, *_ = _IN.unpack_from(message)
            if opcode in _UNANSWERED:
                continue
            body, error = b"", 0
            if opcode == _INIT:
                major, minor, ahead = struct.unpack_from("<III", message, _IN.size)
                body = struct.pack("<IIIIHHIIHHI7I", major, min(minor, 31), ahead, 0, 0, 0, 4096, 0, 0, 0, 0, *([0] * 7))
            elif opcode == _GETATTR and node == 1:
                attributes = struct.pack("<QQQQQQIIIIIIIIII", 1, 0, 0, 0, 0, 0, 0, 0, 0, _DIRECTORY, 2, 0, 0, 0, 4096, 0)
                body = struct.pack("<QII", 60, 0, 0) + attributes
            elif opcode == _LOOKUP and message[_IN.size :].rstrip(b"\0") == b"file":
                self._asked.set()
                continue
            else:
                error = -errno.ENOENT if opcode == _LOOKUP else -errno.ENOSYS
            os.write(self._fd, _OUT.pack(_OUT.size + len(body), error, unique) + body)


@contextmanager
def hanging(point: Path) -> Iterator[Hanging]:
    """Mount it at point for the block. Raises OSError where there is no FUSE."""
    fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    try:
        options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        call("mount", b"hanging", os.fsencode(point), b"fuse", ctypes.c_ulong(0), options, path=str(point))
    except BaseException:
        os.close(fd)
        raise
    served = Hanging(fd)
    try:
        yield served
    finally:
        served.abort()
        unmount_all(str(point), MNT_DETACH)
