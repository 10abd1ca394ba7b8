"""The kinds of objects that collection knows, one row each: what a kind holds, what that refers to, how it goes.

Nothing else knows a kind by its name. A kind that joins is one more row; its objects are then roots, keep others, are kept by
labels and leases, and are swept, as its row says.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from argosy.errors import InvalidArgument
from argosy.labels import GC_BREF, GC_EXPIRE, GC_FLAT, GC_REF, GC_ROOT
from argosy.recent import Recent
from argosy.timestamps import parse_rfc3339
from argosy_protos._message import Message
from argosy_protos.containerd.events import SnapshotRemove
from argosy_protos.containerd.services.containers.v1 import Container
from argosy_protos.containerd.services.images.v1 import ImageDelete
from argosy_protos.containerd.types import Descriptor, Sandbox

from argosy_gateway.gc.graph import NO_FACTS, NOTHING, Facts, Held, Key, both
from argosy_gateway.metadata import intents
from argosy_gateway.metadata.intercepts import plugin_of
from argosy_gateway.metadata.spaces import OF_NAMESPACE, namespace_of

CONTAINER: Final = "container"
CONTENT: Final = "content"
IMAGE: Final = "image"
INGEST: Final = "ingest"
INTENT: Final = "intent"
LEASE: Final = "lease"
MOUNT: Final = "mount"
SANDBOX: Final = "sandbox"
SNAPSHOT: Final = "snapshot"

_PREFIX: Final = "containerd.io/gc."
# Of labels, with what they mean.
_REMEMBERED, _REMEMBERED_BYTES = 4096, 2 << 20

# An object's columns: its namespace, then what names it there.
Row = tuple[str, ...]
# Topic, type name and message of an event.
Event = tuple[str, str, Message]
Objects = dict[Key, Held]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of objects.

    Attributes:
        name: what its nodes are called, and what follows ``gc.ref.`` and ``gc.bref.`` in labels that refer to it.
        read: returns everything there is of it, in every namespace.
        roots: returns those that live of themselves, at a time in nanoseconds since the epoch.
        why: the reason of these roots, after "it is".
        in_refs, in_back_refs: whether ``gc.ref.`` and ``gc.bref.`` labels can name it.
        of_plugin: it is named by a plugin and a key: its nodes' keys are ``<plugin>/<key>``, its labels ``<name>.<plugin>``,
            and its rows have one column more.
        resource: its name among a lease's resources; "" when a lease can't hold it.
        can_be_flat: whether a flat lease keeps it without what it refers to.
        delete: the statements that remove one, which take its columns; none: it is never swept.
        bytes_in: the type of the plugin that then holds what nothing names any more.
        event: what is published when one was removed.
    """

    name: str
    read: Callable[[sqlite3.Connection, Words], Objects]
    roots: Callable[[Objects, int], Collection[Key]]
    why: str
    in_refs: bool = False
    in_back_refs: bool = False
    of_plugin: bool = False
    resource: str = ""
    can_be_flat: bool = True
    delete: Sequence[str] = ()
    bytes_in: str = ""
    event: Callable[[Row], Event] | None = None

    def rows(self, keys: Iterable[Key]) -> list[Row]:
        """Return the columns of nodes."""
        if not self.of_plugin:
            return [key[1:3] for key in keys]
        return [(ns, *name.split("/", 1)) for _, ns, name, _ in keys]

    def leaves_bytes_in(self, type: str, name: str, gone: Sequence[Row]) -> bool:
        """Return whether a plugin may hold bytes of those that are gone."""
        return self.bytes_in == type and (any(row[1] == name for row in gone) if self.of_plugin else bool(gone))


class Words:
    """What texts mean when these are the kinds: labels, and the resources of leases."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._refs = [(kind.name, kind.of_plugin) for kind in kinds if kind.in_refs]
        self._back_refs = [(kind.name, kind.of_plugin) for kind in kinds if kind.in_back_refs]
        self._resources = {kind.resource: kind for kind in kinds if kind.resource}
        # Many objects share their labels.
        self._held: Recent[str, Held] = Recent(_REMEMBERED, _REMEMBERED_BYTES, lambda text, _: 3 * len(text) + 400)

    def stored(self, text: str) -> Held:
        """Return what an object holds by its labels alone, which are stored as JSON. What is returned is shared."""
        if _PREFIX not in text:
            return NOTHING
        held = self._held.get(text)
        if held is None:
            facts = self.facts(json.loads(text))
            held = NOTHING if facts is NO_FACTS else ((), facts)
            self._held.put(text, held)
        return held

    def facts(self, labels: Mapping[str, str]) -> Facts:
        """Return what labels mean."""
        if not any(key.startswith(_PREFIX) for key in labels):
            return NO_FACTS
        return Facts(
            any(key.startswith(GC_ROOT) for key in labels),
            tuple(_references(labels, GC_REF, self._refs)),
            tuple(_references(labels, GC_BREF, self._back_refs)),
            GC_FLAT in labels,
            _time(labels.get(GC_EXPIRE, "")),
        )

    def resource(self, ns: str, type: str, id: str, flat: bool) -> Key | None:
        """Return the node of a lease's resource; None for a type that nobody knows."""
        name, slash, plugin = type.partition("/")
        kind = self._resources.get(name)
        if kind is None or bool(slash) != kind.of_plugin:
            return None
        return kind.name, ns, f"{plugin}/{id}" if kind.of_plugin else id, flat and kind.can_be_flat


@lru_cache(8)
def words(kinds: tuple[Kind, ...]) -> Words:
    """Return the words of kinds, the same ones each time."""
    return Words(kinds)


def _references(labels: Mapping[str, str], prefix: str, kinds: Sequence[tuple[str, bool]]) -> Iterator[tuple[str, str]]:
    """Yield what gc.ref (or gc.bref) labels name. After the kind only the end, ``.`` or ``/`` may follow."""
    for label, value in labels.items():
        if not label.startswith(prefix):
            continue
        rest = label[len(prefix) :]
        for kind, of_plugin in kinds:
            if of_plugin:
                plugin = rest[len(kind) + 1 :].partition("/")[0] if rest.startswith(kind + ".") else ""
                if plugin:
                    yield kind, f"{plugin}/{value}"
            elif rest == kind or rest.startswith((kind + ".", kind + "/")):
                yield kind, value


def _time(text: str) -> int | None:
    """Return nanoseconds since the epoch; None for what is no time, which never comes."""
    try:
        return parse_rfc3339(text) if text else None
    except InvalidArgument:
        return None


# -- which are roots --


def always(objects: Objects, now_ns: int) -> Collection[Key]:
    """Every one of them."""
    return list(objects)


def until_it_expires(objects: Objects, now_ns: int) -> Collection[Key]:
    """Those whose time has not passed, or that have none."""
    return [key for key, (_, facts) in objects.items() if facts.expire is None or facts.expire >= now_ns]


def while_it_is_new(objects: Objects, now_ns: int) -> Collection[Key]:
    """Those whose time is still to come."""
    return [key for key, (_, facts) in objects.items() if facts.expire is not None and facts.expire > now_ns]


def never(objects: Objects, now_ns: int) -> Collection[Key]:
    """None of them: they live by what refers to them."""
    return ()


def if_a_label_says_so(objects: Objects, now_ns: int) -> Collection[Key]:
    """Those with a ``gc.root`` label."""
    return [key for key, (_, facts) in objects.items() if facts.root]


# -- what is there --


def _leases(db: sqlite3.Connection, words: Words) -> Objects:
    resources: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for ns, lease, type, id in db.execute("SELECT ns, lease, type, id FROM lease_resources"):
        resources.setdefault((ns, lease), []).append((type, id))
    leases: Objects = {}
    for ns, id, labels in db.execute("SELECT ns, id, labels FROM leases"):
        _, facts = words.stored(labels)
        held = [words.resource(ns, *resource, facts.flat) for resource in resources.get((ns, id), ())]
        # A lease refers to its resources only, not to what its labels name.
        leases[LEASE, ns, id, False] = tuple(key for key in held if key), Facts(expire=facts.expire)
    return leases


def _intents(db: sqlite3.Connection, words: Words) -> Objects:
    """What is being made is kept, whoever names it or not; what it was made of with it."""
    found: Objects = {}
    for number, (type, plugin, space, body) in enumerate(intents.bodies(db)):
        made: Key
        ns = namespace_of(space)
        if type == "snapshot":
            asked = plugin_of(body.get("snapshotter", plugin))
            made = SNAPSHOT, ns, f"{asked}/{body.get('name') or body['key']}", False
        elif type == "mounts":
            made = MOUNT, ns, body["name"], False
        else:
            made = CONTENT, ns, body["digest"], False
        found[INTENT, ns, str(number), False] = (made,), NO_FACTS
    return found


def _containers(db: sqlite3.Connection, words: Words) -> Objects:
    found: Objects = {}
    for ns, id, message in db.execute("SELECT ns, id, message FROM containers"):
        it = Container.decode(message)
        targets: tuple[Key, ...] = ()
        if it.snapshotter and it.snapshot_key:
            targets = ((SNAPSHOT, ns, f"{it.snapshotter}/{it.snapshot_key}", False),)
        found[CONTAINER, ns, id, False] = targets, words.facts(it.labels)
    return found


def _sandboxes(db: sqlite3.Connection, words: Words) -> Objects:
    return {
        (SANDBOX, ns, id, False): ((), words.facts(Sandbox.decode(message).labels))
        for ns, id, message in db.execute("SELECT ns, id, message FROM sandboxes")
    }


def _snapshots(db: sqlite3.Connection, words: Words) -> Objects:
    """A layer that several plugins have is one object: it lives in all of them, or in none."""
    stored = words.stored
    found: Objects = {}
    for ns, snapshotter, key, parent, labels in db.execute("SELECT ns, snapshotter, key, parent, labels FROM snapshots"):
        # Those of a key at all instances of a plugin are one object, too: whoever refers to it says the plugin's name.
        name = plugin_of(snapshotter)
        held = (((SNAPSHOT, ns, f"{name}/{parent}", False),), stored(labels)[1]) if parent else stored(labels)
        _put(found, (SNAPSHOT, ns, f"{name}/{key}", False), held)
    return found


def _put(found: Objects, node: Key, held: Held) -> None:
    """Add what a row holds to what those of the same object hold."""
    found[node] = held if node not in found else both(found[node], held)


def _ingests(db: sqlite3.Connection, words: Words) -> Objects:
    found: Objects = {}
    for space, ref, expected, expire in db.execute("SELECT ns, ref, expected, expire FROM ingests"):
        ns = namespace_of(space)
        _put(found, (INGEST, ns, ref, False), (((CONTENT, ns, expected, False),) if expected else (), Facts(expire=expire)))
    return found


def _content(db: sqlite3.Connection, words: Words) -> Objects:
    stored = words.stored
    found: Objects = {
        (CONTENT, ns, digest, False): stored(labels)
        for ns, digest, labels in db.execute("SELECT ns, digest, labels FROM content WHERE instr(ns, '@') = 0")
    }
    for space, digest, labels in db.execute("SELECT ns, digest, labels FROM content WHERE instr(ns, '@') != 0"):
        _put(found, (CONTENT, namespace_of(space), digest, False), stored(labels))
    return found


def _images(db: sqlite3.Connection, words: Words) -> Objects:
    return {
        (IMAGE, ns, name, False): (((CONTENT, ns, Descriptor.decode(target).digest, False),), words.stored(labels)[1])
        for ns, name, target, labels in db.execute("SELECT ns, name, target, labels FROM images")
    }


def _mounts(db: sqlite3.Connection, words: Words) -> Objects:
    return {
        (MOUNT, ns, name, False): words.stored(labels)
        for ns, name, labels in db.execute("SELECT ns, name, labels FROM mounts")
    }


# -- what others hear --


def _snapshot_removed(row: Row) -> Event:
    _, snapshotter, key = row
    return "/snapshot/remove", "containerd.events.SnapshotRemove", SnapshotRemove(key=key, snapshotter=snapshotter)


def _image_deleted(row: Row) -> Event:
    return "/images/delete", "containerd.services.images.v1.ImageDelete", ImageDelete(name=row[1])


KINDS: Final = (
    Kind(
        LEASE, _leases, until_it_expires, "a lease that has not expired",
        delete=("DELETE FROM leases WHERE ns = ? AND id = ?", "DELETE FROM lease_resources WHERE ns = ? AND lease = ?"),
    ),
    Kind(INTENT, _intents, always, "something that is being made"),
    Kind(CONTAINER, _containers, always, "a container", in_back_refs=True),
    Kind(SANDBOX, _sandboxes, always, "a sandbox"),
    Kind(
        SNAPSHOT, _snapshots, if_a_label_says_so, f"labelled {GC_ROOT}",
        in_refs=True, in_back_refs=True, of_plugin=True, resource="snapshots", bytes_in="snapshot", event=_snapshot_removed,
        delete=(
            """DELETE FROM snapshots WHERE ns = ?1 AND key = ?3 AND snapshotter IN
                (SELECT ?2 UNION ALL SELECT instance FROM intercepts WHERE plugin = ?2)""",
        ),
    ),
    Kind(
        INGEST, _ingests, while_it_is_new, "an ingest that has not expired",
        resource="ingests", can_be_flat=False, bytes_in="content",
        delete=(f"DELETE FROM ingests WHERE ref = ?2 AND ns IN {OF_NAMESPACE}",),
    ),
    Kind(
        CONTENT, _content, if_a_label_says_so, f"labelled {GC_ROOT}",
        in_refs=True, in_back_refs=True, resource="content", bytes_in="content",
        delete=(f"DELETE FROM content WHERE digest = ?2 AND ns IN {OF_NAMESPACE}",),
    ),
    Kind(
        IMAGE, _images, until_it_expires, "an image",
        in_refs=True, in_back_refs=True, resource="images", event=_image_deleted,
        delete=("DELETE FROM images WHERE ns = ? AND name = ?",),
    ),
    Kind(
        MOUNT, _mounts, never, "",
        in_refs=True, resource="mounts", bytes_in="mounts",
        delete=("DELETE FROM mounts WHERE ns = ? AND name = ?",),
    ),
)  # fmt: skip
