"""Snapshots: the owner's keys in front of a plugin's, one flat name space per (namespace, snapshotter).

A snapshotter is a name that clients give. A snapshot under it is in the plugin of that name, or in another one that the snapshotter
falls back on: the row says which, and why. Only a layer of an image may be in several, and the parent of a snapshot is always in
the same plugin. Where calls are intercepted, both are the name of the instance that they go to (``intercepts``). A plugin sees
``<namespace>/<number>/<key>``; it never gets a number twice. Each function here is a part of one
transaction: what it looks at is what it changes.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Final, NamedTuple

from argosy.errors import AlreadyExists, InvalidArgument
from argosy.labels import FALLBACK_PLUGIN, FALLBACK_REASON, masked, stored
from argosy.plugin.snapshots import rules
from argosy.plugin.snapshots.rules import Info

from argosy_gateway.metadata import intents, leases, namespaces, sequences
from argosy_gateway.metadata.intents import Intent
from argosy_gateway.metadata.intercepts import plugin_of

TYPE = "snapshot"
_COLUMNS = "key, backend, parent, labels, created, updated, plugin, reason"
_LAYER: Final = re.compile(r"[a-z0-9]+:[0-9a-f]{32,}")
# Labels that say what the row says.
_SAID: Final = (FALLBACK_PLUGIN, FALLBACK_REASON)


class Place(NamedTuple):
    """A snapshotter's name, and the plugin in which some of its snapshots are."""

    snapshotter: str
    plugin: str

    @property
    def called(self) -> str:
        """What clients call the snapshotter, at whichever of its instances."""
        return plugin_of(self.snapshotter)

    @property
    def resource(self) -> str:
        """What a lease calls its snapshots."""
        return leases.SNAPSHOTS + self.called


def is_layer(key: str) -> bool:
    """Return whether a name is an image's layer, by its chain id: that can be made again from content, in any plugin."""
    return _LAYER.fullmatch(key) is not None


@dataclass(frozen=True, slots=True)
class Row:
    """One snapshot's metadata."""

    key: str
    backend: str
    parent: str
    labels: dict[str, str]
    created_ns: int
    updated_ns: int
    plugin: str = ""
    """Where it is."""
    reason: str = ""
    """Why it is not in the plugin of its snapshotter's name."""


class Wanted(NamedTuple):
    """A snapshot that is to be made."""

    key: str
    parent: str
    labels: Mapping[str, str]
    target: str
    """The committed snapshot that it is to become, if that was said; it is enough."""
    kind: int
    reason: str = ""
    """Why it is made in another plugin than that of its snapshotter's name."""
    away: frozenset[str] = frozenset()
    """Plugins that can't be reached: a layer that only they have may be made once more."""


class Commit(NamedTuple):
    """A commit that is to be made: of an active key to a name, perhaps onto a parent."""

    key: str
    name: str
    labels: Mapping[str, str]
    parent: str
    away: frozenset[str] = frozenset()


Busy = Callable[[str], bool]
"""Whether a change of a key is under way: then its row is not what others may build on."""


def _of(row: Sequence[Any]) -> Row:
    return Row(row[0], row[1], row[2], json.loads(row[3]), row[4], row[5], row[6], row[7])


def _part(db: sqlite3.Connection, ns: str, lease: str | None, place: Place, key: str) -> None:
    """Take a snapshot that is gone from a lease, unless another instance has one of that key."""
    if not lease:
        return
    other = db.execute(
        "SELECT 1 FROM intercepts i JOIN snapshots s ON s.ns = ? AND s.key = ? AND s.snapshotter IN (i.instance, i.plugin) "
        "WHERE i.plugin = ? AND s.snapshotter != ? LIMIT 1",
        (ns, key, place.called, place.snapshotter),
    ).fetchone()
    if other is None:
        leases.part(db, ns, lease, place.resource, key)


def find(db: sqlite3.Connection, ns: str, place: Place, key: str) -> Row | None:
    row = db.execute(
        f"SELECT {_COLUMNS} FROM snapshots WHERE ns = ? AND snapshotter = ? AND plugin = ? AND key = ?", (ns, *place, key)
    ).fetchone()
    return None if row is None else _of(row)


def everywhere(db: sqlite3.Connection, ns: str, snapshotter: str, key: str) -> list[Row]:
    """Return the rows of a snapshot: one for each plugin that has it, which are several for a layer only."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM snapshots WHERE ns = ? AND snapshotter = ? AND key = ?", (ns, snapshotter, key)
    )
    return [_of(row) for row in rows]


def elsewhere(db: sqlite3.Connection) -> list[Place]:
    """Return where snapshots are in another plugin than that of their snapshotter's name."""
    rows = db.execute("SELECT DISTINCT snapshotter, plugin FROM snapshots WHERE plugin != snapshotter ORDER BY 1, 2")
    return [Place(*row) for row in rows]


def listed(db: sqlite3.Connection, ns: str, place: Place) -> list[Row]:
    """Return the rows of a namespace, by key."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM snapshots WHERE ns = ? AND snapshotter = ? AND plugin = ? ORDER BY key", (ns, *place)
    )
    return [_of(row) for row in rows]


def backends(db: sqlite3.Connection, plugin: str) -> set[str]:
    """Return every name that the plugin's snapshots may have: of rows, and of what is being done to them."""
    named = {r[0] for r in db.execute("SELECT backend FROM snapshots WHERE plugin = ?", (plugin,))}
    for intent in intents.of_plugin(db, TYPE, plugin):
        named |= {intent.body[field] for field in ("backend", "new") if field in intent.body}
    return named


def snapshotter_of(plugin: str, intent: Intent) -> str:
    """Return under which name a plugin is asked for what an intent says."""
    name: str = intent.body.get("snapshotter", plugin)
    return name


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels as they are stored, without those that the row says by itself."""
    return {key: value for key, value in stored(labels).items() if key not in _SAID}


def _insert(db: sqlite3.Connection, ns: str, place: Place, row: Row) -> None:
    namespaces.touch(db, ns)
    db.execute(
        "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (ns, place.snapshotter, row.key, place.plugin, row.backend, row.parent, json.dumps(row.labels), row.created_ns,
         row.updated_ns, row.reason),
    )  # fmt: skip


def _delete(db: sqlite3.Connection, ns: str, place: Place, key: str) -> None:
    db.execute("DELETE FROM snapshots WHERE ns = ? AND snapshotter = ? AND plugin = ? AND key = ?", (ns, *place, key))


def _backend(db: sqlite3.Connection, ns: str, place: Place, key: str, skip: int = 0) -> str:
    # All instances of a plugin count together: one may get the other's data.
    return f"{ns}/{sequences.following(db, ns, f'snapshots/{plugin_of(place.plugin)}', skip)}/{key}"


def _rename(db: sqlite3.Connection, place: Place, intent: Intent, key: str, field: str, skip: int) -> Intent:
    new = _backend(db, intent.ns, place, intent.body[key], skip)
    db.execute(
        "UPDATE snapshots SET backend = ? WHERE ns = ? AND snapshotter = ? AND plugin = ? AND key = ? AND backend = ?",
        (new, intent.ns, *place, intent.body[key], intent.body[field]),
    )
    return intents.changed(db, intent, **{field: new})


def _parent(db: sqlite3.Connection, ns: str, place: Place, parent: str, busy: Busy) -> Row:
    """Return a parent, which must be in the same plugin. Raises NotFound."""
    row = find(db, ns, place, parent)
    if row is None or busy(parent):
        raise rules.missing_parent(parent)
    return row


def _is_there(db: sqlite3.Connection, ns: str, place: Place, key: str, away: Collection[str], lost: Collection[str]) -> bool:
    """Return whether a name is in use, in whichever plugin: not by what this one has lost, nor by a layer that only those have which are away."""
    for row in everywhere(db, ns, place.snapshotter, key):
        if row.plugin == place.plugin:
            if row.backend not in lost:
                return True
        elif row.plugin not in away or not is_layer(key):
            return True
    return False


def taken(
    db: sqlite3.Connection, ns: str, place: Place, lease: str | None, wanted: Wanted, lost: Collection[str] = ()
) -> AlreadyExists | None:
    """Return an error when the target or the key is there, and is none of those that the plugin has lost. The lease gets it: the caller goes on to use it."""
    for found, error in (
        (wanted.target, AlreadyExists(f'target snapshot "{wanted.target}"')),
        (wanted.key, rules.taken(wanted.key)),
    ):
        if found and _is_there(db, ns, place, found, wanted.away, lost):
            leases.join(db, ns, lease, place.resource, found)
            return error
    return None


def begin_create(
    db: sqlite3.Connection, ns: str, place: Place, lease: str | None, wanted: Wanted, busy: Busy,
    lost: Collection[str] = (),
) -> Intent | AlreadyExists:  # fmt: skip
    """Enter a snapshot that the plugin is asked for next; lost names in it what it does not have any more. Raises NotFound for the parent or the lease."""
    leases.check_header(db, ns, lease)
    if (there := taken(db, ns, place, lease, wanted, lost)) is not None:
        return there
    parent = _parent(db, ns, place, wanted.parent, busy) if wanted.parent else None
    backend = _backend(db, ns, place, wanted.key)
    now = time.time_ns()
    reason = wanted.reason if parent is None else parent.reason
    made = Row(wanted.key, backend, wanted.parent, _labels(wanted.labels), now, now, place.plugin, reason)
    _insert(db, ns, place, made)
    leases.join(db, ns, lease, place.resource, wanted.key)
    body = {
        "key": wanted.key, "backend": backend, "parent": "" if parent is None else parent.backend, "lease": lease or "",
        "snapshotter": place.snapshotter,
    }  # fmt: skip
    return intents.add(db, TYPE, place.plugin, "create", ns, body)


def undo_create(db: sqlite3.Connection, place: Place, intent: Intent) -> None:
    body, ns = intent.body, intent.ns
    row = find(db, ns, place, body["key"])
    if row is not None and row.backend == body["backend"]:
        _delete(db, ns, place, body["key"])
        _part(db, ns, body["lease"], place, body["key"])


def rename_created(db: sqlite3.Connection, place: Place, intent: Intent, skip: int) -> Intent:
    """Give a snapshot that is being made another name in the plugin, skip numbers further on; returns the intent as it is then."""
    return _rename(db, place, intent, "key", "backend", skip)


def rename_committed(db: sqlite3.Connection, place: Place, intent: Intent, skip: int) -> Intent:
    """The same for one that is being committed."""
    return _rename(db, place, intent, "name", "new", skip)


def begin_commit(
    db: sqlite3.Connection, ns: str, place: Place, lease: str | None, wanted: Commit, busy: Busy,
    lost: Collection[str] = (),
) -> Intent:  # fmt: skip
    """Replace the active snapshot, and a lost one of the name, by the committed one; the plugin is asked next.

    Raises AlreadyExists, NotFound for the key, the parent or the lease, InvalidArgument for a parent that it can't have.
    """
    leases.check_header(db, ns, lease)
    instead = find(db, ns, place, wanted.name)
    if _is_there(db, ns, place, wanted.name, wanted.away, lost):
        raise rules.taken(wanted.name)
    row = find(db, ns, place, wanted.key)
    if row is None:
        raise rules.missing(wanted.key)
    parent = ""
    if wanted.parent and wanted.parent != row.parent:
        if row.parent:
            raise InvalidArgument(
                f'snapshot "{wanted.key}" has parent "{row.parent}" and cannot be rebased on "{wanted.parent}"'
            )
        parent = _parent(db, ns, place, wanted.parent, busy).backend
    new = _backend(db, ns, place, wanted.name)
    resource = place.resource
    _delete(db, ns, place, wanted.key)
    _delete(db, ns, place, wanted.name)
    now = time.time_ns()
    onto, labels = wanted.parent or row.parent, _labels(wanted.labels)
    _insert(db, ns, place, Row(wanted.name, new, onto, labels, now, now, place.plugin, row.reason))
    had = bool(lease) and leases.holds(db, ns, lease, resource, wanted.name)
    leases.join(db, ns, lease, resource, wanted.name)
    leased = bool(lease) and leases.holds(db, ns, lease, resource, wanted.key)
    _part(db, ns, lease, place, wanted.key)
    body = {
        "key": row.key, "backend": row.backend, "name": wanted.name, "new": new, "parent": parent,
        "lease": lease or "", "leased": leased,
        "was": {
            "parent": row.parent, "labels": row.labels, "created": row.created_ns, "updated": row.updated_ns,
            "reason": row.reason,
        },
        "labels": dict(wanted.labels),
        "instead": None if instead is None else astuple(instead), "had": had,
        "snapshotter": place.snapshotter,
    }  # fmt: skip
    return intents.add(db, TYPE, place.plugin, "commit", ns, body)


def before_commit(intent: Intent) -> Row:
    """Return the row of the active snapshot as it was before its commit."""
    body, was = intent.body, intent.body["was"]
    return Row(
        body["key"], body["backend"], was["parent"], was["labels"], was["created"], was["updated"], "", was.get("reason", "")
    )


def undo_commit(db: sqlite3.Connection, place: Place, intent: Intent) -> None:
    body, ns = intent.body, intent.ns
    row = find(db, ns, place, body["name"])
    if row is None or row.backend != body["new"]:
        return  # it was removed meanwhile
    resource = place.resource
    _delete(db, ns, place, body["name"])
    if not body.get("had"):
        _part(db, ns, body["lease"], place, body["name"])
    if body.get("instead"):
        _insert(db, ns, place, Row(*body["instead"]))
    _insert(db, ns, place, before_commit(intent))
    if body["leased"] and leases.exists(db, ns, body["lease"]):
        leases.join(db, ns, body["lease"], resource, body["key"])


def adopt(
    db: sqlite3.Connection, ns: str, place: Place, lease: str | None, wanted: Wanted, found: Info,
    lost: Collection[str] = (),
) -> None:  # fmt: skip
    """Enter a committed snapshot that the plugin had under its own name, in place of a lost one as well. Raises NotFound for the lease."""
    target = wanted.target
    row = find(db, ns, place, target)
    if row is None or row.backend in lost:
        _delete(db, ns, place, target)
        parent = find(db, ns, place, wanted.parent) if wanted.parent else None
        made = Row(
            target, found.name, wanted.parent, _labels(found.labels), found.created_ns, found.updated_ns, place.plugin,
            wanted.reason if parent is None else parent.reason,
        )  # fmt: skip
        _insert(db, ns, place, made)
    leases.join(db, ns, lease, place.resource, target)


def remove(db: sqlite3.Connection, ns: str, snapshotter: str, lease: str | None, key: str) -> None:
    """Forget a snapshot, in each plugin that has it; its bytes go with the next collection. Raises NotFound, FailedPrecondition for one with children."""
    if not everywhere(db, ns, snapshotter, key):
        raise rules.missing(key)
    child = db.execute(
        "SELECT 1 FROM snapshots WHERE ns = ? AND snapshotter = ? AND parent = ? LIMIT 1", (ns, snapshotter, key)
    ).fetchone()
    if child:
        raise rules.has_children()
    db.execute("DELETE FROM snapshots WHERE ns = ? AND snapshotter = ? AND key = ?", (ns, snapshotter, key))
    _part(db, ns, lease, Place(snapshotter, snapshotter), key)


def update(db: sqlite3.Connection, ns: str, place: Place, info: Info, paths: Sequence[str]) -> Row:
    """Change labels. Raises NotFound, InvalidArgument."""
    row = find(db, ns, place, info.name)
    if row is None:
        raise rules.missing(info.name)
    labels = _labels(masked(row.labels, info.labels, paths, f'snapshot "{info.name}"'))
    now = time.time_ns()
    db.execute(
        "UPDATE snapshots SET labels = ?, updated = ? WHERE ns = ? AND snapshotter = ? AND plugin = ? AND key = ?",
        (json.dumps(labels), now, ns, *place, info.name),
    )
    return replace(row, labels=labels, updated_ns=now)
