"""A gateway's core in this process, on plugins in this process: it can be killed at any await."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from argosy.rpc.server import Server
from argosy.tables import ProxyPlugin
from argosy_gateway.core import Core
from argosy_gateway.plugins.config import GatewaySettings
from argosy_protos.containerd.services.snapshots.v1 import SnapshotsBase


@asynccontextmanager
async def serving(path: Path, *services: Any) -> AsyncIterator[Server]:
    """Serve services at a socket."""
    server = Server(services)
    await server.listen_unix(path)
    try:
        yield server
    finally:
        await server.close(0.0)


class Gateway:
    """A core that is opened, and closed in order or killed."""

    def __init__(self, base: Path, plugins: Mapping[str, ProxyPlugin], **settings: Any) -> None:
        self._settings = GatewaySettings(
            root=base / "root", state=base / "state", address=base / "gateway.sock", proxy_plugins=dict(plugins), **settings
        )
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self.core: Core

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def open(self) -> None:
        """Open a core and close it. Raises what its start raises."""
        error: BaseException | None = None
        async with anyio.create_task_group() as group:
            try:
                await (await Core.open(self._settings, group)).close()
            except Exception as failed:
                error = failed
            group.cancel_scope.cancel()
        if error is not None:
            raise error

    async def start(self) -> Core:
        ready: asyncio.Future[Core] = asyncio.get_running_loop().create_future()
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self._live(ready))
        self.core = await ready
        return self.core

    async def _live(self, ready: asyncio.Future[Core]) -> None:
        async with anyio.create_task_group() as group:
            core = await Core.open(self._settings, group)
            ready.set_result(core)
            await self._stop.wait()
            await core.close()
            group.cancel_scope.cancel()

    async def stop(self) -> None:
        """End in order."""
        assert self._task is not None
        self._stop.set()
        await self._task

    async def kill(self) -> None:
        """End as by SIGKILL: what waits to be written is lost, what is under way is cut where it is."""
        assert self._task is not None
        self.core.db.lose()
        self._task.cancel()
        try:
            await self._task
        except asyncio.CancelledError:
            pass
        self.core.registry.close()
        await self.core.db.close()


@asynccontextmanager
async def one_snapshotter(plugin: SnapshotsBase, **table: Any) -> AsyncIterator[tuple[Gateway, Core]]:
    """A gateway's core with a plugin called "s", both in this loop."""
    with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
        base = Path(short)
        async with serving(base / "s.sock", plugin):
            gateway = Gateway(base, {"s": ProxyPlugin(type="snapshot", address=str(base / "s.sock"), **table)})
            core = await gateway.start()
            try:
                yield gateway, core
            finally:
                await gateway.stop()
