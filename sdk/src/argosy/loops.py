"""Background loops: no exception ends one, and what is wrong with an object is said once, not each time it is looked at.

A loop's exception would end the service's task group, and with it the service: whoever stored what the loop stumbled
over would hold a daemon down for as long as it is stored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Final

import anyio

from argosy import log

logger = log.get("argosy.loops")

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
# A loop that ran this long before it failed failed for a reason of its own, not for the last one.
STEADY_AFTER_S: Final = 300.0
# Objects that nobody forgets any more than this are not remembered: being told twice is better than filling memory.
_REMEMBERED: Final = 4096


class Complaints:
    """What was said about which object. An object is anything hashable: ``(namespace, id)``."""

    def __init__(self) -> None:
        self._said: dict[Hashable, str] = {}

    def is_new(self, about: Hashable, what: object) -> bool:
        """Return whether this was not the last thing said about it, and remember it."""
        text = str(what)
        if self._said.get(about) == text:
            return False
        if len(self._said) >= _REMEMBERED and about not in self._said:
            self._said.pop(next(iter(self._said)))
        self._said[about] = text
        return True

    def settle(self, about: Hashable) -> None:
        """Forget one object: it is all right now, and the next thing wrong with it is news."""
        self._said.pop(about, None)

    def keep(self, known: Iterable[Hashable]) -> None:
        """Forget every object but these."""
        there = set(known)
        for about in [a for a in self._said if a not in there]:
            del self._said[about]


async def keep_going(name: str, loop: Callable[[], Awaitable[None]], pause_s: float = FIRST_PAUSE_S) -> None:
    """Run a loop until it returns; after an exception run it again, pause_s later, then twice as long up to a minute.

    An exception group counts as its exceptions. Each failure is logged once while it is the same one. Cancellation ends
    it as it would end the loop. What is no ``Exception`` (an exit) passes.
    """
    said = Complaints()
    pause = pause_s
    while True:
        began = anyio.current_time()
        try:
            await loop()
        except Exception as error:  # the point of this function
            if said.is_new(name, repr(error)):
                logger.error("loop.failed", loop=name, error=repr(error), again_in_s=pause, exc_info=error)
        else:
            return
        if anyio.current_time() - began >= STEADY_AFTER_S:
            pause = pause_s
        await anyio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)
