"""Two trees into a layer: what was added, changed and removed, as a deterministic OCI tar.

Rules as containerd's walking differ has them: same inode is the same; other mode, owner, device or capability is a
change; sizes, then times, then (for whole-second times) content decide; a removed directory is one whiteout; a changed
entry's parents come before it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final, Protocol, cast

import zstandard
from argosy.errors import Unimplemented

TAR: Final = "application/vnd.oci.image.layer.v1.tar"
DEFAULT: Final = TAR + "+gzip"
SUPPORTED: Final = (TAR, TAR + "+gzip", TAR + "+zstd")
_CAPABILITY: Final = "security.capability"
_CHUNK: Final = 1 << 20


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def compressor(media_type: str) -> _Compressor:
    """Raises Unimplemented for a media type that layers are not written in."""
    if media_type == TAR:
        return _Plain()
    if media_type == TAR + "+gzip":
        return zlib.compressobj(6, zlib.DEFLATED, 31)
    if media_type == TAR + "+zstd":
        return zstandard.ZstdCompressor(level=3).compressobj()
    raise Unimplemented(f"unsupported diff media type: {media_type}; use one of {', '.join(SUPPORTED)}")


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the layer; ``info`` is None for a removal."""

    path: str
    info: os.stat_result | None


def _capability(path: str) -> bytes | None:
    try:
        return os.getxattr(path, _CAPABILITY, follow_symlinks=False)
    except OSError:
        return None


def _same_content(left: str, right: str) -> bool:
    with open(left, "rb") as a, open(right, "rb") as b:
        while True:
            x, y = a.read(_CHUNK), b.read(_CHUNK)
            if x != y:
                return False
            if not x:
                return True


def same(left: str, a: os.stat_result, right: str, b: os.stat_result) -> bool:
    """Return whether two entries are the same to a layer."""
    if (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino):
        return True
    if (a.st_mode, a.st_uid, a.st_gid, a.st_rdev) != (b.st_mode, b.st_uid, b.st_gid, b.st_rdev):
        return False
    if _capability(left) != _capability(right):
        return False
    if stat.S_ISDIR(a.st_mode):
        return True
    if stat.S_ISREG(a.st_mode) and a.st_size != b.st_size:
        return False
    if a.st_mtime_ns // 1_000_000_000 != b.st_mtime_ns // 1_000_000_000:
        return False
    if a.st_mtime_ns % 1_000_000_000 == 0 and b.st_mtime_ns % 1_000_000_000 == 0:
        if stat.S_ISLNK(a.st_mode):
            return os.readlink(left) == os.readlink(right)
        return not stat.S_ISREG(a.st_mode) or a.st_size == 0 or _same_content(left, right)
    return a.st_mtime_ns == b.st_mtime_ns


def _names(directory: str) -> dict[str, os.stat_result]:
    if not directory:
        return {}
    with os.scandir(directory) as entries:
        return {e.name: e.stat(follow_symlinks=False) for e in entries}


def changes(lower: str, upper: str) -> Iterator[Change]:
    """Yield what leads from lower ("" is an empty tree) to upper, in path order."""

    def walk(prefix: str, left: str, right: str) -> Iterator[Change]:
        a, b = _names(left), _names(right)
        for name in sorted(a.keys() | b.keys(), key=os.fsencode):
            path = f"{prefix}/{name}" if prefix else name
            x, y = a.get(name), b.get(name)
            if y is None:
                yield Change(path, None)
                continue
            right_path = os.path.join(right, name)
            left_path = os.path.join(left, name) if x is not None else ""
            if x is None or not same(left_path, x, right_path, y):
                yield Change(path, y)
            if stat.S_ISDIR(y.st_mode):
                goes_on = x is not None and stat.S_ISDIR(x.st_mode)
                yield from walk(path, left_path if goes_on else "", right_path)

    yield from walk("", lower, upper)


class LayerWriter:
    """Writes changes as tar through a compressor, hashing both sides."""

    def __init__(self, out: IO[bytes], media_type: str) -> None:
        self._out = out
        self._compressor = compressor(media_type)
        self.uncompressed = hashlib.sha256()
        self.compressed = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.uncompressed.update(data)
        self._emit(self._compressor.compress(data))
        return len(data)

    def _emit(self, data: bytes) -> None:
        if data:
            self.compressed.update(data)
            self.size += len(data)
            self._out.write(data)

    def finish(self) -> None:
        self._emit(self._compressor.flush())


def write_layer(lower: str, upper: str, out: IO[bytes], media_type: str, epoch_s: int | None = None) -> LayerWriter:
    """Write the layer that leads from lower to upper. Blocks; run it in a thread. Raises Unimplemented."""
    layer = LayerWriter(out, media_type)
    tar: Any = tarfile.open(fileobj=cast("IO[bytes]", layer), mode="w|", format=tarfile.PAX_FORMAT, bufsize=_CHUNK)
    emitted: set[str] = set()
    links: dict[tuple[int, int], str] = {}

    def header(path: str, info: os.stat_result) -> tarfile.TarInfo:
        entry = tarfile.TarInfo(path + "/" if stat.S_ISDIR(info.st_mode) else path)
        entry.mode, entry.uid, entry.gid = stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid
        entry.mtime = int(info.st_mtime_ns // 1_000_000_000)
        if epoch_s is not None:
            entry.mtime = min(entry.mtime, epoch_s)
        capability = _capability(os.path.join(upper, path))
        if capability is not None:
            entry.pax_headers = {f"SCHILY.xattr.{_CAPABILITY}": capability.decode("utf-8", "surrogateescape")}
        return entry

    def parents(path: str) -> None:
        above = os.path.dirname(path)
        if above and above not in emitted:
            parents(above)
            info = os.lstat(os.path.join(upper, above))
            entry = header(above, info)
            entry.type = tarfile.DIRTYPE
            tar.addfile(entry)
            emitted.add(above)

    def add(path: str, info: os.stat_result) -> None:
        mode = info.st_mode
        if stat.S_ISSOCK(mode):
            return
        parents(path)
        entry = header(path, info)
        full = os.path.join(upper, path)
        emitted.add(path)
        if stat.S_ISDIR(mode):
            entry.type = tarfile.DIRTYPE
        elif stat.S_ISLNK(mode):
            entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(full)
        elif stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            entry.type = tarfile.CHRTYPE if stat.S_ISCHR(mode) else tarfile.BLKTYPE
            entry.devmajor, entry.devminor = os.major(info.st_rdev), os.minor(info.st_rdev)
        elif stat.S_ISFIFO(mode):
            entry.type = tarfile.FIFOTYPE
        else:
            inode = (info.st_dev, info.st_ino)
            if info.st_nlink > 1 and inode in links:
                entry.type, entry.linkname = tarfile.LNKTYPE, links[inode]
            else:
                if info.st_nlink > 1:
                    links[inode] = path
                entry.size = info.st_size
                with open(full, "rb") as data:
                    tar.addfile(entry, data)
                return
        tar.addfile(entry)

    siblings = _linked_siblings(lower, upper)
    for change in changes(lower, upper):
        if change.info is None:
            parents(change.path)
            folder, name = os.path.split(change.path)
            tar.addfile(tarfile.TarInfo(os.path.join(folder, f".wh.{name}")))
            continue
        if change.path in emitted and not stat.S_ISDIR(change.info.st_mode):
            continue
        if change.path not in emitted:
            add(change.path, change.info)
        # Names of a changed inode that did not change themselves are links to it all the same.
        if stat.S_ISREG(change.info.st_mode) and change.info.st_nlink > 1:
            for other in siblings.get((change.info.st_dev, change.info.st_ino), ()):
                if other not in emitted:
                    add(other, os.lstat(os.path.join(upper, other)))
    tar.close()
    layer.finish()
    return layer


def _linked_siblings(lower: str, upper: str) -> dict[tuple[int, int], list[str]]:
    """Return the names of every file of upper that has several."""
    found: dict[tuple[int, int], list[str]] = {}
    if not lower:
        return found  # everything is emitted anyway
    todo = [""]
    while todo:
        prefix = todo.pop()
        for name, info in _names(os.path.join(upper, prefix)).items():
            path = f"{prefix}/{name}" if prefix else name
            if stat.S_ISDIR(info.st_mode):
                todo.append(path)
            elif stat.S_ISREG(info.st_mode) and info.st_nlink > 1:
                found.setdefault((info.st_dev, info.st_ino), []).append(path)
    return found
