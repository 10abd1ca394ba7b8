"""The target of a mount: a path that is ours, and a name below it that somebody else has chosen.

The name is looked up inside of the tree at that path (openat2), and what was found is mounted on by its descriptor.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

from argosy.errors import InvalidArgument
from argosy.kernel.libc import call
from argosy.kernel.path import open_in_root
from argosy.kernel.unmount import MNT_DETACH


class Target:
    """The target of one mount. ``below`` is a name below path, or "" for path itself."""

    def __init__(self, path: str, below: str) -> None:
        self.path, self._below = path, below.strip("/")

    @contextmanager
    def found(self) -> Iterator[str]:
        """Yield the target as a path for one system call, with what has been mounted on it. Raises OSError, InvalidArgument."""
        if not self._below:
            yield self.path
            return
        if ".." in self._below.split("/"):
            raise InvalidArgument(f'the mount target "{self._below}" leads out of {self.path}')
        root = os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fd = open_in_root(root, self._below, os.O_PATH)
        finally:
            os.close(root)
        try:
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)

    def do(self, source: str, kind: str, flags: int, data: str) -> None:
        """Call mount(2) on the target. Raises OSError, InvalidArgument."""
        with self.found() as target:
            _mount(source, target, kind, flags, data)

    def undo(self) -> None:
        """Take the top mount away again. Raises OSError."""
        with self.found() as target:
            call("umount2", os.fsencode(target), ctypes.c_int(MNT_DETACH), path=self.path)


def _mount(source: str, target: str, kind: str, flags: int, data: str) -> None:
    call(
        "mount",
        os.fsencode(source),
        os.fsencode(target),
        kind.encode(),
        ctypes.c_ulong(flags),
        os.fsencode(data) or None,
        path=target,
    )
