"""The plugins of this gateway: one object each, found by type and name. Those at one address, served by the same users, share a channel.

They come and go while everything runs; a ``Watcher`` is told of each that is another than before.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple, overload

import anyio
from argosy.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unavailable, Unimplemented
from argosy.rpc.channel import Channel
from argosy.tables import ALONE, SHORT_TYPES, TAKEN_NAMES, ProxyPlugin

from argosy_gateway.metadata.intercepts import Selector
from argosy_gateway.plugins.intercepts import Intercept, Intercepts
from argosy_gateway.plugins.plugin import Claim, Plugin, Source, allowed_users, connect


class Watcher:
    """The plugins that have changed since they were last asked for: each once, however often it did, so that a slow reader costs nothing.

    They are named TYPE/NAME; what the directory refuses has a name alone.
    """

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._wake = anyio.Event()

    def tell(self, name: str) -> None:
        self._names[name] = None
        self._wake.set()

    async def changed(self) -> list[str]:
        """Wait until there are some, and return their names."""
        while not self._names:
            self._wake = anyio.Event()
            await self._wake.wait()
        names = list(self._names)
        self._names.clear()
        return names


def two_at_one_socket(one: str, other: str, path: str) -> str:
    """Return what is wrong with two snapshotters that are one process: each would collect what the other has made."""
    return f'snapshotters "{one}" and "{other}" are both at {path}; serve "{other}" at a socket of its own, or take one of them out'


# Types that are asked before something is done, and are looked for at many calls.
GUARDS: Final = ("hook", "verifier")
# How long it may take after a start until it is known which of these there are: longer than a plugin may take to say what it is.
_SURE_S: Final = 10.0


def _check_name(name: str, config: ProxyPlugin) -> None:
    if name in TAKEN_NAMES.get(config.type, ()):
        raise InvalidArgument(f'"{name}" means something else where a {config.type} is named; use another name')


class Refusal(NamedTuple):
    """A socket in the registration directory that is no plugin."""

    address: str
    reason: str
    since: float = 0.0
    """In seconds since the epoch."""


class Registry:
    """All plugins, by type and name. Those at one address share a channel when the same users may serve them: a channel
    asks once a connection who is there."""

    def __init__(self, of_namespaces: Collection[str] = ()) -> None:
        """of_namespaces are the content plugins that have the blobs of some namespaces only."""
        self.of_namespaces = frozenset(of_namespaces)
        self.plugins: dict[tuple[str, str], Plugin] = {}
        self._channels: dict[tuple[str, frozenset[int]], Channel] = {}
        self.watchers: set[Watcher] = set()
        self.refused: dict[str, Refusal] = {}
        self.intercepts = Intercepts()
        self.guards: tuple[Plugin, ...] = ()
        """The hooks and verifiers; another tuple when there are others."""
        self._sure: anyio.Event | None = None

    def __iter__(self) -> Iterator[Plugin]:
        return iter(self.plugins.values())

    def add(self, name: str, config: ProxyPlugin, source: Source = Source.CONFIGURATION) -> Plugin:
        """Make the object of a plugin. Raises FailedPrecondition when the name is taken within its type, InvalidArgument for one that means something else."""
        _check_name(name, config)
        at = (config.type, name)
        if at in self.plugins:
            raise FailedPrecondition(f'proxy plugin "{name}" of type {config.type} is configured twice')
        plugin = self.plugins[at] = Plugin(name, config, self._channel(name, config), source=source)
        plugin.changed = self._changed
        self._guard(config.type)
        self._changed(plugin)
        return plugin

    def _guard(self, kind: str) -> None:
        """Note that a plugin of a type has come or gone."""
        if kind in GUARDS:
            self.guards = tuple(plugin for plugin in self if plugin.type in GUARDS)

    @property
    def unsure(self) -> bool:
        """Whether there may be hooks and verifiers that are not known yet, since the gateway has just started."""
        return self._sure is not None

    def look_for_guards(self) -> None:
        """Have whoever wants to know the hooks and verifiers wait until all that may be some were looked at."""
        self._sure = anyio.Event()

    def guards_are_known(self) -> None:
        """Let go on who waits for that."""
        if self._sure is not None:
            self._sure.set()
            self._sure = None

    async def sure(self) -> None:
        """Wait until the hooks and verifiers are known. Raises Unavailable when that takes too long."""
        if self._sure is None:
            return
        with anyio.move_on_after(_SURE_S) as patience:
            await self._sure.wait()
        if patience.cancelled_caught:
            raise Unavailable(
                f"the plugins in the registration directory are not known after {_SURE_S:g} s, and a hook may be among them; try again later"
            )

    def all(self) -> Iterator[Plugin]:
        """Yield the plugins, and the instances that calls to some are intercepted for."""
        yield from self
        yield from (intercept.plugin for intercept in self.intercepts)

    def intercept(self, selector: Selector, config: ProxyPlugin) -> Intercept:
        """Make the object of an instance, and have calls go to it."""
        name = selector.instance
        plugin = Plugin(name, config, self._channel(name, config), source=Source.INTERCEPT)
        plugin.remedy = f"argosy intercept rm {shlex.join(selector.words)} ends the intercept"
        intercept = Intercept(selector, plugin)
        self.intercepts.add(intercept)
        return intercept

    def swap(self, plugin: Plugin, config: ProxyPlugin, claimed: Claim) -> Channel:
        """Have another process serve a plugin from now on; returns the channel to the one before, which is to be ``left``."""
        before = plugin.channel
        plugin.swap(self._channel(plugin.name, config), config, claimed)
        return before

    def renew(self, plugin: Plugin, claimed: Claim) -> None:
        """Have calls go to whoever accepts at a plugin's socket now, on a connection of its own."""
        plugin.channel.renew()
        plugin.swap(plugin.channel, plugin.config, claimed)

    def _channel(self, name: str, config: ProxyPlugin) -> Channel:
        """Return the channel to whoever is at an address and may be, made where there is none."""
        where = (config.address, frozenset(allowed_users(config)))
        channel = self._channels.get(where)
        if channel is None:
            channel = self._channels[where] = connect(name, config)
        return channel

    def leave(self, channel: Channel) -> None:
        """Close a channel unless a plugin uses it."""
        if any(plugin.channel is channel for plugin in self.all()):
            return
        self._channels = {where: other for where, other in self._channels.items() if other is not channel}
        channel.close()

    def remove(self, plugin: Plugin) -> None:
        """Forget a plugin; calls to it end with UNAVAILABLE, and so do new ones by whoever still has it."""
        if plugin.source is not Source.INTERCEPT:
            del self.plugins[plugin.type, plugin.name]
            self._guard(plugin.type)
        plugin.close()
        self.leave(plugin.channel)
        plugin.changed(plugin)

    def named(self, name: str) -> Plugin:
        """Return a plugin by its name, or by TYPE/NAME. Raises NotFound; InvalidArgument for a name that several types have.

        What is registered has a name of its own; who embeds a gateway may have given one to two plugins of different types.
        """
        kind, slash, rest = name.partition("/")
        if slash and kind in SHORT_TYPES:
            found = [plugin for at, plugin in self.plugins.items() if at == (kind, rest)]
        else:
            found = [plugin for plugin in self if plugin.name == name]
        if len(found) > 1:
            raise InvalidArgument(
                f'"{name}" is the name of {len(found)} plugins; say {" or ".join(p.full_name for p in found)}'
            )
        if not found:
            raise NotFound(f'plugin "{name}"')
        return found[0]

    def refuse(self, name: str, refusal: Refusal | None) -> bool:
        """Note why what is in the registration directory under a name is no plugin, or that there is nothing against it. Returns whether that is new."""
        known = self.refused.get(name)
        if refusal is None:
            self.refused.pop(name, None)
        else:
            since = known.since if known is not None and known.reason == refusal.reason else time.time()
            self.refused[name] = refusal._replace(since=since)
        if self.refused.get(name) == known:
            return False
        for watcher in self.watchers:
            watcher.tell(name)
        return True

    def _changed(self, plugin: Plugin) -> None:
        for watcher in self.watchers:
            watcher.tell(plugin.full_name)

    def check_beside(self, name: str, config: ProxyPlugin, in_place_of: Plugin | None = None) -> None:
        """Raise AlreadyExists or FailedPrecondition when there is a plugin beside which this one can't be, InvalidArgument for a name that means something else."""
        _check_name(name, config)
        for intercept in self.intercepts:
            if intercept.plugin.channel.path == config.address.removeprefix("unix://"):
                # Each of the two would collect what the other has made.
                raise FailedPrecondition(
                    f'"{intercept.plugin.name}" is an instance at {config.address} already; serve "{name}" at a socket of its own'
                )
        for other in self:
            if other is in_place_of:
                continue
            there = f"a {other.type} plugin at {other.channel.path} already"
            if other.name == name:
                raise AlreadyExists(f'plugin "{name}" is {there}; remove it first, or use another name')
            if other.type != config.type:
                continue
            if other.type in ALONE and not self._is_one_of_several(other.type, name, other.name):
                raise FailedPrecondition(
                    f'one {other.type} plugin can serve, and "{other.name}" is {there}; remove it first'
                )
            if other.channel.path == config.address.removeprefix("unix://") and other.type == "snapshot":
                # Each of the two would collect what the other has made.
                raise FailedPrecondition(f'"{other.name}" is {there}; serve "{name}" at a socket of its own')

    def check(self) -> None:
        """Raise FailedPrecondition for two plugins that can't be beside each other.

        Of a type of which one can serve the other's bytes would look lost; of two snapshotters at one socket each would collect what the
        other has made.
        """
        for kind in ALONE:
            self.only(kind, there=False)
        at: dict[str, Plugin] = {}
        for plugin in self.of_type("snapshot"):
            other = at.setdefault(plugin.channel.path, plugin)
            if other is not plugin:
                raise FailedPrecondition(two_at_one_socket(other.name, plugin.name, plugin.channel.path))

    def of_type(self, kind: str) -> Iterator[Plugin]:
        """Yield the plugins of a short type, in order of configuration."""
        return (p for (t, _), p in self.plugins.items() if t == kind)

    def _is_one_of_several(self, kind: str, *names: str) -> bool:
        """Return whether one of some content plugins is there for namespaces that name it."""
        return kind == "content" and any(name in self.of_namespaces for name in names)

    @overload
    def only(self, kind: str) -> Plugin: ...

    @overload
    def only(self, kind: str, there: bool) -> Plugin | None: ...

    def only(self, kind: str, there: bool = True) -> Plugin | None:
        """Return the plugin of a type of which there can be one. Raises FailedPrecondition; Unimplemented without one, if it must be there."""
        found = [plugin for plugin in self.of_type(kind) if not self._is_one_of_several(kind, plugin.name)]
        if not found and not there:
            return None
        if not found:
            more = ", or only for namespaces that name it" if self._is_one_of_several(kind, *self.of_namespaces) else ""
            raise Unimplemented(f"no {kind} plugin is configured{more}; add one under [proxy_plugins]")
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
        for plugin in self.all():
            plugin.close()
        for channel in self._channels.values():
            channel.close()
