"""A layer's tar as an image: the tar itself is the data, what is written besides is an index of it.

Whiteouts become what overlayfs reads: a character device 0/0, an opaque directory's xattr. The rules for names,
missing directories and hard links into lower layers are those of ``argosy.unpack.tree``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import Final

from argosy.erofs.data import Appender
from argosy.erofs.image import BLOCK, DATA_START, Node, directory, encode_device, whiteout
from argosy.errors import InvalidArgument, NotFound
from argosy.kernel.files import open_directories
from argosy.kernel.path import open_in_root
from argosy.unpack import tar
from argosy.unpack.tar import Entry, TarReader
from argosy.unpack.tree import OPAQUE, WHITEOUT, hidden_name, link_target, needs_lower, split_name

OPAQUE_XATTR: Final = b"trusted.overlay.opaque"
_MAX_LINKS: Final = 40
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_SPECIAL: Final = {tar.CHARACTER: stat.S_IFCHR, tar.BLOCK_DEVICE: stat.S_IFBLK, tar.FIFO: stat.S_IFIFO}


class Tee:
    """Chunks on their way to the reader, written to the image as they pass. ``size`` counts them."""

    def __init__(self, chunks: Iterator[bytes], fd: int) -> None:
        self._chunks, self._fd = chunks, fd
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            with memoryview(chunk) as view:
                done = 0
                while done < len(view):
                    done += os.pwrite(self._fd, view[done:], DATA_START + self.size + done)
            self.size += len(chunk)
            yield chunk


def _kept_xattrs(fd: int) -> dict[bytes, bytes]:
    return {os.fsencode(k): os.getxattr(fd, k) for k in os.listxattr(fd) if not k.startswith("trusted.overlay.")}


class LayerIndex:
    """Builds the tree of one archive. lowers are mounted lower layers, nearest first; keep is false where there are none:
    then a whiteout removes what it names instead of staying. detached: see ``argosy.unpack.tree``.
    """

    def __init__(self, root: Node, lowers: Sequence[str], keep: bool, detached: bool = False) -> None:
        self._detached = detached
        self.root = root
        self._lowers = open_directories(lowers)
        self._keep = keep
        self._written: set[tuple[bytes, ...]] = set()
        self._directories: dict[tuple[bytes, ...], Node] = {(): root}
        # What has no place in the tar yet: holes to fill in, files of lower layers.
        self._sparse: list[tuple[Node, int, list[tuple[int, int]]]] = []
        self._foreign: list[tuple[Node, int, bytes]] = []

    def close(self) -> None:
        for fd in self._lowers:
            os.close(fd)

    def __enter__(self) -> LayerIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, reader: TarReader) -> None:
        """Take every entry of an archive. Raises InvalidArgument for a hostile or broken one, NotFound."""
        source = reader.source
        for entry in reader:
            parts = tuple(split_name(entry.name))
            if parts:
                self._one(entry, parts, source.offset)

    def settle(self, data: Appender) -> None:
        """Give a place to the files that the tar does not hold in one run of blocks."""
        for node, offset, segments in self._sparse:
            at = data.reserve(node.size)
            for where, length in segments:
                done = 0
                while done < length:
                    piece = os.pread(data.fd, min(length - done, 1 << 20), offset + done)
                    done += os.pwrite(data.fd, piece, at + where + done)
                offset += length
            node.block = at // BLOCK
        for node, lower, path in self._foreign:
            fd = open_in_root(lower, path, _FILE)
            try:
                node.block = data.file(fd, node.size)
            finally:
                os.close(fd)

    # -- entries --

    def _one(self, entry: Entry, parts: tuple[bytes, ...], offset: int) -> None:
        name = parts[-1]
        parent = self._directory(parts[:-1])
        assert parent.kids is not None
        if name.startswith(WHITEOUT):
            self._whiteout(parent, name, parts)
            return
        self._written.add(parts)
        kind = entry.type
        if kind == tar.REGULAR:
            node = self._node(stat.S_IFREG | entry.mode, entry)
            node.size = entry.real_size
            node.block = (DATA_START + offset) // BLOCK
            if entry.segments is not None:
                self._sparse.append((node, DATA_START + offset, entry.segments))
        elif kind == tar.DIRECTORY:
            known = parent.kids.get(name)
            if known is not None and known.kids is not None:
                known.mode = stat.S_IFDIR | entry.mode
                known.uid, known.gid, known.mtime_ns = entry.uid, entry.gid, max(0, entry.mtime_ns)
                if entry.xattrs:
                    known.xattrs = {**(known.xattrs or {}), **entry.xattrs}
                return
            node = self._node(stat.S_IFDIR | entry.mode, entry)
        elif kind == tar.SYMLINK:
            node = self._node(stat.S_IFLNK | 0o777, entry)
            node.link = entry.link
        elif kind == tar.HARDLINK:
            node = self._linked(entry)
            if parent.kids.get(name) is node:
                return
        elif kind in _SPECIAL:
            node = self._node(_SPECIAL[kind] | entry.mode, entry)
            node.device = encode_device(entry.major, entry.minor) if kind != tar.FIFO else 0
        else:
            raise InvalidArgument(f"unhandled tar header type {kind!r} of {entry.name!r}")
        self._put(parent, name, node)

    @staticmethod
    def _node(mode: int, entry: Entry) -> Node:
        node = Node(mode, entry.uid, entry.gid, max(0, entry.mtime_ns))
        if entry.xattrs:
            node.xattrs = dict(entry.xattrs)
        return node

    def _put(self, parent: Node, name: bytes, node: Node | None) -> None:
        """Set or remove a name; what was below it is forgotten."""
        assert parent.kids is not None
        old = parent.kids.pop(name, None)
        if old is not None and old.kids is not None:
            self._directories = {(): self.root}
        if node is not None:
            parent.kids[name] = node

    def _whiteout(self, parent: Node, name: bytes, parts: tuple[bytes, ...]) -> None:
        if name == OPAQUE:
            if self._keep:
                parent.xattrs = {**(parent.xattrs or {}), OPAQUE_XATTR: b"y"}
            return
        original = hidden_name(name)
        if original is None:
            return
        target = (*parts[:-1], original)
        if not self._keep:
            self._put(parent, original, None)
        elif target not in self._written:
            self._put(parent, original, whiteout())

    # -- directories --

    def _directory(self, parts: tuple[bytes, ...]) -> Node:
        """Return a directory; missing ones are made, with what a lower layer says of them."""
        known = self._directories.get(parts)
        if known is not None:
            return known
        depth = len(parts) - 1
        while parts[:depth] not in self._directories:
            depth -= 1
        at = self._directories[parts[:depth]]
        direct = True
        while depth < len(parts):
            depth += 1
            here = parts[:depth]
            assert at.kids is not None
            node = at.kids.get(parts[depth - 1])
            if node is not None and node.kids is None and stat.S_ISLNK(node.mode):
                node = self._follow(here)
                direct = False
            if node is None or node.kids is None:
                node = self._missing(here)
                self._put(at, here[-1], node)
            at = node
            if direct:
                # What a symlink leads to may be replaced without anybody looking at the symlink.
                self._directories[here] = node
        return at

    def _follow(self, parts: tuple[bytes, ...]) -> Node | None:
        """Return the directory that a path leads to through symlinks, inside the layer; None when it is none."""
        todo = list(reversed(parts))
        budget = _MAX_LINKS
        at: list[Node] = [self.root]
        while todo:
            part = todo.pop()
            if part in (b"", b"."):
                continue
            if part == b"..":
                if len(at) > 1:
                    at.pop()
                continue
            kids = at[-1].kids
            node = kids.get(part) if kids is not None else None
            if node is None:
                return None
            if node.kids is not None:
                at.append(node)
            elif stat.S_ISLNK(node.mode):
                budget -= 1
                if budget < 0:
                    return None
                if node.link.startswith(b"/"):
                    at = [self.root]
                todo += reversed(node.link.split(b"/"))
            else:
                return None
        return at[-1]

    def _missing(self, parts: tuple[bytes, ...]) -> Node:
        if self._detached:
            raise needs_lower(b"/".join(parts))
        for lower in self._lowers:
            try:
                fd = open_in_root(lower, b"/".join(parts), os.O_RDONLY | os.O_DIRECTORY)
            except OSError:
                continue
            try:
                info = os.fstat(fd)
                node = directory(stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, max(0, info.st_mtime_ns))
                node.xattrs = _kept_xattrs(fd) or None
                return node
            finally:
                os.close(fd)
        return directory()

    # -- hard links --

    def _linked(self, entry: Entry) -> Node:
        target = tuple(link_target(entry))
        parent = self._directory(target[:-1])
        assert parent.kids is not None
        node = parent.kids.get(target[-1])
        if node is not None and not node.is_whiteout:
            if node.kids is not None:
                raise InvalidArgument(f"hard link {entry.name!r} points at a directory")
            return node
        path = b"/".join(target)
        if self._detached:
            raise needs_lower(path)
        for lower in self._lowers:
            try:
                fd = open_in_root(lower, path, _FILE)
            except OSError:
                continue
            try:
                info = os.fstat(fd)
                if not stat.S_ISREG(info.st_mode):
                    continue
                # The target is in a lower layer only: bring the file up under both names, as a write to it would.
                node = Node(info.st_mode, info.st_uid, info.st_gid, max(0, info.st_mtime_ns), info.st_size)
                node.xattrs = _kept_xattrs(fd) or None
            finally:
                os.close(fd)
            self._foreign.append((node, lower, path))
            self._put(parent, target[-1], node)
            return node
        raise NotFound(f"hard link {entry.name!r} points at {entry.link!r}, which is in no layer")
