"""An EROFS image that somebody else made, read without the kernel: what is in it, as the tar of a layer.

Every byte is taken for hostile. What is read at an offset is in the image or is refused, a directory is entered once, and who takes the tar counts
its bytes: an image may say of a small file that it is large, or have many names for one. What is read and not in the tar is counted here. What is not
understood is refused by name: files that are compressed in the image, and images of several files.

Whiteouts become what a tar has for them, and a directory that the archive said nothing of (``packed``) has no entry. Attributes that are the system's
own (``trusted.*``) are left out, as they are of every layer.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from argosy.erofs.image import IMPLIED_XATTR, MAGIC
from argosy.errors import InvalidArgument, Unimplemented
from argosy.shown import shown
from argosy.tar_headers import add_attribute, add_nanoseconds, become_link, empty, header, packed
from argosy.unpack.limits import Budget
from argosy.unpack.names import MAX_NAME_BYTES, OPAQUE, WHITEOUT

_SUPER_BLOCK: Final = struct.Struct("<IIIBBHQQIIII16s16sIHHHB")
_SUPER_AT: Final = 1024
# What an image may ask of its reader: nothing, or zeros before compressed data and files in chunks.
_UNDERSTOOD: Final = 0x1 | 0x4
_COMPRESSED: Final = 0x2 | 0x10 | 0x20
_COMPACT: Final = struct.Struct("<HHHHIIIIHHI")
_EXTENDED: Final = struct.Struct("<HHHHQIIIIQII")
_PLAIN, _INLINE, _CHUNKS = 0, 2, 4
_CHUNK_BITS, _CHUNK_INDEXES = 0x1F, 0x20
# What a chunk's index is: the file that it is in, and the block. Without indexes there is the block alone.
_INDEX: Final = struct.Struct("<xxHI")
_NO_BLOCK: Final = 0xFFFFFFFF
_ENTRY: Final = struct.Struct("<QHBB")
_PREFIXES: Final = {
    1: b"user.", 2: b"system.posix_acl_access", 3: b"system.posix_acl_default", 4: b"trusted.", 6: b"security.",
}  # fmt: skip
_OPAQUE: Final = b"trusted.overlay.opaque"
_MAX_PATH_BYTES: Final = 4096
_MAX_DIRECTORY_BYTES: Final = 256 << 20
_READ: Final = 1 << 20
_BLOCK: Final = 512
_PACKED: Final = "files are compressed in the layer's EROFS image, which is not read here; use one with uncompressed files, itself compressed or not"
_SEVERAL: Final = "the layer's EROFS image is of several files; use one with all of it in one"


@dataclass(frozen=True, slots=True)
class Inode:
    """One inode, by the names that lstat has; where its data begins is a block's number."""

    nid: int
    st_mode: int
    st_uid: int
    st_gid: int
    st_size: int
    st_mtime_ns: int
    st_rdev: int
    links: int
    layout: int
    where: int
    attributes_at: int
    """Where its attributes are, and of how many bytes."""
    attributes_bytes: int

    @property
    def kind(self) -> int:
        return stat.S_IFMT(self.st_mode)

    @property
    def tail_at(self) -> int:
        """Where data is that stands behind the inode."""
        return self.attributes_at + self.attributes_bytes


class Image:
    """What an image says of itself. size is the file's, in bytes. Raises InvalidArgument, Unimplemented, as all that it does."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd, self._size = fd, size
        found = _SUPER_BLOCK.unpack(self._read(_SUPER_AT, _SUPER_BLOCK.size))
        magic, _, _, bits, _, root, _, epoch, epoch_ns, _, inodes, shared, _, _, asked, _, devices, _, more = found
        if magic != MAGIC:
            raise InvalidArgument("the layer is no EROFS image: it has no super block of one")
        if asked & _COMPRESSED:
            raise Unimplemented(_PACKED)
        if asked & ~_UNDERSTOOD:
            raise Unimplemented(f"the layer's EROFS image is not read here: it asks for features {asked:#x}")
        if devices:
            raise Unimplemented(_SEVERAL)
        if not 9 <= bits <= 16 or more:
            raise InvalidArgument(
                f"the layer's EROFS image is damaged: its blocks have 2^{bits} bytes, and those of directories 2^{bits + more}"
            )
        self.block = 1 << bits
        self._epoch_ns = min(epoch, 1 << 40) * 1_000_000_000 + epoch_ns % 1_000_000_000
        self._inodes_at, self._shared_at = inodes * self.block, shared * self.block
        self.root = self.inode(root)

    def _read(self, at: int, size: int) -> bytes:
        data = os.pread(self._fd, size, at) if 0 <= at <= self._size - size else b""
        if len(data) != size:
            raise InvalidArgument(
                f"the layer's EROFS image is damaged: it names {size} bytes at {at}, and ends at {self._size}"
            )
        return data

    def inode(self, nid: int) -> Inode:
        """Return an inode by its number."""
        at = self._inodes_at + nid * 32
        head = self._read(at, 32)
        form, count, mode = struct.unpack_from("<HHH", head)
        layout = form >> 1 & 7
        if layout in (1, 3):
            raise Unimplemented(_PACKED)
        if form & ~0xF or layout not in (_PLAIN, _INLINE, _CHUNKS):
            raise Unimplemented(
                f"inode {nid} of the layer's EROFS image is stored in a way that is not read here ({form:#x})"
            )
        if form & 1:
            _, _, _, _, size, where, _, uid, gid, seconds, nanoseconds, links = _EXTENDED.unpack(self._read(at, 48))
            head_bytes, mtime = 64, min(seconds, 1 << 40) * 1_000_000_000 + nanoseconds % 1_000_000_000
        else:
            _, _, _, links, size, later, where, _, uid, gid, _ = _COMPACT.unpack(head)
            head_bytes, mtime = 32, self._epoch_ns + later * 1_000_000_000
        kind = stat.S_IFMT(mode)
        if size >= 1 << 62 or kind not in (
            stat.S_IFREG,
            stat.S_IFDIR,
            stat.S_IFLNK,
            stat.S_IFCHR,
            stat.S_IFBLK,
            stat.S_IFIFO,
            stat.S_IFSOCK,
        ):
            raise InvalidArgument(
                f"inode {nid} of the layer's EROFS image is damaged: a file of mode {mode:o} with {size} bytes"
            )
        device = os.makedev(where >> 8 & 0xFFF, where & 0xFF | where >> 12 & 0xFFF00)
        special = kind in (stat.S_IFCHR, stat.S_IFBLK)
        return Inode(
            nid, mode, uid, gid, size if kind in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK) else 0, mtime, device if special else 0,
            links, layout, where, at + head_bytes, 12 + 4 * (count - 1) if count else 0,
        )  # fmt: skip

    def data(self, inode: Inode, step: int = _READ) -> Iterator[bytes]:
        """Yield a file's bytes, or a directory's or a symlink's, step bytes at a time at most."""
        if inode.layout == _CHUNKS:
            yield from self._chunks(inode, step)
            return
        # What is behind the inode is what does not fill a block.
        behind = inode.st_size % self.block if inode.layout == _INLINE else 0
        yield from self._run(inode.where * self.block, inode.st_size - behind, step)
        if behind:
            yield self._read(inode.tail_at, behind)

    def _run(self, at: int, size: int, most: int) -> Iterator[bytes]:
        while size:
            piece = self._read(at, min(size, most))
            yield piece
            at, size = at + len(piece), size - len(piece)

    def _chunks(self, inode: Inode, most: int) -> Iterator[bytes]:
        length = self.block << (inode.where & _CHUNK_BITS)
        if inode.where & ~(_CHUNK_BITS | _CHUNK_INDEXES):
            raise Unimplemented(f"inode {inode.nid} of the layer's EROFS image has chunks of a kind that is not read here")
        step = 8 if inode.where & _CHUNK_INDEXES else 4
        at = -(-inode.tail_at // step) * step
        left = inode.st_size
        while left:
            device, where = _INDEX.unpack(bytes(8 - step) + self._read(at, step))
            size = min(left, length)
            if where == _NO_BLOCK:
                for done in range(0, size, most):
                    yield bytes(min(size - done, most))
            elif device:
                raise Unimplemented(_SEVERAL)
            else:
                yield from self._run(where * self.block, size, most)
            at, left = at + step, left - size

    def attributes(self, inode: Inode) -> dict[bytes, bytes]:
        """Return an inode's extended attributes."""
        if not inode.attributes_bytes:
            return {}
        data = self._read(inode.attributes_at, inode.attributes_bytes)
        found: dict[bytes, bytes] = {}
        at = 12 + 4 * data[4]
        for n in range(data[4]):
            if 12 + 4 * n + 4 > len(data):
                raise InvalidArgument(
                    f"inode {inode.nid} of the layer's EROFS image is damaged: its attributes end too soon"
                )
            where = self._shared_at + 4 * int.from_bytes(data[12 + 4 * n : 16 + 4 * n], "little")
            head = self._read(where, 4)
            found.update(self._attribute(inode, self._read(where, 4 + head[0] + int.from_bytes(head[2:], "little"))))
        while at + 4 <= len(data):
            end = at + 4 + data[at] + int.from_bytes(data[at + 2 : at + 4], "little")
            if end > len(data):
                raise InvalidArgument(
                    f"inode {inode.nid} of the layer's EROFS image is damaged: its attributes end too soon"
                )
            found.update(self._attribute(inode, data[at:end]))
            at = -(-end // 4) * 4
        return found

    @staticmethod
    def _attribute(inode: Inode, data: bytes) -> dict[bytes, bytes]:
        prefix = _PREFIXES.get(data[1])
        if not data[0] and not data[1]:
            return {}  # what fills up
        name = (prefix or b"") + data[4 : 4 + data[0]]
        if prefix is None or b"\0" in name or b"=" in name:
            raise Unimplemented(f"inode {inode.nid} of the layer's EROFS image has an attribute whose name is not read here")
        return {name: data[4 + data[0] :]}

    def children(self, inode: Inode) -> Iterator[tuple[bytes, int]]:
        """Yield the names in a directory, . and .. too, and the numbers of their inodes."""
        if inode.st_size > _MAX_DIRECTORY_BYTES:
            raise InvalidArgument(
                f"a directory of the layer's EROFS image has {inode.st_size} bytes; {_MAX_DIRECTORY_BYTES} are the most"
            )
        # Many directories may be open at a time: of each a block is held.
        left = b""
        for piece in self.data(inode, self.block):
            left += piece
            if len(left) >= self.block:
                yield from self._names(left[: self.block])
                left = left[self.block :]
        if left:
            yield from self._names(left)

    @staticmethod
    def _names(block: bytes) -> Iterator[tuple[bytes, int]]:
        wrong = InvalidArgument("the layer's EROFS image is damaged: a directory in it is none")
        if len(block) < _ENTRY.size:
            raise wrong
        first = _ENTRY.unpack_from(block)[1]
        if not first or first % _ENTRY.size or first > len(block):
            raise wrong
        offsets = [_ENTRY.unpack_from(block, at)[:2] for at in range(0, first, _ENTRY.size)]
        for (nid, start), end in zip(offsets, [*(start for _, start in offsets[1:]), len(block)], strict=True):
            if not first <= start < end <= len(block):
                raise wrong
            name = block[start:end] if end < len(block) else block[start:end].split(b"\0", 1)[0]
            if not name or len(name) > MAX_NAME_BYTES or b"/" in name or b"\0" in name:
                raise wrong
            yield name, nid


def tar_of(fd: int, size: int, budget: Budget) -> Iterator[bytes]:
    """Yield the tar of what is in an image of size bytes. Blocks.

    Raises InvalidArgument for a damaged one, Unimplemented for one of a kind that is not read, ResourceExhausted for more than budget allows.
    """
    image = Image(fd, size)
    if image.root.kind != stat.S_IFDIR:
        raise InvalidArgument("the layer's EROFS image is damaged: its root is no directory")
    links: dict[int, bytes] = {}
    entered = {image.root.nid}
    if image.attributes(image.root).get(_OPAQUE) == b"y":
        yield _plain(OPAQUE)
    todo = [(b"", image.children(image.root))]
    while todo:
        above, children = todo[-1]
        child = next(children, None)
        if child is None:
            todo.pop()
            continue
        name, nid = child
        if name in (b".", b".."):
            budget.entry(0)
            continue
        path = above + name
        if len(path) > _MAX_PATH_BYTES:
            raise InvalidArgument(f"the layer's EROFS image has a path of more than {_MAX_PATH_BYTES} bytes")
        inode = image.inode(nid)
        if inode.kind == stat.S_IFCHR and not inode.st_rdev:
            yield _plain(above + WHITEOUT + name)
            continue
        if name.startswith(WHITEOUT):
            raise InvalidArgument(
                f"the layer's EROFS image has a file {shown(path)}, which is a whiteout in any other layer"
            )
        if inode.kind == stat.S_IFSOCK:
            budget.entry(0)
            continue  # nobody listens on one of a layer
        attributes = image.attributes(inode)
        budget.metadata(sum(len(key) + len(value) for key, value in attributes.items() if key.startswith(b"trusted.")))
        if inode.kind != stat.S_IFDIR or IMPLIED_XATTR not in attributes:
            yield from _entry(image, path, inode, attributes, links)
        if inode.kind == stat.S_IFDIR:
            if nid in entered:
                raise InvalidArgument(f"the layer's EROFS image has a directory twice, the second time as {shown(path)}")
            entered.add(nid)
            if attributes.get(_OPAQUE) == b"y":
                yield _plain(path + b"/" + OPAQUE)
            todo.append((path + b"/", image.children(inode)))
    yield bytes(2 * _BLOCK)


def _entry(
    image: Image, path: bytes, inode: Inode, attributes: dict[bytes, bytes], links: dict[int, bytes]
) -> Iterator[bytes]:
    """Yield an inode's header, and its bytes. links has the first name of each file with several."""
    is_file, target = inode.kind == stat.S_IFREG, b""
    if inode.kind == stat.S_IFLNK:
        if not 0 < inode.st_size <= _MAX_PATH_BYTES:
            raise InvalidArgument(f"the layer's EROFS image is damaged: symlink {shown(path)} has {inode.st_size} bytes")
        target = b"".join(image.data(inode))
        if b"\0" in target:
            raise InvalidArgument(f"the layer's EROFS image is damaged: symlink {shown(path)} leads to a name with a NUL")
    entry = header(os.fsdecode(path), inode, os.fsdecode(target))
    if inode.links > 1 and inode.kind != stat.S_IFDIR:
        first = links.setdefault(inode.nid, path)
        if first != path:
            become_link(entry, os.fsdecode(first))
            is_file = False
    for key, value in attributes.items():
        if not key.startswith(b"trusted."):
            add_attribute(entry, os.fsdecode(key), value)
    add_nanoseconds(entry, inode.st_mtime_ns)
    yield packed(entry)
    if is_file:
        yield from image.data(inode)
        yield bytes(-inode.st_size % _BLOCK)


def _plain(path: bytes) -> bytes:
    """Return the header of an empty file."""
    return packed(empty(os.fsdecode(path)))
