"""argosy: start a mesh, and drive any containerd socket."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from argosy import log
from argosy.errors import ArgosyError

from argosy_cli.commands import COMMANDS, OUTPUT, everything, load
from argosy_cli.output import CLOSED_PIPE, FORMS, Exit, fail
from argosy_cli.target import Target
from argosy_cli.words import Group, call, parameters, read


def plain(words: Sequence[str]) -> Callable[[], None] | None:
    """Return what does what words ask for, or None where they are not plain."""
    told = read(parameters(everything), words, stop=True)
    if told is None or not told[1]:
        return None
    general, (name, *rest) = told
    if (
        general["output"] not in FORMS
        or general["log_level"] not in log.LEVELS
        or not any(name in c for c in COMMANDS.values())
    ):
        return None
    verb = load(name)
    if isinstance(verb, Group):
        if not rest or rest[0] not in verb.verbs:
            return None
        verb, rest = verb.verbs[rest[0]], rest[1:]
    values = call(verb, rest, [OUTPUT])
    if values is None:
        return None
    output = values.pop("output") or general["output"]
    if output not in FORMS:
        return None

    def work() -> None:
        everything(**{**general, "output": output})
        verb.run(**values)

    return work


def _reorder(words: Sequence[str]) -> Sequence[str]:
    """Go's daemons and clients write single-dash and double-dash words alike; shims call us as ``-address A publish``."""
    if "publish" in words:
        return ["--" + a.lstrip("-") if a.startswith("-") and not a.startswith("--") and len(a) > 2 else a for a in words]
    return words


def _do(words: Sequence[str]) -> None:
    words = _reorder(words)
    work = None if "_ARGOSY_COMPLETE" in os.environ else plain(words)
    if work is None:
        from argosy_cli.framework import do  # what takes the longest to load

        do(words)
    else:
        work()


def run(words: Sequence[str]) -> int:
    """Do what words ask for; return the exit code."""
    code: object = 0
    try:
        _do(words)
    except Exit as exit:
        code = exit.code
    except SystemExit as exit:
        code = exit.code
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        code = CLOSED_PIPE
    except (ArgosyError, OSError) as error:
        code = fail(error)
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
    code = run(sys.argv[1:])
    if template and code == 0:
        _leave(template)
    # Taking the interpreter apart costs a tenth of a second, and nobody is left who needs that.
    os._exit(code)


if __name__ == "__main__":
    main()
