"""When a peer that sends, or takes, is given up: not by a time for the whole, but by how little moves while it is waited for."""

from __future__ import annotations

import random
from typing import Final

from argosy.errors import Unavailable

TRIES: Final = 5
# So much must have come for a broken line to count as a first failure again: a byte a connection is no progress.
PROGRESS_BYTES: Final = 256 << 10
BACK_OFF_S: Final = 0.1
# Nothing at all for so long is the end.
SILENCE_S: Final = 60.0
# A peer that sends less than this while it is waited for is as good as silent, however long it keeps at it.
SLOW_BYTES, SLOW_S = 32 << 10, 30.0
# The same for one that takes what we send; and how long it may look at all of it afterwards.
TAKEN_BYTES, TAKEN_S, LOOKED_S = 64 << 10, 60.0, 600.0


class Retries:
    """How often what breaks off is begun anew where it did: some times, counted from the last one that brought it on."""

    def __init__(self, at: int = 0) -> None:
        """at is the byte that it begins at."""
        self._firm, self._tries = at, 0

    def wait_s(self, at: int) -> float | None:
        """Note that it broke off at a byte; return how long to wait, each time longer, or None when it has broken off too often."""
        if at - self._firm >= PROGRESS_BYTES:
            self._firm, self._tries = at, 0
        self._tries += 1
        return None if self._tries >= TRIES else random.uniform(0, BACK_OFF_S * 2**self._tries)


class Pace:
    """How fast one answer comes. Only waiting counts: who reads slowly has nobody to blame."""

    def __init__(self, what: str) -> None:
        """what is what begins the message: of what, and from whom."""
        self._what = what
        self._waited_s, self._came = 0.0, 0

    def note(self, waited_s: float, came: int) -> None:
        """Note that so many bytes came after so many seconds. Raises Unavailable when that is as good as nothing."""
        self._waited_s += waited_s
        self._came += came
        if self._waited_s >= SLOW_S:
            if self._came < SLOW_BYTES:
                raise Unavailable(f"{self._what} sent {self._came} bytes in {self._waited_s:.0f} s: it is as good as silent")
            self._waited_s, self._came = 0.0, 0
