"""Namespaces: made by the first thing inside them, deletable when nothing that counts is left."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from argosy.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from argosy.labels import check_labels, masked, stored
from argosy.names import check_identifier

_RESERVED = "version"
# As ``spaces`` says, which knows of leases, and so of namespaces.
_SPACES = "(SELECT ?1 UNION ALL SELECT ns || '@' || plugin FROM intercepts WHERE ns = ?1 AND type = 'content')"


def touch(db: sqlite3.Connection, ns: str) -> None:
    """Make ns if it is not there."""
    db.execute("INSERT OR IGNORE INTO namespaces(name) VALUES (?)", (ns,))


def labels(db: sqlite3.Connection, ns: str) -> dict[str, str]:
    """Return ns's labels; a namespace that does not exist has none, as in containerd."""
    row = db.execute("SELECT labels FROM namespaces WHERE name = ?", (ns,)).fetchone()
    found: dict[str, str] = json.loads(row[0]) if row else {}
    return found


def rows(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return names with their labels as JSON text, by name."""
    return db.execute("SELECT name, labels FROM namespaces ORDER BY name").fetchall()


def listed(db: sqlite3.Connection) -> list[tuple[str, dict[str, str]]]:
    return [(name, json.loads(text)) for name, text in rows(db)]


def create(db: sqlite3.Connection, ns: str, wanted: Mapping[str, str]) -> None:
    """Make a namespace. Raises InvalidArgument, AlreadyExists."""
    check_identifier(ns)
    if ns == _RESERVED:
        raise InvalidArgument(f'namespace "{ns}" is reserved; use another name')
    check_labels(wanted)
    if db.execute("SELECT 1 FROM namespaces WHERE name = ?", (ns,)).fetchone():
        raise AlreadyExists(f'namespace "{ns}"')
    db.execute("INSERT INTO namespaces(name, labels) VALUES (?, ?)", (ns, json.dumps(stored(wanted))))


def update(db: sqlite3.Connection, ns: str, wanted: Mapping[str, str], paths: Sequence[str]) -> dict[str, str]:
    """Change labels; a namespace that does not exist is made. Raises InvalidArgument."""
    check_identifier(ns)
    check_labels(wanted)
    result = masked(labels(db, ns), wanted, paths, f'namespace "{ns}"', whole=False)
    touch(db, ns)
    db.execute("UPDATE namespaces SET labels = ? WHERE name = ?", (json.dumps(result), ns))
    return result


def delete(db: sqlite3.Connection, ns: str) -> None:
    """Delete ns with its leases, ingests and mounts. Raises NotFound; FailedPrecondition when it is not empty."""
    if not db.execute("SELECT 1 FROM namespaces WHERE name = ?", (ns,)).fetchone():
        raise NotFound(f'namespace "{ns}"')
    left = [
        name
        for name, table in (("images", "images"), ("blobs", "content"), ("containers", "containers"))
        if db.execute(f"SELECT 1 FROM {table} WHERE ns IN {_SPACES} LIMIT 1", (ns,)).fetchone()
    ]
    rows = db.execute("SELECT DISTINCT snapshotter FROM snapshots WHERE ns = ? ORDER BY 1", (ns,))
    left += [f'snapshots on "{s}" snapshotter' for (s,) in rows]
    if left:
        raise FailedPrecondition(f'namespace "{ns}" must be empty, but it still has {", ".join(left)}')
    # Sequences stay: a number is never given out twice, and a plugin may still hold what had one.
    for table in ("leases", "lease_resources", "ingests", "sandboxes", "mounts"):
        db.execute(f"DELETE FROM {table} WHERE ns IN {_SPACES}", (ns,))
    db.execute("DELETE FROM namespaces WHERE name = ?", (ns,))
