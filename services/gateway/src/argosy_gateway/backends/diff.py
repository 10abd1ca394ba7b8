"""The differ, forwarded to. It needs no rows: what it reads and writes comes back to the gateway's own services."""

from __future__ import annotations

from typing import Any

from argosy_protos.containerd.services.diff.v1 import DiffBase

from argosy_gateway.backends.relays import Relay
from argosy_gateway.plugins.plugin import Plugin
from argosy_gateway.plugins.registry import Registry


class Diff(Relay):
    """containerd.services.diff.v1.Diff."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(DiffBase)
        self._registry = registry

    async def plugin(self, method: Any, namespace: str, message: bytes) -> Plugin:
        return self._registry.only("diff")
