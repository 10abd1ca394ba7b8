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
def instead(name: str, module: ModuleType) -> Iterator[None]:
    """Imports in this block find module under this name, unless its own is loaded already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = module
    try:
        yield
    finally:
        if sys.modules.get(name) is module:
            del sys.modules[name]


@contextmanager
def unsigned() -> Iterator[None]:
    """Dataclasses that are made in this block without a docstring get their name for one, without their signature.

    What finds signatures out (``inspect``) takes as long to load as a dozen of our modules, and nobody reads them.
    """
    import dataclasses

    usual = getattr(dataclasses, "inspect", None)
    if usual is None or "inspect" in sys.modules:
        yield
        return
    plain = ModuleType("inspect")
    vars(plain)["signature"] = lambda cls: "()"
    vars(dataclasses)["inspect"] = plain
    try:
        yield
    finally:
        vars(dataclasses)["inspect"] = usual
