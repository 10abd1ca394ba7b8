"""Two trees into a layer: what was added, changed and removed, as a deterministic OCI tar.

Rules as containerd's walking differ has them: same inode is the same; other mode, owner, device or capability is a
change; sizes, then times, then (for whole-second times) content decide; a removed directory is one whiteout; a changed
entry's parents come before it.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Final, cast

from argosy.errors import Aborted, FailedPrecondition
from argosy.kernel.files import full_disk
from argosy.kernel.mount import temporary_mount
from argosy.kernel.path import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, open_in_root, open_regular, open_regular_at
from argosy.mounts import Mount
from argosy.oci.layers import TAR, is_erofs
from argosy.plugin.diff.packing import Compared, LayerWriter, pack
from argosy.shown import escaped
from argosy.tar_headers import CAPABILITY, add_attribute, empty, header_of
from argosy.tar_writing import TarWriter

if TYPE_CHECKING:
    import tarfile

DEFAULT: Final = TAR + "+gzip"
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the layer; ``info`` is None for a removal."""

    path: str
    info: os.stat_result | None


class Tree:
    """A directory tree that a container may change meanwhile: no name in it leads out of it, and nothing is opened to be
    read but regular files.
    """

    def __init__(self, path: str) -> None:
        """ "" is an empty tree. Raises OSError."""
        self._root = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) if path else -1

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        if self._root >= 0:
            os.close(self._root)

    def at(self, path: str, flags: int = os.O_PATH) -> int:
        """Return a descriptor of what path is, a symlink too. Raises OSError, also where a parent is a symlink by now."""
        return open_in_root(self._root, path or ".", flags | os.O_NOFOLLOW, resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)

    def directory(self, path: str) -> int:
        """Return a descriptor to list a directory with. Raises OSError."""
        return self.at(path, os.O_RDONLY | os.O_DIRECTORY)


def _capability(fd: int, name: str = "") -> bytes | None:
    """Return the file capabilities of what a descriptor holds, or of an entry of the directory that it holds."""
    path = f"/proc/self/fd/{fd}/{name}" if name else f"/proc/self/fd/{fd}"
    try:
        return os.getxattr(path, CAPABILITY, follow_symlinks=not name)
    except OSError:
        return None


def _same_content(left: int, right: int, name: str) -> bool:
    with ExitStack() as stack:
        files = [
            stack.enter_context(open(open_regular_at(directory, name), "rb", buffering=0)) for directory in (left, right)
        ]
        while True:
            x, y = (file.read(_CHUNK) for file in files)
            if x != y:
                return False
            if not x:
                return True


def _same(left: int, a: os.stat_result, right: int, b: os.stat_result, name: str) -> bool:
    """Return whether the entry of two directories, given by descriptor, is the same to a layer."""
    if (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino):
        return True
    if (a.st_mode, a.st_uid, a.st_gid, a.st_rdev) != (b.st_mode, b.st_uid, b.st_gid, b.st_rdev):
        return False
    if _capability(left, name) != _capability(right, name):
        return False
    if stat.S_ISDIR(a.st_mode):
        return True
    if stat.S_ISREG(a.st_mode) and a.st_size != b.st_size:
        return False
    if a.st_mtime_ns // 1_000_000_000 != b.st_mtime_ns // 1_000_000_000:
        return False
    if a.st_mtime_ns % 1_000_000_000 == 0 and b.st_mtime_ns % 1_000_000_000 == 0:
        if stat.S_ISLNK(a.st_mode):
            return os.readlink(name, dir_fd=left) == os.readlink(name, dir_fd=right)
        return not stat.S_ISREG(a.st_mode) or a.st_size == 0 or _same_content(left, right, name)
    return a.st_mtime_ns == b.st_mtime_ns


def _names(directory: int) -> dict[str, os.stat_result]:
    if directory < 0:
        return {}
    with os.scandir(directory) as entries:
        return {e.name: e.stat(follow_symlinks=False) for e in entries}


class _Level:
    """One directory on the way down, on both sides. Its descriptors are open only while its entries are looked at: the
    way down may be longer than a process may have files open.
    """

    def __init__(self, lower: Tree | None, upper: Tree, path: str) -> None:
        self._lower, self._upper, self.path = lower, upper, path
        self.left = self.right = -1
        self.open()
        self.a, self.b = _names(self.left), _names(self.right)
        self.todo = iter(sorted(self.a.keys() | self.b.keys(), key=os.fsencode))

    def open(self) -> None:
        if self.right >= 0:
            return
        self.right = self._upper.directory(self.path)
        try:
            if self._lower is not None:
                self.left = self._lower.directory(self.path)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        for fd in (self.left, self.right):
            if fd >= 0:
                os.close(fd)
        self.left = self.right = -1


def changes(lower: Tree | None, upper: Tree) -> Iterator[Change]:
    """Yield what leads from lower (None is an empty tree) to upper, in path order. Raises OSError, Aborted."""
    levels = [_Level(lower, upper, "")]
    try:
        while levels:
            level = levels[-1]
            name = next(level.todo, None)
            if name is None:
                levels.pop().close()
                continue
            path = f"{level.path}/{name}" if level.path else name
            x, y = level.a.get(name), level.b.get(name)
            if y is None:
                yield Change(path, None)
                continue
            if x is not None:
                level.open()
            if x is None or not _same(level.left, x, level.right, y, name):
                yield Change(path, y)
            if stat.S_ISDIR(y.st_mode):
                goes_on = x is not None and stat.S_ISDIR(x.st_mode)
                level.close()
                levels.append(_Level(lower if goes_on else None, upper, path))
    finally:
        for level in levels:
            level.close()


def compare_trees(
    lower: Sequence[Mount], upper: Sequence[Mount], out: IO[bytes], media_type: str, epoch_s: int | None, most: int = 0
) -> Compared:
    """Write the layer that leads from lower to upper, mounts, to out. Blocks: run it in a process that may be killed.

    most is the limit of the tar's bytes, 0 for none. Raises Unimplemented, ResourceExhausted, and Aborted when the tree
    changed under our hands.
    """
    os.makedirs(tempfile.gettempdir(), 0o700, exist_ok=True)
    with ExitStack() as stack:
        left = stack.enter_context(temporary_mount(lower, read_only=True)) if lower else ""
        right = stack.enter_context(temporary_mount(upper, read_only=True))
        if not is_erofs(media_type):
            return write_layer(left, right, out, media_type, epoch_s, most)
        with tempfile.TemporaryFile() as tar:
            write_layer(left, right, tar, TAR, epoch_s, most)
            tar.seek(0)
            return pack(iter(partial(tar.read, _CHUNK), b""), out, media_type, tempfile.gettempdir(), most=most)


def write_layer(
    lower: str, upper: str, out: IO[bytes], media_type: str, epoch_s: int | None = None, most: int = 0
) -> Compared:
    """Write the layer that leads from lower ("" is an empty tree) to upper, directories. As ``compare_trees``."""
    layer = LayerWriter(out, media_type, most)
    with Tree(lower) as left, Tree(upper) as right:
        try:
            _Entries(left if lower else None, right, layer, epoch_s).write()
        except OSError as error:
            raise _explained(error) from error
    return layer.finish()


def _explained(error: OSError) -> Exception:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.ESTALE, errno.EINVAL):
        what = f'"{escaped(str(error.filename))}"' if error.filename else "a file"
        return Aborted(f"{what} changed while it was read; stop what writes to the tree and compare again")
    if error.errno == errno.ENAMETOOLONG:
        return FailedPrecondition(
            f'"{escaped(str(error.filename)[:100])}..." is deeper than a path is long; a layer cannot hold it'
        )
    return full_disk(error, "comparing")


class _Entries:
    """The entries of one layer, on their way into its tar."""

    def __init__(self, lower: Tree | None, upper: Tree, layer: LayerWriter, epoch_s: int | None) -> None:
        self._lower, self._upper, self._epoch_s = lower, upper, epoch_s
        self._tar = TarWriter(cast("IO[bytes]", layer), _CHUNK)
        self._emitted: set[str] = set()

    def write(self) -> None:
        siblings = _linked_siblings(self._upper) if self._lower is not None else {}  # else everything is emitted anyway
        for change in changes(self._lower, self._upper):
            if change.info is None:
                self._parents(change.path)
                folder, name = os.path.split(change.path)
                self._tar.put(empty(os.path.join(folder, f".wh.{name}")))
                continue
            if change.path in self._emitted:
                continue
            self._add(change.path, stat.S_IFMT(change.info.st_mode))
            # Names of a changed inode that did not change themselves are links to it all the same.
            if stat.S_ISREG(change.info.st_mode) and change.info.st_nlink > 1:
                for other in siblings.get((change.info.st_dev, change.info.st_ino), ()):
                    if other not in self._emitted:
                        self._add(other, stat.S_IFREG)
        self._tar.close()

    def _header(self, path: str, info: os.stat_result, fd: int) -> tarfile.TarInfo:
        entry = header_of(path, info, fd)
        if self._epoch_s is not None:
            entry.mtime = min(entry.mtime, self._epoch_s)
        capability = None if stat.S_ISLNK(info.st_mode) else _capability(fd)
        if capability is not None:
            add_attribute(entry, CAPABILITY, capability)
        return entry

    def _parents(self, path: str) -> None:
        """Put the directories that lead to path, where they are not there yet."""
        missing: list[str] = []
        while (path := os.path.dirname(path)) and path not in self._emitted:
            missing.append(path)
        for above in reversed(missing):
            fd = self._upper.directory(above)
            try:
                entry = self._header(above, os.fstat(fd), fd)
            finally:
                os.close(fd)
            self._tar.put(entry)
            self._emitted.add(above)

    def _add(self, path: str, kind: int) -> None:
        """Put what lies at path, which was of a kind (``S_IFREG``...) when it was listed."""
        if kind == stat.S_IFSOCK:
            return
        self._parents(path)
        fd = self._upper.at(path)
        try:
            info = os.fstat(fd)
            if stat.S_IFMT(info.st_mode) != kind:
                raise FileNotFoundError(errno.ENOENT, "it is something else by now", path)
            entry = self._header(path, info, fd)
            self._emitted.add(path)
            if kind == stat.S_IFREG:
                self._file(path, entry, info, fd)
            else:
                self._tar.put(entry)
        finally:
            os.close(fd)

    def _file(self, path: str, entry: tarfile.TarInfo, info: os.stat_result, fd: int) -> None:
        if self._tar.put_link(entry, path, info):
            return
        with open(open_regular(fd), "rb", buffering=0) as data:
            self._tar.put(entry, data, path)


def _linked_siblings(tree: Tree) -> dict[tuple[int, int], list[str]]:
    """Return the names of every file that has several."""
    found: dict[tuple[int, int], list[str]] = {}
    todo = [""]
    while todo:
        prefix = todo.pop()
        fd = tree.directory(prefix)
        try:
            entries = _names(fd)
        finally:
            os.close(fd)
        for name, info in entries.items():
            path = f"{prefix}/{name}" if prefix else name
            if stat.S_ISDIR(info.st_mode):
                todo.append(path)
            elif stat.S_ISREG(info.st_mode) and info.st_nlink > 1:
                found.setdefault((info.st_dev, info.st_ino), []).append(path)
    return found
