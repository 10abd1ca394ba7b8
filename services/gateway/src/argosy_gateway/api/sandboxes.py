"""containerd.services.sandbox.v1: the store here, controllers in plugins of their own."""

from __future__ import annotations

from typing import Any

from argosy import filters
from argosy.errors import InvalidArgument, NotFound
from argosy.rpc.server import ServerStream, inline
from argosy_protos._error import DecodeError
from argosy_protos.containerd.services.sandbox import v1 as p
from grpclib.const import Handler

from argosy_gateway.api.relays import Peeked
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


class Controller:
    """Forwards each call to the sandbox plugin that its ``sandboxer`` field names."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def __mapping__(self) -> dict[str, Handler]:
        table: dict[str, Handler] = {}
        for method in p.ControllerBase.__methods__:

            async def handle(stream: ServerStream, method: Any = method) -> None:
                message = await stream.recv_message()
                _ = stream.call.namespace
                try:
                    name = method.request.decode(message).sandboxer
                except DecodeError as error:
                    raise InvalidArgument(f"{stream.path}: the request is malformed: {error}") from error
                if not name:
                    raise InvalidArgument("sandbox controller name can not be empty")
                plugin = self._core.registry.plugins.get(("sandbox", name))
                if plugin is None:
                    raise NotFound(f'sandbox controller "{name}"')
                peeked: Any = Peeked(stream, message)
                await plugin.relay(peeked, method.cardinality, waits=method.name == "Wait")

            table[f"/{p.ControllerBase.__service__}/{method.name}"] = Handler(handle, method.cardinality, bytes, bytes)
        return table
