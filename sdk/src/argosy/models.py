"""pydantic, loaded without its look for plugins in the metadata of every installed package."""

from __future__ import annotations

import sys
import types

_plugins = types.ModuleType("pydantic.plugin._loader")
_plugins.__dict__["get_plugins"] = tuple  # no plugin is what we use
sys.modules.setdefault(_plugins.__name__, _plugins)

from pydantic import (  # noqa: E402 # after the lines above
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

__all__ = (
    "BaseModel",
    "ConfigDict",
    "Field",
    "TypeAdapter",
    "ValidationError",
    "ValidationInfo",
    "field_validator",
    "model_validator",
)
