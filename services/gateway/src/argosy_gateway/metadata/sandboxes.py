"""Sandboxes: their records; who runs them is a controller's business."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from argosy.errors import AlreadyExists, InvalidArgument, NotFound
from argosy.filters import Filter, labels_lookup
from argosy.labels import check_labels, merge, stored
from argosy.names import check_identifier
from argosy.timestamps import now_ns, to_wire
from argosy_protos.containerd.types import Sandbox

from argosy_gateway.metadata import namespaces

_FIELDS: Final = {field: field for field in ("labels", "extensions", "spec", "runtime")}


def get(db: sqlite3.Connection, ns: str, id: str) -> Sandbox:
    """Return a sandbox. Raises NotFound."""
    row = db.execute("SELECT message FROM sandboxes WHERE ns = ? AND id = ?", (ns, id)).fetchone()
    if row is None:
        raise NotFound(f'sandbox "{id}"')
    return Sandbox.decode(row[0])


def listed(db: sqlite3.Connection, ns: str, filter: Filter) -> list[Sandbox]:
    rows = db.execute("SELECT message FROM sandboxes WHERE ns = ? ORDER BY id", (ns,))
    found = [Sandbox.decode(m) for (m,) in rows]

    def matches(sandbox: Sandbox) -> bool:
        def look(path: Sequence[str]) -> str | None:
            if path[0] == "labels":
                return labels_lookup(sandbox.labels, path[1:])
            return sandbox.sandbox_id or None if list(path) == ["id"] else None

        return filter.matches(look)

    return [s for s in found if matches(s)]


def _put(db: sqlite3.Connection, ns: str, sandbox: Sandbox) -> None:
    db.execute("INSERT OR REPLACE INTO sandboxes VALUES (?, ?, ?)", (ns, sandbox.sandbox_id, sandbox.encode()))


def _check(sandbox: Sandbox) -> None:
    check_identifier(sandbox.sandbox_id)
    check_labels(sandbox.labels)
    if sandbox.runtime is None or not sandbox.runtime.name:
        raise InvalidArgument(f'sandbox "{sandbox.sandbox_id}": runtime.name must be set')


def create(db: sqlite3.Connection, ns: str, sandbox: Sandbox) -> Sandbox:
    """Write a new sandbox. Raises InvalidArgument, AlreadyExists."""
    _check(sandbox)
    if db.execute("SELECT 1 FROM sandboxes WHERE ns = ? AND id = ?", (ns, sandbox.sandbox_id)).fetchone():
        raise AlreadyExists(f'sandbox "{sandbox.sandbox_id}"')
    namespaces.touch(db, ns)
    sandbox.created_at = sandbox.updated_at = to_wire(now_ns())
    sandbox.labels = stored(sandbox.labels)
    _put(db, ns, sandbox)
    return sandbox


def update(db: sqlite3.Connection, ns: str, sandbox: Sandbox, fields: Sequence[str]) -> Sandbox:
    """Change the fields named, all of them without fields; returns the sandbox as it is then. Raises InvalidArgument, NotFound."""
    old = get(db, ns, sandbox.sandbox_id)
    if not fields:
        if sandbox.runtime and old.runtime and sandbox.runtime.name != old.runtime.name:
            raise InvalidArgument("sandbox.Runtime.Name field is immutable")
        fields = tuple(_FIELDS)
    merge(old, sandbox, fields, _FIELDS, f'sandbox "{sandbox.sandbox_id}"')
    old.labels = stored(old.labels)
    _check(old)
    old.updated_at = to_wire(now_ns())
    _put(db, ns, old)
    return old


def delete(db: sqlite3.Connection, ns: str, id: str) -> None:
    """Delete a sandbox's record. Raises NotFound."""
    if db.execute("DELETE FROM sandboxes WHERE ns = ? AND id = ?", (ns, id)).rowcount == 0:
        raise NotFound(f'sandbox "{id}"')
