"""The gateway without its wire: rows, plugins, events and the collector, put together once for all API translators."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

import anyio
import anyio.abc
from argosy import log
from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument, Unavailable
from argosy.loops import keep_going
from argosy.store.database import Database, Write
from argosy.tables import PROCESSOR, ProxyPlugin

from argosy_gateway.backends.blobs import Blobs
from argosy_gateway.backends.chains import Chain, Members
from argosy_gateway.backends.changes import Change
from argosy_gateway.backends.content import Content
from argosy_gateway.backends.mounts import Mounts
from argosy_gateway.backends.policy import Policy
from argosy_gateway.backends.services import Services
from argosy_gateway.backends.snapshots import Snapshotter
from argosy_gateway.events import Exchange
from argosy_gateway.gc.kinds import KINDS, SNAPSHOT
from argosy_gateway.gc.scheduler import Scheduler, Thresholds
from argosy_gateway.gc.sweep import Swept, sweep
from argosy_gateway.metadata import intents, intercepts, plugins
from argosy_gateway.metadata import snapshots as rows
from argosy_gateway.metadata.intercepts import Selector, plugin_of
from argosy_gateway.metadata.schema import DATABASE, MIGRATIONS
from argosy_gateway.metadata.spaces import MARK
from argosy_gateway.plugins.config import GatewaySettings
from argosy_gateway.plugins.instances import greet
from argosy_gateway.plugins.intercepts import Intercept
from argosy_gateway.plugins.plugin import Plugin, Source
from argosy_gateway.plugins.registry import Registry
from argosy_gateway.programs import Programs
from argosy_gateway.work import Work

T = TypeVar("T")
logger = log.get("gateway")

# Which plugins had something to drop when the gateway ended in order; not there when it was killed.
_DIRTY: Final = "dirty"
# Plugins that write where what was removed may still lie.
_ON_DISK: Final = frozenset(("content", "snapshot", "diff"))
# A plugin that is to be cleaned has to say within this many seconds that it is there.
_THERE_S: Final = 2.0
# A collection waits this many seconds for a plugin to drop its bytes, counted from when it began to. It goes on after that, alone.
_PATIENCE_S: Final = 30.0


class _Store(Protocol):
    """A plugin with its rows, as collection sees it."""

    plugin: Plugin

    async def cleanup(self) -> int: ...


class _Cleaning:
    """One plugin dropping what nothing names any more."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.ended = anyio.Event()


class Core:
    """All that the API translators call."""

    def __init__(self, settings: GatewaySettings, db: Database, group: anyio.abc.TaskGroup) -> None:
        self.settings = settings
        self.db = db
        self.work = Work(group)
        self.events = Exchange()
        self.registry = Registry([table.content for table in settings.namespaces.values() if table.content])
        self.policy = Policy(self.registry, settings.image_verifiers, db.reader)
        self.programs = Programs(settings.supervisor)
        self.programs.changed = self._program_changed
        gc = settings.gc
        self.scheduler = Scheduler(
            self.collect,
            Thresholds(
                gc.pause_threshold, gc.deletion_threshold, gc.mutation_threshold, gc.schedule_delay_s, gc.startup_delay_s
            ),
        )
        self.snapshotters: dict[str, Snapshotter] = {}
        """Each plugin, with the snapshots of its own name."""
        self.chains: dict[str, Chain] = {}
        """The snapshotters that have others to fall back on, by their names."""
        self._elsewhere: dict[tuple[str, str], Snapshotter] = {}
        """The snapshots of a chain, by its name and the name of a plugin that it fell back on."""
        self._keys: dict[str, dict[tuple[str, str], Change]] = {}
        """The changes of snapshots that are under way, by the snapshotter's name."""
        self.content: Content | None = None
        """The content of every namespace that has none of its own."""
        self.contents: dict[str, Content] = {}
        """Each content plugin, and each instance of one, by its name."""
        self.mounts: Mounts | None = None
        self.services: Services | None = None
        self.uuid = ""
        self.collected: Callable[[], None] | None = None
        """Called after each collection."""
        self._roots: dict[str, list[Path]] = {}
        """For each snapshotter the directories that are not its own."""
        self._looping = False
        self._cleaning: dict[Plugin, _Cleaning] = {}
        self._failed: set[Plugin] = set()
        """Plugins whose last cleaning came to nothing."""

    @classmethod
    async def open(cls, settings: GatewaySettings, group: anyio.abc.TaskGroup) -> Core:
        """Open the database, check and migrate it, connect the plugins (lazily), and take up what was under way.

        group is where work goes on that no caller may cut. Raises FailedPrecondition for a damaged database or two plugins
        where one can serve.
        """
        db = await Database.open(settings.root / DATABASE, MIGRATIONS)
        core = cls(settings, db, group)
        try:
            core.uuid, dirty = await db.write(_begin)
            core._make_chains()
            for name, config in settings.proxy_plugins.items():
                if MARK in name:
                    raise InvalidArgument(f'the name "{name}" in [proxy_plugins] has "{MARK}" in it; use another')
                core.admit(core.registry.add(name, config), dirty)
            core.registry.check()
            core._take_up(dirty)
        except BaseException:
            core.registry.close()
            await db.close()
            raise
        return core

    def _make_chains(self) -> None:
        """Make the snapshotters with others to fall back on: by the configuration, and by where an earlier one has led."""
        for name, table in self.settings.snapshotters.items():
            if MARK in name:
                raise InvalidArgument(f'the name "{name}" in [snapshotters] has "{MARK}" in it; use another')
            self.chains[name] = self._chain(name, table.fallback)
        for name, plugin in rows.elsewhere(self.db.reader):
            self.chains.setdefault(name, self._chain(name, ())).also_in(plugin)

    def _chain(self, name: str, fallback: Sequence[str]) -> Chain:
        async def clean(plugin: str) -> int:
            return await self.snapshotters[plugin].cleanup()

        members = Members(partial(self._in_plugin, name), clean)
        return Chain(name, fallback, self.db.reader, members, partial(self.scheduler.mutated, True))

    def _in_plugin(self, name: str, plugin: str) -> Snapshotter | None:
        """Return the snapshots of a name in a plugin; None when there is no such plugin now."""
        own = self.snapshotters.get(plugin)
        if own is None or name == plugin:
            return own
        found = self._elsewhere.get((name, plugin))
        if found is None:
            found = self._elsewhere[name, plugin] = own.beside(name, self._keys.setdefault(name, {}))
        return found

    def _take_up(self, dirty: set[str] | None) -> None:
        """Take up the plugins that were registered in an earlier life, and drain those that were drained.

        One that can't be beside those of the configuration is left out, and said: it stays registered.
        """
        for row in plugins.listed(self.db.reader):
            if row.type == PROCESSOR:
                continue  # ``processors`` has them
            try:
                if row.table:
                    config = ProxyPlugin(**row.table)
                    self.registry.check_beside(row.name, config)
                    self.admit(self.registry.add(row.name, config, Source.REGISTERED), dirty)
            except (ArgosyError, TypeError, ValueError) as error:  # a later version may have written what we don't know
                logger.error("plugin.left_out", plugin=row.name, type=row.type, error=str(error))
                continue
            found = self.registry.plugins.get((row.type, row.name))
            if found is not None and row.drained:
                found.drain()
        for one in intercepts.listed(self.db.reader):
            try:
                self.intercept(one.selector, ProxyPlugin(**one.table), dirty)
            except (ArgosyError, TypeError, ValueError) as error:
                logger.error("intercept.left_out", instance=one.selector.instance, error=str(error))

    def intercept(self, selector: Selector, config: ProxyPlugin, dirty: set[str] | None = None) -> Intercept:
        """Have calls go to an instance of a plugin from now on. dirty is as for ``admit``."""
        found = self.registry.intercept(selector, config)
        self.admit(found.plugin, dirty, selector.space)
        return found

    def admit(self, plugin: Plugin, dirty: set[str] | None = None, space: str = "") -> None:
        """Use a plugin that was made known. dirty are those that may hold what nothing names, None for all. Raises InvalidArgument.

        space is that of an instance's rows, if it is a content store.
        """
        plugin.run_in(self.work.group)
        plugin.met, plugin.trouble = greet, partial(self._trouble, plugin)
        if plugin.config.command:
            self.programs.want(plugin.name, plugin.config)
        plugin.expected = lambda: self.programs.expected(plugin.config.address)
        if dirty is None or plugin.full_name in dirty:
            # What broke off in the last life may come in this one.
            plugin.may_be_late()
        if plugin.type in _ON_DISK:
            plugin.full = self.scheduler.full
        us = (self.uuid, self.settings.address)
        if plugin.type == "snapshot":
            settings = self.settings
            tables = [*settings.proxy_plugins.values(), *(other.config for other in self.registry)]
            roots = {config.exports.get("root") for config in tables if config is not plugin.config}
            others = [settings.root, settings.state, *(Path(root) for root in sorted(filter(None, roots)))]
            self._roots[plugin.name] = others
            keys = self._keys.setdefault(plugin.name, {})
            store = Snapshotter(plugin, self.db, self.work, self.scheduler.mutated, self.events.publish, us, others, keys)
            self.snapshotters[plugin.name] = store
            for intent in intents.of_plugin(self.db.reader, plugin.type, plugin.name):
                asked = self._in_plugin(rows.snapshotter_of(plugin.name, intent), plugin.name)
                assert asked is not None  # its plugin is there, since just now
                asked.restore([intent])
        elif plugin.type == "content":
            is_instance = plugin.source is Source.INTERCEPT
            content = self.contents[plugin.name] = Content(
                plugin, self.db, self.work, self.scheduler.mutated, self.events.publish, us,
                _no_blobs if is_instance else self._other_blobs,
                shared=self.settings.content_sharing_policy == "shared",
                space=space if is_instance else "",
            )  # fmt: skip
            if not is_instance and plugin.name not in self.registry.of_namespaces and self.content is None:
                self.content = content
            content.restore(intents.of_plugin(self.db.reader, plugin.type, plugin.name))
        elif plugin.type == "mounts":
            self.mounts = Mounts(plugin, self.db, self.work, self.scheduler.mutated, us)
            self.mounts.restore(intents.of_plugin(self.db.reader, plugin.type, plugin.name))
        elif plugin.type == "service" and self.services is not None:
            self.services.admit(plugin)
        root = plugin.exports.get("root")
        for name, others in self._roots.items():
            if root and name != plugin.name and Path(root) not in others:
                others.append(Path(root))
        if self._looping:
            self._look_at(plugin)

    def _trouble(self, plugin: Plugin) -> str:
        program = self.programs.of(plugin.config.address)
        return program.reason if program is not None and not program.pid else ""

    def _program_changed(self, address: str) -> None:
        for plugin in self.registry:
            if plugin.config.address.removeprefix("unix://") == address:
                plugin.changed(plugin)

    def dismiss(self, plugin: Plugin) -> None:
        """Use a plugin no more: calls to it end, what was under way is taken up should it come again."""
        if plugin.type == "snapshot":
            del self.snapshotters[plugin.name], self._roots[plugin.name]
            self._elsewhere = {at: store for at, store in self._elsewhere.items() if store.plugin is not plugin}
            if plugin.name not in self.chains:
                self._keys.pop(plugin.name, None)
        elif plugin.type == "content":
            gone = self.contents.pop(plugin.name)
            if self.content is gone:
                self.content = None
        elif plugin.type == "mounts":
            self.mounts = None
        elif plugin.type == "service" and self.services is not None:
            self.services.dismiss(plugin)
        self._failed.discard(plugin)
        self.registry.remove(plugin)
        if plugin.config.command:
            self.programs.end(plugin.config.address)

    def serve(self, services: Services) -> Services:
        """Have services relay what plugins of that type serve. Raises InvalidArgument for one of the configuration that can't be."""
        self.services = services
        for plugin in list(self.registry.of_type("service")):
            try:
                services.admit(plugin)
            except InvalidArgument as error:
                if plugin.source is Source.CONFIGURATION:
                    raise
                logger.error("plugin.left_out", plugin=plugin.name, type=plugin.type, error=error.message)
                self.registry.remove(plugin)
        self.work.group.start_soon(keep_going, "services of plugins", services.look)
        return services

    def _look_at(self, plugin: Plugin) -> None:
        if not plugin.config.on_demand:
            self.work.group.start_soon(keep_going, f"looks at {plugin}", plugin.keep_in_touch)

    async def close(self) -> None:
        """Note what is left to clean, and close."""
        dirty = json.dumps([p.full_name for p in self.registry.all() if p.dirty or p.is_late or p in self._cleaning])

        def note(db: sqlite3.Connection) -> None:
            if not db.execute("SELECT 1 FROM intents LIMIT 1").fetchone():
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_DIRTY, dirty))

        self.db.later(note)
        self.registry.close()
        await self.db.close()

    async def change(self, write: Write[T], dirty: bool = False) -> T:
        """Run one metadata change and tell the collector."""
        result = await self.db.write(write)
        self.scheduler.mutated(dirty)
        return result

    def snapshots(self, name: str) -> Snapshotter | Chain:
        """Return a snapshotter by the name a client gave. Raises InvalidArgument."""
        chain = self.chains.get(name)
        if chain is not None:
            return chain
        return self.snapshotters[self.registry.snapshotter(name).name]

    def snapshots_for(
        self, name: str, ns: str, lease: str | None, keys: Sequence[str] = (), labels: Mapping[str, str] | None = None
    ) -> Snapshotter | Chain:
        """Return who a call goes to: a snapshotter, or the instance that intercepts the call. Raises InvalidArgument.

        keys are the snapshots that it names, the one that it is about first; labels those that it brings. The instance of a plugin that has
        others to fall back on has none.
        """
        store, registry = self.snapshots(name), self.registry
        if not registry.intercepts:
            return store

        def has(instance: str, key: str) -> bool:
            return bool(rows.everywhere(self.db.reader, ns, instance, key))

        found = registry.intercepts.of_snapshots(name, ns, lease, labels or {}, keys, has)
        return store if found is None else self.snapshotters[found.plugin.name]

    def mount_store(self) -> Mounts:
        """Return the mounts that are kept for clients. Raises Unimplemented when there is no plugin that keeps them."""
        if self.mounts is None:
            self.registry.only("mounts")
        assert self.mounts is not None
        return self.mounts

    def content_store(self, ns: str = "") -> Content:
        """Return the content of a namespace. Raises Unimplemented, Unavailable when it is in a plugin that is not registered."""
        name = self.content_of(ns)
        if name:
            own = self.contents.get(name)
            if own is None:
                raise Unavailable(
                    f'the content of namespace "{ns}" is in content plugin "{name}", which is not registered; add it'
                )
            return own
        if self.content is None:
            self.registry.only("content")
        assert self.content is not None
        return self.content

    def content_of(self, ns: str) -> str:
        """Return the name of the content plugin that has a namespace's content; "" when that is the one of all that say nothing."""
        table = self.settings.namespaces.get(ns)
        return table.content if table is not None else ""

    def content_for(self, ns: str) -> tuple[Content, str]:
        """Return who a namespace's calls about content go to, its content store or an instance of it, and the space that they are about.

        Raises as ``content_store`` does; an instance serves also while the store itself is not registered.
        """
        if self.registry.intercepts:
            name = self.content_of(ns) or (self.content.plugin.name if self.content is not None else "")
            found = self.registry.intercepts.of_call(name, ns, None)
            if found is not None:
                return self.contents[found.plugin.name], found.selector.space
        return self.content_store(ns), ns

    def _other_blobs(self, own: Blobs) -> list[Blobs]:
        """Return the blobs of every content plugin but one. Those of instances are nobody's but their namespace's."""
        return [content.blobs for content in self.contents.values() if content.blobs is not own and not content.space]

    def in_content(self, name: str) -> tuple[Collection[str], bool]:
        """Return namespaces, and whether it is these whose blobs are in a content plugin, or all but these."""
        named = {ns for ns, table in self.settings.namespaces.items() if table.content}
        if name in self.registry.of_namespaces:
            return {ns for ns in named if self.settings.namespaces[ns].content == name}, True
        return named, False

    def start_loops(self) -> None:
        """Start what goes on for as long as the gateway lives. Nothing that fails there ends the gateway."""
        self._looping = True
        self.work.group.start_soon(keep_going, "programs of plugins", self.programs.run)
        for plugin in self.registry:
            self._look_at(plugin)
        self.work.group.start_soon(keep_going, "claims of plugins", self.claim_all)
        self.work.group.start_soon(keep_going, "collection", self.scheduler.run)

    def note_dropped(self) -> None:
        """Note that ingests and mounts went with their namespace: no row may need them, and the blobs that ingests stood for, any more."""
        for content in self.contents.values():
            content.plugin.dirty = True
        if self.mounts is not None:
            self.mounts.plugin.dirty = True
        self.scheduler.mutated(True)

    # -- ownership --

    def _stores(self) -> list[_Store]:
        return [*self.contents.values(), *self.snapshotters.values(), *([self.mounts] if self.mounts is not None else [])]

    async def claim_all(self) -> None:
        """Claim what answers now; the rest is claimed before it is changed or cleaned. Says who the owner is when it is another."""
        async with anyio.create_task_group() as group:
            for store in self._stores():
                if not store.plugin.config.on_demand:
                    group.start_soon(self._claim, store.plugin)

    async def _claim(self, plugin: Plugin) -> None:
        try:
            await plugin.claim(self.uuid, self.settings.address)
        except FailedPrecondition as error:
            logger.error("plugin.owned_by_another", plugin=plugin.name, error=error.message)
        except ArgosyError:
            pass  # not there yet
        except Exception as error:  # one that can't even be asked keeps nobody from asking the others
            logger.error("plugin.claim_failed", plugin=plugin.name, error=repr(error), exc_info=error)

    # -- collection --

    async def collect(self) -> Swept:
        """Collect once: mark and sweep the metadata, then have every plugin that may hold more than that drop it.

        A plugin that does not answer is left out; it stays dirty and is tried again. One that takes longer than ``_PATIENCE_S``
        goes on by itself, and no collection waits for it until it is through. Neither is a failure of the collection: what was
        to go is gone from the metadata.
        """
        gone = await self.db.write(sweep)
        for store in self._stores():
            type, name = store.plugin.type, plugin_of(store.plugin.name)
            if any(kind.leaves_bytes_in(type, name, gone.get(kind.name, ())) for kind in KINDS):
                store.plugin.dirty = True
        self._soil({row[1] for row in gone.get(SNAPSHOT, ())})
        for kind in KINDS:
            if kind.event is not None:
                for row in gone.get(kind.name, ()):
                    self.events.publish(row[0], *kind.event(row))
        async with anyio.create_task_group() as group:
            for store in self._stores():
                group.start_soon(self._cleaned, store)
        waited = any(store.plugin in self._cleaning or store.plugin in self._failed for store in self._stores())
        if waited or any(store.plugin.dirty for store in self._stores()):
            self.scheduler.again(waited)
        if self.collected is not None:
            self.collected()
        return gone

    def _soil(self, gone: Collection[str]) -> None:
        """Mark the plugins that snapshotters fall back on, of which snapshots are gone."""
        for chain in self.chains.values():
            if chain.name in gone:
                for plugin in chain.plugins:
                    if plugin in self.snapshotters:
                        self.snapshotters[plugin].plugin.dirty = True

    async def _cleaned(self, store: _Store) -> None:
        """Wait until a plugin is clean, or its cleaning takes too long."""
        plugin = store.plugin
        while plugin in self._cleaning or plugin.dirty:
            cleaning = self._cleaning.get(plugin)
            first = cleaning is None
            if cleaning is None:
                cleaning = self._cleaning[plugin] = _Cleaning()
                # Not of this collection: a plugin that hangs in one call must not hold up those that come after.
                self.work.group.start_soon(self._clean, store, cleaning)
            with anyio.move_on_after(cleaning.began + _PATIENCE_S - time.monotonic()):
                await cleaning.ended.wait()
            if first or not cleaning.ended.is_set():
                return

    async def _clean(self, store: _Store, cleaning: _Cleaning) -> None:
        plugin = store.plugin
        try:
            if plugin.is_awaited:
                await plugin.channel.connected(_THERE_S)
            elif plugin.channel.is_connected and await plugin.suspect(_THERE_S):
                raise plugin.unavailable()
            await store.cleanup()
            self._failed.discard(plugin)
        except Exception as error:
            # One plugin that fails never stops the rest.
            plugin.dirty = True
            self._failed.add(plugin)
            if isinstance(error, ArgosyError):
                plugin.failed(error)
                logger.warning("gc.plugin_left_out", plugin=plugin.name, type=plugin.type, error=error.message)
            else:
                logger.error("gc.plugin_failed", plugin=plugin.name, type=plugin.type, error=repr(error), exc_info=error)
        finally:
            del self._cleaning[plugin]
            cleaning.ended.set()

    def left_dirty(self) -> str:
        """Return what collection has left out, and why: one line a plugin."""
        left: list[str] = []
        for plugin in (store.plugin for store in self._stores()):
            if plugin in self._cleaning:
                since = time.monotonic() - self._cleaning[plugin].began
                left.append(f"{plugin} at {plugin.channel.path}: it is still dropping its bytes, for {since:.1f} s")
            elif plugin.dirty and plugin.last_error:
                named = plugin.last_error.startswith(f"{plugin} ")
                left.append(plugin.last_error if named else f"{plugin}: {plugin.last_error}")
        return "\n".join(left)


def _no_blobs(own: Blobs) -> list[Blobs]:
    """Return where an instance's blobs are besides there: nowhere."""
    return []


def _begin(db: sqlite3.Connection) -> tuple[str, set[str] | None]:
    """Return the server's uuid and the names of the dirty plugins; None for these when the gateway did not end in order."""
    rows = dict(db.execute("SELECT key, value FROM meta WHERE key IN ('uuid', ?)", (_DIRTY,)).fetchall())
    known = rows.get("uuid")
    if known is None:
        known = str(uuid.uuid4())
        db.execute("INSERT INTO meta VALUES ('uuid', ?)", (known,))
        return known, set()
    db.execute("DELETE FROM meta WHERE key = ?", (_DIRTY,))
    return known, set(json.loads(rows[_DIRTY])) if _DIRTY in rows else None
