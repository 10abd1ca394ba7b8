"""The Task service: requests in, runtime verbs and events out; exits put in order.

Order, per container: create, start, (exec-added, exec-started, exit of the exec)*, exit of init, delete. The exit
of a process that ends while its start is under way waits for the start's event; init's exit waits for those of
its execs, and for the starts that are under way, which fail alone.
"""

from __future__ import annotations

import json
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar

from argosy_protos.lean.containerd import events as ev
from argosy_protos.lean.containerd.runc.v1 import ProcessDetails
from argosy_protos.lean.containerd.task import v2 as api
from argosy_protos.lean.containerd.v1.types import ProcessInfo
from argosy_protos.lean.google.protobuf import Any as AnyMessage
from argosy_protos.lean.google.protobuf import Empty, Timestamp

from argosy.errors import AlreadyExists, ArgosyError, FailedPrecondition, InvalidArgument, NotFound, Unknown
from argosy.shim import lifecycle
from argosy.shim.events import Publisher, stamp

if TYPE_CHECKING:
    from argosy.shim.keeper import Keeper

# Go's zero time on the wire: what Go clients read as "not yet".
_NEVER: Final = Timestamp(seconds=-62135596800)

Reply = Callable[[Any], None]


def _when(ns: int) -> Timestamp:
    return stamp(ns) if ns else _NEVER


def _ended(process: Process) -> Any:
    return api.WaitResponse(exit_status=process.exit_status, exited_at=_when(process.exited_ns))


class Process(ABC):
    """A container's init (exec_id "") or an exec."""

    def __init__(
        self, exec_id: str, stdin: str, stdout: str, stderr: str, terminal: bool, spec: dict[str, Any] | None = None
    ) -> None:
        self.exec_id = exec_id
        self.stdin, self.stdout, self.stderr, self.terminal = stdin, stdout, stderr, terminal
        self.spec = spec
        self.status = lifecycle.CREATED
        self.pid = 0
        self.exit_status = 0
        self.exited_ns = 0
        self.starting = False
        self.pending_exit: tuple[int, int] | None = None
        self.waiters: list[Reply] = []

    @abstractmethod
    def resize(self, width: int, height: int) -> None:
        """Tell a terminal its size; nothing without one."""

    @abstractmethod
    def close_stdin(self) -> None:
        """Let the process see the end of its input once the client has closed its own end."""

    @abstractmethod
    def let_go(self) -> None:
        """The process has ended: whoever reads its output shall see the end of it."""

    @abstractmethod
    def drain_and_close(self) -> None:
        """Let output reach its readers, then let go of it."""


P = TypeVar("P", bound=Process)


class Container(ABC, Generic[P]):
    """A container as the Task service sees it; a shim says how each verb is done, and with which errors."""

    id: str
    bundle: str
    init: P
    execs: dict[str, P]
    lock: threading.RLock  # one runtime verb at a time

    def __init__(self, id: str, bundle: str, init: P) -> None:
        self.id, self.bundle, self.init = id, bundle, init
        self.execs = {}
        self.lock = threading.RLock()
        self.init_exit: tuple[int, int] | None = None

    def process(self, exec_id: str) -> P:
        """Raises NotFound."""
        if not exec_id:
            return self.init
        try:
            return self.execs[exec_id]
        except KeyError:
            raise NotFound(f"process does not exist {exec_id}") from None

    @abstractmethod
    def create(self) -> None:
        """Make the container and its init, which waits for ``start``. Everything is undone on failure."""

    @abstractmethod
    def start(self) -> None:
        """Start the created init."""

    @abstractmethod
    def new_exec(self, request: Any, spec: dict[str, Any]) -> P:
        """Return the process of an exec that is to be started later."""

    def add_exec(self, request: Any) -> None:
        """Remember an exec to start later. Raises AlreadyExists, FailedPrecondition, InvalidArgument, Unknown."""
        if request.exec_id in self.execs:
            raise AlreadyExists(f"id {request.exec_id}")
        if self.init.status == lifecycle.STOPPED:
            raise FailedPrecondition("cannot exec in a stopped container")
        if self.init.status == lifecycle.PAUSED:
            raise Unknown("cannot exec in a paused container")
        if request.spec is None:
            raise InvalidArgument("an exec needs a process spec")
        spec = json.loads(request.spec.value)
        spec["terminal"] = request.terminal
        self.execs[request.exec_id] = self.new_exec(request, spec)

    @abstractmethod
    def start_exec(self, process: P) -> None:
        """Start an exec. Raises FailedPrecondition when init has ended."""

    @abstractmethod
    def delete_init(self) -> None:
        """Take away a container whose init has ended or never started."""

    def delete_exec(self, process: P) -> None:
        """Let go of an exec that has ended."""
        process.drain_and_close()

    @abstractmethod
    def kill(self, process: P, number: int, everyone: bool) -> None:
        """Signal a process, or everyone in the container. Raises NotFound when it has ended."""

    @abstractmethod
    def pause(self) -> None:
        """Stop every process where it is."""

    @abstractmethod
    def resume(self) -> None:
        """Let them go on."""

    @abstractmethod
    def update(self, resources: bytes) -> None:
        """Change resources, given as the runtime spec's JSON."""

    @abstractmethod
    def make_checkpoint(self, path: str, options: Any) -> None:
        """Write the container's state below path."""

    @abstractmethod
    def pids(self) -> list[tuple[int, str]]:
        """Return (pid, exec id) of every process, "" for those that are no exec. Raises NotFound when there is no cgroup any more."""

    @abstractmethod
    def stats(self) -> AnyMessage:
        """Return containerd's Metrics. Raises NotFound when there is no cgroup any more."""


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

    # -- exits --

    def exited(self, container: C, process: Any, status: int, now: int) -> None:
        """A process has ended, with this status, at this time in ns. One whose start is under way waits for its event."""
        with self._lock:
            if process.starting:
                process.pending_exit = (status, now)
                return
        self._exited(container, process, status, now)

    def _exited(self, container: C, process: Any, status: int, now: int) -> None:
        if not process.exec_id:
            self.init_gone(container)
        with self._lock:
            if process.exec_id:
                self._settle(container, process, status, now)
            else:
                container.init_exit = (status, now)
            self._settle_init(container)

    def _settle_init(self, container: C) -> None:
        """Tell the exit of an init that has ended, once no exec of it runs or is about to."""
        with self._lock:
            execs = container.execs.values()
            if container.init_exit is None or any(e.starting or (e.pid and e.status != lifecycle.STOPPED) for e in execs):
                return
            status, then = container.init_exit
            container.init_exit = None
            self._settle(container, container.init, status, then)

    def _settle(self, container: C, process: Any, status: int, now: int) -> None:
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

    def _start_over(self, container: C, process: Any) -> None:
        """The start is done, one way or the other: deliver an exit that came meanwhile."""
        with self._lock:
            process.starting = False
            pending, process.pending_exit = process.pending_exit, None
        if pending is not None:
            self._exited(container, process, *pending)
        if process.exec_id and container.init_exit is not None:
            # What was started meanwhile came too late to be ended with the rest.
            self.init_gone(container)
        self._settle_init(container)

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
                container.delete_init()
            with self._lock:
                self.containers.pop(r.id, None)
            self.forget(container)
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
                container.delete_exec(process)
                with self._lock:
                    container.execs.pop(r.exec_id, None)
                self._settle_init(container)
            else:
                container.delete_init()
                with self._lock:
                    self.containers.pop(r.id, None)
                self.forget(container)
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
        process = self._container(r.id).process(r.exec_id)
        with self._lock:
            if process.status != lifecycle.STOPPED:
                process.waiters.append(reply)
                return
        reply(_ended(process))

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


def failure(error: BaseException) -> ArgosyError | BaseException:
    """Return what to tell the daemon about error."""
    if isinstance(error, OSError):
        return FailedPrecondition(f"{error.strerror}: {error.filename}" if error.filename else str(error))
    return error
