"""What the API translators share: stores, plugins, events and the collector, put together once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from argosy import log
from argosy.errors import ArgosyError, FailedPrecondition, Unimplemented
from argosy.rpc.channel import Channel
from argosy.store.database import Database, Write
from argosy_protos.argosy.service.v1 import ClaimRequest, ServiceStub
from argosy_protos.containerd.events import SnapshotRemove
from argosy_protos.containerd.services.images.v1 import ImageDelete
from argosy_protos.containerd.services.snapshots.v1 import SnapshotsStub

from argosy_gateway.events import Exchange
from argosy_gateway.gc.scheduler import Scheduler, Thresholds
from argosy_gateway.gc.sweep import Swept, sweep
from argosy_gateway.metadata.content import Content
from argosy_gateway.metadata.locks import SharedLock
from argosy_gateway.metadata.schema import DATABASE, MIGRATIONS
from argosy_gateway.metadata.snapshots import Snapshots
from argosy_gateway.plugins.config import GatewaySettings
from argosy_gateway.plugins.registry import Registered, Registry

T = TypeVar("T")
logger = log.get("gateway")


class Core:
    """The gateway without its wire."""

    def __init__(self, settings: GatewaySettings, db: Database) -> None:
        self.settings = settings
        self.db = db
        self.world = SharedLock()
        self.events = Exchange()
        self.registry = Registry()
        gc = settings.gc
        self.scheduler = Scheduler(
            self.collect,
            Thresholds(
                gc.pause_threshold, gc.deletion_threshold, gc.mutation_threshold, gc.schedule_delay_s, gc.startup_delay_s
            ),
        )
        self.snapshotters: dict[str, Snapshots] = {}
        self.content: Content | None = None
        self.uuid = ""
        self._claimed: set[Channel] = set()

    @classmethod
    async def open(cls, settings: GatewaySettings, prepared: bool = False) -> Core:
        """Open the database, unless that was ``prepared`` just now after a check, and connect the plugins (lazily).

        Raises FailedPrecondition for a damaged database.
        """
        db = await Database.open(settings.root / DATABASE, MIGRATIONS, prepared)
        core = cls(settings, db)
        try:
            core.uuid = await db.write(_server_uuid)
            for name, plugin in settings.proxy_plugins.items():
                core.registry.add(name, plugin)
            for plugin_ in core.registry.of_type("snapshot"):
                stub = SnapshotsStub(plugin_.channel)
                core.snapshotters[plugin_.name] = Snapshots(plugin_.name, db, stub, core.world, core.scheduler.mutated)
            for plugin_ in core.registry.of_type("content"):
                root = plugin_.config.exports.get("root")
                core.content = Content(
                    db,
                    plugin_.channel,
                    core.world,
                    core.scheduler.mutated,
                    shared=settings.content_sharing_policy == "shared",
                    root=Path(root) if root else None,
                )
        except BaseException:
            await db.close()
            raise
        return core

    async def close(self) -> None:
        self.registry.close()
        await self.db.close()

    async def change(self, write: Write[T], dirty: bool = False) -> T:
        """Run one metadata change and tell the collector."""
        result = await self.db.write(write)
        self.scheduler.mutated(dirty)
        return result

    def snapshots(self, name: str) -> Snapshots:
        """Return a snapshotter by the name a client gave. Raises InvalidArgument."""
        self.registry.snapshotter(name)
        return self.snapshotters[name]

    def blobs(self) -> Content:
        """Return the content store. Raises Unimplemented."""
        if self.content is None:
            self.registry.only("content")
        assert self.content is not None
        return self.content

    # -- ownership --

    async def claim(self, plugin: Registered) -> None:
        """Make sure that a plugin's bytes are ours before anything of it is removed. A plugin of another make can't
        be asked. Raises FailedPrecondition with its owner's name, Unavailable."""
        if plugin.channel in self._claimed:
            return
        try:
            request = ClaimRequest(owner=self.uuid, address=str(self.settings.address))
            await ServiceStub(plugin.channel).claim(request, timeout=10.0)
        except Unimplemented:
            logger.debug("plugin.foreign", plugin=plugin.name)
        self._claimed.add(plugin.channel)

    async def claim_all(self) -> None:
        """Claim what answers now; the rest is claimed before its first clean-up. Says who the owner is when it is another."""
        for plugin in self._owned():
            if plugin.config.on_demand:
                continue
            try:
                await self.claim(plugin)
            except FailedPrecondition as error:
                logger.error("plugin.owned_by_another", plugin=plugin.name, error=error.message)
            except ArgosyError:
                continue  # not there yet

    def _owned(self) -> list[Registered]:
        return [*self.registry.of_type("content"), *self.registry.of_type("snapshot")]

    async def _clean(self, kind: str, name: str, cleanup: Callable[[], Awaitable[int]]) -> int:
        await self.claim(self.registry.plugins[kind, name])
        return await cleanup()

    # -- collection --

    async def collect(self) -> Swept:
        """Collect once: mark and sweep the metadata, then let every plugin that has something to drop drop it."""
        async with self.world.alone():
            gone = await self.db.write(sweep)
            if gone.content or gone.ingests:
                if self.content is not None:
                    self.content.dirty = True
            for _, name, _ in gone.snapshots:
                if name in self.snapshotters:
                    self.snapshotters[name].dirty = True
        for ns, snapshotter, key in gone.snapshots:
            event = SnapshotRemove(key=key, snapshotter=snapshotter)
            self.events.publish(ns, "/snapshot/remove", "containerd.events.SnapshotRemove", event)
        for ns, image in gone.images:
            self.events.publish(ns, "/images/delete", "containerd.services.images.v1.ImageDelete", ImageDelete(name=image))
        jobs: list[tuple[str, str, Callable[[], Awaitable[int]]]] = []
        if self.content is not None and self.content.dirty:
            jobs += [("content", p.name, self.content.cleanup) for p in self.registry.of_type("content")]
        jobs += [("snapshot", n, s.cleanup) for n, s in self.snapshotters.items() if s.dirty]
        results = await asyncio.gather(*(self._clean(*job) for job in jobs), return_exceptions=True)
        failure: BaseException | None = None
        for (_, what, _), result in zip(jobs, results, strict=True):
            if isinstance(result, BaseException):
                # One plugin that fails never stops the rest; it stays dirty and is tried again.
                logger.warning("gc.plugin_failed", plugin=what, error=str(result))
                failure = result
        if failure is not None:
            raise failure
        return gone


def _server_uuid(db):  # type: ignore[no-untyped-def] # a write closure
    row = db.execute("SELECT value FROM meta WHERE key = 'uuid'").fetchone()
    if row:
        return row[0]
    fresh = str(uuid.uuid4())
    db.execute("INSERT INTO meta VALUES ('uuid', ?)", (fresh,))
    return fresh
