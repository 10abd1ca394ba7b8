"""containerd.services.namespaces.v1.Namespaces."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from argosy.errors import InvalidArgument
from argosy.rpc.server import inline
from argosy_protos.containerd.events import NamespaceCreate, NamespaceDelete, NamespaceUpdate
from argosy_protos.containerd.services.namespaces import v1 as p
from argosy_protos.google.protobuf import Empty

from argosy_gateway.metadata import namespaces as store

if TYPE_CHECKING:
    from argosy_gateway.core import Core


@lru_cache(maxsize=4096)
def _entry(name: str, labels: str) -> bytes:
    """Return an encoded list of this one namespace."""
    return p.ListNamespacesResponse(namespaces=[p.Namespace(name=name, labels=json.loads(labels))]).encode()


class Namespaces(p.NamespacesBase):
    """Calls here are about all namespaces; none is required in the headers."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @inline
    async def get(self, request: p.GetNamespaceRequest) -> p.GetNamespaceResponse:
        labels = store.labels(self._core.db.reader, request.name)
        return p.GetNamespaceResponse(namespace=p.Namespace(name=request.name, labels=labels))

    @inline
    async def list(self, request: p.ListNamespacesRequest) -> p.ListNamespacesResponse:
        # Messages of one kind in a row are one message that has all they have.
        encoded: Any = b"".join([_entry(name, labels) for name, labels in store.rows(self._core.db.reader)])
        return encoded  # type: ignore[no-any-return] # a handler may answer with bytes

    async def create(self, request: p.CreateNamespaceRequest) -> p.CreateNamespaceResponse:
        wanted = request.namespace
        if wanted is None:
            raise InvalidArgument("a namespace must be given")
        await self._core.change(lambda db: store.create(db, wanted.name, wanted.labels))
        event = NamespaceCreate(name=wanted.name, labels=wanted.labels)
        self._core.events.publish(wanted.name, "/namespaces/create", "containerd.events.NamespaceCreate", event)
        return p.CreateNamespaceResponse(namespace=wanted)

    async def update(self, request: p.UpdateNamespaceRequest) -> p.UpdateNamespaceResponse:
        wanted = request.namespace
        if wanted is None:
            raise InvalidArgument("a namespace must be given")
        paths = request.update_mask.paths if request.update_mask else []
        labels = await self._core.change(lambda db: store.update(db, wanted.name, wanted.labels, paths))
        event = NamespaceUpdate(name=wanted.name, labels=labels)
        self._core.events.publish(wanted.name, "/namespaces/update", "containerd.events.NamespaceUpdate", event)
        return p.UpdateNamespaceResponse(namespace=p.Namespace(name=wanted.name, labels=labels))

    async def delete(self, request: p.DeleteNamespaceRequest) -> Empty:
        await self._core.change(lambda db: store.delete(db, request.name))
        self._core.note_dropped_ingests()
        event = NamespaceDelete(name=request.name)
        self._core.events.publish(request.name, "/namespaces/delete", "containerd.events.NamespaceDelete", event)
        return Empty()
