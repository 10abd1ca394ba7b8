"""Tasks and execs: start, wait, signal, resize."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from argosy_protos.containerd.services.tasks import v1 as p
from argosy_protos.containerd.v1.types import Process as WireProcess

from argosy.client.services import present
from argosy.errors import ArgosyError, Cancelled, DeadlineExceeded, NotFound, Unavailable
from argosy.typeurl import PROCESS, pack_json

if TYPE_CHECKING:
    from argosy.client.connection import Client
    from argosy.client.foreground import Foreground
    from argosy.client.stdio import Stdio


def _nowhere() -> Stdio:
    from argosy.client.stdio import Stdio  # who lists tasks carries no bytes

    return Stdio()


@dataclass
class Process:
    """A task's init, or one of its execs."""

    client: Client
    container_id: str
    exec_id: str = ""
    pid: int = 0
    stdio: Stdio = field(default_factory=_nowhere)

    async def start(self) -> int:
        """Start it; return its pid. Raises what the runtime says."""
        reply = await self.client.services.tasks.start(p.StartRequest(container_id=self.container_id, exec_id=self.exec_id))
        self.pid = reply.pid
        return self.pid

    async def wait(self) -> int:
        """Return the exit status, whenever it comes."""
        reply = await self.client.services.tasks.wait(p.WaitRequest(container_id=self.container_id, exec_id=self.exec_id))
        return reply.exit_status

    async def kill(self, signal: int, everyone: bool = False) -> None:
        """Raises NotFound when it has ended."""
        await self.client.services.tasks.kill(
            p.KillRequest(container_id=self.container_id, exec_id=self.exec_id, signal=signal, all=everyone)
        )

    async def resize(self, width: int, height: int) -> None:
        await self.client.services.tasks.resize_pty(
            p.ResizePtyRequest(container_id=self.container_id, exec_id=self.exec_id, width=width, height=height)
        )

    async def close_stdin(self) -> None:
        """Let the process see the end of its input. Raises Unavailable while no daemon answers."""
        try:
            await self.client.services.tasks.close_io(
                p.CloseIORequest(container_id=self.container_id, exec_id=self.exec_id, stdin=True)
            )
        except (Unavailable, Cancelled, DeadlineExceeded):
            raise
        except ArgosyError:
            pass  # it has ended

    async def state(self) -> WireProcess:
        """Raises NotFound."""
        reply = await self.client.services.tasks.get(p.GetRequest(container_id=self.container_id, exec_id=self.exec_id))
        return present(reply.process, f'the state of container "{self.container_id}"')


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

    def run(
        self, exec_id: str, spec: dict[str, Any], *, stdin: int | None = None, stdout: int = 1, stderr: int = 2,
        terminal: bool = False, signals: bool = True, say: Callable[[str], None] | None = None,
    ) -> AbstractAsyncContextManager[Foreground]:  # fmt: skip
        """Run an exec in the foreground, as ``Container.run`` runs a container; it is deleted when it has ended."""
        from argosy.client import foreground  # it is built on this module

        return foreground.execute(
            self, exec_id, spec, stdin=stdin, stdout=stdout, stderr=stderr, terminal=terminal, signals=signals, say=say
        )

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
