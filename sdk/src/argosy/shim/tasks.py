"""The Task service: one method a call, runtime verbs and events out of it.

Order, per container: create, start, (exec-added, exec-started, exit of the exec)*, exit of init, delete. The exit
of a process that ends while its start is under way waits for the start's event; init's exit waits for those of
its execs, and for the starts that are under way, which fail alone (``argosy.shim.exits``).
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from argosy_protos.lean.containerd import events as ev
from argosy_protos.lean.containerd.runc.v1 import ProcessDetails
from argosy_protos.lean.containerd.task import v2 as api
from argosy_protos.lean.containerd.v1.types import ProcessInfo
from argosy_protos.lean.google.protobuf import Any as AnyMessage
from argosy_protos.lean.google.protobuf import Empty

from argosy.errors import AlreadyExists, NotFound
from argosy.shim import lifecycle
from argosy.shim.events import Publisher
from argosy.shim.exits import Exits, when
from argosy.shim.model import Container, Reply

if TYPE_CHECKING:
    from argosy.shim.copies import Files
    from argosy.shim.keeper import Keeper

C = TypeVar("C", bound=Container[Any])


class TaskService(ABC, Generic[C]):
    """All containers of this shim. A shim's own service says how its containers are made and watched.

    Methods named in BLOCKING run in a thread each, the rest in the loop.
    """

    BLOCKING: ClassVar[frozenset[str]] = frozenset(
        ("create", "start", "delete", "kill", "pause", "resume", "update", "checkpoint")
    )
    # Calls that are answered when something happens; they are given the function that answers.
    WAITING: ClassVar[frozenset[str]] = frozenset(("wait",))
    # Whether containers are processes of this machine, whose orphans are left to the shim.
    ADOPTS: ClassVar[bool] = True
    # Returns a container's files, as its processes see them: a method of the service, by which they are copied in and out; None where they can't be.
    # Raises NotFound, FailedPrecondition for one that is being deleted, OSError.
    tree: Callable[[str], Files] | None = None
    # Services of a shim beside the Task API: name -> its generated table of methods.
    MORE: ClassVar[Mapping[str, Mapping[str, tuple[str, Any, Any]]]] = {}

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
        self.containers: dict[str, C] = {}
        self._creating: set[str] = set()
        self.keeper: Keeper | None = None
        # Has nobody look at a descriptor any more, before it is closed. In the loop.
        self.unwatch: Callable[[int], None] = lambda _: None
        # Ends the copies of a container whose files go, from the thread of a verb.
        self.end_copies: Callable[[str], None] = lambda _: None
        self._exits = Exits(self._lock, publisher, self.init_gone)

    def _container(self, id: str) -> C:
        with self._lock:
            try:
                return self.containers[id]
            except KeyError:
                raise NotFound(f'container not created: "{id}"') from None

    # -- what differs from shim to shim --

    @abstractmethod
    def make(self, request: Any) -> C:
        """Return a container for a create request; nothing is done yet. Raises InvalidArgument, NotFound."""

    def watch(self, container: C, process: Any) -> None:
        """See to it that ``exited`` is called when process ends."""

    def watch_oom(self, container: C) -> None:
        """See to it that a TaskOOM is published when the container runs out of memory."""

    def forget(self, container: C) -> None:
        """The container has been deleted."""

    def init_gone(self, container: C) -> None:
        """The init has ended, and others of the container may not have."""

    def leave(self) -> None:
        """The last call before the process ends."""

    def asleep(self, hand: Callable[[int], int], call: Callable[[Reply], Any]) -> Any:
        """Return what ``woken`` in a later process needs, as marshal takes it; None of a shim that can't sleep, or not now.

        No call is under way but those that wait. hand gives a number for a descriptor, call what stands for one of those.
        """
        return None

    def woken(self, state: Any, descriptor: Callable[[int], int], reply: Callable[[Any], Reply]) -> None:
        """Be what another process was when it fell asleep: the reverse of ``asleep``, at the beginning of the loop."""
        raise NotImplementedError  # whoever says something in asleep understands it here

    def exited(self, container: C, process: Any, status: int, now: int) -> None:
        """Tell that a process has ended, with this status, at this time in ns since the epoch; in order, so perhaps later."""
        self._exits.exited(container, process, status, now)

    # -- the API, one method a call --

    def create(self, r: Any) -> Any:
        with self._lock:
            if r.id in self.containers or r.id in self._creating:
                raise AlreadyExists(f"container {r.id}")
            self._creating.add(r.id)
        try:
            container = self.make(r)
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
            self.watch(container, container.init)
            self.watch_oom(container)
        if self._leaving:
            # The daemon asked us to leave while this was on its way: nobody knows this container.
            with container.lock:
                self._delete_init(container)
            self._quit()
        return api.CreateTaskResponse(pid=container.init.pid)

    def start(self, r: Any) -> Any:
        container = self._container(r.id)
        process = container.process(r.exec_id)
        self._exits.begin_start(process)
        started = False
        try:
            with process.lock if r.exec_id else container.lock:
                if r.exec_id:
                    container.start_exec(process)
                else:
                    restored = process.pid == 0
                    container.start()
                    if restored:
                        self.watch(container, process)
                        self.watch_oom(container)
                with self._lock:
                    process.status = lifecycle.RUNNING
                started = True
            if r.exec_id:
                event: Any = ev.TaskExecStarted(container_id=container.id, exec_id=r.exec_id, pid=process.pid)
                self._events.publish("/tasks/exec-started", "containerd.events.TaskExecStarted", event)
                self.watch(container, process)
            else:
                event = ev.TaskStart(container_id=container.id, pid=process.pid)
                self._events.publish("/tasks/start", "containerd.events.TaskStart", event)
            return api.StartResponse(pid=process.pid)
        finally:
            if not started and process.pid and r.exec_id:
                self.watch(container, process)
            self._exits.start_ended(container, process)

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
                exited_at=when(process.exited_ns),
            )

    def delete(self, r: Any) -> Any:
        container = self._container(r.id)
        process = container.process(r.exec_id)
        with process.lock if r.exec_id else container.lock:
            if r.exec_id:
                lifecycle.move(process.status, "delete")
                container.delete_exec(process)
                self._exits.deleted(container, process)
            else:
                self._delete_init(container)
                self._events.publish(
                    "/tasks/delete",
                    "containerd.events.TaskDelete",
                    ev.TaskDelete(
                        container_id=container.id,
                        pid=process.pid,
                        exit_status=process.exit_status,
                        exited_at=when(process.exited_ns),
                    ),
                )
        return api.DeleteResponse(pid=process.pid, exit_status=process.exit_status, exited_at=when(process.exited_ns))

    def _delete_init(self, container: C) -> None:
        """Delete a container that has ended, or was never started, with the copies of its files. Raises what the shim says; then it is there."""
        if self.tree is not None:
            lifecycle.move(container.init.status, "delete")
            container.going = True
            self.end_copies(container.id)
        try:
            container.delete_init()
        except BaseException:
            container.going = False
            raise
        with self._lock:
            self.containers.pop(container.id, None)
        self.forget(container)

    def pids(self, r: Any) -> Any:
        container = self._container(r.id)
        found = []
        for pid, exec_id in container.pids():
            info = None
            if exec_id:
                details = ProcessDetails(exec_id=exec_id)
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
        process.resize(r.width, r.height)
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
        self._exits.wait(self._container(r.id).process(r.exec_id), reply)

    def stats(self, r: Any) -> Any:
        return api.StatsResponse(stats=self._container(r.id).stats())

    def connect(self, r: Any) -> Any:
        with self._lock:
            container = self.containers.get(r.id)
        shim = os.getpid() if self.keeper is None else self.keeper.pid
        return api.ConnectResponse(shim_pid=shim, task_pid=container.init.pid if container else 0)

    def shutdown(self, r: Any) -> Any:
        with self._lock:
            if self.containers:
                return Empty()
            if self._creating:
                self._leaving = True
                return Empty()
        self._quit()
        return Empty()
