"""Asking each kind what it holds and removing what is not reached, in one transaction: stop-the-world by SQLite's own lock."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence

from argosy_gateway.gc.graph import Said, reached
from argosy_gateway.gc.kinds import KINDS, Kind, Row, words

# What a sweep removed: the rows of each kind.
Swept = Mapping[str, Sequence[Row]]


def ask(db: sqlite3.Connection, now_ns: int, kinds: tuple[Kind, ...] = KINDS) -> dict[str, Said]:
    """Return what each kind says, as one consistent view. now_ns is nanoseconds since the epoch."""
    meanings = words(kinds)
    world: dict[str, Said] = {}
    for kind in kinds:
        held = kind.read(db, meanings)
        world[kind.name] = Said(held, kind.roots(held, now_ns), kind.why)
    return world


def sweep(db: sqlite3.Connection, now_ns: int | None = None, kinds: tuple[Kind, ...] = KINDS) -> Swept:
    """Mark and remove; a kind without a statement to delete is never removed."""
    world = ask(db, time.time_ns() if now_ns is None else now_ns, kinds)
    alive = reached(world)
    gone: dict[str, list[Row]] = {}
    for kind in kinds:
        if not kind.delete:
            continue
        rows = gone[kind.name] = kind.rows(key for key in world[kind.name].held if key not in alive)
        for statement in kind.delete:
            db.executemany(statement, rows)
    return gone
