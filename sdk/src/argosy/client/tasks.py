"""Tasks: a container's init, what is done to all of its processes, and its execs."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argosy_protos.containerd.services.tasks import v1 as p
from argosy_protos.containerd.v1.types import Process as WireProcess
from argosy_protos.containerd.v1.types import Status

from argosy.client.jobs import given_back
from argosy.client.processes import Process
from argosy.errors import ArgosyError, NotFound
from argosy.typeurl import PROCESS, pack_json

if TYPE_CHECKING:
    from argosy.client.connection import Client
    from argosy.client.foreground import Foreground
    from argosy.client.stdio import Stdio


@dataclass
class Task(Process):
    """A container's task."""

    async def exec(self, exec_id: str, spec: dict[str, Any], stdio: Stdio, terminal: bool = False) -> Process:
        """Add an exec with a process spec; start it like any process. Raises AlreadyExists, FailedPrecondition."""
        request = p.ExecProcessRequest(
            container_id=self.container_id, exec_id=exec_id, stdin=stdio.stdin, stdout=stdio.stdout, stderr=stdio.stderr,
            terminal=terminal, spec=pack_json(PROCESS, spec),
        )  # fmt: skip
        await self.client.services.tasks.exec(request)
        return Process(self.client, self.container_id, exec_id, stdio=stdio)

    @asynccontextmanager
    async def run(
        self, exec_id: str, spec: dict[str, Any], *, stdin: int | None = None, stdout: int = 1, stderr: int = 2,
        terminal: bool = False, signals: bool = True, say: Callable[[str], None] | None = None,
    ) -> AsyncIterator[Foreground]:  # fmt: skip
        """Run an exec in the foreground, as ``Container.run`` runs a container; it is deleted when it has ended."""
        from argosy.client.foreground import AWAY, attended, until_answered  # few commands carry bytes
        from argosy.client.stdio import Stdio

        noun = f'exec "{exec_id}" of container "{self.container_id}"'

        async def create(stdio: Stdio) -> Process:
            return await self.exec(exec_id, spec, stdio, terminal)

        async def undo() -> None:
            with suppress(*AWAY, NotFound):
                process = Process(self.client, self.container_id, exec_id)
                state = await process.state()
                if state.status == Status.CREATED:
                    with suppress(ArgosyError):  # it was never told to start; or ends a start that is under way
                        await process.kill(signal.SIGKILL)
                elif state.status != Status.STOPPED:
                    await process.kill(signal.SIGKILL)
                    await process.wait()
            with suppress(ArgosyError):  # it never came to be
                await self.delete_exec(exec_id)

        async def delete() -> None:
            with suppress(NotFound):  # gone with its container
                await self.delete_exec(exec_id)

        stdio = Stdio.fifos(exec_id, terminal, stdin is not None)
        async with attended(create, undo, stdio, noun, (stdout, stderr), stdin, terminal, signals, say) as process:
            try:
                yield process
            except BaseException:
                if process.is_over():
                    await given_back(until_answered(delete, noun))
                raise
            if process.is_over():
                await until_answered(delete, f"{noun} is to be deleted", say)

    async def delete(self) -> int:
        """Delete a task that has ended; return its exit status. Raises NotFound."""
        reply = await self.client.services.tasks.delete(p.DeleteTaskRequest(container_id=self.container_id))
        return reply.exit_status

    async def delete_exec(self, exec_id: str) -> int:
        """Delete an exec that has ended; return its exit status."""
        reply = await self.client.services.tasks.delete_process(
            p.DeleteProcessRequest(container_id=self.container_id, exec_id=exec_id)
        )
        return reply.exit_status

    async def pause(self) -> None:
        await self.client.services.tasks.pause(p.PauseTaskRequest(container_id=self.container_id))

    async def resume(self) -> None:
        await self.client.services.tasks.resume(p.ResumeTaskRequest(container_id=self.container_id))

    async def pids(self) -> list[int]:
        reply = await self.client.services.tasks.list_pids(p.ListPidsRequest(container_id=self.container_id))
        return [i.pid for i in reply.processes]


async def tasks(client: Client) -> AsyncIterator[WireProcess]:
    """Yield the tasks of the namespace."""
    try:
        reply = await client.services.tasks.list(p.ListTasksRequest())
    except NotFound:
        return
    for process in reply.tasks:
        yield process


async def end_task(task: Task) -> None:
    """Kill a task that runs, and delete it; nothing happens when there is none."""
    try:
        state = await task.state()
        if state.status not in (Status.STOPPED, Status.CREATED):
            await task.kill(signal.SIGKILL, everyone=True)
            await task.wait()
    except NotFound:
        pass  # it ended by itself
    with suppress(NotFound):  # the same
        await task.delete()
