"""betterproto2, loaded without pydantic and without asking importlib.metadata which version it is: 60 ms."""

from __future__ import annotations

import sys
import typing
from types import ModuleType

from ._quick import instead, unsigned, without

if "betterproto2" not in sys.modules:
    _version = ModuleType("betterproto2._version")
    _version.__dict__.update(__version__="", check_compiler_version=lambda compiler: None)
    sys.modules[_version.__name__] = _version

# What betterproto2 takes from typing_extensions, typing has too.
with without("pydantic", "pydantic_core"), instead("typing_extensions", typing), unsigned():
    import betterproto2

__all__ = ("betterproto2",)
