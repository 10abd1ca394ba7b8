"""Writing an archive's entries below a root: by directory descriptors only, one name at a time.

No path of an archive is ever given to the kernel as a path: ``argosy.unpack.directories`` says in which directory a name belongs, and
here it is made in that directory's descriptor. Owner, mode, times and xattrs are set through a descriptor of what was just made.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from argosy.errors import FailedPrecondition
from argosy.kernel.descent import remove_tree
from argosy.kernel.files import copy_bytes
from argosy.kernel.path import open_regular, peek
from argosy.shown import shown
from argosy.unpack.attributes import Attributes
from argosy.unpack.below import Found, Parts, is_whiteout, list_xattrs
from argosy.unpack.layer import Layer
from argosy.unpack.tar import Entry, TarReader

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_DIRECTORIES: Final = 512
_DEFAULT_ACL: Final = "system.posix_acl_default"


class TreeWriter(Layer[int]):
    """Applies one archive below root, a directory's path.

    overlay: root is an overlay's upper directory; whiteouts are kept in overlay form. parents are the lower directories, nearest
    first; without any nobody knows what will be below. detached: see ``Layer``.
    """

    def __init__(
        self, root: str, overlay: bool = False, parents: Sequence[str] = (), user_xattr: bool = False, detached: bool = False
    ) -> None:
        self._pins: set[int] = set()
        self._default_acls: dict[Parts, bytes] = {}
        self._is_root = os.geteuid() == 0
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            super().__init__(fd, overlay, parents, detached, user_xattr)
        except OSError:
            os.close(fd)
            raise

    def close(self) -> None:
        for fd in self._open.values():
            os.close(fd)
        self._open = {}
        super().close()

    def __enter__(self) -> TreeWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- directories --

    def _keep_open(self, path: Parts, at: int) -> int:
        if len(self._open) > _OPEN_DIRECTORIES:
            # Its parent is in use, too, or there would be no such descriptor to keep.
            keep = {(), path[:-1]}
            for old in [p for p, fd in self._open.items() if p not in keep and fd not in self._pins]:
                os.close(self._open.pop(old))
        return super()._keep_open(path, at)

    @contextmanager
    def _held(self, at: int) -> Iterator[int]:
        self._pins.add(at)
        try:
            yield at
        finally:
            self._pins.discard(at)

    def _leave(self, at: int) -> None:
        os.close(at)

    def _enter(self, at: int, name: bytes) -> int | None:
        try:
            return os.open(name, _DIRECTORY, dir_fd=at)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            raise

    def _changes(self, at: int, path: Parts) -> None:
        if path in self._times:
            return
        info = os.fstat(at)
        self._times[path] = (info.st_atime_ns, info.st_mtime_ns)
        if _DEFAULT_ACL in list_xattrs(at):
            self._default_acls[path] = os.getxattr(at, _DEFAULT_ACL)
            os.removexattr(at, _DEFAULT_ACL)

    def _put_off(self, path: Parts, what: Attributes) -> Attributes:
        # What is unpacked must not inherit it.
        self._default_acls.pop(path, None)
        key = _DEFAULT_ACL.encode()
        if key in what.xattrs:
            self._default_acls[path] = what.xattrs[key]
            what = what._replace(xattrs={k: v for k, v in what.xattrs.items() if k != key})
        return what

    def _finish_directories(self) -> None:
        for path in sorted(self._times, key=len, reverse=True):
            at = self._opened(path)
            if path in self._default_acls:
                _set_xattr(at, _DEFAULT_ACL.encode(), self._default_acls[path], True)
            os.utime(at, ns=self._times[path])

    def _kind(self, at: int, name: bytes) -> int | None:
        try:
            return stat.S_IFMT(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            return None

    def _is_hidden(self, at: int, name: bytes) -> bool:
        return is_whiteout(os.stat(name, dir_fd=at, follow_symlinks=False))

    def _read_link(self, at: int, name: bytes) -> bytes:
        return os.readlink(name, dir_fd=at)

    def _names(self, at: int) -> list[bytes]:
        return [os.fsencode(name) for name in os.listdir(at)]

    def _remove(self, at: int, name: bytes) -> bool:
        try:
            os.unlink(name, dir_fd=at)
            return False
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno not in (errno.EISDIR, errno.EPERM):
                raise
        if not remove_tree(name, at):
            os.rmdir(name, dir_fd=at)  # says why
        return True

    # -- making --

    def _make_directory(self, at: int, name: bytes, what: Attributes) -> int:
        os.mkdir(name, 0o700, dir_fd=at)
        fd = os.open(name, _DIRECTORY, dir_fd=at)
        try:
            self._finish(fd, what)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _dress(self, at: int, what: Attributes) -> None:
        for key in list_xattrs(at):
            if os.fsencode(key) not in what.xattrs and not key.startswith(("trusted.", "user.overlay.", "security.selinux")):
                os.removexattr(at, key)
        self._finish(at, what)

    def _make_file(self, at: int, name: bytes, what: Attributes, reader: TarReader, entry: Entry) -> None:
        # Where the umask lets it, nothing is left to be set afterwards.
        fd = os.open(name, _NEW, what.mode & 0o777, dir_fd=at)
        try:
            fill(fd, reader, entry)
            self._finish(fd, what)
            os.utime(fd, ns=(what.atime_ns, what.mtime_ns))
        finally:
            os.close(fd)

    def _copy_file(self, at: int, name: bytes, what: Attributes, found: Found, path: Parts) -> None:
        source = open_regular(found.fd)
        try:
            fd = os.open(name, _NEW, 0o600, dir_fd=at)
            try:
                size = os.fstat(source).st_size
                copy_bytes(source, fd, size)
                os.ftruncate(fd, size)
                self._finish(fd, what)
                os.utime(fd, ns=(what.atime_ns, what.mtime_ns))
            finally:
                os.close(fd)
        finally:
            os.close(source)

    def _make_symlink(self, at: int, name: bytes, what: Attributes, target: bytes) -> None:
        os.symlink(target, name, dir_fd=at)
        # A symlink has no descriptor to set anything through; these never follow one.
        if self._is_root:
            os.chown(name, what.uid, what.gid, dir_fd=at, follow_symlinks=False)
        for key, value in what.xattrs.items():
            _set_xattr(b"/proc/self/fd/%d/%s" % (at, name), key, value, False)
        os.utime(name, ns=(what.atime_ns, what.mtime_ns), dir_fd=at, follow_symlinks=False)

    def _make_special(self, at: int, name: bytes, what: Attributes, kind: int, major: int, minor: int) -> None:
        try:
            os.mknod(name, kind | 0o600, os.makedev(major, minor), dir_fd=at)
        except PermissionError:
            if kind in (stat.S_IFIFO, stat.S_IFSOCK) or (self._is_root and not in_user_namespace()):
                raise
            return  # devices can't be made here; containers get theirs from the runtime
        with peek(at, name) as (fd, info):
            if stat.S_IFMT(info.st_mode) != kind:
                raise FailedPrecondition(f"{shown(name)} was replaced while it was made; somebody else writes there")
            here = b"/proc/self/fd/%d" % fd
            if self._is_root:
                os.chown(here, what.uid, what.gid)
            os.chmod(here, what.mode)
            for key, value in what.xattrs.items():
                _set_xattr(here, key, value, True)
            os.utime(here, ns=(what.atime_ns, what.mtime_ns))

    def _make_link(self, source: int, target: bytes, at: int, name: bytes) -> None:
        os.link(target, name, src_dir_fd=source, dst_dir_fd=at, follow_symlinks=False)

    def _hide(self, at: int, name: bytes) -> None:
        os.mknod(name, stat.S_IFCHR, 0, dir_fd=at)

    def _make_opaque(self, at: int) -> None:
        os.setxattr(at, self._opaque_xattr, b"y")

    def _finish(self, fd: int, what: Attributes) -> None:
        """Owner, then mode (so that setuid survives), then xattrs (so that capabilities survive the owner)."""
        made = os.fstat(fd)
        owned = not self._is_root or (made.st_uid == what.uid and made.st_gid == what.gid)
        if not owned:
            os.fchown(fd, what.uid, what.gid)
        if not owned or stat.S_IMODE(made.st_mode) != what.mode:
            os.fchmod(fd, what.mode)
        for key, value in what.xattrs.items():
            _set_xattr(fd, key, value, True)


def fill(fd: int, reader: TarReader, entry: Entry) -> None:
    """Write an entry's bytes to an empty file; of a sparse one the holes stay holes. Raises OSError, InvalidArgument where they end too soon."""
    if entry.segments is None:
        _write(fd, reader.data())
        return
    for offset, length in entry.segments:
        os.lseek(fd, offset, os.SEEK_SET)
        _write(fd, reader.take(length))
    os.ftruncate(fd, entry.real_size)


def _write(fd: int, pieces: Iterator[memoryview]) -> None:
    for piece in pieces:
        while piece:
            piece = piece[os.write(fd, piece) :]


def _set_xattr(at: int | bytes, key: bytes, value: bytes, follow: bool) -> None:
    try:
        if isinstance(at, int):
            os.setxattr(at, key, value)
        else:
            os.setxattr(at, key, value, follow_symlinks=follow)
    except OSError as error:
        if error.errno == errno.ENOTSUP or (error.errno == errno.EPERM and key.startswith(b"user.")):
            return
        raise


def in_user_namespace() -> bool:
    """Return whether root here is not root of the machine."""
    try:
        with open("/proc/self/uid_map") as table:
            return table.read().split()[:3] != ["0", "0", "4294967295"]
    except FileNotFoundError:
        return False
