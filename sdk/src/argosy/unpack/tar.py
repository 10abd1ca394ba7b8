"""Reading tar: ustar, GNU and pax, from a stream of chunks; no seeking, no trust.

Pax global headers are ignored, as containerd does. Sparse files (GNU ``S``, pax 0.0, 0.1 and 1.0) are given as
segments. Raises InvalidArgument for anything that is not tar.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from argosy.errors import InvalidArgument

BLOCK: Final = 512
_ZERO: Final = b"\0" * BLOCK
# Names and pax records longer than this are nobody's honest archive.
_MAX_META_BYTES: Final = 1 << 20

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
        return value
    text = raw.strip(b" \0")
    if not text:
        return 0
    try:
        return int(text.split(b"\0")[0], 8)
    except ValueError:
        raise InvalidArgument(f"the archive's header holds {raw!r} where a number belongs") from None


def _text(raw: bytes) -> bytes:
    return raw.split(b"\0", 1)[0]


def _time_ns(raw: bytes) -> int:
    whole, _, fraction = raw.partition(b".")
    try:
        ns = abs(int(whole)) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0") or b"0")
    except ValueError:
        raise InvalidArgument(f"a pax time is {raw!r}") from None
    return -ns if raw.startswith(b"-") else ns


def _records(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the records of a pax header, in order."""
    found: list[tuple[bytes, bytes]] = []
    p = 0
    while p < len(data):
        if data[p] == 0:
            break
        space = data.find(b" ", p, p + 20)
        if space < 0 or not data[p:space].isdigit():
            raise InvalidArgument("a pax record has no length")
        end = p + int(data[p:space])
        if end > len(data) or end <= space or data[end - 1] != 10:
            raise InvalidArgument("a pax record has a wrong length")
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not equals:
            raise InvalidArgument("a pax record has no value")
        found.append((key, value))
        p = end
    return found


def _check(header: bytes) -> None:
    stored = _number(header[148:156])
    blanked = header[:148] + b" " * 8 + header[156:]
    unsigned = sum(blanked)
    if stored == unsigned:
        return
    if stored != sum(b - 256 if b > 127 else b for b in blanked):
        raise InvalidArgument("the archive is damaged: a header's checksum is wrong")


class TarReader:
    """Iterates entries; read an entry's data from ``source`` before the next one."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.source = Source(chunks)
        self._left = 0  # data and padding of the current entry still in the stream
        self._padding = 0

    def data(self, entry: Entry) -> Iterator[memoryview]:
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
        long_name = long_link = None
        pax: list[tuple[bytes, bytes]] = []
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
            _check(header)
            kind = header[156:157]
            size = _number(header[124:136])
            if size < 0:
                raise InvalidArgument("an entry of the archive has a negative size")
            if kind in (_PAX, _GLOBAL, _LONG_NAME, _LONG_LINK):
                if size > _MAX_META_BYTES:
                    raise InvalidArgument(f"an extended header of {size} bytes is larger than {_MAX_META_BYTES}")
                data = self.source.take(size)
                if len(data) < size:
                    raise InvalidArgument("the archive is truncated inside an extended header")
                self.source.skip(-size % BLOCK)
                if kind == _PAX:
                    pax = _records(data)
                elif kind == _LONG_NAME:
                    long_name = _text(data)
                elif kind == _LONG_LINK:
                    long_link = _text(data)
                continue
            entry = self._entry(header, kind, size, long_name, long_link, pax)
            long_name = long_link = None
            pax = []
            yield entry

    def _entry(
        self,
        header: bytes,
        kind: bytes,
        size: int,
        long_name: bytes | None,
        long_link: bytes | None,
        pax: list[tuple[bytes, bytes]],
    ) -> Entry:
        name = _text(header[:100])
        if header[257:263] == b"ustar\0" and header[345]:
            name = _text(header[345:500]) + b"/" + name
        entry = Entry(
            name=long_name if long_name is not None else name,
            type=REGULAR if kind in (b"\0", b"0", b"7") else kind,
            mode=_number(header[100:108]) & 0o7777,
            uid=_number(header[108:116]),
            gid=_number(header[116:124]),
            size=size,
            mtime_ns=_number(header[136:148]) * 1_000_000_000,
            link=long_link if long_link is not None else _text(header[157:257]),
            major=_number(header[329:337]) if kind in (CHARACTER, BLOCK_DEVICE) else 0,
            minor=_number(header[337:345]) if kind in (CHARACTER, BLOCK_DEVICE) else 0,
        )
        sparse = self._apply_pax(entry, pax)
        if entry.type not in (REGULAR, _SPARSE):
            entry.size = 0 if entry.type in (HARDLINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO) else entry.size
        # What an old archiver wrote as a directory: a file whose name ends with a slash.
        if entry.type == REGULAR and entry.name.endswith(b"/"):
            entry.type, entry.size = DIRECTORY, 0
        self._left = entry.size + (-entry.size % BLOCK)
        self._padding = -entry.size % BLOCK
        entry.real_size = entry.size
        if entry.type == _SPARSE:
            self._old_sparse(entry, header)
        elif sparse:
            self._pax_sparse(entry, sparse)
        return entry

    @staticmethod
    def _apply_pax(entry: Entry, pax: list[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
        sparse: dict[bytes, list[bytes]] = {}
        for key, value in pax:
            try:
                if key == b"path":
                    entry.name = value
                elif key == b"linkpath":
                    entry.link = value
                elif key == b"size":
                    entry.size = int(value)
                elif key == b"uid":
                    entry.uid = int(value)
                elif key == b"gid":
                    entry.gid = int(value)
                elif key == b"mtime":
                    entry.mtime_ns = _time_ns(value)
                elif key == b"atime":
                    entry.atime_ns = _time_ns(value)
                elif key.startswith(_XATTR):
                    entry.xattrs[key[len(_XATTR) :]] = value
                elif key.startswith(b"GNU.sparse."):
                    sparse.setdefault(key[len(b"GNU.sparse.") :], []).append(value)
            except ValueError:
                raise InvalidArgument(f"pax record {key.decode('latin1')} holds {value!r}") from None
        if entry.size < 0:
            raise InvalidArgument("an entry of the archive has a negative size")
        return sparse

    def _old_sparse(self, entry: Entry, header: bytes) -> None:
        entry.type = REGULAR
        entry.real_size = _number(header[483:495])
        segments: list[tuple[int, int]] = []
        raw, more = header[386:482], header[482]
        while True:
            for i in range(0, len(raw) - 23, 24):
                offset, length = _number(raw[i : i + 12]), _number(raw[i + 12 : i + 24])
                if raw[i : i + 12].strip(b"\0 ") and (length or offset):
                    segments.append((offset, length))
            if not more:
                break
            extra = self.source.take(BLOCK)
            if len(extra) < BLOCK:
                raise InvalidArgument("the archive is truncated inside a sparse map")
            raw, more = extra[:504], extra[504]
        entry.segments = self._checked(entry, segments)

    def _pax_sparse(self, entry: Entry, sparse: dict[bytes, list[bytes]]) -> None:
        try:
            if b"name" in sparse:
                entry.name = sparse[b"name"][0]
            size = sparse.get(b"realsize") or sparse.get(b"size")
            if size:
                entry.real_size = int(size[0])
            if sparse.get(b"major") == [b"1"]:
                numbers = self._map_1_0()
            elif b"map" in sparse:
                numbers = [int(x) for x in sparse[b"map"][0].split(b",") if x]
            else:
                offsets, lengths = sparse.get(b"offset", []), sparse.get(b"numbytes", [])
                numbers = [int(x) for pair in zip(offsets, lengths, strict=True) for x in pair]
        except ValueError:
            raise InvalidArgument("a sparse map holds no numbers") from None
        if len(numbers) % 2:
            raise InvalidArgument("a sparse map is incomplete")
        entry.segments = self._checked(entry, list(zip(numbers[::2], numbers[1::2], strict=True)))

    def _map_1_0(self) -> list[int]:
        """Read the map that comes before the data: decimal numbers, one a line, padded to a block."""
        text = b""

        def line(n: int) -> bool:
            return text.count(b"\n") > n

        def block() -> None:
            nonlocal text
            data = self.source.take(BLOCK)
            if len(data) < BLOCK or len(text) > _MAX_META_BYTES:
                raise InvalidArgument("the archive is truncated inside a sparse map")
            self._left -= BLOCK
            text += data

        block()
        while not line(0):
            block()
        count = int(text.split(b"\n", 1)[0])
        while not line(2 * count):
            block()
        return [int(x) for x in text.split(b"\n")[1 : 2 * count + 1]]

    def _checked(self, entry: Entry, segments: list[tuple[int, int]]) -> list[tuple[int, int]]:
        at = total = 0
        for offset, length in segments:
            if offset < at or length < 0 or offset + length > entry.real_size:
                raise InvalidArgument("a sparse map is out of order")
            at = offset + length
            total += length
        if total != self._left - self._padding:
            raise InvalidArgument("a sparse map does not match its data")
        return segments
