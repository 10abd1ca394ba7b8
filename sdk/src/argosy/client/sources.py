"""Where an image archive comes from: a file, a pipe that is read once, or a folder with an archive's members in it."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import anyio
import anyio.to_thread

from argosy.client import scratch
from argosy.client.members import BLOCK, Archive, Part, decompressor, is_zstd
from argosy.errors import InvalidArgument, NotFound
from argosy.kernel import path as paths

Source = Path | BinaryIO | AsyncIterator[bytes]
"""A file, a FIFO, a folder; an open stream, which is left open; or what yields an archive's bytes in order."""
_PIECE: Final = 1 << 20
_SHOWN: Final = 300


class _Again(io.RawIOBase):
    """A file of a folder, opened for each piece: as many may be read at once as there are blobs."""

    def __init__(self, root: int, name: str) -> None:
        self._root, self._name, self._at = root, name, 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        assert whence == os.SEEK_SET
        self._at = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        fd = _open_in(self._root, self._name)
        try:
            data = os.pread(fd, size, self._at)
        finally:
            os.close(fd)
        self._at += len(data)
        return data


def _open_in(root: int, name: str) -> int:
    """Open a regular file inside a folder; links stay inside, and nothing else is opened. Raises OSError."""
    seen = paths.open_in_root(root, name, os.O_PATH)
    try:
        return paths.open_regular(seen)
    finally:
        os.close(seen)


class Folder:
    """A folder that holds what an archive would: an OCI image layout, or a docker archive that somebody unpacked."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._root = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._root)

    def __contains__(self, name: str) -> bool:
        try:
            os.close(_open_in(self._root, name))
        except (OSError, ValueError):
            return False
        return True

    def member(self, name: str) -> Part:
        """Return a member, links followed where they stay inside. Raises InvalidArgument when there is none of that name."""
        try:
            fd = _open_in(self._root, name)
        except (OSError, ValueError) as error:
            raise InvalidArgument(f"the folder has no file {name[:_SHOWN]}: {_why(error)}") from None
        try:
            size = os.fstat(fd).st_size
        finally:
            os.close(fd)
        return Part(_Again(self._root, name), name, 0, size)


def _why(error: Exception) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)


@asynccontextmanager
async def opened(source: Source) -> AsyncGenerator[tuple[Archive | Folder, str, str], None]:
    """Yield what a source holds, how messages call it, and the name of its images that have none.

    What can be read only once is kept in an unnamed file (``scratch``) until the end.
    Raises NotFound, InvalidArgument for what no archive of images is. Waiting for who writes into a pipe can be cancelled.
    """
    if isinstance(source, AsyncIterator):
        with await _written(source, "the stream") as file:
            async with _looked_through(Archive(file), "the stream") as archive:
                yield archive, "the stream", _unnamed()
        return
    if not isinstance(source, Path):
        called = "standard input" if _is_stdin(source) else "the stream"
        with await _kept(source, called) as file:
            async with _looked_through(Archive(file), called) as archive:
                yield archive, called, _unnamed()
        return
    try:
        mode = source.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"archive {source} does not exist") from None
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"archive {source} cannot be read: {_why(error)}") from None
    if stat.S_ISDIR(mode):
        folder = Folder(source)
        try:
            yield folder, str(source), source.resolve().name
        finally:
            folder.close()
    elif stat.S_ISREG(mode):
        async with _looked_through(Archive.open(source), str(source)) as archive:
            yield archive, str(source), source.stem
    elif stat.S_ISFIFO(mode):
        with pipe(source) as stream:
            kept = await _kept(stream, str(source))
        with kept as file:
            async with _looked_through(Archive(file), str(source)) as archive:
                yield archive, str(source), _unnamed()
    else:
        raise InvalidArgument(f"archive {source} is neither a file nor a pipe nor a folder")


def pipe(path: Path) -> BinaryIO:
    """Open a FIFO whose writer may come later: until then it is not readable."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    return cast("BinaryIO", os.fdopen(fd, "rb", buffering=0))


def _is_stdin(stream: BinaryIO) -> bool:
    with suppress(OSError, ValueError):
        return stream.fileno() == 0
    return False


def _unnamed() -> str:
    return f"import-{time.strftime('%Y-%m-%d')}"


@asynccontextmanager
async def _looked_through(archive: Archive, called: str) -> AsyncGenerator[Archive, None]:
    try:
        try:
            while not await anyio.to_thread.run_sync(archive.advance):
                pass
        except InvalidArgument as error:
            raise InvalidArgument(f"{called}: {error.message}") from error
        yield archive
    finally:
        archive.close()


async def _kept(stream: BinaryIO, called: str) -> Any:
    """Return a file of what a stream holds. Raises InvalidArgument at its first block when that begins no archive."""
    if stream.isatty():
        raise InvalidArgument(f"{called} is a terminal; pipe an archive into it, or name a file")
    return await _written(pieces_of(stream), called)


async def pieces_of(stream: BinaryIO) -> AsyncGenerator[bytes, None]:
    """Yield what is in a file or a pipe. Waiting for a pipe's next bytes can be cancelled."""
    while piece := await _piece(stream):
        yield piece


async def _written(pieces: AsyncIterator[bytes], called: str) -> Any:
    """Return a file of what pieces are. Raises as ``_kept`` does."""
    file = scratch.unnamed()
    try:
        head = b""
        async for piece in pieces:
            if len(head) < BLOCK:
                head = (head + piece)[:BLOCK]
                if len(head) == BLOCK:
                    _begins_archive(head, called)
            await anyio.to_thread.run_sync(file.write, piece)
        if not head:
            raise InvalidArgument(f"{called} is empty: nobody wrote an archive to it")
        file.seek(0)
    except OSError as error:
        file.close()
        raise InvalidArgument(f"{called} cannot be kept in {scratch.folder()}: {_why(error)}; set TMPDIR") from None
    except BaseException:
        file.close()
        raise
    return file


async def _piece(stream: BinaryIO) -> bytes:
    """Return what is there, at most a piece; empty at the end. Waiting for it can be cancelled where there is a descriptor."""
    read = getattr(stream, "read1", stream.read)
    while True:
        if _is_polled(stream):
            await anyio.wait_readable(stream.fileno())
        data: bytes | None = await anyio.to_thread.run_sync(read, _PIECE)
        if data is not None:  # it was another reader's
            return data


def _is_polled(stream: BinaryIO) -> bool:
    """Return whether the kernel says when it can be read: of a file it says nothing."""
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):
        return False  # no descriptor: bytes in memory, a socket's file
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _begins_archive(head: bytes, called: str) -> None:
    if decompressor(head) is None and not is_zstd(head) and head.strip(b"\0"):
        try:
            tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise InvalidArgument(f"{called}: it is not a tar archive: {error}") from None
