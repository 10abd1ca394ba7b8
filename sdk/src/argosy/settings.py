"""Settings: a dataclass, filled from a TOML file, the environment and flags, in that order. Unknown keys are errors.

pydantic checks what comes from outside, and is loaded when something does: a mesh that nobody has configured starts without it.
"""

from __future__ import annotations

import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from argosy.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from pydantic import ValidationError

T = TypeVar("T", bound="Strict")
S = TypeVar("S", bound="Settings")


class Strict:
    """The base of dataclasses whose tables hold nothing but their fields."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "allow_inf_nan": False}


def option(
    description: str, default: Any = MISSING, default_factory: Callable[[], Any] | Any = MISSING, mesh: str = ""
) -> Any:
    """Return a field of settings; it must be given where it has no default.

    A mesh fills a field that names a key with what it knows: ``state`` (its directory for what does not outlive a reboot),
    ``address`` and ``ttrpc_address`` (the gateway's sockets), ``stream_processors``, ``layers`` and ``image_verifiers`` (the tables of those names), or one of
    containerd's timeouts in seconds, by its name (``io.containerd.timeout.*``). What the topology says of the service wins.
    """
    return field(default=default, default_factory=default_factory, metadata={"description": description, "mesh": mesh})


def from_mesh(cls: type[Settings]) -> dict[str, str]:
    """Return the fields that a mesh fills: mesh's key -> field."""
    return {key: one.name for one in fields(cls) if (key := one.metadata.get("mesh"))}


@dataclass(frozen=True, kw_only=True)
class Settings(Strict):
    """What every process can be told. Subclasses add their own fields; each becomes a flag and a variable."""

    root: Path = option("directory for data that outlives a reboot")
    address: Path = option("unix socket to serve on")
    log_level: str = option("trace, debug, info, warn or error", "info")
    log_json: bool | None = option("log JSON lines; by default when standard error is no terminal", None)


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


def validate(cls: type[T], values: Mapping[str, Any], source: str) -> T:
    """Return cls from values. Raises InvalidArgument that names source, the key, and the nearest known one."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(cls).validate_python(dict(values))
    except ValidationError as error:
        raise InvalidArgument(f"{source}: {_what(error, cls)}") from None


def _what(error: ValidationError, cls: type[Any]) -> str:
    """Say in one sentence what is wrong first: what nobody knows, then the rest in the order of the fields."""
    # A key that nobody knows comes before one that is missing: it is the same one, mistyped.
    first = min(error.errors(), key=lambda one: one["type"] != "unexpected_keyword_argument")
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "unexpected_keyword_argument":
        return f'unknown key "{key}"{nearest(str(first["loc"][-1]), _known(cls, first["loc"]))}'
    if first["type"] == "missing":
        flag = f" (--{key.replace('_', '-')})" if issubclass(cls, Settings) and len(first["loc"]) == 1 else ""
        return f'"{key}" must be given{flag}'
    if first["type"] == "value_error":  # raised by a dataclass, which says what it got
        return f"{key}: {first['ctx']['error']}" if key else str(first["ctx"]["error"])
    return f'"{key}": {first["msg"]} (got {first["input"]!r})'


def _known(cls: Any, path: Sequence[str | int]) -> list[str]:
    """Return the fields of the table in which the last key of path stands."""
    for part in path[:-1]:
        if hasattr(cls, "__dataclass_fields__"):
            cls = typing.get_type_hints(cls).get(str(part))
        else:
            cls = (typing.get_args(cls) or (None,))[-1]  # of a dict of tables the tables
    return [one.name for one in fields(cls)] if hasattr(cls, "__dataclass_fields__") else []


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
    types_of = typing.get_type_hints(cls)
    for one in fields(cls):
        annotation, told = types_of[one.name], one.metadata.get("description")
        if not _simple(annotation):
            continue
        flag = f"--{one.name.replace('_', '-')}"
        if _is_bool(annotation):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=told)
        elif annotation == list[str]:
            parser.add_argument(flag, action="append", default=None, help=told)
        else:
            parser.add_argument(flag, default=None, help=told)
    parsed = vars(parser.parse_args(argv))
    config: Path | None = parsed.pop("config")
    values: dict[str, Any] = read_toml(config) if config else {}
    prefix = f"ARGOSY_{service.upper().replace('-', '_')}_"
    for name in (one.name for one in fields(cls)):
        if prefix + name.upper() in os.environ:
            values[name] = os.environ[prefix + name.upper()]
    values.update({k: v for k, v in parsed.items() if v is not None})
    return validate(cls, values, str(config) if config else f"argosy-{service}")
