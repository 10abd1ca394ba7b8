"""Reading the world and removing what is not marked, in one transaction: stop-the-world by SQLite's own lock."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from argosy.errors import InvalidArgument
from argosy.timestamps import parse_rfc3339
from argosy_protos.containerd.services.containers.v1 import Container
from argosy_protos.containerd.types import Descriptor

from argosy_gateway.gc import graph
from argosy_gateway.gc.graph import World
from argosy_gateway.metadata import intents

_PREFIX: Final = "containerd.io/gc."
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass
class Swept:
    """What a sweep removed."""

    snapshots: list[tuple[str, str, str]] = field(default_factory=list)  # ns, snapshotter, key
    content: list[tuple[str, str]] = field(default_factory=list)
    images: list[tuple[str, str]] = field(default_factory=list)
    leases: list[tuple[str, str]] = field(default_factory=list)
    ingests: list[tuple[str, str]] = field(default_factory=list)


def parse_time(text: str) -> int:
    """Return nanoseconds since the epoch. Raises ValueError."""
    try:
        return parse_rfc3339(text)
    except InvalidArgument as error:
        raise ValueError(error.message) from None


@lru_cache(maxsize=4096)
def _parsed(labels: str) -> Mapping[str, str]:
    parsed: dict[str, str] = json.loads(labels)
    return MappingProxyType(parsed)


def _gc_labels(labels: str) -> Mapping[str, str]:
    """Return an object's labels if any matters to the collector, else none. What is returned is shared."""
    return _parsed(labels) if _PREFIX in labels else _NONE


def read_world(db: sqlite3.Connection) -> World:
    """Return everything the collector looks at, as one consistent view."""
    world = World()
    for ns, name, target, labels in db.execute("SELECT ns, name, target, labels FROM images"):
        world.images[ns, name] = (Descriptor.decode(target).digest, _gc_labels(labels))
    for ns, id, message in db.execute("SELECT ns, id, message FROM containers"):
        container = Container.decode(message)
        world.containers[ns, id] = (container.snapshotter, container.snapshot_key, container.labels)
    for ns, id, labels in db.execute("SELECT ns, id, labels FROM leases"):
        world.leases[ns, id] = _gc_labels(labels)
    for ns, lease, kind, id in db.execute("SELECT ns, lease, type, id FROM lease_resources"):
        world.resources.setdefault((ns, lease), []).append((kind, id))
    for ns, digest, labels in db.execute("SELECT ns, digest, labels FROM content"):
        world.content[ns, digest] = _gc_labels(labels)
    for ns, ref, expected, expire in db.execute("SELECT ns, ref, expected, expire FROM ingests"):
        world.ingests[ns, ref] = (expected, expire)
    for ns, snapshotter, key, parent, labels in db.execute("SELECT ns, snapshotter, key, parent, labels FROM snapshots"):
        world.snapshots[ns, f"{snapshotter}/{key}"] = (parent, _gc_labels(labels))
    for ns, id, message in db.execute("SELECT ns, id, message FROM sandboxes"):
        from argosy_protos.containerd.types import Sandbox

        world.sandboxes[ns, id] = Sandbox.decode(message).labels
    for type, plugin, ns, body in intents.bodies(db):
        # What is being made is kept, whoever names it or not; what it was made of with it.
        if type == graph.SNAPSHOT:
            world.pins.append((graph.SNAPSHOT, ns, f"{plugin}/{body.get('name') or body['key']}"))
        else:
            world.pins.append((graph.CONTENT, ns, body["digest"]))
    return world


def sweep(db: sqlite3.Connection, now_ns: int | None = None) -> Swept:
    """Mark and remove. Containers, namespaces and sandboxes are never removed."""
    world = read_world(db)
    alive = graph.reached(world, time.time_ns() if now_ns is None else now_ns, parse_time)
    gone = Swept()
    for ns, key in world.snapshots:
        if (graph.SNAPSHOT, ns, key, False) not in alive:
            snapshotter, _, name = key.partition("/")
            gone.snapshots.append((ns, snapshotter, name))
    gone.content = [(ns, d) for ns, d in world.content if (graph.CONTENT, ns, d, False) not in alive]
    gone.images = [(ns, n) for ns, n in world.images if (graph.IMAGE, ns, n, False) not in alive]
    gone.leases = [(ns, i) for ns, i in world.leases if (graph.LEASE, ns, i, False) not in alive]
    gone.ingests = [(ns, r) for ns, r in world.ingests if (graph.INGEST, ns, r, False) not in alive]
    db.executemany("DELETE FROM snapshots WHERE ns = ? AND snapshotter = ? AND key = ?", gone.snapshots)
    db.executemany("DELETE FROM content WHERE ns = ? AND digest = ?", gone.content)
    db.executemany("DELETE FROM images WHERE ns = ? AND name = ?", gone.images)
    db.executemany("DELETE FROM leases WHERE ns = ? AND id = ?", gone.leases)
    db.executemany("DELETE FROM lease_resources WHERE ns = ? AND lease = ?", gone.leases)
    db.executemany("DELETE FROM ingests WHERE ns = ? AND ref = ?", gone.ingests)
    return gone
