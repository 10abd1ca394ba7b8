"""What a person or a program reads: tables, JSON, progress bars, one sentence for a failure.

Libraries are loaded when something needs them: a command that draws no bars has no use for rich, one that fails none for asyncio.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from argosy.errors import ArgosyError, Unavailable, in_words
from argosy.shown import escaped

if TYPE_CHECKING:
    from argosy.client.progress import Progress as Step
    from argosy.client.progress import Watch

T = TypeVar("T")

# Exit codes by class of failure; 1 is everything else, and a container's own code comes through as it is.
EXIT_CODES: Final = {3: 2, 5: 4, 6: 5, 9: 6, 12: 8, 14: 7, 16: 9, 7: 9, 8: 10, 15: 11}

# As a shell says of who died of SIGPIPE.
CLOSED_PIPE: Final = 141
# As a shell says of a command that could not be run: how runc and crun tell it of the container's.
_NOT_STARTED: Final = {
    127: r'exec: ".*": (executable file not found in |(stat .*: |fork/exec .*: )?no such file or directory)'
    r"|executable file `.*` not found|open executable: No such file or directory",
    126: r'exec: ".*": (permission denied|is a directory|(stat|fork/exec) .*: (permission denied|not a directory)|exec format error)'
    r"|open executable: Permission denied|exec container process .*(Permission denied|[Ee]xec format error)",
}

FORMS: Final = ("table", "json")
# Where nobody looks at a screen, rows stay whole: a script reads them by line.
_WIDE: Final = sys.maxsize
# How wide a screen is that bars are drawn on.
_BARS: Final = 64
# Between two columns.
_GAP: Final = "  "


class Exit(Exception):
    """Ends the command with a code; what there is to say has been said."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Shown:
    """The global options that decide how things are shown."""

    json = False


def sentence(error: BaseException) -> str:
    """Return what went wrong as a person reads it: the noun, its state, and what helps."""
    if isinstance(error, OSError):
        message = in_words(error)
        if isinstance(error, PermissionError) and os.geteuid() != 0:
            message += f"; you are user {os.geteuid()}, not root: try it with sudo"
        return message
    return str(error) or type(error).__name__


def fail(error: BaseException) -> int:
    """Say what went wrong in one sentence; return the exit code."""
    import json

    message = sentence(error)
    text = json.dumps({"error": message, "class": type(error).__name__}) if Shown.json else _printable(f"argosy: {message}")
    with suppress(OSError):  # it may be standard error that can't be written
        print(text, file=sys.stderr)
    for code, pattern in _NOT_STARTED.items():
        if re.search(pattern, message):
            return code
    return EXIT_CODES.get(getattr(error, "code", 2), 1)


async def each(names: Iterable[str], done: str, work: Callable[[str], Awaitable[object]]) -> None:
    """Do work for every name, for the rest too when it fails for one; show those that are done, under the heading done.

    Each failure is said. Raises Exit with the first one's code; only a daemon that is away ends the rest.
    """
    rows: list[dict[str, Any]] = []

    async def note(name: str) -> None:
        await work(name)
        rows.append({done: name})

    code = await every(names, note)
    if rows:
        show(rows, (done,))
    if code:
        raise Exit(code)


async def every(names: Iterable[str], work: Callable[[str], Awaitable[object]]) -> int:
    """Do work for every name, for the rest too when it fails for one; return the first failure's exit code, 0 without one.

    Each failure is said; only a daemon that is away ends the rest.
    """
    code = 0
    for name in names:
        try:
            await work(name)
        except (ArgosyError, OSError) as error:
            failed = fail(error)
            code = code or failed
            if isinstance(error, Unavailable):
                break
    return code


async def write_out(data: bytes) -> None:
    """Write bytes to standard output. Raises OSError with a sentence; a slow reader holds up nothing else."""
    import anyio.to_thread
    from argosy.client.stdio import not_written, write_all

    try:
        await anyio.to_thread.run_sync(write_all, 1, data, abandon_on_cancel=True)
    except OSError as error:
        raise not_written(error) from None


def run_async(work: Awaitable[T]) -> T:
    """Run a command's coroutine; a failure becomes its sentence and code."""
    import asyncio

    async def main() -> T:
        return await work

    return _told(lambda: asyncio.run(main()))


def ask(work: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine of a command that only asks ``Target.services``; a failure becomes its sentence and code.

    It needs no event loop, which takes longer to load than such a command needs for all else.
    """
    from argosy.rpc.blocking import finish

    return _told(lambda: finish(work))


def _told(run: Callable[[], T]) -> T:
    """Run something; a failure becomes its sentence and code. Raises Exit."""
    try:
        return run()
    except ArgosyError as error:
        code = fail(error)
        number = getattr(error, "number", 0)  # of the signal that ended the wait
        raise Exit(128 + number if number else code) from None
    except BrokenPipeError:
        raise Exit(CLOSED_PIPE) from None
    except OSError as error:
        raise Exit(fail(error)) from None
    except KeyboardInterrupt:
        raise Exit(130) from None


@contextmanager
def _written() -> Iterator[None]:
    """Say of standard output that it can't be written, where that is so."""
    try:
        yield
    except OSError as error:
        from argosy.client.stdio import not_written

        raise not_written(error) from None


@_written()
def show(rows: Sequence[dict[str, Any]], columns: Sequence[str], empty: str = "") -> None:
    """Print rows as a table, or all they hold as JSON."""
    if Shown.json:
        import json

        print(json.dumps(list(rows), indent=2, default=str))
    elif rows or not empty:
        print(table([[str(row.get(c, "")) for c in columns] for row in rows], [c.upper() for c in columns]))
    else:
        print(empty)


@_written()
def show_one(value: dict[str, Any]) -> None:
    """Print one thing."""
    if Shown.json:
        import json

        print(json.dumps(value, indent=2, default=str))
        return
    width = max((len(k) for k in value), default=0)
    for key, inner in value.items():
        print(f"{_bold(key.ljust(width))}{_GAP}{_printable(str(inner))}")


@_written()
def say(text: str) -> None:
    """Print a line of results at once; a terminal obeys nothing in it."""
    print(_printable(text), flush=True)


def remark(text: str) -> None:
    """Say on standard error what is none of the command's results."""
    with suppress(OSError):  # nobody can be told
        print(_printable(text), file=sys.stderr)


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """Return rows below their header, in columns as wide as what is in them; folded where that is wider than the screen."""
    lines = [[_printable(cell).split("\n") for cell in row] for row in (header, *rows)]
    widths = [max(_width(line) for row in lines for line in row[n]) for n in range(len(header))]
    widths = _fitting(widths, _screen() - len(_GAP) * (len(header) - 1))
    out = []
    for number, row in enumerate(lines):
        folded = [[part for line in cell for part in _fold(line, width)] for cell, width in zip(row, widths, strict=True)]
        for n in range(max(len(cell) for cell in folded)):
            parts = [cell[n] if n < len(cell) else "" for cell in folded]
            text = _GAP.join(part + " " * (width - _width(part)) for part, width in zip(parts, widths, strict=True)).rstrip()
            out.append(text if number else _bold(text))
    return "\n".join(out)


def _screen() -> int:
    """Return how many characters have room in a line."""
    wish = os.environ.get("COLUMNS", "")
    if wish.isdecimal() and int(wish):
        return int(wish)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return _WIDE


def _bold(text: str) -> str:
    """Return text so that a terminal shows it bold."""
    can = sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    return f"\033[1m{text}\033[0m" if can and text else text


def _printable(text: str) -> str:
    """Return text without what a terminal would obey: what others named is shown, not done."""
    return "\n".join(map(escaped, text.split("\n")))


def _width(text: str) -> int:
    """Return how many places text takes: a sign of East Asia takes two, an accent of its own none."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _fitting(widths: Sequence[int], room: int) -> list[int]:
    """Return widths whose sum has room, the widest made less first; none is less than one."""
    least = [min(width, max(1, room)) for width in widths]
    while sum(least) > room and max(least) > 1:
        least[least.index(max(least))] -= 1
    return least


def _fold(line: str, width: int) -> list[str]:
    """Return a line in parts that are no wider, between words where that can be."""
    if _width(line) <= width:
        return [line]
    parts = [""]
    for word in line.split(" "):
        longer = f"{parts[-1]} {word}" if parts[-1] else word
        if _width(longer) <= width:
            parts[-1] = longer
            continue
        if parts[-1]:
            parts.append("")
        for sign in word:
            if _width(parts[-1] + sign) > width and parts[-1]:
                parts.append("")
            parts[-1] += sign
    return parts


def size(n: int) -> str:
    """Return bytes as people read them."""
    value = float(n)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


@contextmanager
def watching() -> Iterator[Watch]:
    """Yield a watcher that draws one bar a layer on a terminal, and is silent elsewhere."""
    from argosy.client.progress import nobody

    if Shown.json or not sys.stderr.isatty():
        yield nobody
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, TaskID, TaskProgressColumn, TextColumn

    screen = Console(stderr=True)
    if not screen.is_terminal:
        yield nobody
        return
    # In a narrow window a bar would break each row in two.
    middle: tuple[ProgressColumn, ...] = (
        (BarColumn(), DownloadColumn()) if screen.width >= _BARS else (TaskProgressColumn(),)
    )
    columns = (TextColumn("{task.description}"), *middle, TextColumn("{task.fields[status]}"))
    with Progress(*columns, console=screen, transient=False) as bars:
        known: dict[str, TaskID] = {}

        def step(s: Step) -> None:
            if s.ref not in known:
                kind, _, digest = s.ref.partition("-")
                known[s.ref] = bars.add_task(f"{kind} {digest[7:19]}", total=s.total or None, status=s.status)
            completed = s.total if s.status in ("done", "exists", "unpacked") else s.offset
            bars.update(known[s.ref], completed=completed, total=s.total or None, status=s.status)

        yield step
