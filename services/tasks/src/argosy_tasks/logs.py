"""Logs with a bound: of ``file:///path?maxSize=BYTES`` the oldest half goes when a container has written more than that.

A container writes to its log itself, with no process between that could begin a new file. So what is old is taken out of the
file as a hole: its disk space is free, and every offset stays what it was, for the container and for who follows the log.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from argosy import log
from argosy.kernel.files import punch_hole

logger = log.get("tasks.logs")

_INTERVAL_S: Final = 1.0
# A file system's block is at most so large; less than a few of them is no bound.
_BLOCK: Final = 64 << 10
_LEAST_BYTES: Final = 4 * _BLOCK


def bound_of(uri: str) -> tuple[str, int] | None:
    """Return (path, bytes) of a log URI that has a bound. A bound is at least 256 KiB."""
    if not uri.startswith("file:") or "maxSize" not in uri:
        return None
    parts = urlsplit(uri)
    given = parse_qs(parts.query).get("maxSize", [""])[-1]
    return (unquote(parts.path), max(_LEAST_BYTES, int(given))) if given.isascii() and given.isdigit() else None


def shorten(path: str, most: int) -> bool:
    """Free the oldest part of a log that takes more than most bytes of disk; half of that stays. Blocks. Raises OSError.

    Anything but a regular file of our own is left alone.
    """
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid() or info.st_blocks * 512 <= most:
            return False
        old = (info.st_size - most // 2) // _BLOCK * _BLOCK
        if old <= 0:
            return False
        punch_hole(fd, 0, old)
        return True
    finally:
        os.close(fd)


async def keep_short(uris: Callable[[], Iterable[str]]) -> None:
    """Look at the logs of the tasks that there are, for ever. What fails is told once a log, and tried again."""
    told: set[str] = set()
    while True:
        await asyncio.sleep(_INTERVAL_S)
        bounds = dict(found for uri in uris() if (found := bound_of(uri)) is not None)
        told &= bounds.keys()
        for path, most in bounds.items():
            try:
                await asyncio.to_thread(shorten, path, most)
            except FileNotFoundError:
                continue  # somebody has taken it away
            except OSError as error:
                if path not in told:
                    told.add(path)
                    logger.warning("log.has_no_bound", path=path, error=error.strerror)
