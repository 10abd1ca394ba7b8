"""Flags of a command line that are the parameters of a function or a class, and what its file says of itself."""

from __future__ import annotations

import argparse
import inspect
import json
import re
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

_SIMPLE: Final = (str, int, float, bool, Path)
DESCRIBE: Final = "--describe"
"""The one word of a command line that has a file say in JSON what it is: its kind, name, first words, and whether it has a root."""


@dataclass(frozen=True)
class Flag:
    """One parameter."""

    name: str
    type: type[Any]
    help: str
    default: Any

    @property
    def option(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    @property
    def is_needed(self) -> bool:
        return self.default is inspect.Parameter.empty


def name_of(plugin: Any) -> str:
    """Return what is called by default: ReadThrough -> read-through."""
    words = getattr(plugin, "__name__", type(plugin).__name__)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", "-", words).lower()


def flags_of(plugin: Any, skip: int = 0) -> list[Flag]:
    """Return the parameters of a function or a class after the first skip; an object has none. Raises TypeError for one that is no flag."""
    if not callable(plugin) or not (isinstance(plugin, type) or inspect.isroutine(plugin)):
        return []
    parameters = inspect.signature(plugin).parameters
    maker: Any = getattr(plugin, "__init__") if isinstance(plugin, type) else plugin  # noqa: B009 - of a class, which mypy takes for an instance
    hints = typing.get_type_hints(maker, include_extras=True)
    found = []
    for name, parameter in [*parameters.items()][skip:]:
        hint, told = hints.get(name), ""
        if typing.get_origin(hint) is Annotated:
            hint, told = typing.get_args(hint)
        if isinstance(hint, types.UnionType):
            hint = next(one for one in typing.get_args(hint) if one is not type(None))
        if hint not in _SIMPLE:
            raise TypeError(
                f"parameter {name} of {plugin!r} is a {hint}, which is no flag: use str, int, float, bool or Path"
            )
        found.append(Flag(name, hint, told, parameter.default))
    return found


def _add(parser: argparse.ArgumentParser, flag: Flag) -> None:
    told = flag.help if flag.is_needed or flag.default is None else f"{flag.help} (default: {flag.default})"
    default = None if flag.is_needed else flag.default
    if flag.type is bool:
        parser.add_argument(
            flag.option, action=argparse.BooleanOptionalAction, required=flag.is_needed, default=default, help=flag.help
        )
    else:
        parser.add_argument(
            flag.option, type=flag.type, required=flag.is_needed, default=default, help=told.replace("%", "%%")
        )


def add_flags(parser: argparse.ArgumentParser, flags: Sequence[Flag]) -> None:
    for flag in flags:
        _add(parser, flag)


def options_of(flags: Sequence[Flag]) -> list[str]:
    """Return a command line's words for the flags that must be given, with their names for values."""
    return [word for flag in flags if flag.is_needed for word in (flag.option, flag.name.upper())]


def described(kind: str, name: str, about: str, needs_root: bool = False) -> str:
    """Return what ``--describe`` prints: what a file is, for a program that is to serve it."""
    return json.dumps({"kind": kind, "name": name, "about": about, "root": needs_root})


def about_of(made: Any) -> str:
    """Return what a plugin's file says of itself."""
    return inspect.cleandoc(getattr(inspect.getmodule(made if callable(made) else type(made)), "__doc__", None) or "")


def indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())
