"""What the body of an HTTP answer is before its content codings: gzip, deflate and zstd, undone a bounded piece at a time."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from argosy.errors import DataLoss
from argosy.shown import plain

_OUT: Final = 1 << 20
# A block of zstd is three bytes at least and holds 128 KiB at most (RFC 8878, 3.1.1): so much at once becomes no more than 3 MiB.
_ZSTD_IN: Final = 64
# What the coding may use at most (RFC 9659).
_ZSTD_WINDOW: Final = 8 << 20
_MOST: Final = 4
_SHOWN: Final = 60

Step = Callable[[bytes], Iterator[bytes]]


class Decoder:
    """Undoes an answer's codings, the last one first. Make it with ``decoder``."""

    def __init__(self, codings: list[str], what: str) -> None:
        self._what = what
        self._steps = [_STEPS[one]() for one in reversed(codings)]

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes become, at most some MiB at a time. Raises DataLoss for what is not so coded."""
        yield from self._through(0, data)

    def _through(self, n: int, data: bytes) -> Iterator[bytes]:
        if n == len(self._steps):
            if data:
                yield data
            return
        try:
            for piece in self._steps[n].undo(data):
                yield from self._through(n + 1, piece)
        except _Broken as error:
            raise DataLoss(f"{self._what}: the server sends it in a coding that is broken: {error}") from None

    def end(self) -> None:
        """Raises DataLoss when more should have come."""
        if not all(step.ended for step in self._steps):
            raise DataLoss(f"{self._what}: what the server sends in a coding ends in the middle")


class _Broken(Exception):
    """Raised for bytes that are not in the coding that an answer names."""


class _Zlib:
    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._inner = zlib.decompressobj(wbits=wbits)
        self._begun = False

    @property
    def ended(self) -> bool:
        return self._inner.eof or not self._begun

    def undo(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                if self._inner.eof:
                    if self._wbits != 31 or not data.strip(b"\0"):
                        return  # what follows the end belongs to nothing
                    self._inner = zlib.decompressobj(wbits=self._wbits)  # gzip files may follow each other
                if not self._begun and self._wbits == zlib.MAX_WBITS and data[0] & 0x0F != 8:
                    self._inner = zlib.decompressobj(
                        wbits=-zlib.MAX_WBITS
                    )  # "deflate" without zlib's head, as some write it
                self._begun = True
                out = self._inner.decompress(data, _OUT)
                while out:
                    yield out
                    out = self._inner.decompress(self._inner.unconsumed_tail, _OUT) if self._inner.unconsumed_tail else b""
                data = self._inner.unused_data if self._inner.eof else b""
        except zlib.error as error:
            raise _Broken(str(error)) from None


class _Zstd:
    def __init__(self) -> None:
        import zstandard

        self._error: type[Exception] = zstandard.ZstdError
        self._make: Callable[[], Any] = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj
        self._inner: Any = None

    @property
    def ended(self) -> bool:
        return self._inner is None or self._inner.eof

    def undo(self, data: bytes) -> Iterator[bytes]:
        try:
            for at in range(0, len(data), _ZSTD_IN):
                rest = data[at : at + _ZSTD_IN]
                while rest:
                    if self._inner is None or self._inner.eof:
                        self._inner = self._make()
                    out = self._inner.decompress(rest)
                    rest = self._inner.unused_data if self._inner.eof else b""
                    if out:
                        yield out
        except self._error as error:
            raise _Broken(str(error)) from None


_STEPS: Final[dict[str, Callable[[], Any]]] = {
    "gzip": lambda: _Zlib(31),
    "x-gzip": lambda: _Zlib(31),
    "deflate": lambda: _Zlib(zlib.MAX_WBITS),
    "zstd": _Zstd,
}


def decoder(header: str, what: str) -> Decoder | None:
    """Return what undoes the codings of a Content-Encoding header; None for none. Raises DataLoss for one that is not known here."""
    named = [one.strip().lower() for one in header.split(",")]
    codings = [one for one in named if one and one != "identity"]
    for one in codings:
        if one not in _STEPS or len(codings) > _MOST:
            raise DataLoss(
                f'{what}: the server sends it encoded as "{plain(header, _SHOWN)}", which is not known here, and was asked for it as it is'
            )
    return Decoder(codings, what) if codings else None
