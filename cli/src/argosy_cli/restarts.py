"""How soon a process that ended is started again: at once after a first crash, then ever later."""

from __future__ import annotations

from typing import Final

BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.1, 5.0
STEADY_AFTER_S: Final = 10.0
"""One that has lived for longer has crashed for the first time."""


def pause(crashes: int) -> float:
    """Return how many seconds the next start waits; crashes is how often in a row it ended soon after its start."""
    if crashes < 2:
        return 0.0
    return float(min(BACKOFF_FIRST_S * 2 ** min(crashes - 2, 10), BACKOFF_MAX_S))
