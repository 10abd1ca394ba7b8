"""The Task service: requests in, runtime verbs and events out; exits put in order.

Order, per container: create, start, (exec-added, exec-started, exit of the exec)*, exit of init, delete. The exit
of a process that ends while its start is under way waits for the start's event; init's exit waits for those of
its execs.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from argosy.errors import AlreadyExists, ArgosyError, FailedPrecondition, NotFound
from argosy_protos.lean.containerd import events as ev
from argosy_protos.lean.containerd.runc.v1 import ProcessDetails
from argosy_protos.lean.containerd.task import v2 as api
from argosy_protos.lean.containerd.v1.types import ProcessInfo
from argosy_protos.lean.google.protobuf import Any as AnyMessage
from argosy_protos.lean.google.protobuf import Empty, Timestamp

from argosy_shim_runc_v2 import lifecycle
from argosy_shim_runc_v2.container import Container, Process
from argosy_shim_runc_v2.events import Publisher, stamp

# Go's zero time on the wire: what Go clients read as "not yet".
_NEVER: Final = Timestamp(seconds=-62135596800)

Reply = Callable[[Any], None]


def _when(ns: int) -> Timestamp:
    return stamp(ns) if ns else _NEVER


class TaskService:
    """All containers of this shim. Methods named in BLOCKING run in a thread each, the rest in the loop."""

    BLOCKING: Final = frozenset(("create", "start", "delete", "kill", "pause", "resume", "update", "checkpoint"))

    def __init__(
        self,
        namespace: str,
        publisher: Publisher,
        watch: Callable[[int, Callable[[], None]], None],
        post: Callable[[Callable[[], None]], None],
        quit: Callable[[], None],
    ) -> None:
        self._namespace = namespace
        self._events = publisher
        self._watch = watch
        self._post = post
        self._quit = quit
        self._leaving = False
        self._lock = threading.RLock()
        self.containers: dict[str, Container] = {}
        self._creating: set[str] = set()

    def _container(self, id: str) -> Container:
        with self._lock:
            try:
                return self.containers[id]
            except KeyError:
                raise NotFound(f'container not created: "{id}"') from None

    # -- exits --

    def _watch_process(self, container: Container, process: Process) -> None:
        self._watch(process.pidfd, lambda: self._on_exit(container, process))

    def _watch_oom(self, container: Container) -> None:
        oom = container.oom
        if oom is None or oom.fd < 0:
            return

        def happened() -> None:
            if oom.fd >= 0 and oom.happened():
                self._events.publish("/tasks/oom", "containerd.events.TaskOOM", ev.TaskOOM(container_id=container.id))

        self._watch(oom.fd, happened)

    def _close_oom(self, container: Container) -> None:
        """In the loop, which may be reading the descriptor right now."""
        if container.oom is not None:
            self._post(container.oom.close)

    def _on_exit(self, container: Container, process: Process) -> None:
        if process.pidfd < 0:
            return
        status, now = process.reap(), time.time_ns()
        with self._lock:
            if process.starting:
                process.pending_exit = (status, now)
                return
        self._exited(container, process, status, now)

    def _exited(self, container: Container, process: Process, status: int, now: int) -> None:
        if not process.exec_id and container.host_pid_namespace:
            # Nothing takes the rest of such a container down with its init.
            self._kill_rest(container)
        with self._lock:
            running = [e for e in container.execs.values() if e.pid and e.status != lifecycle.STOPPED]
            if not process.exec_id and running:
                container.init_exit = (status, now)
                return
            self._settle(container, process, status, now)
            if process.exec_id and container.init_exit and len([e for e in running if e is not process]) == 0:
                init_status, then = container.init_exit
                container.init_exit = None
                self._settle(container, container.init, init_status, then)

    def _kill_rest(self, container: Container) -> None:
        if container.cgroup is None:
            return
        for pid in container.cgroup.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _settle(self, container: Container, process: Process, status: int, now: int) -> None:
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
        for waiter in waiters:
            waiter()

    def _start_over(self, container: Container, process: Process) -> None:
        """The start is done, one way or the other: deliver an exit that came meanwhile."""
        with self._lock:
            process.starting = False
            pending, process.pending_exit = process.pending_exit, None
        if pending is not None:
            self._exited(container, process, *pending)

    # -- the API, one method a call --

    def create(self, r: Any) -> Any:
        with self._lock:
            if r.id in self.containers or r.id in self._creating:
                raise AlreadyExists(f"container {r.id}")
            self._creating.add(r.id)
        try:
            container = Container(self._namespace, r)
            container.create()
            with self._lock:
                self.containers[r.id] = container
            self._events.publish(
                "/tasks/create",
                "containerd.events.TaskCreate",
                ev.TaskCreate(
                    container_id=r.id,
                    bundle=r.bundle,
                    rootfs=r.rootfs,
                    io=ev.TaskIO(stdin=r.stdin, stdout=r.stdout, stderr=r.stderr, terminal=r.terminal),
                    checkpoint=r.checkpoint,
                    pid=container.init.pid,
                ),
            )
        except BaseException:
            with self._lock:
                self._creating.discard(r.id)
                deserted = self._leaving and not self.containers and not self._creating
            if deserted:
                self._quit()
            raise
        with self._lock:
            self._creating.discard(r.id)
        if container.init.pid:
            self._watch_process(container, container.init)
            self._watch_oom(container)
        if self._leaving:
            # The daemon asked us to leave while this was on its way: nobody knows this container.
            with container.lock:
                container.delete_init()
            with self._lock:
                self.containers.pop(r.id, None)
            self._close_oom(container)
            self._quit()
        return api.CreateTaskResponse(pid=container.init.pid)

    def start(self, r: Any) -> Any:
        container = self._container(r.id)
        process = container.process(r.exec_id)
        with self._lock:
            process.starting = True
        started = False
        try:
            with container.lock:
                if r.exec_id:
                    container.start_exec(process)
                else:
                    restored = process.pid == 0
                    container.start()
                    if restored:
                        self._watch_process(container, process)
                        self._watch_oom(container)
                with self._lock:
                    process.status = lifecycle.RUNNING
                started = True
            if r.exec_id:
                event: Any = ev.TaskExecStarted(container_id=container.id, exec_id=r.exec_id, pid=process.pid)
                self._events.publish("/tasks/exec-started", "containerd.events.TaskExecStarted", event)
                self._watch_process(container, process)
            else:
                event = ev.TaskStart(container_id=container.id, pid=process.pid)
                self._events.publish("/tasks/start", "containerd.events.TaskStart", event)
            return api.StartResponse(pid=process.pid)
        finally:
            if not started and process.pidfd >= 0 and r.exec_id:
                self._watch_process(container, process)
            self._start_over(container, process)

    def state(self, r: Any) -> Any:
        container = self._container(r.id)
        process = container.process(r.exec_id)
        with self._lock:
            return api.StateResponse(
                id=process.exec_id or container.id,
                bundle=container.bundle,
                pid=process.pid,
                status=process.status,
                stdin=process.stdin,
                stdout=process.stdout,
                stderr=process.stderr,
                terminal=process.terminal,
                exit_status=process.exit_status,
                exited_at=_when(process.exited_ns),
            )

    def delete(self, r: Any) -> Any:
        container = self._container(r.id)
        process = container.process(r.exec_id)
        with container.lock:
            if r.exec_id:
                lifecycle.move(process.status, "delete")
                process.drain_and_close()
                with self._lock:
                    container.execs.pop(r.exec_id, None)
            else:
                container.delete_init()
                with self._lock:
                    self.containers.pop(r.id, None)
                self._close_oom(container)
                self._events.publish(
                    "/tasks/delete",
                    "containerd.events.TaskDelete",
                    ev.TaskDelete(
                        container_id=container.id,
                        pid=process.pid,
                        exit_status=process.exit_status,
                        exited_at=_when(process.exited_ns),
                    ),
                )
        return api.DeleteResponse(pid=process.pid, exit_status=process.exit_status, exited_at=_when(process.exited_ns))

    def pids(self, r: Any) -> Any:
        container = self._container(r.id)
        if container.cgroup is None:
            raise NotFound(f"container {r.id} has no processes")
        execs = {p.pid: p.exec_id for p in container.execs.values() if p.pid}
        found = []
        for pid in container.cgroup.pids():
            info = None
            if pid in execs:
                details = ProcessDetails(exec_id=execs[pid])
                info = AnyMessage(type_url="containerd.runc.v1.ProcessDetails", value=details.encode())
            found.append(ProcessInfo(pid=pid, info=info))
        return api.PidsResponse(processes=found)

    def pause(self, r: Any) -> Any:
        container = self._container(r.id)
        with container.lock:
            container.pause()
            container.init.status = lifecycle.PAUSED
        self._events.publish("/tasks/paused", "containerd.events.TaskPaused", ev.TaskPaused(container_id=r.id))
        return Empty()

    def resume(self, r: Any) -> Any:
        container = self._container(r.id)
        with container.lock:
            container.resume()
            with self._lock:
                if container.init.status == lifecycle.PAUSED:
                    container.init.status = lifecycle.RUNNING
        self._events.publish("/tasks/resumed", "containerd.events.TaskResumed", ev.TaskResumed(container_id=r.id))
        return Empty()

    def checkpoint(self, r: Any) -> Any:
        container = self._container(r.id)
        with container.lock:
            container.make_checkpoint(r.path, r.options)
        event = ev.TaskCheckpointed(container_id=r.id, checkpoint=r.path)
        self._events.publish("/tasks/checkpointed", "containerd.events.TaskCheckpointed", event)
        return Empty()

    def kill(self, r: Any) -> Any:
        container = self._container(r.id)
        container.kill(container.process(r.exec_id), r.signal, r.all)
        return Empty()

    def exec(self, r: Any) -> Any:
        container = self._container(r.id)
        with self._lock:
            container.add_exec(r)
        event = ev.TaskExecAdded(container_id=r.id, exec_id=r.exec_id)
        self._events.publish("/tasks/exec-added", "containerd.events.TaskExecAdded", event)
        return Empty()

    def resize_pty(self, r: Any) -> Any:
        process = self._container(r.id).process(r.exec_id)
        if process.console is not None:
            process.console.resize(r.width, r.height)
        return Empty()

    def close_io(self, r: Any) -> Any:
        if r.stdin:
            self._container(r.id).process(r.exec_id).close_stdin()
        return Empty()

    def update(self, r: Any) -> Any:
        container = self._container(r.id)
        with container.lock:
            container.update(r.resources.value if r.resources is not None else b"{}")
        return Empty()

    def wait(self, r: Any, reply: Reply) -> None:
        """Answer when the process has ended; the only call that may take for ever."""
        process = self._container(r.id).process(r.exec_id)

        def answer() -> None:
            reply(api.WaitResponse(exit_status=process.exit_status, exited_at=_when(process.exited_ns)))

        with self._lock:
            if process.status != lifecycle.STOPPED:
                process.waiters.append(answer)
                return
        answer()

    def stats(self, r: Any) -> Any:
        container = self._container(r.id)
        if container.cgroup is None:
            raise NotFound("cgroup does not exist")
        return api.StatsResponse(stats=container.cgroup.stats())

    def connect(self, r: Any) -> Any:
        with self._lock:
            container = self.containers.get(r.id)
        return api.ConnectResponse(shim_pid=os.getpid(), task_pid=container.init.pid if container else 0)

    def shutdown(self, r: Any) -> Any:
        with self._lock:
            if self.containers:
                return Empty()
            if self._creating:
                self._leaving = True
                return Empty()
        self._quit()
        return Empty()


def failure(error: BaseException) -> ArgosyError | BaseException:
    """Return what to tell the daemon about error."""
    if isinstance(error, OSError):
        return FailedPrecondition(f"{error.strerror}: {error.filename}" if error.filename else str(error))
    return error
