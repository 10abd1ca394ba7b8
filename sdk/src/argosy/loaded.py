"""The files that this process's code came from, and whether they are still what they were when it was loaded.

For processes that fork others from what they have loaded: code that was replaced on disk must not be started any more. Every module counts,
ours and anybody's, and the interpreter.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Final

from argosy.kernel.process import start_time

# The clock that files get their times from, by its number: the interpreter has no name for it.
_COARSE: Final = 5
# Nothing is loaded longer than this before it is noted for the first time.
_LOADING_NS: Final = 10 * 10**9

_Stamp = tuple[int, int, int, int]


def _stamp(found: os.stat_result) -> _Stamp:
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev


def _now() -> int:
    return time.clock_gettime_ns(_COARSE)


def _began() -> int:
    """Return when this process began, but not much longer ago than it may have taken to load what it has."""
    # To the tick after it, at 100 a second: nothing is loaded so soon. Not by the clock of the files, which runs up to a tick late: what
    # was written right before a start would be newer than that.
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - (start_time(os.getpid()) + 1) / os.sysconf("SC_CLK_TCK")
    return time.time_ns() - min(_LOADING_NS, int(age_s * 1e9))


class Loaded:
    """What each file was like when its module was loaded, as of the last ``note``."""

    def __init__(self) -> None:
        self._stamps: dict[str, _Stamp | None] = {}
        self._since = _began()
        self.note()

    def note(self) -> None:
        """Remember the files of what was loaded since the last time. Best called soon after something was."""
        now = _now()
        for path in _paths() - self._stamps.keys():
            try:
                found = os.stat(path)
            except NotADirectoryError:
                continue  # inside of an archive
            except OSError:
                self._stamps[path] = None
            else:
                # One that was touched since then may have been another one when it was loaded.
                self._stamps[path] = None if found.st_ctime_ns >= self._since else _stamp(found)
        self._since = now

    def changed(self) -> str | None:
        """Return a file that is not what was loaded from it, or may not be; None when all are."""
        self.note()
        for path, stamp in self._stamps.items():
            try:
                if stamp is None or _stamp(os.stat(path)) != stamp:
                    return path
            except OSError:
                return path
        return None


def _paths() -> set[str]:
    found = {sys.executable} if sys.executable else set()
    for module in list(sys.modules.values()):
        try:
            # Not by the attribute: that would load a module that is to load when it is used.
            path = object.__getattribute__(module, "__dict__").get("__file__")
        except AttributeError:
            continue  # anything may have been put there
        if isinstance(path, str) and path.startswith("/"):
            found.add(path)
    return found
