"""Sandbox controllers, forwarded to: each call says in its ``sandboxer`` field whose it is.

containerd's own, ``shim``, runs sandboxes by their shims; there is none here yet, unless a plugin has that name. What clients ask it on
their way to remove a sandbox's record is answered all the same: nothing runs.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from argosy.errors import InvalidArgument, NotFound, ResourceExhausted, Unimplemented
from argosy.rpc.decoding import MOST_FIELDS, TooManyFields, decode
from argosy_protos._error import DecodeError
from argosy_protos._message import Message
from argosy_protos.containerd.services.sandbox import v1 as p

from argosy_gateway.backends.relays import Relay
from argosy_gateway.metadata import sandboxes as store
from argosy_gateway.plugins.plugin import Plugin
from argosy_gateway.plugins.registry import Registry

_OWN: Final = "shim"


class Controller(Relay):
    """containerd.services.sandbox.v1.Controller."""

    def __init__(self, registry: Registry, reader: sqlite3.Connection) -> None:
        super().__init__(p.ControllerBase)
        self._registry, self._reader = registry, reader

    async def plugin(self, method: Any, namespace: str, message: bytes) -> Plugin | Message:
        """Return the plugin of the controller that a call names, or an answer that needs none.

        Raises InvalidArgument, NotFound for a controller that is not configured, Unimplemented for what only a running sandbox has.
        """
        try:
            request = await decode(method.request, message, MOST_FIELDS)
        except DecodeError as error:
            raise InvalidArgument(f"{method.name}: the request is malformed: {error}") from error
        except TooManyFields as error:
            raise ResourceExhausted(f"{method.name}: the request can't be taken: {error}; send less at once") from error
        name = request.sandboxer
        if not name:
            raise InvalidArgument("sandbox controller name can not be empty")
        plugin = self._registry.plugins.get(("sandbox", name))
        if plugin is not None:
            return plugin
        if name == _OWN:
            return self._unbuilt(method.name, namespace, request.sandbox_id)
        configured = ", ".join(f'"{plugin.name}"' for plugin in self._registry.of_type("sandbox")) or "none"
        raise NotFound(f'sandbox controller "{name}" is not configured; configured are: {configured}')

    def _unbuilt(self, method: str, namespace: str, id: str) -> Message:
        """Answer for the controller that is not there yet. Raises NotFound without a record of the sandbox, Unimplemented."""
        if method not in ("Create", "Start"):
            store.get(self._reader, namespace, id)
        match method:
            case "Stop":
                return p.ControllerStopResponse()
            case "Shutdown":
                return p.ControllerShutdownResponse()
            case "Status":
                return p.ControllerStatusResponse(sandbox_id=id)
        raise Unimplemented(
            f'sandbox "{id}" does not run: this daemon keeps records of sandboxes, and its controller "{_OWN}" is not built yet; '
            'serve a controller as a plugin of the type "sandbox" ([proxy_plugins]), or run containers without a sandbox'
        )
