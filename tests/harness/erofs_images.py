"""EROFS images written field by field, by the kernel's description of them: what no honest writer makes, too."""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator, Sequence

_SUPER: tuple[int, ...] = (4, 4, 4, 1, 1, 2, 8, 8, 4, 4, 4, 4, 16, 16, 4, 2, 2, 2, 1)
_SUPER_AT = 1024
_COMPACT: tuple[int, ...] = (2, 2, 2, 2, 4, 4, 4, 4, 2, 2, 4)
_EXTENDED: tuple[int, ...] = (2, 2, 2, 2, 8, 4, 4, 4, 4, 8, 4, 4)
PLAIN, INLINE, CHUNKS = 0, 2, 4
IMPLIED = b"overlay.argosy.implied"  # behind trusted.


def attribute(name: bytes, value: bytes = b"", prefix: int = 1) -> bytes:
    """Return an attribute as it stands in an image, not filled up; prefix 1 is user., 4 trusted., 6 security."""
    return struct.pack("<BBH", len(name), prefix, len(value)) + name + value


def attributes(*own: bytes, shared: Sequence[int] = ()) -> bytes:
    """Return what stands behind an inode: its own attributes, and where those are that others have, too."""
    out = struct.pack("<IB7x", 0, len(shared)) + b"".join(struct.pack("<I", one) for one in shared)
    for one in own:
        out += one + bytes(-len(one) % 4)
    return out


def names(entries: Sequence[tuple[bytes, int]]) -> bytes:
    """Return a block of a directory, not filled up."""
    at, head = 12 * len(entries), b""
    for name, nid in entries:
        head += struct.pack("<QHBx", nid, at, 0)
        at += len(name)
    return head + b"".join(name for name, _ in entries)


class Image:
    """One image on its way: data, then inodes, then attributes of several. Children come before their directories."""

    def __init__(self, bits: int = 12) -> None:
        self.bits, self.block = bits, 1 << bits
        self._data, self._inodes, self._shared = bytearray(), bytearray(), bytearray()
        self._first = -(-1152 // self.block)
        self._fields: list[tuple[str, int, int]] = []
        self.last = 0
        """The number of the inode that was added last."""

    def put(self, data: bytes) -> int:
        """Add data; return its first block."""
        where = self._first + len(self._data) // self.block
        self._data += data + bytes(-len(data) % self.block)
        return where

    def share(self, one: bytes) -> int:
        """Add an attribute of several; return its number."""
        at = len(self._shared) // 4
        self._shared += one + bytes(-len(one) % 4)
        return at

    def inode(
        self, mode: int, size: int = 0, where: int = 0, layout: int = PLAIN, *, compact: bool = False, xattrs: bytes = b"",
        behind: bytes = b"", links: int = 1, seconds: int = 1_600_000_000,
    ) -> int:  # fmt: skip
        """Add an inode; return its number. xattrs and behind stand behind it."""
        self._inodes += bytes(-len(self._inodes) % 32)
        nid, count = len(self._inodes) // 32, (len(xattrs) - 12) // 4 + 1 if xattrs else 0
        if compact:
            head = struct.pack("<HHHHIIIIHHI", layout << 1, count, mode, links, size, 5, where, nid, 1, 2, 0)
        else:
            head = struct.pack(
                "<HHHHQIIIIQII16x",
                layout << 1 | 1,
                count,
                mode,
                0,
                size,
                where,
                nid,
                3,
                4,
                seconds & (1 << 64) - 1,
                6,
                links,
            )
        at = len(self._inodes)
        for width in _COMPACT if compact else _EXTENDED:
            self._fields.append(("inode", at, width))
            at += width
        at = len(self._inodes) + len(head)
        self._fields += [("attributes", one, 1) for one in range(at, at + len(xattrs))]
        self._fields += [("behind", one, 2) for one in range(at + len(xattrs), at + len(xattrs) + len(behind) - 1, 2)]
        self._inodes += head + xattrs + behind
        self.last = nid
        return nid

    def file(self, data: bytes = b"", **more: object) -> int:
        """Add a small file, whose bytes stand behind its inode."""
        return self.inode(stat.S_IFREG | 0o644, len(data), 0, INLINE, behind=data, **more)  # type: ignore[arg-type] # those of inode

    def directory(self, entries: Sequence[tuple[bytes, int]], *, xattrs: bytes = b"", inline: bool = True) -> int:
        """Add a directory of one block."""
        block = names(entries)
        if inline:
            return self.inode(stat.S_IFDIR | 0o755, len(block), 0, INLINE, xattrs=xattrs, behind=block)
        return self.inode(stat.S_IFDIR | 0o755, len(block), self.put(block), xattrs=xattrs)

    def made(self, root: int) -> bytes:
        """Return the image, whose root's number is below 65536."""
        at = self._inodes_at
        shared = at + -(-len(self._inodes) // self.block)
        head = struct.pack(
            "<IIIBBHQQIIII16s16sIHHHB", 0xE0F5E1E2, 0, 0, self.bits, 0, root, 1, 1_500_000_000, 7, 0, at, shared, b"", b"", 4, 0, 0, 0, 0
        )  # fmt: skip
        out = bytearray(self._first * self.block)
        out[_SUPER_AT : _SUPER_AT + len(head)] = head
        out += self._data
        out += self._inodes + bytes(-len(self._inodes) % self.block)
        out += self._shared + bytes(-len(self._shared) % self.block)
        return bytes(out)

    @property
    def _inodes_at(self) -> int:
        return self._first + len(self._data) // self.block

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yield where the image has fields, and how many bytes each: of the super block, inodes, attributes, and what stands behind inodes."""
        at = _SUPER_AT
        for width in _SUPER:
            yield at, width
            at += width
        for _, at, width in self._fields:
            yield self._inodes_at * self.block + at, width
        for at in range(self._first * self.block, self._inodes_at * self.block, self.block):
            yield from ((at + one, 4) for one in range(0, 48, 4))  # names, or nothing much
        shared = (self._inodes_at + -(-len(self._inodes) // self.block)) * self.block
        yield from ((shared + one, 1) for one in range(min(16, len(self._shared))))
