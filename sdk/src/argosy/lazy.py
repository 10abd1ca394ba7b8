"""Packages whose modules load when one of their names is first used: for what costs a start much, and few runs need."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def later(package: str, rooms: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a package's ``__getattr__``: it loads the module of a name when that is first asked for. rooms maps names to modules."""

    def load(name: str) -> Any:
        if name not in rooms:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{rooms[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
