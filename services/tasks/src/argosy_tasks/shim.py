"""One live shim: its connection, its Task API, its log."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from argosy import log
from argosy.errors import ArgosyError, DeadlineExceeded, Unimplemented
from argosy.names import NAMESPACE_TTRPC_KEY
from argosy.shown import escaped
from argosy.ttrpc.client import TtrpcClient, decoded
from argosy_protos.containerd.task import v2 as api

from argosy_tasks.bundle import Bootstrap, Bundle

logger = log.get("tasks.shim")

_LOG_CHUNK: Final = 64 << 10
# The versions' messages are the same; only the service's name differs.
_RESPONSES: Final = {m.name: m.response for m in api.TaskBase.__methods__}


class ShimLog:
    """Copies a bundle's log FIFO to our log. Opened for both, so that it outlives every writer."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        path = bundle.path / "log"
        try:
            os.mkfifo(path, 0o600)
        except FileExistsError:
            pass
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _LOG_CHUNK)
        except BlockingIOError:
            return
        for line in data.decode("utf-8", "replace").splitlines():
            # Some of it is a container's words: nothing of them is for a terminal to obey.
            logger.info("shim.says", namespace=self._bundle.namespace, container=self._bundle.id, line=escaped(line))

    def close(self) -> None:
        if self._fd >= 0:
            self._read()
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1


class Shim:
    """A connection to the shim of one container."""

    def __init__(self, bundle: Bundle, client: TtrpcClient, bootstrap: Bootstrap, shim_log: ShimLog) -> None:
        self.bundle = bundle
        self.pid = 0
        self.stdout = ""
        self.runs = False
        """Whether its task had been started and had not ended, when the shim was adopted."""
        self.execs: set[str] = set()
        """Those that were added and not deleted by us: it knows them. Others may be there from before our own start."""
        self._client = client
        self._waits: dict[str, asyncio.Future[bytes]] = {}
        self._service = f"containerd.task.v{max(2, bootstrap.version)}.Task"
        self._log = shim_log
        self._metadata = {NAMESPACE_TTRPC_KEY: bundle.namespace}

    @classmethod
    async def connect(
        cls, bundle: Bundle, bootstrap: Bootstrap, shim_log: ShimLog, on_close: Callable[[], None], timeout: float
    ) -> Shim:
        """Connect to a shim's socket. Raises Unavailable."""
        client = await TtrpcClient.connect(bootstrap.address, f"shim of {bundle.namespace}/{bundle.id}", on_close, timeout)
        return cls(bundle, client, bootstrap, shim_log)

    async def call(self, method: str, request: Any, timeout: float | None = None) -> Any:
        """Call a Task method. Raises the shim's error, Closed, DeadlineExceeded. Falls back from v3 to v2 once."""
        response = _RESPONSES[method]
        try:
            return await self._client.call(self._service, method, request, response, timeout, self._metadata)
        except Unimplemented:
            if not self._service.endswith("v3.Task"):
                raise
            self._service = "containerd.task.v2.Task"
            return await self._client.call(self._service, method, request, response, timeout, self._metadata)

    async def wait(self, exec_id: str, timeout: float | None) -> api.WaitResponse:
        """Wait for the end of a process. Raises the shim's error, Closed, DeadlineExceeded.

        All that wait for one process share a call: ttrpc can't tell a shim that somebody has left, so that each call of its own
        would stay in the shim until the process ends.
        """
        future = self._waits.get(exec_id)
        if future is None or future.done():
            payload = api.WaitRequest(id=self.bundle.id, exec_id=exec_id).encode()
            future = self._waits[exec_id] = self._client.begin(self._service, "Wait", payload, self._metadata)
            future.add_done_callback(partial(self._waited, exec_id))
        try:
            async with asyncio.timeout(timeout):
                data = await asyncio.shield(future)
        except TimeoutError:
            raise DeadlineExceeded(f"{self._client.name}: Wait took longer than {timeout:g} s") from None
        answer: api.WaitResponse = await decoded(self._client.name, api.WaitResponse, data)
        return answer

    def deleted(self, exec_id: str) -> None:
        """An exec is deleted. Its id may come again: who waits for that one does not share a call for this one, which may have no answer."""
        self.execs.discard(exec_id)
        self._waits.pop(exec_id, None)

    def _waited(self, exec_id: str, future: asyncio.Future[bytes]) -> None:
        if self._waits.get(exec_id) is future:
            del self._waits[exec_id]
        if not future.cancelled():
            future.exception()  # whoever waited may have left

    async def shutdown(self, timeout: float) -> None:
        """Ask the shim to leave; that the connection ends is the answer hoped for."""
        try:
            await self.call("Shutdown", api.ShutdownRequest(id=self.bundle.id), timeout)
        except ArgosyError:
            pass  # it left before it answered

    def close(self) -> None:
        self._client.close()
        self._log.close()
