"""What an image archive holds: its names looked through once, with bounds, before anything of it is read.

An archive is somebody else's: headers are read by their stated size, never taken into memory by it; what was small and becomes
huge is refused; links lead to members of the archive and nowhere else.
"""

from __future__ import annotations

import bz2
import io
import lzma
import os
import posixpath
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

from argosy.errors import InvalidArgument
from argosy.shown import escaped

BLOCK: Final = 512
# Some 30 files an image: as many images as anybody puts into one file.
MAX_ENTRIES: Final = 1 << 17
# A name in a header that has none of its own bounds; PATH_MAX is 4096.
MAX_HEADER_BYTES: Final = 1 << 20
_MAX_NAME: Final = 4096
# All names of an archive together, which are kept: some hundred bytes for each of its entries.
MAX_NAMES_BYTES: Final = 16 << 20
_MAX_LINKS: Final = 16
# An archive of zeros shrinks to a thousandth; one of images, whose layers are compressed, hardly at all.
MAX_RATIO: Final = 200
_RATIO_FROM: Final = 1 << 30
# What xz -9 needs, twice.
_XZ_MEMORY: Final = 128 << 20
_STEP: Final = 32 << 20
_READ: Final = 1 << 20
_NO_DATA: Final = frozenset(
    (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
)
_FILES: Final = frozenset((tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE))


class _Zlib:
    """zlib's decompressor by the names of bz2's and lzma's."""

    def __init__(self) -> None:
        self._z = zlib.decompressobj(wbits=31)
        self.eof, self.needs_input, self.unused_data = False, True, b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._z.decompress(self._z.unconsumed_tail + data, max_length)
        self.eof, self.unused_data = self._z.eof, self._z.unused_data
        self.needs_input = not self._z.unconsumed_tail
        return out


def decompressor(head: bytes) -> Callable[[], Any] | None:
    """Return what makes the decompressor of a file that begins so; None when it is not compressed."""
    if head.startswith(b"\x1f\x8b"):
        return _Zlib
    if head.startswith(b"BZh"):
        return bz2.BZ2Decompressor
    if head.startswith(b"\xfd7zXZ\x00"):
        return lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
    return None


def is_zstd(head: bytes) -> bool:
    """Return whether a file that begins so is compressed by zstd, which may begin with a frame that is skipped."""
    magic = int.from_bytes(head[:4], "little") if len(head) >= 4 else 0
    return magic == 0xFD2FB528 or 0x184D2A50 <= magic <= 0x184D2A5F


class _Unzstd(io.RawIOBase):
    """A file that is compressed by zstd as what it holds, with the bounds of ``_Inflated``."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._restart()

    def _restart(self) -> None:
        from argosy.unpack.inflate import inflate  # large, and few archives need it

        self._file.seek(0)
        self._pieces = inflate(self._file)
        self._here = b""
        self._at = 0

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to an offset from the start. Going forward reads what lies between."""
        assert whence == os.SEEK_SET
        if offset < self._at:
            self._restart()
        while self._at < offset and self.read(min(offset - self._at, _READ)):
            pass
        return self._at

    def read(self, size: int = -1) -> bytes:
        assert size > 0
        while not self._here:
            try:
                piece = next(self._pieces, None)
            except InvalidArgument as error:
                raise InvalidArgument(error.message.replace("the layer's", "the archive's")) from None
            if piece is None:
                return b""
            self._here = piece
        out, self._here = self._here[:size], self._here[size:]
        self._at += len(out)
        if self._at > _RATIO_FROM and self._at > MAX_RATIO * self._file.tell():
            raise InvalidArgument(f"the archive is more than {MAX_RATIO} times what its file is, and refused")
        return out


class _Inflated(io.RawIOBase):
    """A compressed file as what it holds. Going back begins anew; what grows out of all proportion is refused."""

    def __init__(self, file: BinaryIO, make: Callable[[], Any]) -> None:
        self._file, self._make = file, make
        self._restart()

    def _restart(self) -> None:
        self._file.seek(0)
        self._inner = self._make()
        self._rest = b""
        self._at = 0
        self._ended = False

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to an offset from the start. Going forward reads what lies between."""
        assert whence == os.SEEK_SET
        if offset < self._at:
            self._restart()
        while self._at < offset and self.read(min(offset - self._at, _READ)):
            pass
        return self._at

    def read(self, size: int = -1) -> bytes:
        assert size > 0
        try:
            while not self._ended:
                data = b""
                if self._inner.needs_input:
                    data = self._rest or self._file.read(_READ)
                    self._rest = b""
                    if not data:
                        raise InvalidArgument("the archive ends in the middle of its compressed data")
                out: bytes = self._inner.decompress(data, size)
                if self._inner.eof:
                    # Compressed files may follow each other; what else follows is padding.
                    self._rest = self._inner.unused_data or self._file.read(_READ)
                    if decompressor(self._rest) is None:
                        self._ended = True
                    self._inner = self._make()
                if out:
                    self._at += len(out)
                    if self._at > _RATIO_FROM and self._at > MAX_RATIO * self._file.tell():
                        raise InvalidArgument(f"the archive is more than {MAX_RATIO} times what its file is, and refused")
                    return out
        except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
            raise InvalidArgument(f"the archive's compressed data is broken: {error}") from None
        return b""


class Part:
    """One member's bytes, read from its start to its end. Raises InvalidArgument where the archive is cut off."""

    def __init__(self, file: Any, name: str, offset: int, size: int) -> None:
        self._file, self.name, self._offset, self.size = file, name, offset, size
        self._done = 0

    def read(self, size: int) -> bytes:
        """Return at most size bytes, fewer than one only at the end."""
        wanted = min(size, self.size - self._done)
        if wanted <= 0:
            return b""
        self._file.seek(self._offset + self._done)
        data: bytes = self._file.read(wanted)
        if not data:
            raise InvalidArgument(f"the archive ends in the middle of {escaped(self.name)}")
        self._done += len(data)
        return data

    def skip(self, size: int) -> None:
        """Leave out its next size bytes."""
        self._done = min(self._done + size, self.size)

    def whole(self, limit: int) -> bytes:
        """Return all of it. Raises InvalidArgument for more than limit bytes."""
        if self.size > limit:
            raise InvalidArgument(f"{escaped(self.name)} in the archive is larger than {limit} bytes")
        pieces = []
        while data := self.read(_READ):
            pieces.append(data)
        return b"".join(pieces)


class Archive:
    """A tar file, plain or compressed (gzip, bzip2, xz, zstd). Look through it with ``advance`` until that is done; then take members."""

    def __init__(self, file: BinaryIO) -> None:
        self._raw = file
        head = file.read(BLOCK)
        make = decompressor(head)
        self._seeks = make is None and not is_zstd(head)
        self._file: Any = _Inflated(file, make) if make is not None else file if self._seeks else _Unzstd(file)
        self._at = 0
        self._end = 0  # of the last member's bytes, without what pads them
        self._files: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        self._entries = 0
        self._long: dict[str, str] = {}
        self._pax: dict[str, str] = {}
        self._told = 0
        """Bytes of headers that are of the next member."""
        self._named = 0

    @classmethod
    def open(cls, path: Path) -> Archive:
        """Raises OSError."""
        return cls(path.open("rb"))

    def close(self) -> None:
        self._raw.close()

    def __contains__(self, name: str) -> bool:
        return self._resolved(name) in self._files

    def member(self, name: str) -> Part:
        """Return a member, links followed. Raises InvalidArgument when there is none of that name."""
        found = self._files.get(self._resolved(name))
        if found is None:
            raise InvalidArgument(f"the archive has no {escaped(name[:_MAX_NAME])}")
        return Part(self._file, name, *found)

    def _resolved(self, name: str) -> str:
        name = _clean(name)
        for _ in range(_MAX_LINKS):
            if name not in self._links:
                break
            name = self._links[name]
        return name

    def advance(self) -> bool:
        """Look at some more; return whether that was all. Raises InvalidArgument for what no archive of images is."""
        budget = _STEP
        while budget > 0:
            # What can't be skipped is read, a step at a time.
            if not self._seeks and self._file.tell() < self._at:
                budget -= _STEP
                self._file.seek(min(self._at, self._file.tell() + _STEP))
                if self._file.tell() < self._at:
                    if not self._file.read(1):
                        raise InvalidArgument("the archive ends in the middle of a member")
                    continue
            budget -= _READ // 16
            header = self._bytes(BLOCK)
            if not header:
                # Whoever goes to where there is nothing is not told.
                if self._seeks and self._end > self._file.seek(0, os.SEEK_END):
                    raise InvalidArgument("the archive ends in the middle of a member")
                return True
            try:
                entry = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
            except tarfile.HeaderError as error:
                if not header.strip(b"\0"):
                    return True
                raise InvalidArgument(f"it is not a tar archive: {error}") from None
            self._entries += 1
            if self._entries > MAX_ENTRIES:
                raise InvalidArgument(f"an archive with more than {MAX_ENTRIES} entries is refused")
            self._look_at(entry)
        return False

    def _bytes(self, size: int) -> bytes:
        """Return the next bytes; fewer only at the end."""
        self._file.seek(self._at)
        data = b""
        while len(data) < size and (piece := self._file.read(size - len(data))):
            data += piece
        self._at += len(data)
        return data

    def _look_at(self, entry: tarfile.TarInfo) -> None:
        if entry.size < 0:
            raise InvalidArgument("a member of the archive has a negative size")
        if entry.type in (
            tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK,
            tarfile.XHDTYPE,
            tarfile.XGLTYPE,
            tarfile.SOLARIS_XHDTYPE,
        ):
            self._told += entry.size
            if self._told > MAX_HEADER_BYTES:
                raise InvalidArgument(
                    f"a header of {self._told} bytes in the archive is refused; {MAX_HEADER_BYTES} are the most"
                )
            padded = -(-entry.size // BLOCK) * BLOCK
            data = self._bytes(padded)
            if len(data) < padded:
                raise InvalidArgument("the archive ends in the middle of a header")
            data = data[: entry.size]
            if entry.type == tarfile.GNUTYPE_LONGNAME:
                self._long["path"] = _text(data)
            elif entry.type == tarfile.GNUTYPE_LONGLINK:
                self._long["linkpath"] = _text(data)
            elif entry.type != tarfile.XGLTYPE:
                self._pax |= _records(data)
            return
        told = self._long | self._pax
        self._long, self._pax, self._told = {}, {}, 0
        if entry.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse.") for key in told):
            raise InvalidArgument("a sparse file has no place in an archive of images")
        name = _clean(told.get("path", entry.name))
        link = told.get("linkpath", entry.linkname)
        if len(name) > _MAX_NAME or len(link) > _MAX_NAME:
            raise InvalidArgument(f"a name of more than {_MAX_NAME} characters in the archive is refused")
        self._named += len(name) + len(link)
        if self._named > MAX_NAMES_BYTES:
            raise InvalidArgument(f"an archive with more than {MAX_NAMES_BYTES} bytes of names is refused")
        size = entry.size
        if "size" in told:
            if not told["size"].isdecimal() or len(told["size"]) > 19:
                wrong = escaped(told["size"][:20])
                raise InvalidArgument(f'a member of the archive has a size that is no number: "{wrong}"')
            size = int(told["size"])
        self._files.pop(name, None)
        self._links.pop(name, None)
        if entry.type in _FILES:
            self._files[name] = (self._at, size)
        elif entry.type == tarfile.SYMTYPE:
            self._links[name] = _clean(posixpath.join(posixpath.dirname(name), link))
        elif entry.type == tarfile.LNKTYPE:
            self._links[name] = _clean(link)
        if entry.type not in _NO_DATA:
            self._end = self._at + size
            self._at += -(-size // BLOCK) * BLOCK


def _clean(name: str) -> str:
    """Return a name as others write it: no "./" before it, no ".." that leads out of the archive."""
    return posixpath.normpath("/" + name)[1:].lstrip("/")


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _records(data: bytes) -> dict[str, str]:
    """Return a pax header's records. Raises InvalidArgument for what is none."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data) and data[at]:
        digits, _, _ = data[at : at + 20].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = data[at : at + length]
        key, equals, value = record[len(digits) + 1 :].partition(b"=")
        if length <= len(digits) + 2 or len(record) < length or not equals or record[-1:] != b"\n":
            raise InvalidArgument("the archive has a broken pax header")
        found[key.decode("utf-8", "surrogateescape")] = value[:-1].decode("utf-8", "surrogateescape")
        at += length
    return found
