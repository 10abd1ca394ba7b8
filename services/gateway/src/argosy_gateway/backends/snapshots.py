"""The snapshots of one name in one plugin, as their namespaces see them: keys are theirs, bytes are the plugin's.

Whatever makes or commits a snapshot is a ``Change``: rows first, then the plugin, and a way back. Methods take the namespace
that they act in, and the lease that gets what they make. A caller who leaves does not stop what has begun.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from copy import copy
from functools import partial
from pathlib import Path

from argosy import log
from argosy.errors import (
    AlreadyExists,
    ArgosyError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unavailable,
    Unknown,
)
from argosy.filters import Filter
from argosy.labels import FALLBACK_PLUGIN, FALLBACK_REASON, SNAPSHOT_REF, check_labels
from argosy.loops import Complaints
from argosy.mounts import Mount
from argosy.plugin.snapshots import rules
from argosy.plugin.snapshots.rules import Info, Kind, Usage
from argosy.store.database import Database
from argosy_protos.containerd.events import SnapshotRemove

from argosy_gateway.backends.changes import NAMES, Caller, Change, Changes, no_name
from argosy_gateway.backends.listing import leaves_first
from argosy_gateway.backends.protocol import Operation
from argosy_gateway.backends.snapshot_changes import CommitChange, CreateChange, Publish
from argosy_gateway.backends.snapshot_plugin import OWNER_LABEL, SnapshotPlugin
from argosy_gateway.gc.removal import remove_all
from argosy_gateway.metadata import snapshots as rows
from argosy_gateway.metadata.intents import Intent
from argosy_gateway.metadata.snapshots import Commit, Place, Row, Wanted
from argosy_gateway.plugins.plugin import Claim, Plugin
from argosy_gateway.work import Work

logger = log.get("gateway.snapshots")


class Snapshotter:
    """One snapshotter plugin and its rows: those of the snapshotter of its name, or of another name that falls back on it."""

    def __init__(
        self, plugin: Plugin, db: Database, work: Work, mutated: Callable[[bool], None], publish: Publish,
        us: tuple[str, Path], others: Sequence[Path] = (), keys: dict[tuple[str, str], Change] | None = None,
    ) -> None:  # fmt: skip
        """us is who claims the plugin: the gateway's uuid and its socket. others are directories that are not the plugin's.

        keys are the changes under way of its name, which are shared with the other plugins of that name.
        """
        self.plugin = plugin
        self._calls = SnapshotPlugin(plugin, us, others)
        self._db, self._work, self._mutated, self._publish = db, work, mutated, publish
        self._us = us
        self._said = Complaints()
        self._called(plugin.name, {} if keys is None else keys)

    def _called(self, name: str, keys: dict[tuple[str, str], Change]) -> None:
        self.name, self._place = name, Place(name, self.plugin.name)
        self._changes = Changes(self.plugin, self._db, self._work, keys, rows.is_layer)

    def beside(self, name: str, keys: dict[tuple[str, str], Change]) -> Snapshotter:
        """Return the snapshots that are in this plugin under another name."""
        other = copy(self)
        other._called(name, keys)
        return other

    async def free(self, ns: str, *keys: str) -> None:
        """Wait until no change is under way for these keys. Raises Unavailable."""
        await self._changes.free(ns, *(key for key in keys if key))

    def restore(self, intents: Sequence[Intent]) -> None:
        """Take up what was under way when the gateway ended."""
        for intent in intents:
            body = intent.body
            change: Change
            if intent.operation == Operation.CREATE.value:
                wanted = Wanted(body["key"], "", {}, "", Kind.VIEW)
                change = CreateChange(self._calls, self._publish, self._place, intent.ns, wanted)
            else:
                commit = Commit(body["key"], body["name"], body["labels"], "")
                change = CommitChange(self._calls, self._publish, self._place, intent.ns, commit)
            self._changes.restore(change, intent)

    # -- reads --

    async def _row(self, ns: str, key: str) -> Row:
        """Return a row once no change of it is under way. Raises NotFound, Unavailable."""
        if self._changes.under_way(ns, key):
            await self._changes.free(ns, key)
        row = rows.find(self._db.reader, ns, self._place, key)
        if row is None:
            raise rules.missing(key)
        return row

    def _lost(self, ns: str, row: Row, what: str = "snapshot") -> NotFound:
        """Return the error for a row that the plugin has nothing for. Nothing is removed on the word of that: it may be back tomorrow."""
        now = rows.find(self._db.reader, ns, self._place, row.key)
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
        row = rows.find(self._db.reader, ns, self._place, key)
        if row is None or self._changes.under_way(ns, key):
            return None
        try:
            if await self._calls.find(row.backend) is not None:
                return None
        except ArgosyError as error:
            logger.debug("snapshot.not_seen", snapshotter=self.name, key=key, error=error.message)
            return None
        now = rows.find(self._db.reader, ns, self._place, key)
        return row if now is not None and now.backend == row.backend and not self._changes.under_way(ns, key) else None

    def _merged(self, row: Row, backend: Info) -> Info:
        labels = {**backend.labels, **row.labels}
        labels.pop(OWNER_LABEL, None)
        if self.name != self.plugin.name:
            labels |= {FALLBACK_PLUGIN: self.plugin.name, FALLBACK_REASON: row.reason}
        return Info(row.key, row.parent, backend.kind, row.created_ns, row.updated_ns, labels)

    async def stat(self, ns: str, key: str) -> Info:
        """Return a snapshot, with the labels of row and plugin. Raises NotFound, Unavailable."""
        row = await self._row(ns, key)
        try:
            return self._merged(row, await self._calls.stat(row.backend))
        except NotFound:
            raise self._lost(ns, row) from None

    async def mounts(self, ns: str, key: str) -> Sequence[Mount]:
        """Return the mounts of an active snapshot or a view. Raises NotFound, FailedPrecondition, Unavailable."""
        row = await self._row(ns, key)
        try:
            return await self._calls.mounts_of(row.backend)
        except NotFound:
            raise self._lost(ns, row) from None

    async def usage(self, ns: str, key: str) -> Usage:
        """Return what a snapshot takes on disk. Raises NotFound, Unavailable."""
        row = await self._row(ns, key)
        try:
            return await self._calls.usage(row.backend)
        except NotFound:
            raise self._lost(ns, row) from None

    async def walk(self, ns: str, filter: Filter) -> AsyncIterator[Info]:
        """Yield every snapshot of ns in the order of its key; rows that the plugin has nothing for are skipped."""
        if not rows.listed(self._db.reader, ns, self._place):
            return
        held = await self._calls.listed()
        found = {row.key: row for row in rows.listed(self._db.reader, ns, self._place)}
        for (space, _), change in self._changes.open.items():
            # A commit under way is listed as what the plugin has of it: the name, or still the key.
            if space == ns and isinstance(change, CommitChange) and change.intent is not None:
                body = change.intent.body
                if change.plugin is self.plugin and body["new"] not in held:
                    found.pop(body["name"], None)
                    found[body["key"]] = rows.before_commit(change.intent)
        for key in sorted(found):
            row = found[key]
            if row.backend in held:
                info = self._merged(row, held[row.backend])
                if filter.matches(info.lookup):
                    yield info

    # -- changes --

    async def create(
        self, ns: str, lease: str | None, kind: Kind, key: str, parent: str, labels: Mapping[str, str], *,
        reason: str = "", away: Collection[str] = (), can_be_elsewhere: bool = False,
    ) -> Sequence[Mount]:  # fmt: skip
        """Make an active snapshot or a view and return its mounts.

        reason is why it is not made in the plugin of the name; a layer that is only in plugins that are away is not in its way.
        can_be_elsewhere: it is forgotten, and not asked about, when the plugin does not say how it ended.

        Raises AlreadyExists for the key or the target that the labels name, NotFound for the parent or the lease,
        FailedPrecondition for a key that the plugin has lost, InvalidArgument, Unavailable. A target that it has lost can be made anew.
        """
        check_labels(labels)
        if not key:
            raise InvalidArgument("snapshot key must not be empty")
        target = labels.get(SNAPSHOT_REF, "") if kind is Kind.ACTIVE else ""
        wanted = Wanted(key, parent, labels, target, kind, reason, frozenset(away))
        await self._changes.free(ns, *(name for name in (key, parent, wanted.target) if name))
        with Caller() as caller:
            change = CreateChange(self._calls, self._publish, self._place, ns, wanted, caller)
            change.can_be_elsewhere = can_be_elsewhere
            self._changes.enter(change)
            return await self._work.finish(self._create, ns, lease, wanted, change)

    async def _create(self, ns: str, lease: str | None, wanted: Wanted, change: CreateChange) -> Sequence[Mount]:
        def busy(key: str) -> bool:
            return self._changes.undecided(ns, key)

        lost: Collection[str] = ()
        """The plugin's name of a target that it does not have any more."""
        while True:
            begin = partial(rows.begin_create, ns=ns, place=self._place, lease=lease, wanted=wanted, busy=busy, lost=lost)
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
            again = CreateChange(self._calls, self._publish, self._place, ns, wanted, change.caller)
            again.can_be_elsewhere, change = change.can_be_elsewhere, again
            self._changes.enter(change)
        self._mutated(False)
        if not change.mounts:
            # It was there after all when the plugin was asked again.
            return await self.mounts(ns, wanted.key)
        return change.mounts

    async def _met(self, ns: str, lease: str | None, wanted: Wanted, change: CreateChange, lost: Collection[str]) -> None:
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
        found = await self._calls.target(wanted.target, backend_parent)
        if found is None:
            raise NotFound(f'target snapshot "{wanted.target}" in backend')
        self._calls.kept[found.name] = self._calls.kept.get(found.name, 0) + 1
        try:
            await self._db.write(lambda db: rows.adopt(db, ns, self._place, lease, wanted, found, lost))
        finally:
            self._calls.kept[found.name] -= 1
            if not self._calls.kept[found.name]:
                del self._calls.kept[found.name]
        self._mutated(False)

    async def commit(
        self, ns: str, lease: str | None, name: str, key: str, labels: Mapping[str, str], parent: str,
        away: Collection[str] = (),
    ) -> None:  # fmt: skip
        """Commit an active snapshot; a name that the plugin has lost is made anew. Raises AlreadyExists, NotFound, FailedPrecondition, InvalidArgument, Unavailable."""
        check_labels(labels)
        if not name:
            raise InvalidArgument("committed snapshot name must not be empty")
        if name == key:
            raise AlreadyExists(f'snapshot "{name}"')
        await self._changes.free(ns, *(one for one in (key, name, parent) if one))
        wanted = Commit(key, name, labels, parent, frozenset(away))
        with Caller() as caller:
            change = CommitChange(self._calls, self._publish, self._place, ns, wanted, caller)
            self._changes.enter(change)
            await self._work.finish(self._commit, ns, lease, wanted, change)

    async def _commit(self, ns: str, lease: str | None, wanted: Commit, change: CommitChange) -> None:
        def busy(key: str) -> bool:
            return self._changes.undecided(ns, key)

        lost: Collection[str] = ()
        """The plugin's own name of the snapshot that it has lost."""
        while True:
            begin = partial(rows.begin_commit, ns=ns, place=self._place, lease=lease, wanted=wanted, busy=busy, lost=lost)
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
            change = CommitChange(self._calls, self._publish, self._place, ns, wanted, change.caller)
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
        event = SnapshotRemove(key=key, snapshotter=self._place.called)
        self._publish(ns, "/snapshot/remove", "containerd.events.SnapshotRemove", event)

    async def update(self, ns: str, info: Info, paths: Sequence[str]) -> Info:
        """Change labels. Raises NotFound, InvalidArgument."""
        check_labels(info.labels)
        if not info.name:
            raise InvalidArgument("snapshot name must not be empty")
        await self._changes.free(ns, info.name)
        return await self._work.finish(self._update, ns, info, paths)

    async def _update(self, ns: str, info: Info, paths: Sequence[str]) -> Info:
        row = await self._db.write(lambda db: rows.update(db, ns, self._place, info, paths))
        self._mutated(False)
        try:
            held = await self._calls.stat(row.backend)
        except NotFound:
            raise self._lost(ns, row) from None
        return self._merged(row, await self._calls.set_labels(row.backend, held, row.labels, paths))

    # -- the collector's side --

    async def _drop(self, name: str) -> bool:
        """Remove a snapshot of the plugin's; False when it was gone, or stays."""
        if name in self._calls.kept:
            self.plugin.dirty = True  # whoever keeps it may not name it after all
            return False
        return await self._calls.remove(name)

    async def cleanup(self) -> int:
        """Remove what the plugin holds and no row names, leaves first; of a plugin that can't be claimed only what we made.

        Returns how many snapshots went. Raises the plugin's error; it stays dirty then.
        """
        plugin = self.plugin
        claim = await self.plugin.claim(*self._us)
        plugin.dirty = False
        removed = strangers = 0
        try:
            held = await self._calls.listed()
            # A name is written into a row before the plugin hears of it, and never used again.
            named = rows.backends(self._db.reader, plugin.name)
            for level in leaves_first(plugin, {name: info.parent for name, info in held.items()}):
                doomed = [name for name in level if name not in named]
                if claim is Claim.FOREIGN and plugin.config.cleanup == "own":
                    ours = [name for name in doomed if held[name].labels.get(OWNER_LABEL) == self._calls.owner]
                    strangers += len(doomed) - len(ours)
                    doomed = ours
                # Those of one level have nothing to do with each other.
                removed += await remove_all(doomed, self._drop)
            await self._calls.cleanup()
        except BaseException:  # also a caller who left in the middle of it
            plugin.dirty = True
            raise
        if strangers:
            plugin.failed(
                FailedPrecondition(
                    f"{plugin} holds {strangers} snapshots that this gateway did not make; they stay: if nobody else "
                    f'uses it, say cleanup = "all" in [proxy_plugins.{plugin.name}]'
                )
            )
        return removed
