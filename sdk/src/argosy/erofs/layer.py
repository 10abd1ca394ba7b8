"""A layer's tar as an image: the tar itself is the data, what is written besides is an index of it.

What the archive means is said by ``argosy.unpack.layer``; here it becomes nodes. Whiteouts become what overlayfs reads: a character
device 0/0, an opaque directory's xattr.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import Final

from argosy.erofs.data import Appender
from argosy.erofs.image import BLOCK, DATA_START, Node, encode_device, whiteout
from argosy.kernel.path import open_regular
from argosy.unpack.attributes import Attributes
from argosy.unpack.below import Found, Parts
from argosy.unpack.layer import Layer
from argosy.unpack.tar import Entry, TarReader

OPAQUE_XATTR: Final = b"trusted.overlay.opaque"


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


def _kids(node: Node) -> dict[bytes, Node]:
    assert node.kids is not None
    return node.kids


class LayerIndex(Layer[Node]):
    """Builds the tree of one archive. lowers are mounted lower layers, nearest first; without any nobody knows what will be below.
    detached: see ``Layer``. ``hides`` says whether whiteouts or opaque directories are in the tree.
    """

    def __init__(self, root: Node, lowers: Sequence[str], detached: bool = False) -> None:
        super().__init__(root, True, lowers, detached)
        self.root = root
        self.hides = False
        # What no block of the tar holds yet: holes to fill in, files of lower layers.
        self._sparse: list[tuple[Node, int, list[tuple[int, int]]]] = []
        self._foreign: list[tuple[Node, Parts]] = []

    def __enter__(self) -> LayerIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def settle(self, data: Appender) -> None:
        """Give blocks to the files that the tar does not hold in one run of them. Raises InvalidArgument, OSError."""
        for node, offset, segments in self._sparse:
            at = data.reserve(node.size)
            for where, length in segments:
                done = 0
                while done < length:
                    piece = os.pread(data.fd, min(length - done, 1 << 20), offset + done)
                    done += os.pwrite(data.fd, piece, at + where + done)
                offset += length
            node.block = at // data.block
        for node, path in self._foreign:
            assert self._below is not None
            with self._below.find(path) as found:
                assert found is not None  # a committed layer does not change
                fd = open_regular(found.fd)
            try:
                node.block = data.file(fd, node.size)
            finally:
                os.close(fd)

    # -- looking --

    def _enter(self, at: Node, name: bytes) -> Node | None:
        node = _kids(at).get(name)
        return node if node is not None and node.kids is not None else None

    def _kind(self, at: Node, name: bytes) -> int | None:
        node = _kids(at).get(name)
        return stat.S_IFMT(node.mode) if node is not None else None

    def _is_hidden(self, at: Node, name: bytes) -> bool:
        return _kids(at)[name].is_whiteout

    def _read_link(self, at: Node, name: bytes) -> bytes:
        return _kids(at)[name].link

    def _names(self, at: Node) -> list[bytes]:
        return list(_kids(at))

    # -- making --

    def _remove(self, at: Node, name: bytes) -> bool:
        old = _kids(at).pop(name, None)
        return old is not None and old.kids is not None

    @staticmethod
    def _put(at: Node, name: bytes, node: Node) -> Node:
        kids = _kids(at)
        if name in kids:
            raise FileExistsError(name)
        kids[name] = node
        return node

    @staticmethod
    def _node(kind: int, what: Attributes) -> Node:
        node = Node(kind | what.mode, what.uid, what.gid, what.mtime_ns)
        node.xattrs = dict(what.xattrs) or None
        return node

    def _make_directory(self, at: Node, name: bytes, what: Attributes) -> Node:
        return self._put(at, name, self._node(stat.S_IFDIR, what))

    def _dress(self, at: Node, what: Attributes) -> None:
        at.mode, at.uid, at.gid, at.mtime_ns = stat.S_IFDIR | what.mode, what.uid, what.gid, what.mtime_ns
        xattrs = dict(what.xattrs)
        if at.xattrs and OPAQUE_XATTR in at.xattrs:
            xattrs[OPAQUE_XATTR] = at.xattrs[OPAQUE_XATTR]
        at.xattrs = xattrs or None

    def _make_file(self, at: Node, name: bytes, what: Attributes, reader: TarReader, entry: Entry) -> None:
        node = self._file(at, name, what, entry)
        offset = DATA_START + reader.source.offset
        if entry.segments is not None:
            self._sparse.append((node, offset, entry.segments))
        else:
            node.block = offset // BLOCK

    def _file(self, at: Node, name: bytes, what: Attributes, entry: Entry) -> Node:
        node = self._put(at, name, self._node(stat.S_IFREG, what))
        node.size = entry.real_size
        return node

    def _copy_file(self, at: Node, name: bytes, what: Attributes, found: Found, path: Parts) -> None:
        node = self._put(at, name, self._node(stat.S_IFREG, what))
        node.size = found.info.st_size
        self._foreign.append((node, path))

    def _make_symlink(self, at: Node, name: bytes, what: Attributes, target: bytes) -> None:
        node = self._put(at, name, self._node(stat.S_IFLNK, what._replace(mode=0o777)))
        node.link = target

    def _make_special(self, at: Node, name: bytes, what: Attributes, kind: int, major: int, minor: int) -> None:
        node = self._put(at, name, self._node(kind, what))
        node.device = encode_device(major, minor)

    def _make_link(self, source: Node, target: bytes, at: Node, name: bytes) -> None:
        self._put(at, name, _kids(source)[target])

    def _hide(self, at: Node, name: bytes) -> None:
        self._put(at, name, whiteout())
        self.hides = True

    def _make_opaque(self, at: Node) -> None:
        at.xattrs = {**(at.xattrs or {}), OPAQUE_XATTR: b"y"}
        self.hides = True
