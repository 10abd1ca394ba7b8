"""Instants as the wire has them: seconds and nanoseconds, nothing rounded."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Final

from argosy_protos.google.protobuf import Timestamp

from argosy.errors import InvalidArgument

NANOS: Final = 1_000_000_000
# What 64 bits hold of nanoseconds: from the year 1677 to 2262.
EARLIEST_NS, LATEST_NS = -(1 << 63), (1 << 63) - 1
_RFC3339: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)")


def now_ns() -> int:
    """Return nanoseconds since the epoch."""
    return time.time_ns()


def to_wire(ns: int) -> Timestamp:
    """Return a Timestamp for nanoseconds since the epoch (negative ones lie before it)."""
    seconds, nanos = divmod(ns, NANOS)
    return Timestamp(seconds=seconds, nanos=nanos)


def from_wire(stamp: Timestamp | None) -> int | None:
    """Return nanoseconds since the epoch, or None where the wire said nothing.

    What 64 bits do not hold becomes the first or last instant that they do: Go's zero time is in the year 1, and peers lie.
    """
    if stamp is None:
        return None
    return max(EARLIEST_NS, min(LATEST_NS, stamp.seconds * NANOS + stamp.nanos))


def format_rfc3339(ns: int) -> str:
    """Return the instant as Go's RFC3339Nano writes it, in UTC: trailing zeros of the fraction are dropped."""
    seconds, nanos = divmod(ns, NANOS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
    return f"{text}{fraction}Z"


def parse_rfc3339(text: str) -> int:
    """Return nanoseconds since the epoch. Raises InvalidArgument when text is not RFC 3339."""
    match = _RFC3339.fullmatch(text.strip())
    if not match:
        raise InvalidArgument(f'"{text}" is not an RFC 3339 time')
    day, clock, fraction, zone = match.groups()
    try:
        whole = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError:
        raise InvalidArgument(f'"{text}" is not an RFC 3339 time') from None
    return int(whole.timestamp()) * NANOS + int((fraction or "").ljust(9, "0")[:9])
