"""Intents: which changes were asked of plugins and have no outcome on disk yet.

An intent is written in the transaction that changes the rows it is about, before the plugin is asked. Its body is what a
restart needs to ask the plugin how it ended, and to take the rows back.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Intent:
    """One row. body holds JSON values."""

    id: int
    operation: str
    ns: str
    body: Mapping[str, Any]


def add(db: sqlite3.Connection, type: str, plugin: str, operation: str, ns: str, body: Mapping[str, Any]) -> Intent:
    """Write an intent, in the transaction that changes its rows."""
    id = db.execute(
        "INSERT INTO intents(type, plugin, operation, ns, body) VALUES (?, ?, ?, ?, ?)",
        (type, plugin, operation, ns, json.dumps(body)),
    ).lastrowid
    assert id is not None  # it was an INSERT
    return Intent(id, operation, ns, body)


def changed(db: sqlite3.Connection, intent: Intent, **fields: Any) -> Intent:
    """Write an intent anew with other values, in the transaction that changes its rows; returns it."""
    body = {**intent.body, **fields}
    db.execute("UPDATE intents SET body = ? WHERE id = ?", (json.dumps(body), intent.id))
    return Intent(intent.id, intent.operation, intent.ns, body)


def drop(db: sqlite3.Connection, id: int) -> None:
    """Forget an intent: its rows say how it ended."""
    db.execute("DELETE FROM intents WHERE id = ?", (id,))


def of_plugin(db: sqlite3.Connection, type: str, plugin: str) -> list[Intent]:
    """Return the intents of a plugin, oldest first."""
    rows = db.execute(
        "SELECT id, operation, ns, body FROM intents WHERE type = ? AND plugin = ? ORDER BY id", (type, plugin)
    )
    return [Intent(i, operation, ns, json.loads(body)) for i, operation, ns, body in rows]


def bodies(db: sqlite3.Connection) -> list[tuple[str, str, str, Mapping[str, Any]]]:
    """Return (type, plugin, ns, body) of every intent."""
    return [(t, p, ns, json.loads(body)) for t, p, ns, body in db.execute("SELECT type, plugin, ns, body FROM intents")]
