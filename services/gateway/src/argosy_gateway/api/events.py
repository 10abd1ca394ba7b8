"""containerd.services.events.v1.Events, and its twin on ttrpc for shims."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from argosy import filters
from argosy.errors import InvalidArgument
from argosy.rpc.server import inline
from argosy.timestamps import now_ns, to_wire
from argosy.ttrpc.server import TtrpcServer
from argosy_protos.containerd.services.events import v1 as p
from argosy_protos.containerd.services.events.ttrpc.v1 import ForwardRequest
from argosy_protos.containerd.types import Envelope
from argosy_protos.google.protobuf import Empty

from argosy_gateway.calls import namespace
from argosy_gateway.core import Core


class Events(p.EventsBase):
    """Publish in a namespace, forward from elsewhere, subscribe to all."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @inline
    async def publish(self, request: p.PublishRequest) -> Empty:
        self._core.events.forward(
            Envelope(timestamp=to_wire(now_ns()), namespace=namespace(), topic=request.topic, event=request.event)
        )
        return Empty()

    @inline
    async def forward(self, request: p.ForwardRequest) -> Empty:
        if request.envelope is None:
            raise InvalidArgument("an envelope must be given")
        self._core.events.forward(request.envelope)
        return Empty()

    async def subscribe(self, request: p.SubscribeRequest) -> AsyncIterator[Envelope]:
        with self._core.events.subscribe(filters.parse(request.filters)) as subscription:
            async for envelope in subscription:
                yield envelope


def add_ttrpc(server: TtrpcServer, core: Core) -> None:
    """Serve the event endpoint that shims publish to."""

    async def forward(request: ForwardRequest, metadata: Mapping[str, str]) -> Any:
        if request.envelope is None:
            raise InvalidArgument("an envelope must be given")
        core.events.forward(request.envelope)
        return Empty()

    server.add("containerd.services.events.ttrpc.v1.Events", "Forward", ForwardRequest, forward)
