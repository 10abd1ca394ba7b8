"""Rows of leases, which hold things against collection until they expire or are deleted."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from argosy.digest import Digest
from argosy.errors import AlreadyExists, InvalidArgument, NotFound, Unimplemented
from argosy.filters import Filter, labels_lookup
from argosy.labels import stored

from argosy_gateway.metadata import namespaces

CONTENT = "content"
INGESTS = "ingests"
IMAGES = "images"
SNAPSHOTS = "snapshots/"
MOUNTS = "mounts"
"""Held by the lease of whoever made them; no client adds, removes or lists them, as in containerd."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One lease; created in nanoseconds since the epoch."""

    id: str
    created_ns: int
    labels: dict[str, str]

    def lookup(self, path: Sequence[str]) -> str | None:
        """The fields that filters see."""
        if path[0] == "labels":
            return labels_lookup(self.labels, path[1:])
        return self.id or None if list(path) == ["id"] else None


def fresh_id() -> str:
    """Return an id as containerd makes them: nanoseconds within the second, a dash, four random characters."""
    return f"{time.time_ns() % 1_000_000_000}-{base64.urlsafe_b64encode(os.urandom(3)).decode()}"


def create(db: sqlite3.Connection, ns: str, id: str, labels: Mapping[str, str]) -> Lease:
    """Make a lease. Raises AlreadyExists."""
    id = id or fresh_id()
    if exists(db, ns, id):
        raise AlreadyExists(f'lease "{id}"')
    namespaces.touch(db, ns)
    lease = Lease(id, time.time_ns(), stored(labels))
    db.execute("INSERT INTO leases VALUES (?, ?, ?, ?)", (ns, id, json.dumps(lease.labels), lease.created_ns))
    return lease


def delete(db: sqlite3.Connection, ns: str, id: str) -> None:
    """Delete a lease; what only it held goes with the next collection. Raises NotFound."""
    if db.execute("DELETE FROM leases WHERE ns = ? AND id = ?", (ns, id)).rowcount == 0:
        raise NotFound(f'lease "{id}"')
    db.execute("DELETE FROM lease_resources WHERE ns = ? AND lease = ?", (ns, id))


def listed(db: sqlite3.Connection, ns: str, filter: Filter) -> list[Lease]:
    rows = db.execute("SELECT id, created, labels FROM leases WHERE ns = ? ORDER BY id", (ns,))
    leases = [Lease(i, c, json.loads(text)) for i, c, text in rows]
    return [lease for lease in leases if filter.matches(lease.lookup)]


def check_resource(kind: str, id: str) -> None:
    """Raise InvalidArgument for a malformed resource, Unimplemented for a type that no lease holds."""
    if kind == CONTENT:
        Digest.parse(id)
    elif kind.startswith(SNAPSHOTS):
        if not kind[len(SNAPSHOTS) :] or "/" in kind[len(SNAPSHOTS) :]:
            raise InvalidArgument(f'invalid snapshot resource type "{kind}"; use snapshots/<snapshotter>')
    elif kind == "snapshots":
        raise InvalidArgument('invalid snapshot resource type "snapshots"; use snapshots/<snapshotter>')
    elif kind not in (INGESTS, IMAGES):
        raise Unimplemented(f"resource type {kind} not supported yet")


def add_resource(db: sqlite3.Connection, ns: str, lease: str, kind: str, id: str) -> None:
    """Have a lease hold something, which need not exist. Raises NotFound for the lease."""
    check_resource(kind, id)
    if not exists(db, ns, lease):
        raise NotFound(f'lease "{lease}"')
    join(db, ns, lease, kind, id)


def delete_resource(db: sqlite3.Connection, ns: str, lease: str, kind: str, id: str) -> None:
    """Take something out of a lease, whether it is in it or not. Raises NotFound for the lease."""
    check_resource(kind, id)
    if not exists(db, ns, lease):
        raise NotFound(f'lease "{lease}"')
    part(db, ns, lease, kind, id)


def resources(db: sqlite3.Connection, ns: str, lease: str) -> list[tuple[str, str]]:
    """Return (type, id) pairs: content, images, ingests, snapshots, each sorted. Raises NotFound."""
    if not exists(db, ns, lease):
        raise NotFound(f'lease "{lease}"')
    rows = db.execute(
        "SELECT type, id FROM lease_resources WHERE ns = ? AND lease = ? AND type != ? ORDER BY type, id",
        (ns, lease, MOUNTS),
    )
    return list(rows)


def check_header(db: sqlite3.Connection, ns: str, lease: str | None) -> None:
    """Raise NotFound when a call names a lease that is not there."""
    if lease and not exists(db, ns, lease):
        raise NotFound("lease does not exist")


def join(db: sqlite3.Connection, ns: str, lease: str | None, kind: str, id: str) -> None:
    """Put a resource under the lease a call named. Raises NotFound when that lease is gone."""
    if not lease:
        return
    check_header(db, ns, lease)
    db.execute("INSERT OR IGNORE INTO lease_resources VALUES (?, ?, ?, ?)", (ns, lease, kind, id))


def part(db: sqlite3.Connection, ns: str, lease: str | None, kind: str, id: str) -> None:
    """Take a resource from the lease a call named."""
    if lease:
        db.execute("DELETE FROM lease_resources WHERE ns = ? AND lease = ? AND type = ? AND id = ?", (ns, lease, kind, id))


def holds(db: sqlite3.Connection, ns: str, lease: str | None, kind: str, id: str) -> bool:
    """Return whether a lease holds a resource."""
    row = db.execute(
        "SELECT 1 FROM lease_resources WHERE ns = ? AND lease = ? AND type = ? AND id = ?", (ns, lease, kind, id)
    ).fetchone()
    return row is not None


def exists(db: sqlite3.Connection, ns: str, lease: str) -> bool:
    return db.execute("SELECT 1 FROM leases WHERE ns = ? AND id = ?", (ns, lease)).fetchone() is not None
