"""Any gRPC service in any process, served on the main socket under its own name: relayed by its path, never decoded.

The services of a plugin of the type ``service`` are those that its table names, or else those that its reflection lists; reflection
is asked again and again, so that a plugin may come later, or change. A service of the gateway's own can't be a plugin's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Final

import anyio
import anyio.abc
from argosy import log
from argosy.errors import ArgosyError, InvalidArgument, Unimplemented
from argosy.loops import Complaints, keep_going
from argosy.rpc.channel import Channel
from argosy.rpc.server import Server, ServerStream
from grpclib.const import Cardinality, Handler

from argosy_gateway.plugins.plugin import ANSWER_S, Plugin
from argosy_gateway.plugins.reflection import reflected

logger = log.get("gateway.services")

_RESERVED: Final = ("containerd.", "grpc.", "argosy.")
# How often a plugin that could not be asked is asked again, and one that could whether it has others now, in seconds.
_AGAIN_S, _LOOK_S = 1.0, 15.0
_MOST_SERVICES: Final = 256


class Services:
    """The services of plugins, by name."""

    def __init__(self, plugins: Iterable[Plugin], server: Server, own: Collection[str]) -> None:
        """server serves the main socket; own are the services that the gateway has itself. Raises InvalidArgument."""
        self._server, self._own = server, frozenset(own)
        self._plugins: dict[Plugin, anyio.CancelScope | None] = {}
        """The plugins, and what ends the asking of each that is asked."""
        self._table: dict[str, Plugin] = {}
        self._handlers: dict[str, Handler] = {}
        self._said = Complaints()
        self._group: anyio.abc.TaskGroup | None = None
        for plugin in plugins:
            self.admit(plugin)

    def admit(self, plugin: Plugin) -> None:
        """Serve what a plugin's table names, or else what its reflection lists. Raises InvalidArgument; nothing of it is served then."""
        self.check(plugin.name, plugin.config.services)
        self._plugins[plugin] = None
        for name in plugin.config.services:
            self._add(name, plugin)
        if self._group is not None:
            self._group.start_soon(self._keep_asking, plugin)

    def check(self, plugin: str, services: Iterable[str]) -> None:
        """Raise InvalidArgument when a new plugin of that name may not serve all of these services."""
        for name in services:
            wrong = self._wrong(name, None)
            if wrong:
                raise InvalidArgument(f"[proxy_plugins.{plugin}]: {wrong}")

    def dismiss(self, plugin: Plugin) -> None:
        """Serve nothing of a plugin any more."""
        asking = self._plugins.pop(plugin)
        if asking is not None:
            asking.cancel()
        for name in self.of(plugin):
            self._drop(name)

    def _wrong(self, name: str, plugin: Plugin | None) -> str:
        """Return why a plugin may not serve a service, or nothing."""
        if not name or "/" in name:
            return f'"{name}" is no name of a gRPC service'
        if name in self._own or name.startswith(_RESERVED):
            return f"service \"{name}\" is the gateway's own; give the plugin's another package"
        other = self._table.get(name)
        if other is not None and other is not plugin:
            return f'service "{name}" is served by plugin "{other.name}" already; take one of them out'
        return ""

    def _add(self, name: str, plugin: Plugin) -> None:
        if name not in self._table:
            self._server.services.append(name)

        async def handle(stream: ServerStream) -> None:
            # A stream may be a long one by nature: only a caller's deadline ends it.
            await plugin.relay(stream, Cardinality.STREAM_STREAM, waits=True)

        self._table[name] = plugin
        self._handlers[name] = Handler(handle, Cardinality.STREAM_STREAM, bytes, bytes)

    def _drop(self, name: str) -> None:
        del self._table[name], self._handlers[name]
        self._server.services.remove(name)

    # -- what the main socket asks --

    def handler(self, path: str) -> Handler | None:
        """Return what relays a path to the plugin that serves it; None for a service that no plugin has."""
        return self._handlers.get(path.lstrip("/").partition("/")[0])

    def serves(self, service: str) -> bool | None:
        """Return whether a service of a plugin's can be called now; None for one that no plugin has."""
        plugin = self._table.get(service)
        return None if plugin is None else plugin.can_be_called

    def channels(self, symbol: str) -> Iterator[Channel]:
        """Yield channels to the plugins that may know a symbol; to all of them for none (a file's name does not say whose it is)."""
        seen: set[str] = set()
        for name, plugin in self._table.items():
            if (not symbol or symbol == name or symbol.startswith(name + ".")) and plugin.name not in seen:
                seen.add(plugin.name)
                yield plugin.channel
        if symbol and not seen:
            yield from self.channels("")

    def of(self, plugin: Plugin) -> list[str]:
        """Return the services of a plugin."""
        return sorted(name for name, one in self._table.items() if one is plugin)

    # -- finding out --

    async def look(self) -> None:
        """Keep asking the plugins whose tables name no services for theirs, as long as the gateway lives."""
        async with anyio.create_task_group() as group:
            self._group = group
            for plugin in self._plugins:
                group.start_soon(self._keep_asking, plugin)
            await anyio.sleep_forever()

    async def _keep_asking(self, plugin: Plugin) -> None:
        if plugin not in self._plugins or plugin.config.services:
            return
        with anyio.CancelScope() as self._plugins[plugin]:
            await keep_going(f"services of {plugin}", partial(self._look_at, plugin))

    async def _look_at(self, plugin: Plugin) -> None:
        asked = -1
        while True:
            # One that its first call starts is not started to be asked again; on a new connection it may be a newer one.
            same = not plugin.channel.is_connected or plugin.channel.connections == asked
            if plugin.config.on_demand and asked >= 0 and same:
                await anyio.sleep(_LOOK_S)
                continue
            try:
                names = await self._ask(plugin)
                asked = plugin.channel.connections
            except ArgosyError as error:
                if self._said.is_new(plugin.name, error.message):
                    logger.warning("service.not_asked", plugin=plugin.name, error=error.message)
                await anyio.sleep(_AGAIN_S)
                continue
            for name in [n for n in self.of(plugin) if n not in names]:
                self._drop(name)
            for name in names:
                wrong = self._wrong(name, plugin)
                if not wrong:
                    self._add(name, plugin)
                elif not name.startswith(_RESERVED) and self._said.is_new((plugin.name, name), wrong):
                    logger.warning("service.refused", plugin=plugin.name, error=wrong)
            await anyio.sleep(_LOOK_S)

    async def _ask(self, plugin: Plugin) -> list[str]:
        """Return the names that a plugin's reflection lists. Raises Unimplemented when it has none, Unavailable."""
        try:
            async with plugin.call(ANSWER_S) as channel:
                return (await reflected(channel))[:_MOST_SERVICES]
        except Unimplemented:
            raise Unimplemented(
                f"{plugin} at {plugin.channel.path} has no reflection; say services = [...] in [proxy_plugins.{plugin.name}]"
            ) from None
