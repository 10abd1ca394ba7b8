"""argosy kata: the guest image of the VM shim, which has a program of its own for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

_PROGRAM = "argosy-kata-image"


def _become(*words: str) -> None:
    program = Path(sys.executable).with_name(_PROGRAM)
    if not program.exists():
        print(f"{program} is not there; install argosy-shim-kata-v2", file=sys.stderr)
        raise typer.Exit(1)
    sys.stdout.flush()
    os.execv(program, [str(program), *words])


def register(app: typer.Typer) -> None:
    kata = typer.Typer(
        help="microVMs: the guest image of io.containerd.kata.v2", no_args_is_help=True, rich_markup_mode=None
    )

    @kata.command("build-image")
    def build_image(
        directory: Annotated[Path | None, typer.Option(help="where image, packages and templates are kept")] = None,
    ) -> None:
        """Make the guest's kernel and initrd from Debian packages. Needs apt-get, and neither root nor a compiler."""
        _become("build", *(["--directory", str(directory)] if directory is not None else []))

    @kata.command("show-image")
    def show_image(
        directory: Annotated[Path | None, typer.Option(help="where image, packages and templates are kept")] = None,
    ) -> None:
        """Say which guest image there is."""
        _become("show", *(["--directory", str(directory)] if directory is not None else []))

    app.add_typer(kata, name="kata")
