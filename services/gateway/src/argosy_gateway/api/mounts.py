"""containerd.services.mounts.v1.Mounts."""

from __future__ import annotations

from collections.abc import AsyncIterator

from argosy import filters
from argosy.errors import Unimplemented
from argosy.mounts import Mount
from argosy_protos.containerd.services.mounts import v1 as p
from argosy_protos.google.protobuf import Empty

from argosy_gateway.calls import lease, namespace
from argosy_gateway.core import Core


class Mounts(p.MountsBase):
    """Mounts that are kept for the caller's namespace."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def activate(self, request: p.ActivateRequest) -> p.ActivateResponse:
        mounts = [Mount.from_wire(mount) for mount in request.mounts]
        info = await self._core.mount_store().activate(
            namespace(), lease(), request.name, mounts, request.labels, request.temporary
        )
        return p.ActivateResponse(info=info)

    async def deactivate(self, request: p.DeactivateRequest) -> Empty:
        await self._core.mount_store().deactivate(namespace(), request.name)
        return Empty()

    async def info(self, request: p.InfoRequest) -> p.InfoResponse:
        return p.InfoResponse(info=await self._core.mount_store().info(namespace(), request.name))

    async def update(self, request: p.UpdateRequest) -> p.UpdateResponse:
        raise Unimplemented  # as in containerd, whose clients find out by that

    async def list(self, request: p.ListRequest) -> AsyncIterator[p.ListMessage]:
        async for info in self._core.mount_store().walk(namespace(), filters.parse(request.filters)):
            yield p.ListMessage(info=info)
