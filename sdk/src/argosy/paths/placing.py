"""A tar below a directory of a tree that is in use: its entries are files and nothing else, and what is there is replaced whole or not at all.

It is no layer: a name with ``.wh.`` is a name, and what the archive does not name stays as it is. It is as hostile as a layer is, and so may be
those who use the tree. A name goes below the directory or nowhere: a symlink on its way is followed as far as it leads to something below.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Final

from argosy.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, ResourceExhausted
from argosy.kernel.path import open_in_root, peek
from argosy.kernel.pseudo import pseudo
from argosy.paths.names import MOST_PATH_BYTES
from argosy.shown import shown
from argosy.unpack import tar
from argosy.unpack.attributes import Attributes, attributes, link_target
from argosy.unpack.below import Parts
from argosy.unpack.limits import Budget, Limits
from argosy.unpack.names import split_name
from argosy.unpack.tar import Entry, TarReader
from argosy.unpack.tree import TreeWriter, fill

# Nobody's archive is refused for its size: whoever copies has the bytes already. What is held in memory is bounded.
_LIMITS: Final = Limits(max_bytes=0, max_ratio=0)
_MAX_FILE_BYTES: Final = (1 << 63) - 1
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MAGIC_BYTES: Final = 6
_COMPRESSED: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\0": "xz", b"BZh": "bzip2"}
_RIGHTS: Final = stat.S_ISUID | stat.S_ISGID


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What becomes of an archive's entries."""

    owners: bool = False
    """Everything belongs to whom the archive says. Without, to us, and without the rights that a file gives to whoever runs it."""
    only: str = ""
    """The first part that each name must have."""
    name: str = ""
    """What that part becomes."""
    links: bool = True
    """Whether a symlink below the directory is followed, as far as it leads to something below."""
    devices: bool = True
    """Whether a device is refused. Without, it is left out."""


_PLAIN: Final = Rules()


def place(root: int, path: str, chunks: Iterator[bytes], *, what: str, rules: Rules = _PLAIN) -> int:
    """Write a tar's entries below path, an existing directory below root (a descriptor), by names that are looked up inside of root. Blocks.

    what is root's name in errors. The directory keeps its own owner, mode and times. Returns how many entries were left out. Raises NotFound,
    InvalidArgument for a hostile or broken archive, FailedPrecondition for what is in the way, PermissionDenied, ResourceExhausted. What was
    written before stays.
    """
    here = what if path in ("", "/") else f'"{path}" in {what}'
    if "\0" in path or len(os.fsencode(path)) >= MOST_PATH_BYTES:
        raise InvalidArgument(f"a path of {len(os.fsencode(path))} bytes, or with a NUL, is none in {what}")
    try:
        fd = open_in_root(root, path or "/", os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        raise NotFound(here) from None
    except NotADirectoryError:
        raise FailedPrecondition(f"{here} is no directory; name the one that the files go to") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InvalidArgument(f"{here} leads through too many symlinks, or through one of the kernel's own") from None
        raise
    beginning = bytearray()
    with closing(_Members(root, fd, here, rules)) as writer:
        try:
            writer.take(TarReader(_noted(chunks, beginning), Budget(_LIMITS, "the archive")))
        except InvalidArgument as error:
            # Not before: names may begin like that.
            if how := next((how for magic, how in _COMPRESSED.items() if beginning.startswith(magic)), ""):
                raise InvalidArgument(
                    f"the archive is compressed with {how}; decompress it, a copy takes a plain tar"
                ) from error
            raise
        return writer.left_out


def _noted(chunks: Iterator[bytes], beginning: bytearray) -> Iterator[bytes]:
    """Yield chunks; beginning gets the first bytes."""
    for chunk in chunks:
        if len(beginning) < _MAGIC_BYTES:
            beginning += chunk[:_MAGIC_BYTES]
        yield chunk


def _true_path(root: int, fd: int) -> Parts:
    """Return where a directory is below root, without symlinks. Raises FailedPrecondition when it is not there any more."""
    above = os.fsencode(os.readlink(f"/proc/self/fd/{root}"))
    found = os.fsencode(os.readlink(f"/proc/self/fd/{fd}"))
    below = (found.rstrip(b"/") + b"/").removeprefix(above.rstrip(b"/") + b"/")
    parts = tuple(part for part in below.split(b"/") if part)
    try:
        again = open_in_root(root, b"/".join(parts) or b"/", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        again = -1
    try:
        if again < 0 or not os.path.samestat(os.fstat(again), os.fstat(fd)):
            raise FailedPrecondition(f"{shown(found)} was moved while it was looked for; copy again")
    finally:
        if again >= 0:
            os.close(again)
    return parts


class _Members(TreeWriter):
    """Writes the entries of one archive below a directory."""

    def __init__(self, root: int, fd: int, here: str, rules: Rules) -> None:
        """fd is the directory's, and is kept. Raises FailedPrecondition for one that holds no files."""
        try:
            if kind := pseudo(fd):
                raise FailedPrecondition(f"{here} is the kernel's own state ({kind}), where no files can be put")
            self._base = _true_path(root, fd) if rules.links else ()
            super().__init__(f"/proc/self/fd/{root if rules.links else fd}")
        except BaseException:
            os.close(fd)
            raise
        self._here, self._rules = here, rules
        self._made: set[Parts] = set()
        self.left_out = 0
        if self._base:
            # By its descriptor, whatever becomes of its name.
            self._open[self._base] = fd
            self._pins.add(fd)
            self._true[self._base] = self._base
        else:
            os.close(fd)

    def take(self, reader: TarReader) -> None:
        """Write every entry. Raises as ``place``."""
        for entry in reader:
            parts = self._parts(entry.name)
            if not parts:
                continue
            if entry.type in (tar.CHARACTER, tar.BLOCK_DEVICE) and not self._rules.devices:
                self.left_out += 1
                continue
            if entry.real_size > _MAX_FILE_BYTES:
                raise InvalidArgument(f"{shown(entry.name)} is to have {entry.real_size} bytes, more than a file can")
            try:
                self._one(reader, entry, (*self._base, *parts))
            except OSError as error:
                raise self._explained(entry, error) from error
        self._finish_directories()

    def _parts(self, name: bytes) -> Parts:
        """Return where a name of the archive belongs, below the directory. Raises InvalidArgument for one that it must not have."""
        parts = tuple(split_name(name))
        only, becomes = os.fsencode(self._rules.only), os.fsencode(self._rules.name)
        if only and parts[:1] != (only,):
            raise InvalidArgument(f"the archive has {shown(name)}, and was to have {shown(only)} alone")
        return (becomes, *parts[1:]) if becomes else parts

    def _explained(self, entry: Entry, error: OSError) -> Exception:
        name = f"{shown(entry.name)} below {self._here}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return ResourceExhausted(f"{name}: the disk is full; free some space and copy again")
        if error.errno == errno.EROFS:
            return FailedPrecondition(f"{name}: its file system is read-only; copy to a volume, or make it writable")
        if error.errno == errno.EBUSY:
            return FailedPrecondition(f"{name} is mounted on, so that it can't be replaced; write to what is mounted there")
        if error.errno in (errno.EACCES, errno.EPERM):
            return PermissionDenied(f"{name}: {error.strerror}")
        return InvalidArgument(f"{name}: {error.strerror or error}")

    def _one(self, reader: TarReader, entry: Entry, parts: Parts) -> None:
        at, path = self._directory(parts[:-1])
        name, kind = parts[-1], entry.type
        here = (*path, name)
        self._inside(here, entry.name)
        self._forget_link(here)
        self._bring(here)
        if kind == tar.DIRECTORY:
            self._directory_entry(at, here, self._attributes(entry, stat.S_IFDIR))
        elif kind == tar.REGULAR:
            self._make_file(at, name, self._attributes(entry, stat.S_IFREG), reader, entry)
        elif kind == tar.SYMLINK:
            target, what = link_target(entry), self._attributes(entry, stat.S_IFLNK)
            self._clear(at, here)
            self._make_symlink(at, name, what, target)
        elif kind == tar.HARDLINK:
            self._hard_link(entry, at, here)
        elif kind == tar.FIFO:
            what = self._attributes(entry, stat.S_IFIFO)
            self._clear(at, here)
            self._make_special(at, name, what, stat.S_IFIFO, 0, 0)
        elif kind in (tar.CHARACTER, tar.BLOCK_DEVICE):
            raise InvalidArgument(f"{shown(entry.name)} is a device; a copy makes none, leave it out of the archive")
        else:
            raise InvalidArgument(f"unhandled tar header type {shown(kind)} of {shown(entry.name)}")
        self._made.add(here)

    def _attributes(self, entry: Entry, kind: int) -> Attributes:
        what = attributes(entry, kind)
        if self._rules.owners:
            return what
        xattrs = {key: value for key, value in what.xattrs.items() if not key.startswith(b"security.")}
        mode = what.mode if kind == stat.S_IFDIR else what.mode & ~_RIGHTS
        return what._replace(uid=os.geteuid(), gid=os.getegid(), mode=mode, xattrs=xattrs)

    # -- what stays as it is --

    def _inside(self, here: Parts, name: bytes) -> None:
        if here[: len(self._base)] != self._base:
            raise InvalidArgument(f"{shown(name)} leads out of {self._here}, through a symlink; copy to where that leads")

    def _symlink(self, at: int, here: Parts) -> bytes | None:
        found = super()._symlink(at, here)
        if found is not None and not self._rules.links:
            raise FailedPrecondition(f"{shown(b'/'.join(here))} below {self._here} is a symlink, and is not followed")
        return found

    def _make_missing(self, at: int, here: Parts) -> int:
        self._inside(here, b"/".join(here))
        try:
            return self._make_directory(at, here[-1], Attributes(0o755, os.geteuid(), os.getegid()))
        except FileExistsError:
            raise FailedPrecondition(f"cannot overwrite non-directory {shown(b'/'.join(here))} with directory") from None

    def _forget_link(self, here: Parts) -> None:
        super()._forget_link(here)
        self._true[self._base] = self._base

    def _changes(self, at: int, path: Parts) -> None:
        """A directory that is there: nothing is taken off it meanwhile, and its times are those of the change."""

    def _dress(self, at: int, what: Attributes) -> None:
        self._finish(at, what)

    def _remove(self, at: int, name: bytes) -> bool:
        try:
            os.unlink(name, dir_fd=at)
        except FileNotFoundError:
            pass
        except IsADirectoryError:
            raise FailedPrecondition(f"cannot overwrite directory {shown(name)} with non-directory") from None
        return False

    def _clear(self, at: int, here: Parts) -> None:
        self._forget_link(here)
        self._remove(at, here[-1])

    def _directory_entry(self, at: int, here: Parts, what: Attributes) -> None:
        kind = self._kind(at, here[-1])
        if kind not in (None, stat.S_IFDIR):
            raise FailedPrecondition(f"cannot overwrite non-directory {shown(b'/'.join(here))} with directory")
        super()._directory_entry(at, here, what)

    def _make_symlink(self, at: int, name: bytes, what: Attributes, target: bytes) -> None:
        os.symlink(target, name, dir_fd=at)
        # Its name may be that of another file by now: what is given to an owner is the symlink that is looked at.
        with peek(at, name) as (fd, info):
            if not stat.S_ISLNK(info.st_mode):
                raise FailedPrecondition(f"{shown(name)} was replaced while it was made; somebody else writes there")
            here = b"/proc/self/fd/%d" % fd
            if os.geteuid() == 0:
                os.chown(here, what.uid, what.gid)
            os.utime(here, ns=(what.atime_ns, what.mtime_ns))

    def _hard_link(self, entry: Entry, at: int, here: Parts) -> None:
        target = self._parts(entry.link)
        with self._held(at):
            source, path = self._directory((*self._base, *target[:-1]))
            there = (*path, *target[-1:])
            if there == here or there not in self._made or self._kind(source, there[-1]) == stat.S_IFDIR:
                raise InvalidArgument(
                    f"hard link {shown(entry.name)} is one to {shown(entry.link)}, which is no file of the archive before it"
                )
            self._clear(at, here)
            self._make_link(source, there[-1], at, here[-1])

    def _make_file(self, at: int, name: bytes, what: Attributes, reader: TarReader, entry: Entry) -> None:
        """Write a file that has no name yet, and give it its name when it is whole."""
        if self._kind(at, name) == stat.S_IFDIR:
            raise FailedPrecondition(f"cannot overwrite directory {shown(name)} with non-directory")
        aside = b".argosy-" + secrets.token_hex(8).encode()
        try:
            fd = os.open(b".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=at)
            nameless = True
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT):
                raise
            fd, nameless = os.open(aside, _NEW, 0o600, dir_fd=at), False
        try:
            fill(fd, reader, entry)
            self._finish(fd, what)
            os.utime(fd, ns=(what.atime_ns, what.mtime_ns))
            if nameless:
                here = b"/proc/self/fd/%d" % fd
                try:
                    os.link(here, name, dst_dir_fd=at, follow_symlinks=True)
                    return
                except FileExistsError:
                    os.link(here, aside, dst_dir_fd=at, follow_symlinks=True)
            try:
                os.rename(aside, name, src_dir_fd=at, dst_dir_fd=at)
            except IsADirectoryError:
                raise FailedPrecondition(f"cannot overwrite directory {shown(name)} with non-directory") from None
        except BaseException:
            with suppress(OSError):
                os.unlink(aside, dir_fd=at)
            raise
        finally:
            os.close(fd)
