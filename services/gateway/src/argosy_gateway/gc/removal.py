"""Removing what the collector found, many at a time: a plugin answers them with one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import anyio

_AT_ONCE: Final = 32


async def remove_all(names: Sequence[str], remove: Callable[[str], Awaitable[bool]]) -> int:
    """Call remove for every name; return how many said that they removed something.

    Raises the first failure, once the others of its part have ended: nothing goes on behind the caller's back.
    """
    removed = 0
    failures: list[Exception] = []

    async def one(name: str) -> None:
        nonlocal removed
        try:
            removed += await remove(name)
        except Exception as error:
            failures.append(error)

    for start in range(0, len(names), _AT_ONCE):
        async with anyio.create_task_group() as group:
            for name in names[start : start + _AT_ONCE]:
                group.start_soon(one, name)
        if failures:
            raise failures[0]
    return removed
