"""Transfers and the streams that belong to them, forwarded to the one process that serves both: a stream is named in a transfer by its id."""

from __future__ import annotations

from typing import Any

from argosy.rpc.server import ServerStream
from argosy_protos._service import ServiceBase
from argosy_protos.containerd.services.streaming.v1 import StreamingBase
from argosy_protos.containerd.services.transfer.v1 import TransferBase
from grpclib.const import Handler

from argosy_gateway.plugins.registry import Registry


class Transfer:
    """containerd.services.transfer.v1.Transfer and containerd.services.streaming.v1.Streaming. A transfer may take hours: only its client ends it.

    Neither needs a namespace here: a stream may have none, and a transfer without one is refused by whoever serves it.
    """

    services: tuple[type[ServiceBase], ...] = (TransferBase, StreamingBase)

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def __mapping__(self) -> dict[str, Handler]:
        table: dict[str, Handler] = {}
        for service in self.services:
            for method in service.__methods__:

                async def handle(stream: ServerStream, method: Any = method) -> None:
                    await self._registry.only("transfer").relay(stream, method.cardinality, waits=True)

                table[f"/{service.__service__}/{method.name}"] = Handler(handle, method.cardinality, bytes, bytes)
        return table
