"""What a command line may say: the signatures of the commands say it once, and words that are plain are read here.

What reads options, says what is wrong with them and prints help (typer) takes longer to load than most commands need for their
work. So it is loaded for that only: for help, for a mistake, for completion, and for a way of writing that is not known here.
``argosy_cli.framework`` makes its options of the same signatures; a test holds both readers against each other, for every command.
"""

from __future__ import annotations

import inspect
import os
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints


class Option:
    """Marks a parameter that is an option: ``Annotated[str, Option("--name", "-n", help="...")]``.

    Without names it is called as the parameter is, and a bool then has a ``--no-`` form, too. env names a variable that is looked at
    where the option is not given.
    """

    def __init__(self, *names: str, help: str = "", env: str = "") -> None:
        self.names, self.help, self.env = names, help, env


class Argument:
    """Describes a parameter that is no option, as every one is that is not marked."""

    def __init__(self, help: str = "", metavar: str = "") -> None:
        self.help, self.metavar = help, metavar


class Verb(NamedTuple):
    """A command."""

    run: Callable[..., None]
    """What does it; its parameters are what its words may say."""
    command_follows: bool = False
    """Whether what stands behind its first argument is another command's, options too."""
    hidden: bool = False


class Group(NamedTuple):
    """Commands with a common first word."""

    help: str
    verbs: Mapping[str, Verb]


class Parameter(NamedTuple):
    """What a function's parameter means on a command line."""

    name: str
    kind: Callable[[str], Any]
    """What makes a value of a word: str, int, float, Path; bool for an option that stands by itself."""
    many: bool
    required: bool
    default: Any
    hint: Any
    mark: Option | Argument

    @property
    def words(self) -> Mapping[str, bool]:
        """The names of an option, and what each means to one that stands by itself; none for an argument."""
        if isinstance(self.mark, Argument):
            return {}
        name = self.name.replace("_", "-")
        usual = {f"--{name}": True} | ({f"--no-{name}": False} if self.kind is bool else {})
        return dict.fromkeys(self.mark.names, True) or usual


@cache
def parameters(function: Callable[..., None]) -> Sequence[Parameter]:
    """Return what the parameters of a command's function mean."""
    hints = get_type_hints(function, include_extras=True)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        hint, mark = hints[name], Argument()
        if get_origin(hint) is Annotated:
            hint, mark = get_args(hint)
        # "X | None" is X that may be left out.
        kinds = (
            [kind for kind in get_args(hint) if kind is not types.NoneType] if isinstance(hint, types.UnionType) else [hint]
        )
        many = get_origin(kinds[0]) is list
        kind = get_args(kinds[0])[0] if many else kinds[0]
        required = parameter.default is inspect.Parameter.empty
        found.append(Parameter(name, kind, many, required, None if required else parameter.default, hint, mark))
    return found


def read(known: Sequence[Parameter], words: Sequence[str], stop: bool = False) -> tuple[dict[str, Any], list[str]] | None:
    """Return what the options among words say, by the names of their parameters, and the other words. None when words are not plain.

    stop: the first of the other words ends the options. Options that are not given have what their variable says, or their default.
    """
    options = {word: (parameter, meaning) for parameter in known for word, meaning in parameter.words.items()}
    values: dict[str, Any] = {}
    others: list[str] = []
    rest = list(words)
    while rest:
        if stop and others:
            others += rest
            break
        word = rest.pop(0)
        if word == "--":
            others += rest
            break
        if len(word) < 2 or not word.startswith("-"):
            others.append(word)
            continue
        name, has_value, value = word.partition("=") if word.startswith("--") else (word, "", "")
        # "-it" is "-i -t".
        for one in [name] if name.startswith("--") else [f"-{letter}" for letter in name[1:]]:
            if one not in options:
                return None
            parameter, meaning = options[one]
            if parameter.kind is bool:
                if has_value:
                    return None
                values[parameter.name] = meaning
                continue
            if not has_value:
                if one != name or not rest or rest[0].startswith("-"):
                    return None
                value = rest.pop(0)
            try:
                made = parameter.kind(value)
            except ValueError:
                return None
            values[parameter.name] = [*values.get(parameter.name, ()), made] if parameter.many else made
    for parameter in known:
        if isinstance(parameter.mark, Option) and parameter.name not in values:
            said = os.environ.get(parameter.mark.env) if parameter.mark.env else None
            if parameter.required and not said:
                return None
            values[parameter.name] = parameter.kind(said) if said else parameter.default
    return values, others


def call(verb: Verb, words: Sequence[str], more: Sequence[Parameter] = ()) -> dict[str, Any] | None:
    """Return all that words say to a command, by the names of its parameters and of more options. None when they are not plain."""
    known = parameters(verb.run)
    told = read([*known, *more], words, verb.command_follows)
    if told is None:
        return None
    values, others = told
    for parameter in known:
        if isinstance(parameter.mark, Option):
            continue
        if not others:
            if parameter.required:
                return None
            values[parameter.name] = parameter.default
        elif parameter.many:
            values[parameter.name], others = [parameter.kind(word) for word in others], []
        else:
            values[parameter.name] = parameter.kind(others.pop(0))
    return None if others else values
