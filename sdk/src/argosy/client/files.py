"""Files that a command writes for a person: they appear when they are complete, and what is no file is written as it is."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import anyio.to_thread

# What stands there is open already, whatever it is: its name is not ours to give away.
_OPEN_ALREADY: Final = ("/dev/", "/proc/")


@asynccontextmanager
async def appearing(path: Path) -> AsyncGenerator[Callable[[bytes], Awaitable[None]], None]:
    """Yield what writes bytes to a file that has its name when the block ends well; until then, and if it does not, the old one has it.

    A pipe, a device and what a descriptor is written under (``/dev/stdout``) are written as they are: nobody can take back what went into them. A symlink stays, and
    what it leads to is written. A thread waits for the file, also for who opens a pipe's other end. Raises OSError that names path.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such directory; make it first", str(path.parent))
    as_it_is = str(path).startswith(_OPEN_ALREADY) or (path.exists() and not path.is_file())
    whole = path if as_it_is else Path(os.path.realpath(path))
    target = whole if as_it_is else whole.with_name(f".{whole.name}.{os.getpid()}")
    with naming(str(path)):
        file = await anyio.to_thread.run_sync(target.open, "wb", abandon_on_cancel=True)

    async def write(data: bytes) -> None:
        with naming(str(path)):
            await anyio.to_thread.run_sync(file.write, data)

    try:
        try:
            yield write
            with naming(str(path)):
                await anyio.to_thread.run_sync(file.flush)
        finally:
            _close(file.close)
        if not as_it_is:
            with naming(str(path)):
                target.rename(whole)
    finally:
        if not as_it_is:
            target.unlink(missing_ok=True)


def _close(close: Callable[[], None]) -> None:
    """Close a file; what could not be written of it was said by its flush."""
    try:
        close()
    except OSError:
        return


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Have an error of the system name what could not be written."""
    try:
        yield
    except BrokenPipeError:
        raise  # who reads has enough
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), what) from error
