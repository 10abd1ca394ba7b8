"""Attributes of a file, as an entry of a layer gives them: owner, mode, times, xattrs, as far as a layer may set them.

One judgement for every writer: what the kernel would refuse on a directory is refused for an image, too.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from argosy.errors import InvalidArgument
from argosy.shown import shown
from argosy.unpack.tar import Entry

_NOBODY: Final = 0xFFFFFFFF
_NONE: Final[Mapping[bytes, bytes]] = MappingProxyType({})
_MAX_NS: Final = (1 << 63) - 1
_MAX_NAME_BYTES: Final = 255
_MAX_VALUE_BYTES: Final = 0xFFFF
_MAX_LINK_BYTES: Final = 4095
_MAX_MAJOR, _MAX_MINOR = 0xFFF, 0xFFFFF
_ACLS: Final = (b"system.posix_acl_access", b"system.posix_acl_default")
_ACL_VERSION: Final = 2
_ACL_ENTRY: Final = struct.Struct("<HHI")
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 1, 2, 4, 8, 16, 32
# struct vfs_cap_data of linux/capability.h: revision in the top byte, and how long it is.
_CAPABILITY_BYTES: Final = {2: 20, 3: 24}


class Attributes(NamedTuple):
    """The attributes that a file is to have. mode is the permissions alone; times are nanoseconds since the epoch."""

    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    atime_ns: int = 0
    xattrs: Mapping[bytes, bytes] = _NONE


def attributes(entry: Entry, kind: int, user_overlay: bool = False) -> Attributes:
    """Return the attributes that entry gives a file of a kind (stat's S_IFMT bits).

    An owner of -1 means nobody in particular, which is root; a time that no clock has is the epoch, as containerd has it.
    ``trusted.*`` is the system's own and never comes from a layer; with user_overlay ``user.overlay.*`` isn't either. Raises
    InvalidArgument.
    """
    mtime = entry.mtime_ns
    atime = mtime if entry.atime_ns is None else max(mtime, entry.atime_ns)
    xattrs = _wanted(entry, kind, user_overlay) if entry.xattrs else _NONE
    uid, gid = entry.uid, entry.gid
    if not (0 <= uid < _NOBODY and 0 <= gid < _NOBODY):
        uid, gid = _owner(entry, uid), _owner(entry, gid)
    return Attributes(entry.mode, uid, gid, _bounded(mtime), _bounded(atime), xattrs)


def _bounded(time_ns: int) -> int:
    return time_ns if 0 <= time_ns <= _MAX_NS else 0


def _owner(entry: Entry, id: int) -> int:
    if id in (-1, _NOBODY):
        return 0
    if not 0 <= id < _NOBODY:
        raise InvalidArgument(f"{shown(entry.name)} belongs to {id}, which is no id; ids are 0 to {_NOBODY - 1}")
    return id


def link_target(entry: Entry) -> bytes:
    """Return a symlink's target. Raises InvalidArgument when there can be no such symlink."""
    if not entry.link or len(entry.link) > _MAX_LINK_BYTES or b"\0" in entry.link:
        raise InvalidArgument(f"symlink {shown(entry.name)} leads to {len(entry.link)} bytes that are no path")
    return entry.link


def device(entry: Entry) -> tuple[int, int]:
    """Return a device's numbers. Raises InvalidArgument."""
    if not (0 <= entry.major <= _MAX_MAJOR and 0 <= entry.minor <= _MAX_MINOR):
        raise InvalidArgument(f"device {shown(entry.name)} has the numbers {entry.major}:{entry.minor}, which no device has")
    return entry.major, entry.minor


# -- xattrs --


def _wanted(entry: Entry, kind: int, user_overlay: bool) -> dict[bytes, bytes]:
    kept: dict[bytes, bytes] = {}
    for key, value in entry.xattrs.items():
        if not key or len(key) > _MAX_NAME_BYTES or b"\0" in key or len(value) > _MAX_VALUE_BYTES:
            raise InvalidArgument(f"{shown(entry.name)}: xattr {shown(key)} of {len(value)} bytes is none")
        space, _, rest = key.partition(b".")
        if key in _ACLS:
            if kind == stat.S_IFLNK:
                continue
            if key == _ACLS[1] and kind != stat.S_IFDIR:
                raise InvalidArgument(f"{shown(entry.name)} has a default ACL, which only directories have")
            acl = _acl(entry.name, value, entry.mode if key == _ACLS[0] else None)
            if acl:
                kept[key] = acl
            continue
        if space not in (b"user", b"security"):
            continue  # trusted.* is not the layer's to set; the rest nobody knows
        if not rest:
            raise InvalidArgument(f"{shown(entry.name)}: xattr {shown(key)} has no name")
        if space == b"user":
            if kind not in (stat.S_IFREG, stat.S_IFDIR) or (user_overlay and rest.startswith(b"overlay.")):
                continue
        elif rest == b"capability":
            _check_capability(entry.name, value)
        kept[key] = value
    return kept


def _check_capability(name: bytes, value: bytes) -> None:
    revision = value[3] if len(value) >= 4 else 0
    if _CAPABILITY_BYTES.get(revision) != len(value):
        raise InvalidArgument(f"{shown(name)} has a security.capability of {len(value)} bytes that the kernel does not know")


def _acl(name: bytes, value: bytes, mode: int | None) -> bytes:
    """Return an ACL, changed as chmod(2) to mode changes it; empty when it says no more than a mode does."""
    wrong = InvalidArgument(f"{shown(name)} has an ACL that is none")
    if len(value) < 4:
        raise wrong
    if int.from_bytes(value[:4], "little") != _ACL_VERSION:
        return b""
    if (len(value) - 4) % _ACL_ENTRY.size:
        raise wrong
    entries: list[tuple[int, int, int]] = list(_ACL_ENTRY.iter_unpack(value[4:]))
    if not entries:
        return b""
    tags = [tag for tag, _, _ in entries]
    named = _USER in tags or _GROUP in tags
    if (
        tags != sorted(tags)  # the order of the tags is the order of their numbers
        or any(tag not in (_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER) or bits > 7 for tag, bits, _ in entries)
        or any(tags.count(tag) != 1 for tag in (_USER_OBJ, _GROUP_OBJ, _OTHER))
        or tags.count(_MASK) > 1
        or (named and _MASK not in tags)
        or any(tag in (_USER, _GROUP) and id == _NOBODY for tag, _, id in entries)
    ):
        raise wrong
    if mode is None:
        return value
    if _MASK not in tags:
        return b""
    says = {_USER_OBJ: mode >> 6 & 7, _MASK: mode >> 3 & 7, _OTHER: mode & 7}
    return value[:4] + b"".join(_ACL_ENTRY.pack(tag, says.get(tag, bits), id) for tag, bits, id in entries)
