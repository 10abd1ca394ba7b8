"""Rows of blobs: the ones that a namespace may see. Bytes are shared between namespaces, names are not.

Each function here is a part of one transaction: what it looks at is what it changes.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Final

from argosy.errors import NotFound
from argosy.filters import EVERYTHING, Filter
from argosy.labels import SHAREABLE, masked, stored
from argosy.plugin.content import Info

from argosy_gateway.metadata import leases, namespaces

_COLUMNS: Final = "digest, size, created, updated, labels"


def _of(row: Sequence[object]) -> Info:
    return Info(str(row[0]), int(str(row[1])), int(str(row[2])), int(str(row[3])), json.loads(str(row[4])))


def find(db: sqlite3.Connection, ns: str, digest: str) -> Info | None:
    """Return a namespace's blob, or None."""
    row = db.execute(f"SELECT {_COLUMNS} FROM content WHERE ns = ? AND digest = ?", (ns, digest)).fetchone()
    return None if row is None else _of(row)


def size_of(db: sqlite3.Connection, ns: str, digest: str) -> int | None:
    """Return the size of a blob that a namespace has, or None."""
    row = db.execute("SELECT size FROM content WHERE ns = ? AND digest = ?", (ns, digest)).fetchone()
    return None if row is None else row[0]


def listed(db: sqlite3.Connection, ns: str, filter: Filter = EVERYTHING) -> list[Info]:
    """Return the blobs of a namespace, by digest."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM content WHERE ns = ? ORDER BY digest", (ns,))
    return [info for info in map(_of, rows) if filter.matches(info.lookup)]


def holders(db: sqlite3.Connection, digest: str) -> list[tuple[int, bool]]:
    """Return (size, whether its namespace shares) for every namespace that has a blob."""
    rows = db.execute(
        "SELECT c.size, n.labels FROM content c JOIN namespaces n ON n.name = c.ns WHERE c.digest = ?", (digest,)
    )
    return [(size, json.loads(labels).get(SHAREABLE) == "true") for size, labels in rows]


def update(db: sqlite3.Connection, ns: str, digest: str, wanted: Mapping[str, str], paths: Sequence[str]) -> Info:
    """Change labels. Raises NotFound, InvalidArgument."""
    old = find(db, ns, digest)
    if old is None:
        raise NotFound(f"content digest {digest}")
    labels = masked(old.labels, wanted, paths, f'content "{digest}"')
    now = time.time_ns()
    db.execute(
        "UPDATE content SET labels = ?, updated = ? WHERE ns = ? AND digest = ?", (json.dumps(labels), now, ns, digest)
    )
    return Info(digest, old.size, old.created_ns, now, labels)


def delete(db: sqlite3.Connection, ns: str, lease: str | None, digest: str) -> None:
    """Forget a blob; its bytes go with the next collection. Raises NotFound."""
    if db.execute("DELETE FROM content WHERE ns = ? AND digest = ?", (ns, digest)).rowcount == 0:
        raise NotFound(f"content digest {digest}")
    leases.part(db, ns, lease, leases.CONTENT, digest)


def insert(db: sqlite3.Connection, ns: str, digest: str, size: int, labels: Mapping[str, str]) -> None:
    """Write the row of a blob that the namespace does not have."""
    namespaces.touch(db, ns)
    now = time.time_ns()
    db.execute("INSERT INTO content VALUES (?, ?, ?, ?, ?, ?)", (ns, digest, size, json.dumps(stored(labels)), now, now))


def add_labels(db: sqlite3.Connection, ns: str, old: Info, labels: Mapping[str, str]) -> None:
    """Give a blob labels beside those that it has."""
    both = json.dumps(stored({**old.labels, **labels}))
    db.execute(
        "UPDATE content SET labels = ?, updated = ? WHERE ns = ? AND digest = ?", (both, time.time_ns(), ns, old.digest)
    )


# -- what the plugin may hold --


def digests(db: sqlite3.Connection) -> set[str]:
    """Return the digest of every blob that a row needs: those of namespaces, and those that virtual ingests stand for."""
    named = {r[0] for r in db.execute("SELECT DISTINCT digest FROM content")}
    return named | {r[0] for r in db.execute("SELECT expected FROM ingests WHERE expected != ''")}


def is_needed(db: sqlite3.Connection, digest: str) -> bool:
    """Return whether a row needs a blob, as ``digests`` has it."""
    sql = "SELECT 1 FROM content WHERE digest = ? UNION ALL SELECT 1 FROM ingests WHERE expected = ? LIMIT 1"
    return db.execute(sql, (digest, digest)).fetchone() is not None
