"""containerd.services.leases.v1.Leases."""

from __future__ import annotations

from argosy import filters
from argosy.errors import InvalidArgument
from argosy.rpc.server import inline
from argosy.timestamps import to_wire
from argosy_protos.containerd.services.leases import v1 as p
from argosy_protos.google.protobuf import Empty

from argosy_gateway.calls import namespace
from argosy_gateway.core import Core
from argosy_gateway.metadata import leases as store


def _to_wire(lease: store.Lease) -> p.Lease:
    return p.Lease(id=lease.id, created_at=to_wire(lease.created_ns), labels=lease.labels)


class Leases(p.LeasesBase):
    """Leases and their resources."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def create(self, request: p.CreateRequest) -> p.CreateResponse:
        ns = namespace()
        made = await self._core.change(lambda db: store.create(db, ns, request.id, request.labels))
        return p.CreateResponse(lease=_to_wire(made))

    async def delete(self, request: p.DeleteRequest) -> Empty:
        ns = namespace()
        await self._core.change(lambda db: store.delete(db, ns, request.id), dirty=True)
        if request.sync:
            await self._core.scheduler.collect_now()
        return Empty()

    @inline
    async def list(self, request: p.ListRequest) -> p.ListResponse:
        found = store.listed(self._core.db.reader, namespace(), filters.parse(request.filters))
        return p.ListResponse(leases=[_to_wire(lease) for lease in found])

    async def add_resource(self, request: p.AddResourceRequest) -> Empty:
        ns, r = namespace(), request.resource
        if r is None:
            raise InvalidArgument("a resource must be given")
        await self._core.change(lambda db: store.add_resource(db, ns, request.id, r.type, r.id))
        return Empty()

    async def delete_resource(self, request: p.DeleteResourceRequest) -> Empty:
        ns, r = namespace(), request.resource
        if r is None:
            raise InvalidArgument("a resource must be given")
        await self._core.change(lambda db: store.delete_resource(db, ns, request.id, r.type, r.id), dirty=True)
        return Empty()

    @inline
    async def list_resources(self, request: p.ListResourcesRequest) -> p.ListResourcesResponse:
        found = store.resources(self._core.db.reader, namespace(), request.id)
        return p.ListResourcesResponse(resources=[p.Resource(id=i, type=t) for t, i in found])
