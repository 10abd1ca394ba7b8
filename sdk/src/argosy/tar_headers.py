"""An inode as the header of its entry in a tar: what is the same whoever packs, and whatever the inode is of."""

from __future__ import annotations

import os
import stat
import tarfile
from typing import Final, Protocol

CAPABILITY: Final = "security.capability"
"""The extended attribute with what a program may do, whoever runs it."""
_TYPES: Final = {
    stat.S_IFREG: tarfile.REGTYPE, stat.S_IFDIR: tarfile.DIRTYPE, stat.S_IFLNK: tarfile.SYMTYPE, stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE, stat.S_IFBLK: tarfile.BLKTYPE,
}  # fmt: skip


class Status(Protocol):
    """What a header says of an inode, by the names of ``os.stat_result``: whoever read it, the kernel or a reader of images."""

    @property
    def st_mode(self) -> int: ...
    @property
    def st_uid(self) -> int: ...
    @property
    def st_gid(self) -> int: ...
    @property
    def st_size(self) -> int: ...
    @property
    def st_mtime_ns(self) -> int: ...
    @property
    def st_rdev(self) -> int: ...


def header(path: str, info: Status, link: str = "") -> tarfile.TarInfo:
    """Return the header of what is called path, which is no socket: a tar has no such thing. link is where a symlink leads. Times are whole seconds."""
    kind = stat.S_IFMT(info.st_mode)
    entry = tarfile.TarInfo(path + "/" if kind == stat.S_IFDIR else path)
    entry.type, entry.linkname = _TYPES[kind], link
    entry.mode, entry.uid, entry.gid = stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid
    entry.mtime = int(info.st_mtime_ns // 1_000_000_000)
    if kind == stat.S_IFREG:
        entry.size = info.st_size
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        entry.devmajor, entry.devminor = os.major(info.st_rdev), os.minor(info.st_rdev)
    return entry


def header_of(path: str, info: os.stat_result, fd: int) -> tarfile.TarInfo:
    """Return the header of what a descriptor (O_PATH) refers to. Raises OSError."""
    return header(path, info, os.readlink("", dir_fd=fd) if stat.S_ISLNK(info.st_mode) else "")


def add_attribute(entry: tarfile.TarInfo, name: str, value: bytes) -> None:
    """Put an extended attribute of a file into its header; one whose name is no UTF-8 is left out: the standard library can't write it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    entry.pax_headers = {**entry.pax_headers, f"SCHILY.xattr.{name}": value.decode("utf-8", "surrogateescape")}


def add_nanoseconds(entry: tarfile.TarInfo, mtime_ns: int) -> None:
    """Put what a time has beyond whole seconds into a header."""
    seconds, rest = divmod(mtime_ns, 1_000_000_000)
    if rest and seconds >= 0:
        entry.pax_headers = {**entry.pax_headers, "mtime": f"{seconds}.{rest:09d}"}


def become_link(entry: tarfile.TarInfo, target: str) -> None:
    """Make a header that of a hard link to what an earlier one is about."""
    entry.type, entry.linkname, entry.size = tarfile.LNKTYPE, target, 0


def empty(path: str) -> tarfile.TarInfo:
    """Return the header of a file without anything in it, as whiteouts are."""
    return tarfile.TarInfo(path)


def packed(entry: tarfile.TarInfo) -> bytes:
    """Return a header as it stands in a tar."""
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
