"""Reading tar: ustar, GNU and pax, from a stream of chunks; no seeking, no trust.

Pax global headers are ignored, as containerd does. Sparse files (GNU ``S``, pax 0.0, 0.1 and 1.0) are given as
segments. Raises InvalidArgument for anything that is not tar, ResourceExhausted for what its budget does not allow:
memory is counted before it is taken.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from argosy.errors import InvalidArgument
from argosy.shown import shown
from argosy.unpack.limits import ENTRY_BYTES, PART_BYTES, RECORD_BYTES, SEGMENT_BYTES, USELESS_RECORD_BYTES, Budget

BLOCK: Final = 512
_ZERO: Final = b"\0" * BLOCK
# Extended headers and sparse maps longer than this are nobody's honest archive (Go's reader has the same limit).
_MAX_META_BYTES: Final = 1 << 20
# What may stand before an entry: a pax header, a long name, a long link, a global header; and some more.
_MAX_EXTENDED: Final = 32
# Records that are no attribute and no part of a file: nobody has more to say of one entry.
_FEW_RECORDS: Final = 64
_MAX_NAME_BYTES: Final = 4096
_MAX_DIGITS: Final = 20
_ADLER: Final = 65521
_MAX_NUMBER: Final = (1 << 63) - 1
_OCTAL: Final = re.compile(rb"[0-7]{1,22}")
# Mode, uid, gid, size, mtime and checksum, as nearly every archiver writes them.
_USUAL: Final = re.compile(rb"([0-7]{7})\0([0-7]{7})\0([0-7]{7})\0([0-7]{11})\0([0-7]{11})\0([0-7]{6})\0 ")
_DECIMAL: Final = re.compile(rb"[+-]?[0-9]{1,19}")
_TIME: Final = re.compile(rb"([+-]?[0-9]{1,19})(?:\.([0-9]*))?")

REGULAR, HARDLINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
_GLOBAL, _PAX, _LONG_NAME, _LONG_LINK, _SPARSE = b"g", b"x", b"L", b"K", b"S"
_XATTR: Final = b"SCHILY.xattr."


@dataclass(slots=True)
class Entry:
    """One member. Names are bytes as they came; times nanoseconds since the epoch; size is what follows in the stream."""

    name: bytes
    type: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    link: bytes = b""
    major: int = 0
    minor: int = 0
    atime_ns: int | None = None
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    segments: list[tuple[int, int]] | None = None
    """(offset, length) of a sparse file's data, in order; None for an ordinary one."""
    real_size: int = 0


class Source:
    """Chunks with a cursor."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._at = 0
        self._before = 0  # bytes of the chunks before this one

    @property
    def offset(self) -> int:
        """How many bytes were taken."""
        return self._before + self._at

    def _next(self) -> bool:
        self._before += len(self._chunk)
        for chunk in self._chunks:
            if chunk:
                self._chunk, self._at = chunk, 0
                return True
        self._chunk, self._at = b"", 0
        return False

    def take(self, size: int) -> bytes:
        """Return exactly size bytes, or fewer at the end."""
        end = self._at + size
        if end <= len(self._chunk):
            data = self._chunk[self._at : end]
            self._at = end
            return data
        parts = [self._chunk[self._at :]]
        missing = size - len(parts[0])
        self._at = len(self._chunk)
        while missing and self._next():
            part = self._chunk[:missing]
            self._at = len(part)
            missing -= len(part)
            parts.append(part)
        return b"".join(parts)

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Yield size bytes without joining them. Raises InvalidArgument at an early end."""
        while size:
            if self._at >= len(self._chunk) and not self._next():
                raise InvalidArgument("the archive is truncated inside a file")
            piece = memoryview(self._chunk)[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            yield piece

    def skip(self, size: int) -> None:
        """Drop size bytes. Raises InvalidArgument at an early end."""
        for _ in self.pieces(size):
            pass

    def drain(self) -> None:
        """Read to the end: a digest covers what follows the archive too."""
        while self._next():
            pass


def _number(raw: bytes) -> int:
    """Return an octal or base-256 header number."""
    if raw and raw[0] & 0x80:
        value = int.from_bytes(raw, "big", signed=False) & ((1 << (len(raw) * 8 - 1)) - 1)
        if raw[0] & 0x40:
            value -= 1 << (len(raw) * 8 - 1)
        if not -_MAX_NUMBER <= value <= _MAX_NUMBER:
            raise InvalidArgument("the archive's header holds a number of more than 64 bits")
        return value
    text = raw.strip(b" \0").split(b"\0")[0]
    if not text:
        return 0
    if not _OCTAL.fullmatch(text):
        raise InvalidArgument(f"the archive's header holds {shown(raw)} where a number belongs")
    return int(text, 8)


def _decimal(key: bytes, value: bytes) -> int:
    """Return the number of a pax record."""
    if not _DECIMAL.fullmatch(value) or not -_MAX_NUMBER <= (number := int(value)) <= _MAX_NUMBER:
        raise InvalidArgument(f"pax record {shown(key)} holds {shown(value, 40)}, which is no number of 64 bits")
    return number


def _text(raw: bytes) -> bytes:
    return raw.split(b"\0", 1)[0]


def _time_ns(raw: bytes) -> int:
    match = _TIME.fullmatch(raw)
    if match is None:
        raise InvalidArgument(f"a pax time is {shown(raw, 40)}")
    ns = abs(int(match[1])) * 1_000_000_000 + int((match[2] or b"0")[:9].ljust(9, b"0"))
    return -ns if raw.startswith(b"-") else ns


@dataclass(slots=True)
class _Pax:
    """The records of a pax header that matter here."""

    values: dict[bytes, bytes] = field(default_factory=dict)
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    sparse: dict[bytes, bytes] = field(default_factory=dict)
    runs: list[int] = field(default_factory=list)
    """Offsets and lengths in turn, as sparse format 0.0 has them: one record each."""


_VALUES: Final = frozenset((b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime", b"atime"))
_SPARSE_KEYS: Final = b"GNU.sparse."
_RUN_KEYS: Final = (b"offset", b"numbytes")


def _pax(data: bytes, budget: Budget) -> _Pax:
    """Read a pax header; of equal keys the last one counts."""
    found = _Pax()
    at = records = others = 0
    while at < len(data):
        if data[at] == 0:
            break
        space = data.find(b" ", at, at + 20)
        if space < 0 or not data[at:space].isdigit():
            raise InvalidArgument("a pax record has no length")
        end = at + int(data[at:space])
        if end > len(data) or end <= space or data[end - 1] != 10:
            raise InvalidArgument("a pax record has a wrong length")
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not equals:
            raise InvalidArgument("a pax record has no value")
        at = end
        records += 1
        if not records & 1023:
            budget.metadata(1024 * RECORD_BYTES)
        if key in _VALUES:
            if b"\0" in value:
                raise InvalidArgument(f"pax record {key.decode()} holds a NUL")
            found.values[key] = value
        elif key.startswith(_XATTR):
            if b"\0" in key:
                raise InvalidArgument("the name of an extended attribute holds a NUL")
            found.xattrs[key[len(_XATTR) :]] = value
            continue
        elif key.startswith(_SPARSE_KEYS):
            name = key[len(_SPARSE_KEYS) :]
            if name in _RUN_KEYS:
                if name != _RUN_KEYS[len(found.runs) & 1]:
                    raise InvalidArgument("a sparse map is out of order")
                budget.metadata(SEGMENT_BYTES // 2)
                found.runs.append(_decimal(key, value))
                continue
            found.sparse[name] = value
        others += 1
        if others > _FEW_RECORDS:
            budget.metadata(USELESS_RECORD_BYTES)
    budget.metadata((records & 1023) * RECORD_BYTES)
    return found


class _Numbers(NamedTuple):
    """The numbers of a header that every kind of entry has."""

    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    checksum: int

    @classmethod
    def usual(cls, header: bytes) -> _Numbers | None:
        """Return them where they are written as usual: all at once, since this is done for each file of an image."""
        found = _USUAL.match(header, 100)
        return None if found is None else cls(*[int(text, 8) for text in found.groups()])

    @classmethod
    def parse(cls, header: bytes) -> _Numbers:
        """Return them however they are written. Raises InvalidArgument."""
        ends = (100, 108, 116, 124, 136, 148, 156)
        return cls(*[_number(header[start:end]) for start, end in pairwise(ends)])


def _check(header: bytes, stored: int) -> None:
    # The sum of all bytes, with spaces where the checksum itself is. The lower half of adler32 is a sum of bytes, and 1, modulo a prime; and
    # takes a twentieth of the time of one in Python, for each file of an image.
    before = zlib.adler32(header[156:], zlib.adler32(header[:148]))
    if not ((before & 0xFFFF) - 1 + 8 * 32 - stored) % _ADLER:
        return
    blanked = header[:148] + b" " * 8 + header[156:]
    if stored != sum(b - 256 if b > 127 else b for b in blanked):
        raise InvalidArgument("the archive is damaged: a header's checksum is wrong")


class TarReader:
    """Iterates entries; read an entry's data from ``source`` before the next one."""

    def __init__(self, chunks: Iterator[bytes], budget: Budget | None = None) -> None:
        """budget is what the archive may take; without one, what is usual."""
        self.source = Source(chunks)
        self.budget = budget or Budget()
        self._left = 0  # data and padding of the current entry still in the stream
        self._padding = 0

    def data(self) -> Iterator[memoryview]:
        """Yield the current entry's data."""
        for piece in self.source.pieces(self._left - self._padding):
            self._left -= len(piece)
            yield piece

    def take(self, size: int) -> Iterator[memoryview]:
        """Yield the next size bytes of the current entry's data."""
        for piece in self.source.pieces(size):
            self._left -= len(piece)
            yield piece

    def __iter__(self) -> Iterator[Entry]:
        long_name = long_link = pax = None
        extended = 0
        while True:
            self.source.skip(self._left)
            self._left = self._padding = 0
            header = self.source.take(BLOCK)
            if not header or header == _ZERO:
                # One zero block ends most archives; two end all. What follows is for the digest only.
                self.source.drain()
                return
            if len(header) < BLOCK:
                raise InvalidArgument("the archive is truncated inside a header")
            numbers = _Numbers.usual(header)
            _check(header, numbers.checksum if numbers is not None else _number(header[148:156]))
            kind = header[156:157]
            size = numbers.size if numbers is not None else _number(header[124:136])
            if size < 0:
                raise InvalidArgument("an entry of the archive has a negative size")
            if kind in (_PAX, _GLOBAL, _LONG_NAME, _LONG_LINK):
                extended += 1
                if extended > _MAX_EXTENDED:
                    raise InvalidArgument(f"more than {_MAX_EXTENDED} extended headers stand before one entry")
                data = self._extended(size)
                if kind == _PAX:
                    pax = _pax(data, self.budget)
                elif kind == _LONG_NAME:
                    long_name = _text(data)
                elif kind == _LONG_LINK:
                    long_link = _text(data)
                continue
            entry = self._entry(header, kind, numbers or _Numbers.parse(header), long_name, long_link, pax)
            long_name = long_link = pax = None
            extended = 0
            yield entry

    def _extended(self, size: int) -> bytes:
        if size > _MAX_META_BYTES:
            raise InvalidArgument(f"an extended header of {size} bytes is larger than {_MAX_META_BYTES}")
        self.budget.metadata(size)
        data = self.source.take(size)
        if len(data) < size:
            raise InvalidArgument("the archive is truncated inside an extended header")
        self.source.skip(-size % BLOCK)
        return data

    def _entry(
        self,
        header: bytes,
        kind: bytes,
        numbers: _Numbers,
        long_name: bytes | None,
        long_link: bytes | None,
        pax: _Pax | None,
    ) -> Entry:
        name = _text(header[:100])
        if header[257:263] == b"ustar\0" and header[345]:
            name = _text(header[345:500]) + b"/" + name
        entry = Entry(
            name=name,
            type=REGULAR if kind in (b"\0", b"0", b"7") else kind,
            mode=numbers.mode & 0o7777,
            uid=numbers.uid,
            gid=numbers.gid,
            size=numbers.size,
            mtime_ns=numbers.mtime * 1_000_000_000,
            link=_text(header[157:257]),
            major=_device(header[329:337]) if kind in (CHARACTER, BLOCK_DEVICE) else 0,
            minor=_device(header[337:345]) if kind in (CHARACTER, BLOCK_DEVICE) else 0,
        )
        if pax is not None:
            self._apply_pax(entry, pax)
        # Where an archive has both, containerd takes GNU's long names.
        if long_name is not None:
            entry.name = long_name
        if long_link is not None:
            entry.link = long_link
        if entry.type in (HARDLINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO):
            entry.size = 0
        # What an old archiver wrote as a directory: a file whose name ends with a slash.
        if entry.type == REGULAR and entry.name.endswith(b"/"):
            if entry.size:
                raise InvalidArgument(f"{shown(entry.name)} is a directory by its name, and has {entry.size} bytes of data")
            entry.type = DIRECTORY
        self._left = entry.size + (-entry.size % BLOCK)
        self._padding = -entry.size % BLOCK
        entry.real_size = entry.size
        if entry.type == _SPARSE:
            entry.type = REGULAR
            self._old_sparse(entry, header)
        elif pax is not None and (pax.sparse or pax.runs):
            self._pax_sparse(entry, pax)
        self._count(entry)
        return entry

    def _count(self, entry: Entry) -> None:
        """Take what an entry needs from the budget: whoever keeps it, keeps about this."""
        for what, name in (("name", entry.name), ("link", entry.link)):
            if len(name) > _MAX_NAME_BYTES:
                raise InvalidArgument(f"an entry's {what} has {len(name)} bytes; a path has {_MAX_NAME_BYTES} at most")
        kept = ENTRY_BYTES + len(entry.name) + PART_BYTES * entry.name.count(b"/") + len(entry.link)
        for key, value in entry.xattrs.items():
            kept += len(key) + len(value)
        self.budget.metadata(kept)
        self.budget.entry(entry.real_size if entry.type == REGULAR else 0)

    @staticmethod
    def _apply_pax(entry: Entry, pax: _Pax) -> None:
        for key, value in pax.values.items():
            if not value:
                continue  # an empty record: what the header itself says counts
            if key == b"path":
                entry.name = value
            elif key == b"linkpath":
                entry.link = value
            elif key == b"size":
                entry.size = _decimal(key, value)
            elif key == b"uid":
                entry.uid = _decimal(key, value)
            elif key == b"gid":
                entry.gid = _decimal(key, value)
            elif key == b"mtime":
                entry.mtime_ns = _time_ns(value)
            elif key == b"atime":
                entry.atime_ns = _time_ns(value)
        entry.xattrs = pax.xattrs
        if entry.size < 0:
            raise InvalidArgument("an entry of the archive has a negative size")

    def _old_sparse(self, entry: Entry, header: bytes) -> None:
        entry.real_size = _number(header[483:495])
        numbers: list[int] = []
        raw, more, read = header[386:482], header[482], 0
        while True:
            self.budget.metadata(len(raw) // 24 * SEGMENT_BYTES)
            for i in range(0, len(raw) - 23, 24):
                if not raw[i]:
                    break  # the rest of the block is unused
                numbers += (_number(raw[i : i + 12]), _number(raw[i + 12 : i + 24]))
            if not more:
                break
            read += BLOCK
            extra = self.source.take(BLOCK)
            if len(extra) < BLOCK or read > _MAX_META_BYTES:
                raise InvalidArgument("the archive is truncated inside a sparse map, or the map has no end")
            raw, more = extra[:504], extra[504]
        self._set_segments(entry, numbers)

    def _pax_sparse(self, entry: Entry, pax: _Pax) -> None:
        said = pax.sparse
        version = (said.get(b"major", b""), said.get(b"minor", b""))
        if version == (b"1", b"0"):
            numbers = None
        elif version not in ((b"", b""), (b"0", b"0"), (b"0", b"1")):
            raise InvalidArgument(f"sparse files of version {shown(b'.'.join(version), 20)} are not known here")
        elif b"map" in said:
            text = said[b"map"]
            self.budget.metadata((text.count(b",") + 1) * SEGMENT_BYTES // 2)
            numbers = [_decimal(b"GNU.sparse.map", part) for part in text.split(b",")] if text else []
        elif pax.runs:
            numbers = pax.runs
        elif version == (b"", b""):
            return  # it only has a word for its name or size
        else:
            numbers = []
        if entry.type != REGULAR:
            raise InvalidArgument(f"{shown(entry.name)} is a sparse file, and none by its type")
        if said.get(b"name"):
            entry.name = said[b"name"]
            if b"\0" in entry.name:
                raise InvalidArgument("pax record GNU.sparse.name holds a NUL")
        size = said.get(b"realsize") or said.get(b"size")
        if size:
            entry.real_size = _decimal(b"GNU.sparse.realsize", size)
        self._set_segments(entry, self._map_1_0() if numbers is None else numbers)

    def _map_1_0(self) -> list[int]:
        """Read the map that comes before the data: decimal numbers, one a line, padded to a block."""
        numbers: list[int] = []
        wanted = 1
        rest, read = b"", 0
        while len(numbers) < wanted:
            data = self.source.take(BLOCK)
            read += BLOCK
            if len(data) < BLOCK or read > _MAX_META_BYTES or self._left < BLOCK:
                raise InvalidArgument("the archive is truncated inside a sparse map, or the map has no end")
            self._left -= BLOCK
            *lines, rest = (rest + data).split(b"\n")
            self.budget.metadata(len(lines) * SEGMENT_BYTES // 2)
            for line in lines:
                numbers.append(_decimal(b"GNU.sparse.map", line))
                if len(numbers) == 1:
                    # A number and the end of its line are two bytes at least.
                    if not 0 <= numbers[0] <= _MAX_META_BYTES // 4:
                        raise InvalidArgument(f"a sparse map of {numbers[0]} runs is larger than {_MAX_META_BYTES} bytes")
                    wanted = 1 + 2 * numbers[0]
                if len(numbers) >= wanted:
                    break
            else:
                if len(rest) > _MAX_DIGITS:
                    raise InvalidArgument("a sparse map holds no numbers")
        return numbers[1:]

    def _set_segments(self, entry: Entry, numbers: list[int]) -> None:
        """Check a map, given as offsets and lengths in turn, and give it to its entry."""
        if len(numbers) % 2:
            raise InvalidArgument("a sparse map is incomplete")
        if not 0 <= entry.real_size <= _MAX_NUMBER:
            raise InvalidArgument("a sparse file has a negative size")
        segments: list[tuple[int, int]] = []
        at = total = 0
        for i in range(0, len(numbers), 2):
            offset, length = numbers[i], numbers[i + 1]
            if offset < at or length < 0 or offset + length > entry.real_size:
                raise InvalidArgument("a sparse map is out of order")
            at = offset + length
            total += length
            if length:
                segments.append((offset, length))
        if total != self._left - self._padding:
            raise InvalidArgument("a sparse map does not match its data")
        entry.segments = segments


def _device(raw: bytes) -> int:
    number = _number(raw)
    if not 0 <= number < 1 << 32:
        raise InvalidArgument(f"an entry of the archive has the device number {number}")
    return number
