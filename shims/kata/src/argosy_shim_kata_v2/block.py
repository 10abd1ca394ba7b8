"""Root file systems as disks, for hosts without virtiofsd or guests that shall see nothing of the host's files.

Layers that are EROFS images already are used as they are; others below a snapshot are packed into one image, kept for the next
container of the same layers. What the container writes goes to an ext4 image of its own. When it is deleted, that is carried
back into the snapshot: into a new directory beside the snapshot's, and then the two are exchanged, so that a crash leaves one or
the other and never half of both.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from argosy.errors import InvalidArgument, NotFound, Unknown
from argosy.kernel.files import exchange
from argosy.kernel.loop_device import loop_device
from argosy.kernel.mount import mount_all, temporary_mount
from argosy.kernel.temporary import temporary_directory
from argosy.kernel.unmount import unmount_all
from argosy.mounts import Mount

from argosy_shim_kata_v2 import blobs
from argosy_shim_kata_v2.config import data_directory

GUEST: Final = "/run/argosy/b"
_TOOL_S: Final = 600
_NOTE: Final = ".carry"
# The guest's ext4 is not to be trusted: nothing in it may be run or opened as a device here.
_UNTRUSTED: Final = ("nosuid", "nodev", "noexec")


@dataclass(frozen=True)
class Snapshot:
    """A snapshot's mounts taken apart: directories to read, topmost first, and the directory for what is written."""

    lowers: tuple[str, ...]
    upper: str
    plain: bool  # upper is the root file system itself, and not the upper directory of an overlay
    images: tuple[Path, ...] = ()  # EROFS images instead of lowers

    @property
    def committed(self) -> bool:
        """Whether the lowers can't change any more."""
        return not self.plain


def snapshot_of(mounts: Sequence[Mount]) -> Snapshot:
    """Take a snapshot's mounts apart. Raises InvalidArgument for mounts that can't be packed."""
    if len(mounts) != 1:
        raise InvalidArgument(f"a root file system of {len(mounts)} mounts can't be made a disk; use virtiofs")
    mount = mounts[0]
    if mount.type == "overlay":
        lowers = tuple((mount.option("lowerdir") or "").split(":"))
        return Snapshot(lowers, mount.option("upperdir") or "", False)
    if mount.type == "erofs" and mount.option("device") is None and os.path.isfile(mount.source):
        return Snapshot((), "", False, (Path(mount.source),))
    if mount.type in ("bind", "rbind", "none", "") or {"bind", "rbind"}.intersection(mount.options):
        return Snapshot((mount.source,), "" if mount.read_only else mount.source, True)
    raise InvalidArgument(f'a root file system of type "{mount.type}" can\'t be made a disk; use virtiofs')


def _tool(*command: str) -> None:
    package = {"mkfs.erofs": "erofs-utils", "mke2fs": "e2fsprogs"}.get(command[0], "coreutils")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TOOL_S)
    except FileNotFoundError:
        raise NotFound(f"{command[0]} is not installed; type: apt-get install -y {package}") from None
    if done.returncode:
        raise Unknown(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-500:]}")


def _key(lowers: Sequence[str]) -> str:
    """Return the name of what these directories hold: committed ones never change, but a path may be used again."""
    parts = []
    for lower in lowers:
        found = os.stat(lower)
        parts.append((os.path.realpath(lower), found.st_dev, found.st_ino, found.st_ctime_ns))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _pack(lowers: Sequence[str], target: Path) -> None:
    """Write an EROFS image of the merged lowers."""
    if len(lowers) == 1:
        mounts = [Mount("bind", lowers[0], ("rbind", "ro"))]
    else:
        mounts = [Mount("overlay", "overlay", (f"lowerdir={':'.join(lowers)}",))]
    with temporary_mount(mounts) as view:
        _tool("mkfs.erofs", "--quiet", str(target), view)


def packed(lowers: Sequence[str]) -> Path:
    """Return the image of committed directories; the first that asks makes it. Images of directories that are gone are removed."""
    home = data_directory() / "rootfs"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = _key(lowers)
    found = home / f"{key}.erofs"
    with open(home / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for note in home.glob("*.json"):
            with contextlib.suppress(OSError, ValueError):
                if not os.path.exists(json.loads(note.read_text())[0]):
                    note.with_suffix(".erofs").unlink(missing_ok=True)
                    note.unlink()
        if not found.exists():
            scratch = home / f"{key}.new"
            scratch.unlink(missing_ok=True)
            _pack(lowers, scratch)
            (home / f"{key}.json").write_text(json.dumps(list(lowers)))
            scratch.rename(found)
    return found


@contextlib.contextmanager
def _opened(image: Path, read_only: bool) -> Iterator[str]:
    """Yield the directory at which an ext4 image is mounted, for as long as the block runs."""
    with temporary_directory() as directory, loop_device(str(image), False) as device:
        point = os.path.join(directory, "upper")
        os.mkdir(point, 0o700)
        options = [*_UNTRUSTED, *(["ro"] if read_only else [])]
        mount_all([Mount("ext4", device, tuple(options))], point)
        try:
            yield point
        finally:
            unmount_all(point)


def carry_back(image: Path, target: str, plain: bool) -> None:
    """Put what an ext4 image holds into a snapshot's directory: its upper, or with plain its root file system.

    Raises Unknown, OSError; the snapshot is then as it was.
    """
    scratch = f"{target}.argosy-kata"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        with _opened(image, not plain) as point:
            written = f"{point}/upper"
            if not os.path.isdir(written):
                return  # it never came to be mounted
            if plain:
                options = (f"lowerdir={target}", f"upperdir={written}", f"workdir={point}/work")
                with temporary_mount([Mount("overlay", "overlay", options)]) as merged:
                    _tool("cp", "-a", merged, scratch)
            else:
                _tool("cp", "-a", written, scratch)
        subprocess.run(["sync", "-f", scratch], check=False, timeout=_TOOL_S)
        exchange(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def carry_back_all(folder: Path) -> None:
    """Carry back what the containers of a VM that is gone have written. Raises Unknown, OSError after it has tried them all."""
    failed: list[BaseException] = []
    for note in folder.glob(f"*{_NOTE}"):
        try:
            told = json.loads(note.read_text())
            carry_back(Path(told["image"]), told["target"], told["plain"])
        except (ValueError, KeyError, TypeError):
            continue  # it was not whole yet, and neither was the disk
        except (Unknown, OSError) as error:
            failed.append(error)
    if failed:
        raise failed[0]


class Disks:
    """The disks of one container: made, told to the guest, carried back."""

    def __init__(self, id: str, mounts: Sequence[Mount], read_only: bool, folder: Path, size_mb: int, kernel: str) -> None:
        """Make the images. folder is the VM's; size_mb what the container may write; kernel the guest's release.

        Raises NotFound, InvalidArgument, Unknown.
        """
        self._snapshot = snapshot_of(mounts)
        name = hashlib.sha256(id.encode()).hexdigest()[:12]
        self.upper_serial = f"u{name}"
        # By serial, topmost first.
        self.lowers: dict[str, Path] = {}
        self._own: list[Path] = []
        self.upper: Path | None = None
        try:
            images = self._snapshot.images or blobs.images_of(self._snapshot.lowers, kernel)
            if not images and self._snapshot.committed:
                images = (packed(self._snapshot.lowers),)
            elif not images:
                images = (folder / f"{name}.erofs",)
                self._own += images
                _pack(self._snapshot.lowers, images[0])
            self.lowers = {f"l{n}{name}": image for n, image in enumerate(images)}
            if not read_only and self._snapshot.upper:
                self.upper = folder / f"{name}.ext4"
                self._own.append(self.upper)
                with open(self.upper, "xb") as file:
                    os.truncate(file.fileno(), size_mb << 20)
                _tool(
                    "mke2fs", "-q", "-t", "ext4", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", str(self.upper)
                )
                if not self._snapshot.plain and os.listdir(self._snapshot.upper):
                    # A container that is started again goes on with what it wrote.
                    with _opened(self.upper, False) as point:
                        _tool("cp", "-a", self._snapshot.upper, f"{point}/upper")
                # For ``carry_back_all``, when this process is gone.
                told = {"image": str(self.upper), "target": self._snapshot.upper, "plain": self._snapshot.plain}
                note = self.upper.with_suffix(_NOTE)
                self._own.append(note)
                note.write_text(json.dumps(told))
        except BaseException:
            self.remove()
            raise
        self._folder = f"{GUEST}/{id}"

    def storages(self) -> list[dict[str, Any]]:
        """Return the mounts that the guest is to make, in order; the last is the root file system."""
        above = f"{self._folder}/upper"
        # Mount points are made even in a root that is read-only later; without a disk for them they are forgotten.
        writes: dict[str, Any] = {"serial": self.upper_serial, "fstype": "ext4", "options": []}
        if self.upper is None:
            writes = {"source": "tmpfs", "fstype": "tmpfs", "options": []}
        below = [f"{self._folder}/lower{n}" for n in range(len(self.lowers))]
        options = [f"lowerdir={':'.join(below)}", f"upperdir={above}/upper", f"workdir={above}/work"]
        return [
            *(
                {"serial": serial, "fstype": "erofs", "options": ["ro"], "target": target}
                for serial, target in zip(self.lowers, below, strict=True)
            ),
            {**writes, "target": above},
            {"source": "overlay", "fstype": "overlay", "options": options, "target": self.root},
        ]

    def serials(self) -> list[str]:
        """Return the serials of the disks that are plugged in."""
        return [*self.lowers, *([self.upper_serial] if self.upper is not None else [])]

    @property
    def root(self) -> str:
        return f"{self._folder}/rootfs"

    def targets(self) -> list[str]:
        """Return the mount points that the guest is to unmount, in order."""
        return [storage["target"] for storage in reversed(self.storages())]

    def carry_back(self) -> None:
        """Put what was written into the snapshot. Raises Unknown, OSError; the snapshot is then as it was."""
        # With a VM that was ended before, it was done then.
        if self.upper is not None and self.upper.exists():
            carry_back(self.upper, self._snapshot.upper, self._snapshot.plain)

    def remove(self) -> None:
        """Take away the images that are this container's alone."""
        for path in self._own:
            path.unlink(missing_ok=True)
