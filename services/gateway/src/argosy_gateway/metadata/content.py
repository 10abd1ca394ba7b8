"""Rows of blobs: the ones that a namespace may see. Bytes are shared between namespaces, names are not.

Each function here is a part of one transaction: what it looks at is what it changes. ns is a space of a namespace (``spaces``).
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Final

from argosy.errors import NotFound
from argosy.filters import EVERYTHING, Filter
from argosy.labels import DISTRIBUTION_SOURCE, GC_REF_CONTENT, SHAREABLE, masked, stored
from argosy.plugin.content import Info

from argosy_gateway.metadata import leases, namespaces, spaces
from argosy_gateway.metadata.spaces import namespace_of

_COLUMNS: Final = "digest, size, created, updated, labels"
# So many of the latest are looked through.
_DOCUMENTS: Final = 4096


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


def documents(db: sqlite3.Connection, ns: str, most_bytes: int) -> list[Info]:
    """Return the blobs that may be an image's documents, by size and labels: what was fetched, or refers to something. Those that came last are first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM content WHERE ns = ? AND size <= ? AND (instr(labels, ?) > 0 OR instr(labels, ?) > 0) "
        "ORDER BY created DESC LIMIT ?",
        (ns, most_bytes, GC_REF_CONTENT, DISTRIBUTION_SOURCE, _DOCUMENTS),
    )
    return [_of(row) for row in rows]


def holders(db: sqlite3.Connection, digest: str, space: str = "") -> list[tuple[int, bool]]:
    """Return (size, whether its namespace shares) for every namespace that has a blob; of an instance with its space, for that alone."""
    if space:
        return [
            (size, False) for (size,) in db.execute("SELECT size FROM content WHERE ns = ? AND digest = ?", (space, digest))
        ]
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
    spaces.part(db, ns, lease, leases.CONTENT, digest)


def insert(db: sqlite3.Connection, ns: str, digest: str, size: int, labels: Mapping[str, str]) -> None:
    """Write the row of a blob that the namespace does not have."""
    namespaces.touch(db, namespace_of(ns))
    now = time.time_ns()
    db.execute("INSERT INTO content VALUES (?, ?, ?, ?, ?, ?)", (ns, digest, size, json.dumps(stored(labels)), now, now))


def add_labels(db: sqlite3.Connection, ns: str, old: Info, labels: Mapping[str, str]) -> None:
    """Give a blob labels beside those that it has."""
    both = json.dumps(stored({**old.labels, **labels}))
    db.execute(
        "UPDATE content SET labels = ?, updated = ? WHERE ns = ? AND digest = ?", (both, time.time_ns(), ns, old.digest)
    )


# -- what the plugin may hold --


def _of_store(space: str) -> tuple[str, tuple[str, ...]]:
    """Return the condition for the rows of a store: of an instance with its space, or of the plugin itself."""
    return ("ns = ?", (space,)) if space else ("instr(ns, '@') = 0", ())


def digests(db: sqlite3.Connection, space: str = "") -> set[str]:
    """Return the digest of every blob that a row of a store needs: those of namespaces, and those that virtual ingests stand for."""
    where, values = _of_store(space)
    named = {r[0] for r in db.execute(f"SELECT DISTINCT digest FROM content WHERE {where}", values)}
    return named | {r[0] for r in db.execute(f"SELECT expected FROM ingests WHERE expected != '' AND {where}", values)}


def is_needed(db: sqlite3.Connection, digest: str, space: str = "") -> bool:
    """Return whether a row of a store needs a blob, as ``digests`` has it."""
    where, values = _of_store(space)
    sql = f"SELECT 1 FROM content WHERE digest = ? AND {where} UNION ALL SELECT 1 FROM ingests WHERE expected = ? AND {where} LIMIT 1"
    return db.execute(sql, (digest, *values, digest, *values)).fetchone() is not None
