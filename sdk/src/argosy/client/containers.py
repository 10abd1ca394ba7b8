"""Containers: a snapshot, a spec and a record."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from argosy_protos.containerd.services.containers import v1 as p
from argosy_protos.containerd.services.images.v1 import GetImageRequest
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.containerd.services.tasks import v1 as tasks
from argosy_protos.containerd.types import Mount as WireMount
from argosy_protos.google.protobuf import Any as AnyMessage

from argosy.client import foreground
from argosy.client.connection import Client, Defaults
from argosy.client.foreground import Foreground
from argosy.client.images.documents import from_wire, layers_of, resolve
from argosy.client.images.unpacking import unpack
from argosy.client.jobs import both, cleanup, together
from argosy.client.services import Services, present
from argosy.client.stdio import Stdio
from argosy.client.tasks import Task
from argosy.errors import ArgosyError, NotFound
from argosy.kernel.mount import temporary_mount
from argosy.labels import OWN_LABELS_HEADER, of_image
from argosy.mounts import Mount
from argosy.oci.image import Descriptor, Resolved, chain_ids
from argosy.oci.spec import Options, build
from argosy.oci.users import User
from argosy.oci.users import resolve as resolve_user
from argosy.typeurl import SPEC, pack_json


def _user_of(mounts: list[Mount], user: str) -> User:
    with temporary_mount(mounts, read_only=True) as root:
        return resolve_user(root, user)


async def _look_up(client: Client, image: str) -> tuple[Descriptor, Resolved]:
    """Return an image's target, and what it says. Raises NotFound."""
    found = present((await client.services.images.get(GetImageRequest(name=image))).image, f'image "{image}"')
    target = from_wire(present(found.target, f'the target of image "{image}"'))
    return target, await resolve(client.services, target)


async def _prepare(
    services: Services, target: Descriptor, resolved: Resolved, snapshotter: str, key: str
) -> list[WireMount]:
    """Prepare a snapshot of an image, unpacked first where it is not yet; return its mounts. Raises AlreadyExists, InvalidArgument."""
    chain = chain_ids(layers_of(resolved))
    request = snapshots.PrepareSnapshotRequest(snapshotter=snapshotter, key=key, parent=chain[-1])
    try:
        prepared = await services.snapshots.prepare(request)
    except NotFound:
        request.parent = await unpack(services, target, snapshotter)
        prepared = await services.snapshots.prepare(request)
    return prepared.mounts


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
    ) -> Container:  # fmt: skip
        """Prepare a snapshot of an image, build the spec, store the record. Raises NotFound, AlreadyExists, InvalidArgument.

        The snapshot is removed again when the record can't be stored.
        """
        known: list[tuple[Defaults, Descriptor, Resolved]] = []
        looked = anyio.Event()

        async def look() -> None:
            defaults, (target, resolved) = await both(client.defaults, partial(_look_up, client, image))
            known.append((defaults, target, resolved))
            looked.set()

        # What is only read needs no lease, and does not wait for one.
        async with together() as group:
            group.start_soon(look)
            async with client.lease(linger=True) as services:
                await looked.wait()
                defaults, target, resolved = known[0]
                chosen = snapshotter or defaults.snapshotter
                key = snapshot_key or id
                prepared = await _prepare(services, target, resolved, chosen, key)
                try:
                    config = resolved.config.config
                    mounts = [Mount.from_wire(m) for m in prepared]
                    # Not left alone when we are cancelled: it mounts, and has to unmount.
                    who = await anyio.to_thread.run_sync(_user_of, mounts, user or config.user)
                    spec = build(client.namespace, id, config, who, options)
                    record = p.Container(
                        id=id,
                        labels={**of_image(config.labels), **(labels or {})},
                        image=image,
                        runtime=p.ContainerRuntime(name=runtime or defaults.runtime, options=runtime_options),
                        spec=pack_json(SPEC, spec),
                        snapshotter=chosen,
                        snapshot_key=key,
                    )
                    reply = await services.containers.create(
                        p.CreateContainerRequest(container=record), metadata={OWN_LABELS_HEADER: "1"}
                    )
                except BaseException:
                    await _forget(client, chosen, key)
                    raise
        return cls(client, present(reply.container, f'container "{id}"'), prepared)

    async def mounts(self) -> list[WireMount]:
        """Return the mounts of its root file system; none when it has no snapshot."""
        if not self.record.snapshot_key:
            return []
        request = snapshots.MountsRequest(snapshotter=self.record.snapshotter, key=self.record.snapshot_key)
        reply = await self.client.services.snapshots.mounts(request)
        return reply.mounts

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

    def run(
        self, *, stdin: int | None = None, stdout: int = 1, stderr: int = 2, terminal: bool = False, remove: bool = False,
        signals: bool = True, say: Callable[[str], None] | None = None,
    ) -> AbstractAsyncContextManager[Foreground]:  # fmt: skip
        """Run it in the foreground: ``async with container.run() as process: status = await process.wait()``.

        Its stdio is carried to and from our descriptors. When Create or Start fails, or is cancelled, task, record and
        snapshot are taken away; after that nothing but its end ends it: a lost connection is waited out, and say is told
        of that when it takes long. With remove they are taken away when it has ended; when the block is left before,
        it runs on. signals: SIGTERM, SIGINT and SIGHUP go to the process (main thread only), and with terminal our
        terminal is raw and its size the process's. Raises on entry what ``new_task`` and ``Process.start`` raise, and Interrupted.
        """
        return foreground.run(
            self, stdin=stdin, stdout=stdout, stderr=stderr, terminal=terminal, remove=remove, signals=signals, say=say
        )

    async def delete(self, snapshot: bool = True) -> None:
        """Delete the record, and its snapshot. Raises NotFound."""
        async with together() as group:
            if snapshot and self.record.snapshot_key:
                group.start_soon(_forget, self.client, self.record.snapshotter, self.record.snapshot_key)
            await self.client.services.containers.delete(p.DeleteContainerRequest(id=self.id))


async def _forget(client: Client, snapshotter: str, key: str) -> None:
    """Remove a snapshot though we are cancelled."""
    with cleanup():
        try:
            await client.services.snapshots.remove(snapshots.RemoveSnapshotRequest(snapshotter=snapshotter, key=key))
        except NotFound:
            pass  # gone already
        except ArgosyError:
            pass  # nothing refers to it any more; the collector takes it
