"""Decompression by magic number: gzip, zstd, or nothing; a pull stream of chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Any, Final

import zstandard
from isal import isal_zlib

from argosy.errors import InvalidArgument

_READ: Final = 256 << 10
_OUT: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b\x08"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"


def kind_of(head: bytes) -> str:
    """Return "gzip", "zstd" or "" for the first bytes of a stream (zstd may begin with a skippable frame)."""
    if head.startswith(_GZIP):
        return "gzip"
    if head.startswith(_ZSTD) or (len(head) >= 4 and 0x184D2A50 <= int.from_bytes(head[:4], "little") <= 0x184D2A5F):
        return "zstd"
    return ""


def _gunzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content of all members of a gzip stream. Raises InvalidArgument for damage and truncation."""
    stream: Any = isal_zlib.decompressobj(wbits=31)
    fresh = True
    try:
        for chunk in chunks:
            data: bytes = chunk
            while data:
                if stream.eof:
                    if not data.strip(b"\0"):
                        data = b""
                        break
                    stream, fresh = isal_zlib.decompressobj(wbits=31), True
                fresh = False
                out = stream.decompress(data, _OUT)
                while out:
                    yield out
                    # A little input may hold much output: it comes in pieces that memory has room for.
                    out = b"" if stream.eof or len(out) < _OUT else stream.decompress(stream.unconsumed_tail, _OUT)
                data = stream.unused_data if stream.eof else stream.unconsumed_tail
    except isal_zlib.error as error:  # type: ignore[misc] # isal has no types
        raise InvalidArgument(f"the layer's gzip stream is damaged: {error}") from error
    if not stream.eof and not fresh:
        raise InvalidArgument("the layer's gzip stream is truncated")


def _blocks(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Cut a zstd stream behind its blocks: yield pieces that hold one each at most, with whether a frame ends there.

    A block holds 128 KiB at most, and may be three bytes long: only so is the output of a step bounded (RFC 8878, 3.1.1).
    """
    data = bytearray()

    def have(size: int) -> bool:
        while len(data) < size:
            chunk = next(chunks, None)
            if chunk is None:
                return False
            data.extend(chunk)
        return True

    def take(size: int) -> bytes:
        if not have(size):
            raise InvalidArgument("the layer's zstd stream is truncated")
        piece = bytes(data[:size])
        del data[:size]
        return piece

    while have(1):
        magic = int.from_bytes(take(4), "little")
        if 0x184D2A50 <= magic <= 0x184D2A5F:
            left = int.from_bytes(take(4), "little")
            while left:
                left -= len(take(min(left, _READ)))
            continue
        if magic != 0xFD2FB528:
            raise InvalidArgument("the layer's zstd stream is damaged: what follows a frame is no frame")
        flags = take(1)
        single, checksum = flags[0] & 0x20, flags[0] & 4
        size = (0 if single else 1) + (0, 1, 2, 4)[flags[0] & 3] + ((1 if single else 0), 2, 4, 8)[flags[0] >> 6]
        yield _ZSTD + flags + take(size), False
        last = False
        while not last:
            head = take(3)
            value = int.from_bytes(head, "little")
            last = bool(value & 1)
            body = take(1 if value >> 1 & 3 == 1 else value >> 3)
            yield head + body + (take(4) if last and checksum else b""), last


def _unzstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content of all frames of a zstd stream. Raises InvalidArgument for damage and truncation."""
    make: Callable[[], Any] = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj
    stream: Any = None
    try:
        for piece, last in _blocks(chunks):
            stream = stream or make()
            out = stream.decompress(piece)
            if out:
                yield out
            if last:
                if not stream.eof:
                    raise InvalidArgument("the layer's zstd stream is damaged: a frame goes on behind its last block")
                stream = None
    except zstandard.ZstdError as error:
        raise InvalidArgument(f"the layer's zstd stream is damaged: {error}") from error


def inflate(source: IO[bytes]) -> Iterator[bytes]:
    """Yield the decompressed bytes of source, whatever it is compressed with."""

    def chunks(head: bytes) -> Iterator[bytes]:
        if head:
            yield head
        while data := source.read(_READ):
            yield data

    head = source.read(_READ)
    # A pipe may give less than the magic number at once.
    while 0 < len(head) < 4 and (more := source.read(_READ)):
        head += more
    kind = kind_of(head)
    if kind == "gzip":
        return _gunzip(chunks(head))
    if kind == "zstd":
        return _unzstd(chunks(head))
    return chunks(head)
