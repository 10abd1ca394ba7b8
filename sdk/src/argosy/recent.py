"""What was used lately, within a bound: a peer that never says the same twice must not fill our memory, nor make us forget the others."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A cache of two generations.

    When the young one is full it becomes the old one, and the old one goes, but for what was looked up since: so what is
    used stays, and a lookup costs one dictionary's.
    """

    __slots__ = ("_entries", "_most", "_old", "_size_of", "_young", "_young_size")

    def __init__(self, entries: int, most: int = 0, size_of: Callable[[K, V], int] | None = None) -> None:
        """Hold at most so many entries, whose sizes together are at most ``most`` when there is a size_of.

        size_of says about how many bytes of memory an entry takes; one that would take more than half of ``most`` is not kept.
        """
        self._entries = max(1, entries // 2)
        self._most, self._size_of = most // 2, size_of
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._young_size = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        found = self._young.get(key)
        if found is None and (found := self._old.pop(key, None)) is not None:
            self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        size = 0
        if self._size_of is not None:
            self.drop(key)
            size = self._size_of(key, value)
            if size > self._most:
                return
        if len(self._young) >= self._entries or (size and self._young_size + size > self._most):
            self._old, self._young, self._young_size = self._young, {}, 0
        self._young[key] = value
        self._young_size += size

    def drop(self, key: K) -> None:
        """Forget one entry, if it is there."""
        self._old.pop(key, None)
        found = self._young.pop(key, None)
        if found is not None and self._size_of is not None:
            self._young_size -= self._size_of(key, found)
