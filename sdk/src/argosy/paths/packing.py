"""What is at a path below a root, as a tar: while somebody who may be hostile changes it.

Every name is looked up by the kernel inside of the root, what it is is found out before it is opened, and only regular files are. Sockets
are left out, as tar(1) does; the kernel's own file systems (``/proc``, ``/sys``, ...) are not entered. Of a sparse file the holes are not sent.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import tarfile
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from typing import IO, Final, cast

from argosy.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound
from argosy.kernel.descent import Entered, Left, descend
from argosy.kernel.files import data_runs
from argosy.kernel.path import open_in_root, open_regular, peek
from argosy.kernel.pseudo import pseudo
from argosy.paths.names import MOST_PATH_BYTES, base_name, follows
from argosy.shown import escaped
from argosy.tar_headers import CAPABILITY, add_attribute, add_nanoseconds, header_of
from argosy.tar_writing import CutShortError, TarWriter

_BUFFER_BYTES: Final = 256 << 10
_CHUNK: Final = 1 << 20
# A file with as much less on the disk than its size is sent as a sparse one.
_HOLES_BYTES: Final = 1 << 20
# What has more runs of data than this is sent with the holes behind them.
_MOST_SEGMENTS: Final = 8192
# Names of one file, of which all but the first are sent as links: so many are remembered.
_MOST_LINKS: Final = 1 << 20
_BLOCK: Final = 512


def pack(root: int, path: str, out: IO[bytes], *, what: str, walk: bool = True, owners: bool = True, name: str = "") -> None:
    """Write what is at path below root, a directory's descriptor, as a tar to out. Blocks.

    what is the root's name in errors. Without walk a directory's entry stands alone; without owners everything is root's; name is what the archive
    calls it, default its own. Raises NotFound, InvalidArgument, FailedPrecondition, Aborted for what changed while it was read, OSError.
    """
    shown = f'"{escaped(path)}" in {what}'
    if "\0" in path or len(os.fsencode(path)) >= MOST_PATH_BYTES:
        raise InvalidArgument(f"a path of {len(os.fsencode(path))} bytes, or with a NUL, is none in {what}")
    try:
        start = open_in_root(root, path or "/", os.O_PATH | (0 if follows(path) else os.O_NOFOLLOW))
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(shown) from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InvalidArgument(f"{shown} leads through too many symlinks, or through one of the kernel's own") from None
        raise
    try:
        if kind := pseudo(start):
            raise FailedPrecondition(f"{shown} is the kernel's own state ({kind}) and no file; it can't be copied")
        packer = _Packer(out, owners)
        packer.add(start, name or base_name(path))
        if walk and stat.S_ISDIR(os.fstat(start).st_mode):
            packer.walk(start, name or base_name(path))
        packer.close()
    finally:
        os.close(start)


class _Packer:
    """One archive on its way."""

    def __init__(self, out: IO[bytes], owners: bool) -> None:
        self._tar = TarWriter(out, _BUFFER_BYTES, _MOST_LINKS)
        self._owners = owners

    def close(self) -> None:
        self._tar.close()

    def walk(self, fd: int, name: str) -> None:
        """Put all that is below a directory, whose own entry is there already."""
        prefix: list[str] = []

        def into(below: int, name: str) -> bool:
            # Right before what is in it: whoever unpacks sets a directory's times when it is done with it.
            self.add(below, "/".join((*prefix, name)))
            return not pseudo(below)

        with closing(cast("Generator[Entered | Left, None, None]", descend(".", fd, into))) as steps:
            for step in steps:
                if not isinstance(step, Entered):
                    prefix.pop()
                    continue
                prefix.append(step.name or name)
                self._files(step, "/".join(prefix))

    def _files(self, step: Entered, above: str) -> None:
        """Put what is in a directory, but for directories."""
        for entry in step.entries:
            if entry.is_dir(follow_symlinks=False):
                continue
            path = f"{above}/{entry.name}"
            try:
                with peek(step.fd, entry.name) as (seen, info):
                    if not stat.S_ISDIR(info.st_mode):
                        self.add(seen, path)
            except FileNotFoundError:
                continue  # it went meanwhile
            except OSError as error:
                raise named(error, path) from error

    def add(self, fd: int, path: str) -> None:
        """Put what a descriptor (O_PATH) refers to. Raises OSError, FailedPrecondition, Aborted."""
        if len(os.fsencode(path)) >= MOST_PATH_BYTES:
            raise FailedPrecondition(f'"{escaped(path[:100])}..." is deeper than a path is long; copy a directory below it')
        info = os.fstat(fd)
        kind = stat.S_IFMT(info.st_mode)
        if kind == stat.S_IFSOCK:
            return
        entry = self._header(path, info, fd)
        if kind == stat.S_IFREG:
            self._file(path, entry, info, fd)
            return
        self._tar.put(entry)

    def _header(self, path: str, info: os.stat_result, fd: int) -> tarfile.TarInfo:
        entry = header_of(path, info, fd)
        if not self._owners:
            entry.uid = entry.gid = 0
        if not stat.S_ISLNK(info.st_mode):
            for key, value in _attributes(fd):
                add_attribute(entry, key, value)
        add_nanoseconds(entry, info.st_mtime_ns)
        return entry

    def _file(self, path: str, entry: tarfile.TarInfo, info: os.stat_result, fd: int) -> None:
        if self._tar.put_link(entry, path, info):
            return
        with open(open_regular(fd, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as file:
            size = info.st_size
            data: IO[bytes] = file
            if size - info.st_blocks * _BLOCK > _HOLES_BYTES:
                segments = _segments(file.fileno(), size)
                data = cast("IO[bytes]", _Sparse(file.fileno(), segments, size))
                entry.size = _sparse(entry, path, size, segments)
            try:
                self._tar.put(entry, data, path)
            except CutShortError as error:
                raise Aborted(
                    f'"{escaped(path)}" became shorter while it was read; stop what writes to it and copy it again'
                ) from error


def named(error: OSError, path: str) -> OSError:
    """Return an error with the name that a person knows a file by, instead of the one that it was opened by."""
    return OSError(error.errno, error.strerror or str(error), path)


def _attributes(fd: int) -> Iterator[tuple[str, bytes]]:
    """Yield the extended attributes that a copy keeps: file capabilities, and the user's own."""
    here = f"/proc/self/fd/{fd}"
    try:
        found = sorted(key for key in os.listxattr(here) if key == CAPABILITY or key.startswith("user."))
    except OSError:
        return  # of a file system that has none
    for key in found:
        try:
            yield key, os.getxattr(here, key)
        except OSError:
            continue  # it went meanwhile, or is not for us to read


def _segments(fd: int, size: int) -> list[tuple[int, int]]:
    """Return where the first size bytes of a file have data, as offsets and lengths. Raises OSError."""
    found = list(islice(data_runs(fd, size), _MOST_SEGMENTS))
    if len(found) == _MOST_SEGMENTS:
        found[-1] = (found[-1][0], size - found[-1][0])
    # Where the file ends is said by its last run, which may be empty.
    return found if found and sum(found[-1]) == size else [*found, (size, 0)]


def _map(segments: list[tuple[int, int]]) -> bytes:
    """Return a map of a sparse file as GNU tar's format 1.0 has it before the data."""
    text = "".join(f"{number}\n" for number in (len(segments), *(n for segment in segments for n in segment))).encode()
    return text + bytes(-len(text) % _BLOCK)


def _sparse(entry: tarfile.TarInfo, path: str, size: int, segments: list[tuple[int, int]]) -> int:
    """Make an entry one of a sparse file (GNU tar's format 1.0); return how many bytes follow it."""
    folder, _, name = path.rpartition("/")
    entry.name = f"{folder}/GNUSparseFile.0/{name}" if folder else f"GNUSparseFile.0/{name}"
    said = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": path, "GNU.sparse.realsize": str(size)}
    entry.pax_headers = {**entry.pax_headers, **said}
    return len(_map(segments)) + sum(length for _, length in segments)


class _Sparse:
    """A sparse file's map and data, to read as one file."""

    def __init__(self, fd: int, segments: list[tuple[int, int]], size: int) -> None:
        self._pieces = self._read(fd, segments)
        self._piece = io.BytesIO()

    @staticmethod
    def _read(fd: int, segments: list[tuple[int, int]]) -> Iterator[bytes]:
        yield _map(segments)
        for offset, length in segments:
            end = offset + length
            while offset < end:
                data = os.pread(fd, min(_CHUNK, end - offset), offset)
                if not data:
                    return  # it is shorter by now
                offset += len(data)
                yield data

    def read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            if not (part := self._piece.read(size)):
                if (piece := next(self._pieces, None)) is None:
                    break
                self._piece = io.BytesIO(piece)
                continue
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
