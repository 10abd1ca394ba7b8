"""From a runtime's name to the shim binary, by containerd's rules.

``io.containerd.<name>.<version>`` is ``containerd-shim-<name>-<version>``, looked for in the working directory, on
PATH, and beside this program. An absolute path is taken as it is.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from argosy.errors import InvalidArgument, NotFound

STANDARD_DIRECTORIES: Final = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def binary_name(runtime: str) -> str:
    """Return the shim's file name. Raises InvalidArgument."""
    parts = runtime.split(".")
    if len(parts) < 2 or not parts[0] or not all(parts[-2:]):
        raise InvalidArgument(
            f'invalid runtime name "{runtime}"; it is either like io.containerd.runc.v2 or an absolute path to a shim binary'
        )
    return f"containerd-shim-{parts[-2]}-{parts[-1]}"


def own_directory() -> Path:
    """Return where this program's own commands are."""
    return Path(sys.executable).parent


def search_path(path: str, own: str) -> list[str]:
    """Return the directories to search, in order, for shims.

    Our own commands come before the distribution's: they stand in front of the first standard directory of PATH. But
    what the user put first on PATH is first, even when it is a standard directory.
    """
    directories = [d for d in path.split(os.pathsep) if d]
    if own in directories:
        return directories
    for i, directory in enumerate(directories):
        if i >= 1 and directory in STANDARD_DIRECTORIES:
            return [*directories[:i], own, *directories[i:]]
    return [*directories, own]


class Runtimes:
    """Resolves names, once each."""

    def __init__(self, path: str | None = None, own: Path | None = None) -> None:
        self.directories = search_path(os.environ.get("PATH", "") if path is None else path, str(own or own_directory()))
        self._known: dict[str, Path] = {}

    def resolve(self, runtime: str) -> Path:
        """Return the shim binary. Raises InvalidArgument, NotFound."""
        if not runtime:
            raise InvalidArgument("no runtime name; set it on the container, for example io.containerd.runc.v2")
        if runtime.startswith("/"):
            path = Path(runtime)
            if not path.is_file():
                raise InvalidArgument(f'invalid custom binary path "{runtime}": there is no such file')
            return path
        if "/" in runtime:
            raise InvalidArgument(
                f'invalid runtime name "{runtime}"; it is either like io.containerd.runc.v2 or an absolute path to a shim binary'
            )
        name = binary_name(runtime)
        known = self._known.get(name)
        if known is not None and known.is_file():
            return known
        here = Path.cwd() / name
        found = str(here) if os.access(here, os.X_OK) else shutil.which(name, path=os.pathsep.join(self.directories))
        if found is None:
            raise NotFound(
                f'runtime "{runtime}" binary not installed "{name}": file does not exist; put it on the PATH of the task manager'
            )
        self._known[name] = Path(found)
        return self._known[name]
