"""Writing an archive's entries below a root: by directory descriptors only, one name at a time.

No path of an archive is ever given to the kernel as a path from outside: parents are opened by descriptor without
following symlinks, or inside the root (openat2) where a parent is a symlink. Owner, mode, times and xattrs are set
through the descriptor just made.

Whiteouts (OCI image spec, layer.md): ``.wh.NAME`` removes NAME of lower layers, ``.wh..wh..opq`` everything of lower
layers in its directory. In overlay form they become what the kernel's overlay reads; otherwise they delete.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from argosy.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from argosy.kernel.descent import remove_tree
from argosy.kernel.files import open_directories
from argosy.kernel.path import open_in_root
from argosy.unpack import tar
from argosy.unpack.tar import Entry, TarReader

WHITEOUT: Final = b".wh."
OPAQUE: Final = b".wh..wh..opq"
RESERVED: Final = b".wh..wh."
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_DIRECTORIES: Final = 512
_MAX_NAME_BYTES: Final = 4096


@dataclass
class Result:
    """What was written."""

    entries: int = 0
    size: int = 0
    directories: list[tuple[bytes, int, int]] = field(default_factory=list)


def split_name(name: bytes) -> list[bytes]:
    """Return the parts of an entry's name, cleaned. Raises InvalidArgument when it leaves the root or is absurd."""
    if len(name) > _MAX_NAME_BYTES or b"\0" in name:
        raise InvalidArgument(f"an entry's name of {len(name)} bytes is no path")
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part in (b"", b"."):
            continue
        if part == b"..":
            if not parts:
                raise InvalidArgument(f"entry {name!r} leaves the root of its layer")
            parts.pop()
            continue
        parts.append(part)
    return parts


def hidden_name(name: bytes) -> bytes | None:
    """Return the name that a whiteout hides, None for a mark of older union file systems. Raises InvalidArgument."""
    if name.startswith(RESERVED):
        return None  # hard link farms and such
    original = name[len(WHITEOUT) :]
    if original in (b"", b".", b".."):
        raise InvalidArgument(f"invalid whiteout name: {name!r}")
    return original


def link_target(entry: Entry) -> list[bytes]:
    """Return the parts of a hard link's target. Raises InvalidArgument."""
    target = split_name(entry.link)
    if not target:
        raise InvalidArgument(f"hard link {entry.name!r} points at the root")
    return target


def needs_lower(path: bytes) -> FailedPrecondition:
    """Return the refusal of a layer that cannot be unpacked by itself."""
    shown = path.decode("utf-8", "replace")
    return FailedPrecondition(f'the layer says nothing of "{shown}" itself; apply it on the layers below it')


class TreeWriter:
    """Applies one archive below root, a directory's path.

    overlay: root is an overlay's upper directory; whiteouts are kept in overlay form. parents are the lower
    directories, nearest first: missing directories take owner and mode from there. detached: what is below is not
    known yet; FailedPrecondition is raised for an archive that needs it.
    """

    def __init__(
        self, root: str, overlay: bool = False, parents: Sequence[str] = (), user_xattr: bool = False, detached: bool = False
    ) -> None:
        self._detached = detached
        self._parents = open_directories(parents)
        try:
            self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            for fd in self._parents:
                os.close(fd)
            raise
        self._fds: dict[tuple[bytes, ...], int] = {(): self._root}
        self._overlay = overlay
        self._opaque_xattr = "user.overlay.opaque" if user_xattr else "trusted.overlay.opaque"
        self._written: set[tuple[bytes, ...]] = set()
        self._times: dict[tuple[bytes, ...], tuple[int, int]] = {}
        self._is_root = os.geteuid() == 0

    def close(self) -> None:
        self._forget_directories()
        os.close(self._root)
        for fd in self._parents:
            os.close(fd)

    def __enter__(self) -> TreeWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- directories --

    def _forget_directories(self, keep: int = -1) -> None:
        for key, fd in list(self._fds.items()):
            if key and fd != keep:
                os.close(fd)
                del self._fds[key]

    def _directory(self, parts: tuple[bytes, ...]) -> int:
        """Return a descriptor of a directory below the root; missing ones are made."""
        fd = self._fds.get(parts)
        if fd is not None:
            return fd
        depth = len(parts) - 1
        while (fd := self._fds.get(parts[:depth])) is None:
            depth -= 1
        while depth < len(parts):
            depth += 1
            fd = self._open(fd, parts[:depth])
        return fd

    def _open(self, parent: int, parts: tuple[bytes, ...]) -> int:
        """Return a descriptor of a directory in parent, kept for the next time."""
        name = parts[-1]
        try:
            fd = os.open(name, _DIRECTORY, dir_fd=parent)
        except FileNotFoundError:
            self._make_missing(parent, parts)
            fd = os.open(name, _DIRECTORY, dir_fd=parent)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            fd = self._through_symlink(parent, parts)
        if len(self._fds) > _OPEN_DIRECTORIES:
            self._forget_directories(keep=parent)
        self._fds[parts] = fd
        return fd

    def _through_symlink(self, parent: int, parts: tuple[bytes, ...]) -> int:
        """A parent is a symlink (followed inside the root) or a file (replaced by a directory)."""
        name = parts[-1]
        if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            path = b"/".join(parts)
            try:
                return open_in_root(self._root, path, os.O_RDONLY | os.O_DIRECTORY)
            except (FileNotFoundError, NotADirectoryError):
                pass
            except OSError as error:
                if error.errno != errno.ELOOP:
                    raise
        os.unlink(name, dir_fd=parent)
        self._make_missing(parent, parts)
        return os.open(name, _DIRECTORY, dir_fd=parent)

    def _make_missing(self, parent: int, parts: tuple[bytes, ...]) -> None:
        name = parts[-1]
        if self._detached:
            raise needs_lower(b"/".join(parts))
        os.mkdir(name, 0o755, dir_fd=parent)
        os.chmod(name, 0o755, dir_fd=parent)
        for lower in self._parents:
            try:
                fd = open_in_root(lower, b"/".join(parts), os.O_RDONLY | os.O_DIRECTORY)
            except OSError:
                continue
            try:
                info = os.fstat(fd)
                made = os.open(name, _DIRECTORY, dir_fd=parent)
                try:
                    if self._is_root:
                        os.fchown(made, info.st_uid, info.st_gid)
                    os.fchmod(made, stat.S_IMODE(info.st_mode))
                    for key in os.listxattr(fd):
                        if not key.startswith("trusted.overlay."):
                            with contextlib.suppress(OSError):  # what can't be copied is not needed to unpack
                                os.setxattr(made, key, os.getxattr(fd, key))
                finally:
                    os.close(made)
                self._times[parts] = (info.st_atime_ns, info.st_mtime_ns)
            finally:
                os.close(fd)
            return

    # -- removing --

    def _remove(self, parent: int, name: bytes, parts: tuple[bytes, ...]) -> None:
        """Remove whatever is called name; a tree goes with everything below it."""
        try:
            os.unlink(name, dir_fd=parent)
            if parts in self._fds:
                self._forget_directories()
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in (errno.EISDIR, errno.EPERM):
                raise
        self._forget_directories()
        parent = self._directory(parts[:-1])
        if not remove_tree(name, parent):
            os.rmdir(name, dir_fd=parent)  # says why
        for key in [k for k in self._times if k[: len(parts)] == parts]:
            del self._times[key]

    # -- applying --

    def apply(self, reader: TarReader) -> Result:
        """Apply every entry. Raises InvalidArgument for a hostile or broken archive, ResourceExhausted for a full disk."""
        result = Result()
        for entry in reader:
            parts = tuple(split_name(entry.name))
            if not parts:
                continue  # the root's own metadata is not the layer's to set
            result.entries += 1
            result.size += entry.real_size
            try:
                self._one(reader, entry, parts)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise ResourceExhausted("unpacking: the disk is full; free some space and pull again") from error
                shown = entry.name.decode("utf-8", "replace")
                raise InvalidArgument(f'unpacking "{shown}": {error.strerror or error}') from error
        self._set_directory_times()
        return result

    def _set_directory_times(self) -> None:
        for parts, times in sorted(self._times.items(), key=lambda item: len(item[0]), reverse=True):
            try:
                os.utime(self._directory(parts), ns=times)
            except OSError:
                continue  # a later entry replaced it

    def _one(self, reader: TarReader, entry: Entry, parts: tuple[bytes, ...]) -> None:
        name = parts[-1]
        parent = self._directory(parts[:-1])
        if name.startswith(WHITEOUT):
            self._whiteout(parent, name, parts)
            return
        self._written.add(parts)
        if entry.type == tar.DIRECTORY:
            self._make_directory(parent, name, parts, entry)
            return
        if entry.type == tar.REGULAR:
            self._make_file(reader, parent, name, parts, entry)
            return
        self._remove(parent, name, parts)
        parent = self._directory(parts[:-1])
        if entry.type == tar.SYMLINK:
            os.symlink(entry.link, name, dir_fd=parent)
            self._finish_named(parent, name, entry)
        elif entry.type == tar.HARDLINK:
            self._link(parent, name, entry)
        elif entry.type in (tar.CHARACTER, tar.BLOCK_DEVICE, tar.FIFO):
            kind = {tar.CHARACTER: stat.S_IFCHR, tar.BLOCK_DEVICE: stat.S_IFBLK, tar.FIFO: stat.S_IFIFO}[entry.type]
            device = os.makedev(entry.major, entry.minor) if entry.type != tar.FIFO else 0
            try:
                os.mknod(name, kind | entry.mode, device, dir_fd=parent)
            except PermissionError:
                if entry.type == tar.FIFO or (self._is_root and not _in_user_namespace()):
                    raise
                return  # devices can't be made here; containers get theirs from the runtime
            self._finish_named(parent, name, entry)
        else:
            raise InvalidArgument(f"unhandled tar header type {entry.type!r} of {entry.name!r}")

    def _whiteout(self, parent: int, name: bytes, parts: tuple[bytes, ...]) -> None:
        if name == OPAQUE:
            self._opaque(parent, parts[:-1])
            return
        original = hidden_name(name)
        if original is None:
            return
        target = (*parts[:-1], original)
        if self._overlay and target not in self._written:
            self._remove(parent, original, target)
            os.mknod(original, stat.S_IFCHR, 0, dir_fd=self._directory(parts[:-1]))
        elif not self._overlay:
            self._remove(parent, original, target)

    def _opaque(self, parent: int, directory: tuple[bytes, ...]) -> None:
        if self._overlay:
            os.setxattr(parent, self._opaque_xattr, b"y")
            return
        for child in [os.fsencode(c) for c in os.listdir(parent)]:
            self._remove_unwritten(directory, child)

    def _remove_unwritten(self, directory: tuple[bytes, ...], name: bytes) -> None:
        """Remove what earlier layers left; what this layer wrote stays, with the directories that lead to it."""
        parts = (*directory, name)
        if parts in self._written or any(w[: len(parts)] == parts for w in self._written):
            parent = self._directory(directory)
            if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                for child in [os.fsencode(c) for c in os.listdir(self._directory(parts))]:
                    self._remove_unwritten(parts, child)
            return
        self._remove(self._directory(directory), name, parts)

    def _make_directory(self, parent: int, name: bytes, parts: tuple[bytes, ...], entry: Entry) -> None:
        try:
            os.mkdir(name, entry.mode, dir_fd=parent)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                self._remove(parent, name, parts)
                parent = self._directory(parts[:-1])
                os.mkdir(name, entry.mode, dir_fd=parent)
        fd = self._fds.get(parts)
        if fd is None:
            fd = self._fds[parts] = os.open(name, _DIRECTORY, dir_fd=parent)
        self._finish(fd, entry)
        self._times[parts] = self._stamps(entry)

    def _make_file(self, reader: TarReader, parent: int, name: bytes, parts: tuple[bytes, ...], entry: Entry) -> None:
        try:
            fd = os.open(name, _NEW, entry.mode, dir_fd=parent)
        except FileExistsError:
            self._remove(parent, name, parts)
            fd = os.open(name, _NEW, entry.mode, dir_fd=self._directory(parts[:-1]))
        try:
            if entry.segments is None:
                for piece in reader.data(entry):
                    _write(fd, piece)
            else:
                for offset, length in entry.segments:
                    os.lseek(fd, offset, os.SEEK_SET)
                    for piece in reader.take(length):
                        _write(fd, piece)
                os.ftruncate(fd, entry.real_size)
            self._finish(fd, entry)
            os.utime(fd, ns=self._stamps(entry))
        finally:
            os.close(fd)

    @staticmethod
    def _stamps(entry: Entry) -> tuple[int, int]:
        mtime = max(0, entry.mtime_ns)
        return max(mtime, entry.atime_ns or 0), mtime

    def _finish(self, fd: int, entry: Entry) -> None:
        """Owner, then mode (so that setuid survives), then xattrs (so that capabilities survive the owner)."""
        if self._is_root:
            os.fchown(fd, entry.uid, entry.gid)
        os.fchmod(fd, entry.mode)
        for key, value in entry.xattrs.items():
            _set_xattr(fd, key, value, True)

    def _finish_named(self, parent: int, name: bytes, entry: Entry) -> None:
        """The same for what can't be opened: by name in its directory, never following."""
        if self._is_root:
            os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
        if entry.type != tar.SYMLINK:
            os.chmod(name, entry.mode, dir_fd=parent)
        for key, value in entry.xattrs.items():
            _set_xattr(b"/proc/self/fd/%d/%s" % (parent, name), key, value, False)
        os.utime(name, ns=self._stamps(entry), dir_fd=parent, follow_symlinks=False)

    def _link(self, parent: int, name: bytes, entry: Entry) -> None:
        target = link_target(entry)
        try:
            source = self._directory(tuple(target[:-1]))
            os.link(target[-1], name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            self._link_from_parents(parent, name, entry, target)

    def _link_from_parents(self, parent: int, name: bytes, entry: Entry, target: list[bytes]) -> None:
        """The target is in a lower layer only: bring the file up under both names, as a write to it would."""
        if self._detached:
            raise needs_lower(b"/".join(target))
        for lower in self._parents:
            try:
                fd = open_in_root(lower, b"/".join(target), os.O_RDONLY | os.O_NOFOLLOW)
            except OSError:
                continue
            try:
                info = os.fstat(fd)
                directory = self._directory(tuple(target[:-1]))
                copy = os.open(target[-1], _NEW, stat.S_IMODE(info.st_mode), dir_fd=directory)
                try:
                    at = 0
                    while sent := os.sendfile(copy, fd, at, 1 << 20):
                        at += sent
                    os.fchown(copy, info.st_uid, info.st_gid)
                    os.fchmod(copy, stat.S_IMODE(info.st_mode))
                    os.utime(copy, ns=(info.st_atime_ns, info.st_mtime_ns))
                finally:
                    os.close(copy)
                os.link(target[-1], name, src_dir_fd=directory, dst_dir_fd=parent, follow_symlinks=False)
            finally:
                os.close(fd)
            return
        raise NotFound(f"hard link {entry.name!r} points at {entry.link!r}, which is in no layer")


def _write(fd: int, data: memoryview) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _set_xattr(at: int | bytes, key: bytes, value: bytes, follow: bool) -> None:
    try:
        if isinstance(at, int):
            os.setxattr(at, key, value)
        else:
            os.setxattr(at, key, value, follow_symlinks=follow)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return
        if error.errno == errno.EPERM and (key.startswith(b"user.") or (key.startswith(b"trusted.") and os.geteuid() != 0)):
            return
        raise


def _in_user_namespace() -> bool:
    try:
        with open("/proc/self/uid_map") as table:
            return table.read().split()[:3] != ["0", "0", "4294967295"]
    except FileNotFoundError:
        return False
