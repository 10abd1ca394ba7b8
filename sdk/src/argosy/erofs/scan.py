"""A directory as an image: the upper directory of a snapshot, alone or over the image that was applied to it before."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from typing import Final

from argosy.erofs.data import Appender
from argosy.erofs.image import Node, encode_device, whiteout
from argosy.erofs.layer import OPAQUE_XATTR
from argosy.kernel.descent import Entered, descend
from argosy.kernel.path import open_regular_at
from argosy.unpack.below import Parts
from argosy.unpack.settle import layers_below, useless

# What overlayfs writes for itself: it means nothing in a layer of another stack.
_OWN: Final = ("trusted.overlay.origin", "trusted.overlay.impure", "trusted.overlay.nlink", "trusted.overlay.upper", "trusted.overlay.uuid")  # fmt: skip


def node_of(info: os.stat_result) -> Node:
    """Return a node with what lstat says; a file's bytes, a link's target and xattrs are not in it."""
    node = Node(info.st_mode, info.st_uid, info.st_gid, max(0, info.st_mtime_ns), info.st_size)
    if stat.S_ISBLK(info.st_mode) or stat.S_ISCHR(info.st_mode):
        node.device = encode_device(os.major(info.st_rdev), os.minor(info.st_rdev))
    return node


def _xattrs(at: int | bytes, follow: bool = True) -> dict[bytes, bytes]:
    names = [k for k in os.listxattr(at, follow_symlinks=follow) if k not in _OWN]
    return {os.fsencode(k): os.getxattr(at, k, follow_symlinks=follow) for k in names}


def scan(root: Node, path: str, data: Appender) -> None:
    """Lay the tree at path, in overlay form, over root, which may be an empty directory; files' bytes go to data.

    Sockets are left out: nobody listens on one of a layer. Raises OSError.
    """
    stack: list[Node] = []
    seen: dict[tuple[int, int], Node] = {}
    for step in descend(path):
        if not isinstance(step, Entered):
            stack.pop()
            continue
        if not stack:
            node = root
            _take(node, os.fstat(step.fd))
        else:
            assert stack[-1].kids is not None
            node = stack[-1].kids[os.fsencode(step.name)]
        attributes = _xattrs(step.fd)
        if attributes.get(OPAQUE_XATTR) == b"y":
            node.kids = {}
        elif (node.xattrs or {}).get(OPAQUE_XATTR):
            attributes[OPAQUE_XATTR] = b"y"  # of the image below, and still true
        node.xattrs = attributes or None
        assert node.kids is not None
        for text, info in step.stats():
            name = os.fsencode(text)
            kind = stat.S_IFMT(info.st_mode)
            if kind == stat.S_IFDIR:
                old = node.kids.get(name)
                if old is None or old.kids is None:
                    hides = old is not None
                    node.kids[name] = made = node_of(info)
                    if hides:
                        made.xattrs = {OPAQUE_XATTR: b"y"}
                else:
                    _take(old, info)
                continue
            if kind == stat.S_IFSOCK:
                continue
            id = (info.st_dev, info.st_ino)
            one = seen.get(id) if info.st_nlink > 1 else None
            if one is None:
                one = _file(step.fd, name, info, data)
                if one is None:
                    continue
                seen[id] = one
            node.kids[name] = one
        stack.append(node)


def settle_nodes(root: Node, lowers: Sequence[str]) -> None:
    """Drop what hides nothing in a tree that was made before it was known what would be below it (``argosy.unpack.settle``)."""
    with layers_below(lowers) as below:
        assert root.kids is not None
        if (root.xattrs or {}).get(OPAQUE_XATTR) == b"y":
            # The kernel looks for no mark on the root of a layer.
            _unmark(root)
            for name in sorted(below.names()) if below is not None else ():
                there = root.kids.setdefault(name, whiteout())
                if there.kids is not None:
                    there.xattrs = {**(there.xattrs or {}), OPAQUE_XATTR: b"y"}
        todo: list[tuple[Parts, Node, bool]] = [((), root, below is None)]
        while todo:
            path, node, covered = todo.pop()
            assert node.kids is not None
            covered = covered or (node.xattrs or {}).get(OPAQUE_XATTR) == b"y"
            if below is None:
                _unmark(node)
            node.kids = {
                n: kid for n, kid in node.kids.items() if not (kid.is_whiteout and useless(below, (*path, n), covered))
            }
            todo += [((*path, name), kid, covered) for name, kid in node.kids.items() if kid.kids is not None]


def hides(root: Node) -> bool:
    """Return whether a whiteout or an opaque directory is in a tree."""
    todo = [root]
    while todo:
        node = todo.pop()
        assert node.kids is not None
        if node.xattrs and OPAQUE_XATTR in node.xattrs:
            return True
        for kid in node.kids.values():
            if kid.is_whiteout:
                return True
            if kid.kids is not None:
                todo.append(kid)
    return False


def _unmark(node: Node) -> None:
    if node.xattrs and node.xattrs.pop(OPAQUE_XATTR, None) is not None and not node.xattrs:
        node.xattrs = None


def _take(node: Node, info: os.stat_result) -> None:
    node.mode, node.uid, node.gid, node.mtime_ns = info.st_mode, info.st_uid, info.st_gid, max(0, info.st_mtime_ns)


def _file(directory: int, name: bytes, info: os.stat_result, data: Appender) -> Node | None:
    node = node_of(info)
    try:
        if stat.S_ISREG(info.st_mode):
            try:
                fd = open_regular_at(directory, name)
            except OSError as error:
                if error.errno == errno.EINVAL:
                    return None  # it became something else meanwhile
                raise
            try:
                node.xattrs = _xattrs(fd) or None
                node.block = data.file(fd, node.size)
            finally:
                os.close(fd)
            return node
        if stat.S_ISLNK(info.st_mode):
            node.link = os.readlink(name, dir_fd=directory)
        node.xattrs = _xattrs(b"/proc/self/fd/%d/%s" % (directory, name), False) or None
    except FileNotFoundError:
        return None  # it went meanwhile
    return node
