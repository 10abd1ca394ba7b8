"""Worker processes: each applies one layer at a time, so that layers use as many cores as there are.

A keeper, forked before the service has a thread, forks the workers; blobs travel as descriptors, requests and answers
as JSON. A worker that dies fails its own layer only, and the service's death ends keeper and workers.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
import signal
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final

from argosy.errors import Unavailable, from_wire, to_wire
from argosy.kernel.process import die_with_parent, set_name
from argosy.mounts import Mount
from argosy.tables import StreamProcessor

from argosy_diff.apply import Applied, apply_layer

# A smaller layer is unpacked sooner than it is handed over.
SMALL_BYTES: Final = 1 << 20
IDLE_S: Final = 10.0
_SIZE: Final = struct.Struct("!I")


class Workers:
    """The service's end."""

    def __init__(self, processors: Mapping[str, StreamProcessor], most: int) -> None:
        """Fork the keeper: call this before there is any other thread."""
        self._idle: list[tuple[socket.socket, asyncio.TimerHandle]] = []
        self._room = asyncio.Semaphore(most)
        self._keeper, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            _become(_keep, theirs, processors)
        theirs.close()

    async def apply(
        self, blob: IO[bytes], media_type: str, mounts: Sequence[Mount], payloads: Mapping[str, bytes], sync: bool
    ) -> Applied:
        """Apply a layer in a worker. Raises what applying raises, Unavailable when the worker died.

        Cancellation does not stop the worker; call it shielded.
        """
        request = json.dumps(
            {
                "media_type": media_type,
                "mounts": mounts,
                "payloads": {k: base64.b64encode(v).decode() for k, v in payloads.items()},
                "sync": sync,
            }
        ).encode()
        async with self._room:
            worker = self._take()
            try:
                answer = await self._ask(worker, request, blob.fileno())
            except BaseException:
                worker.close()
                raise
            self._idle.append((worker, asyncio.get_running_loop().call_later(IDLE_S, self._dismiss, worker)))
        if "error" in answer:
            raise from_wire(answer["code"], answer["error"])
        return Applied(answer["digest"], answer["size"])

    def close(self) -> None:
        """End the idle workers and the keeper; busy ones end with their layer."""
        for worker, timer in self._idle:
            timer.cancel()
            worker.close()
        self._idle.clear()
        self._keeper.close()

    def _take(self) -> socket.socket:
        while self._idle:
            worker, timer = self._idle.pop()
            timer.cancel()
            try:
                worker.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return worker
            worker.close()  # it died while it had nothing to do
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            try:
                socket.send_fds(self._keeper, [b"w"], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise Unavailable(
                    f"diff: the keeper of the workers is gone ({error.strerror}); restart the service"
                ) from error
        ours.setblocking(False)
        return ours

    def _dismiss(self, worker: socket.socket) -> None:
        self._idle = [(w, t) for w, t in self._idle if w is not worker]
        worker.close()

    @staticmethod
    async def _ask(worker: socket.socket, request: bytes, blob: int) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        try:
            socket.send_fds(worker, [_SIZE.pack(len(request))], [blob])
            await loop.sock_sendall(worker, request)
            head = await loop.sock_recv(worker, _SIZE.size)
            if len(head) == _SIZE.size:
                data = b""
                size = _SIZE.unpack(head)[0]
                while len(data) < size and (part := await loop.sock_recv(worker, size - len(data))):
                    data += part
                if len(data) == size:
                    answer: dict[str, Any] = json.loads(data)
                    return answer
        except OSError as error:
            raise Unavailable(f"diff: the worker that applied the layer is gone ({error.strerror}); try again") from error
        raise Unavailable("diff: the worker that applied the layer died; try again")


# -- in the keeper and its workers --


def _become(work: Any, connection: socket.socket, *more: Any) -> None:
    """In a fork: do one thing with one socket and nothing else that was open; then end. Does not return."""
    code = 1
    try:
        die_with_parent(signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            # Whoever stops the service stops us by closing our socket, after the layer at hand.
            signal.signal(number, signal.SIG_IGN)
        keep = connection.fileno()
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2 and int(name) != keep:
                try:
                    os.close(int(name))
                except OSError:
                    continue  # the listing's own
        work(connection, *more)
        code = 0
    finally:
        os._exit(code)


def _keep(connection: socket.socket, processors: Mapping[str, StreamProcessor]) -> None:
    set_name("argosy-diff-keeper")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for workers
    gc.freeze()
    while True:
        data, fds, _, _ = socket.recv_fds(connection, 16, 1)
        if not data:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _become(_work, socket.socket(fileno=fds[0]), processors)
        os.close(fds[0])


def _work(connection: socket.socket, processors: Mapping[str, StreamProcessor]) -> None:
    set_name("argosy-diff-worker")
    while True:
        head, fds, _, _ = socket.recv_fds(connection, _SIZE.size, 1)
        if len(head) < _SIZE.size or not fds:
            return
        size = _SIZE.unpack(head)[0]
        data = b""
        while len(data) < size:
            part = connection.recv(size - len(data))
            if not part:
                return
            data += part
        answer = json.dumps(_applied(json.loads(data), fds[0], processors)).encode()
        connection.sendall(_SIZE.pack(len(answer)) + answer)


def _applied(request: dict[str, Any], blob: int, processors: Mapping[str, StreamProcessor]) -> dict[str, Any]:
    try:
        with open(blob, "rb", buffering=0) as source:
            mounts = [Mount(m[0], m[1], tuple(m[2]), m[3]) for m in request["mounts"]]
            payloads = {k: base64.b64decode(v) for k, v in request["payloads"].items()}
            done = apply_layer(source, request["media_type"], mounts, processors, payloads, request["sync"])
    except Exception as error:
        code, message = to_wire(error)
        return {"code": code, "error": message}
    return {"digest": done.digest, "size": done.size}
