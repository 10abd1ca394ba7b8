"""A Tasks service as a check speaks to it: containers that are made for it, its calls, and the events that its daemon tells."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio.to_thread
from argosy_protos.containerd.services.containers import v1 as containers
from argosy_protos.containerd.services.events import v1 as events
from argosy_protos.containerd.services.namespaces import v1 as namespaces
from argosy_protos.containerd.services.tasks import v1 as p
from argosy_protos.containerd.types import Mount as WireMount
from argosy_protos.containerd.v1.types import Process
from argosy_protos.google.protobuf import Empty

from argosy.client.jobs import given_back, together
from argosy.errors import ArgosyError, DeadlineExceeded, InvalidArgument, PermissionDenied
from argosy.kernel.mount_table import mounts_below
from argosy.kernel.unmount import unmount_tree
from argosy.names import NAMESPACE_HEADER
from argosy.oci.spec import default_spec
from argosy.rpc.channel import NO_DEADLINE, BoundChannel, Channel
from argosy.testkit import target as targets
from argosy.testkit.processes import Fifos, fifos, processes, read, root_file_system, runs
from argosy.testkit.suite import Broken, Subject, Suite, fields_of, greeted, request
from argosy.typeurl import PROCESS, SPEC, pack, pack_json, unpack

RUNTIME: Final = "io.containerd.runc.v2"
CAPABILITIES: Final[Mapping[str, str]] = {
    "pause": "it pauses and resumes a task",
    "metrics": "it measures what a task uses",
    "events": "each step of a task is told by its daemon's events",
    "loggers": "what a task says can go to a program of this machine, by binary://",
    "host": "a task's processes are processes of this machine, not of a VM",
}
USUAL: Final = frozenset(CAPABILITIES)
_SERVICE: Final = "containerd.services.tasks.v1.Tasks"
_METHODS: Final = {method.name: method for method in p.TasksBase.__methods__}
_READY: Final = "/argosy-verify/ready"
# How long giving up one step of what a check has left may take, and how long a shim to be gone after its task.
_STEP_S: Final = 2.0
_GONE_S: Final = 5.0


@dataclass
class Target:
    """Whose Tasks service is judged, and the daemon that knows its containers."""

    daemon: targets.Target
    channel: Channel
    """Leads to the Tasks service; it adds nothing."""
    base: Path
    runtime: str
    able: Collection[str]
    """What it is taken to be capable of."""
    events: list[tuple[str, str, Any]] = field(default_factory=list)
    """What was told: namespaces, topics and events."""
    deaf: str = ""
    """Why nothing is told any more."""

    @property
    def run(self) -> str:
        return self.daemon.run

    @property
    def is_here(self) -> bool:
        """Whether a task's processes are processes of this machine."""
        return "host" in self.able

    @property
    def hears(self) -> bool:
        """Whether its events are heard."""
        return "events" in self.able and not self.deaf

    @property
    def rootfs(self) -> Path:
        return self.base / "rootfs"

    @property
    def other(self) -> str:
        """A second namespace."""
        return f"{self.daemon.run}-2"

    @property
    def namespaces(self) -> tuple[str, str]:
        return self.daemon.namespace, self.other


@asynccontextmanager
async def begun(
    address: str | Path, daemon: str | Path | None, namespace: str, runtime: str, able: Collection[str], deadline_s: float
) -> AsyncIterator[Target]:
    """Yield a target: a root file system, two namespaces, and ears for events. Raises why it can't begin.

    daemon is the socket of the daemon that knows the containers, by default address itself.
    """
    if os.geteuid():
        raise PermissionDenied("a Tasks service is judged by root only: it runs containers; try it with sudo")
    base = Path(tempfile.mkdtemp(prefix=targets.PREFIX, dir="/tmp"))
    try:
        async with targets.reached(daemon or address, namespace, deadline_s) as found:
            if not found.is_daemon:
                raise InvalidArgument(
                    f"{found.address} is no daemon's socket: say where the daemon is that knows the containers, with --daemon"
                )
            async with Channel(address, default_timeout_s=deadline_s) as channel:
                target = Target(found, channel, base, runtime, able)
                await _serves_tasks(target)
                await anyio.to_thread.run_sync(root_file_system, target.rootfs)
                async with _second_namespace(target), _listening(target):
                    await _knows_runtime(target)
                    yield target
    finally:
        with suppress(OSError):
            unmount_tree(str(base))
        shutil.rmtree(base, ignore_errors=True)


async def _serves_tasks(target: Target) -> None:
    metadata = {NAMESPACE_HEADER: target.daemon.namespace}
    asked = p.TasksStub(target.channel).list(p.ListTasksRequest(), metadata=metadata)
    await greeted(asked, f"no Tasks service is served at {target.channel.path}")


async def _knows_runtime(target: Target) -> None:
    """Raises the error of a Create that is about the runtime: each check would say no more than that."""
    tasks = Tasks(target, target.run)
    try:
        await tasks.create(await tasks.container("runtime", "true"))
    except (ArgosyError, Broken) as error:
        # What else is wrong a check will say.
        if isinstance(error, ArgosyError) and target.runtime in error.message:
            raise type(error)(f"there are no tasks of that runtime: {error.message}; name another with --runtime") from None
    finally:
        await given_back(tasks.clean(), target.daemon.deadline_s)


@asynccontextmanager
async def _second_namespace(target: Target) -> AsyncIterator[None]:
    stub = namespaces.NamespacesStub(target.daemon.channel)
    await stub.create(namespaces.CreateNamespaceRequest(namespace=namespaces.Namespace(name=target.other)))
    try:
        yield
    finally:
        with suppress(ArgosyError):  # something is left in it, which the report says
            deleting = stub.delete(namespaces.DeleteNamespaceRequest(name=target.other))
            await given_back(deleting, target.daemon.deadline_s)


@asynccontextmanager
async def _listening(target: Target) -> AsyncIterator[None]:
    """Hear the daemon's events of both namespaces. A daemon without any is no failure of this: a check will tell."""
    async with together() as group:
        group.start_soon(_listen, target)
        try:
            with anyio.move_on_after(target.daemon.deadline_s) as late:
                await _until_heard(target)
            if late.cancelled_caught and not target.deaf:
                target.deaf = "what was published to it is not told"
        except ArgosyError as error:
            target.deaf = error.message
        yield
        group.cancel_scope.cancel()


async def _listen(target: Target) -> None:
    wish = events.SubscribeRequest(filters=[f'namespace=="{name}"' for name in target.namespaces])
    try:
        async for envelope in events.EventsStub(target.daemon.channel).subscribe(wish, timeout=NO_DEADLINE):
            if envelope.event is not None:
                target.events.append((envelope.namespace, envelope.topic, unpack(envelope.event)))
        target.deaf = "its daemon ended the stream of events"
    except ArgosyError as error:
        target.deaf = error.message


async def _until_heard(target: Target) -> None:
    """Publish until it is heard: a subscription begins when the daemon says nothing yet."""
    stub = events.EventsStub(target.daemon.channel)
    wish = events.PublishRequest(topic=_READY, event=pack("google.protobuf.Empty", Empty()))
    while not target.events and not target.deaf:
        await stub.publish(wish)
        await asyncio.sleep(0.02)


class Task(NamedTuple):
    """A container of a check's own; its task is called the same."""

    id: str
    namespace: str


class Tasks(Subject):
    """A Tasks service, as one check speaks to it. What it is asked raises what it says."""

    def __init__(self, target: Target, prefix: str) -> None:
        super().__init__(prefix, target.daemon.deadline_s)
        self.target = target
        self.made_here: list[Task] = []

    def _daemon(self, namespace: str) -> BoundChannel:
        return self.target.daemon.channel.with_metadata({NAMESPACE_HEADER: namespace})

    async def container(self, word: str, *args: str, terminal: bool = False, namespace: str = "", id: str = "") -> Task:
        """Make a container in the daemon; it has no task. id is by default one of its own."""
        namespace = namespace or self.target.daemon.namespace
        id = id or f"{self.target.run}-{len(self.made_here)}-{word}-{secrets.token_hex(4)}"
        task = Task(id, namespace)
        # Not below a cgroup of the namespace's, which would stay.
        spec = default_spec(namespace, id, f"/{id}" if namespace == self.target.daemon.namespace else f"/{id}-2")
        spec["process"] |= {"args": list(args), "terminal": terminal}
        wish = containers.Container(
            id=id, runtime=containers.ContainerRuntime(name=self.target.runtime), spec=pack_json(SPEC, spec)
        )
        self.made_here.append(task)
        stub = containers.ContainersStub(self._daemon(namespace))
        work = stub.create(containers.CreateContainerRequest(container=wish), timeout=self.deadline_s)
        await self.made(request("Containers.Create", id=id, args=list(args)), work)
        return task

    async def call(self, task: Task | str, method: str, wish: Any, timeout: float | None = None) -> Any:
        """Call a method, in the namespace of a task, or in one that is named; "" is none at all."""
        namespace = task if isinstance(task, str) else task.namespace
        row = _METHODS[method]
        where = "" if namespace == self.target.daemon.namespace else f', in namespace "{namespace}"'
        work = self.target.channel.unary(
            f"/{_SERVICE}/{method}", wish, row.response, timeout=timeout or self.deadline_s,
            metadata={NAMESPACE_HEADER: namespace} if namespace else None,
        )  # fmt: skip
        return await self.made(f"{request(method, **fields_of(wish))}{where}", work)

    async def create(self, task: Task, rootfs: Path | None = None, **fields: Any) -> int:
        """Create the task of a container, with the root file system mounted; return its pid."""
        source = str(rootfs or self.target.rootfs)
        mounts = [WireMount(type="bind", source=source, options=["rbind", "ro"])]
        answer = await self.call(task, "Create", p.CreateTaskRequest(container_id=task.id, rootfs=mounts, **fields))
        self.equal(answer.container_id, task.id, "the container that Create answers")
        pid: int = answer.pid
        return pid

    async def created(self, word: str, *args: str, terminal: bool = False, namespace: str = "", **fields: Any) -> Task:
        """Return a task that was created, of a container of its own."""
        task = await self.container(word, *args, terminal=terminal, namespace=namespace)
        await self.create(task, terminal=terminal, **fields)
        return task

    async def running(self, word: str, *args: str, **fields: Any) -> Task:
        """Return a task that was started."""
        task = await self.created(word, *args, **fields)
        await self.start(task)
        return task

    async def start(self, task: Task, exec_id: str = "") -> int:
        answer = await self.call(task, "Start", p.StartRequest(container_id=task.id, exec_id=exec_id))
        pid: int = answer.pid
        return pid

    async def get(self, task: Task, exec_id: str = "") -> Process:
        answer = await self.call(task, "Get", p.GetRequest(container_id=task.id, exec_id=exec_id))
        if answer.process is None:
            raise Broken("an answer with a process", "one without")
        found: Process = answer.process
        return found

    async def listed(self, namespace: str = "") -> list[Process]:
        """Return the tasks of a namespace whose ids are of this run."""
        answer = await self.call(namespace or self.target.daemon.namespace, "List", p.ListTasksRequest())
        return [task for task in answer.tasks if task.id.startswith(self.target.run)]

    async def wait(self, task: Task, exec_id: str = "", timeout: float | None = None) -> int:
        """Return the exit status of a process once it has ended."""
        answer = await self.call(task, "Wait", p.WaitRequest(container_id=task.id, exec_id=exec_id), timeout)
        self.holds(answer.exited_at is not None and answer.exited_at.seconds > 0, "exited_at", answer.exited_at)
        status: int = answer.exit_status
        return status

    async def kill(self, task: Task, number: int = signal.SIGKILL, exec_id: str = "", all: bool = False) -> None:
        await self.call(task, "Kill", p.KillRequest(container_id=task.id, exec_id=exec_id, signal=number, all=all))

    async def delete(self, task: Task) -> p.DeleteResponse:
        answer: p.DeleteResponse = await self.call(task, "Delete", p.DeleteTaskRequest(container_id=task.id))
        return answer

    async def delete_process(self, task: Task, exec_id: str) -> p.DeleteResponse:
        wish = p.DeleteProcessRequest(container_id=task.id, exec_id=exec_id)
        answer: p.DeleteResponse = await self.call(task, "DeleteProcess", wish)
        return answer

    async def exec(self, task: Task, exec_id: str, *args: str, terminal: bool = False, **fields: Any) -> None:
        """Add a process to a task; it is not started."""
        process = {
            "args": list(args), "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}, "terminal": terminal,
        }  # fmt: skip
        wish = p.ExecProcessRequest(
            container_id=task.id, exec_id=exec_id, spec=pack_json(PROCESS, process), terminal=terminal, **fields
        )
        await self.call(task, "Exec", wish)

    async def pids(self, task: Task) -> list[int]:
        answer = await self.call(task, "ListPids", p.ListPidsRequest(container_id=task.id))
        return sorted(process.pid for process in answer.processes)

    def events_of(self, task: Task) -> list[tuple[str, Any]]:
        """Return the events of a task, in the order in which they came."""
        return [
            (topic, event)
            for namespace, topic, event in self.target.events
            if namespace == task.namespace and topic.startswith("/tasks/") and getattr(event, "container_id", "") == task.id
        ]

    def topics(self, task: Task) -> list[str]:
        return [topic for topic, _ in self.events_of(task)]

    def fifos(self, word: str) -> AbstractContextManager[Fifos]:
        """Return FIFOs in the run's directory."""
        return fifos(self.target.base, self.target.run, word, self.deadline_s)

    def names(self, error: ArgosyError, noun: str) -> None:
        """Raises Broken unless an error says what it is about."""
        self.holds(noun in str(error), f'an error that names "{noun}"', error)

    async def over(self, pid: int) -> None:
        """Raises Broken unless a process ends, if it is one of this machine."""
        if not self.target.is_here:
            return

        async def ended() -> bool:
            return not runs(pid)

        await self.eventually(ended, f"process {pid} to be over", "it runs")

    async def told(self, task: Task, *expected: str) -> None:
        """Raises Broken unless these events of a task, and no others, come in this order."""

        async def there() -> bool:
            return len(self.topics(task)) >= len(expected)

        def got() -> str:
            heard = ", ".join(self.topics(task)) or "none"
            return f"{heard} ({self.target.deaf})" if self.target.deaf else heard

        await self.eventually(there, f"events {', '.join(expected)}", got)
        self.equal(self.topics(task), list(expected), "the events")

    async def greet(self) -> object:
        return await self.listed()

    async def clean(self) -> None:
        made, self.made_here = self.made_here, []
        for task in reversed(made):
            await self._remove(task)

    async def _remove(self, task: Task) -> None:
        """End a task whatever state it is in, and delete it and its container."""
        with suppress(ArgosyError):
            await self._step(task, "Kill", p.KillRequest(container_id=task.id, signal=signal.SIGKILL, all=True))
            try:
                await self._step(task, "Wait", p.WaitRequest(container_id=task.id))
            except DeadlineExceeded:
                # What is paused takes its signal when it goes on.
                await self._step(task, "Resume", p.ResumeTaskRequest(container_id=task.id))
                await self._step(task, "Wait", p.WaitRequest(container_id=task.id))
        with suppress(ArgosyError):
            await self._step(task, "Delete", p.DeleteTaskRequest(container_id=task.id))
        with suppress(ArgosyError):
            stub = containers.ContainersStub(self._daemon(task.namespace))
            await stub.delete(containers.DeleteContainerRequest(id=task.id), timeout=_STEP_S)

    async def _step(self, task: Task, method: str, wish: Any) -> None:
        await self.call(task, method, wish, min(self.deadline_s, _STEP_S))

    async def left(self) -> Sequence[str]:
        """Remove what there still is of the run; return it: tasks, containers, processes and mounts."""
        found = []
        for namespace in self.target.namespaces:
            tasks = {process.id for process in await self.listed(namespace)}
            stub = containers.ContainersStub(self._daemon(namespace))
            answer = await stub.list(containers.ListContainersRequest(), timeout=self.deadline_s)
            here = {container.id for container in answer.containers if container.id.startswith(self.target.run)}
            found += [f'task "{id}"' for id in sorted(tasks)] + [f'container "{id}"' for id in sorted(here - tasks)]
            for id in tasks | here:
                await self._remove(Task(id, namespace))
        return found or (await self._on_this_machine() if self.target.is_here else [])

    async def _on_this_machine(self) -> list[str]:
        """Return processes and mounts that still have to do with the run, after a moment: a shim leaves after its task."""
        until = asyncio.get_running_loop().time() + _GONE_S
        while True:
            found = [
                f"process {pid} ({read(pid, 'cmdline')[:80]})"
                for pid in processes()
                if self.target.run in read(pid, "cmdline")
            ]
            found += [f"mount {point}" for point in mounts_below(str(self.target.base))]
            if not found or asyncio.get_running_loop().time() > until:
                return found
            await asyncio.sleep(0.1)


SUITE: Final[Suite[Tasks]] = Suite("Tasks service", CAPABILITIES)


def able(has: Collection[str], lacks: Collection[str]) -> frozenset[str]:
    """Return what a Tasks service is taken to be capable of. Raises InvalidArgument for a capability that is none."""
    return SUITE.able(USUAL, has, lacks)


def subject(target: Target, check: str) -> Tasks:
    """Return what a check of that name speaks to; "" is the whole run."""
    return Tasks(target, target.run)


async def begin(target: Target) -> str:
    """Return whom we judge, in words."""
    if target.channel.path == target.daemon.address:
        return f"Tasks service of containerd {target.daemon.version} at {target.channel.path}"
    return f"Tasks service at {target.channel.path}, with the daemon at {target.daemon.address}"
