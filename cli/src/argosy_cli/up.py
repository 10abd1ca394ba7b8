"""``argosy up``: reads the configuration and starts the mesh. What is loaded here is in the memory of each service for ever."""

from __future__ import annotations

import dataclasses
import gc
from pathlib import Path
from typing import Any


def _known(level: str) -> None:
    from argosy.errors import InvalidArgument
    from argosy.log import LEVELS

    if level not in LEVELS:
        raise InvalidArgument(f'log level "{level}" is not one of {", ".join(LEVELS)}')


def start(config: Path | None, root: Path | None, state: Path | None, address: Path | None, log_level: str | None) -> int:
    """Run a mesh until a signal ends it; return the exit code. Raises ArgosyError, OSError when it cannot start."""
    # Nothing that a start makes is garbage before it is over.
    gc.disable()
    from argosy import log
    from argosy.kernel.heap import keep_freed

    from argosy_cli.config import load
    from argosy_cli.supervisor import Supervisor

    if log_level is not None:
        _known(log_level)
    keep_freed()
    loaded = load(config)
    given: dict[str, Any] = {k: v for k, v in (("root", root), ("state", state), ("address", address)) if v is not None}
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
