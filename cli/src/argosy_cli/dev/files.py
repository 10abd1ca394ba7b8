"""What of a plugin's source is on disk, and when that is another: the file itself and the modules beside it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple

import anyio

# A look is one stat a file. Two alike in a row are a save that is over: an editor may write in several steps.
LOOK_S: Final = 0.025


class Stamp(NamedTuple):
    """What tells one state of a file from another, also when another file was renamed to its name."""

    name: str
    inode: int
    size: int
    changed_ns: int


def look(file: Path) -> tuple[Stamp, ...]:
    """Return the state of file and of the modules beside it, tests not; () while file is not there."""
    found = []
    try:
        with os.scandir(file.parent) as entries:
            for entry in entries:
                if not entry.name.endswith(".py") or entry.name.startswith((".", "test_", "conftest")):
                    continue
                try:
                    stat = entry.stat()
                except FileNotFoundError:
                    continue  # a save by renaming is under way
                found.append(Stamp(entry.name, stat.st_ino, stat.st_size, max(stat.st_mtime_ns, stat.st_ctime_ns)))
    except FileNotFoundError:
        return ()
    return tuple(sorted(found)) if any(stamp.name == file.name for stamp in found) else ()


async def saves(file: Path, every_s: float = LOOK_S) -> AsyncIterator[float]:
    """Yield for each save when it was, in seconds since the epoch; several at once are one. Does not end."""
    seen = look(file)
    while True:
        await anyio.sleep(every_s)
        now = look(file)
        if now == seen or not now:
            continue
        while now:
            await anyio.sleep(every_s)
            before, now = now, look(file)
            if now == before:
                break
        if now and now != seen:
            changed = [stamp for stamp in now if stamp not in seen]
            seen = now
            yield max((stamp.changed_ns for stamp in changed), default=0) / 1e9
