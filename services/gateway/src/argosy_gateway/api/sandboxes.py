"""containerd.services.sandbox.v1.Store: records of sandboxes."""

from __future__ import annotations

from argosy import filters
from argosy.errors import InvalidArgument
from argosy.rpc.server import inline
from argosy_protos.containerd.services.sandbox import v1 as p

from argosy_gateway.calls import namespace
from argosy_gateway.core import Core
from argosy_gateway.metadata import sandboxes as store


class Store(p.StoreBase):
    """Records of sandboxes."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def create(self, request: p.StoreCreateRequest) -> p.StoreCreateResponse:
        ns, wanted = namespace(), request.sandbox
        if wanted is None:
            raise InvalidArgument("a sandbox must be given")
        return p.StoreCreateResponse(sandbox=await self._core.change(lambda db: store.create(db, ns, wanted)))

    async def update(self, request: p.StoreUpdateRequest) -> p.StoreUpdateResponse:
        ns, wanted = namespace(), request.sandbox
        if wanted is None:
            raise InvalidArgument("a sandbox must be given")
        made = await self._core.change(lambda db: store.update(db, ns, wanted, request.fields))
        return p.StoreUpdateResponse(sandbox=made)

    async def delete(self, request: p.StoreDeleteRequest) -> p.StoreDeleteResponse:
        ns = namespace()
        await self._core.change(lambda db: store.delete(db, ns, request.sandbox_id), dirty=True)
        return p.StoreDeleteResponse()

    @inline
    async def list(self, request: p.StoreListRequest) -> p.StoreListResponse:
        return p.StoreListResponse(list=store.listed(self._core.db.reader, namespace(), filters.parse(request.filters)))

    @inline
    async def get(self, request: p.StoreGetRequest) -> p.StoreGetResponse:
        return p.StoreGetResponse(sandbox=store.get(self._core.db.reader, namespace(), request.sandbox_id))
