"""The layers below one that is being written, as the kernel would stack them. Their files are looked at, and opened only when known to be regular.

The layers are directories in overlay form: a character device 0/0 hides a name, an opaque directory hides what is below it, and
so does everything that is no directory. Symlinks are found, not followed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from argosy.kernel.files import open_directories
from argosy.kernel.path import peek

Parts = tuple[bytes, ...]
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a lower layer: an O_PATH descriptor, valid inside the ``find`` block, and its fstat."""

    fd: int
    info: os.stat_result

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.info.st_mode)

    @property
    def device(self) -> tuple[int, int]:
        """A device's numbers; 0, 0 for anything else."""
        return os.major(self.info.st_rdev), os.minor(self.info.st_rdev)

    def link(self) -> bytes | None:
        """Return where a symlink leads; None when it is none."""
        return os.readlink(b"", dir_fd=self.fd) if stat.S_ISLNK(self.info.st_mode) else None

    def xattrs(self) -> dict[bytes, bytes]:
        """Return its xattrs but those that are the system's own (trusted.*)."""
        at = b"/proc/self/fd/%d" % self.fd
        return {
            os.fsencode(k): os.getxattr(at, k) for k in list_xattrs(at) if not k.startswith(("trusted.", "user.overlay."))
        }


def list_xattrs(at: int | bytes) -> list[str]:
    """Return the names of a file's xattrs; none where the file system has no such thing. Raises OSError."""
    try:
        return os.listxattr(at)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return []
        raise


def is_whiteout(info: os.stat_result) -> bool:
    """Return whether overlayfs takes this for "nothing here"."""
    return stat.S_ISCHR(info.st_mode) and info.st_rdev == 0


class Below:
    """Layers, nearest first. Raises OSError when one is missing."""

    def __init__(self, layers: Sequence[str], opaque_xattr: str) -> None:
        self._roots = open_directories(layers)
        self._opaque_xattr = opaque_xattr
        # The directory that was looked in last, in every layer that shows something of it.
        self._at: Parts = ()
        self._fds = self._roots

    def close(self) -> None:
        self._leave()
        for fd in self._roots:
            os.close(fd)
        self._roots = self._fds = []

    def _leave(self) -> None:
        if self._fds is not self._roots:
            for fd in self._fds:
                os.close(fd)
        self._at, self._fds = (), self._roots

    def _enter(self, parts: Parts) -> Sequence[int]:
        if parts == self._at:
            return self._fds
        self._leave()
        at = self._roots
        for part in parts:
            below = self._step(at, part)
            if at is not self._roots:
                for fd in at:
                    os.close(fd)
            at = below
            if not at:
                return at
        self._at, self._fds = parts, at
        return at

    def _step(self, at: Sequence[int], part: bytes) -> list[int]:
        found: list[int] = []
        for fd in at:
            try:
                below = os.open(part, _DIRECTORY, dir_fd=fd)
            except FileNotFoundError:
                continue
            except OSError:
                break  # a whiteout, a file, a symlink: nothing further down shows through
            found.append(below)
            try:
                if os.getxattr(below, self._opaque_xattr) == b"y":
                    break
            except OSError:
                continue  # no such attribute
        return found

    @contextmanager
    def find(self, parts: Parts) -> Iterator[Found | None]:
        """Yield what a path means below; None when there is nothing. No part of it is followed."""
        for fd in self._enter(parts[:-1]):
            with ExitStack() as stack:
                try:
                    seen, info = stack.enter_context(peek(fd, parts[-1]))
                except FileNotFoundError:
                    continue
                yield None if is_whiteout(info) else Found(seen, info)
                return
        yield None

    def names(self) -> set[bytes]:
        """Return the names in the root."""
        found: set[bytes] = set()
        hidden: set[bytes] = set()
        for root in self._roots:
            fd = os.open(".", _DIRECTORY, dir_fd=root)
            try:
                for name in [os.fsencode(n) for n in os.listdir(fd)]:
                    if name in found or name in hidden:
                        continue
                    (hidden if is_whiteout(os.stat(name, dir_fd=fd, follow_symlinks=False)) else found).add(name)
            finally:
                os.close(fd)
        return found
