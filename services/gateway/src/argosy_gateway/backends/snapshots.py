"""One snapshotter plugin, as its namespaces see it: keys are theirs, bytes are the plugin's.

Whatever makes or commits a snapshot is a ``Change``: rows first, then the plugin, and a way back. Methods take the namespace
that they act in, and the lease that gets what they make. A caller who leaves does not stop what has begun.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
from argosy import log
from argosy.errors import (
    AlreadyExists,
    ArgosyError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unavailable,
    Unimplemented,
    Unknown,
)
from argosy.filters import Filter
from argosy.kernel.mount import answers_at_once
from argosy.labels import SNAPSHOT_PREFIX, SNAPSHOT_REF, check_labels, inherited
from argosy.loops import Complaints
from argosy.mounts import Mount, Root, check_answer
from argosy.plugin.snapshots import rules
from argosy.plugin.snapshots.rules import Info, Kind, Usage
from argosy.plugin.snapshots.servicer import info_from_wire, info_to_wire
from argosy.recent import Recent
from argosy.store.database import Database
from argosy_protos._message import Message
from argosy_protos.containerd.events import SnapshotCommit, SnapshotPrepare, SnapshotRemove
from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_protos.google.protobuf import FieldMask

from argosy_gateway.backends.changes import NAMES, Caller, Change, Changes, no_name
from argosy_gateway.backends.listing import bounded, leaves_first, wrong
from argosy_gateway.backends.protocol import Event, Operation
from argosy_gateway.gc.removal import remove_all
from argosy_gateway.metadata import snapshots as rows
from argosy_gateway.metadata.intents import Intent
from argosy_gateway.metadata.snapshots import Commit, Row, Wanted
from argosy_gateway.plugins.plugin import ANSWER_S, WORK_S, Claim, Plugin
from argosy_gateway.work import Work

logger = log.get("gateway.snapshots")

# Of answers that were found right.
_RIGHT, _RIGHT_BYTES = 1024, 512 << 10
OWNER_LABEL: Final = SNAPSHOT_PREFIX + "argosy.owner"
"""On what is made in a plugin that can't be claimed: whose it is."""
Publish = Callable[[str, str, str, Message], None]


def _memory_of(right: tuple[Mount, ...] | str) -> int:
    """Return about how many bytes of memory an answer, or a place in one, takes."""
    if isinstance(right, str):
        return len(right) + 100
    return sum(len(mount.source) + sum(map(len, mount.options)) + 100 * len(mount.options) + 300 for mount in right)


class _Creation(Change):
    """A snapshot that is prepared or viewed."""

    operation = Operation.CREATE

    def __init__(self, store: Snapshotter, ns: str, wanted: Wanted, caller: Caller | None = None) -> None:
        super().__init__(ns, [wanted.key], caller)
        self._store, self._wanted = store, wanted
        self.mounts: Sequence[Mount] = ()

    async def ask(self) -> None:
        assert self.intent is not None
        body, wanted = self.intent.body, self._wanted
        self.mounts = await self._store.make(Kind(wanted.kind), body["backend"], body["parent"], wanted.labels)

    async def look(self) -> Event:
        assert self.intent is not None
        held = await self._store.held(self.intent.body["backend"])
        return Event.NEW if held is not None and not self._store.is_strange(held) else Event.OLD

    async def done(self) -> bool:
        # One that is to become another may be there for a while as itself. Mounts are what its caller waits for.
        if self._wanted.target or await self.look() is not Event.NEW:
            return False
        assert self.intent is not None
        self.mounts = await self._store.mounts_of(self.intent.body["backend"])
        return True

    async def taken(self) -> bool:
        assert self.intent is not None
        return await self._store.held(self.intent.body["backend"]) is not None

    def rename(self, db: sqlite3.Connection, skip: int) -> Intent:
        assert self.intent is not None
        return rows.rename_created(db, self._store.name, self.intent, skip)

    def undo(self, db: sqlite3.Connection) -> None:
        assert self.intent is not None
        rows.undo_create(db, self._store.name, self.intent)

    def settled(self) -> None:
        wanted = self._wanted
        if wanted.kind == Kind.ACTIVE:
            event = SnapshotPrepare(key=wanted.key, parent=wanted.parent, snapshotter=self._store.name)
            self._store.publish(self.ns, "/snapshot/prepare", "containerd.events.SnapshotPrepare", event)


class _Commit(Change):
    """An active snapshot that becomes a committed one."""

    operation = Operation.COMMIT

    def __init__(self, store: Snapshotter, ns: str, wanted: Commit, caller: Caller | None = None) -> None:
        super().__init__(ns, [wanted.key, wanted.name], caller)
        self._store, self._wanted = store, wanted

    async def ask(self) -> None:
        assert self.intent is not None
        body = self.intent.body
        await self._store.seal(body["new"], body["backend"], self._wanted.labels, body["parent"])

    async def look(self) -> Event:
        assert self.intent is not None
        new = await self._store.held(self.intent.body["new"])
        if new is not None and self._store.plugin.claimed is Claim.OURS:
            return Event.NEW
        # In a plugin that others use the name may be theirs; while the key is there, it was not committed.
        if await self._store.held(self.intent.body["backend"]) is not None:
            return Event.OLD
        return Event.NEITHER if new is None or self._store.is_strange(new) else Event.NEW

    async def taken(self) -> bool:
        assert self.intent is not None
        body = self.intent.body
        return await self._store.held(body["new"]) is not None and await self._store.held(body["backend"]) is not None

    def rename(self, db: sqlite3.Connection, skip: int) -> Intent:
        assert self.intent is not None
        return rows.rename_committed(db, self._store.name, self.intent, skip)

    def undo(self, db: sqlite3.Connection) -> None:
        assert self.intent is not None
        rows.undo_commit(db, self._store.name, self.intent)

    def settled(self) -> None:
        event = SnapshotCommit(key=self._wanted.key, name=self._wanted.name, snapshotter=self._store.name)
        self._store.publish(self.ns, "/snapshot/commit", "containerd.events.SnapshotCommit", event)


class Snapshotter:
    """One snapshotter plugin and its rows."""

    def __init__(
        self, plugin: Plugin, db: Database, work: Work, mutated: Callable[[bool], None], publish: Publish,
        us: tuple[str, Path], others: Sequence[Path] = (),
    ) -> None:  # fmt: skip
        """us is who claims the plugin: the gateway's uuid and its socket. others are directories that are not the plugin's."""
        self.plugin, self.name, self._others = plugin, plugin.name, others
        self.publish = publish
        self._db, self._work, self._mutated = db, work, mutated
        self._us, self._owner = us, us[0]
        self._changes = Changes(plugin, db, work)
        self._on_kernel: bool | None = None
        self._places: list[Root] | None = None
        self._right: Recent[tuple[Mount, ...] | str, bool] = Recent(_RIGHT, _RIGHT_BYTES, lambda right, _: _memory_of(right))
        """Answers of the plugin, and places in them, that were looked at and found right."""
        self._said = Complaints()
        self._kept: dict[str, int] = {}
        """Names of the plugin's that are about to be written into rows."""

    def restore(self, intents: Sequence[Intent]) -> None:
        """Take up what was under way when the gateway ended."""
        for intent in intents:
            body = intent.body
            change: Change
            if intent.operation == Operation.CREATE.value:
                change = _Creation(self, intent.ns, Wanted(body["key"], "", {}, "", Kind.VIEW))
            else:
                change = _Commit(self, intent.ns, Commit(body["key"], body["name"], body["labels"], ""))
            self._changes.restore(change, intent)

    # -- the plugin's side --

    async def _down(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return the labels that the plugin gets to see."""
        down = inherited(labels)
        down.pop(OWNER_LABEL, None)
        if await self.plugin.whose(*self._us) is Claim.FOREIGN:
            down[OWNER_LABEL] = self._owner
        return down

    async def make(self, kind: Kind, backend: str, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]:
        """Have the plugin make a snapshot; returns its mounts. Raises the plugin's error."""
        down = await self._down(labels)
        async with self.plugin.call(WORK_S) as channel:
            stub = p.SnapshotsStub(channel)
            if kind is Kind.ACTIVE:
                request: Any = p.PrepareSnapshotRequest(snapshotter=self.name, key=backend, parent=parent, labels=down)
                reply: Any = await stub.prepare(request)
            else:
                request = p.ViewSnapshotRequest(snapshotter=self.name, key=backend, parent=parent, labels=down)
                reply = await stub.view(request)
        return await self._checked(reply.mounts)

    async def seal(self, name: str, key: str, labels: Mapping[str, str], parent: str) -> None:
        """Have the plugin commit key to name. Raises the plugin's error."""
        down = await self._down(labels)
        async with self.plugin.call(WORK_S) as channel:
            await p.SnapshotsStub(channel).commit(
                p.CommitSnapshotRequest(snapshotter=self.name, name=name, key=key, labels=down, parent=parent)
            )

    async def held(self, name: str) -> Info | None:
        """Return a snapshot of the plugin's, None when it says that there is none. Raises the plugin's error."""
        try:
            return await self._stat(name)
        except NotFound:
            return None

    def is_strange(self, held: Info) -> bool:
        """Return whether a snapshot of the plugin's says that somebody else made it."""
        return held.labels.get(OWNER_LABEL, self._owner) != self._owner

    async def mounts_of(self, name: str) -> Sequence[Mount]:
        """Return the mounts of a snapshot of the plugin's. Raises the plugin's error, FailedPrecondition."""
        async with self.plugin.call() as channel:
            reply = await p.SnapshotsStub(channel).mounts(p.MountsRequest(snapshotter=self.name, key=name))
        return await self._checked(reply.mounts)

    async def _stat(self, name: str) -> Info:
        async with self.plugin.call() as channel:
            reply = await p.SnapshotsStub(channel).stat(p.StatSnapshotRequest(snapshotter=self.name, key=name))
        if reply.info is None:
            raise wrong(self.plugin, f'answered without an info for "{name}"')
        return self._info(reply.info)

    def _info(self, wire: p.Info) -> Info:
        try:
            return info_from_wire(wire)
        except InvalidArgument as error:
            raise wrong(self.plugin, f"answered with what can't be: {error.message}") from error

    async def _checked(self, answered: Sequence[Any]) -> Sequence[Mount]:
        """Return the plugin's mounts when they may be handed on. Raises FailedPrecondition for others, which are noted as its last error."""
        plugin = self.plugin
        mounts = [Mount.from_wire(m) for m in answered]
        try:
            if self._local():
                # What was right is not looked at again: a plugin that wants to change its directories does so after any answer.
                known = tuple(mounts)
                if self._right.get(known) is None:
                    check_answer(mounts, self._roots(), plugin.channel.served_by, others=self._others, right=self._right)
                    self._right.put(known, True)
            else:
                # The plugin may itself be the file system (FUSE) that its directories lie on: looking may take as long as it wants.
                with anyio.fail_after(ANSWER_S):
                    await anyio.to_thread.run_sync(
                        partial(check_answer, mounts, self._roots(), plugin.channel.served_by, others=self._others),
                        abandon_on_cancel=True,
                    )
        except FailedPrecondition as error:
            refused = FailedPrecondition(f"{plugin} at {plugin.channel.path}: {error.message}")
            plugin.distrust(refused)
            raise refused from None
        except TimeoutError:
            slow = Unavailable(
                f"{plugin} at {plugin.channel.path}: the places of its mounts did not answer in {ANSWER_S:g} s"
            )
            plugin.failed(slow)
            raise slow from None
        return mounts

    def _roots(self) -> list[Root] | None:
        config = self.plugin.config
        if self._places is None:
            roots = config.roots or [root for root in (config.exports.get("root"),) if root]
            self._places = [Root(Path(root)) for root in roots]
        return self._places or None

    def _local(self) -> bool:
        """Return whether looking at the plugin's directories can't block: the kernel alone serves the file systems that they lie on."""
        if self._on_kernel is None:
            roots = self._roots()
            if not roots or self.plugin.claimed is not Claim.OURS:
                return False
            self._on_kernel = all(answers_at_once(root.path) for root in roots)
        return self._on_kernel

    # -- reads --

    async def _row(self, ns: str, key: str) -> Row:
        """Return a row once no change of it is under way. Raises NotFound, Unavailable."""
        if self._changes.under_way(ns, key):
            await self._changes.free(ns, key)
        row = rows.find(self._db.reader, ns, self.name, key)
        if row is None:
            raise rules.missing(key)
        return row

    def _lost(self, ns: str, row: Row, what: str = "snapshot") -> NotFound:
        """Return the error for a row that the plugin has nothing for. Nothing is removed on the word of that: it may be back tomorrow."""
        now = rows.find(self._db.reader, ns, self.name, row.key)
        if now is None or now.backend != row.backend or self._changes.under_way(ns, row.key):
            return NotFound(f"{what} {row.key} does not exist")  # it went while the plugin was asked
        error = NotFound(
            f"{what} {row.key} does not exist: {self.plugin} at {self.plugin.channel.path} does not have it, though it said that it "
            f'was made; remove "{row.key}" and prepare it anew, or pull and unpack its image again'
        )
        if self._said.is_new((ns, row.key), row.backend):
            self.plugin.distrust(error)
        else:
            self.plugin.failed(error)
        return error

    async def _found_lost(self, ns: str, key: str) -> Row | None:
        """Return the row of a key of which the plugin says that it has nothing; None when it has it, or does not say."""
        row = rows.find(self._db.reader, ns, self.name, key)
        if row is None or self._changes.under_way(ns, key):
            return None
        try:
            if await self.held(row.backend) is not None:
                return None
        except ArgosyError as error:
            logger.debug("snapshot.not_seen", snapshotter=self.name, key=key, error=error.message)
            return None
        now = rows.find(self._db.reader, ns, self.name, key)
        return row if now is not None and now.backend == row.backend and not self._changes.under_way(ns, key) else None

    def _merged(self, row: Row, backend: Info) -> Info:
        labels = {**backend.labels, **row.labels}
        labels.pop(OWNER_LABEL, None)
        return Info(row.key, row.parent, backend.kind, row.created_ns, row.updated_ns, labels)

    async def stat(self, ns: str, key: str) -> Info:
        """Raises NotFound."""
        row = await self._row(ns, key)
        try:
            return self._merged(row, await self._stat(row.backend))
        except NotFound:
            raise self._lost(ns, row) from None

    async def mounts(self, ns: str, key: str) -> Sequence[Mount]:
        """Raises NotFound, FailedPrecondition."""
        row = await self._row(ns, key)
        try:
            return await self.mounts_of(row.backend)
        except NotFound:
            raise self._lost(ns, row) from None

    async def usage(self, ns: str, key: str) -> Usage:
        """Raises NotFound."""
        row = await self._row(ns, key)
        try:
            async with self.plugin.call(WORK_S) as channel:
                reply = await p.SnapshotsStub(channel).usage(p.UsageRequest(snapshotter=self.name, key=row.backend))
        except NotFound:
            raise self._lost(ns, row) from None
        return Usage(reply.size, reply.inodes)

    async def _held(self, filters: Sequence[str] = ()) -> dict[str, Info]:
        """Return the plugin's own snapshots, by name. Raises DataLoss for a list that can't be true."""
        held: dict[str, Info] = {}
        async with self.plugin.call(WORK_S) as channel:
            replies = p.SnapshotsStub(channel).list(p.ListSnapshotsRequest(snapshotter=self.name, filters=list(filters)))
            async for wire in bounded(self.plugin, replies):
                if wire.name in held:
                    raise wrong(self.plugin, f'listed "{wire.name}" twice')
                held[wire.name] = self._info(wire)
        return held

    async def walk(self, ns: str, filter: Filter) -> AsyncIterator[Info]:
        """Yield every snapshot of ns in the order of its key; rows that the plugin has nothing for are skipped."""
        if not rows.listed(self._db.reader, ns, self.name):
            return
        held = await self._held()
        found = {row.key: row for row in rows.listed(self._db.reader, ns, self.name)}
        for (space, _), change in self._changes.open.items():
            # A commit under way is listed as what the plugin has of it: the name, or still the key.
            if space == ns and isinstance(change, _Commit) and change.intent is not None:
                body = change.intent.body
                if body["new"] not in held:
                    found.pop(body["name"], None)
                    was = body["was"]
                    found[body["key"]] = Row(
                        body["key"], body["backend"], was["parent"], was["labels"], was["created"], was["updated"]
                    )
        for key in sorted(found):
            row = found[key]
            if row.backend in held:
                info = self._merged(row, held[row.backend])
                if filter.matches(info.lookup):
                    yield info

    # -- changes --

    async def create(
        self, ns: str, lease: str | None, kind: Kind, key: str, parent: str, labels: Mapping[str, str]
    ) -> Sequence[Mount]:
        """Make an active snapshot or a view and return its mounts.

        Raises AlreadyExists for the key or the target that the labels name, NotFound for the parent or the lease,
        FailedPrecondition for a key that the plugin has lost, InvalidArgument, Unavailable. A target that it has lost can be made anew.
        """
        check_labels(labels)
        if not key:
            raise InvalidArgument("snapshot key must not be empty")
        wanted = Wanted(key, parent, labels, labels.get(SNAPSHOT_REF, "") if kind is Kind.ACTIVE else "", kind)
        await self._changes.free(ns, *(name for name in (key, parent, wanted.target) if name))
        with Caller() as caller:
            change = _Creation(self, ns, wanted, caller)
            self._changes.enter(change)
            return await self._work.finish(self._create, ns, lease, wanted, change)

    async def _create(self, ns: str, lease: str | None, wanted: Wanted, change: _Creation) -> Sequence[Mount]:
        def busy(key: str) -> bool:
            return self._changes.undecided(ns, key)

        lost: Collection[str] = ()
        """The plugin's name of a target that it does not have any more."""
        while True:
            begin = partial(
                rows.begin_create, ns=ns, snapshotter=self.name, lease=lease, wanted=wanted, busy=busy, lost=lost
            )
            try:
                await self._changes.carry_out(change, begin)
                break
            except NotFound:
                if change.intent is not None and wanted.parent and (row := await self._found_lost(ns, wanted.parent)):
                    raise self._lost(ns, row, "parent snapshot") from None
                raise
            except AlreadyExists:
                if change.intent is not None:  # by something of the plugin's
                    await self._met(ns, lease, wanted, change, lost)
                    raise AlreadyExists(f'target snapshot "{wanted.target}" from snapshotter') from None
                if (row := await self._found_lost(ns, wanted.key)) is not None:
                    # Who prepares a key that is there goes on with what is in it, so it is not made anew behind their back.
                    raise FailedPrecondition(self._lost(ns, row).message) from None
                if not wanted.target or (row := await self._found_lost(ns, wanted.target)) is None or row.backend in lost:
                    raise
                lost = (row.backend,)
            await self._changes.free(ns, *(name for name in (wanted.key, wanted.parent, wanted.target) if name))
            change = _Creation(self, ns, wanted, change.caller)
            self._changes.enter(change)
        self._mutated(False)
        if not change.mounts:
            # It was there after all when the plugin was asked again.
            return await self.mounts(ns, wanted.key)
        return change.mounts

    async def _met(self, ns: str, lease: str | None, wanted: Wanted, change: _Creation, lost: Collection[str]) -> None:
        """Take what the plugin said is there for the target that is wanted. Raises for what it can't be."""
        assert change.intent is not None
        backend = change.intent.body["backend"]
        if change.names == NAMES:
            raise no_name(self.plugin, ns, backend) from None
        if not wanted.target:
            raise Unknown(f'unexpected error from snapshotter "{self.name}": snapshot "{backend}" already exists') from None
        await self._adopt(ns, lease, wanted, change.intent.body["parent"], lost)

    async def _adopt(self, ns: str, lease: str | None, wanted: Wanted, backend_parent: str, lost: Collection[str]) -> None:
        """Register a committed snapshot that the snapshotter already had under its own name. Raises NotFound."""
        quoted = json.dumps(wanted.target, ensure_ascii=False)
        held = await self._held(
            [f'labels."{SNAPSHOT_REF}"=={quoted},parent=={json.dumps(backend_parent, ensure_ascii=False)}']
        )
        # One that heeds no filter lists whatever it has, and the target would have the bytes of another layer.
        found = next(
            (
                info
                for info in held.values()
                if info.kind is Kind.COMMITTED
                and info.parent == backend_parent
                and info.labels.get(SNAPSHOT_REF) == wanted.target
            ),
            None,
        )
        if found is None:
            raise NotFound(f'target snapshot "{wanted.target}" in backend')
        self._kept[found.name] = self._kept.get(found.name, 0) + 1
        try:
            await self._db.write(lambda db: rows.adopt(db, ns, self.name, lease, wanted, found, lost))
        finally:
            self._kept[found.name] -= 1
            if not self._kept[found.name]:
                del self._kept[found.name]
        self._mutated(False)

    async def commit(self, ns: str, lease: str | None, name: str, key: str, labels: Mapping[str, str], parent: str) -> None:
        """Raises AlreadyExists, NotFound, FailedPrecondition, InvalidArgument, Unavailable. A name that the plugin has lost is made anew."""
        check_labels(labels)
        if not name:
            raise InvalidArgument("committed snapshot name must not be empty")
        if name == key:
            raise AlreadyExists(f'snapshot "{name}"')
        await self._changes.free(ns, *(one for one in (key, name, parent) if one))
        wanted = Commit(key, name, labels, parent)
        with Caller() as caller:
            change = _Commit(self, ns, wanted, caller)
            self._changes.enter(change)
            await self._work.finish(self._commit, ns, lease, wanted, change)

    async def _commit(self, ns: str, lease: str | None, wanted: Commit, change: _Commit) -> None:
        def busy(key: str) -> bool:
            return self._changes.undecided(ns, key)

        lost: Collection[str] = ()
        """What the plugin called the name when it still had it."""
        while True:
            begin = partial(
                rows.begin_commit, ns=ns, snapshotter=self.name, lease=lease, wanted=wanted, busy=busy, lost=lost
            )
            try:
                await self._changes.carry_out(change, begin)
                break
            except NotFound:
                for key, what in ((wanted.key, "snapshot"), (wanted.parent, "parent snapshot")):
                    if change.intent is not None and key and (row := await self._found_lost(ns, key)) is not None:
                        raise self._lost(ns, row, what) from None
                raise
            except AlreadyExists as error:
                if change.intent is not None:  # by something of the plugin's
                    if change.names == NAMES:
                        raise no_name(self.plugin, ns, change.intent.body["new"]) from None
                    # ALREADY_EXISTS would tell the client that somebody has committed the same: it would throw its own away.
                    raise Unavailable(f'{self.plugin} did not commit "{wanted.key}": {error.message}; try again') from None
                row = await self._found_lost(ns, wanted.name)
                if row is None or row.backend in lost:
                    raise
                lost = (row.backend,)
            await self._changes.free(ns, *(one for one in (wanted.key, wanted.name, wanted.parent) if one))
            change = _Commit(self, ns, wanted, change.caller)
            self._changes.enter(change)
        self._mutated(False)

    async def remove(self, ns: str, lease: str | None, key: str) -> None:
        """Remove the row now; the plugin's bytes go with the next collection. Raises NotFound, FailedPrecondition."""
        await self._changes.free(ns, key)
        await self._work.finish(self._remove, ns, lease, key)

    async def _remove(self, ns: str, lease: str | None, key: str) -> None:
        await self._db.write(lambda db: rows.remove(db, ns, self.name, lease, key))
        self.plugin.dirty = True
        self._mutated(True)
        event = SnapshotRemove(key=key, snapshotter=self.name)
        self.publish(ns, "/snapshot/remove", "containerd.events.SnapshotRemove", event)

    async def update(self, ns: str, info: Info, paths: Sequence[str]) -> Info:
        """Change labels. Raises NotFound, InvalidArgument."""
        check_labels(info.labels)
        if not info.name:
            raise InvalidArgument("snapshot name must not be empty")
        await self._changes.free(ns, info.name)
        return await self._work.finish(self._update, ns, info, paths)

    async def _update(self, ns: str, info: Info, paths: Sequence[str]) -> Info:
        row = await self._db.write(lambda db: rows.update(db, ns, self.name, info, paths))
        self._mutated(False)
        try:
            backend = await self._stat(row.backend)
        except NotFound:
            raise self._lost(ns, row) from None
        down = await self._down(row.labels)
        if down != {**inherited(backend.labels)}:
            changed = Info(row.backend, backend.parent, backend.kind, backend.created_ns, backend.updated_ns, down)
            request = p.UpdateSnapshotRequest(
                snapshotter=self.name, info=info_to_wire(changed), update_mask=FieldMask(paths=["labels"])
            )
            async with self.plugin.call() as channel:
                reply = await p.SnapshotsStub(channel).update(request)
            if reply.info is not None:
                backend = self._info(reply.info)
        return self._merged(row, backend)

    # -- the collector's side --

    async def _drop(self, name: str) -> bool:
        """Remove a snapshot of the plugin's; False when it was gone, or stays."""
        if name in self._kept:
            self.plugin.dirty = True  # whoever keeps it may not name it after all
            return False
        try:
            async with self.plugin.call(WORK_S) as channel:
                await p.SnapshotsStub(channel).remove(p.RemoveSnapshotRequest(snapshotter=self.name, key=name))
        except NotFound:
            return False
        except FailedPrecondition as error:
            logger.warning("gc.snapshot_stays", snapshotter=self.name, key=name, error=error.message)
            return False
        return True

    async def cleanup(self) -> int:
        """Remove what the plugin holds and no row names, leaves first; of a plugin that can't be claimed only what we made.

        Returns how many snapshots went. Raises the plugin's error; it stays dirty then.
        """
        plugin = self.plugin
        claim = await self.plugin.claim(*self._us)
        plugin.dirty = False
        removed = strangers = 0
        try:
            held = await self._held()
            # A name is written into a row before the plugin hears of it, and never used again.
            named = rows.backends(self._db.reader, self.name)
            for level in leaves_first(plugin, {name: info.parent for name, info in held.items()}):
                doomed = [name for name in level if name not in named]
                if claim is Claim.FOREIGN and plugin.config.cleanup == "own":
                    ours = [name for name in doomed if held[name].labels.get(OWNER_LABEL) == self._owner]
                    strangers += len(doomed) - len(ours)
                    doomed = ours
                # Those of one level have nothing to do with each other.
                removed += await remove_all(doomed, self._drop)
            try:
                async with plugin.call(WORK_S) as channel:
                    await p.SnapshotsStub(channel).cleanup(p.CleanupRequest(snapshotter=self.name))
            except Unimplemented:
                pass  # this snapshotter has nothing to clean
        except BaseException:  # also a caller who left in the middle of it
            plugin.dirty = True
            raise
        if strangers:
            plugin.failed(
                FailedPrecondition(
                    f"{plugin} holds {strangers} snapshots that this gateway did not make; they stay: if nobody else "
                    f'uses it, say cleanup = "all" in [proxy_plugins.{self.name}]'
                )
            )
        return removed
