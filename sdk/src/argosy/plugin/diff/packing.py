"""A layer's tar as it is stored: compressed, or not at all, or as an EROFS image."""

from __future__ import annotations

import hashlib
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

import zstandard

from argosy.errors import ResourceExhausted, Unimplemented
from argosy.oci.layers import EROFS, TAR, is_erofs
from argosy.unpack.content import content
from argosy.unpack.limits import Budget

SUPPORTED: Final = (TAR, TAR + "+gzip", TAR + "+zstd", EROFS, EROFS + "+zstd")
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
    """Raises Unimplemented for a media type that no tar is written in."""
    if media_type == TAR:
        return _Plain()
    if media_type == TAR + "+gzip":
        return zlib.compressobj(6, zlib.DEFLATED, 31)
    if media_type == TAR + "+zstd":
        return zstandard.ZstdCompressor(level=3).compressobj()
    raise Unimplemented(f"unsupported diff media type: {media_type}; use one of {', '.join(SUPPORTED)}")


@dataclass(frozen=True, slots=True)
class Compared:
    """The layer that was written: its digest and size as it is stored, and the digest of what is compressed in it, its tar or its image."""

    digest: str
    size: int
    uncompressed: str


class LayerWriter:
    """Writes bytes through a compressor, hashing both sides. Raises ResourceExhausted beyond most bytes (0: none)."""

    def __init__(self, out: IO[bytes], media_type: str, most: int = 0) -> None:
        self._most, self._taken, self._refused = most, 0, False
        self._out = out
        self._compressor = compressor(media_type)
        self.uncompressed = hashlib.sha256()
        self.compressed = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._taken += len(data)
        if self._refused:
            return len(data)  # a tar that is given up writes its end when it is collected
        if self._most and self._taken > self._most:
            self._refused = True
            raise ResourceExhausted(
                f"the layer is refused: it is larger than {self._most} bytes; if it shall be, raise max_bytes under [layers] in "
                "the configuration"
            )
        self.uncompressed.update(data)
        self._emit(self._compressor.compress(data))
        return len(data)

    def _emit(self, data: bytes) -> None:
        if data:
            self.compressed.update(data)
            self.size += len(data)
            with memoryview(data) as left:
                done = 0
                while done < len(left):
                    done += self._out.write(left[done:])

    def finish(self) -> Compared:
        """Write what the compressor held back; return what was written."""
        self._emit(self._compressor.flush())
        return Compared(f"sha256:{self.compressed.hexdigest()}", self.size, f"sha256:{self.uncompressed.hexdigest()}")


def pack(
    chunks: Iterator[bytes], out: IO[bytes], media_type: str, scratch: str | Path, *, most: int = 0, budget: Budget | None = None,
    packed: bool = False,
) -> Compared:  # fmt: skip
    """Write a layer's tar to out in a type of ``SUPPORTED``. Blocks. packed: the chunks are an EROFS image already, where the type asks for one.

    An image is made in an unnamed file in scratch, a directory, first. most is the limit of what is compressed, in bytes, 0 for none.
    Raises Unimplemented for another type, and for an image InvalidArgument for what is no tar, FailedPrecondition for a layer that links to
    files of others, ResourceExhausted, OSError.
    """
    writer = LayerWriter(out, media_type.replace(EROFS, TAR), most)
    if packed or not is_erofs(media_type):
        for data in chunks:
            writer.write(data)
        return writer.finish()
    from argosy.erofs.packed import write_image  # who makes none needs none of it

    with tempfile.TemporaryFile(dir=scratch) as image:
        write_image(image.fileno(), chunks, budget)
        while data := image.read(_CHUNK):
            writer.write(data)
    return writer.finish()


def repack(
    inflated: Iterator[bytes], layer_type: str, out: IO[bytes], media_type: str, scratch: str | Path, budget: Budget, *, most: int = 0,
    blob: IO[bytes] | None = None,
) -> tuple[Compared, str]:  # fmt: skip
    """Write a layer, given inflated, in another type to out, as ``pack`` does; return it, and the digest of what was in it.

    What is an EROFS image and stays one stays the same one. blob is the layer itself, where it is a whole file.
    """
    packed = is_erofs(layer_type) and is_erofs(media_type)
    held = content(inflated, TAR if packed else layer_type, budget, blob)
    made = pack(iter(held), out, media_type, scratch, most=most, budget=budget, packed=packed)
    return made, held.digest
