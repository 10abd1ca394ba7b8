"""containerd.services.snapshots.v1.Snapshots: one snapshotter a call."""

from __future__ import annotations

from collections.abc import AsyncIterator

from argosy import filters
from argosy.errors import InvalidArgument
from argosy.plugin.batches import batches
from argosy.plugin.snapshots.rules import Kind
from argosy.plugin.snapshots.servicer import info_from_wire, info_to_wire, mounts_to_wire
from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_protos.google.protobuf import Empty

from argosy_gateway.calls import lease, namespace
from argosy_gateway.core import Core


class Snapshots(p.SnapshotsBase):
    """Snapshots of the caller's namespace."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def prepare(self, request: p.PrepareSnapshotRequest) -> p.PrepareSnapshotResponse:
        store = self._core.snapshots(request.snapshotter)
        mounts = await store.create(namespace(), lease(), Kind.ACTIVE, request.key, request.parent, request.labels)
        return p.PrepareSnapshotResponse(mounts=mounts_to_wire(mounts))

    async def view(self, request: p.ViewSnapshotRequest) -> p.ViewSnapshotResponse:
        store = self._core.snapshots(request.snapshotter)
        mounts = await store.create(namespace(), lease(), Kind.VIEW, request.key, request.parent, request.labels)
        return p.ViewSnapshotResponse(mounts=mounts_to_wire(mounts))

    async def mounts(self, request: p.MountsRequest) -> p.MountsResponse:
        mounts = await self._core.snapshots(request.snapshotter).mounts(namespace(), request.key)
        return p.MountsResponse(mounts=mounts_to_wire(mounts))

    async def commit(self, request: p.CommitSnapshotRequest) -> Empty:
        store = self._core.snapshots(request.snapshotter)
        await store.commit(namespace(), lease(), request.name, request.key, request.labels, request.parent)
        return Empty()

    async def remove(self, request: p.RemoveSnapshotRequest) -> Empty:
        await self._core.snapshots(request.snapshotter).remove(namespace(), lease(), request.key)
        return Empty()

    async def stat(self, request: p.StatSnapshotRequest) -> p.StatSnapshotResponse:
        info = await self._core.snapshots(request.snapshotter).stat(namespace(), request.key)
        return p.StatSnapshotResponse(info=info_to_wire(info))

    async def update(self, request: p.UpdateSnapshotRequest) -> p.UpdateSnapshotResponse:
        if request.info is None:
            raise InvalidArgument("an update needs an info")
        paths = request.update_mask.paths if request.update_mask else []
        store = self._core.snapshots(request.snapshotter)
        info = await store.update(namespace(), info_from_wire(request.info), paths)
        return p.UpdateSnapshotResponse(info=info_to_wire(info))

    async def list(self, request: p.ListSnapshotsRequest) -> AsyncIterator[p.ListSnapshotsResponse]:
        found = self._core.snapshots(request.snapshotter).walk(namespace(), filters.parse(request.filters))
        async for batch in batches(found):
            yield p.ListSnapshotsResponse(info=[info_to_wire(info) for info in batch])

    async def usage(self, request: p.UsageRequest) -> p.UsageResponse:
        usage = await self._core.snapshots(request.snapshotter).usage(namespace(), request.key)
        return p.UsageResponse(size=usage.size, inodes=usage.inodes)

    async def cleanup(self, request: p.CleanupRequest) -> Empty:
        await self._core.snapshots(request.snapshotter).cleanup()
        return Empty()
