"""The Task service over runc: exits come from pidfds, OOM events from cgroups."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from argosy.errors import FailedPrecondition
from argosy.shim.local import LocalTasks
from argosy.shim.model import Reply
from argosy_protos.lean.containerd import events as ev

from argosy_shim_runc_v2.container import Container

if TYPE_CHECKING:
    from argosy.shim.copies import Tree


class RuncTasks(LocalTasks[Container]):
    """All containers of this shim."""

    def make(self, request: Any) -> Container:
        return Container(self._namespace, request)

    def tree(self, id: str) -> Tree:
        container = self._container(id)
        if container.going:
            raise FailedPrecondition(f'the task of container "{id}" is being deleted; copy from its snapshot afterwards')
        return container.tree()

    def watch_oom(self, container: Container) -> None:
        oom = container.oom
        if oom is None or oom.fd < 0:
            return

        def happened() -> None:
            if oom.fd >= 0 and oom.happened():
                self._events.publish("/tasks/oom", "containerd.events.TaskOOM", ev.TaskOOM(container_id=container.id))

        self._watch(oom.fd, happened)

    def forget(self, container: Container) -> None:
        oom = container.oom
        if oom is None:
            return

        def close() -> None:
            # A shim that still looks at it can't sleep.
            self.unwatch(oom.fd)
            oom.close()

        # In the loop, which may be reading the descriptor right now.
        self._post(close)

    def asleep(self, hand: Callable[[int], int], call: Callable[[Reply], Any]) -> Any:
        found = [container.asleep(hand, call) for container in self.containers.values()]
        return found if found and None not in found else None

    def woken(self, state: Any, descriptor: Callable[[int], int], reply: Callable[[Any], Reply]) -> None:
        for one in state:
            container = Container.woken(self._namespace, one, descriptor, reply)
            self.containers[container.id] = container
            for process in (container.init, *container.execs.values()):
                self.watch(container, process)
            self.watch_oom(container)

    def init_gone(self, container: Container) -> None:
        if not container.host_pid_namespace or container.cgroup is None:
            return
        # Nothing takes the rest of such a container down with its init; it waits for starts that are under way.
        for process in list(container.execs.values()):
            process.end_start()
        for pid in container.cgroup.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
