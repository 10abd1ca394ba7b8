"""How many calls may be under way at a time, and how many of those one namespace's clients may have: they share a connection, and the others want some, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from argosy.errors import ResourceExhausted


class Places:
    """Places for calls of one kind. A namespace has half of them at most."""

    def __init__(self, most: int, what: str) -> None:
        """what is what they are for, in the plural, as errors call it."""
        self._most, self._what = most, what
        self._taken: Counter[str] = Counter()

    @contextmanager
    def one(self, namespace: str) -> Iterator[None]:
        """Have a place in the block. Raises ResourceExhausted when there is none."""
        taken, own = self._taken.total(), -(-self._most // 2)
        if taken >= self._most:
            raise ResourceExhausted(f"{taken} {self._what} are open, which are the most; end some")
        if self._taken[namespace] >= own:
            raise ResourceExhausted(
                f'{own} {self._what} of namespace "{namespace}" are open, which are the most of one namespace; end some'
            )
        self._taken[namespace] += 1
        try:
            yield
        finally:
            self._taken[namespace] -= 1
            if not self._taken[namespace]:
                del self._taken[namespace]
