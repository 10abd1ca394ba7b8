"""A layer onto mounts: inflate, hash, tar, and a tree or an image as the mounts ask for it."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from argosy.erofs.snapshot import layer_directory, takes_images, write_layer
from argosy.errors import FailedPrecondition, InvalidArgument, ResourceExhausted
from argosy.kernel.files import sync_file_system
from argosy.kernel.mount import temporary_mount
from argosy.mounts import DETACHED, Mount
from argosy.oci.layers import TAR
from argosy.unpack.ahead import ahead
from argosy.unpack.content import Content, content
from argosy.unpack.inflate import inflate
from argosy.unpack.limits import Budget
from argosy.unpack.tar import TarReader
from argosy.unpack.tree import TreeWriter, in_user_namespace


@dataclass(frozen=True, slots=True)
class Applied:
    """The outcome of an Apply: digest and size of what is compressed in the blob, a tar or an EROFS image."""

    digest: str
    size: int


@contextmanager
def writer_for(mounts: Sequence[Mount]) -> Iterator[tuple[TreeWriter, str]]:
    """Yield a writer for mounts, and the directory it writes to.

    One overlay is written to directly: whiteouts stay whiteouts. One plain bind is written to at its source. Anything
    else is mounted for the while.
    """
    if len(mounts) == 1 and not any(o.startswith(("uidmap=", "gidmap=")) for o in mounts[0].options):
        one = mounts[0]
        upper = one.option("upperdir")
        if one.type == "overlay" and upper and not in_user_namespace():
            lower = one.option("lowerdir")
            lowers = lower.split(":") if lower else ()
            with TreeWriter(upper, True, lowers, "userxattr" in one.options, DETACHED in one.options) as writer:
                yield writer, upper
            return
        if one.type in ("bind", "rbind") and not one.read_only:
            # A snapshot whose layers are images is committed with whiteouts: what is below it may be known only then.
            with TreeWriter(one.source, takes_images(one.source)) as writer:
                yield writer, one.source
            return
    if any(DETACHED in m.options for m in mounts):
        raise FailedPrecondition("a layer cannot be applied here without the layers below it; apply it on them")
    os.makedirs(tempfile.gettempdir(), 0o700, exist_ok=True)
    with temporary_mount(mounts) as point, TreeWriter(point) as writer:
        yield writer, point


def _write_image(snapshot: Path, mount: Mount, held: Content, sync: bool, budget: Budget) -> None:
    lower = mount.option("lowerdir") if mount.type == "overlay" else None
    lowers = lower.split(":") if lower else ()
    try:
        write_layer(snapshot, iter(held), lowers, sync, held.hash.digest, DETACHED in mount.options, budget)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceExhausted("unpacking: the disk is full; free some space and pull again") from error
        raise


def _size(source: IO[bytes]) -> int | None:
    """Return how many bytes a file has, None for a pipe."""
    found = os.fstat(source.fileno())
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def unpack(
    source: IO[bytes], mounts: Sequence[Mount], sync: bool = False, budget: Budget | None = None, *, works_ahead: bool = True,
    media_type: str = TAR,
) -> Applied:  # fmt: skip
    """Write what source holds, a tar or an EROFS image as media_type says, compressed or not, to mounts. Blocks until it is done.

    budget is what the layer may take; without one, what is usual. works_ahead: inflating runs beside writing; a source that another process
    makes works ahead as it is. sync: it is on disk when this returns. Raises InvalidArgument, FailedPrecondition, ResourceExhausted, NotFound.
    """
    if not mounts:
        raise InvalidArgument("a layer needs mounts to be applied to")
    budget = budget or Budget(packed=_size(source))
    beside: Callable[[Iterator[bytes]], AbstractContextManager[Iterator[bytes]]] = ahead if works_ahead else nullcontext
    blob = source if source.seekable() else None
    snapshot = layer_directory(mounts)
    if snapshot is not None:
        # Nearly all there is to do besides inflating is to write one file.
        with beside(inflate(source)) as inflated:
            held = content(inflated, media_type, budget, blob)
            _write_image(snapshot, mounts[0], held, sync, budget)
        return Applied(held.digest, held.size)
    held = content(inflate(source), media_type, budget, blob)
    with writer_for(mounts) as (writer, directory), beside(iter(held)) as chunks:
        reader = TarReader(chunks, budget)
        writer.apply(reader)
        reader.source.drain()
        if sync:
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                sync_file_system(fd)
            finally:
                os.close(fd)
    return Applied(held.digest, held.size)
