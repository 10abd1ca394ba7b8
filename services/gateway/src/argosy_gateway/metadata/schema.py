"""The whole database, drawn and migrated.

    meta            key -> value                      uuid of this server; hand-over/<plugin>: the table of who takes its root over
    namespaces      name -> labels
    images          (ns, name) -> target, labels, created, updated
    containers      (ns, id) -> the Container message, byte for byte what clients said, with times
    leases          (ns, id) -> labels, created
    lease_resources (ns, lease, type, id)             type: content | ingests | images | snapshots/<snapshotter>
    content         (space, digest) -> size, labels, created, updated
    ingests         (space, ref) -> backend ref, expected digest (of a virtual ingest), expire
    snapshots       (ns, snapshotter or an instance of it, key, plugin) -> backend key, parent key, labels, created, updated, reason
                    plugin: where it is, reason: why that is not the one of the snapshotter's name
    sequences       (ns, what) -> the last number given out for backend keys
    sandboxes       (ns, id) -> the Sandbox message
    mounts          (ns, name) -> backend name, labels, created
    intents         id -> type and name of a plugin, operation, ns, body: what it is asked for, and how to undo the rows
    intercepts      instance -> its plugin, ns, lease and pattern of references; type and table (JSON) of the instance, when it was added
    plugins         name -> type, table (JSON; '' for one of the configuration), whether it is drained, when it was added; the table before a swap

A space is a namespace, or NAMESPACE@PLUGIN for what is at an instance that its calls to the content store go to; its column is called ns.
Labels are JSON objects, times nanoseconds since the epoch, messages protobuf bytes. Text keys sort bytewise, which is
the order clients see.
"""

from __future__ import annotations

from typing import Final

from argosy.store.schema import Migration

# The file's name, in the gateway's root.
DATABASE: Final = "metadata.db"

MIGRATIONS: Final = (
    Migration(
        1,
        "everything a spine needs",
        (
            "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
            "CREATE TABLE namespaces (name TEXT PRIMARY KEY, labels TEXT NOT NULL DEFAULT '{}') WITHOUT ROWID",
            """CREATE TABLE images (ns TEXT NOT NULL, name TEXT NOT NULL, target BLOB NOT NULL, labels TEXT NOT NULL,
                created INTEGER NOT NULL, updated INTEGER NOT NULL, PRIMARY KEY (ns, name)) WITHOUT ROWID""",
            """CREATE TABLE containers (ns TEXT NOT NULL, id TEXT NOT NULL, message BLOB NOT NULL,
                PRIMARY KEY (ns, id)) WITHOUT ROWID""",
            """CREATE TABLE leases (ns TEXT NOT NULL, id TEXT NOT NULL, labels TEXT NOT NULL, created INTEGER NOT NULL,
                PRIMARY KEY (ns, id)) WITHOUT ROWID""",
            """CREATE TABLE lease_resources (ns TEXT NOT NULL, lease TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL,
                PRIMARY KEY (ns, lease, type, id)) WITHOUT ROWID""",
            """CREATE TABLE content (ns TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, labels TEXT NOT NULL,
                created INTEGER NOT NULL, updated INTEGER NOT NULL, PRIMARY KEY (ns, digest)) WITHOUT ROWID""",
            "CREATE INDEX content_digest ON content(digest)",
            """CREATE TABLE ingests (ns TEXT NOT NULL, ref TEXT NOT NULL, backend TEXT NOT NULL, expected TEXT NOT NULL,
                expire INTEGER NOT NULL, PRIMARY KEY (ns, ref)) WITHOUT ROWID""",
            """CREATE TABLE snapshots (ns TEXT NOT NULL, snapshotter TEXT NOT NULL, key TEXT NOT NULL, backend TEXT NOT NULL,
                parent TEXT NOT NULL, labels TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
                PRIMARY KEY (ns, snapshotter, key)) WITHOUT ROWID""",
            "CREATE INDEX snapshots_parent ON snapshots(ns, snapshotter, parent)",
            """CREATE TABLE sequences (ns TEXT NOT NULL, what TEXT NOT NULL, last INTEGER NOT NULL,
                PRIMARY KEY (ns, what)) WITHOUT ROWID""",
            """CREATE TABLE sandboxes (ns TEXT NOT NULL, id TEXT NOT NULL, message BLOB NOT NULL,
                PRIMARY KEY (ns, id)) WITHOUT ROWID""",
        ),
    ),
    Migration(
        2,
        "what is being done to plugins, until its outcome is known",
        (
            """CREATE TABLE intents (id INTEGER PRIMARY KEY, type TEXT NOT NULL, plugin TEXT NOT NULL, operation TEXT NOT NULL,
                ns TEXT NOT NULL, body TEXT NOT NULL)""",
        ),
    ),
    Migration(
        3,
        "plugins that come while everything runs, and which of all are drained",
        (
            """CREATE TABLE plugins (name TEXT PRIMARY KEY, type TEXT NOT NULL, body TEXT NOT NULL, drained INTEGER NOT NULL,
                added INTEGER NOT NULL) WITHOUT ROWID""",
        ),
    ),
    Migration(
        4,
        "what a plugin was before it was swapped",
        ("ALTER TABLE plugins ADD COLUMN previous TEXT NOT NULL DEFAULT ''",),
    ),
    Migration(
        5,
        "snapshots in another plugin than that of their snapshotter's name",
        (
            """CREATE TABLE placed (ns TEXT NOT NULL, snapshotter TEXT NOT NULL, key TEXT NOT NULL, plugin TEXT NOT NULL,
                backend TEXT NOT NULL, parent TEXT NOT NULL, labels TEXT NOT NULL, created INTEGER NOT NULL,
                updated INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (ns, snapshotter, key, plugin)) WITHOUT ROWID""",
            """INSERT INTO placed SELECT ns, snapshotter, key, snapshotter, backend, parent, labels, created, updated, ''
                FROM snapshots""",
            "DROP TABLE snapshots",
            "ALTER TABLE placed RENAME TO snapshots",
            "CREATE INDEX snapshots_parent ON snapshots(ns, snapshotter, parent)",
        ),
    ),
    Migration(
        6,
        "whose calls go to an instance of a plugin of their own",
        (
            """CREATE TABLE intercepts (instance TEXT PRIMARY KEY, plugin TEXT NOT NULL, ns TEXT NOT NULL, lease TEXT NOT NULL,
                reference TEXT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL, added INTEGER NOT NULL) WITHOUT ROWID""",
        ),
    ),
    Migration(
        7,
        "mounts that are kept for clients",
        (
            """CREATE TABLE mounts (ns TEXT NOT NULL, name TEXT NOT NULL, backend TEXT NOT NULL, labels TEXT NOT NULL,
                created INTEGER NOT NULL, PRIMARY KEY (ns, name)) WITHOUT ROWID""",
        ),
    ),
)
