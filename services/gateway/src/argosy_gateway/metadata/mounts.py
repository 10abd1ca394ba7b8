"""Mounts that are kept for clients: their names in front of the plugin's, and what keeps them from collection.

What is mounted, and where, the plugin knows, under the name ``<namespace>/<number>/<name>``, which it never gets twice. Each function here
is a part of one transaction.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from argosy.errors import AlreadyExists, NotFound
from argosy.filters import labels_lookup
from argosy.labels import stored

from argosy_gateway.metadata import intents, leases, namespaces, sequences
from argosy_gateway.metadata.intents import Intent

TYPE = "mounts"


class Row(NamedTuple):
    """One activation's metadata."""

    name: str
    backend: str
    labels: dict[str, str]

    def lookup(self, path: Sequence[str]) -> str | None:
        """The fields that filters see."""
        if path[0] == "labels":
            return labels_lookup(self.labels, path[1:])
        return self.name if list(path) == ["name"] else None


def _of(row: Sequence[Any]) -> Row:
    return Row(row[0], row[1], json.loads(row[2]))


def find(db: sqlite3.Connection, ns: str, name: str) -> Row | None:
    row = db.execute("SELECT name, backend, labels FROM mounts WHERE ns = ? AND name = ?", (ns, name)).fetchone()
    return None if row is None else _of(row)


def listed(db: sqlite3.Connection, ns: str) -> list[Row]:
    """Return the rows of a namespace, by name."""
    return [_of(row) for row in db.execute("SELECT name, backend, labels FROM mounts WHERE ns = ? ORDER BY name", (ns,))]


def backends(db: sqlite3.Connection) -> set[str]:
    """Return the plugin's names of all rows."""
    return {row[0] for row in db.execute("SELECT backend FROM mounts")}


def being_made(db: sqlite3.Connection, plugin: str) -> set[str]:
    """Return the plugin's names of what it is being asked for."""
    return {intent.body["backend"] for intent in intents.of_plugin(db, TYPE, plugin)}


def begin(
    db: sqlite3.Connection,
    ns: str,
    plugin: str,
    lease: str | None,
    name: str,
    labels: Mapping[str, str],
    lost: Collection[str],
) -> Intent | AlreadyExists:
    """Enter an activation that the plugin is asked for next; lost are those that it does not have any more. Raises NotFound for the lease."""
    leases.check_header(db, ns, lease)
    there = find(db, ns, name)
    if there is not None:
        if there.backend not in lost:
            return AlreadyExists(f'mount "{name}"')
        remove(db, ns, name)
    backend = f"{ns}/{sequences.following(db, ns, TYPE)}/{name}"
    namespaces.touch(db, ns)
    db.execute("INSERT INTO mounts VALUES (?, ?, ?, ?, ?)", (ns, name, backend, json.dumps(stored(labels)), time.time_ns()))
    leases.join(db, ns, lease, leases.MOUNTS, name)
    return intents.add(db, TYPE, plugin, "create", ns, {"name": name, "backend": backend, "lease": lease or ""})


def undo(db: sqlite3.Connection, intent: Intent) -> None:
    """Take an activation's rows back, unless they are another's by now."""
    row = find(db, intent.ns, intent.body["name"])
    if row is not None and row.backend == intent.body["backend"]:
        remove(db, intent.ns, row.name)


def remove(db: sqlite3.Connection, ns: str, name: str) -> Row:
    """Forget an activation, in each lease, too; return what it was. Raises NotFound in containerd's words."""
    row = find(db, ns, name)
    if row is None:
        raise NotFound(f'missing mount "{name}" bucket')
    db.execute("DELETE FROM mounts WHERE ns = ? AND name = ?", (ns, name))
    db.execute("DELETE FROM lease_resources WHERE ns = ? AND type = ? AND id = ?", (ns, leases.MOUNTS, name))
    return row


def forget(db: sqlite3.Connection, plugin: str, lost: Collection[str]) -> int:
    """Forget the activations that the plugin does not have any more, but for those that are being made; return how many they were."""
    doomed = set(lost) - being_made(db, plugin)
    rows = db.execute("SELECT ns, name, backend FROM mounts").fetchall()
    gone = [(ns, name) for ns, name, backend in rows if backend in doomed]
    for ns, name in gone:
        remove(db, ns, name)
    return len(gone)
