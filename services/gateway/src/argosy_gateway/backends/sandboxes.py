"""Sandbox controllers, forwarded to: each call says in its ``sandboxer`` field whose it is."""

from __future__ import annotations

from typing import Any

from argosy.errors import InvalidArgument, NotFound, ResourceExhausted
from argosy.rpc.decoding import MOST_FIELDS, TooManyFields, decode
from argosy_protos._error import DecodeError
from argosy_protos.containerd.services.sandbox import v1 as p

from argosy_gateway.backends.relays import Relay
from argosy_gateway.plugins.plugin import Plugin
from argosy_gateway.plugins.registry import Registry


class Controller(Relay):
    """containerd.services.sandbox.v1.Controller."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(p.ControllerBase)
        self._registry = registry

    async def plugin(self, method: Any, namespace: str, message: bytes) -> Plugin:
        """Return the plugin of the controller that a call names. Raises InvalidArgument, NotFound for one that is not configured."""
        try:
            name = (await decode(method.request, message, MOST_FIELDS)).sandboxer
        except DecodeError as error:
            raise InvalidArgument(f"{method.name}: the request is malformed: {error}") from error
        except TooManyFields as error:
            raise ResourceExhausted(f"{method.name}: the request can't be taken: {error}; send less at once") from error
        if not name:
            raise InvalidArgument("sandbox controller name can not be empty")
        plugin = self._registry.plugins.get(("sandbox", name))
        if plugin is None:
            raise NotFound(f'sandbox controller "{name}"')
        return plugin
