"""Worker processes: each applies or compares one layer at a time, so that layers use as many cores as there are.

A forker, a fork from before the service had a thread, forks the workers; files travel as descriptors, requests and answers
as JSON. A worker that dies fails its own layer only. Whoever gives up ends it with all that it began, whatever it is
doing: a worker is killed, not asked. The service's death ends forker, workers and their stream processors.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

import anyio
import anyio.to_thread
from argosy import log
from argosy.errors import Unavailable, from_wire
from argosy.kernel.descriptors import receive_descriptors
from argosy.kernel.mount_table import mounts_below
from argosy.kernel.unmount import unmount_tree
from argosy.mounts import Mount
from argosy.plugin.diff.packing import Compared
from argosy.settled import given_back
from argosy.tables import StreamProcessor
from argosy.unpack.apply import Applied

from argosy_diff.forker import GREETING, SIZE, Setup, become, fork_workers

logger = log.get("diff")

# A smaller layer does not wait for the larger ones.
SMALL_BYTES: Final = 1 << 20
_SMALL_AT_A_TIME: Final = 4
IDLE_S: Final = 10.0
# A killed process is gone at once, or waits for a disk.
_DEATH_S: Final = 30.0


@dataclass(eq=False)
class _Worker:
    """The service's end of one worker."""

    socket: socket.socket
    pid: int = 0
    pidfd: int = -1
    timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Let go of it: one that has nothing to do ends."""
        if self.timer is not None:
            self.timer.cancel()
        self.socket.close()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


class Workers:
    """The service's side of the forker and of all workers."""

    def __init__(self, setup: Setup, most: int) -> None:
        """Fork the forker: call this before there is any other thread. most is how many large layers go at a time."""
        self._setup = setup
        self._idle: list[_Worker] = []
        self._room = anyio.Semaphore(most)
        self._small = anyio.Semaphore(most * _SMALL_AT_A_TIME)
        # Layers that are unpacked while they come wait for the network more than they work: twice as many of them go at a time.
        self._coming, self._most = 0, most
        self._forker, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            become(fork_workers, theirs, setup, parent=parent)
        theirs.close()

    async def apply(
        self, blob: IO[bytes], size: int, media_type: str, mounts: Sequence[Mount], processors: Mapping[str, StreamProcessor],
        payloads: Mapping[str, bytes], sync: bool, name: str,
    ) -> Applied:  # fmt: skip
        """Apply a layer of size bytes; name is what errors call it. Raises what applying raises, Unavailable when the worker died.

        On cancellation the worker is dead before this returns: it writes no more.
        """
        request = {
            "do": "apply",
            "media_type": media_type,
            "mounts": mounts,
            "processors": _tables(processors),
            "payloads": _texts(payloads),
            "sync": sync,
            "name": name,
        }
        answer = await self._call(request, [blob], self._small if size < SMALL_BYTES else self._room)
        return Applied(answer["digest"], answer["size"])

    @contextmanager
    def room_for_coming(self) -> Iterator[bool]:
        """Yield whether one more layer can be unpacked while it comes, for which there is room then in the block."""
        if self._coming >= 2 * self._most:
            yield False
            return
        self._coming += 1
        try:
            yield True
        finally:
            self._coming -= 1

    async def apply_coming(self, blob: IO[bytes], size: int, media_type: str, mounts: Sequence[Mount], name: str) -> Applied:
        """As ``apply``, for a layer that is still being written to its file, in a form that needs no processors. It needs ``room_for_coming``."""
        request = {
            "do": "apply", "media_type": media_type, "mounts": mounts, "processors": {}, "payloads": {}, "sync": False, "name": name,
            "size": size,
        }  # fmt: skip
        answer = await self._call(request, [blob], nullcontext())
        return Applied(answer["digest"], answer["size"])

    async def compare(
        self, lower: Sequence[Mount], upper: Sequence[Mount], out: IO[bytes], media_type: str, epoch_s: int | None,
        processors: Mapping[str, StreamProcessor], payloads: Mapping[str, bytes],
    ) -> Compared:  # fmt: skip
        """Write the layer that leads from lower to upper to out. Raises what making it raises, Unavailable when the worker died.

        Cancellation is as in ``apply``.
        """
        request = {
            "do": "compare", "lower": lower, "upper": upper, "media_type": media_type, "epoch_s": epoch_s,
            "processors": _tables(processors), "payloads": _texts(payloads),
        }  # fmt: skip
        answer = await self._call(request, [out], self._room)
        return Compared(answer["digest"], answer["size"], answer["uncompressed"])

    async def convert(
        self, blob: IO[bytes], layer_type: str, out: IO[bytes], media_type: str, processors: Mapping[str, StreamProcessor],
        payloads: Mapping[str, bytes], name: str,
    ) -> tuple[Compared, str]:  # fmt: skip
        """Write a layer in another type to out; return it, and the digest of what was in it. name is what errors call it.

        Raises what making it raises, Unavailable when the worker died.

        Cancellation is as in ``apply``.
        """
        request = {
            "do": "convert", "layer_type": layer_type, "media_type": media_type, "processors": _tables(processors),
            "payloads": _texts(payloads), "name": name,
        }  # fmt: skip
        answer = await self._call(request, [blob, out], self._room)
        return Compared(answer["digest"], answer["size"], answer["uncompressed"]), answer["held"]

    async def run(self, processors: Mapping[str, StreamProcessor], payloads: Mapping[str, bytes]) -> None:
        """Run processors, one after the other, on nothing at all. Raises Unknown with what one said that failed, Unavailable when the worker died.

        Cancellation is as in ``apply``.
        """
        with open(os.devnull, "rb") as nothing:
            await self._call({"do": "run", "processors": _tables(processors), "payloads": _texts(payloads)}, [nothing], self._small)

    def close(self) -> None:
        """End the idle workers and the forker, and with it the busy ones."""
        for worker in self._idle:
            worker.close()
        self._idle.clear()
        self._forker.close()

    async def _call(
        self, request: Mapping[str, Any], files: Sequence[IO[bytes]], turns: AbstractAsyncContextManager[object]
    ) -> dict[str, Any]:
        async with turns:
            worker = self._take()
            try:
                answer = await self._ask(worker, json.dumps(request).encode(), [file.fileno() for file in files])
            except BaseException:
                await given_back(self._end(worker))
                raise
            worker.timer = asyncio.get_running_loop().call_later(IDLE_S, self._dismiss, worker)
            self._idle.append(worker)
        if "error" in answer:
            raise from_wire(answer["code"], answer["error"])
        return answer

    def _take(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            assert worker.timer is not None
            worker.timer.cancel()
            try:
                worker.socket.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return worker
            except OSError:
                pass  # as below
            worker.close()  # it died while it had nothing to do
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            try:
                socket.send_fds(self._forker, [b"w"], [theirs.fileno()])
            except OSError as error:
                ours.close()
                # There is no new forker for a service that has threads; whoever runs us starts us again.
                os.kill(os.getpid(), signal.SIGTERM)
                raise Unavailable(
                    f"diff: the process that forks workers died ({error.strerror}); the service starts again, try again"
                ) from error
        ours.setblocking(False)
        return _Worker(ours)

    def _dismiss(self, worker: _Worker) -> None:
        self._idle.remove(worker)
        worker.close()

    async def _end(self, worker: _Worker) -> None:
        """Kill a worker, wait until it is gone, and remove what it mounted."""
        if worker.pidfd < 0:
            worker.close()  # it has not begun yet, and will find nobody to ask it for anything
            return
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(worker.pidfd, signal.SIGKILL)
        with anyio.move_on_after(_DEATH_S) as waiting:
            await anyio.wait_readable(worker.pidfd)
        if waiting.cancelled_caught:
            logger.warning("diff.worker_hangs", pid=worker.pid, after_s=_DEATH_S)
        worker.close()
        await anyio.to_thread.run_sync(clean, self._setup.scratch / str(worker.pid))

    @staticmethod
    async def _ask(worker: _Worker, request: bytes, files: list[int]) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        sock = worker.socket
        try:
            if worker.pidfd < 0:
                await anyio.wait_readable(sock)
                greeting, fds = receive_descriptors(sock, GREETING.size, 1)
                if not fds:
                    raise Unavailable("diff: no worker could be started; try again")
                (worker.pid,), (worker.pidfd,) = GREETING.unpack(greeting), fds
            socket.send_fds(sock, [SIZE.pack(len(request))], files)
            await loop.sock_sendall(sock, request)
            head = await loop.sock_recv(sock, SIZE.size)
            if len(head) == SIZE.size:
                data = b""
                size = SIZE.unpack(head)[0]
                while len(data) < size and (part := await loop.sock_recv(sock, size - len(data))):
                    data += part
                if len(data) == size:
                    answer: dict[str, Any] = json.loads(data)
                    return answer
        except OSError as error:
            raise Unavailable(f"diff: the worker of this layer is gone ({error.strerror}); try again") from error
        raise Unavailable("diff: the worker of this layer died (was it out of memory?); try again")


def _tables(processors: Mapping[str, StreamProcessor]) -> dict[str, Any]:
    return {id: asdict(processor) for id, processor in processors.items()}


def _texts(payloads: Mapping[str, bytes]) -> dict[str, str]:
    return {id: base64.b64encode(data).decode() for id, data in payloads.items()}


def clean(scratch: Path) -> None:
    """Remove what a worker that was killed left: mounts, and the empty directories below them. Nothing else is removed."""
    if not scratch.exists():
        return
    if mounts_below(str(scratch)):
        unmount_tree(str(scratch))
    for directory, _, _ in os.walk(scratch, topdown=False):
        with suppress(OSError):  # it is no directory of ours, or still a mount
            os.rmdir(directory)
