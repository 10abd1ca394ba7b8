"""EROFS bytes: ``layer.erofs`` is a committed layer, mounted at ``mnt``; ``fs`` and ``work`` are an active one's overlay.

Images are mounted by us, so that what we hand out is a bind or an overlay of directories, which every containerd
client and shim since 1.0 can mount. An unmounted image has no ``mnt`` at all: a mount that names it fails instead of
showing an empty layer. A differ that knows ``.erofslayer`` writes the image itself; what any other writes to ``fs``
becomes an image at Commit.

An active snapshot that has a size is written to a file system of that size, its ``room``; ``fs`` and ``work`` are of no use then.

A layer whose image is in one of the caches is a link to that, and handed out read-only from the start: whoever unpacks has nothing to fetch.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from argosy import log
from argosy.erofs.cache import find
from argosy.erofs.snapshot import FILES, IMAGE, MARKER, ROOM, seal, written
from argosy.errors import FailedPrecondition
from argosy.kernel.descent import remove_tree
from argosy.kernel.mount import mount
from argosy.kernel.unmount import MNT_DETACH, unmount_all
from argosy.labels import DIFF_ID
from argosy.mounts import Mount
from argosy.plugin.snapshots import Backend, Kind, Usage, remap
from argosy.plugin.snapshots.tree import disk_usage

from argosy_snapshotter_erofs import room
from argosy_snapshotter_erofs.layout import Abilities

logger = log.get("argosy.snapshots")

POINT: Final = "mnt"


class ErofsBackend(Backend):
    """One image a committed snapshot."""

    rebases = True

    def __init__(
        self, abilities: Abilities, mount_options: Sequence[str] = (), caches: Sequence[str] = (), default_size: int = 0
    ) -> None:
        """default_size: the bytes that an active snapshot has room for whose labels say nothing of it; 0 is no limit."""
        self._image_options = abilities.image_options
        self._remap_ids = abilities.remap_ids
        self._extra = [*mount_options, *(["index=off"] if abilities.index_off else [])]
        self._caches = [Path(folder) for folder in caches]
        self._default_size = default_size
        self._one_at_a_time = threading.Lock()

    # -- images --

    def _attach(self, directory: Path) -> None:
        point = directory / POINT
        with self._one_at_a_time:
            try:
                if os.stat(point).st_dev != os.stat(directory).st_dev:
                    return
            except FileNotFoundError:
                point.mkdir(exist_ok=True)
            try:
                mount(Mount("erofs", str(directory / IMAGE), ("ro", *self._image_options)), str(point))
            except OSError as error:
                with contextlib.suppress(OSError):
                    point.rmdir()
                if error.errno == errno.ENOENT:
                    raise FailedPrecondition(
                        f"{directory / IMAGE} is missing; remove the image that it belongs to and pull it again"
                    ) from error
                raise

    def attach(self, parents: Sequence[Path]) -> None:
        for parent in parents:
            self._attach(parent)

    def release(self, directory: Path) -> None:
        point = directory / POINT
        with self._one_at_a_time:
            unmount_all(str(point), MNT_DETACH)
            with contextlib.suppress(OSError):
                point.rmdir()
            room.detach(directory)

    def _attach_room(self, directory: Path) -> None:
        with self._one_at_a_time:
            room.attach(directory)

    def resume(self, directories: Sequence[Path], active: Sequence[Path] = ()) -> None:
        """Mount all committed images, and the rooms of active snapshots; finish what a crash after a commit left."""
        for directory in filter(room.has, active):
            try:
                self._attach_room(directory)
            except (OSError, FailedPrecondition) as error:
                logger.warning("snapshot.room_not_mounted", path=str(directory), error=str(error))
        for directory in directories:
            try:
                self.sealed(directory)
                self._attach(directory)
            except (OSError, FailedPrecondition) as error:
                logger.warning("snapshot.image_not_mounted", path=str(directory), error=str(error))

    def pause(self, directories: Sequence[Path], active: Sequence[Path] = ()) -> None:
        """Unmount all images, and the rooms of active snapshots; running containers have their own hold on those they use."""
        for directory in active:
            try:
                room.detach(directory)
            except OSError as error:
                logger.warning("snapshot.room_stays_mounted", path=str(directory), error=str(error))
        for directory in directories:
            try:
                self.release(directory)
            except OSError as error:
                logger.warning("snapshot.image_stays_mounted", path=str(directory), error=str(error))

    # -- snapshots --

    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        owner = remap.root_owner(labels)
        cached = find(self._caches, labels[DIFF_ID]) if kind is Kind.ACTIVE and self._caches and DIFF_ID in labels else None
        fs = directory / FILES
        fs.mkdir()
        os.chmod(fs, 0o755)
        if kind is Kind.ACTIVE:
            (directory / room.WORK).mkdir()
            os.chmod(directory / room.WORK, 0o711)
            (directory / MARKER).touch()
        if cached is not None:
            os.symlink(cached, directory / IMAGE)
        if parents:
            self._attach(parents[0])
            stat = os.stat(parents[0] / POINT)
            os.chown(fs, stat.st_uid, stat.st_gid)
            os.chmod(fs, stat.st_mode & 0o7777)
        if owner is not None:
            os.lchown(fs, *owner)
        size = room.asked(labels, self._default_size) if kind is Kind.ACTIVE and cached is None else 0
        if size:
            room.make(directory, size)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        mapped = remap.mount_options(labels) if self._remap_ids else []
        lowers = [str(p / POINT) for p in parents]
        roomy = kind is Kind.ACTIVE and room.has(directory)
        if roomy:
            self._attach_room(directory)
        files, work = written(directory), directory / (ROOM if roomy else "") / room.WORK
        if kind is Kind.ACTIVE and (directory / IMAGE).exists():
            # A layer was applied and is not committed yet: it is the nearest of the lower ones.
            self._attach(directory)
            if (directory / IMAGE).is_symlink():
                return [Mount("bind", str(directory / POINT), (*mapped, "ro", "rbind"))]
            lowers.insert(0, str(directory / POINT))
        if not lowers:
            return [Mount("bind", str(files), (*mapped, "rw" if kind is Kind.ACTIVE else "ro", "rbind"))]
        if kind is Kind.VIEW and len(lowers) == 1:
            return [Mount("bind", lowers[0], (*mapped, "ro", "rbind"))]
        options = list(mapped)
        if kind is Kind.ACTIVE:
            options += [f"workdir={work}", f"upperdir={files}"]
        options.append("lowerdir=" + ":".join(lowers))
        return [Mount("overlay", "overlay", (*options, *self._extra))]

    def seal(self, directory: Path, parents: Sequence[Path] | None) -> None:
        if room.has(directory):
            self._attach_room(directory)
        seal(directory, self._image_options, None if parents is None else [str(p / POINT) for p in parents])

    def sealed(self, directory: Path) -> None:
        if not (directory / MARKER).exists():
            return
        self.release(directory)  # what was mounted may be an image from before the last files
        for name in (FILES, room.WORK):
            remove_tree(directory / name)
        room.drop(directory)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(directory / MARKER)

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        files = disk_usage(directory / FILES) if kind is not Kind.COMMITTED else Usage()
        if kind is Kind.ACTIVE and room.has(directory):
            within = room.measure(directory)
            files = Usage(files.size + within.size, files.inodes + within.inodes)
        try:
            image = os.lstat(directory / IMAGE)  # one of a cache takes no room here
        except FileNotFoundError:
            return files
        return Usage(files.size + image.st_blocks * 512, files.inodes + 1)
