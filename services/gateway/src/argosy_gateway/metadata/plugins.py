"""Plugins that were registered while the gateway ran, which plugins are drained, and what a plugin is needed for.

A plugin of the configuration has a row only while it is drained, and its table is '' there.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from argosy.errors import AlreadyExists, FailedPrecondition, NotFound
from argosy.timestamps import now_ns
from argosy_protos.containerd.services.containers.v1 import Container
from argosy_protos.containerd.types import Sandbox

from argosy_gateway.metadata import intents

# In meta, before a plugin's name: the table of the process that is to take its root over, for as long as it is not known who has it.
_HAND_OVER: Final = "hand-over/"
# So many of each are named in a sentence.
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One plugin. table is empty for one of the configuration."""

    name: str
    type: str
    table: Mapping[str, Any]
    drained: bool


def listed(db: sqlite3.Connection) -> list[Row]:
    """Return the plugins that have a row, in the order in which they came."""
    rows = db.execute("SELECT name, type, body, drained FROM plugins ORDER BY added, name")
    return [Row(name, type, json.loads(body) if body else {}, bool(drained)) for name, type, body, drained in rows]


def add(db: sqlite3.Connection, name: str, type: str, table: Mapping[str, Any]) -> None:
    """Register a plugin; the same one may be registered already. Raises AlreadyExists for another of that name."""
    body = json.dumps(table, sort_keys=True)
    row = db.execute("SELECT body FROM plugins WHERE name = ?", (name,)).fetchone()
    if row is None or not row[0]:  # of a configuration that does not name it any more
        db.execute(
            "INSERT OR REPLACE INTO plugins (name, type, body, drained, added) VALUES (?, ?, ?, 0, ?)",
            (name, type, body, now_ns()),
        )
    elif row[0] != body:
        raise AlreadyExists(f'plugin "{name}"')


def drain(db: sqlite3.Connection, name: str, type: str, drained: bool) -> None:
    """Note whether a plugin is drained, one of the configuration too."""
    if not db.execute("UPDATE plugins SET drained = ? WHERE name = ?", (drained, name)).rowcount and drained:
        db.execute("INSERT INTO plugins (name, type, body, drained, added) VALUES (?, ?, '', 1, ?)", (name, type, now_ns()))
    db.execute("DELETE FROM plugins WHERE name = ? AND body = '' AND NOT drained", (name,))


def begin_hand_over(db: sqlite3.Connection, name: str, table: Mapping[str, Any]) -> None:
    """Write down who is about to take a plugin's root over: a gateway that starts without an end of it gives the root back."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_HAND_OVER + name, json.dumps(table, sort_keys=True)))


def end_hand_over(db: sqlite3.Connection, name: str) -> None:
    """Write down that it is known who has a plugin's root."""
    db.execute("DELETE FROM meta WHERE key = ?", (_HAND_OVER + name,))


def hand_overs(db: sqlite3.Connection) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the names of the plugins whose roots may be with either of two processes, with the table of the new one."""
    rows = db.execute("SELECT key, value FROM meta WHERE key BETWEEN ? AND ?", (_HAND_OVER, _HAND_OVER + "\uffff"))
    return [(key.removeprefix(_HAND_OVER), json.loads(value)) for key, value in rows.fetchall()]


def swap(db: sqlite3.Connection, name: str, table: Mapping[str, Any], previous: Mapping[str, Any]) -> None:
    """Write down that a plugin has another table now, and who has its root, if that was in question. Raises NotFound."""
    end_hand_over(db, name)
    bodies = (json.dumps(table, sort_keys=True), json.dumps(previous, sort_keys=True), name)
    if not db.execute("UPDATE plugins SET body = ?, previous = ? WHERE name = ? AND body != ''", bodies).rowcount:
        raise NotFound(f'plugin "{name}"')


def previous(db: sqlite3.Connection, name: str) -> Mapping[str, Any]:
    """Return a plugin's table before it was swapped. Raises FailedPrecondition when it never was."""
    row = db.execute("SELECT previous FROM plugins WHERE name = ? AND previous != ''", (name,)).fetchone()
    if row is None:
        raise FailedPrecondition(f'plugin "{name}" was never swapped; there is nothing to go back to')
    found: Mapping[str, Any] = json.loads(row[0])
    return found


def _in(of: tuple[Collection[str], bool]) -> tuple[str, str]:
    """Return a condition on ns and its value: one of some namespaces, or none of them, and not what is at an instance (``spaces``)."""
    names, among = of
    where = f"ns {'IN' if among else 'NOT IN'} (SELECT value FROM json_each(?)) AND instr(ns, '@') = 0"
    return where, json.dumps(sorted(names))


def held(db: sqlite3.Connection, name: str, type: str, of: tuple[Collection[str], bool] = ((), False)) -> list[str]:
    """Return what a plugin must have, by its own names for it: some snapshots or blobs that have been there for the longest.

    of are namespaces, and whether it is these whose blobs are in a content plugin, or all but these.
    """
    if type == "snapshot":
        # What is about to be made, or made another, may be there or not.
        busy = json.dumps(
            [
                v
                for t, p, _, body in intents.bodies(db)
                if (t, p) == (type, name)
                for v in body.values()
                if isinstance(v, str)
            ]
        )
        query = (
            "SELECT backend FROM snapshots WHERE plugin = ? AND backend NOT IN (SELECT value FROM json_each(?)) "
            "ORDER BY updated LIMIT 3"
        )
        return [backend for (backend,) in db.execute(query, (name, busy))]
    if type == "content":
        where, value = _in(of)
        return [row[0] for row in db.execute(f"SELECT digest FROM content WHERE {where} ORDER BY updated LIMIT 3", (value,))]
    return []


def is_drained(db: sqlite3.Connection, name: str) -> bool:
    return db.execute("SELECT 1 FROM plugins WHERE name = ? AND drained", (name,)).fetchone() is not None


def remove(
    db: sqlite3.Connection, name: str, type: str, force: bool, of: tuple[Collection[str], bool] = ((), False)
) -> None:
    """Forget a plugin. force: also when something needs it. Raises FailedPrecondition."""
    if not force:
        check_unused(db, name, type, of)
    db.execute("DELETE FROM plugins WHERE name = ?", (name,))
    end_hand_over(db, name)


def check_unused(db: sqlite3.Connection, name: str, type: str, of: tuple[Collection[str], bool] = ((), False)) -> None:
    """Raise FailedPrecondition, which says what needs a plugin, when something does."""
    found = uses(db, name, type, of)
    if found:
        raise FailedPrecondition(
            f'{type} plugin "{name}" is in use: {"; ".join(found)}; remove these first, or force it: their records stay then, '
            "and so does what the plugin holds"
        )


def uses(db: sqlite3.Connection, name: str, type: str, of: tuple[Collection[str], bool] = ((), False)) -> list[str]:
    """Return what needs a plugin, a clause each; nothing when nothing does. of are namespaces, as ``held`` has them."""
    found: list[str] = []
    match type:
        case "snapshot":
            # One of a snapshotter that falls back on others has its snapshot in one of them.
            on = set(db.execute("SELECT ns, snapshotter, key FROM snapshots WHERE plugin = ?", (name,)))
            gone = set(db.execute("SELECT ns, snapshotter, key FROM snapshots WHERE plugin != ?", (name,))) - on
            runs = [
                f'container "{id}" in namespace "{ns}" has its snapshot "{it.snapshot_key}"'
                for ns, id, it in _containers(db)
                if (row := (ns, it.snapshotter, it.snapshot_key)) in on or (it.snapshotter == name and row not in gone)
            ]
            found += _some(runs, "containers")
            found += _counted(db, "snapshots", "SELECT ns, count(*) FROM snapshots WHERE plugin = ? GROUP BY ns", name)
        case "content":
            where, value = _in(of)
            found += _counted(db, "blobs", f"SELECT ns, count(*) FROM content WHERE {where} GROUP BY ns", value)
            found += _counted(db, "open ingests", f"SELECT ns, count(*) FROM ingests WHERE {where} GROUP BY ns", value)
        case "tasks":
            found += _some(
                [f'container "{id}" in namespace "{ns}" may have a task' for ns, id, _ in _containers(db)], "containers"
            )
        case "mounts":
            found += _counted(db, "activations of mounts", "SELECT ns, count(*) FROM mounts GROUP BY ns")
        case "sandbox":
            rows = db.execute("SELECT ns, id, message FROM sandboxes ORDER BY ns, id")
            found += _some(
                [f'sandbox "{id}" in namespace "{ns}"' for ns, id, m in rows if Sandbox.decode(m).sandboxer == name],
                "sandboxes",
            )
    rows = db.execute("SELECT instance FROM intercepts WHERE plugin = ? ORDER BY instance", (name,))
    found += _some([f'intercept "{instance}"' for (instance,) in rows], "intercepts")
    found += _counted(
        db, "changes under way", "SELECT ns, count(*) FROM intents WHERE type = ? AND plugin = ? GROUP BY ns", type, name
    )
    return found


def _containers(db: sqlite3.Connection) -> list[tuple[str, str, Container]]:
    rows = db.execute("SELECT ns, id, message FROM containers ORDER BY ns, id")
    return [(ns, id, Container.decode(message)) for ns, id, message in rows]


def _some(clauses: list[str], what: str) -> list[str]:
    more = len(clauses) - _NAMED
    return [*clauses[:_NAMED], *([f"{more} more {what}"] if more > 0 else [])]


def _counted(db: sqlite3.Connection, what: str, query: str, *values: str) -> list[str]:
    counts = db.execute(f"{query} ORDER BY ns", values).fetchall()
    return _some([f'{count} {what} in namespace "{ns}"' for ns, count in counts], "namespaces with some")
