"""Imports without what a package loads in passing and nobody here uses: each use is worth it by number, and held by a test (decision 25)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Imports in this block find these optional modules not installed, unless they are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment] # how CPython spells it
    try:
        yield
    finally:
        for name in hidden:
            if sys.modules.get(name, True) is None:
                del sys.modules[name]
