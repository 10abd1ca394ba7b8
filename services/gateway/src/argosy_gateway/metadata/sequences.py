"""Numbers for the names that plugins see: one sequence a namespace and kind, and no number twice."""

from __future__ import annotations

import sqlite3


def following(db: sqlite3.Connection, ns: str, what: str, skip: int = 0) -> int:
    """Return the next number, or one that many further on, in the transaction that uses it."""
    row = db.execute(
        "INSERT INTO sequences VALUES (?1, ?2, ?3) ON CONFLICT (ns, what) DO UPDATE SET last = last + ?3 RETURNING last",
        (ns, what, 1 + skip),
    ).fetchone()
    number: int = row[0]
    return number
