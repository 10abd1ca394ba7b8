"""Quick imports: what packages load in passing and nobody here uses costs every process its start and its memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


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


@contextmanager
def deferred(name: str) -> Iterator[None]:
    """Imports in this block that bind this module get a stand-in, which loads it when something of it is used."""
    if name in sys.modules:
        yield
        return

    def real(attribute: str) -> object:
        __import__(name)
        return getattr(sys.modules[name], attribute)

    stand_in = sys.modules[name] = ModuleType(name)
    vars(stand_in)["__getattr__"] = real
    try:
        yield
    finally:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
