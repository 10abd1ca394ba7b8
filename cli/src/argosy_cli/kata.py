"""argosy kata: the guest image of the VM shim, which has a program of its own for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

from argosy_cli.output import Exit
from argosy_cli.words import Group, Option, Verb

_PROGRAM = "argosy-kata-image"


def _become(*words: str) -> None:
    program = Path(sys.executable).with_name(_PROGRAM)
    if not program.exists():
        print(f"{program} is not there; install argosy-shim-kata-v2", file=sys.stderr)
        raise Exit(1)
    sys.stdout.flush()
    os.execv(program, [str(program), *words])


_Directory = Annotated[Path | None, Option(help="where image, packages and templates are kept")]


def build_image(directory: _Directory = None) -> None:
    """Make the guest's kernel and initrd from Debian packages. Needs apt-get, and neither root nor a compiler."""
    _become("build", *(["--directory", str(directory)] if directory is not None else []))


def show_image(directory: _Directory = None) -> None:
    """Say which guest image there is."""
    _become("show", *(["--directory", str(directory)] if directory is not None else []))


VERBS: Final[dict[str, Verb | Group]] = {
    "kata": Group(
        "microVMs: the guest image of io.containerd.kata.v2",
        {"build-image": Verb(build_image), "show-image": Verb(show_image)},
    ),
}
