"""Intercepts: which calls go to an instance of a plugin of somebody's own, and the rows of what was made there.

An instance has a name, ``PLUGIN@NAMESPACE`` and what else tells it from others. It stands where the snapshotter's name stands in the rows
of what it holds, so that no row of one instance is ever found by who asks another; the rows of a content store's have a space of their own
(``spaces``). What refers to a snapshot or a blob (a container, a label, a lease) says the plugin's name, or none, and means it at
each instance: collection keeps them all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from argosy.errors import AlreadyExists, FailedPrecondition, NotFound
from argosy.labels import IMAGE_REFERENCES
from argosy.timestamps import now_ns
from argosy_protos.containerd.services.containers.v1 import Container

from argosy_gateway.metadata.spaces import MARK

# So many containers are named in a sentence.
_NAMED: Final = 3


def plugin_of(instance: str) -> str:
    """Return the name of the plugin that an instance is one of; a plugin's own name is its own."""
    return instance.partition(MARK)[0]


class Selector(NamedTuple):
    """The calls of a namespace to a plugin: all, or those with a lease, or about images whose reference matches a pattern, or both."""

    plugin: str
    ns: str
    lease: str = ""
    reference: str = ""

    @property
    def instance(self) -> str:
        """The name of the instance that they go to."""
        words = [self.ns]
        words += [f"lease={self.lease}"] if self.lease else []
        words += [f"reference={self.reference}"] if self.reference else []
        return f"{self.plugin}{MARK}{','.join(words)}"

    @property
    def space(self) -> str:
        """Whose blobs are in it, of a content store: the namespace's, there."""
        return f"{self.ns}{MARK}{self.plugin}"

    @property
    def words(self) -> list[str]:
        """What a command line says of it."""
        words = [self.plugin, "--namespace", self.ns]
        words += ["--lease", self.lease] if self.lease else []
        return [*words, *(["--reference", self.reference] if self.reference else [])]

    @property
    def is_narrow(self) -> bool:
        """Whether it takes a part of its namespace's calls."""
        return bool(self.lease or self.reference)

    def takes(self, lease: str | None, labels: Mapping[str, str]) -> bool:
        """Return whether a call of its namespace with a lease and labels is one of them."""
        if self.lease and self.lease != lease:
            return False
        if not self.reference:
            return True
        return any(fnmatchcase(labels[key], self.reference) for key in IMAGE_REFERENCES if key in labels)


class Row(NamedTuple):
    """One intercept. table is that of its instance."""

    selector: Selector
    type: str
    table: Mapping[str, Any]


def listed(db: sqlite3.Connection) -> list[Row]:
    """Return the intercepts, in the order in which they came."""
    rows = db.execute("SELECT plugin, ns, lease, reference, type, body FROM intercepts ORDER BY added, instance")
    return [Row(Selector(plugin, ns, lease, ref), type, json.loads(body)) for plugin, ns, lease, ref, type, body in rows]


def add(db: sqlite3.Connection, selector: Selector, type: str, table: Mapping[str, Any]) -> None:
    """Enter an intercept; the same one may be there already. Raises AlreadyExists for one that goes elsewhere."""
    body = json.dumps(table, sort_keys=True)
    row = db.execute("SELECT body FROM intercepts WHERE instance = ?", (selector.instance,)).fetchone()
    if row is None:
        values = (selector.instance, *selector, type, body, now_ns())
        db.execute("INSERT INTO intercepts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
    elif row[0] != body:
        raise AlreadyExists(f'intercept "{selector.instance}"')


def remove(db: sqlite3.Connection, selector: Selector, force: bool) -> None:
    """Forget an intercept, and every row of what is at its instance. force: also while containers need some of it.

    Raises NotFound, FailedPrecondition.
    """
    instance = selector.instance
    if not force:
        check_unused(db, selector)
    if not db.execute("DELETE FROM intercepts WHERE instance = ?", (instance,)).rowcount:
        raise NotFound(f'intercept "{instance}"')
    db.execute("DELETE FROM snapshots WHERE ns = ? AND snapshotter = ?", (selector.ns, instance))
    for table in ("content", "ingests"):
        db.execute(f"DELETE FROM {table} WHERE ns = ?", (selector.space,))
    db.execute("DELETE FROM intents WHERE plugin = ?", (instance,))


def check_unused(db: sqlite3.Connection, selector: Selector) -> None:
    """Raise FailedPrecondition when containers have snapshots at an instance."""
    containers = db.execute("SELECT id, message FROM containers WHERE ns = ? ORDER BY id", (selector.ns,))
    keys = {key for (key,) in db.execute("SELECT key FROM snapshots WHERE snapshotter = ?", (selector.instance,))}
    found = [
        id
        for id, it in ((id, Container.decode(message)) for id, message in containers)
        if it.snapshotter == selector.plugin and it.snapshot_key in keys
    ]
    if found:
        named = ", ".join(f'"{id}"' for id in found[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise FailedPrecondition(
            f'intercept "{selector.instance}" is in use: container {named}{more} in namespace "{selector.ns}" has its snapshot '
            "there; remove these first, or force it: they keep what they have mounted, and can't be started again"
        )


def counted(db: sqlite3.Connection, selector: Selector) -> int:
    """Return how many snapshots, or blobs, there are at an instance."""
    query = "SELECT (SELECT count(*) FROM snapshots WHERE snapshotter = ?) + (SELECT count(*) FROM content WHERE ns = ?)"
    count: int = db.execute(query, (selector.instance, selector.space)).fetchone()[0]
    return count
