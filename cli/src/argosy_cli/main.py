"""argosy: start a mesh, and drive any containerd socket."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
import typer.core
from argosy.kernel.heap import keep_freed

from argosy_cli.output import CLOSED_PIPE, Shown, fail
from argosy_cli.target import Target

_OUTPUT: Final = "table or json"

app = typer.Typer(
    name="argosy",
    help="containerd's contract, served by a mesh of small processes.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # brackets in a help text are brackets
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"argosy {version('argosy-cli')}")
        raise typer.Exit


def _choose_output(form: str | None) -> None:
    """Take the wish of how things are shown, which stands before a verb or after it."""
    if form is None:
        return
    if form not in ("table", "json"):
        raise typer.BadParameter(f'"{form}" is no output form; use table or json')
    Shown.json = form == "json"


@cache
def _output_option() -> Any:
    """Return the option as a command has it, whose function does not get it."""
    one = typer.Typer(add_completion=False)

    @one.command()
    def _(
        output: Annotated[str | None, typer.Option("--output", "-o", help=_OUTPUT, callback=_choose_output)] = None,
    ) -> None:
        raise AssertionError("this command lends its option, and is never run")

    (option,) = typer.main.get_command(one).params
    option.expose_value = False
    return option


class Verb(typer.core.TyperCommand):
    """A command that takes --output, too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params.append(_output_option())


@app.callback()
def everything(
    address: Annotated[
        Path | None, typer.Option("--address", "-a", envvar="ARGOSY_ADDRESS", help="containerd socket")
    ] = None,
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", envvar="CONTAINERD_NAMESPACE", help="namespace")
    ] = "default",
    output: Annotated[str, typer.Option("--output", "-o", help=_OUTPUT)] = "table",
    log_level: Annotated[str, typer.Option("--log-level", "-l", help="trace, debug, info, warn or error")] = "warn",
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="show this command's version")
    ] = False,
) -> None:
    """containerd's contract, served by a mesh of small processes."""
    from argosy import log

    _choose_output(output)
    if log_level not in log.LEVELS:
        raise typer.BadParameter(f'"{log_level}" is no log level; use one of {", ".join(log.LEVELS)}')
    log.configure(log_level, service="argosy")
    Target.address, Target.namespace, Target.log_level = address, namespace, log_level


# Which module has a command: a run loads only what it may need.
COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    "mesh": ("up", "status", "plugins", "version", "gc", "events", "namespaces", "publish", "config"),
    "images": ("pull", "push", "import", "export", "images", "rmi", "tag"),
    "containers": ("run", "exec", "ps", "logs", "kill", "rm"),
    "stores": ("snapshots", "content", "leases"),
    "kata": ("kata",),
    "oci_hook": ("oci-hook",),
}


def register(words: Sequence[str]) -> None:
    """Register the commands that words may name; all of them for help, completion and what we do not know."""
    wanted = [module for module, commands in COMMANDS.items() if set(words).intersection(commands)]
    if not wanted or {"-h", "--help"}.intersection(words) or "_ARGOSY_COMPLETE" in os.environ:
        wanted = list(COMMANDS)
    for module in wanted:
        importlib.import_module(f"argosy_cli.{module}").register(app)
    _make_verbs(app)


def _make_verbs(group: typer.Typer) -> None:
    for command in group.registered_commands:
        command.cls = Verb
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _make_verbs(inner.typer_instance)


def _reorder(argv: list[str]) -> list[str]:
    """Go's daemons and clients write single-dash and double-dash words alike; shims call us as ``-address A publish``."""
    if "publish" in argv:
        return ["--" + a.lstrip("-") if a.startswith("-") and not a.startswith("--") and len(a) > 2 else a for a in argv]
    return argv


def prepare() -> Any:
    """Make all commands ready, for processes that are forked to run one of them; return their group."""
    register([])
    return typer.main.get_command(app)


def execute(commands: Callable[..., object] = app) -> int:
    """Run the one of commands that sys.argv names; return its exit code."""
    code: object = 0
    keep_freed()
    try:
        commands(prog_name="argosy")
    except SystemExit as exit:
        code = exit.code
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = code or CLOSED_PIPE
    except OSError as error:
        from argosy.client.stdio import not_written  # for this alone

        code = code or fail(not_written(error))
    with contextlib.suppress(OSError):  # nobody can be told
        sys.stderr.flush()
    return code or 0


def _leave(address: str) -> None:
    """Leave a template behind that ends with the process that listens at the target's socket, if there is one."""
    import socket

    daemon = str(Target.socket())
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(daemon)
        except OSError:
            return
        # Only now: most of it is for nothing where there is no daemon.
        from argosy.kernel.peer import credentials
        from argosy.template import begin

        pid, _, _ = credentials(connection)
    begin("argosy_cli.template", address, daemon, watched=pid)


def main(template: str = "") -> NoReturn:
    """Run a command in this process. A template is left behind at the address template, if any."""
    sys.argv[1:] = _reorder(sys.argv[1:])
    register(sys.argv[1:])
    code = execute()
    if template and code == 0:
        _leave(template)
    # Taking the interpreter apart costs a tenth of a second, and nobody is left who needs that.
    os._exit(code)


if __name__ == "__main__":
    main()
