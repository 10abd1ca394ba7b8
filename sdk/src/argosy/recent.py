"""What was used lately, within a bound: a peer that never says the same twice must not fill our memory, nor make us forget the others."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A cache of two generations.

    When the young one is full it becomes the old one, and the old one goes, but for what was looked up since: so what is
    used stays, and a lookup costs one dictionary's.
    """

    __slots__ = ("_limit", "_old", "_young")

    def __init__(self, entries: int) -> None:
        """Hold at most this many entries."""
        self._limit = max(1, entries // 2)
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        found = self._young.get(key)
        if found is None and (found := self._old.pop(key, None)) is not None:
            self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        if len(self._young) >= self._limit:
            self._old, self._young = self._young, {}
        self._young[key] = value
