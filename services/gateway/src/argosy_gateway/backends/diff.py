"""The differs, forwarded to: the first that can do it does. They need no rows: what they read and write comes back to the gateway's own services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from argosy.errors import Unimplemented
from argosy_protos._service import ServiceBase
from argosy_protos.containerd.services.diff.v1 import DiffBase

from argosy_gateway.backends.hooks import LAYER_READY
from argosy_gateway.backends.policy import Policy
from argosy_gateway.backends.relays import Relay
from argosy_gateway.calls import lease
from argosy_gateway.plugins.plugin import Plugin
from argosy_gateway.plugins.registry import Registry


class Diff(Relay):
    """containerd.services.diff.v1.Diff, or argosy.diff.v1.Layers: a differ that says UNIMPLEMENTED, or that is not there, leaves a call to the next one."""

    def __init__(
        self, registry: Registry, policy: Policy, first: Sequence[str] = (), service: type[ServiceBase] = DiffBase
    ) -> None:
        """first are those that are asked before others, in this order; others come in the order in which they were made known."""
        super().__init__(service)
        self._registry, self._policy, self._first = registry, policy, list(first)
        self._unpacks = service is DiffBase

    async def plugin(self, method: Any, namespace: str, message: bytes) -> Sequence[Plugin]:
        """Return the differs in the order in which they are asked, an instance in the place of one.

        Raises Unimplemented when there is none, and what hooks say of a layer that is to be unpacked.
        """
        if self._unpacks and method.name == "Apply" and self._policy.asks(LAYER_READY):
            await self._policy.layer_ready(namespace, message)
        known = list(self._registry.of_type("diff"))
        if not known:
            self._registry.only("diff")
        known.sort(key=lambda one: self._first.index(one.name) if one.name in self._first else len(self._first))
        if method.name == "Unpack":
            # Another differ than the one that would apply it is not asked, and neither are hooks: of a layer that is there they are.
            if self._policy.asks(LAYER_READY):
                raise Unimplemented("a hook is asked about each layer that is there; apply it then")
            known = known[:1]
        intercepts = self._registry.intercepts
        if not intercepts:
            return known
        found = ((plugin, intercepts.of_call(plugin.name, namespace, lease())) for plugin in known)
        return [plugin if one is None else one.plugin for plugin, one in found]
