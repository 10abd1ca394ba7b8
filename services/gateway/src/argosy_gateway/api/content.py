"""containerd.services.content.v1.Content: the plugin's servicer on the namespaced store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from argosy.filters import Filter
from argosy.plugin.content import ContentServicer, ContentStore, Info, Status, Writer
from argosy.rpc.context import current
from argosy_protos.argosy.content.v1 import IngestsBase, PlaceRequest, PlaceResponse

from argosy_gateway.backends.content import Content as Backend
from argosy_gateway.calls import namespace
from argosy_gateway.core import Core


class NamespacedContent(ContentStore):
    """The store of the namespace and lease that the current call names."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def _content(self) -> Backend:
        """Raises Unimplemented while there is no content plugin."""
        return self._core.content or self._core.content_store()

    async def info(self, digest: str) -> Info:
        return await self._content.blobs.info(current().namespace, digest)

    async def walk(self, filter: Filter) -> AsyncIterator[Info]:
        for info in self._content.blobs.walk(current().namespace, filter):
            yield info

    async def delete(self, digest: str) -> None:
        await self._content.blobs.delete(current().namespace, current().lease, digest)

    def read(self, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        return self._content.blobs.read(current().namespace, digest, offset, size)

    async def status(self, ref: str) -> Status:
        return await self._content.ingests.status(current().namespace, ref)

    async def statuses(self, filter: Filter) -> list[Status]:
        return await self._content.ingests.statuses(current().namespace, filter)

    async def abort(self, ref: str) -> None:
        await self._content.ingests.abort(current().namespace, current().lease, ref)

    async def writer(self, ref: str, total: int, expected: str, holder: str) -> Writer:
        return await self._content.ingests.open(current().namespace, current().lease, ref, total, expected)

    async def update(self, info: Info, paths: Sequence[str]) -> Info:
        return await self._content.blobs.update(current().namespace, info, paths)


class Content(ContentServicer):
    """Blobs and ingests of the caller's namespace."""

    def __init__(self, core: Core) -> None:
        super().__init__(NamespacedContent(core))


class Ingests(IngestsBase):
    """argosy.content.v1.Ingests: the paths of open ingests, for clients that write them themselves."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def place(self, request: PlaceRequest) -> PlaceResponse:
        return await self._core.content_store().ingests.place(namespace(), request.ref)
