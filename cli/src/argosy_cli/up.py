"""``argosy up``: opens the gateway's door, then loads and starts the mesh, without the commands' framework where it can.

What reads the other commands' options takes as long to load as the gateway, and would be in the memory of each service for ever.
So the words of a usual start are read here; what is not as plain, a wrong word too, goes to the framework, which says what is wrong.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

from argosy_protos._quick import deferred

from argosy_cli.places import socket_in, usual

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


def _absolute(path: _Place) -> str:
    return os.path.join(os.getcwd(), path)


def _known(level: str) -> None:
    from argosy.errors import InvalidArgument
    from argosy.log import LEVELS

    if level not in LEVELS:
        raise InvalidArgument(f'log level "{level}" is not one of {", ".join(LEVELS)}')


def start(
    config: _Place | None, root: _Place | None, state: _Place | None, address: _Place | None, log_level: str | None
) -> int:
    """Run a mesh until a signal ends it; return the exit code. Raises ArgosyError, OSError when it cannot start."""
    # dataclasses wants it for classes without a docstring: a fifth of the time until the first answer, for nothing.
    with deferred("inspect"):
        import dataclasses
    from argosy_cli.door import Door

    if log_level is not None:
        _known(log_level)
    door = None
    if config is None:
        # Everything that says where the socket is has been said: callers need not wait for the rest of us.
        usual_root, usual_state = usual()
        root = _absolute(usual_root if root is None else root)
        state = _absolute(usual_state if state is None else state)
        address = _absolute(socket_in(state) if address is None else address)
        door = Door(root, state, address)
    try:
        if door is not None:
            door.open_records()
        from pathlib import Path

        from argosy import log
        from argosy.kernel.heap import keep_freed

        from argosy_cli.config import load
        from argosy_cli.supervisor import Supervisor

        keep_freed()
        loaded = load(None if config is None else Path(config))
        given: dict[str, Any] = {
            k: Path(v) for k, v in (("root", root), ("state", state), ("address", address)) if v is not None
        }
        if log_level is not None:
            given["log_level"] = log_level
        chosen = dataclasses.replace(loaded.mesh, **given)
        _known(chosen.log_level)
        if chosen.address is None:
            chosen = dataclasses.replace(chosen, address=Path(socket_in(chosen.state)))
        paths: dict[str, Any] = {k: getattr(chosen, k) for k in ("root", "state", "address", "ttrpc_address")}
        chosen = dataclasses.replace(chosen, **{k: path.absolute() for k, path in paths.items() if path})
        log.configure(chosen.log_level, service="argosy")
        if loaded.ignored:
            log.get("config").warning("config.ignored", file=str(config), keys=loaded.ignored)
        if door is None:
            door = Door(str(chosen.root), str(chosen.state), str(chosen.address), chosen.uid, chosen.gid)
            door.open_records()
        return Supervisor(chosen, lambda line: print(line, flush=True), door).run()
    finally:
        if door is not None:
            door.close()


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
