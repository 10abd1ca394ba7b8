"""containerd.services.tasks.v1.Tasks: each method is one or two calls to the container's shim."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import anyio
from argosy import filters, log
from argosy.errors import ArgosyError, DeadlineExceeded, InvalidArgument, NotFound, Unavailable
from argosy.names import LEASE_HEADER, NAMESPACE_HEADER, check_identifier
from argosy.rpc.channel import Channel
from argosy.rpc.context import current
from argosy.timestamps import to_wire
from argosy_protos.containerd.runc.v1 import CheckpointOptions
from argosy_protos.containerd.services.containers.v1 import Container, ContainersStub, GetContainerRequest
from argosy_protos.containerd.services.tasks import v1 as p
from argosy_protos.containerd.task import v2 as api
from argosy_protos.containerd.types import Metric
from argosy_protos.containerd.v1.types import Process, Status
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_protos.google.protobuf import Empty

from argosy_tasks.checkpoints import Checkpoints, put_bytes
from argosy_tasks.gate import Gate
from argosy_tasks.roster import Roster
from argosy_tasks.shim import Shim

T = TypeVar("T")
logger = log.get("tasks")

CHECKPOINT_MEDIA: Final = "application/vnd.containerd.container.criu.checkpoint.criu.tar"
CHECKPOINT_CONFIG_MEDIA: Final = "application/vnd.containerd.container.checkpoint.config.v1+proto"


def _process(state: api.StateResponse) -> Process:
    return Process(
        id=state.id,
        pid=state.pid,
        status=state.status,
        stdin=state.stdin,
        stdout=state.stdout,
        stderr=state.stderr,
        terminal=state.terminal,
        exit_status=state.exit_status,
        exited_at=state.exited_at,
    )


async def _of_each(shims: Sequence[Shim], ask: Callable[[Shim], Awaitable[T | None]]) -> list[T]:
    """Ask all shims side by side; return the answers that there are, in the shims' order. Cancellation: ends every question."""
    answers: list[T | None] = [None] * len(shims)

    async def one(index: int, shim: Shim) -> None:
        answers[index] = await ask(shim)

    async with anyio.create_task_group() as group:
        for index, shim in enumerate(shims):
            group.start_soon(one, index, shim)
    return [answer for answer in answers if answer is not None]


class Tasks(p.TasksBase):
    """Tasks of the caller's namespace."""

    def __init__(
        self,
        roster: Roster,
        gateway: Channel,
        gate: Gate,
        checkpoints: Checkpoints,
        state_s: float = 2.0,
        stats_s: float = 2.0,
    ) -> None:
        self._roster, self._gate = roster, gate
        self._gateway = gateway
        self._state_s, self._stats_s = state_s, stats_s
        self._checkpoints = checkpoints

    def _shim(self, id: str) -> Shim:
        return self._roster.get(current().namespace, id)

    async def _container(self, id: str) -> Container:
        channel = self._gateway.with_metadata({NAMESPACE_HEADER: current().namespace})
        reply = await ContainersStub(channel).get(GetContainerRequest(id=id), timeout=10.0)
        if reply.container is None:
            raise NotFound(f'container "{id}" in namespace "{current().namespace}"')
        return reply.container

    async def _started(self, shim: Shim, exec_id: str) -> None:
        """Raise NotFound unless the exec is known."""
        if exec_id and exec_id not in shim.execs:
            try:
                await shim.call("State", api.StateRequest(id=shim.bundle.id, exec_id=exec_id), self._state_s)
            except NotFound:
                raise NotFound(f"process does not exist {exec_id}") from None

    async def create(self, request: p.CreateTaskRequest) -> p.CreateTaskResponse:
        ns, id = current().namespace, request.container_id
        container = await self._container(id)
        runtime = request.runtime_path or (container.runtime.name if container.runtime else "")
        options = request.options if request.options is not None and request.options.value else None
        if options is None and container.runtime is not None:
            options = container.runtime.options
        await self._gate.check(runtime, options)
        checkpoint: str | None = None
        try:
            if request.checkpoint is not None and request.checkpoint.digest:
                # The shim reads the image at Start, not now; it goes with the task.
                checkpoint = await self._checkpoints.fetch(self._caller(), request.checkpoint.digest, ns, id)
            call = api.CreateTaskRequest(
                id=id,
                rootfs=request.rootfs,
                terminal=request.terminal,
                stdin=request.stdin,
                stdout=request.stdout,
                stderr=request.stderr,
                checkpoint=checkpoint or "",
                options=options,
            )
            spec = container.spec.value if container.spec is not None else b"{}"
            pid = await self._roster.create(ns, id, runtime, spec, options, call)
        except BaseException:
            if checkpoint:
                await asyncio.shield(self._checkpoints.forget(ns, id))
            raise
        return p.CreateTaskResponse(container_id=id, pid=pid)

    async def start(self, request: p.StartRequest) -> p.StartResponse:
        shim = self._shim(request.container_id)
        call = api.StartRequest(id=request.container_id, exec_id=request.exec_id)
        if not request.exec_id:
            reply = await shim.call("Start", call)
            shim.pid = reply.pid
            return p.StartResponse(pid=reply.pid)
        await self._started(shim, request.exec_id)
        reply = await shim.call("Start", call)
        return p.StartResponse(pid=reply.pid)

    async def delete(self, request: p.DeleteTaskRequest) -> p.DeleteResponse:
        try:
            r = await self._roster.delete(current().namespace, request.container_id)
        except ArgosyError as error:
            if isinstance(error, NotFound):
                raise
            raise type(error)(f"failed to delete task: {error.message}") from error
        await self._checkpoints.forget(current().namespace, request.container_id)
        return p.DeleteResponse(pid=r.pid, exit_status=r.exit_status, exited_at=r.exited_at)

    async def delete_process(self, request: p.DeleteProcessRequest) -> p.DeleteResponse:
        shim = self._shim(request.container_id)
        await self._started(shim, request.exec_id)
        r = await shim.call("Delete", api.DeleteRequest(id=request.container_id, exec_id=request.exec_id))
        shim.deleted(request.exec_id)
        return p.DeleteResponse(id=request.exec_id, pid=r.pid, exit_status=r.exit_status, exited_at=r.exited_at)

    async def _state(self, shim: Shim, exec_id: str = "") -> Process:
        id = shim.bundle.id
        try:
            state = await shim.call("State", api.StateRequest(id=id, exec_id=exec_id), self._state_s)
        except Unavailable:
            raise NotFound(f"task {id} not found") from None
        except NotFound:
            if exec_id:
                raise NotFound(f"process does not exist {exec_id}") from None
            self._roster.vanished(shim)
            raise NotFound(f"task {id} not found") from None
        except (DeadlineExceeded, ArgosyError) as error:
            logger.warning("task.state_unknown", namespace=shim.bundle.namespace, container=id, error=str(error))
            return Process(id=exec_id or id, pid=0 if exec_id else shim.pid, status=Status.UNKNOWN)
        return _process(state)

    async def get(self, request: p.GetRequest) -> p.GetResponse:
        return p.GetResponse(process=await self._state(self._shim(request.container_id), request.exec_id))

    async def list(self, request: p.ListTasksRequest) -> p.ListTasksResponse:
        async def one(shim: Shim) -> Process | None:
            try:
                return await self._state(shim)
            except NotFound:
                return None

        return p.ListTasksResponse(tasks=await _of_each(self._roster.all_of(current().namespace), one))

    async def kill(self, request: p.KillRequest) -> Empty:
        shim = self._shim(request.container_id)
        await self._started(shim, request.exec_id)
        await shim.call(
            "Kill", api.KillRequest(id=request.container_id, exec_id=request.exec_id, signal=request.signal, all=request.all)
        )
        return Empty()

    async def exec(self, request: p.ExecProcessRequest) -> Empty:
        if not request.exec_id:
            raise InvalidArgument("exec id cannot be empty")
        check_identifier(request.exec_id)
        shim = self._shim(request.container_id)
        call = api.ExecProcessRequest(
            id=request.container_id,
            exec_id=request.exec_id,
            terminal=request.terminal,
            stdin=request.stdin,
            stdout=request.stdout,
            stderr=request.stderr,
            spec=request.spec,
        )
        await shim.call("Exec", call)
        shim.execs.add(request.exec_id)
        return Empty()

    async def resize_pty(self, request: p.ResizePtyRequest) -> Empty:
        shim = self._shim(request.container_id)
        await self._started(shim, request.exec_id)
        call = api.ResizePtyRequest(
            id=request.container_id, exec_id=request.exec_id, width=request.width, height=request.height
        )
        await shim.call("ResizePty", call)
        return Empty()

    async def close_io(self, request: p.CloseIORequest) -> Empty:
        shim = self._shim(request.container_id)
        await self._started(shim, request.exec_id)
        if request.stdin:
            await shim.call("CloseIO", api.CloseIORequest(id=request.container_id, exec_id=request.exec_id, stdin=True))
        return Empty()

    async def pause(self, request: p.PauseTaskRequest) -> Empty:
        await self._shim(request.container_id).call("Pause", api.PauseRequest(id=request.container_id))
        return Empty()

    async def resume(self, request: p.ResumeTaskRequest) -> Empty:
        await self._shim(request.container_id).call("Resume", api.ResumeRequest(id=request.container_id))
        return Empty()

    async def list_pids(self, request: p.ListPidsRequest) -> p.ListPidsResponse:
        r = await self._shim(request.container_id).call("Pids", api.PidsRequest(id=request.container_id))
        return p.ListPidsResponse(processes=r.processes)

    async def update(self, request: p.UpdateTaskRequest) -> Empty:
        call = api.UpdateTaskRequest(id=request.container_id, resources=request.resources, annotations=request.annotations)
        await self._shim(request.container_id).call("Update", call)
        return Empty()

    async def metrics(self, request: p.MetricsRequest) -> p.MetricsResponse:
        ns = current().namespace
        wanted = filters.parse(request.filters)

        async def one(shim: Shim) -> Metric | None:
            def look(path: Sequence[str]) -> str | None:
                return {"id": shim.bundle.id, "namespace": ns}.get(".".join(path))

            if not wanted.matches(look):
                return None
            try:
                stats = await shim.call("Stats", api.StatsRequest(id=shim.bundle.id), self._stats_s)
            except ArgosyError as error:
                if not isinstance(error, NotFound):
                    logger.warning("task.no_metrics", namespace=ns, container=shim.bundle.id, error=str(error))
                return None
            return Metric(timestamp=to_wire(time.time_ns()), id=shim.bundle.id, data=stats.stats)

        return p.MetricsResponse(metrics=await _of_each(self._roster.all_of(ns), one))

    async def wait(self, request: p.WaitRequest) -> p.WaitResponse:
        shim = self._shim(request.container_id)
        await self._started(shim, request.exec_id)
        r = await shim.wait(request.exec_id, current().timeout())
        return p.WaitResponse(exit_status=r.exit_status, exited_at=r.exited_at)

    # -- checkpoints --

    async def checkpoint(self, request: p.CheckpointTaskRequest) -> p.CheckpointTaskResponse:
        shim = self._shim(request.container_id)
        container = await self._container(request.container_id)
        options = CheckpointOptions()
        if request.options is not None and request.options.value:
            options = CheckpointOptions.decode(request.options.value)
        if options.image_path:
            # The caller keeps the image where it said; nothing goes into the content store.
            call = api.CheckpointTaskRequest(id=request.container_id, path=options.image_path, options=request.options)
            await shim.call("Checkpoint", call)
            return p.CheckpointTaskResponse()
        caller = self._caller()
        with self._checkpoints.scratch() as image:
            call = api.CheckpointTaskRequest(id=request.container_id, path=str(image), options=request.options)
            await shim.call("Checkpoint", call)
            index = await self._checkpoints.put(caller, CHECKPOINT_MEDIA, image, f"checkpoint-{request.container_id}")
        spec = (container.spec or AnyMessage()).encode()
        config = await put_bytes(caller, CHECKPOINT_CONFIG_MEDIA, spec, f"checkpoint-spec-{request.container_id}")
        return p.CheckpointTaskResponse(descriptors=[index, config])

    def _caller(self) -> Any:
        headers = {NAMESPACE_HEADER: current().namespace}
        if current().lease:
            headers[LEASE_HEADER] = str(current().lease)
        return self._gateway.with_metadata(headers)
