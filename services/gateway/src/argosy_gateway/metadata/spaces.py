"""Spaces: whose rows of blobs and ingests. A namespace has one, and one more for each instance that its calls to a content store go to.

A space stands where a namespace's name stands in these rows: ``NAMESPACE``, or ``NAMESPACE@PLUGIN`` (``intercepts``). Labels, leases and what
else refers to a blob name the namespace, and mean the blob in each of its spaces.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from argosy_gateway.metadata import leases

MARK: Final = "@"
OF_NAMESPACE: Final = "(SELECT ?1 UNION ALL SELECT ns || '@' || plugin FROM intercepts WHERE ns = ?1 AND type = 'content')"
"""In a statement whose first value is a namespace: its spaces."""


def namespace_of(space: str) -> str:
    """Return the namespace that a space is one of."""
    return space.partition(MARK)[0]


def part(db: sqlite3.Connection, space: str, lease: str | None, kind: str, id: str) -> None:
    """Take a blob or an ingest that is gone from a lease, unless it is in another space of its namespace."""
    if not lease:
        return
    ns = namespace_of(space)
    table, column = ("content", "digest") if kind == leases.CONTENT else ("ingests", "ref")
    query = f"SELECT 1 FROM {table} WHERE ns IN {OF_NAMESPACE} AND {column} = ?2 AND ns != ?3 LIMIT 1"
    if db.execute(query, (ns, id, space)).fetchone() is None:
        leases.part(db, ns, lease, kind, id)
