"""Memory that a burst of calls took goes back to the system when the burst is over.

a call ends    ->  a timer, unless one runs; nothing else, and nothing ever wakes a process that nobody calls
the timer      ->  were there calls meanwhile: once more, but not for longer than ``_MOST_S``
                   has the process grown: what can be had again is let go of, and free pages are given back
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Final

from argosy.kernel.heap import give_back, resident

# A burst is over when no call ended for so long.
_QUIET_S: Final = 2.0
# Where calls never cease it is looked after so long all the same.
_MOST_S: Final = 15.0
# What was asked to let go of something may need another thread for it.
_LETTING_GO_S: Final = 0.1
# To have grown is to be larger than what was left the last time by this share of it, or so many bytes.
_SHARE, _LEAST_BYTES = 32, 1 << 20


class Memory:
    """What one process holds, as of the last time that it gave some back. Belongs to one loop."""

    def __init__(self) -> None:
        self._uses = self._seen = 0
        self._timer: asyncio.TimerHandle | None = None
        self._looked_at = 0.0
        self._left = 0  # until the first use: what a process takes to start is its own
        self._lets_go: list[Callable[[], None]] = []

    def also(self, let_go: Callable[[], None]) -> None:
        """Call back before memory is given back: what can be had again is let go of then."""
        self._lets_go.append(let_go)

    def used(self) -> None:
        """Note that a call, or other work that takes memory for a while, has ended."""
        self._uses += 1
        if self._timer is None:
            self._left = self._left or resident()
            loop = asyncio.get_running_loop()
            if loop.time() - self._looked_at > _MOST_S:
                self._looked_at = loop.time()
            self._wait(loop)

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._seen = self._uses
        self._timer = loop.call_later(_QUIET_S, self._look)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        busy = self._uses != self._seen
        if busy and loop.time() - self._looked_at < _MOST_S:
            self._wait(loop)
            return
        self._looked_at = loop.time()
        if resident() <= self._left + max(self._left // _SHARE, _LEAST_BYTES):
            self._timer = None
            return
        for let_go in self._lets_go:
            let_go()
        if not busy:
            gc.collect()  # it takes the loop for some milliseconds
        self._timer = loop.call_later(_LETTING_GO_S, self._give_back)

    def _give_back(self) -> None:
        self._timer = None
        give_back()
        self._left = resident()
