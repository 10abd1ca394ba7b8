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


def _unzstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content of all frames of a zstd stream. Raises InvalidArgument for damage and truncation."""
    make: Callable[[], Any] = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj
    stream = make()
    begun = False
    try:
        for chunk in chunks:
            data: bytes = chunk
            while data:
                if begun and stream.eof:
                    stream = make()
                begun = True
                out = stream.decompress(data)
                if out:
                    yield out
                data = stream.unused_data if stream.eof else b""
    except zstandard.ZstdError as error:
        raise InvalidArgument(f"the layer's zstd stream is damaged: {error}") from error
    if begun and not stream.eof:
        raise InvalidArgument("the layer's zstd stream is truncated")


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
