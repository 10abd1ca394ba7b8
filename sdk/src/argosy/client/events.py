"""Events as they happen, with their payloads decoded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from argosy_protos._message import Message
from argosy_protos.containerd.services.events.v1 import SubscribeRequest

from argosy.client.connection import Client
from argosy.timestamps import from_wire
from argosy.typeurl import bare, unpack


@dataclass(frozen=True, slots=True)
class Event:
    """One event; time is nanoseconds since the epoch, payload None when its type is unknown here."""

    time_ns: int
    namespace: str
    topic: str
    type: str
    payload: Message | dict[str, Any] | None

    def fields(self) -> dict[str, Any]:
        """Return the payload as plain data."""
        if self.payload is None or isinstance(self.payload, dict):
            return self.payload or {}
        return self.payload.to_dict()


async def subscribe(client: Client, filters: Sequence[str] = ()) -> AsyncIterator[Event]:
    """Yield events of all namespaces that match one of filters, for ever. Raises Unavailable when the daemon goes."""
    async for envelope in client.services.events.subscribe(SubscribeRequest(filters=list(filters))):
        kind = bare(envelope.event.type_url) if envelope.event else ""
        payload = unpack(envelope.event) if envelope.event else None
        yield Event(from_wire(envelope.timestamp) or 0, envelope.namespace, envelope.topic, kind, payload)
