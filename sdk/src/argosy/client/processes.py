"""A process of a task, its init or an exec: start, wait, signal, resize."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argosy_protos.containerd.services.tasks import v1 as p
from argosy_protos.containerd.v1.types import Process as WireProcess

from argosy.client.services import present
from argosy.errors import ArgosyError, Cancelled, DeadlineExceeded, Unavailable

if TYPE_CHECKING:
    from argosy.client.connection import Client
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
