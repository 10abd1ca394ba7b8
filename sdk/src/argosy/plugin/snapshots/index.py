"""The index of a snapshotter's snapshots: one SQLite table and the tree's rules, each change one transaction.

snapshots
  id        directory name, given by the tree; never used again
  key       what the owner calls it: active and view keys and committed names share one name space
  parent    id of a committed snapshot, or NULL
  kind      1 view, 2 active, 3 committed
  created, updated   nanoseconds since the epoch
  size, inodes       of a committed one, once it was measured; 0 inodes: it was not
  labels    JSON object
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from argosy.errors import DataLoss, FailedPrecondition, InvalidArgument
from argosy.labels import check_labels, masked, stored
from argosy.plugin.snapshots import rules
from argosy.plugin.snapshots.rules import Info, Kind, Usage
from argosy.store.database import Database
from argosy.store.schema import Migration

T = TypeVar("T")

MIGRATIONS: Final = (
    Migration(
        1,
        "snapshots and their parents",
        (
            """CREATE TABLE snapshots (
                id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, parent INTEGER REFERENCES snapshots(id),
                kind INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
                size INTEGER NOT NULL DEFAULT 0, inodes INTEGER NOT NULL DEFAULT 0, labels TEXT NOT NULL DEFAULT '{}')""",
            "CREATE INDEX snapshots_parent ON snapshots(parent)",
        ),
    ),
)
_PAGE: Final = 100
_COLUMNS: Final = "s.id, s.key, p.key, s.kind, s.created, s.updated, s.size, s.inodes, s.labels"
_FROM: Final = "FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent"
_CHAIN: Final = """WITH RECURSIVE chain(id, parent, depth) AS (
    SELECT id, parent, 0 FROM snapshots WHERE id = ?
    UNION ALL SELECT s.id, s.parent, depth + 1 FROM snapshots s JOIN chain c ON s.id = c.parent)
    SELECT id FROM chain ORDER BY depth"""


@dataclass(frozen=True, slots=True)
class Record:
    """One snapshot with its directory. ``parents`` are directory ids, nearest first."""

    id: int
    info: Info
    parents: tuple[int, ...]
    usage: Usage
    """Of a committed one, once it was measured."""


def _nothing(record: Record) -> None:
    return None


class Index:
    """The table. Reads answer at once; changes are awaited."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @classmethod
    async def open(cls, path: Path) -> Index:
        """Open or make the index at path. Raises FailedPrecondition when it is damaged."""
        return cls(await Database.open(path, MIGRATIONS))

    async def close(self) -> None:
        await self._db.close()

    # -- reads --

    def get(self, key: str) -> Record:
        """Return the record of a key or a name. Raises NotFound."""
        return self._get(self._db.reader, key)

    def has(self, key: str) -> bool:
        """Return whether there is a snapshot of that key or name."""
        return self._db.read_one("SELECT 1 FROM snapshots WHERE key = ?", (key,)) is not None

    def walk(self) -> Iterator[list[Info]]:
        """Yield every snapshot in the order of its key, some at a time.

        Between two lists others may change what is there: what is removed meanwhile may be left out, what is committed or
        updated meanwhile is there once, as it was or as it is.
        """
        ids = [r[0] for r in self._db.read("SELECT id FROM snapshots ORDER BY key")]
        for start in range(0, len(ids), _PAGE):
            part = ids[start : start + _PAGE]
            marks = ",".join("?" * len(part))
            rows = {r[0]: r for r in self._db.read(f"SELECT {_COLUMNS} {_FROM} WHERE s.id IN ({marks})", part)}
            yield [_info(rows[id]) for id in part if id in rows]

    def last_id(self) -> int:
        """Return the highest id that was ever recorded, 0 for none."""
        row = self._db.read_one("SELECT seq FROM sqlite_sequence WHERE name = 'snapshots'")
        return 0 if row is None else row[0]

    def ids(self, kind: Kind | None = None) -> set[int]:
        """Return the directory ids in use, of one kind or all."""
        if kind is None:
            return {r[0] for r in self._db.read("SELECT id FROM snapshots")}
        return {r[0] for r in self._db.read("SELECT id FROM snapshots WHERE kind = ?", (int(kind),))}

    def parents_of(self, parent: str) -> tuple[int, ...]:
        """Return the chain that a new child of parent gets. Raises NotFound, InvalidArgument."""
        return self._parents(self._db.reader, parent) if parent else ()

    # -- changes --

    async def create(
        self, id: int, key: str, kind: Kind, parent: str, parents: Sequence[int], labels: Mapping[str, str]
    ) -> Record:
        """Add an active or view snapshot, whose bytes are there already and were made for these parents.

        Raises AlreadyExists, NotFound and InvalidArgument for the parent, InvalidArgument for labels, FailedPrecondition when the parent
        is another one by now.
        """
        check_labels(labels)
        rules.check_key(key, "snapshot key")

        def change(db: sqlite3.Connection) -> Record:
            if db.execute("SELECT 1 FROM snapshots WHERE key = ?", (key,)).fetchone():
                raise rules.taken(key)
            found = self._parents(db, parent) if parent else ()
            if found != tuple(parents):
                raise FailedPrecondition(f'parent "{parent}" changed while snapshot "{key}" was made; try again')
            now = time.time_ns()
            db.execute(
                "INSERT INTO snapshots(id, key, parent, kind, created, updated, labels) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (id, key, found[0] if found else None, int(kind), now, now, json.dumps(stored(labels))),
            )
            return Record(id, Info(key, parent, kind, now, now, stored(labels)), found, Usage())

        return await self._db.write(change)

    async def commit(self, name: str, key: str, labels: Mapping[str, str], parent: str = "") -> Record:
        """Turn an active snapshot into a committed one called name; labels are those given here, nothing else.

        With parent (a rebase), an active snapshot without a parent gets one. Raises AlreadyExists, NotFound,
        FailedPrecondition, InvalidArgument.
        """
        check_labels(labels)
        rules.check_key(name, "committed snapshot name")

        def change(db: sqlite3.Connection) -> Record:
            if db.execute("SELECT 1 FROM snapshots WHERE key = ?", (name,)).fetchone():
                raise rules.taken(name)
            record = self._get(db, key)
            if record.info.kind is not Kind.ACTIVE:
                raise rules.not_active(key)
            now = time.time_ns()
            if parent and parent != record.info.parent:
                if record.info.parent:
                    raise InvalidArgument(
                        f'snapshot "{key}" has parent "{record.info.parent}"; only one without a parent can be rebased on "{parent}"'
                    )
                found = db.execute("SELECT id, kind FROM snapshots WHERE key = ?", (parent,)).fetchone()
                if found is None:
                    raise rules.missing_parent(parent)
                if found[1] != Kind.COMMITTED:
                    raise FailedPrecondition(f'parent "{parent}" is not committed snapshot')
                db.execute("UPDATE snapshots SET parent = ? WHERE id = ?", (found[0], record.id))
            db.execute(
                "UPDATE snapshots SET key = ?, kind = ?, created = ?, updated = ?, labels = ? WHERE id = ?",
                (name, int(Kind.COMMITTED), now, now, json.dumps(stored(labels)), record.id),
            )
            return self._get(db, name)

        return await self._db.write(change)

    async def measured(self, id: int, usage: Usage) -> None:
        """Keep what a committed snapshot uses; of one that was removed meanwhile, nothing."""

        def change(db: sqlite3.Connection) -> None:
            db.execute("UPDATE snapshots SET size = ?, inodes = ? WHERE id = ?", (usage.size, usage.inodes, id))

        await self._db.write(change)

    async def remove(self, key: str, take: Callable[[Record], None] = _nothing) -> Record:
        """Remove a snapshot without children; take is called before the row is gone for good, perhaps twice.

        Raises NotFound, FailedPrecondition, and what take raises; the row stays then.
        """

        def change(db: sqlite3.Connection) -> Record:
            record = self._get(db, key)
            if db.execute("SELECT 1 FROM snapshots WHERE parent = ? LIMIT 1", (record.id,)).fetchone():
                raise rules.has_children()
            db.execute("DELETE FROM snapshots WHERE id = ?", (record.id,))
            take(record)
            return record

        return await self._db.write(change)

    async def update(self, name: str, labels: Mapping[str, str], paths: Sequence[str]) -> Info:
        """Change labels by a field mask. Raises NotFound, InvalidArgument."""
        check_labels(labels)
        if not name:
            raise InvalidArgument("snapshot name must not be empty")

        def change(db: sqlite3.Connection) -> Info:
            record = self._get(db, name)
            result = masked(record.info.labels, labels, paths, f'snapshot "{name}"')
            db.execute(
                "UPDATE snapshots SET labels = ?, updated = ? WHERE id = ?", (json.dumps(result), time.time_ns(), record.id)
            )
            return self._get(db, name).info

        return await self._db.write(change)

    # -- inside either --

    @staticmethod
    def _get(db: sqlite3.Connection, key: str) -> Record:
        row = db.execute(f"SELECT {_COLUMNS} {_FROM} WHERE s.key = ?", (key,)).fetchone()
        if row is None:
            raise rules.missing(key)
        chain = tuple(r[0] for r in db.execute(_CHAIN, (row[0],)))
        return Record(row[0], _info(row), chain[1:], Usage(row[6], row[7]))

    @staticmethod
    def _parents(db: sqlite3.Connection, parent: str) -> tuple[int, ...]:
        row = db.execute("SELECT id, kind FROM snapshots WHERE key = ?", (parent,)).fetchone()
        if row is None:
            raise rules.missing_parent(parent)
        if row[1] != Kind.COMMITTED:
            raise rules.parent_not_committed(parent)
        return tuple(r[0] for r in db.execute(_CHAIN, (row[0],)))


def _info(row: Any) -> Info:
    try:
        labels: dict[str, str] = json.loads(row[8])
        return Info(row[1], row[2] or "", Kind(row[3]), row[4], row[5], labels)
    except (TypeError, ValueError) as error:
        raise DataLoss(f'the record of snapshot "{row[1]}" is damaged ({error}); restore index.db from a copy') from error
