"""What a task service is served by: a daemon of its own, in memory, and a shim's Task API behind a program of two lines."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from argosy import filters
from argosy.errors import AlreadyExists, ArgosyError, NotFound
from argosy.names import NAMESPACE_TTRPC_KEY
from argosy.rpc.context import current
from argosy.testkit.tasks.calls import RUNTIME
from argosy.timestamps import now_ns, to_wire
from argosy.ttrpc.client import TtrpcClient
from argosy.ttrpc.server import TtrpcServer
from argosy_protos.containerd.services.containers import v1 as containers
from argosy_protos.containerd.services.events import v1 as events
from argosy_protos.containerd.services.events.ttrpc.v1 import ForwardRequest
from argosy_protos.containerd.services.leases import v1 as leases
from argosy_protos.containerd.services.namespaces import v1 as namespaces
from argosy_protos.containerd.services.tasks import v1 as p
from argosy_protos.containerd.services.version.v1 import VersionBase, VersionResponse
from argosy_protos.containerd.task import v3 as api
from argosy_protos.containerd.types import Envelope, Metric
from argosy_protos.containerd.v1.types import Process as WireProcess
from argosy_protos.containerd.v1.types import ProcessInfo
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_protos.google.protobuf import Empty

from tests.contracts.tasks import Process, Reference
from tests.harness.gateways import serving

_EVENTS: Final = "containerd.services.events.ttrpc.v1.Events"


def enveloped(namespace: str, topic: str, event: Any) -> Envelope:
    value = AnyMessage(type_url=f"containerd.events.{type(event).__name__}", value=event.encode())
    return Envelope(timestamp=to_wire(now_ns()), namespace=namespace, topic=topic, event=value)


class Version(VersionBase):
    """It is a daemon."""

    async def version(self, request: Empty) -> VersionResponse:
        return VersionResponse(version="0.0.0+reference")


class Leases(leases.LeasesBase):
    """Leases hold nothing: there is nothing to hold."""

    async def create(self, request: leases.CreateRequest) -> leases.CreateResponse:
        return leases.CreateResponse(lease=leases.Lease(id=request.id))

    async def delete(self, request: leases.DeleteRequest) -> Empty:
        return Empty()


class Namespaces(namespaces.NamespacesBase):
    """Namespaces have no more than their names."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    async def create(self, request: namespaces.CreateNamespaceRequest) -> namespaces.CreateNamespaceResponse:
        assert request.namespace is not None
        self.names.add(request.namespace.name)
        return namespaces.CreateNamespaceResponse(namespace=request.namespace)

    async def delete(self, request: namespaces.DeleteNamespaceRequest) -> Empty:
        self.names.discard(request.name)
        return Empty()


class Containers(containers.ContainersBase):
    """Containers, by namespaces and ids."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], containers.Container] = {}

    async def create(self, request: containers.CreateContainerRequest) -> containers.CreateContainerResponse:
        assert request.container is not None
        key = current().namespace, request.container.id
        if key in self.held:
            raise AlreadyExists(f'container "{request.container.id}"')
        self.held[key] = request.container
        return containers.CreateContainerResponse(container=request.container)

    async def list(self, request: containers.ListContainersRequest) -> containers.ListContainersResponse:
        namespace = current().namespace
        return containers.ListContainersResponse(containers=[one for (ns, _), one in self.held.items() if ns == namespace])

    async def delete(self, request: containers.DeleteContainerRequest) -> Empty:
        if self.held.pop((current().namespace, request.id), None) is None:
            raise NotFound(f'container "{request.id}"')
        return Empty()


class Events(events.EventsBase):
    """What is published is told to who has subscribed by then."""

    def __init__(self) -> None:
        self._ears: dict[asyncio.Queue[Envelope], filters.Filter] = {}

    def tell(self, namespace: str, topic: str, event: Any) -> None:
        self._send(enveloped(namespace, topic, event))

    def _send(self, envelope: Envelope) -> None:
        for queue, wanted in self._ears.items():
            if wanted.matches(lambda path: envelope.namespace if list(path) == ["namespace"] else None):
                queue.put_nowait(envelope)

    async def publish(self, request: events.PublishRequest) -> Empty:
        self._send(
            Envelope(timestamp=to_wire(now_ns()), namespace=current().namespace, topic=request.topic, event=request.event)
        )
        return Empty()

    async def subscribe(self, request: events.SubscribeRequest) -> AsyncIterator[Envelope]:
        queue: asyncio.Queue[Envelope] = asyncio.Queue()
        self._ears[queue] = filters.parse(request.filters)
        try:
            while True:
                yield await queue.get()
        finally:
            del self._ears[queue]


class Tasks(p.TasksBase):
    """The tasks of a reference, as a daemon's service."""

    def __init__(self, tasks: Reference, held: Containers) -> None:
        self.tasks, self._held = tasks, held

    @property
    def _ns(self) -> str:
        return current().namespace

    async def create(self, request: p.CreateTaskRequest) -> p.CreateTaskResponse:
        id = request.container_id
        container = self._held.held.get((self._ns, id))
        if container is None or container.spec is None:
            raise NotFound(f'container "{id}" in namespace "{self._ns}"')
        if container.runtime is None or container.runtime.name != RUNTIME:
            raise NotFound(f'runtime "{container.runtime and container.runtime.name}"')
        args = json.loads(container.spec.value)["process"]["args"]
        process = Process(id, args, request.stdin, request.stdout, request.stderr, request.terminal)
        pid = self.tasks.create(self._ns, id, "", process, [mount.source for mount in request.rootfs])
        return p.CreateTaskResponse(container_id=id, pid=pid)

    async def start(self, request: p.StartRequest) -> p.StartResponse:
        return p.StartResponse(pid=self.tasks.start(self._ns, request.container_id, request.exec_id))

    async def delete(self, request: p.DeleteTaskRequest) -> p.DeleteResponse:
        gone = self.tasks.delete(self._ns, request.container_id, "")
        return p.DeleteResponse(pid=gone.pid, exit_status=gone.exit_status, exited_at=gone.exited_at)

    async def delete_process(self, request: p.DeleteProcessRequest) -> p.DeleteResponse:
        gone = self.tasks.delete(self._ns, request.container_id, request.exec_id)
        return p.DeleteResponse(id=gone.id, pid=gone.pid, exit_status=gone.exit_status, exited_at=gone.exited_at)

    async def get(self, request: p.GetRequest) -> p.GetResponse:
        return p.GetResponse(process=_shown(self.tasks.state(self._ns, request.container_id, request.exec_id)))

    async def list(self, request: p.ListTasksRequest) -> p.ListTasksResponse:
        return p.ListTasksResponse(tasks=[_shown(task.init) for task in self.tasks.listed(self._ns)])

    async def kill(self, request: p.KillRequest) -> Empty:
        self.tasks.kill(self._ns, request.container_id, request.exec_id, request.signal, request.all)
        return Empty()

    async def exec(self, request: p.ExecProcessRequest) -> Empty:
        self.tasks.find(self._ns, request.container_id)
        args = json.loads(request.spec.value)["args"] if request.spec is not None else []
        process = Process(request.exec_id, args, request.stdin, request.stdout, request.stderr, request.terminal)
        self.tasks.exec(self._ns, request.container_id, process)
        return Empty()

    async def resize_pty(self, request: p.ResizePtyRequest) -> Empty:
        self.tasks.resize(self._ns, request.container_id, request.exec_id, request.width, request.height)
        return Empty()

    async def close_io(self, request: p.CloseIORequest) -> Empty:
        self.tasks.close_io(self._ns, request.container_id, request.exec_id)
        return Empty()

    async def pause(self, request: p.PauseTaskRequest) -> Empty:
        self.tasks.pause(self._ns, request.container_id)
        return Empty()

    async def resume(self, request: p.ResumeTaskRequest) -> Empty:
        self.tasks.resume(self._ns, request.container_id)
        return Empty()

    async def list_pids(self, request: p.ListPidsRequest) -> p.ListPidsResponse:
        pids = self.tasks.pids(self._ns, request.container_id)
        return p.ListPidsResponse(processes=[ProcessInfo(pid=pid) for pid in pids])

    async def checkpoint(self, request: p.CheckpointTaskRequest) -> p.CheckpointTaskResponse:
        self.tasks.checkpoint(self._ns, request.container_id)
        return p.CheckpointTaskResponse()

    async def update(self, request: p.UpdateTaskRequest) -> Empty:
        resources = json.loads(request.resources.value) if request.resources is not None else {}
        self.tasks.update(self._ns, request.container_id, resources)
        return Empty()

    async def metrics(self, request: p.MetricsRequest) -> p.MetricsResponse:
        wanted = filters.parse(request.filters)

        def is_wanted(id: str) -> bool:
            return wanted.matches(lambda path: id if list(path) == ["id"] else None)

        found = [
            Metric(timestamp=to_wire(now_ns()), id=task.id, data=self.tasks.stats(self._ns, task.id))
            for task in self.tasks.listed(self._ns)
            if is_wanted(task.id)
        ]
        return p.MetricsResponse(metrics=found)

    async def wait(self, request: p.WaitRequest) -> p.WaitResponse:
        _ = self._ns
        ended = await self.tasks.wait(self._ns, request.container_id, request.exec_id)
        return p.WaitResponse(exit_status=ended.exit_status, exited_at=ended.exited_at)


def _shown(one: Process) -> WireProcess:
    return WireProcess(
        id=one.id, pid=one.pid, status=one.status, stdin=one.stdin, stdout=one.stdout, stderr=one.stderr,
        terminal=one.terminal, exit_status=one.exit_status, exited_at=one.exited_at,
    )  # fmt: skip


@asynccontextmanager
async def daemon(address: Path, kind: type[Reference]) -> AsyncIterator[Reference]:
    """Serve a daemon with tasks of a kind. Nothing of them is left afterwards."""
    told, held = Events(), Containers()
    tasks = kind(told.tell)
    try:
        async with serving(address, Version(), Leases(), Namespaces(), held, told, Tasks(tasks, held)):
            yield tasks
    finally:
        tasks.close()


# -- the shim --


class Shim:
    """The tasks of a reference, as a shim that is there already when it is started."""

    def __init__(self, base: Path, kind: type[Reference]) -> None:
        self._base = base
        self.tasks = kind(self._tell)
        self._events: asyncio.Queue[Envelope] = asyncio.Queue()
        # What answers for the shim's own process: nobody shall be killed for it who is somebody else.
        self._stand_in = subprocess.Popen(["sleep", "1000"])

    @property
    def binary(self) -> Path:
        return self._base / "containerd-shim-reference-v1"

    def _tell(self, namespace: str, topic: str, event: Any) -> None:
        self._events.put_nowait(enveloped(namespace, topic, event))

    async def forward(self) -> None:
        """Tell the daemon of one event after the other."""
        client: TtrpcClient | None = None
        try:
            while True:
                envelope = await self._events.get()
                if client is None:
                    client = await TtrpcClient.connect((self._base / "events").read_text().strip())
                with suppress(ArgosyError):  # the daemon's ears are gone at the end
                    await client.call(_EVENTS, "Forward", ForwardRequest(envelope=envelope), Empty, 5.0)
        finally:
            if client is not None:
                client.close()

    def write(self) -> None:
        # An address of each task's own: who has done with a shim takes its socket away.
        self.binary.write_text(
            "#!/bin/sh\n"
            'while [ $# -gt 1 ]; do [ "$1" = -id ] && id=$2; shift; done\n'
            f'echo "$TTRPC_ADDRESS" > {self._base}/events\n'
            '[ "$1" = start ] || exit 0\n'
            f"ln -sf {self._base}/shim.sock {self._base}/$id.sock\n"
            f"echo unix://{self._base}/$id.sock\n"
        )
        self.binary.chmod(0o755)

    def close(self) -> None:
        self.tasks.close()
        self._stand_in.kill()
        self._stand_in.wait()

    async def answer(self, method: str, wish: Any, metadata: Mapping[str, str]) -> Any:
        """Answer a call of the Task API."""
        tasks, ns, id = self.tasks, metadata[NAMESPACE_TTRPC_KEY], wish.id
        exec_id = getattr(wish, "exec_id", "")
        match method:
            case "Create":
                spec = json.loads((Path(wish.bundle) / "config.json").read_text())["process"]
                process = Process(id, spec["args"], wish.stdin, wish.stdout, wish.stderr, wish.terminal)
                return api.CreateTaskResponse(pid=tasks.create(ns, id, wish.bundle, process))
            case "Start":
                return api.StartResponse(pid=tasks.start(ns, id, exec_id))
            case "State":
                one = tasks.state(ns, id, exec_id)
                return api.StateResponse(
                    id=one.id, bundle=tasks.find(ns, id).bundle, pid=one.pid, status=one.status, stdin=one.stdin,
                    stdout=one.stdout, stderr=one.stderr, terminal=one.terminal, exit_status=one.exit_status,
                    exited_at=one.exited_at,
                )  # fmt: skip
            case "Delete":
                one = tasks.delete(ns, id, exec_id)
                return api.DeleteResponse(pid=one.pid, exit_status=one.exit_status, exited_at=one.exited_at)
            case "Wait":
                one = await tasks.wait(ns, id, exec_id)
                return api.WaitResponse(exit_status=one.exit_status, exited_at=one.exited_at)
            case "Exec":
                args = json.loads(wish.spec.value)["args"]
                tasks.exec(ns, id, Process(exec_id, args, wish.stdin, wish.stdout, wish.stderr, wish.terminal))
            case "Kill":
                tasks.kill(ns, id, exec_id, wish.signal, wish.all)
            case "Pids":
                return api.PidsResponse(processes=[ProcessInfo(pid=pid) for pid in tasks.pids(ns, id)])
            case "Stats":
                return api.StatsResponse(stats=tasks.stats(ns, id))
            case "Connect":
                found = tasks.tasks.get(tasks.key(ns, id))
                return api.ConnectResponse(
                    shim_pid=self._stand_in.pid, task_pid=found.init.pid if found is not None else 0, version="reference"
                )
            case "Pause":
                tasks.pause(ns, id)
            case "Resume":
                tasks.resume(ns, id)
            case "ResizePty":
                tasks.resize(ns, id, exec_id, wish.width, wish.height)
            case "CloseIO":
                tasks.close_io(ns, id, exec_id)
            case "Checkpoint":
                tasks.checkpoint(ns, id)
            case "Update":
                tasks.update(ns, id, json.loads(wish.resources.value))
        return Empty()


@asynccontextmanager
async def shim(base: Path, kind: type[Reference]) -> AsyncIterator[Shim]:
    """Serve the Task API with tasks of a kind, behind a program that answers where. Nothing of them is left afterwards."""
    made = Shim(base, kind)
    server = TtrpcServer()
    for row in api.TaskBase.__methods__:

        async def handle(wish: Any, metadata: Mapping[str, str], method: str = row.name) -> Any:
            return await made.answer(method, wish, metadata)

        server.add("containerd.task.v3.Task", row.name, row.request, handle)
        server.add("containerd.task.v2.Task", row.name, row.request, handle)
    made.write()
    await server.listen_unix(base / "shim.sock")
    teller = asyncio.create_task(made.forward())
    try:
        yield made
    finally:
        teller.cancel()
        await asyncio.wait([teller])
        made.close()
        await server.close()
