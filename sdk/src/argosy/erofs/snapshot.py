"""A snapshot's directory and the image of its layer in it: a differ and a snapshotter that never met use the same names, containerd's.

A snapshot's directory holds ``.erofslayer`` while it may be given an image, ``fs`` with what was written to it as
files, and ``layer.erofs`` once there is an image. Files of a snapshot that has a size are written to a file system of that size instead,
``rwlayer.img``, which whoever made it has mounted at ``room``; ``fs`` is empty then.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from argosy.erofs.data import Appender
from argosy.erofs.image import DATA_START, directory, finish, may_hide
from argosy.erofs.layer import LayerIndex, Tee
from argosy.erofs.scan import hides, scan, settle_nodes
from argosy.kernel.mount import temporary_mount
from argosy.mounts import Mount
from argosy.unpack.limits import Budget
from argosy.unpack.settle import is_settled
from argosy.unpack.tar import TarReader

MARKER: Final = ".erofslayer"
IMAGE: Final = "layer.erofs"
FILES: Final = "fs"
ROOM_IMAGE: Final = "rwlayer.img"
ROOM: Final = "room"
UPPER: Final = "upper"
_NEW: Final = "layer.erofs.new"
_SEALED: Final = "layer.erofs.sealed"


def written(snapshot: Path) -> Path:
    """Return the directory that files of an active snapshot are written to. One in a room is there while that is mounted."""
    return snapshot / ROOM / UPPER if (snapshot / ROOM_IMAGE).exists() else snapshot / FILES


def _snapshot_of(source: str) -> Path | None:
    """Return the directory of the snapshot whose files are written to source; None when they become part of no image."""
    path = Path(source)
    if (path.parent / MARKER).exists():
        return path.parent
    above = path.parent.parent
    return above if (above / MARKER).exists() and written(above) == path else None


def takes_images(source: str) -> bool:
    """Return whether files written to source become part of an image."""
    return _snapshot_of(source) is not None


def layer_directory(mounts: Sequence[Mount]) -> Path | None:
    """Return the directory that may be given an image for these mounts; None where files are to be written.

    None too once something was written there: an image is made of one layer.
    """
    if len(mounts) != 1:
        return None
    one = mounts[0]
    if one.type == "overlay":
        source = one.option("upperdir")
    elif one.type in ("bind", "rbind") and not one.read_only:
        source = one.source
    else:
        return None
    if not source:
        return None
    snapshot = _snapshot_of(source)
    if snapshot is None or (snapshot / IMAGE).exists() or os.listdir(source):
        return None
    return snapshot


def write_layer(
    snapshot: Path, tar: Iterator[bytes], lowers: Sequence[str], sync: bool, uuid: Callable[[], bytes], detached: bool = False,
    budget: Budget | None = None,
) -> None:  # fmt: skip
    """Make the image of an uncompressed tar, which is read to its end. A crash leaves a file that the next try begins anew.

    Whiteouts stay: what is below a layer is settled at its commit only (``seal``). lowers and detached are ``LayerIndex``'s, budget
    is ``TarReader``'s; uuid is asked last. Raises InvalidArgument, NotFound, FailedPrecondition, ResourceExhausted, OSError.
    """
    info = os.stat(snapshot / FILES)
    fd = os.open(snapshot / _NEW, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        tee = Tee(tar, fd)
        root = directory(stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, info.st_mtime_ns)
        with LayerIndex(root, lowers, detached) as index:
            reader = TarReader(iter(tee), budget)
            index.apply(reader)
            reader.source.drain()
            data = Appender(fd, DATA_START + tee.size)
            index.settle(data)
        finish(fd, data.end, root, uuid(), index.hides)
        if sync:
            os.fsync(fd)
    except BaseException:
        os.unlink(snapshot / _NEW)
        raise
    finally:
        os.close(fd)
    os.rename(snapshot / _NEW, snapshot / IMAGE)


def seal(snapshot: Path, options: Sequence[str] = (), lowers: Sequence[str] | None = None) -> None:
    """Make the image of what was written as files, over the image there may be. Does nothing when there is no need.

    The files are left: whoever commits removes them after the commit. Options are for mounting an image, besides ``ro``. lowers are
    the mounted layers below, nearest first, when they were not known before: whiteouts of what isn't there are dropped then. None
    means that they were known. Raises InvalidArgument, OSError.
    """
    image, files = snapshot / IMAGE, os.fspath(written(snapshot))
    there = image.exists()
    bare = there and not os.listdir(files)
    if bare and (lowers is None or not _may_hide(image)):
        return
    with ExitStack() as stack:
        root = directory()
        before = ""
        if there:
            # Whoever made it: the kernel can read it.
            before = stack.enter_context(temporary_mount([Mount("erofs", str(image), ("ro", *options))]))
            if bare and lowers is not None and is_settled(before, lowers):
                return
        fd = os.open(snapshot / _SEALED, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            data = Appender(fd, DATA_START)
            if before:
                scan(root, before, data)
            scan(root, files, data)
            if lowers is not None:
                settle_nodes(root, lowers)
            finish(fd, data.end, root, b"argosy: files..", hides(root))
        except BaseException:
            os.unlink(snapshot / _SEALED)
            raise
        finally:
            os.close(fd)
    os.rename(snapshot / _SEALED, image)


def _may_hide(image: Path) -> bool:
    fd = os.open(image, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return may_hide(fd)
    finally:
        os.close(fd)
