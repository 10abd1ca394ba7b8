"""The image: a tree of nodes as EROFS metadata behind data that is already in the file.

One file holds all::

    0       1024          1152    4096                    data_end
    | zeros | super block | zeros | data, as it came      | inodes | directories, symlinks |

Blocks are 512 bytes, as tar's are: a file inside a tar is then a file of the image without a copy of its bytes. Every
inode is an extended one (64 bytes) with its data in one run of blocks ("flat plain"), its xattrs right behind it.
Images that are given away have blocks of 4096 bytes, which every kernel and tool reads. There a directory or symlink that is small
enough is behind its inode, in the same block ("flat inline"): it would fill a block with nothing.
Format: fs/erofs/erofs_fs.h of the Linux kernel's documentation; the kernel's mount is the judge in our tests.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from typing import Final

from argosy.errors import InvalidArgument
from argosy.shown import shown

BLOCK: Final = 512
PAGE_BLOCK: Final = 4096
DATA_START: Final = 4096
# On a directory of a layer whose archive said nothing of it: it is as it is below. Overlayfs shows nobody what begins so.
IMPLIED_XATTR: Final = b"trusted.overlay.argosy.implied"
MAGIC: Final = 0xE0F5E1E2
_SUPER_BLOCK: Final = struct.Struct("<IIIBBHQQIIII16s16sIHHHBBIQ")
# The volume's name, which says whether there is anything in an image of ours that hides something of another.
_NAME_AT: Final = 1024 + 64
_HIDES, _SHOWS = b"argosy whiteouts", b"argosy layer"
_INODE: Final = struct.Struct("<HHHHQIIIIQII16x")
_ENTRY: Final = struct.Struct("<QHBx")
_SLOT: Final = 32
# Extended inodes, and where their data is.
_PLAIN, _INLINE = 1, 5
_KINDS: Final = {
    stat.S_IFREG: 1, stat.S_IFDIR: 2, stat.S_IFCHR: 3, stat.S_IFBLK: 4, stat.S_IFIFO: 5, stat.S_IFSOCK: 6, stat.S_IFLNK: 7,
}  # fmt: skip
# Longest prefix first; the rest of the name follows the number.
_XATTR_PREFIXES: Final = (
    (b"system.posix_acl_access", 2), (b"system.posix_acl_default", 3), (b"trusted.", 4), (b"security.", 6), (b"user.", 1),
)  # fmt: skip
_MAX_XATTR_BYTES: Final = 64 << 10
MAX_BLOCKS: Final = 0xFFFFFFFF
_WRITE: Final = 8 << 20


class Node:
    """One inode. ``block`` is where a file's bytes begin, in blocks from the file's start; ``kids`` make a directory.

    Two names of one node are hard links.
    """

    __slots__ = (
        "block",
        "device",
        "gid",
        "kids",
        "link",
        "mode",
        "mtime_ns",
        "nid",
        "nlink",
        "parent",
        "size",
        "uid",
        "xattrs",
    )

    def __init__(self, mode: int, uid: int = 0, gid: int = 0, mtime_ns: int = 0, size: int = 0, block: int = 0) -> None:
        self.mode, self.uid, self.gid, self.mtime_ns, self.size, self.block = mode, uid, gid, mtime_ns, size, block
        self.link = b""
        self.device = 0
        self.kids: dict[bytes, Node] | None = {} if stat.S_ISDIR(mode) else None
        self.xattrs: dict[bytes, bytes] | None = None
        self.nid = -1
        self.nlink = 0
        self.parent: Node | None = None

    @property
    def is_whiteout(self) -> bool:
        """Whether overlayfs takes this for "nothing here"."""
        return self.device == 0 and stat.S_ISCHR(self.mode)


def whiteout() -> Node:
    """Return the node that hides a name of lower layers."""
    return Node(stat.S_IFCHR)


def directory(mode: int = 0o755, uid: int = 0, gid: int = 0, mtime_ns: int = 0) -> Node:
    """Return an empty directory."""
    return Node(stat.S_IFDIR | mode, uid, gid, mtime_ns)


def encode_device(major: int, minor: int) -> int:
    """Return a device number as the kernel stores it: 12 bits of major between the 8 low and 12 high ones of minor."""
    return (minor & 0xFF) | ((major & 0xFFF) << 8) | ((minor & 0xFFF00) << 12)


def _xattr_bytes(xattrs: dict[bytes, bytes]) -> bytes:
    """Return xattrs as they stand behind an inode. Those that EROFS has no prefix for are left out."""
    out = bytearray(12)
    for name, value in sorted(xattrs.items()):
        for prefix, number in _XATTR_PREFIXES:
            if name.startswith(prefix):
                rest = name[len(prefix) :]
                if len(rest) > 255 or len(value) > 0xFFFF:
                    raise InvalidArgument(f"xattr {shown(name)} is too large for an image")
                out += struct.pack("<BBH", len(rest), number, len(value)) + rest + value
                out += b"\0" * (-len(out) % 4)
                break
    if len(out) > _MAX_XATTR_BYTES:
        raise InvalidArgument(f"{len(out)} bytes of xattrs of one file are more than an image holds")
    return bytes(out) if len(out) > 12 else b""


def _inline_bytes(node: Node) -> int:
    """Return the size of what can stand behind an inode: a directory's entries, or where a symlink leads."""
    if node.kids is None:
        return len(node.link)
    return sum(12 + len(name) for name in (b".", b"..", *node.kids))


def _walk(root: Node, size: int) -> tuple[list[Node], dict[Node, bytes], set[Node], int]:
    """Give each node its number and its count of links.

    Return every node once, the root first, the xattrs as bytes, which are inline, and how many slots all need.
    """
    nodes: list[Node] = []
    extras: dict[Node, bytes] = {}
    inline: set[Node] = set()
    nid = 0
    root.parent = root
    root.nlink = 2
    todo = [root]
    while todo:
        node = todo.pop()
        nodes.append(node)
        length = 64
        if node.xattrs and (raw := _xattr_bytes(node.xattrs)):
            extras[node] = raw
            length += len(raw)
        if size > BLOCK and (more := _inline_bytes(node)) and length + more <= size:
            inline.add(node)
            length += more
            room = size // _SLOT - nid % (size // _SLOT)
            if length > room * _SLOT:
                nid += room  # it is in one block
        node.nid = nid
        nid += (length + _SLOT - 1) // _SLOT
        if node.kids is not None:
            for kid in node.kids.values():
                if kid.kids is not None:
                    kid.parent, kid.nlink = node, 2
                    node.nlink += 1
                    todo.append(kid)
                elif kid.nid == -1:
                    kid.nid, kid.nlink = -2, 1
                    todo.append(kid)
                else:
                    kid.nlink += 1
    return nodes, extras, inline, nid


def _directory_blocks(node: Node, size: int) -> Iterator[bytes]:
    """Yield a directory's blocks: entries sorted by name, each block with the names of its own entries."""
    assert node.kids is not None and node.parent is not None
    names = [(b".", node.nid, 2), (b"..", node.parent.nid, 2)]
    names += [(name, kid.nid, _KINDS[stat.S_IFMT(kid.mode)]) for name, kid in node.kids.items()]
    names.sort()
    at = 0
    while at < len(names):
        used, end = 0, at
        while end < len(names) and used + 12 + len(names[end][0]) <= size:
            used += 12 + len(names[end][0])
            end += 1
        offset = 12 * (end - at)
        head = bytearray()
        for name, nid, kind in names[at:end]:
            head += _ENTRY.pack(nid, offset, kind)
            offset += len(name)
        yield bytes(head) + b"".join(name for name, _, _ in names[at:end])
        at = end


def finish(fd: int, data_end: int, root: Node, uuid: bytes, hides: bool = False, size: int = BLOCK) -> None:
    """Write the metadata of a tree behind the data of an image, and its super block last.

    data_end is where the data ends, in bytes. size is a block's. hides: whether whiteouts or opaque directories are in it (``may_hide``). A node whose
    tree was written before must not be written again. Raises InvalidArgument for what an image can't hold, OSError.
    """
    start = -(-data_end // size)
    nodes, extras, inline, slots = _walk(root, size)
    block = start + -(-slots * _SLOT // size)
    inodes = bytearray((block - start) * size)
    tail = bytearray()
    for number, node in enumerate(nodes, 1):
        kind = stat.S_IFMT(node.mode)
        length, where = node.size, node.block
        extra = extras.get(node, b"")
        layout = _PLAIN
        if node in inline:
            layout, where = _INLINE, 0
            said = node.link if kind == stat.S_IFLNK else b"".join(_directory_blocks(node, size))
            length, at = len(said), node.nid * _SLOT + 64 + len(extra)
            inodes[at : at + length] = said
        elif kind == stat.S_IFDIR:
            where = block + len(tail) // size
            length = 0
            for piece in _directory_blocks(node, size):
                length = len(tail) // size * size + len(piece) - (where - block) * size
                tail += piece
                tail += b"\0" * (-len(tail) % size)
        elif kind == stat.S_IFLNK:
            where, length = block + len(tail) // size, len(node.link)
            tail += node.link
            tail += b"\0" * (-len(tail) % size)
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            where, length = node.device, 0
        elif kind != stat.S_IFREG:
            where = length = 0
        seconds, nanoseconds = divmod(node.mtime_ns, 1_000_000_000)
        _INODE.pack_into(
            inodes, node.nid * _SLOT, layout, (len(extra) - 12) // 4 + 1 if extra else 0, node.mode, 0, length, where, number,
            node.uid, node.gid, seconds, nanoseconds, node.nlink,
        )  # fmt: skip
        if extra:
            at = node.nid * _SLOT + 64
            inodes[at : at + len(extra)] = extra
    end = block + len(tail) // size
    if end > MAX_BLOCKS:
        raise InvalidArgument(f"{end * size} bytes are more than an image of {size}-byte blocks holds")
    _write(fd, inodes, start * size)
    _write(fd, tail, block * size)
    os.ftruncate(fd, -(-end * size // DATA_START) * DATA_START)
    head = _SUPER_BLOCK.pack(
        MAGIC, 0, 0, size.bit_length() - 1, 0, root.nid, len(nodes), 0, 0, end, start, 0, uuid[:16], _HIDES if hides else _SHOWS, 0, 0, 0, 0, 0, 0, 0, 0
    )  # fmt: skip
    _write(fd, bytearray(head), 1024)


def may_hide(fd: int) -> bool:
    """Return whether whiteouts or opaque directories may be in an image: whoever else made it did not say."""
    return os.pread(fd, 16, _NAME_AT).rstrip(b"\0") != _SHOWS


def _write(fd: int, data: bytearray, at: int) -> None:
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += os.pwrite(fd, view[done : done + _WRITE], at + done)
