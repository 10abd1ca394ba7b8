"""The plugins of this gateway: one object each, found by type and name. Those at one address, served by the same users, share a channel."""

from __future__ import annotations

from collections.abc import Iterator

from argosy.errors import FailedPrecondition, InvalidArgument, Unimplemented
from argosy.rpc.channel import Channel
from argosy.tables import ALONE, ProxyPlugin

from argosy_gateway.plugins.plugin import Plugin, allowed_users, connect


class Registry:
    """All plugins, by type and name. Those at one address share a channel when the same users may serve them: a channel
    asks once a connection who is there."""

    def __init__(self) -> None:
        self.plugins: dict[tuple[str, str], Plugin] = {}
        self._channels: dict[tuple[str, frozenset[int]], Channel] = {}

    def __iter__(self) -> Iterator[Plugin]:
        return iter(self.plugins.values())

    def add(self, name: str, config: ProxyPlugin) -> Plugin:
        """Make the object of a plugin. Raises FailedPrecondition when the name is taken within its type."""
        at = (config.type, name)
        if at in self.plugins:
            raise FailedPrecondition(f'proxy plugin "{name}" of type {config.type} is configured twice')
        where = (config.address, frozenset(allowed_users(config)))
        channel = self._channels.get(where)
        if channel is None:
            channel = self._channels[where] = connect(name, config)
        plugin = self.plugins[at] = Plugin(name, config, channel)
        return plugin

    def check(self) -> None:
        """Raise FailedPrecondition when there are two of a type of which one can serve: the other's bytes would look lost."""
        for kind in ALONE:
            if len(list(self.of_type(kind))) > 1:
                self.only(kind)

    def of_type(self, kind: str) -> Iterator[Plugin]:
        """Yield the plugins of a short type, in order of configuration."""
        return (p for (t, _), p in self.plugins.items() if t == kind)

    def only(self, kind: str) -> Plugin:
        """Return the plugin of a type of which there can be one. Raises Unimplemented, FailedPrecondition."""
        found = list(self.of_type(kind))
        if not found:
            raise Unimplemented(f"no {kind} plugin is configured; add one under [proxy_plugins]")
        if len(found) > 1:
            names = ", ".join(f'"{p.name}" at {p.config.address}' for p in found)
            raise FailedPrecondition(
                f"{len(found)} {kind} plugins are configured ({names}) where one can serve; take all but one out of [proxy_plugins]"
            )
        return found[0]

    def snapshotter(self, name: str) -> Plugin:
        """Return a snapshotter by its name. Raises InvalidArgument, as containerd does for one that it has not."""
        if not name:
            raise InvalidArgument("snapshotter argument missing")
        found = self.plugins.get(("snapshot", name))
        if found is None:
            loaded = ", ".join(plugin.name for plugin in self.of_type("snapshot")) or "none"
            raise InvalidArgument(f"snapshotter not loaded: {name}; loaded are {loaded}")
        return found

    def close(self) -> None:
        for plugin in self:
            plugin.close()
        for channel in self._channels.values():
            channel.close()
