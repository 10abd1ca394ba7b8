"""Transfers and the streams that belong to them, forwarded to the one process that serves both, and depots, each a plugin that a call names."""

from __future__ import annotations

from typing import Any

from argosy.errors import InvalidArgument, NotFound
from argosy.names import DEPOT_HEADER
from argosy.rpc.server import ServerStream
from argosy_protos._service import ServiceBase
from argosy_protos.argosy.transfer.v1 import DepotBase
from argosy_protos.containerd.services.streaming.v1 import StreamingBase
from argosy_protos.containerd.services.transfer.v1 import TransferBase
from grpclib.const import Handler

from argosy_gateway.plugins.plugin import Plugin
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


class Depots:
    """argosy.transfer.v1.Depot: each call goes to the plugin that its header names. A blob may take hours: who asks for it gives up what stands still."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def _plugin(self, name: str) -> Plugin:
        """Raises InvalidArgument for no name, NotFound for one that no depot has."""
        if not name:
            raise InvalidArgument(f"a call to a depot says which in its header {DEPOT_HEADER}, and this one says none")
        found = self._registry.plugins.get(("depot", name))
        if found is None:
            there = ", ".join(plugin.name for plugin in self._registry.of_type("depot")) or "none"
            raise NotFound(f'depot "{name}"; there are {there}, and argosy plugin add depot NAME makes one known')
        return found

    def __mapping__(self) -> dict[str, Handler]:
        table: dict[str, Handler] = {}
        for method in DepotBase.__methods__:

            async def handle(stream: ServerStream, method: Any = method) -> None:
                plugin = self._plugin(stream.call.get(DEPOT_HEADER) or "")
                await plugin.relay(stream, method.cardinality, waits=method.name in ("Fetch", "Put"))

            table[f"/{DepotBase.__service__}/{method.name}"] = Handler(handle, method.cardinality, bytes, bytes)
        return table
