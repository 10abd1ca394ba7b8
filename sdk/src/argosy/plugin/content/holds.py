"""The refs that are being written right now, each with its writer and since when."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from argosy.errors import Locked


@dataclass(frozen=True, slots=True)
class Hold:
    """One open writer."""

    ref: str
    holder: str
    since: float
    """Seconds since the epoch."""


class Holds:
    """At most one writer a ref. A short hold is contention, a long one a leak; the error says how long."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._holds: dict[str, Hold] = {}

    def acquire(self, ref: str, holder: str) -> Hold:
        """Take ref. Raises Locked at once when it is taken."""
        held = self._holds.get(ref)
        if held is not None:
            age = self._clock() - held.since
            since = datetime.fromtimestamp(held.since, UTC).isoformat(timespec="milliseconds")
            raise Locked(f"ref {ref} locked for {age:.3f}s (since {since}) by {held.holder}")
        hold = self._holds[ref] = Hold(ref, holder, self._clock())
        return hold

    def release(self, hold: Hold) -> None:
        """Give a hold back. Releasing twice is harmless; another's hold is never touched."""
        if self._holds.get(hold.ref) is hold:
            del self._holds[hold.ref]

    def __len__(self) -> int:
        return len(self._holds)

    def oldest_s(self) -> float:
        """Return the age of the oldest hold in seconds, 0 when there is none."""
        return max((self._clock() - h.since for h in self._holds.values()), default=0.0)
