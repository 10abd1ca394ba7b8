"""Tasks and execs: start, wait, signal, resize, stdio over FIFOs."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio
from argosy_protos.containerd.services.tasks import v1 as p
from argosy_protos.containerd.v1.types import Process as WireProcess

from argosy.client.connection import Client
from argosy.errors import ArgosyError, NotFound
from argosy.typeurl import PROCESS, pack_json

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

_CHUNK: Final = 64 << 10
_IO_DRAIN_S: Final = 5.0
_REOPEN_S: Final = 0.01


@dataclass
class Stdio:
    """Where a process's stdio goes: paths of FIFOs, or URIs (file://, binary://); "" is nowhere."""

    stdin: str = ""
    stdout: str = ""
    stderr: str = ""
    directory: str = ""

    @classmethod
    def fifos(cls, id: str, terminal: bool = False, stdin: bool = True) -> Stdio:
        """Make FIFOs in a private directory; ``remove`` takes them away."""
        directory = tempfile.mkdtemp(prefix="argosy-fifo-")
        self = cls(directory=directory)
        for name in ("stdin", "stdout", "stderr"):
            if (name == "stderr" and terminal) or (name == "stdin" and not stdin):
                continue
            path = os.path.join(directory, f"{id}-{name}")
            os.mkfifo(path, 0o700)
            setattr(self, name, path)
        return self

    def remove(self) -> None:
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)


class Pump:
    """Carries bytes between FIFOs and our own descriptors, in the loop."""

    input_over: anyio.Event
    """Set when there is no more input: its source has ended, or the process."""
    reader_gone: anyio.Event
    """Set when nobody reads our output any more: a pipe that ends elsewhere."""

    def __init__(self, stdio: Stdio) -> None:
        self._loop = asyncio.get_running_loop()
        self._out: dict[int, int] = {}
        self._stdin = -1
        self._source = -1
        self._closed = False
        self._done = anyio.Event()
        self.input_over = anyio.Event()
        self.reader_gone = anyio.Event()
        self._pending = b""
        self._stdio = stdio

    def attach_output(self, path: str, target: int) -> None:
        """Carry a FIFO's bytes to target from now on."""
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._out[fd] = target
        self._loop.add_reader(fd, self._read, fd)

    def attach_input(self, source: int) -> None:
        """Carry source's bytes to the process; its end closes the process's stdin."""
        self._source = source
        # A daemon thread: one that waits for a person to type must not keep us from leaving.
        threading.Thread(target=self._feed, daemon=True).start()

    def _feed(self) -> None:
        """In a thread: files and terminals alike can be read there. Ends with source, or with the process."""
        try:
            # What is written before the shim has its end open would be lost with our own.
            while self._stdin < 0:
                if self._closed:
                    return
                try:
                    self._stdin = os.open(self._stdio.stdin, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                except OSError as error:
                    if error.errno != errno.ENXIO:
                        return
                    time.sleep(_REOPEN_S)
            while data := os.read(self._source, _CHUNK):
                view = memoryview(data)
                while view and self._stdin >= 0:
                    try:
                        view = view[os.write(self._stdin, view) :]
                    except BlockingIOError:
                        import select

                        select.select([], [self._stdin], [], 0.2)
        except OSError:
            pass  # the process or the terminal is gone
        try:
            self._loop.call_soon_threadsafe(self._input_ended)
        except RuntimeError:
            pass  # the loop is gone, and we with it

    def _input_ended(self) -> None:
        fd, self._stdin = self._stdin, -1
        if fd >= 0:
            os.close(fd)
        self.input_over.set()

    def _read(self, fd: int) -> None:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        if not data:
            self._end(fd)
            return
        target = self._out[fd]
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(target, view) :]
        except BrokenPipeError:
            self._end(fd)
            self.reader_gone.set()

    def _end(self, fd: int) -> None:
        self._loop.remove_reader(fd)
        os.close(fd)
        del self._out[fd]
        if not self._out:
            self._done.set()

    async def drain(self) -> None:
        """Wait until all output has come, a few seconds at most: the process has ended."""
        if self._out:
            # Something that it left behind may hold the other end.
            with anyio.move_on_after(_IO_DRAIN_S):
                await self._done.wait()
        self.close()

    def close(self) -> None:
        self._closed = True
        for fd in list(self._out):
            self._end(fd)
        fd, self._stdin = self._stdin, -1
        if fd >= 0:
            os.close(fd)


@dataclass
class Process:
    """A task's init, or one of its execs."""

    client: Client
    container_id: str
    exec_id: str = ""
    pid: int = 0
    stdio: Stdio = field(default_factory=Stdio)

    async def start(self) -> int:
        """Start it; return its pid. Raises what the runtime says."""
        reply = await self.client.services.tasks.start(p.StartRequest(container_id=self.container_id, exec_id=self.exec_id))
        self.pid = reply.pid
        return self.pid

    async def wait(self) -> int:
        """Return the exit status, whenever it comes."""
        reply = await self.client.services.tasks.wait(p.WaitRequest(container_id=self.container_id, exec_id=self.exec_id))
        status: int = reply.exit_status
        return status

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
        """Let the process see the end of its input."""
        try:
            await self.client.services.tasks.close_io(
                p.CloseIORequest(container_id=self.container_id, exec_id=self.exec_id, stdin=True)
            )
        except ArgosyError:
            pass  # it has ended

    async def state(self) -> WireProcess:
        """Raises NotFound."""
        reply = await self.client.services.tasks.get(p.GetRequest(container_id=self.container_id, exec_id=self.exec_id))
        process: WireProcess = reply.process
        return process

    def attach(self, group: TaskGroup, outputs: Sequence[int], source: int | None) -> Pump:
        """Carry stdio between the process and our descriptors: (stdout, stderr), and where input comes from.

        A task of group lets the process see the end of its input; it ends by itself, or with the group.
        """
        pump = Pump(self.stdio)
        for path, target in zip((self.stdio.stdout, self.stdio.stderr), outputs, strict=False):
            if path:
                pump.attach_output(path, target)
        if source is not None and self.stdio.stdin:
            pump.attach_input(source)

            async def end() -> None:
                await pump.input_over.wait()
                await self.close_stdin()

            group.start_soon(end)
        return pump


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

    async def delete(self) -> int:
        """Delete a task that has ended; return its exit status. Raises NotFound."""
        reply = await self.client.services.tasks.delete(p.DeleteTaskRequest(container_id=self.container_id))
        status: int = reply.exit_status
        return status

    async def delete_exec(self, exec_id: str) -> int:
        """Delete an exec that has ended; return its exit status."""
        reply = await self.client.services.tasks.delete_process(
            p.DeleteProcessRequest(container_id=self.container_id, exec_id=exec_id)
        )
        status: int = reply.exit_status
        return status

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
