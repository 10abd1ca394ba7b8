"""Snapshots: the owner's keys in front of a snapshotter's, one flat name space per (namespace, snapshotter).

A snapshotter sees ``<namespace>/<number>/<key>``; a number is never given out twice. Each function here is a part of one
transaction: what it looks at is what it changes.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple

from argosy.errors import AlreadyExists, InvalidArgument
from argosy.labels import masked, stored
from argosy.plugin.snapshots import rules
from argosy.plugin.snapshots.rules import Info

from argosy_gateway.metadata import intents, leases, namespaces, sequences
from argosy_gateway.metadata.intents import Intent

TYPE = "snapshot"
_COLUMNS = "key, backend, parent, labels, created, updated"


@dataclass(frozen=True, slots=True)
class Row:
    """One snapshot's metadata."""

    key: str
    backend: str
    parent: str
    labels: dict[str, str]
    created_ns: int
    updated_ns: int


class Wanted(NamedTuple):
    """A snapshot that is to be made."""

    key: str
    parent: str
    labels: Mapping[str, str]
    target: str
    """The committed snapshot that it is to become, if that was said; it is enough."""
    kind: int


class Commit(NamedTuple):
    """A commit that is to be made: of an active key to a name, perhaps onto a parent."""

    key: str
    name: str
    labels: Mapping[str, str]
    parent: str


Busy = Callable[[str], bool]
"""Whether a change of a key is under way: then its row is not what others may build on."""


def _of(row: Sequence[Any]) -> Row:
    return Row(row[0], row[1], row[2], json.loads(row[3]), row[4], row[5])


def find(db: sqlite3.Connection, ns: str, snapshotter: str, key: str) -> Row | None:
    row = db.execute(
        f"SELECT {_COLUMNS} FROM snapshots WHERE ns = ? AND snapshotter = ? AND key = ?", (ns, snapshotter, key)
    ).fetchone()
    return None if row is None else _of(row)


def listed(db: sqlite3.Connection, ns: str, snapshotter: str) -> list[Row]:
    """Return the rows of a namespace, by key."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM snapshots WHERE ns = ? AND snapshotter = ? ORDER BY key", (ns, snapshotter))
    return [_of(row) for row in rows]


def backends(db: sqlite3.Connection, snapshotter: str) -> set[str]:
    """Return every name that the plugin's snapshots may have: of rows, and of what is being done to them."""
    named = {r[0] for r in db.execute("SELECT backend FROM snapshots WHERE snapshotter = ?", (snapshotter,))}
    for intent in intents.of_plugin(db, TYPE, snapshotter):
        named |= {intent.body[field] for field in ("backend", "new") if field in intent.body}
    return named


def _insert(db: sqlite3.Connection, ns: str, snapshotter: str, row: Row) -> None:
    namespaces.touch(db, ns)
    db.execute(
        "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (ns, snapshotter, row.key, row.backend, row.parent, json.dumps(row.labels), row.created_ns, row.updated_ns),
    )


def _delete(db: sqlite3.Connection, ns: str, snapshotter: str, key: str) -> None:
    db.execute("DELETE FROM snapshots WHERE ns = ? AND snapshotter = ? AND key = ?", (ns, snapshotter, key))


def _backend(db: sqlite3.Connection, ns: str, snapshotter: str, key: str, skip: int = 0) -> str:
    return f"{ns}/{sequences.following(db, ns, f'snapshots/{snapshotter}', skip)}/{key}"


def _rename(db: sqlite3.Connection, snapshotter: str, intent: Intent, key: str, field: str, skip: int) -> Intent:
    new = _backend(db, intent.ns, snapshotter, intent.body[key], skip)
    db.execute(
        "UPDATE snapshots SET backend = ? WHERE ns = ? AND snapshotter = ? AND key = ? AND backend = ?",
        (new, intent.ns, snapshotter, intent.body[key], intent.body[field]),
    )
    return intents.changed(db, intent, **{field: new})


def _parent(db: sqlite3.Connection, ns: str, snapshotter: str, parent: str, busy: Busy) -> str:
    """Return a parent's name in the plugin. Raises NotFound."""
    row = find(db, ns, snapshotter, parent)
    if row is None or busy(parent):
        raise rules.missing_parent(parent)
    return row.backend


def taken(
    db: sqlite3.Connection, ns: str, snapshotter: str, lease: str | None, wanted: Wanted, lost: Collection[str] = ()
) -> AlreadyExists | None:
    """Return an error when the target or the key is there, and is none of those that the plugin has lost. The lease gets it: the caller goes on to use it."""
    for found, error in (
        (wanted.target, AlreadyExists(f'target snapshot "{wanted.target}"')),
        (wanted.key, rules.taken(wanted.key)),
    ):
        row = find(db, ns, snapshotter, found) if found else None
        if row is not None and row.backend not in lost:
            leases.join(db, ns, lease, leases.SNAPSHOTS + snapshotter, found)
            return error
    return None


def begin_create(
    db: sqlite3.Connection, ns: str, snapshotter: str, lease: str | None, wanted: Wanted, busy: Busy,
    lost: Collection[str] = (),
) -> Intent | AlreadyExists:  # fmt: skip
    """Enter a snapshot that the plugin is asked for next; lost names in it what it does not have any more. Raises NotFound for the parent or the lease."""
    leases.check_header(db, ns, lease)
    if (there := taken(db, ns, snapshotter, lease, wanted, lost)) is not None:
        return there
    parent = _parent(db, ns, snapshotter, wanted.parent, busy) if wanted.parent else ""
    backend = _backend(db, ns, snapshotter, wanted.key)
    now = time.time_ns()
    _insert(db, ns, snapshotter, Row(wanted.key, backend, wanted.parent, stored(wanted.labels), now, now))
    leases.join(db, ns, lease, leases.SNAPSHOTS + snapshotter, wanted.key)
    body = {"key": wanted.key, "backend": backend, "parent": parent, "lease": lease or ""}
    return intents.add(db, TYPE, snapshotter, "create", ns, body)


def undo_create(db: sqlite3.Connection, snapshotter: str, intent: Intent) -> None:
    body, ns = intent.body, intent.ns
    row = find(db, ns, snapshotter, body["key"])
    if row is not None and row.backend == body["backend"]:
        _delete(db, ns, snapshotter, body["key"])
        leases.part(db, ns, body["lease"], leases.SNAPSHOTS + snapshotter, body["key"])


def rename_created(db: sqlite3.Connection, snapshotter: str, intent: Intent, skip: int) -> Intent:
    """Give a snapshot that is being made another name in the plugin, skip numbers further on; returns the intent as it is then."""
    return _rename(db, snapshotter, intent, "key", "backend", skip)


def rename_committed(db: sqlite3.Connection, snapshotter: str, intent: Intent, skip: int) -> Intent:
    """The same for one that is being committed."""
    return _rename(db, snapshotter, intent, "name", "new", skip)


def begin_commit(
    db: sqlite3.Connection, ns: str, snapshotter: str, lease: str | None, wanted: Commit, busy: Busy,
    lost: Collection[str] = (),
) -> Intent:  # fmt: skip
    """Replace the active snapshot, and a lost one of the name, by the committed one; the plugin is asked next.

    Raises AlreadyExists, NotFound for the key, the parent or the lease, InvalidArgument for a parent that it can't have.
    """
    leases.check_header(db, ns, lease)
    instead = find(db, ns, snapshotter, wanted.name)
    if instead is not None and instead.backend not in lost:
        raise rules.taken(wanted.name)
    row = find(db, ns, snapshotter, wanted.key)
    if row is None:
        raise rules.missing(wanted.key)
    parent = ""
    if wanted.parent and wanted.parent != row.parent:
        if row.parent:
            raise InvalidArgument(
                f'snapshot "{wanted.key}" has parent "{row.parent}" and cannot be rebased on "{wanted.parent}"'
            )
        parent = _parent(db, ns, snapshotter, wanted.parent, busy)
    new = _backend(db, ns, snapshotter, wanted.name)
    resource = leases.SNAPSHOTS + snapshotter
    _delete(db, ns, snapshotter, wanted.key)
    _delete(db, ns, snapshotter, wanted.name)
    now = time.time_ns()
    _insert(db, ns, snapshotter, Row(wanted.name, new, wanted.parent or row.parent, stored(wanted.labels), now, now))
    had = instead is not None and bool(lease) and leases.holds(db, ns, lease, resource, wanted.name)
    leases.join(db, ns, lease, resource, wanted.name)
    leased = bool(lease) and leases.holds(db, ns, lease, resource, wanted.key)
    leases.part(db, ns, lease, resource, wanted.key)
    body = {
        "key": row.key, "backend": row.backend, "name": wanted.name, "new": new, "parent": parent,
        "lease": lease or "", "leased": leased,
        "was": {"parent": row.parent, "labels": row.labels, "created": row.created_ns, "updated": row.updated_ns},
        "labels": dict(wanted.labels),
        "instead": None if instead is None else astuple(instead), "had": had,
    }  # fmt: skip
    return intents.add(db, TYPE, snapshotter, "commit", ns, body)


def undo_commit(db: sqlite3.Connection, snapshotter: str, intent: Intent) -> None:
    body, ns = intent.body, intent.ns
    row = find(db, ns, snapshotter, body["name"])
    if row is None or row.backend != body["new"]:
        return  # it was removed meanwhile
    resource = leases.SNAPSHOTS + snapshotter
    _delete(db, ns, snapshotter, body["name"])
    if not body.get("had"):
        leases.part(db, ns, body["lease"], resource, body["name"])
    if body.get("instead"):
        _insert(db, ns, snapshotter, Row(*body["instead"]))
    was = body["was"]
    _insert(
        db, ns, snapshotter, Row(body["key"], body["backend"], was["parent"], was["labels"], was["created"], was["updated"])
    )
    if body["leased"] and leases.exists(db, ns, body["lease"]):
        leases.join(db, ns, body["lease"], resource, body["key"])


def adopt(
    db: sqlite3.Connection, ns: str, snapshotter: str, lease: str | None, wanted: Wanted, found: Info,
    lost: Collection[str] = (),
) -> None:  # fmt: skip
    """Enter a committed snapshot that the plugin had under its own name, in place of a lost one as well. Raises NotFound for the lease."""
    target = wanted.target
    row = find(db, ns, snapshotter, target)
    if row is None or row.backend in lost:
        _delete(db, ns, snapshotter, target)
        _insert(
            db, ns, snapshotter, Row(target, found.name, wanted.parent, found.labels, found.created_ns, found.updated_ns)
        )
    leases.join(db, ns, lease, leases.SNAPSHOTS + snapshotter, target)


def remove(db: sqlite3.Connection, ns: str, snapshotter: str, lease: str | None, key: str) -> None:
    """Forget a snapshot; its bytes go with the next collection. Raises NotFound, FailedPrecondition for one with children."""
    if find(db, ns, snapshotter, key) is None:
        raise rules.missing(key)
    child = db.execute(
        "SELECT 1 FROM snapshots WHERE ns = ? AND snapshotter = ? AND parent = ? LIMIT 1", (ns, snapshotter, key)
    ).fetchone()
    if child:
        raise rules.has_children()
    _delete(db, ns, snapshotter, key)
    leases.part(db, ns, lease, leases.SNAPSHOTS + snapshotter, key)


def update(db: sqlite3.Connection, ns: str, snapshotter: str, info: Info, paths: Sequence[str]) -> Row:
    """Change labels. Raises NotFound, InvalidArgument."""
    row = find(db, ns, snapshotter, info.name)
    if row is None:
        raise rules.missing(info.name)
    labels = masked(row.labels, info.labels, paths, f'snapshot "{info.name}"')
    now = time.time_ns()
    db.execute(
        "UPDATE snapshots SET labels = ?, updated = ? WHERE ns = ? AND snapshotter = ? AND key = ?",
        (json.dumps(labels), now, ns, snapshotter, info.name),
    )
    return Row(row.key, row.backend, row.parent, labels, row.created_ns, now)
