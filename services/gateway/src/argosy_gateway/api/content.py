"""containerd.services.content.v1.Content: the plugin's servicer on the namespaced store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from argosy.filters import Filter
from argosy.plugin.content import ContentServicer, ContentStore, Info, Status, Writer
from argosy.rpc.context import current
from argosy_protos.argosy.content.v1 import IngestsBase, PlaceRequest, PlaceResponse

from argosy_gateway.backends.content import Content as Backend
from argosy_gateway.backends.hooks import UNPACKED
from argosy_gateway.calls import namespace
from argosy_gateway.core import Core


class NamespacedContent(ContentStore):
    """The store of the namespace and lease that the current call names."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def _here(self) -> tuple[Backend, str]:
        """The store that the call goes to, and the space that it is about.

        Raises Unimplemented while there is no content plugin, Unavailable for the namespace's own.
        """
        return self._core.content_for(current().namespace)

    async def info(self, digest: str) -> Info:
        content, space = self._here
        return await content.blobs.info(space, digest)

    async def walk(self, filter: Filter) -> AsyncIterator[Info]:
        content, space = self._here
        for info in content.blobs.walk(space, filter):
            yield info

    async def delete(self, digest: str) -> None:
        content, space = self._here
        await content.blobs.delete(space, current().lease, digest)

    def read(self, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        content, space = self._here
        return content.blobs.read(space, digest, offset, size)

    async def status(self, ref: str) -> Status:
        content, space = self._here
        return await content.ingests.status(space, ref)

    async def statuses(self, filter: Filter) -> list[Status]:
        content, space = self._here
        return await content.ingests.statuses(space, filter)

    async def abort(self, ref: str) -> None:
        content, space = self._here
        await content.ingests.abort(space, current().lease, ref)

    async def writer(self, ref: str, total: int, expected: str, holder: str) -> Writer:
        content, space = self._here
        return await content.ingests.open(space, current().lease, ref, total, expected)

    async def update(self, info: Info, paths: Sequence[str]) -> Info:
        content, space = self._here
        if self._core.policy.asks(UNPACKED):
            await self._core.policy.unpacked(current().namespace, info.digest, info.labels, paths)
        return await content.blobs.update(space, info, paths)


class Content(ContentServicer):
    """Blobs and ingests of the caller's namespace."""

    def __init__(self, core: Core) -> None:
        super().__init__(NamespacedContent(core))


class Ingests(IngestsBase):
    """argosy.content.v1.Ingests: the paths of open ingests, for clients that write them themselves."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def place(self, request: PlaceRequest) -> PlaceResponse:
        content, space = self._core.content_for(namespace())
        return await content.ingests.place(space, request.ref)
