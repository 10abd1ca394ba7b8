"""A layer's tar as an image to give away: files' bytes alone, each file at a block of 4096 bytes, then what says where they are.

containerd's own differ and converter make images with such blocks, so that every kernel and machine can mount them. The same tar becomes the same image.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator

from argosy.erofs.data import Appender
from argosy.erofs.image import DATA_START, IMPLIED_XATTR, PAGE_BLOCK, Node, directory, finish
from argosy.erofs.layer import OPAQUE_XATTR, LayerIndex
from argosy.errors import FailedPrecondition
from argosy.shown import shown
from argosy.unpack.attributes import Attributes
from argosy.unpack.below import Parts
from argosy.unpack.limits import Budget
from argosy.unpack.tar import Entry, TarReader


class _Packed(LayerIndex):
    """Builds the tree of an archive, and writes the bytes of its files as they come."""

    def __init__(self, root: Node, data: Appender) -> None:
        super().__init__(root, ())
        self._data = data

    def _make_missing(self, at: Node, here: Parts) -> Node:
        made = super()._make_missing(at, here)
        if not (made.xattrs or {}).get(OPAQUE_XATTR):
            made.xattrs = {IMPLIED_XATTR: b"y"}
        return made

    def _bring_up(self, entry: Entry, at: Node, there: Parts) -> None:
        raise FailedPrecondition(
            f"hard link {shown(entry.name)} is to {shown(entry.link)}, which is not in the layer: no EROFS image can be made of it"
        )

    def _make_file(self, at: Node, name: bytes, what: Attributes, reader: TarReader, entry: Entry) -> None:
        node = self._file(at, name, what, entry)
        offset = self._data.reserve(node.size)
        self._budget.inflated(self._data.end)  # holes of a sparse file are bytes of an image
        node.block = offset // self._data.block
        if entry.segments is None:
            self._write(reader.data(), offset)
        else:
            for where, length in entry.segments:
                self._write(reader.take(length), offset + where)

    def _write(self, pieces: Iterator[memoryview], at: int) -> None:
        for piece in pieces:
            while piece:
                done = os.pwrite(self._data.fd, piece, at)
                piece, at = piece[done:], at + done


def write_image(fd: int, tar: Iterator[bytes], budget: Budget | None = None) -> None:
    """Write the image of a layer's tar, which is read to its end, to an empty file. Blocks.

    Whiteouts are as overlayfs reads them. A directory that the tar has files of and says nothing of gets a mark: whoever unpacks the image as we do
    leaves it as it is below. budget is ``TarReader``'s. Raises InvalidArgument for what is no tar, or more than an image holds, FailedPrecondition for a layer with
    a hard link to what is below it, ResourceExhausted, OSError.
    """
    hashed = hashlib.sha256()

    def passing() -> Iterator[bytes]:
        for chunk in tar:
            hashed.update(chunk)
            yield chunk

    root, data = directory(), Appender(fd, DATA_START, PAGE_BLOCK)
    with _Packed(root, data) as index:
        reader = TarReader(passing(), budget)
        index.apply(reader)
        reader.source.drain()
    # The file system's own name says what it was made of, as containerd's converter has it.
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"erofs:blobs/sha256:{hashed.hexdigest()}")
    finish(fd, data.end, root, name.bytes, index.hides, PAGE_BLOCK)
