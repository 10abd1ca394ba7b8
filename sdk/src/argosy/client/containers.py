"""Containers: a snapshot, a spec and a record. How one is made is in ``argosy.client.creating``."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argosy_protos.containerd.services.containers import v1 as p
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.containerd.services.tasks import v1 as tasks

from argosy.client.jobs import CLEANUP_S, given_back, together
from argosy.client.leftovers import remove_snapshot
from argosy.client.services import present
from argosy.client.tasks import Task, end_task
from argosy.errors import NotFound

if TYPE_CHECKING:
    from argosy_protos.containerd.types import Mount as WireMount
    from argosy_protos.google.protobuf import Any as AnyMessage

    from argosy.client.connection import Client
    from argosy.client.foreground import Foreground
    from argosy.client.stdio import Stdio
    from argosy.encryption.payload import Parameters
    from argosy.oci.spec import Options
    from argosy.oci.users import User


@dataclass
class Container:
    """A container's record."""

    client: Client
    record: p.Container
    prepared: Sequence[WireMount] = ()
    """The mounts that its snapshot was prepared with, if that was just now."""

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def spec(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.record.spec.value) if self.record.spec else {}
        return loaded

    @classmethod
    async def get(cls, client: Client, id: str) -> Container:
        """Raises NotFound."""
        reply = await client.services.containers.get(p.GetContainerRequest(id=id))
        return cls(client, present(reply.container, f'container "{id}"'))

    @classmethod
    async def create(
        cls, client: Client, id: str, image: str, options: Options, *, snapshotter: str = "", runtime: str = "",
        runtime_options: AnyMessage | None = None, user: str = "", labels: Mapping[str, str] | None = None, snapshot_key: str = "",
        keys: Parameters | None = None, check_keys: bool = True,
    ) -> Container:  # fmt: skip
        """Prepare a snapshot of an image, build the spec, store the record. Raises NotFound, AlreadyExists, InvalidArgument.

        Of an image with encrypted layers keys, or those of the daemon's machine, must open each, though it may be unpacked already: else
        PermissionDenied is raised. Without check_keys nobody looks.
        The snapshot is removed again when the record can't be stored.
        """
        from argosy.client.creating import create  # and what reads images, and makes specs

        record, prepared = await create(
            client, id, image, options, snapshotter=snapshotter, runtime=runtime, runtime_options=runtime_options, user=user,
            labels=labels, snapshot_key=snapshot_key, keys=keys, check_keys=check_keys,
        )  # fmt: skip
        return cls(client, record, prepared)

    async def mounts(self) -> list[WireMount]:
        """Return the mounts of its root file system; none when it has no snapshot."""
        if not self.record.snapshot_key:
            return []
        request = snapshots.MountsRequest(snapshotter=self.record.snapshotter, key=self.record.snapshot_key)
        reply = await self.client.services.snapshots.mounts(request)
        return reply.mounts

    async def user(self, name: str) -> User:
        """Return who a user, as an image's configuration names one (``name``, ``uid``, ``uid:group``), is in its root file system.

        Mounts it beside what may run there, to be read, and always unmounts it. Raises NotFound, InvalidArgument.
        """
        from argosy.client.creating import user_of  # and what mounts

        return await user_of(await self.mounts(), name)

    async def new_task(self, stdio: Stdio, terminal: bool = False) -> Task:
        """Create its task. Raises AlreadyExists, and what the runtime says."""
        request = tasks.CreateTaskRequest(
            container_id=self.id,
            rootfs=list(self.prepared) or await self.mounts(),
            stdin=stdio.stdin,
            stdout=stdio.stdout,
            stderr=stdio.stderr,
            terminal=terminal,
        )
        reply = await self.client.services.tasks.create(request)
        return Task(self.client, self.id, pid=reply.pid, stdio=stdio)

    @asynccontextmanager
    async def run(
        self, *, stdin: int | None = None, stdout: int = 1, stderr: int = 2, terminal: bool = False, remove: bool = False,
        signals: bool = True, say: Callable[[str], None] | None = None,
    ) -> AsyncIterator[Foreground]:  # fmt: skip
        """Run it in the foreground: ``async with container.run() as process: status = await process.wait()``.

        Its stdio is carried to and from our descriptors. When Create or Start fails, or is cancelled, task, record and
        snapshot are taken away; after that nothing but its end ends it: a lost connection is waited out, and say is told
        of that when it takes long. With remove they are taken away when it has ended; when the block is left before,
        it runs on. signals: SIGTERM, SIGINT and SIGHUP go to the process (main thread only), and with terminal our
        terminal is raw and its size the process's. Raises on entry what ``new_task`` and ``Process.start`` raise, and Interrupted.
        """
        from argosy.client.foreground import attended, until_answered  # few commands carry bytes
        from argosy.client.stdio import Stdio

        noun = f'container "{self.id}"'

        async def create(stdio: Stdio) -> Task:
            return await self.new_task(stdio, terminal)

        async def take_away() -> None:
            async def once() -> None:
                await end_task(Task(self.client, self.id))
                with suppress(NotFound):  # gone already
                    await self.delete()

            await until_answered(once, f"{noun} is to be removed", say, within=CLEANUP_S)

        stdio = Stdio.fifos(self.id, terminal, stdin is not None)
        async with attended(create, take_away, stdio, noun, (stdout, stderr), stdin, terminal, signals, say) as process:
            try:
                yield process
            except BaseException:
                if remove and process.is_over():
                    await given_back(take_away())
                raise
            if remove and process.is_over():
                await take_away()

    async def delete(self, snapshot: bool = True) -> None:
        """Delete the record, and its snapshot. Raises NotFound."""
        async with together() as group:
            if snapshot and self.record.snapshot_key:
                group.start_soon(remove_snapshot, self.client.services, self.record.snapshotter, self.record.snapshot_key)
            await self.client.services.containers.delete(p.DeleteContainerRequest(id=self.id))
