"""containerd.services.snapshots.v1.Snapshots: one snapshotter a call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from argosy import filters
from argosy.errors import InvalidArgument
from argosy.plugin.batches import batches
from argosy.plugin.snapshots.rules import Kind
from argosy.plugin.snapshots.servicer import info_from_wire, info_to_wire, mounts_to_wire
from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_protos.google.protobuf import Empty

from argosy_gateway.backends.chains import Chain
from argosy_gateway.backends.snapshots import Snapshotter
from argosy_gateway.calls import lease, namespace
from argosy_gateway.core import Core


class Snapshots(p.SnapshotsBase):
    """Snapshots of the caller's namespace."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def _store(self, name: str, keys: Sequence[str] = (), labels: Mapping[str, str] | None = None) -> Snapshotter | Chain:
        """Return who the call goes to: keys are the snapshots that it names, the one that it is about first. Raises InvalidArgument."""
        return self._core.snapshots_for(name, namespace(), lease(), keys, labels)

    async def prepare(self, request: p.PrepareSnapshotRequest) -> p.PrepareSnapshotResponse:
        store = self._store(request.snapshotter, (request.key, request.parent), request.labels)
        mounts = await store.create(namespace(), lease(), Kind.ACTIVE, request.key, request.parent, request.labels)
        return p.PrepareSnapshotResponse(mounts=mounts_to_wire(mounts))

    async def view(self, request: p.ViewSnapshotRequest) -> p.ViewSnapshotResponse:
        store = self._store(request.snapshotter, (request.key, request.parent), request.labels)
        mounts = await store.create(namespace(), lease(), Kind.VIEW, request.key, request.parent, request.labels)
        return p.ViewSnapshotResponse(mounts=mounts_to_wire(mounts))

    async def mounts(self, request: p.MountsRequest) -> p.MountsResponse:
        mounts = await self._store(request.snapshotter, (request.key,)).mounts(namespace(), request.key)
        return p.MountsResponse(mounts=mounts_to_wire(mounts))

    async def commit(self, request: p.CommitSnapshotRequest) -> Empty:
        store = self._store(request.snapshotter, (request.key, request.name), request.labels)
        await store.commit(namespace(), lease(), request.name, request.key, request.labels, request.parent)
        return Empty()

    async def remove(self, request: p.RemoveSnapshotRequest) -> Empty:
        await self._store(request.snapshotter, (request.key,)).remove(namespace(), lease(), request.key)
        return Empty()

    async def stat(self, request: p.StatSnapshotRequest) -> p.StatSnapshotResponse:
        info = await self._store(request.snapshotter, (request.key,)).stat(namespace(), request.key)
        return p.StatSnapshotResponse(info=info_to_wire(info))

    async def update(self, request: p.UpdateSnapshotRequest) -> p.UpdateSnapshotResponse:
        if request.info is None:
            raise InvalidArgument("an update needs an info")
        paths = request.update_mask.paths if request.update_mask else []
        store = self._store(request.snapshotter, (request.info.name,))
        info = await store.update(namespace(), info_from_wire(request.info), paths)
        return p.UpdateSnapshotResponse(info=info_to_wire(info))

    async def list(self, request: p.ListSnapshotsRequest) -> AsyncIterator[p.ListSnapshotsResponse]:
        found = self._store(request.snapshotter).walk(namespace(), filters.parse(request.filters))
        async for batch in batches(found):
            yield p.ListSnapshotsResponse(info=[info_to_wire(info) for info in batch])

    async def usage(self, request: p.UsageRequest) -> p.UsageResponse:
        usage = await self._store(request.snapshotter, (request.key,)).usage(namespace(), request.key)
        return p.UsageResponse(size=usage.size, inodes=usage.inodes)

    async def cleanup(self, request: p.CleanupRequest) -> Empty:
        await self._store(request.snapshotter).cleanup()
        return Empty()
