"""argosy oci-hook: what ``containerd oci-hook`` is, a hook of a container whose arguments say where they come from.

A runtime runs it with the container's state on standard input; it fills in the words it was given and becomes the program that
they name. Words are those of Go's templates that such hooks are made of: ``{{id}}``, ``{{bundle}}``, ``{{rootfs}}``, ``{{pid}}``,
``{{status}}`` and ``{{annotation "key"}}``, in arguments and in the environment.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from argosy.errors import InvalidArgument

from argosy_cli.output import Exit, fail
from argosy_cli.words import Argument, Group, Verb

# {{- and -}} take white space away beside them.
_ACTION: Final = re.compile(r"(?:\{\{|\s*\{\{-(?=\s))(.*?)(?:(?<=\s)-\}\}\s*|\}\})", re.DOTALL)
_WORD: Final = re.compile(
    r"""\s*(?:(\w+)(?:\s+("(?:[^"\\\n]|\\.)*"|`[^`]*`))?|("(?:[^"\\\n]|\\.)*"|`[^`]*`)|/\*.*?\*/)\s*""", re.DOTALL
)
_KNOWN: Final = ("id", "bundle", "rootfs", "pid", "status", "annotation")


def render(text: str, values: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    """Return text with its actions filled in. Raises InvalidArgument that names the one that can't be."""

    def fill(found: re.Match[str]) -> str:
        word = _WORD.fullmatch(found[1])
        if word is None:
            raise InvalidArgument(_wrong(found[0].strip()))
        name, key, literal = word.groups()
        if name is None:
            return _text(literal) if literal else ""
        if name == "annotation" and key:
            return annotations.get(_text(key), "")
        if key is None and name in values:
            return values[name]
        raise InvalidArgument(_wrong(found[0].strip()))

    filled, end = [], 0
    for found in _ACTION.finditer(text):
        filled += [text[end : found.start()], fill(found)]
        end = found.end()
    if "{{" in text[end:]:
        raise InvalidArgument(f'"{text}" opens an action with {{{{ and does not close it')
    return "".join((*filled, text[end:]))


def _wrong(action: str) -> str:
    known = ", ".join(f'{{{{{name}{" "}"KEY"}}}}' if name == "annotation" else f"{{{{{name}}}}}" for name in _KNOWN)
    return f"{action} is nothing that a hook is told; there are {known}"


def _text(quoted: str) -> str:
    if quoted.startswith("`"):
        return quoted[1:-1]
    try:
        return str(json.loads(quoted))
    except ValueError as error:
        raise InvalidArgument(f"{quoted} is no string: {error}") from error


def filler(state: Any) -> Callable[[str], str]:
    """Return what fills in words from a container's state. Raises InvalidArgument, OSError: its bundle can't be read."""
    if not isinstance(state, dict):
        raise InvalidArgument("standard input is not the state of a container, a JSON object as a runtime gives its hooks")
    bundle = str(state.get("bundle") or "")
    with open(os.path.join(bundle, "config.json"), encoding="utf-8") as file:
        spec = _parsed(file.read(), f"{bundle}/config.json")
    root = str(((spec.get("root") if isinstance(spec, dict) else None) or {}).get("path") or "")
    values = {
        "id": str(state.get("id") or ""),
        "bundle": bundle,
        "rootfs": root if os.path.isabs(root) else os.path.normpath(os.path.join(bundle, root)),
        "pid": str(state.get("pid") or 0),
        "status": str(state.get("status") or ""),
    }
    found = state.get("annotations")
    annotations = {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
    return lambda text: render(text, values, annotations)


def _parsed(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidArgument(f"{what} is no JSON: {error}") from error


def oci_hook(
    command: Annotated[list[str], Argument(metavar="PROGRAM [ARGUMENT]...", help="an absolute path, and its arguments")],
) -> None:
    """Be a container's hook: fill in {{id}}, {{bundle}}, {{rootfs}}, {{pid}}, {{status}} and {{annotation "key"}}, and run PROGRAM."""
    try:
        fill = filler(_parsed(sys.stdin.read(), "standard input"))
        words = [fill(word) for word in command]
        environment = {name: fill(value) for name, value in os.environ.items()}
        sys.stdout.flush()
        os.execve(words[0], words, environment)
    except (InvalidArgument, OSError, ValueError) as error:  # a NUL in what the state says
        raise Exit(fail(error)) from None


# What follows the program's name is the program's.
VERBS: Final[dict[str, Verb | Group]] = {"oci-hook": Verb(oci_hook, command_follows=True, hidden=True)}
