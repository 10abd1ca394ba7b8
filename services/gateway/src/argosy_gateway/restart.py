"""The restart monitor: containers whose labels say so are started again when their task has ended.

Labels, as containerd's own monitor reads them: ``containerd.io/restart.status`` (running or stopped, what is
wanted), ``.policy`` (always, on-failure[:n], unless-stopped, no), ``.count``, ``.loguri``, ``.explicitly-stopped``.

A label may hold anything, and an image may have set it. What can't be read starts nothing; where the log goes is the
configuration's to allow (``argosy_gateway.loguris``); one container's trouble, or its shim that hangs, is its own.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
from argosy import log
from argosy.errors import AlreadyExists, ArgosyError, FailedPrecondition, InvalidArgument, NotFound
from argosy.loops import Complaints, keep_going
from argosy.names import NAMESPACE_HEADER
from argosy.rpc.channel import Channel
from argosy_protos.containerd.services.containers.v1 import Container, ContainersStub, UpdateContainerRequest
from argosy_protos.containerd.services.snapshots.v1 import MountsRequest, SnapshotsStub
from argosy_protos.containerd.services.tasks import v1 as tasks
from argosy_protos.containerd.v1.types import Process, Status
from argosy_protos.google.protobuf import FieldMask

from argosy_gateway.core import Core
from argosy_gateway.loguris import permitted, shown
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
# One container's stop or start takes no longer than this; a shim that hangs must not hold others up for ever.
_EACH_S: Final = 60.0
_AT_ONCE: Final = 16
# What Go's Atoi and ParseBool read.
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_TRUE: Final = frozenset(("1", "t", "T", "TRUE", "true", "True"))


def _integer(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class Policy:
    """When to restart. ``most`` 0 means without limit."""

    name: str
    most: int = 0

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Return the policy of a label; an empty one is "always". Raises InvalidArgument, as containerd refuses it."""
        name, colon, count = text.partition(":")
        if name == "on-failure":
            most = _integer(count) if colon else 0
            if most is None:
                raise InvalidArgument(
                    f"restart policy {shown(text)}: {shown(count)} is no number of times; use on-failure:3"
                )
            return cls(name, most)
        if name not in ("", "no", "always", "unless-stopped") or colon:
            raise InvalidArgument(f"restart policy {shown(text)} is none of no, always, unless-stopped, on-failure[:times]")
        return cls(name or "always")

    def wants(self, exit_status: int | None, count: int | None, explicitly_stopped: bool) -> bool:
        """Return whether a container whose task ended (None: never had one) shall be started.

        count None is a count that can't be read: then nobody knows how often it failed.
        """
        if self.name == "no":
            return False
        if self.name == "on-failure":
            if exit_status is None or exit_status == 0 or count is None:
                return False
            return self.most == 0 or count < self.most
        if self.name == "unless-stopped":
            return not explicitly_stopped
        return True


class RestartMonitor:
    """Looks every interval_s seconds. No stored label, and no task, keeps it from the next container."""

    def __init__(self, address: Path, interval_s: float, core: Core) -> None:
        self._channel = Channel(address, name="gateway")
        self._interval_s = interval_s
        self._core = core
        self._complaints = Complaints()
        self._busy: set[tuple[str, str]] = set()
        self._at_rest: dict[tuple[str, str], tuple[bytes, int]] = {}
        """Containers that have no task and shall have none: their record, and the number of the last event, as of then."""
        self._slots = anyio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Watch for ever."""
        try:
            async with anyio.create_task_group() as work:

                async def watch() -> None:
                    while True:
                        await anyio.sleep(self._interval_s)
                        self._look(work)

                await keep_going("restart monitor", watch)
        finally:
            self._channel.close()

    def _look(self, work: anyio.abc.TaskGroup) -> None:
        found: dict[tuple[str, str], bytes] = {}
        for ns, _ in namespaces.listed(self._core.db.reader):
            for message in store.rows(self._core.db.reader, ns):
                try:
                    container = Container.decode(message)
                except Exception as error:  # one record that can't be read is not the end of the others
                    self._complain((ns, ""), error)
                    continue
                if STATUS in container.labels:
                    found[ns, container.id] = message
        self._complaints.keep(found.keys() | {(ns, "") for ns, _ in found})
        sequence = self._core.events.sequence
        # Nothing has happened to these since: whoever serves tasks is not called, nor started, to say so again.
        self._at_rest = {about: rest for about, rest in self._at_rest.items() if (found.get(about), sequence) == rest}
        for about in found.keys() - self._busy - self._at_rest.keys():
            self._busy.add(about)
            work.start_soon(self._one, *about)

    def _complain(self, about: tuple[str, str], error: Exception) -> None:
        text = error.message if isinstance(error, ArgosyError) else repr(error)
        if self._complaints.is_new(about, text):
            logger.warning("restart.failed", namespace=about[0], container=about[1], error=text, exc_info=error)

    async def _one(self, ns: str, id: str) -> None:
        try:
            async with self._slots:
                with anyio.fail_after(_EACH_S):
                    sequence, message = self._core.events.sequence, store.stored_bytes(self._core.db.reader, ns, id)
                    if await self._reconcile(ns, Container.decode(message)):
                        self._at_rest[ns, id] = message, sequence
            self._complaints.settle((ns, id))
        except NotFound:
            pass  # it was removed meanwhile
        except Exception as error:  # whatever it is about one container, the others go on
            self._complain((ns, id), error)
        finally:
            self._busy.discard((ns, id))

    async def _reconcile(self, ns: str, container: Container) -> bool:
        """Do what a container's labels say. Returns whether it has no task and shall have none, as long as nothing happens."""
        channel = self._channel.with_metadata({NAMESPACE_HEADER: ns})
        stub = tasks.TasksStub(channel)
        process: Process | None = None
        try:
            process = (await stub.get(tasks.GetRequest(container_id=container.id))).process
        except NotFound:
            pass
        running = process is not None and process.status in (Status.RUNNING, Status.PAUSED, Status.PAUSING)
        wanted = container.labels.get(STATUS)
        if wanted == "stopped":
            if process is not None:
                await self._stop(stub, container.id, running)
            return process is None
        if wanted != "running" or running:
            return process is None
        if process is not None and process.status != Status.STOPPED:
            return False  # somebody is starting it, or nobody knows
        count = _integer(container.labels.get(COUNT) or "0")
        policy = Policy.parse(container.labels.get(POLICY, ""))
        stopped = container.labels.get(EXPLICITLY_STOPPED, "") in _TRUE
        if count is None and policy.name == "on-failure":
            raise InvalidArgument(f"label {COUNT} is {shown(container.labels[COUNT])}, which is no number; remove the label")
        if not policy.wants(process.exit_status if process else None, count, stopped):
            return process is None
        await self._start(channel, stub, container, (count or 0) + 1, ended=process is not None)
        return False

    async def _start(self, channel: object, stub: tasks.TasksStub, container: Container, count: int, *, ended: bool) -> None:
        uri = container.labels.get(LOG_URI, "")
        if not permitted(uri, self._core.settings.restart.log_uris):
            raise FailedPrecondition(
                f"label {LOG_URI} is {shown(uri)}, which [restart] log_uris does not allow, so the task is not started again; "
                "allow it there, or remove the label"
            )
        logger.info("restart.starting", container=container.id, count=count)
        if ended:
            await stub.delete(tasks.DeleteTaskRequest(container_id=container.id))
        container.labels[COUNT] = str(count)
        await ContainersStub(channel).update(
            UpdateContainerRequest(container=container, update_mask=FieldMask(paths=[f"labels.{COUNT}"]))
        )
        mounts = []
        if container.snapshot_key:
            reply = await SnapshotsStub(channel).mounts(
                MountsRequest(snapshotter=container.snapshotter, key=container.snapshot_key)
            )
            mounts = reply.mounts
        try:
            await stub.create(tasks.CreateTaskRequest(container_id=container.id, rootfs=mounts, stdout=uri, stderr=uri))
        except AlreadyExists:
            return  # a client was quicker, and it is the client's task now
        try:
            await stub.start(tasks.StartRequest(container_id=container.id))
        except ArgosyError:
            # A task that is only created would look as if somebody were about to start it.
            with suppress(ArgosyError):
                await stub.delete(tasks.DeleteTaskRequest(container_id=container.id))
            raise

    async def _stop(self, stub: tasks.TasksStub, id: str, running: bool) -> None:
        if running:
            await stub.kill(tasks.KillRequest(container_id=id, signal=_SIGTERM))
            with anyio.move_on_after(_KILL_AFTER_S) as patience:
                await stub.wait(tasks.WaitRequest(container_id=id))
            if patience.cancelled_caught:
                await stub.kill(tasks.KillRequest(container_id=id, signal=_SIGKILL, all=True))
                await stub.wait(tasks.WaitRequest(container_id=id))
        await stub.delete(tasks.DeleteTaskRequest(container_id=id))
