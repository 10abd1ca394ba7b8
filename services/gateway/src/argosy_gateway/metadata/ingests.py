"""Rows of ingests: the blobs that a namespace is writing, by ref, and how one becomes a blob.

A virtual ingest stands for a blob whose bytes are in the plugin already; it is linked, without sending it, at its commit. Each
function here is a part of one transaction: what it looks at is what it changes. ns is a space of a namespace (``spaces``).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from typing import Final, NamedTuple

from argosy.errors import AlreadyExists, NotFound

from argosy_gateway.metadata import content, intents, leases, namespaces, sequences, spaces
from argosy_gateway.metadata.intents import Intent
from argosy_gateway.metadata.spaces import namespace_of

TYPE: Final = "content"
"""Of the plugin that intents about ingests are for."""
# An ingest outside any lease that nobody finishes is collected after this long, as in containerd.
INGEST_EXPIRY_NS: Final = 24 * 3600 * 1_000_000_000


class Ingest(NamedTuple):
    """An ingest's row: its name in the plugin, and the blob that it stands for when it is a virtual one."""

    ref: str
    backend: str
    expected: str
    fresh: bool = False
    """Whether the row was made by this call."""


def _name(db: sqlite3.Connection, ns: str, ref: str, skip: int = 0) -> str:
    at = namespace_of(ns)
    return f"{at}/{sequences.following(db, at, 'ingests', skip)}/{ref}"


def find(db: sqlite3.Connection, ns: str, ref: str) -> Ingest | None:
    """Return a namespace's ingest, or None."""
    row = db.execute("SELECT ref, backend, expected FROM ingests WHERE ns = ? AND ref = ?", (ns, ref)).fetchone()
    return None if row is None else Ingest(*row)


def listed(db: sqlite3.Connection, ns: str) -> list[Ingest]:
    """Return the ingests of a namespace, by ref."""
    return [Ingest(*r) for r in db.execute("SELECT ref, backend, expected FROM ingests WHERE ns = ? ORDER BY ref", (ns,))]


def begin(
    db: sqlite3.Connection, ns: str, lease: str | None, ref: str, expected: str, *, lost: bool = False
) -> Ingest | None:
    """Return the ingest of a ref, made when it is not there; None when the namespace has the blob, which is leased then.

    lost: the blob's bytes are gone, so that it is to be written again.
    Raises NotFound for the lease.
    """
    leases.check_header(db, namespace_of(ns), lease)
    if expected and not lost and content.size_of(db, ns, expected) is not None:
        leases.join(db, namespace_of(ns), lease, leases.CONTENT, expected)
        return None
    found = find(db, ns, ref)
    if found is None:
        namespaces.touch(db, namespace_of(ns))
        found = Ingest(ref, _name(db, ns, ref), "", fresh=True)
        _write(db, ns, found, lease)
    leases.join(db, namespace_of(ns), lease, leases.INGESTS, ref)
    return found


def _write(db: sqlite3.Connection, ns: str, found: Ingest, lease: str | None) -> None:
    expire = 0 if lease else time.time_ns() + INGEST_EXPIRY_NS
    namespaces.touch(db, namespace_of(ns))
    db.execute("INSERT INTO ingests VALUES (?, ?, ?, ?, ?)", (ns, found.ref, found.backend, found.expected, expire))


def rename(db: sqlite3.Connection, ns: str, found: Ingest, skip: int) -> Ingest:
    """Give an ingest another name in the plugin, skip numbers further on."""
    name = _name(db, ns, found.ref, skip)
    db.execute("UPDATE ingests SET backend = ? WHERE ns = ? AND backend = ?", (name, ns, found.backend))
    return found._replace(backend=name)


def stand_for(db: sqlite3.Connection, ns: str, ref: str, expected: str) -> None:
    """Say which blob a virtual ingest stands for; none makes it a real one."""
    db.execute("UPDATE ingests SET expected = ? WHERE ns = ? AND ref = ?", (expected, ns, ref))


def drop(db: sqlite3.Connection, ns: str, lease: str | None, ref: str, instead: str = "") -> Ingest | None:
    """Forget an ingest and return it; instead is the blob that it would have been, which is leased then."""
    found = find(db, ns, ref)
    db.execute("DELETE FROM ingests WHERE ns = ? AND ref = ?", (ns, ref))
    spaces.part(db, ns, lease, leases.INGESTS, ref)
    if instead:
        leases.join(db, namespace_of(ns), lease, leases.CONTENT, instead)
    return found


def lease(db: sqlite3.Connection, ns: str, lease: str | None, digest: str) -> bool:
    """Lease a blob; return whether the namespace has it. Raises NotFound for the lease."""
    if content.size_of(db, ns, digest) is None:
        return False
    leases.join(db, namespace_of(ns), lease, leases.CONTENT, digest)
    return True


def link(
    db: sqlite3.Connection, ns: str, lease: str | None, ref: str, digest: str, size: int, labels: Mapping[str, str]
) -> AlreadyExists | None:
    """Enter a blob in place of the virtual ingest that stands for it. Returns an error when the namespace had it; it is leased.

    Raises NotFound when the ingest is gone: nothing kept the bytes then.
    """
    found = find(db, ns, ref)
    if found is None or found.expected != digest:
        if content.size_of(db, ns, digest) is None:
            raise NotFound(f'ingest "{ref}" of {digest} has expired; write it again')
        # Nobody is locked out of an ingest that is at its end from the start: another who had it open was first.
        leases.join(db, namespace_of(ns), lease, leases.CONTENT, digest)
        return AlreadyExists(f"content {digest}")
    return _enter(db, ns, lease, ref, digest, size, labels)


def _enter(
    db: sqlite3.Connection, ns: str, lease: str | None, ref: str, digest: str, size: int, labels: Mapping[str, str]
) -> AlreadyExists | None:
    drop(db, ns, lease, ref, digest)
    if content.size_of(db, ns, digest) is not None:
        return AlreadyExists(f"content {digest}")
    content.insert(db, ns, digest, size, labels)
    return None


def begin_commit(
    db: sqlite3.Connection, ns: str, plugin: str, lease: str | None, found: Ingest, digest: str, size: int,
    labels: Mapping[str, str], *, lost: bool = False,
) -> Intent | AlreadyExists:  # fmt: skip
    """Replace an ingest by its blob; the plugin of that name is asked next. Returns an error when the namespace has the blob already:
    it is leased, and the ingest is gone. lost: the bytes of the one that it has are gone; its row stays, with the labels of both."""
    leased = bool(lease) and leases.holds(db, namespace_of(ns), lease, leases.INGESTS, found.ref)
    was = content.find(db, ns, digest) if lost else None
    if was is not None:
        drop(db, ns, lease, found.ref, digest)
        content.add_labels(db, ns, was, labels)
    elif (error := _enter(db, ns, lease, found.ref, digest, size, labels)) is not None:
        return error
    body = {
        "ref": found.ref, "backend": found.backend, "digest": digest, "size": size, "lease": lease or "", "leased": leased,
        "kept": was is not None,
    }  # fmt: skip
    return intents.add(db, TYPE, plugin, "ingest", ns, body)


def undo_commit(db: sqlite3.Connection, intent: Intent, *, anew: bool = False) -> None:
    """Replace the blob by its ingest again; anew: without what the plugin has of it, which is lost or held."""
    body, ns = intent.body, intent.ns
    if body.get("kept"):
        pass  # the row was there before, without bytes
    elif db.execute("DELETE FROM content WHERE ns = ? AND digest = ?", (ns, body["digest"])).rowcount == 0:
        return  # it was deleted meanwhile
    else:
        spaces.part(db, ns, body["lease"], leases.CONTENT, body["digest"])
    if find(db, ns, body["ref"]) is None:
        lease = body["lease"] if leases.exists(db, namespace_of(ns), body["lease"]) else ""
        _write(db, ns, Ingest(body["ref"], _name(db, ns, body["ref"]) if anew else body["backend"], ""), lease)
        if body["leased"] and lease:
            leases.join(db, namespace_of(ns), lease, leases.INGESTS, body["ref"])


def refs(db: sqlite3.Connection, plugin: str) -> set[str]:
    """Return the names in the plugin of every ingest that a row or an intent needs."""
    named = {r[0] for r in db.execute("SELECT backend FROM ingests")}
    return named | {intent.body["backend"] for intent in intents.of_plugin(db, TYPE, plugin)}
