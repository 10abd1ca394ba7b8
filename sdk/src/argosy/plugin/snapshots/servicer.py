"""containerd.services.snapshots.v1.Snapshots on a Snapshotter: parse, call, convert.

The ``snapshotter`` field is whatever the owner calls this plugin; it is not looked at.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_protos.containerd.types import Mount as WireMount
from argosy_protos.google.protobuf import Empty

from argosy import filters
from argosy.errors import InvalidArgument
from argosy.mounts import Mount
from argosy.plugin.batches import batches
from argosy.plugin.snapshots.rules import Info, Kind
from argosy.plugin.snapshots.tree import Snapshotter
from argosy.rpc.server import inline
from argosy.timestamps import from_wire, to_wire


def info_to_wire(info: Info) -> p.Info:
    return p.Info(
        name=info.name,
        parent=info.parent,
        kind=p.Kind(int(info.kind)),
        created_at=to_wire(info.created_ns),
        updated_at=to_wire(info.updated_ns),
        labels=info.labels,
    )


def info_from_wire(info: p.Info) -> Info:
    """Return an Info from a peer. Raises InvalidArgument for a kind that is none."""
    try:
        kind = Kind(int(info.kind)) if info.kind else Kind.ACTIVE
    except ValueError:
        raise InvalidArgument(f'snapshot "{info.name}" has unknown kind {int(info.kind)}') from None
    created, updated = from_wire(info.created_at) or 0, from_wire(info.updated_at) or 0
    return Info(info.name, info.parent, kind, created, updated, dict(info.labels))


def mounts_to_wire(mounts: Sequence[Mount]) -> list[WireMount]:
    return [m.to_wire(WireMount) for m in mounts]


class SnapshotsServicer(p.SnapshotsBase):
    """A snapshotter on the wire."""

    def __init__(self, snapshotter: Snapshotter) -> None:
        self.snapshotter = snapshotter

    async def prepare(self, request: p.PrepareSnapshotRequest) -> p.PrepareSnapshotResponse:
        mounts = await self.snapshotter.prepare(request.key, request.parent, request.labels)
        return p.PrepareSnapshotResponse(mounts=mounts_to_wire(mounts))

    async def view(self, request: p.ViewSnapshotRequest) -> p.ViewSnapshotResponse:
        mounts = await self.snapshotter.view(request.key, request.parent, request.labels)
        return p.ViewSnapshotResponse(mounts=mounts_to_wire(mounts))

    @inline
    async def mounts(self, request: p.MountsRequest) -> p.MountsResponse:
        return p.MountsResponse(mounts=mounts_to_wire(await self.snapshotter.mounts(request.key)))

    async def commit(self, request: p.CommitSnapshotRequest) -> Empty:
        await self.snapshotter.commit(request.name, request.key, request.labels, request.parent)
        return Empty()

    async def remove(self, request: p.RemoveSnapshotRequest) -> Empty:
        await self.snapshotter.remove(request.key)
        return Empty()

    @inline
    async def stat(self, request: p.StatSnapshotRequest) -> p.StatSnapshotResponse:
        return p.StatSnapshotResponse(info=info_to_wire(await self.snapshotter.stat(request.key)))

    async def update(self, request: p.UpdateSnapshotRequest) -> p.UpdateSnapshotResponse:
        if request.info is None:
            raise InvalidArgument("an update needs an info")
        paths = request.update_mask.paths if request.update_mask else []
        info = await self.snapshotter.update(info_from_wire(request.info), paths)
        return p.UpdateSnapshotResponse(info=info_to_wire(info))

    async def list(self, request: p.ListSnapshotsRequest) -> AsyncIterator[p.ListSnapshotsResponse]:
        async for batch in batches(self.snapshotter.walk(filters.parse(request.filters))):
            yield p.ListSnapshotsResponse(info=[info_to_wire(info) for info in batch])

    async def usage(self, request: p.UsageRequest) -> p.UsageResponse:
        usage = await self.snapshotter.usage(request.key)
        return p.UsageResponse(size=usage.size, inodes=usage.inodes)

    async def cleanup(self, request: p.CleanupRequest) -> Empty:
        await self.snapshotter.cleanup()
        return Empty()
