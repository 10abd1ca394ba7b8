"""The primitives that generated codecs are built from: varints, skipping, map entries, strict errors."""

from __future__ import annotations

import struct
from typing import Any, Final

from ._error import DecodeError as DecodeError

_BYTES: Final = [bytes((i,)) for i in range(256)]
# Every varint below 2**14 as bytes: tags, lengths and most numbers are table look-ups.
VI: Final[list[bytes]] = _BYTES[:128] + [low + high for high in _BYTES[1:128] for low in _BYTES[128:]]
_U64: Final = (1 << 64) - 1
# Google's parsers stop at 100 nested groups; so do we, before Python's own stack does.
_MAX_GROUP_DEPTH: Final = 100
_DOUBLE: Final = struct.Struct("<d")


def vi(n: int) -> bytes:
    """Return the varint of an unsigned 64-bit number. Raises ValueError outside that range."""
    if 0 <= n < 16384:
        return VI[n]
    if n < 0 or n > _U64:
        raise ValueError(f"{n} does not fit an unsigned 64-bit field")
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def vs(n: int) -> bytes:
    """Return the varint of a signed 64-bit number, two's complement. Raises ValueError outside that range."""
    if 0 <= n < 16384:
        return VI[n]
    if not -(1 << 63) <= n < 1 << 63:
        raise ValueError(f"{n} does not fit a signed 64-bit field")
    return vi(n & _U64)


def vs32(n: int) -> bytes:
    """Return the varint of a signed 32-bit number. Raises ValueError outside that range."""
    if 0 <= n < 16384:
        return VI[n]
    if not -(1 << 31) <= n < 1 << 31:
        raise ValueError(f"{n} does not fit a signed 32-bit field")
    return vi(n & _U64)


def vu32(n: int) -> bytes:
    """Return the varint of an unsigned 32-bit number. Raises ValueError outside that range."""
    if 0 <= n < 16384:
        return VI[n]
    if n < 0 or n >= 1 << 32:
        raise ValueError(f"{n} does not fit an unsigned 32-bit field")
    return vi(n)


def rv(b: bytes, p: int) -> tuple[int, int]:
    """Read a varint at p. Returns (value masked to 64 bits, next position). Raises DecodeError or IndexError."""
    x = b[p]
    p += 1
    if x < 128:
        return x, p
    r = x & 127
    s = 7
    while True:
        x = b[p]
        p += 1
        r |= (x & 127) << s
        if x < 128:
            if s == 63 and x > 1:
                raise DecodeError("a varint is longer than 64 bits")
            return r & _U64, p
        s += 7
        if s > 63:
            raise DecodeError("a varint is longer than 10 bytes")


def s32(v: int) -> int:
    """Return the low 32 bits of v as a signed number, as every protobuf parser does."""
    v &= 0xFFFFFFFF
    return v - (1 << 32) if v >> 31 else v


def s64(v: int) -> int:
    """Return a 64-bit pattern as a signed number."""
    return v - (1 << 64) if v >> 63 else v


def double_at(b: bytes, p: int, n: int) -> float:
    """Return the little-endian double at p. Raises DecodeError when it would pass n."""
    if p + 8 > n:
        raise DecodeError("truncated: a double needs 8 bytes")
    value: float = _DOUBLE.unpack_from(b, p)[0]
    return value


def pack_double(v: float) -> bytes:
    """Return a double as 8 little-endian bytes."""
    return _DOUBLE.pack(v)


def skip(b: bytes, p: int, t: int, n: int, depth: int = 0) -> int:
    """Return the position after the value of tag t, which starts at p and must end by n."""
    w = t & 7
    if t >> 3 == 0 or t > 0xFFFFFFFF:
        raise DecodeError(f"field number {t >> 3} is not legal")
    if w == 0:
        p = rv(b, p)[1]
    elif w == 2:
        size, p = rv(b, p)
        p += size
    elif w == 1:
        p += 8
    elif w == 5:
        p += 4
    elif w == 3:
        if depth >= _MAX_GROUP_DEPTH:
            raise DecodeError("groups are nested too deep")
        while True:
            if p >= n:
                raise DecodeError("truncated: a group has no end")
            u, p = rv(b, p)
            if u & 7 == 4:
                if u >> 3 != t >> 3:
                    raise DecodeError(f"group {t >> 3} is ended by {u >> 3}")
                break
            p = skip(b, p, u, n, depth + 1)
    else:
        raise DecodeError(f"wire type {w} of field {t >> 3} is not legal here")
    if p > n:
        raise DecodeError(f"truncated: field {t >> 3} passes the end of its message")
    return p


def unknown(m: Any, b: bytes, p: int, t: int, n: int, known: frozenset[int]) -> int:
    """Keep a field that m's class does not know, so that it is encoded again. A known number here is a type error."""
    if t >> 3 in known:
        raise DecodeError(f"{type(m).__name__}: field {t >> 3} has wire type {t & 7}, which is not its own")
    q = skip(b, p, t, n)
    kept = m._unknown_fields
    if len(kept) > 4096:
        # Bytes would be copied with each field of very many.
        if type(kept) is bytes:
            kept = m._unknown_fields = bytearray(kept)
        kept += vi(t)
        kept += b[p:q]
    else:
        m._unknown_fields = kept + vi(t) + b[p:q]
    return q


def past_end(m: Any, what: str) -> DecodeError:
    """Return the error for a field that runs past the end of its message."""
    return DecodeError(f"{type(m).__name__}: truncated in {what}")


def text(b: bytes, p: int, q: int) -> str:
    """Return b[p:q] as text. Raises DecodeError when it is not UTF-8."""
    try:
        return b[p:q].decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"a string is not UTF-8: {error.reason}") from None


def entry(b: bytes, p: int, n: int) -> tuple[str, list[tuple[int, int]]]:
    """Read one map entry with a string key. Returns the key and the ranges of its value (several are merged)."""
    key = ""
    ranges: list[tuple[int, int]] = []
    while p < n:
        t, p = rv(b, p)
        if t == 10 or t == 18:
            size, p = rv(b, p)
            q = p + size
            if q > n:
                raise DecodeError("truncated in a map entry")
            if t == 10:
                key = text(b, p, q)
            else:
                ranges.append((p, q))
            p = q
        elif t >> 3 in (1, 2):
            raise DecodeError(f"a map entry's field {t >> 3} has wire type {t & 7}, which is not its own")
        else:
            p = skip(b, p, t, n)
    if p != n:
        raise DecodeError("truncated in a map entry")
    return key, ranges
