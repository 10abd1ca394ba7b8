"""containerd.services.mounts.v1.Mounts: messages in, messages out. Names are whole here: whose they are, the gateway knows."""

from __future__ import annotations

from collections.abc import AsyncIterator

from argosy.errors import InvalidArgument, Unimplemented
from argosy.labels import check_labels
from argosy.mounts import Mount
from argosy_protos.containerd.services.mounts import v1 as p
from argosy_protos.google.protobuf import Empty

from argosy_mounts.activations import Activations

_NAME_BYTES = 8192


class Mounts(p.MountsBase):
    """Activations of this machine."""

    def __init__(self, activations: Activations) -> None:
        self._activations = activations

    async def activate(self, request: p.ActivateRequest) -> p.ActivateResponse:
        if not request.name or len(request.name.encode()) > _NAME_BYTES:
            raise InvalidArgument(f"an activation needs a name, of {_NAME_BYTES} bytes at most")
        check_labels(request.labels)
        mounts = [Mount.from_wire(mount) for mount in request.mounts]
        info = await self._activations.activate(request.name, mounts, request.labels, request.temporary)
        return p.ActivateResponse(info=info)

    async def deactivate(self, request: p.DeactivateRequest) -> Empty:
        await self._activations.deactivate(request.name)
        return Empty()

    async def info(self, request: p.InfoRequest) -> p.InfoResponse:
        return p.InfoResponse(info=await self._activations.info(request.name))

    async def update(self, request: p.UpdateRequest) -> p.UpdateResponse:
        raise Unimplemented

    async def list(self, request: p.ListRequest) -> AsyncIterator[p.ListMessage]:
        for info in await self._activations.all():
            yield p.ListMessage(info=info)
