"""argosy plugin new: a small project of a plugin that works, to change. What is written are the files of ``argosy_cli.projects``."""

from __future__ import annotations

import keyword
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Final

from argosy.errors import AlreadyExists, InvalidArgument, in_words

from argosy_cli.output import Shown, remark, show_one
from argosy_cli.words import Argument, Option

KINDS: Final = ("snapshotter", "content", "diff", "processor", "service", "shim", "depot", "hook", "verifier")
_PROJECTS: Final = Path(__file__).with_name("projects")
_NAME: Final = re.compile(r"[a-z][a-z0-9]{0,29}")
# What stands in the files for the name and for the class, and for the interpreter that has the SDK.
_PLACES: Final = re.compile(r"(?<![A-Za-z0-9])(?:mine|Mine)(?=Tasks\b|\b)|/usr/bin/python3\b")


def faults(kind: str) -> list[str]:
    """Return the names of the faults that there are for a kind."""
    return sorted(path.stem.replace("_", "-") for path in (_PROJECTS / kind / "broken").glob("[a-z]*.py"))


def check_name(name: str) -> None:
    """Raise InvalidArgument for what can't be the name of a plugin, of its module and of its class alike."""
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"\"{name}\" can be no plugin's name here: it is a module's, too, so write a letter and then letters and digits, all small, "
            "30 at most"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise InvalidArgument(f'"{name}" is a word of Python\'s, which no module can be called; use another name')
    from importlib.util import find_spec

    if name in sys.stdlib_module_names or find_spec(name) is not None:
        raise InvalidArgument(f'"{name}.py" would hide the module {name} from all that import it; use another name')


def project(kind: str, name: str, broken: str = "") -> dict[str, str]:
    """Return the files of a project, by their names. Raises InvalidArgument for a kind, a name or a fault that is none."""
    if kind not in KINDS:
        raise InvalidArgument(f'"{kind}" is no kind of plugin; there are {", ".join(KINDS)}')
    check_name(name)
    if broken and broken not in faults(kind):
        known = f"there are {', '.join(faults(kind))}" if faults(kind) else "there are none, for `argosy verify` judges none"
        raise InvalidArgument(f'a {kind} has no fault "{broken}" to learn from; {known}')
    words = {"mine": name, "Mine": name.capitalize(), "/usr/bin/python3": sys.executable}
    made = {}
    for path in [_PROJECTS / "pyproject.toml", *sorted((_PROJECTS / kind).iterdir())]:
        if path.is_dir() or path.name == "__init__.py":
            continue
        source = (
            _PROJECTS / kind / "broken" / f"{broken.replace('-', '_')}.py" if broken and path.name == "mine.py" else path
        )
        made[_filled(path.name, words)] = _filled(source.read_text(), words)
    return made


def _filled(text: str, words: dict[str, str]) -> str:
    return _PLACES.sub(lambda place: words[place.group()], text)


def new(
    kind: Annotated[str, Argument(help="snapshotter, content, diff, processor, service, shim, depot, hook or verifier")],
    name: Annotated[str, Argument(help="its name, and that of its file: a letter, then letters and digits, all small")],
    directory: Annotated[
        Path | None, Option("--directory", "-d", help="where to write it; default: a directory of its name, here")
    ] = None,
    broken: Annotated[
        str,
        Option("--broken", help="with a fault to learn from, as lost-commit or double-remove, which `argosy verify` finds"),
    ] = "",
) -> None:
    """Write a small plugin that works, with a test of its contract, a unit for systemd and the lines that register it."""
    files = project(kind, name, broken)
    target = directory or Path(name)
    there = [file for file in files if os.path.lexists(target / file)]
    if there:
        raise AlreadyExists(f"{target} has {', '.join(there)} already; nothing was written: give another --directory")
    made: list[Path] = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            with (target / file).open("x") as out:
                made.append(target / file)
                out.write(text)
    except BaseException as error:
        # Half a project would keep the next attempt from being made.
        for path in made:
            path.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            raise AlreadyExists(f"{in_words(error)}; nothing was written: give another --directory") from None
        raise
    if Shown.json:
        show_one({"kind": kind, "name": name, "directory": str(target), "files": sorted(files)})
        return
    show_one({"written": str(target), "files": " ".join(sorted(files))})
    if kind in ("processor", "shim"):
        remark(f"{target / 'README.md'} says how a daemon finds it")
    else:
        needs = " --content SOCKET" if kind == "diff" else ""
        remark(f"argosy plugin dev {target / f'{name}.py'}{needs} serves it, and swaps in what you save")
