"""The commands as typer has them: for help, for mistakes, for completion, and for words that are not plain (``argosy_cli.words``)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, Final

import typer
import typer.core
from argosy import log

from argosy_cli.commands import COMMANDS, OUTPUT, everything, load
from argosy_cli.output import FORMS, Shown
from argosy_cli.words import Option, Parameter, Verb, parameters

_SETTINGS: Final = {"help_option_names": ["-h", "--help"]}


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"argosy {version('argosy-cli')}")
        raise typer.Exit


def _choose_output(form: str | None) -> str | None:
    """Take the wish of how things are shown, which stands before a verb or after it."""
    if form is not None and form not in FORMS:
        raise typer.BadParameter(f'"{form}" is no output form; use table or json')
    if form is not None:
        Shown.json = form == "json"
    return form


def _known_level(level: str) -> str:
    if level not in log.LEVELS:
        raise typer.BadParameter(f'"{level}" is no log level; use one of {", ".join(log.LEVELS)}')
    return level


def _parameter(of: Parameter, checks: Callable[[Any], Any] | None = None) -> inspect.Parameter:
    """Return what typer makes the same of as we do."""
    info: Any
    if isinstance(of.mark, Option):
        info = typer.Option(*of.mark.names, help=of.mark.help or None, envvar=of.mark.env or None, callback=checks)
    else:
        info = typer.Argument(help=of.mark.help or None, metavar=of.mark.metavar or None)
    default = inspect.Parameter.empty if of.required else of.default
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(of.name, kind, default=default, annotation=Annotated[of.hint, info])


def _typed(
    function: Callable[..., None], made: Sequence[inspect.Parameter], leave_out: Sequence[str] = ()
) -> Callable[..., None]:
    """Return function with the parameters that typer reads; it is not told those to leave out."""

    def call(**values: Any) -> None:
        function(**{name: value for name, value in values.items() if name not in leave_out})

    call.__doc__ = function.__doc__
    # What inspect.signature and typing.get_type_hints go by.
    call.__dict__["__signature__"] = inspect.Signature(made)
    call.__annotations__ = {one.name: one.annotation for one in made}
    return call


def _add(app: typer.Typer, name: str, verb: Verb) -> None:
    own = [_parameter(one) for one in parameters(verb.run)]
    function = _typed(verb.run, [*own, _parameter(OUTPUT, _choose_output)], [OUTPUT.name])
    settings: dict[str, Any] = {"allow_interspersed_args": not verb.command_follows}
    app.command(name, hidden=verb.hidden, context_settings=settings)(function)


@cache
def commands() -> typer.core.TyperGroup:
    """Return all commands."""
    app = typer.Typer(
        name="argosy", help=everything.__doc__, no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False,
        rich_markup_mode=None,  # brackets in a help text are brackets
        context_settings=_SETTINGS,
    )  # fmt: skip
    checks: dict[str, Callable[[Any], Any]] = {"output": _choose_output, "log_level": _known_level}
    general = [_parameter(one, checks.get(one.name)) for one in parameters(everything)]
    info: Any = typer.Option("--version", is_eager=True, callback=_version, help="show this command's version")
    version = inspect.Parameter("version", general[0].kind, default=False, annotation=Annotated[bool, info])
    app.callback()(_typed(everything, [*general, version], ["version"]))
    for names in COMMANDS.values():
        for name in names:
            found = load(name)
            if isinstance(found, Verb):
                _add(app, name, found)
                continue
            group = typer.Typer(help=found.help, no_args_is_help=True, rich_markup_mode=None)
            for inner, verb in found.verbs.items():
                _add(group, inner, verb)
            app.add_typer(group, name=name)
    made = typer.main.get_command(app)
    assert isinstance(made, typer.core.TyperGroup)
    return made


def do(words: Sequence[str]) -> None:
    """Do what words ask for. Raises SystemExit with the exit code, having said what is wrong with them."""
    commands()(list(words), prog_name="argosy")
