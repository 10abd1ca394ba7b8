"""containerd.services.content.v1.Content: the plugin's servicer on the namespaced store, with events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from argosy.plugin.content import ContentServicer
from argosy.plugin.content.servicer import write_stream
from argosy_protos.argosy.content.v1 import IngestsBase, PlaceRequest, PlaceResponse
from argosy_protos.containerd.events import ContentCreate, ContentDelete
from argosy_protos.containerd.services.content import v1 as p
from argosy_protos.google.protobuf import Empty

from argosy_gateway.calls import namespace
from argosy_gateway.core import Core
from argosy_gateway.metadata.content import NamespacedContent


class Content(ContentServicer):
    """Blobs and ingests of the caller's namespace."""

    def __init__(self, core: Core) -> None:
        super().__init__(NamespacedContent(core.blobs()))
        self._core = core

    async def write(self, requests: AsyncIterator[p.WriteContentRequest]) -> AsyncIterator[p.WriteContentResponse]:
        ns = namespace()
        async with aclosing(write_stream(self.store, requests)) as responses:
            async for response in responses:
                if response.action == p.WriteAction.COMMIT:
                    event = ContentCreate(digest=response.digest, size=response.offset)
                    self._core.events.publish(ns, "/content/create", "containerd.events.ContentCreate", event)
                yield response

    async def delete(self, request: p.DeleteContentRequest) -> Empty:
        reply = await super().delete(request)
        event = ContentDelete(digest=request.digest)
        self._core.events.publish(namespace(), "/content/delete", "containerd.events.ContentDelete", event)
        return reply


class Ingests(IngestsBase):
    """Where the open ingests of the caller's namespace are, for clients that write them themselves."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def place(self, request: PlaceRequest) -> PlaceResponse:
        return await self._core.blobs().place(namespace(), request.ref)
