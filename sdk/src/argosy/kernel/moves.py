"""Moves between cgroups, made quick shortly before somebody makes one.

Whoever writes to ``cgroup.procs`` first waits until every processor has noticed that forks and exits take a lock now: an RCU grace
period, 8 to 20 ms, which is a third of an ``exec`` and a sixth of a container's start. The next ones do not wait, until the same time
again has passed without any. So a process that knows that a runtime is about to move something moves itself, into the cgroup in which
it is: nothing changes, and the wait is over when the runtime gets there. A host whose cgroups are mounted with ``favordynmods`` never
waits (Linux, Documentation/admin-guide/cgroup-v2.rst).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from argosy.kernel.mount_table import Mounted, mount_points

# Without a move it takes 15 ms and more until the next one waits again.
_PAUSE_S: Final = 0.005
# From the first word of a task until its runtime has moved it; most are there within 30 ms.
_SOON_S: Final = 0.1


def hierarchies(mounts: Iterable[Mounted]) -> dict[str, str]:
    """Return controller -> mount point of the whole hierarchies, the unified one as ""; none where moves never wait."""
    found: dict[str, str] = {}
    for mount in mounts:
        if mount.type in ("cgroup", "cgroup2"):
            if "favordynmods" in mount.super_options:
                return {}
            if mount.root == "/":
                for name in ("",) if mount.type == "cgroup2" else mount.super_options:
                    found.setdefault(name, mount.point)
    return found


def own_procs(table: str, places: Mapping[str, str]) -> Iterator[Path]:
    """Yield the ``cgroup.procs`` of a process's cgroups, given its /proc/PID/cgroup and where the hierarchies are."""
    for line in table.splitlines():
        _, controllers, path = line.split(":", 2)
        place = places.get(controllers.split(",")[0])
        # What begins with /.. lies outside of what this cgroup namespace shows.
        if place is not None and not path.startswith("/.."):
            yield Path(place, path.lstrip("/"), "cgroup.procs")


class Moves:
    """A thread that keeps moves quick while some are expected, and otherwise sleeps."""

    def __init__(self, places: Mapping[str, str] | None = None) -> None:
        """places is where the hierarchies are, instead of where mountinfo has them."""
        self._places = places
        self._until = 0.0
        self._expecting = 0
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def soon(self) -> None:
        """Say that a runtime will move processes within the next tenth of a second. Returns at once."""
        self._until = time.monotonic() + _SOON_S
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="moves", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return  # no more threads are to be had: moves take as long as ever
            self._thread = thread
        self._wake.set()

    @contextmanager
    def expected(self) -> Iterator[None]:
        """``soon``, and after the last of those who expect moves none is expected any more. Not for several threads."""
        self._expecting += 1
        self.soon()
        try:
            yield
        finally:
            self._expecting -= 1
            if not self._expecting:
                self._until = 0.0

    def _work(self) -> None:
        try:
            places = hierarchies(mount_points()) if self._places is None else self._places
        except OSError:
            places = {}
        while self._wake.wait():
            self._wake.clear()
            # Several at a time keep the processors busy while each of them waits; one more who takes the lock would hold them up.
            while time.monotonic() < self._until and (self._expecting > 1 or _stay(places)):
                time.sleep(_PAUSE_S)


def _stay(places: Mapping[str, str]) -> bool:
    """Move this process to where it is. False where it may not: without root, or in a container."""
    # Where that is, is asked each time: somebody else may have moved us, and is not to be undone.
    try:
        table = Path("/proc/self/cgroup").read_text() if places else ""
    except OSError:
        return False
    for procs in own_procs(table, places):
        try:
            fd = os.open(procs, os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            os.write(fd, b"0")
            return True
        except OSError:
            continue
        finally:
            os.close(fd)
    return False
