"""``argosy up``: starts the mesh, without the commands' framework where the command line is plain.

What reads the other commands' options takes as long to load as the gateway, and would be in the memory of each service for ever.
So the words of a usual start are read here; what is not as plain, a wrong word too, goes to the framework, which says what is wrong.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn

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


def start(config: Path | None, root: Path | None, state: Path | None, address: Path | None, log_level: str | None) -> int:
    """Run a mesh until a signal ends it; return the exit code. Raises ArgosyError, OSError when it cannot start."""
    from argosy import log
    from argosy.errors import InvalidArgument

    from argosy_cli.config import load
    from argosy_cli.supervisor import Supervisor

    loaded = load(config)
    given: dict[str, Any] = {"root": root, "state": state, "address": address, "log_level": log_level}
    chosen = replace(loaded.mesh, **{k: v for k, v in given.items() if v is not None})
    if chosen.log_level not in log.LEVELS:
        raise InvalidArgument(f'log level "{chosen.log_level}" is not one of {", ".join(log.LEVELS)}')
    paths: dict[str, Any] = {k: getattr(chosen, k) for k in ("root", "state", "address", "ttrpc_address")}
    chosen = replace(chosen, **{k: path.absolute() for k, path in paths.items() if path})
    log.configure(chosen.log_level, service="argosy")
    if loaded.ignored:
        log.get("config").warning("config.ignored", file=str(config), keys=loaded.ignored)
    return Supervisor(chosen, lambda line: print(line, flush=True)).run()


def main() -> NoReturn:
    """Be the command, whose words are sys.argv's."""
    options = plain(sys.argv[2:])
    if options is None:
        from argosy_cli.main import main as framework

        framework()
    paths = {name: Path(options[name]) if name in options else None for name in ("config", "root", "state", "address")}
    if paths["address"] is None and (usual := os.environ.get("ARGOSY_ADDRESS")):
        paths["address"] = Path(usual)

    from argosy import log
    from argosy.errors import ArgosyError
    from argosy.kernel.heap import keep_freed

    keep_freed()
    log.configure("warn", service="argosy")
    try:
        code = start(**paths, log_level=options.get("log_level"))
    except (ArgosyError, OSError) as error:
        from argosy_cli.output import fail

        log.get("argosy").debug("up.failed", exc_info=error)
        code = fail(error)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):
            stream.flush()
    os._exit(code)
