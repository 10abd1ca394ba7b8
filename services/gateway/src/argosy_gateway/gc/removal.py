"""Removing what the collector found, many at a time: a plugin answers them with one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

_AT_ONCE: Final = 32


async def remove_all(names: Sequence[str], remove: Callable[[str], Awaitable[bool]]) -> int:
    """Call remove for every name; return how many said that they removed something.

    Raises the first failure, once the others of its part have ended: nothing goes on behind the caller's back.
    """
    removed = 0
    for start in range(0, len(names), _AT_ONCE):
        answers = await asyncio.gather(*map(remove, names[start : start + _AT_ONCE]), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
            removed += answer
    return removed
