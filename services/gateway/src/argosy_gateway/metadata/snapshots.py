"""Snapshots: the owner's keys in front of a snapshotter's, one flat name space per (namespace, snapshotter).

A backend sees ``<namespace>/<sequence>/<key>``; the sequence is never given out twice. The order of each change is:
check and number, backend, record (one transaction). A crash in between leaves a backend snapshot that no row
names, which the collector's cleanup removes.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from argosy import log
from argosy.errors import AlreadyExists, ArgosyError, FailedPrecondition, InvalidArgument, NotFound, Unimplemented, Unknown
from argosy.filters import Filter
from argosy.labels import SNAPSHOT_REF, check_labels, inherited, masked, stored
from argosy.mounts import Mount
from argosy.plugin.snapshots import rules
from argosy.plugin.snapshots.rules import Info, Kind, Usage
from argosy.plugin.snapshots.servicer import info_from_wire, info_to_wire
from argosy.store.database import Database
from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_protos.google.protobuf import FieldMask

from argosy_gateway.gc.removal import remove_all
from argosy_gateway.metadata import leases, namespaces
from argosy_gateway.metadata.locks import SharedLock

T = TypeVar("T")
_BLOCK: Final = 32
logger = log.get("gateway.snapshots")


@dataclass(frozen=True, slots=True)
class Row:
    """One snapshot's metadata."""

    key: str
    backend: str
    parent: str
    labels: dict[str, str]
    created_ns: int
    updated_ns: int


def reserve(db: sqlite3.Connection, ns: str, what: str, count: int = 1, above: int = 0) -> range:
    """Return the next numbers of a sequence, all of them greater than above; a failed use burns them."""
    db.execute("INSERT OR IGNORE INTO sequences VALUES (?, ?, 0)", (ns, what))
    db.execute("UPDATE sequences SET last = MAX(last, ?) + ? WHERE ns = ? AND what = ?", (above, count, ns, what))
    last: int = db.execute("SELECT last FROM sequences WHERE ns = ? AND what = ?", (ns, what)).fetchone()[0]
    return range(last - count + 1, last + 1)


class Numbers:
    """Numbers for backend keys, reserved in blocks: a transaction for each would be a sync of the disk for each.

    A number is never given out twice. Those that are reserved when the process ends are burnt.
    """

    def __init__(self, db: Database, what: str) -> None:
        self._db, self._what = db, what
        self._left: dict[str, deque[int]] = {}
        self._highest: dict[str, int] = {}
        self._filling: dict[str, asyncio.Task[None]] = {}

    async def next(self, ns: str) -> int:
        """Return the next number in a namespace. Raises what a transaction raises."""
        left = self._left.setdefault(ns, deque())
        while not left:
            filling = self._filling.get(ns)
            if filling is None:
                filling = self._filling[ns] = asyncio.create_task(self._fill(ns, left))
            await asyncio.shield(filling)  # others wait for it, too
        return left.popleft()

    async def _fill(self, ns: str, left: deque[int]) -> None:
        # A namespace that is deleted takes its sequences along; what this process has given out it knows.
        above = self._highest.get(ns, 0)
        try:
            left.extend(await self._db.write(lambda db: reserve(db, ns, self._what, _BLOCK, above)))
            self._highest[ns] = left[-1]
        finally:
            del self._filling[ns]


class Snapshots:
    """One snapshotter, as its namespaces see it. Calls carry the namespace and the lease they act for."""

    def __init__(
        self, name: str, db: Database, stub: p.SnapshotsStub, world: SharedLock, mutated: Callable[[bool], None]
    ) -> None:
        self.name = name
        self._db = db
        self._stub = stub
        self._world = world
        self._mutated = mutated
        self._numbers = Numbers(db, f"snapshots/{name}")
        self.lock = SharedLock()
        self.dirty = False

    # -- rows --

    def _find(self, db: sqlite3.Connection, ns: str, key: str) -> Row | None:
        row = db.execute(
            "SELECT key, backend, parent, labels, created, updated FROM snapshots WHERE ns = ? AND snapshotter = ? AND key = ?",
            (ns, self.name, key),
        ).fetchone()
        return None if row is None else Row(row[0], row[1], row[2], json.loads(row[3]), row[4], row[5])

    def _row(self, ns: str, key: str) -> Row:
        row = self._find(self._db.reader, ns, key)
        if row is None:
            raise rules.missing(key)
        return row

    def _insert(
        self, db: sqlite3.Connection, ns: str, key: str, backend: str, parent: str, labels: Mapping[str, str], now: int
    ) -> None:
        namespaces.touch(db, ns)
        db.execute(
            "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (ns, self.name, key, backend, parent, json.dumps(stored(labels)), now, now),
        )

    @property
    def _resource(self) -> str:
        return leases.SNAPSHOTS + self.name

    def _merged(self, row: Row, backend: Info) -> Info:
        labels = {**backend.labels, **row.labels}
        return Info(row.key, row.parent, backend.kind, row.created_ns, row.updated_ns, labels)

    # -- reads --

    async def stat(self, ns: str, key: str) -> Info:
        """Raises NotFound."""
        row = self._row(ns, key)
        return self._merged(row, await self._backend_stat(ns, row))

    async def _backend_stat(self, ns: str, row: Row) -> Info:
        reply = await self._stub.stat(p.StatSnapshotRequest(snapshotter=self.name, key=row.backend))
        if reply.info is None:
            raise Unknown(f'snapshotter "{self.name}" answered without an info for "{row.key}"')
        return info_from_wire(reply.info)

    async def mounts(self, ns: str, key: str) -> Sequence[Mount]:
        """Raises NotFound, FailedPrecondition."""
        row = self._row(ns, key)
        reply = await self._stub.mounts(p.MountsRequest(snapshotter=self.name, key=row.backend))
        return [Mount.from_wire(m) for m in reply.mounts]

    async def usage(self, ns: str, key: str) -> Usage:
        """Raises NotFound."""
        row = self._row(ns, key)
        reply = await self._stub.usage(p.UsageRequest(snapshotter=self.name, key=row.backend))
        return Usage(reply.size, reply.inodes)

    async def walk(self, ns: str, filter: Filter) -> AsyncIterator[Info]:
        """Yield every snapshot of ns in the order of its key; rows without a backend are skipped."""
        rows = self._db.read(
            "SELECT key, backend, parent, labels, created, updated FROM snapshots WHERE ns = ? AND snapshotter = ? ORDER BY key",
            (ns, self.name),
        )
        if not rows:
            return
        known: dict[str, Info] = {}
        async for reply in self._stub.list(p.ListSnapshotsRequest(snapshotter=self.name)):
            for wire in reply.info:
                known[wire.name] = info_from_wire(wire)
        for r in rows:
            backend = known.get(r[1])
            if backend is None:
                continue
            info = self._merged(Row(r[0], r[1], r[2], json.loads(r[3]), r[4], r[5]), backend)
            if filter.matches(info.lookup):
                yield info

    # -- changes --

    async def prepare(self, ns: str, lease: str | None, key: str, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]:
        return await self._create(ns, lease, Kind.ACTIVE, key, parent, labels)

    async def view(self, ns: str, lease: str | None, key: str, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]:
        return await self._create(ns, lease, Kind.VIEW, key, parent, labels)

    async def _create(
        self, ns: str, lease: str | None, kind: Kind, key: str, parent: str, labels: Mapping[str, str]
    ) -> Sequence[Mount]:
        check_labels(labels)
        if not key:
            raise InvalidArgument("snapshot key must not be empty")
        target = labels.get(SNAPSHOT_REF, "") if kind is Kind.ACTIVE else ""

        def look(db: sqlite3.Connection) -> str | None:
            """Return the parent's backend key, None when there is something by the new one's name."""
            leases.check_header(db, ns, lease)
            if (target and self._find(db, ns, target)) or self._find(db, ns, key):
                return None
            if not parent:
                return ""
            row = self._find(db, ns, parent)
            if row is None:
                raise rules.missing_parent(parent)
            return row.backend

        def join(db: sqlite3.Connection) -> AlreadyExists | None:
            """Let the lease have what is there: the caller goes on to use it."""
            for found, error in ((target, AlreadyExists(f'target snapshot "{target}"')), (key, rules.taken(key))):
                if found and self._find(db, ns, found):
                    leases.join(db, ns, lease, self._resource, found)
                    return error
            return None

        async with self._world.shared(), self.lock.shared():
            # What others change meanwhile is found by record, at the latest.
            backend_parent = look(self._db.reader)
            while backend_parent is None:
                if (taken := await self._db.write(join)) is not None:
                    raise taken
                backend_parent = look(self._db.reader)
            backend = f"{ns}/{await self._numbers.next(ns)}/{key}"
            down = inherited(labels)
            try:
                if kind is Kind.ACTIVE:
                    made: Any = await self._stub.prepare(
                        p.PrepareSnapshotRequest(snapshotter=self.name, key=backend, parent=backend_parent, labels=down)
                    )
                else:
                    made = await self._stub.view(
                        p.ViewSnapshotRequest(snapshotter=self.name, key=backend, parent=backend_parent, labels=down)
                    )
            except AlreadyExists:
                if not target:
                    raise Unknown(
                        f'unexpected error from snapshotter "{self.name}": snapshot "{backend}" already exists'
                    ) from None
                await self._adopt(ns, lease, target, parent, backend_parent)
                raise AlreadyExists(f'target snapshot "{target}" from snapshotter') from None

            def record(db: sqlite3.Connection) -> None:
                if self._find(db, ns, key):
                    raise rules.taken(key)
                leases.join(db, ns, lease, self._resource, key)
                self._insert(db, ns, key, backend, parent, labels, time.time_ns())

            try:
                await self._db.write(record)
            except BaseException:
                await self._forget(backend)
                raise
        self._mutated(False)
        return [Mount.from_wire(m) for m in made.mounts]

    async def _adopt(self, ns: str, lease: str | None, target: str, parent: str, backend_parent: str) -> None:
        """Register a committed snapshot that the snapshotter already had under its own name. Raises NotFound."""
        quoted = json.dumps(target, ensure_ascii=False)
        wanted = f'labels."{SNAPSHOT_REF}"=={quoted},parent=={json.dumps(backend_parent, ensure_ascii=False)}'
        found: Info | None = None
        async for reply in self._stub.list(p.ListSnapshotsRequest(snapshotter=self.name, filters=[wanted])):
            for wire in reply.info:
                info = info_from_wire(wire)
                if found is None and info.kind is Kind.COMMITTED:
                    found = info
        if found is None:
            raise NotFound(f'target snapshot "{target}" in backend')
        backend = found

        def record(db: sqlite3.Connection) -> None:
            if not self._find(db, ns, target):
                namespaces.touch(db, ns)
                db.execute(
                    "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        ns, self.name, target, backend.name, parent, json.dumps(backend.labels),
                        backend.created_ns, backend.updated_ns,
                    ),
                )  # fmt: skip
            leases.join(db, ns, lease, self._resource, target)

        await self._db.write(record)
        self._mutated(False)

    async def _forget(self, backend: str) -> None:
        try:
            await self._stub.remove(p.RemoveSnapshotRequest(snapshotter=self.name, key=backend))
        except ArgosyError as error:
            self.dirty = True  # the collector tries again
            logger.warning("snapshot.left_behind", snapshotter=self.name, key=backend, error=str(error))

    async def commit(self, ns: str, lease: str | None, name: str, key: str, labels: Mapping[str, str], parent: str) -> None:
        """Raises AlreadyExists, NotFound, FailedPrecondition, InvalidArgument."""
        check_labels(labels)
        if not name:
            raise InvalidArgument("committed snapshot name must not be empty")

        def look(db: sqlite3.Connection) -> tuple[Row, str]:
            leases.check_header(db, ns, lease)
            if self._find(db, ns, name):
                raise rules.taken(name)
            row = self._find(db, ns, key)
            if row is None:
                raise rules.missing(key)
            if not parent or parent == row.parent:
                return row, ""
            if row.parent:
                raise InvalidArgument(f'snapshot "{key}" has parent "{row.parent}" and cannot be rebased on "{parent}"')
            found = self._find(db, ns, parent)
            if found is None:
                raise rules.missing_parent(parent)
            return row, found.backend

        async with self._world.shared(), self.lock.shared():
            row, backend_parent = look(self._db.reader)
            backend = f"{ns}/{await self._numbers.next(ns)}/{name}"
            await self._stub.commit(
                p.CommitSnapshotRequest(
                    snapshotter=self.name, name=backend, key=row.backend, labels=inherited(labels), parent=backend_parent
                )
            )

            def record(db: sqlite3.Connection) -> None:
                db.execute("DELETE FROM snapshots WHERE ns = ? AND snapshotter = ? AND key = ?", (ns, self.name, key))
                leases.join(db, ns, lease, self._resource, name)
                leases.part(db, ns, lease, self._resource, key)
                self._insert(db, ns, name, backend, parent or row.parent, labels, time.time_ns())

            await self._db.write(record)
        self._mutated(False)

    async def remove(self, ns: str, lease: str | None, key: str) -> None:
        """Remove the row now; the backend's bytes go with the next collection. Raises NotFound, FailedPrecondition."""

        def change(db: sqlite3.Connection) -> None:
            row = self._find(db, ns, key)
            if row is None:
                raise rules.missing(key)
            child = db.execute(
                "SELECT 1 FROM snapshots WHERE ns = ? AND snapshotter = ? AND parent = ? LIMIT 1", (ns, self.name, key)
            ).fetchone()
            if child:
                raise rules.has_children(key)
            db.execute("DELETE FROM snapshots WHERE ns = ? AND snapshotter = ? AND key = ?", (ns, self.name, key))
            leases.part(db, ns, lease, self._resource, key)

        async with self._world.shared():
            await self._db.write(change)
            self.dirty = True
        self._mutated(True)

    async def update(self, ns: str, info: Info, paths: Sequence[str]) -> Info:
        """Change labels. Raises NotFound, InvalidArgument."""
        check_labels(info.labels)
        if not info.name:
            raise InvalidArgument("snapshot name must not be empty")

        def change(db: sqlite3.Connection) -> Row:
            row = self._find(db, ns, info.name)
            if row is None:
                raise rules.missing(info.name)
            labels = masked(row.labels, info.labels, paths, f'snapshot "{info.name}"')
            now = time.time_ns()
            db.execute(
                "UPDATE snapshots SET labels = ?, updated = ? WHERE ns = ? AND snapshotter = ? AND key = ?",
                (json.dumps(labels), now, ns, self.name, info.name),
            )
            return Row(row.key, row.backend, row.parent, labels, row.created_ns, now)

        row = await self._db.write(change)
        self._mutated(False)
        down = inherited(row.labels)
        backend = await self._backend_stat(ns, row)
        if down != inherited(backend.labels):
            changed = Info(row.backend, backend.parent, backend.kind, backend.created_ns, backend.updated_ns, down)
            reply = await self._stub.update(
                p.UpdateSnapshotRequest(
                    snapshotter=self.name, info=info_to_wire(changed), update_mask=FieldMask(paths=["labels"])
                )
            )
            if reply.info is not None:
                backend = info_from_wire(reply.info)
        return self._merged(row, backend)

    # -- the collector's side --

    async def _remove_backend(self, name: str) -> bool:
        """Remove a snapshot of the plugin's; False when it was gone, or stays."""
        try:
            await self._stub.remove(p.RemoveSnapshotRequest(snapshotter=self.name, key=name))
        except NotFound:
            return False
        except FailedPrecondition as error:
            logger.warning("gc.snapshot_stays", snapshotter=self.name, key=name, error=str(error))
            return False
        return True

    async def cleanup(self) -> int:
        """Remove every backend snapshot that no namespace names, leaves first. Returns how many went."""
        removed = 0
        async with self.lock.alone():
            self.dirty = False
            try:
                named = {r[0] for r in self._db.read("SELECT backend FROM snapshots WHERE snapshotter = ?", (self.name,))}
                children: dict[str, list[str]] = {}
                async for reply in self._stub.list(p.ListSnapshotsRequest(snapshotter=self.name)):
                    for wire in reply.info:
                        children.setdefault(wire.name, [])
                        children.setdefault(wire.parent, []).append(wire.name)
                levels: list[list[str]] = []
                level = children.get("", [])
                while level:
                    levels.append([name for name in level if name not in named])
                    level = [child for name in level for child in children.get(name, [])]
                for doomed in reversed(levels):
                    # Those of one level have nothing to do with each other.
                    removed += await remove_all(doomed, self._remove_backend)
                try:
                    await self._stub.cleanup(p.CleanupRequest(snapshotter=self.name))
                except Unimplemented:
                    pass  # this snapshotter has nothing to clean
            except BaseException:
                self.dirty = True
                raise
        return removed
