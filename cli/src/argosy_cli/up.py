"""``argosy up``: loads and starts the mesh, without the commands' framework where it can.

What reads the other commands' options takes as long to load as the gateway, and would be in the memory of each service for ever.
So the words of a usual start are read here; what is not as plain, a wrong word too, goes to the framework, which says what is wrong.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

    _Place = str | os.PathLike[str]

# As in argosy_cli.mesh, where they are described.
_OPTIONS: Final = {
    "--config": "config", "-c": "config", "--root": "root", "--state": "state", "--address": "address", "-a": "address",
    "--log-level": "log_level", "-l": "log_level",
}  # fmt: skip


def plain(words: Sequence[str]) -> dict[str, str] | None:
    """Return the options of a plain start by their names, None when words have anything else in them."""
    found: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        option, is_one, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if option not in _OPTIONS:
            return None
        if not is_one:
            following = next(rest, None)
            if following is None or following.startswith("-"):
                return None
            value = following
        found[_OPTIONS[option]] = value
    return found


def _known(level: str) -> None:
    from argosy.errors import InvalidArgument
    from argosy.log import LEVELS

    if level not in LEVELS:
        raise InvalidArgument(f'log level "{level}" is not one of {", ".join(LEVELS)}')


def start(
    config: _Place | None, root: _Place | None, state: _Place | None, address: _Place | None, log_level: str | None
) -> int:
    """Run a mesh until a signal ends it; return the exit code. Raises ArgosyError, OSError when it cannot start."""
    from pathlib import Path

    from argosy import log
    from argosy.kernel.heap import keep_freed

    from argosy_cli.config import load
    from argosy_cli.supervisor import Supervisor

    if log_level is not None:
        _known(log_level)
    keep_freed()
    loaded = load(None if config is None else Path(config))
    given: dict[str, Any] = {
        k: Path(v) for k, v in (("root", root), ("state", state), ("address", address)) if v is not None
    }
    if log_level is not None:
        given["log_level"] = log_level
    chosen = dataclasses.replace(loaded.mesh, **given)
    _known(chosen.log_level)
    paths: dict[str, Any] = {k: getattr(chosen, k) for k in ("root", "state", "address", "ttrpc_address")}
    chosen = dataclasses.replace(chosen, **{k: path.absolute() for k, path in paths.items() if path})
    log.configure(chosen.log_level, service="argosy")
    if loaded.ignored:
        log.get("config").warning("config.ignored", file=str(config), keys=loaded.ignored)
    return Supervisor(chosen, lambda line: print(line, flush=True)).run()


def main() -> NoReturn:
    """Be the command, whose words are sys.argv's."""
    # Nothing that a start makes is garbage before it is over.
    gc.disable()
    options: dict[str, Any] | None = plain(sys.argv[2:])
    if options is None:
        gc.enable()
        from argosy_cli.main import main as framework

        framework()
    if "address" not in options and (usual_address := os.environ.get("ARGOSY_ADDRESS")):
        options["address"] = usual_address

    from argosy import log
    from argosy.errors import ArgosyError

    log.configure("warn", service="argosy")
    try:
        code = start(**{name: options.get(name) for name in ("config", "root", "state", "address", "log_level")})
    except (ArgosyError, OSError) as error:
        from argosy_cli.output import fail

        log.get("argosy").debug("up.failed", exc_info=error)
        code = fail(error)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):
            stream.flush()
    os._exit(code)
