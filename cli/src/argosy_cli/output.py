"""What a person or a program reads: tables, JSON, progress bars, one sentence for a failure."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import typer
from argosy.errors import ArgosyError, Unavailable, in_words

if TYPE_CHECKING:
    from argosy.client.progress import Progress as Step
    from argosy.client.progress import Watch
    from rich.console import Console

T = TypeVar("T")

# Exit codes by class of failure; 1 is everything else, and a container's own code comes through as it is.
EXIT_CODES: Final = {3: 2, 5: 4, 6: 5, 9: 6, 12: 8, 14: 7, 16: 9, 7: 9, 8: 10, 15: 11}

# As a shell says of who died of SIGPIPE.
CLOSED_PIPE: Final = 141
# As a shell says of a command that could not be run: how runc and crun tell it of the container's.
_NOT_STARTED: Final = {
    127: re.compile(
        r'exec: ".*": (executable file not found in |(stat .*: |fork/exec .*: )?no such file or directory)'
        r"|executable file `.*` not found|open executable: No such file or directory"
    ),
    126: re.compile(
        r'exec: ".*": (permission denied|is a directory|(stat|fork/exec) .*: (permission denied|not a directory)|exec format error)'
        r"|open executable: Permission denied|exec container process .*(Permission denied|[Ee]xec format error)"
    ),
}

# Where nobody looks at a screen, rows stay whole: a script reads them by line.
_WIDE: Final = 240


def out() -> Console:
    """Where tables go. rich is loaded when something is drawn: a container's output needs none of it."""
    from rich.console import Console

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            with suppress(SystemExit):  # with 1
                super().on_broken_pipe()
            raise SystemExit(CLOSED_PIPE)

    wish = os.environ.get("COLUMNS", "")
    width = int(wish) if wish.isdecimal() and int(wish) else None
    return Screen(width=width if width or sys.stdout.isatty() else _WIDE)


def err() -> Console:
    """Where remarks and progress go."""
    from rich.console import Console

    return Console(stderr=True)


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
    message = sentence(error)
    text = json.dumps({"error": message, "class": type(error).__name__}) if Shown.json else f"argosy: {message}"
    with suppress(OSError):  # it may be standard error that can't be written
        print(text, file=sys.stderr)
    for code, pattern in _NOT_STARTED.items():
        if pattern.search(message):
            return code
    return EXIT_CODES.get(getattr(error, "code", 2), 1)


async def each(names: Iterable[str], done: str, work: Callable[[str], Awaitable[object]]) -> None:
    """Do work for every name, for the rest too when it fails for one; show those that are done, under the heading done.

    Each failure is said. Raises typer.Exit with the first one's code; only a daemon that is away ends the rest.
    """
    rows: list[dict[str, Any]] = []
    code = 0
    for name in names:
        try:
            await work(name)
        except (ArgosyError, OSError) as error:
            failed = fail(error)
            code = code or failed
            if isinstance(error, Unavailable):
                break
        else:
            rows.append({done: name})
    if rows:
        show(rows, (done,))
    if code:
        raise typer.Exit(code)


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

    async def main() -> T:
        return await work

    try:
        return asyncio.run(main())
    except ArgosyError as error:
        code = fail(error)
        number = getattr(error, "number", 0)  # of the signal that ended the wait
        raise typer.Exit(128 + number if number else code) from None
    except BrokenPipeError:
        raise typer.Exit(CLOSED_PIPE) from None
    except OSError as error:
        raise typer.Exit(fail(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


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
        print(json.dumps(list(rows), indent=2, default=str))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.upper(), overflow="fold")
    for row in rows:
        table.add_row(*(str(row.get(c, "")) for c in columns))
    if rows or not empty:
        out().print(table)
    else:
        out().print(empty)


@_written()
def show_one(value: dict[str, Any]) -> None:
    """Print one thing."""
    if Shown.json:
        print(json.dumps(value, indent=2, default=str))
        return
    width = max((len(k) for k in value), default=0)
    screen = out()
    for key, inner in value.items():
        screen.print(f"[bold]{key.ljust(width)}[/bold]  {inner}", highlight=False)


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
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

    screen = err()
    if not screen.is_terminal:
        yield nobody
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TextColumn("{task.fields[status]}"))
    with Progress(*columns, console=screen, transient=False) as bars:
        known: dict[str, TaskID] = {}

        def step(s: Step) -> None:
            if s.ref not in known:
                kind, _, digest = s.ref.partition("-")
                known[s.ref] = bars.add_task(f"{kind} {digest[7:19]}", total=s.total or None, status=s.status)
            completed = s.total if s.status in ("done", "exists") else s.offset
            bars.update(known[s.ref], completed=completed, total=s.total or None, status=s.status)

        yield step
