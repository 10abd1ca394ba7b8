"""containerd.services.namespaces.v1.Namespaces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from argosy.errors import InvalidArgument
from argosy.recent import Recent
from argosy.rpc.server import inline
from argosy_protos.containerd.events import NamespaceCreate, NamespaceDelete, NamespaceUpdate
from argosy_protos.containerd.services.namespaces import v1 as p
from argosy_protos.google.protobuf import Empty

from argosy_gateway.metadata import namespaces as store

if TYPE_CHECKING:
    from argosy_gateway.core import Core


_ENTRIES: Final = 4096
_ENTRIES_BYTES: Final = 1 << 20


def _memory_of(name: str, entry: tuple[str, bytes]) -> int:
    """Return about how many bytes an encoded namespace takes together with its labels."""
    return len(name) + len(entry[0]) + len(entry[1]) + 300


class Namespaces(p.NamespacesBase):
    """Calls here are about all namespaces; none is required in the headers."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._entries: Recent[str, tuple[str, bytes]] = Recent(_ENTRIES, _ENTRIES_BYTES, _memory_of)
        """Encoded lists of one namespace each, with its labels as they are stored."""

    def _entry(self, name: str, labels: str) -> bytes:
        """Return an encoded list of this one namespace."""
        entry = self._entries.get(name)
        if entry is None or entry[0] != labels:
            namespace = p.Namespace(name=name, labels=json.loads(labels))
            entry = labels, p.ListNamespacesResponse(namespaces=[namespace]).encode()
            self._entries.put(name, entry)
        return entry[1]

    @inline
    async def get(self, request: p.GetNamespaceRequest) -> p.GetNamespaceResponse:
        labels = store.labels(self._core.db.reader, request.name)
        return p.GetNamespaceResponse(namespace=p.Namespace(name=request.name, labels=labels))

    @inline
    async def list(self, request: p.ListNamespacesRequest) -> p.ListNamespacesResponse:
        # Messages of one kind in a row are one message that has all they have.
        encoded: Any = b"".join([self._entry(name, labels) for name, labels in store.rows(self._core.db.reader)])
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
        self._entries.drop(request.name)
        self._core.note_dropped()
        event = NamespaceDelete(name=request.name)
        self._core.events.publish(request.name, "/namespaces/delete", "containerd.events.NamespaceDelete", event)
        return Empty()
