"""The order in which exits are told: of one container, and of starts that are under way.

An exit waits for the start of its own process, and an init's for its execs:

* a process ends while its start is under way: kept in ``pending_exit`` until ``start_ended``
* an init ends while an exec of it runs or is being started: kept in ``init_exit`` until no exec does

When an exit is told, its process becomes STOPPED, ``/tasks/exit`` is published, and every Wait for it is answered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from argosy_protos.lean.containerd import events as ev
from argosy_protos.lean.containerd.task import v2 as api
from argosy_protos.lean.google.protobuf import Timestamp

from argosy.errors import NotFound
from argosy.shim import lifecycle
from argosy.shim.events import Publisher, stamp
from argosy.shim.model import Container, Process, Reply

# Go's zero time on the wire: what Go clients read as "not yet".
_NEVER: Final = Timestamp(seconds=-62135596800)


def when(ns: int) -> Timestamp:
    """Return the time of an exit, in ns since the epoch, as clients read it; 0 is "not yet"."""
    return stamp(ns) if ns else _NEVER


class Exits:
    """The exits of a shim's containers. Safe to call from several threads: lock is the Task service's."""

    def __init__(self, lock: threading.RLock, events: Publisher, init_gone: Callable[[Any], None]) -> None:
        """init_gone is called with a container whose init has ended, when others of it may not have."""
        self._lock, self._events, self._init_gone = lock, events, init_gone

    def begin_start(self, process: Process) -> None:
        """Keep an exit of process back until ``start_ended``."""
        with self._lock:
            process.starting = True

    def start_ended(self, container: Container[Any], process: Process) -> None:
        """The start is done, or has failed: tell an exit that came meanwhile."""
        with self._lock:
            process.starting = False
            pending, process.pending_exit = process.pending_exit, None
        if pending is not None:
            self._exited(container, process, *pending)
        if process.exec_id and container.init_exit is not None:
            # What was started meanwhile came too late to be ended with the rest.
            self._init_gone(container)
        self.settle_init(container)

    def exited(self, container: Container[Any], process: Process, status: int, now: int) -> None:
        """A process has ended, with this status, at this time in ns since the epoch."""
        with self._lock:
            if process.starting:
                process.pending_exit = (status, now)
                return
        self._exited(container, process, status, now)

    def _exited(self, container: Container[Any], process: Process, status: int, now: int) -> None:
        if not process.exec_id:
            self._init_gone(container)
        with self._lock:
            if process.exec_id:
                self._settle(container, process, status, now)
            else:
                container.init_exit = (status, now)
            self.settle_init(container)

    def settle_init(self, container: Container[Any]) -> None:
        """Tell the exit of an init that has ended, once no exec of it runs or is about to."""
        with self._lock:
            execs = container.execs.values()
            if container.init_exit is None or any(e.starting or (e.pid and e.status != lifecycle.STOPPED) for e in execs):
                return
            status, then = container.init_exit
            container.init_exit = None
            self._settle(container, container.init, status, then)

    def _settle(self, container: Container[Any], process: Process, status: int, now: int) -> None:
        process.status = lifecycle.STOPPED
        process.exit_status, process.exited_ns = status, now
        process.let_go()
        self._events.publish(
            "/tasks/exit",
            "containerd.events.TaskExit",
            ev.TaskExit(
                container_id=container.id,
                id=process.exec_id or container.id,
                pid=process.pid,
                exit_status=status,
                exited_at=stamp(now),
            ),
        )
        waiters, process.waiters = process.waiters, []
        for reply in waiters:
            reply(_ended(process))

    def deleted(self, container: Container[Any], process: Process) -> None:
        """An exec is deleted: whoever waits for one that has never run hears that it is gone."""
        with self._lock:
            container.execs.pop(process.exec_id, None)
            waiters, process.waiters = process.waiters, []
        for reply in waiters:
            reply(NotFound(f"process does not exist {process.exec_id}"))
        self.settle_init(container)

    def wait(self, process: Process, reply: Reply) -> None:
        """Answer a Wait when process has ended, at once or later."""
        with self._lock:
            if process.status != lifecycle.STOPPED:
                process.waiters.append(reply)
                return
        reply(_ended(process))


def _ended(process: Process) -> Any:
    return api.WaitResponse(exit_status=process.exit_status, exited_at=when(process.exited_ns))
