"""The two changes of snapshots: one is made (prepared or viewed), one is committed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from argosy.mounts import Mount
from argosy.plugin.snapshots.rules import Kind
from argosy_protos._message import Message
from argosy_protos.containerd.events import SnapshotCommit, SnapshotPrepare

from argosy_gateway.backends.changes import Caller, Change
from argosy_gateway.backends.protocol import Event, Operation
from argosy_gateway.backends.snapshot_plugin import SnapshotPlugin
from argosy_gateway.metadata import snapshots as rows
from argosy_gateway.metadata.intents import Intent
from argosy_gateway.metadata.snapshots import Commit, Place, Wanted
from argosy_gateway.plugins.plugin import Claim

Publish = Callable[[str, str, str, Message], None]
"""Publishes an event: namespace, topic, full name of its type, the event."""


class CreateChange(Change):
    """A snapshot that is prepared or viewed."""

    operation = Operation.CREATE

    def __init__(
        self, calls: SnapshotPlugin, publish: Publish, place: Place, ns: str, wanted: Wanted, caller: Caller | None = None
    ) -> None:
        super().__init__(ns, [wanted.key], caller)
        self._calls, self._publish, self._place, self._wanted = calls, publish, place, wanted
        self.mounts: Sequence[Mount] = ()

    async def ask(self) -> None:
        assert self.intent is not None
        body, wanted = self.intent.body, self._wanted
        self.mounts = await self._calls.make(Kind(wanted.kind), body["backend"], body["parent"], wanted.labels)

    async def look(self) -> Event:
        assert self.intent is not None
        held = await self._calls.find(self.intent.body["backend"])
        return Event.NEW if held is not None and not self._calls.is_strange(held) else Event.OLD

    async def done(self) -> bool:
        # One that is to become another may be there for a while as itself. Mounts are what its caller waits for.
        if self._wanted.target or await self.look() is not Event.NEW:
            return False
        assert self.intent is not None
        self.mounts = await self._calls.mounts_of(self.intent.body["backend"])
        return True

    async def taken(self) -> bool:
        assert self.intent is not None
        body, target = self.intent.body, self._wanted.target
        if await self._calls.find(body["backend"]) is None:
            return False
        if target and await self._calls.target(target, body["parent"]) is not None:
            # One that makes layers by itself may leave the key behind when it finds that it has made this one before (stargz).
            self._calls.plugin.dirty = True
            return False
        return True

    def rename(self, db: sqlite3.Connection, skip: int) -> Intent:
        assert self.intent is not None
        return rows.rename_created(db, self._place, self.intent, skip)

    def undo(self, db: sqlite3.Connection) -> None:
        assert self.intent is not None
        rows.undo_create(db, self._place, self.intent)

    def settled(self) -> None:
        wanted = self._wanted
        if wanted.kind == Kind.ACTIVE:
            event = SnapshotPrepare(key=wanted.key, parent=wanted.parent, snapshotter=self._place.called)
            self._publish(self.ns, "/snapshot/prepare", "containerd.events.SnapshotPrepare", event)


class CommitChange(Change):
    """An active snapshot that becomes a committed one."""

    operation = Operation.COMMIT

    def __init__(
        self, calls: SnapshotPlugin, publish: Publish, place: Place, ns: str, wanted: Commit, caller: Caller | None = None
    ) -> None:
        super().__init__(ns, [wanted.key, wanted.name], caller)
        self._calls, self._publish, self._place, self._wanted = calls, publish, place, wanted

    async def ask(self) -> None:
        assert self.intent is not None
        body = self.intent.body
        await self._calls.seal(body["new"], body["backend"], self._wanted.labels, body["parent"])

    async def look(self) -> Event:
        assert self.intent is not None
        new = await self._calls.find(self.intent.body["new"])
        if new is not None and self._calls.plugin.claimed is Claim.OURS:
            return Event.NEW
        # In a plugin that others use the name may be theirs; while the key is there, it was not committed.
        if await self._calls.find(self.intent.body["backend"]) is not None:
            return Event.OLD
        return Event.NEITHER if new is None or self._calls.is_strange(new) else Event.NEW

    async def taken(self) -> bool:
        assert self.intent is not None
        body = self.intent.body
        return await self._calls.find(body["new"]) is not None and await self._calls.find(body["backend"]) is not None

    def rename(self, db: sqlite3.Connection, skip: int) -> Intent:
        assert self.intent is not None
        return rows.rename_committed(db, self._place, self.intent, skip)

    def undo(self, db: sqlite3.Connection) -> None:
        assert self.intent is not None
        rows.undo_commit(db, self._place, self.intent)

    def settled(self) -> None:
        event = SnapshotCommit(key=self._wanted.key, name=self._wanted.name, snapshotter=self._place.called)
        self._publish(self.ns, "/snapshot/commit", "containerd.events.SnapshotCommit", event)
