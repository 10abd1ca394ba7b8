"""An EROFS image that somebody else made, read without the kernel: what is in it, as the tar of a layer.

Every byte is taken for hostile. What is read at an offset is in the image or is refused, a directory is entered once, and who takes the tar counts
its bytes: an image may say of a small file that it is large, or have many names for one. What is read and not in the tar is counted here, and so is what
is remembered. Of the directories on the way to a file nothing is held but where they were left. What is not understood is refused by name: files that are
compressed in the image, and images of several files.

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
from argosy.unpack.limits import ENTRY_BYTES, RECORD_BYTES, Budget
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
_MAX_SECONDS: Final = 1 << 40
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

    def __init__(self, fd: int, size: int, budget: Budget) -> None:
        self._fd, self._size, self._budget = fd, size, budget
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
        self._epoch_ns = _time_ns(epoch, epoch_ns)
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
            head_bytes, mtime = 64, _time_ns(seconds, nanoseconds)
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

    def data(self, inode: Inode) -> Iterator[bytes]:
        """Yield a file's bytes, or those of where a symlink leads, 1 MiB at a time at most."""
        at = 0
        while at < inode.st_size:
            piece = self.piece(inode, at, _READ)
            yield piece
            at += len(piece)

    def piece(self, inode: Inode, at: int, most: int) -> bytes:
        """Return bytes of a file or a directory from an offset on that is below its size: some, and at most so many."""
        left = min(inode.st_size - at, most)
        if inode.layout == _CHUNKS:
            return self._of_chunk(inode, at, left)
        # What is behind the inode is what does not fill a block.
        whole = inode.st_size - (inode.st_size % self.block if inode.layout == _INLINE else 0)
        if at >= whole:
            return self._read(inode.tail_at + at - whole, left)
        return self._read(inode.where * self.block + at, min(left, whole - at))

    def _of_chunk(self, inode: Inode, at: int, most: int) -> bytes:
        if inode.where & ~(_CHUNK_BITS | _CHUNK_INDEXES):
            raise Unimplemented(f"inode {inode.nid} of the layer's EROFS image has chunks of a kind that is not read here")
        number, within = divmod(at, length := self.block << (inode.where & _CHUNK_BITS))
        step = 8 if inode.where & _CHUNK_INDEXES else 4
        index = self._read(-(-inode.tail_at // step) * step + number * step, step)
        device, where = _INDEX.unpack(bytes(8 - step) + index)
        size = min(most, length - within)
        if where == _NO_BLOCK:
            return bytes(size)
        if device:
            raise Unimplemented(_SEVERAL)
        return self._read(where * self.block + within, size)

    def attributes(self, inode: Inode) -> dict[bytes, bytes]:
        """Return an inode's extended attributes. Raises ResourceExhausted, too: each that is read is counted, be it one that was read before."""
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

    def _attribute(self, inode: Inode, data: bytes) -> dict[bytes, bytes]:
        self._budget.metadata(RECORD_BYTES + len(data))
        prefix = _PREFIXES.get(data[1])
        if not data[0] and not data[1]:
            return {}  # what fills up
        name = (prefix or b"") + data[4 : 4 + data[0]]
        if prefix is None or b"\0" in name or b"=" in name:
            raise Unimplemented(f"inode {inode.nid} of the layer's EROFS image has an attribute whose name is not read here")
        return {name: data[4 + data[0] :]}


class _Listing:
    """The names in a directory, one after the other, . and .. too, and the numbers of their inodes.

    A path may lead through thousands of directories, each with blocks of its own: ``rest`` lets go of the block at hand.
    """

    def __init__(self, image: Image, inode: Inode) -> None:
        """Raises InvalidArgument for a directory that is too large."""
        if inode.st_size > _MAX_DIRECTORY_BYTES:
            raise InvalidArgument(
                f"a directory of the layer's EROFS image has {inode.st_size} bytes; {_MAX_DIRECTORY_BYTES} are the most"
            )
        self._image, self._inode = image, inode
        self._at = self._number = 0  # the block, and the name in it
        self._block = b""

    def next(self) -> tuple[bytes, int] | None:
        """Return the next name; None after the last. Raises InvalidArgument."""
        while self._at < self._inode.st_size:
            size = min(self._image.block, self._inode.st_size - self._at)
            while len(self._block) < size:
                self._block += self._image.piece(self._inode, self._at + len(self._block), size - len(self._block))
            found = _name(self._block, self._number)
            if found is not None:
                self._number += 1
                return found
            self._at, self._number, self._block = self._at + size, 0, b""
        return None

    def rest(self) -> None:
        """Hold nothing until the next name is wanted."""
        self._block = b""


def _name(block: bytes, number: int) -> tuple[bytes, int] | None:
    """Return a name in a block of a directory, by its number, and its inode's; None behind the last. Raises InvalidArgument."""
    wrong = InvalidArgument("the layer's EROFS image is damaged: a directory in it is none")
    if len(block) < _ENTRY.size:
        raise wrong
    first = _ENTRY.unpack_from(block)[1]
    if not first or first % _ENTRY.size or first > len(block):
        raise wrong
    at = number * _ENTRY.size
    if at >= first:
        return None
    nid, start = _ENTRY.unpack_from(block, at)[:2]
    end = _ENTRY.unpack_from(block, at + _ENTRY.size)[1] if at + _ENTRY.size < first else len(block)
    if not first <= start < end <= len(block):
        raise wrong
    name = block[start:end] if end < len(block) else block[start:end].split(b"\0", 1)[0]
    if not name or len(name) > MAX_NAME_BYTES or b"/" in name or b"\0" in name:
        raise wrong
    return name, nid


def _time_ns(seconds: int, nanoseconds: int) -> int:
    """Return a time of an image: its seconds may be before the epoch, and are stored as if they were after all others."""
    if seconds >= 1 << 63:
        seconds -= 1 << 64
    return max(-_MAX_SECONDS, min(seconds, _MAX_SECONDS)) * 1_000_000_000 + nanoseconds % 1_000_000_000


def tar_of(fd: int, size: int, budget: Budget) -> Iterator[bytes]:
    """Yield the tar of what is in an image of size bytes. Blocks.

    Raises InvalidArgument for a damaged one, Unimplemented for one of a kind that is not read, ResourceExhausted for more than budget allows.
    """
    image = Image(fd, size, budget)
    if image.root.kind != stat.S_IFDIR:
        raise InvalidArgument("the layer's EROFS image is damaged: its root is no directory")
    links: dict[int, bytes] = {}
    entered = {image.root.nid}
    if image.attributes(image.root).get(_OPAQUE) == b"y":
        yield _plain(OPAQUE)
    todo = [(b"", _Listing(image, image.root))]
    while todo:
        above, listing = todo[-1]
        child = listing.next()
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
        if name.startswith(WHITEOUT):
            raise InvalidArgument(
                f"the layer's EROFS image has a file {shown(path)}, which is a whiteout in any other layer"
            )
        inode = image.inode(nid)
        if inode.kind == stat.S_IFCHR and not inode.st_rdev:
            yield _plain(above + WHITEOUT + name)
            continue
        if inode.kind == stat.S_IFSOCK:
            budget.entry(0)
            continue  # nobody listens on one of a layer
        attributes = image.attributes(inode)
        if inode.kind != stat.S_IFDIR:
            yield from _entry(image, path, inode, attributes, links, budget)
            continue
        if nid in entered:
            raise InvalidArgument(f"the layer's EROFS image has a directory twice, the second time as {shown(path)}")
        entered.add(nid)
        budget.metadata(ENTRY_BYTES)
        if IMPLIED_XATTR not in attributes:
            yield from _entry(image, path, inode, attributes, links, budget)
        else:
            budget.entry(0)  # nothing in the tar is counted for it
        if attributes.get(_OPAQUE) == b"y":
            yield _plain(path + b"/" + OPAQUE)
        listing.rest()
        todo.append((path + b"/", _Listing(image, inode)))
    yield bytes(2 * _BLOCK)


def _entry(
    image: Image, path: bytes, inode: Inode, attributes: dict[bytes, bytes], links: dict[int, bytes], budget: Budget
) -> Iterator[bytes]:  # fmt: skip
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
        first = links.get(inode.nid)
        if first is None:
            budget.metadata(ENTRY_BYTES + len(path))
            links[inode.nid] = path
        else:
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
