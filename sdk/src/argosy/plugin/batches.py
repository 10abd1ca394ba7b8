"""Batches: how the answers of a List are put into messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, TypeVar

T = TypeVar("T")

_LIST_BATCH: Final = 100


async def batches(items: AsyncIterator[T], size: int = _LIST_BATCH) -> AsyncIterator[list[T]]:
    """Yield items in lists of at most size; none for no items."""
    batch: list[T] = []
    async for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
