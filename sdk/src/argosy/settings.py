"""Settings: a pydantic model, filled from a TOML file, the environment and flags, in that order. Unknown keys are errors."""

from __future__ import annotations

import os
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from argosy.errors import InvalidArgument, NotFound
from argosy.models import BaseModel, ConfigDict, Field, ValidationError

S = TypeVar("S", bound="Settings")


class Settings(BaseModel):
    """What every process can be told. Subclasses add their own fields; each becomes a flag and a variable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    root: Path = Field(description="directory for data that outlives a reboot")
    address: Path = Field(description="unix socket to serve on")
    log_level: str = Field(default="info", description="trace, debug, info, warn or error")
    log_json: bool | None = Field(default=None, description="log JSON lines; by default when standard error is no terminal")


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file's table. Raises NotFound, InvalidArgument with line and column."""
    import tomllib

    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise NotFound(f"config file {path} does not exist") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"config file {path} is not TOML: {error}") from None
    except OSError as error:
        raise InvalidArgument(f"config file {path} cannot be read: {error.strerror}") from None


def nearest(key: str, known: Sequence[str]) -> str:
    """Return ``; did you mean "x"?`` for the known key most like key, or the list of known keys."""
    import difflib  # for those who mistype

    close = difflib.get_close_matches(key, known, 1)
    return f'; did you mean "{close[0]}"?' if close else f"; known keys: {', '.join(sorted(known))}"


def validate(cls: type[S], values: Mapping[str, Any], source: str) -> S:
    """Return cls from values. Raises InvalidArgument that names source, the key, and the nearest known one."""
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(p) for p in first["loc"])
        if first["type"] == "extra_forbidden":
            hint = nearest(str(first["loc"][-1]), list(cls.model_fields))
            raise InvalidArgument(f'{source}: unknown key "{key}"{hint}') from None
        if first["type"] == "missing":
            raise InvalidArgument(f'{source}: "{key}" must be given (--{key.replace("_", "-")})') from None
        raise InvalidArgument(f'{source}: "{key}": {first["msg"]} (got {first["input"]!r})') from None


def _is_bool(annotation: Any) -> bool:
    if annotation is bool:
        return True
    return isinstance(annotation, types.UnionType) and bool in typing.get_args(annotation)


def _simple(annotation: Any) -> bool:
    """Return whether a flag can carry it: no tables, no lists of tables."""
    kinds = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    return all(k in (str, int, float, bool, Path, type(None)) for k in kinds) or annotation == list[str]


def load(cls: type[S], service: str, argv: Sequence[str] | None = None) -> S:
    """Return settings for a service from ``--config``, ``ARGOSY_<SERVICE>_<KEY>`` and flags; later ones win.

    Raises InvalidArgument for unknown keys and wrong values; exits for ``--help``.
    """
    import argparse

    parser = argparse.ArgumentParser(prog=f"argosy-{service}", allow_abbrev=False)
    parser.add_argument("--config", "-c", type=Path, help="TOML file with these settings")
    for name, field in cls.model_fields.items():
        if not _simple(field.annotation):
            continue
        flag = f"--{name.replace('_', '-')}"
        if _is_bool(field.annotation):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=field.description)
        elif field.annotation == list[str]:
            parser.add_argument(flag, action="append", default=None, help=field.description)
        else:
            parser.add_argument(flag, default=None, help=field.description)
    parsed = vars(parser.parse_args(argv))
    config: Path | None = parsed.pop("config")
    values: dict[str, Any] = read_toml(config) if config else {}
    prefix = f"ARGOSY_{service.upper().replace('-', '_')}_"
    for name in cls.model_fields:
        if prefix + name.upper() in os.environ:
            values[name] = os.environ[prefix + name.upper()]
    values.update({k: v for k, v in parsed.items() if v is not None})
    return validate(cls, values, str(config) if config else f"argosy-{service}")
