"""argosy plugin dev: a plugin's file in the mesh that runs, where each save is checked and swapped in. The words of its command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from argosy_cli.target import Target
from argosy_cli.words import Argument, Option


def dev(
    file: Annotated[Path, Argument(help="the plugin's file, which ends with a main of the SDK")],
    flags: Annotated[list[str] | None, Argument(help="its own flags, as --size 2g")] = None,
    name: Annotated[str, Option("--name", help="what clients call it; default: what it calls itself")] = "",
    root: Annotated[
        Path | None, Option("--root", help="the directory of what it keeps; default: .argosy-dev/NAME beside the file")
    ] = None,
    has: Annotated[
        list[str] | None, Option("--has", help="as of `argosy verify`: a capability that it has besides; may be repeated")
    ] = None,
    lacks: Annotated[
        list[str] | None,
        Option("--lacks", help="as of `argosy verify`: a capability that it does not have; may be repeated"),
    ] = None,
    scratch: Annotated[
        Path | None, Option("--scratch", help="where versions are checked; default: in memory, and beside the root by v")
    ] = None,
    no_verify: Annotated[bool, Option("--no-verify", help="swap in what can be called, without checks")] = False,
) -> None:
    """Serve a file as a plugin of the mesh that runs; check each save, and swap it in while it is used. Options stand before the file."""
    from argosy import log
    from argosy.errors import NotFound

    from argosy_cli.dev.session import Session, Wishes
    from argosy_cli.output import Exit, run_async

    if not file.is_file():
        raise NotFound(f"{file}: no such file; `argosy plugin new` writes one")
    # Lines of the libraries between ours are noise; what the plugin says is shown.
    log.configure("error", service="argosy")
    wishes = Wishes(name, root, scratch, tuple(flags or ()), tuple(has or ()), tuple(lacks or ()), not no_verify)
    code = run_async(Session(file.absolute(), Target.socket(), wishes).run())
    if code:
        raise Exit(code)
