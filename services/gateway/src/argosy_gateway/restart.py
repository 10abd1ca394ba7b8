"""The restart monitor: containers whose labels say so are started again when their task has ended.

Labels, as containerd's own monitor reads them: ``containerd.io/restart.status`` (running or stopped, what is
wanted), ``.policy`` (always, on-failure[:n], unless-stopped, no), ``.count``, ``.loguri``, ``.explicitly-stopped``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy import log
from argosy.errors import ArgosyError, NotFound
from argosy.filters import parse
from argosy.names import NAMESPACE_HEADER
from argosy.rpc.channel import Channel
from argosy_protos.containerd.services.containers.v1 import Container, ContainersStub, UpdateContainerRequest
from argosy_protos.containerd.services.snapshots.v1 import MountsRequest, SnapshotsStub
from argosy_protos.containerd.services.tasks import v1 as tasks
from argosy_protos.containerd.v1.types import Process, Status
from argosy_protos.google.protobuf import FieldMask

from argosy_gateway.core import Core
from argosy_gateway.metadata import containers as store
from argosy_gateway.metadata import namespaces

logger = log.get("gateway.restart")

STATUS: Final = "containerd.io/restart.status"
POLICY: Final = "containerd.io/restart.policy"
COUNT: Final = "containerd.io/restart.count"
LOG_URI: Final = "containerd.io/restart.loguri"
EXPLICITLY_STOPPED: Final = "containerd.io/restart.explicitly-stopped"
_SIGTERM, _SIGKILL = 15, 9
_KILL_AFTER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Policy:
    """When to restart. ``most`` 0 means without limit."""

    name: str
    most: int = 0

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Return the policy of a label; an empty or unknown one is "always", as in containerd."""
        name, _, count = text.partition(":")
        if name not in ("no", "always", "on-failure", "unless-stopped"):
            return cls("always")
        return cls(name, int(count) if count.isdigit() else 0)

    def wants(self, exit_status: int | None, count: int, explicitly_stopped: bool) -> bool:
        """Return whether a container whose task ended (None: never had one) shall be started."""
        if self.name == "no":
            return False
        if self.name == "on-failure":
            return exit_status is not None and exit_status != 0 and (self.most == 0 or count < self.most)
        if self.name == "unless-stopped":
            return not explicitly_stopped
        return True


class RestartMonitor:
    """Looks every interval_s seconds."""

    def __init__(self, address: Path, interval_s: float, core: Core) -> None:
        self._channel = Channel(address, name="gateway")
        self._interval_s = interval_s
        self._core = core

    async def run(self) -> None:
        """Watch for ever."""
        try:
            while True:
                await asyncio.sleep(self._interval_s)
                try:
                    await self._look()
                except ArgosyError as error:
                    logger.warning("restart.failed", error=str(error))
        finally:
            self._channel.close()

    async def _look(self) -> None:
        wanted = parse([f'labels."{STATUS}"'])
        for ns, _ in namespaces.listed(self._core.db.reader):
            for container in store.listed(self._core.db.reader, ns, wanted):
                try:
                    await self._reconcile(ns, container)
                except ArgosyError as error:
                    logger.warning("restart.failed", namespace=ns, container=container.id, error=str(error))

    async def _reconcile(self, ns: str, container: Container) -> None:
        channel = self._channel.with_metadata({NAMESPACE_HEADER: ns})
        stub = tasks.TasksStub(channel)
        process: Process | None = None
        try:
            process = (await stub.get(tasks.GetRequest(container_id=container.id))).process
        except NotFound:
            pass
        running = process is not None and process.status in (Status.RUNNING, Status.PAUSED, Status.PAUSING)
        if container.labels[STATUS] == "stopped":
            if process is not None:
                await self._stop(stub, container.id, running)
            return
        if container.labels[STATUS] != "running" or running:
            return
        if process is not None and process.status == Status.CREATED:
            return  # somebody is starting it
        count = int(container.labels.get(COUNT, "0") or "0")
        policy = Policy.parse(container.labels.get(POLICY, ""))
        stopped = container.labels.get(EXPLICITLY_STOPPED, "") == "true"
        if not policy.wants(process.exit_status if process else None, count, stopped):
            return
        logger.info("restart.starting", namespace=ns, container=container.id, count=count + 1)
        if process is not None:
            await stub.delete(tasks.DeleteTaskRequest(container_id=container.id))
        container.labels[COUNT] = str(count + 1)
        await ContainersStub(channel).update(
            UpdateContainerRequest(container=container, update_mask=FieldMask(paths=[f"labels.{COUNT}"]))
        )
        mounts = []
        if container.snapshot_key:
            reply = await SnapshotsStub(channel).mounts(
                MountsRequest(snapshotter=container.snapshotter, key=container.snapshot_key)
            )
            mounts = reply.mounts
        uri = container.labels.get(LOG_URI, "")
        await stub.create(tasks.CreateTaskRequest(container_id=container.id, rootfs=mounts, stdout=uri, stderr=uri))
        await stub.start(tasks.StartRequest(container_id=container.id))

    async def _stop(self, stub: tasks.TasksStub, id: str, running: bool) -> None:
        if running:
            await stub.kill(tasks.KillRequest(container_id=id, signal=_SIGTERM))
            try:
                async with asyncio.timeout(_KILL_AFTER_S):
                    await stub.wait(tasks.WaitRequest(container_id=id))
            except TimeoutError:
                await stub.kill(tasks.KillRequest(container_id=id, signal=_SIGKILL, all=True))
                await stub.wait(tasks.WaitRequest(container_id=id))
        await stub.delete(tasks.DeleteTaskRequest(container_id=id))
