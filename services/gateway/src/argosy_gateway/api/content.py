"""containerd.services.content.v1.Content: the plugin's servicer on the namespaced store."""

from __future__ import annotations

from argosy.plugin.content import ContentServicer
from argosy_protos.argosy.content.v1 import IngestsBase, PlaceRequest, PlaceResponse

from argosy_gateway.backends.content import NamespacedContent
from argosy_gateway.calls import namespace
from argosy_gateway.core import Core


class Content(ContentServicer):
    """Blobs and ingests of the caller's namespace."""

    def __init__(self, core: Core) -> None:
        super().__init__(NamespacedContent(core.blobs()))


class Ingests(IngestsBase):
    """Where the open ingests of the caller's namespace are, for clients that write them themselves."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def place(self, request: PlaceRequest) -> PlaceResponse:
        return await self._core.blobs().place(namespace(), request.ref)
