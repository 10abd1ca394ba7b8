"""betterproto2, loaded without pydantic and without asking importlib.metadata which version it is (decision 25).

tests/wire/test_quick.py fails on the day that it needs neither of the two any more, or asks for more of them than is known here.
"""

from __future__ import annotations

import sys
from types import ModuleType

from ._quick import without

if "betterproto2" not in sys.modules:
    _version = ModuleType("betterproto2._version")
    _version.__dict__.update(__version__="", check_compiler_version=lambda compiler: None)
    sys.modules[_version.__name__] = _version

with without("pydantic", "pydantic_core"):
    import betterproto2

__all__ = ("betterproto2",)
