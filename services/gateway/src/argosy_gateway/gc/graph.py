"""What is alive: roots, edges and the closure, as a pure function of rows.

A node is (type, namespace, key); snapshot keys are ``<snapshotter>/<key>``. Flat nodes keep their target but not
what it refers to (a snapshot's parents stay, they are part of it). References never cross namespaces, and a
reference to nothing is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from argosy.labels import GC_BREF, GC_EXPIRE, GC_FLAT, GC_REF, GC_ROOT

CONTENT: Final = "content"
SNAPSHOT: Final = "snapshot"
CONTAINER: Final = "container"
IMAGE: Final = "image"
LEASE: Final = "lease"
INGEST: Final = "ingest"
SANDBOX: Final = "sandbox"


class Node(NamedTuple):
    """One object."""

    type: str
    ns: str
    key: str
    flat: bool = False


# A node as a plain tuple, which is ten times cheaper to make and equal to it: there are as many as there are objects.
Key = tuple[str, str, str, bool]
Why = tuple[Key | None, str]


@dataclass
class World:
    """Everything the collector looks at. Labels are those of the object; times nanoseconds since the epoch."""

    images: dict[tuple[str, str], tuple[str, Mapping[str, str]]] = field(default_factory=dict)  # -> target digest, labels
    containers: dict[tuple[str, str], tuple[str, str, Mapping[str, str]]] = field(
        default_factory=dict
    )  # -> snapshotter, key, labels
    leases: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    resources: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)
    content: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    ingests: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)  # -> expected digest, expire
    snapshots: dict[tuple[str, str], tuple[str, Mapping[str, str]]] = field(
        default_factory=dict
    )  # (ns, sn/key) -> parent, labels
    sandboxes: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    pins: list[tuple[str, str, str]] = field(default_factory=list)  # type, ns, key of what is being made


class Facts(NamedTuple):
    """What an object's labels mean to the collector; references are (type, key) within its namespace."""

    root: bool
    refs: tuple[tuple[str, str], ...]
    back_refs: tuple[tuple[str, str], ...]
    flat: bool


_NO_FACTS: Final = Facts(False, (), (), False)


def _references(labels: Mapping[str, str], prefix: str) -> Iterator[tuple[str, str]]:
    """Yield what gc.ref (or gc.bref) labels name. After the type only the end, ``.`` or ``/`` may follow."""
    for key, value in labels.items():
        if not key.startswith(prefix):
            continue
        rest = key[len(prefix) :]
        if rest.startswith("snapshot."):
            snapshotter = rest[len("snapshot.") :].partition("/")[0]
            if snapshotter:
                yield SNAPSHOT, f"{snapshotter}/{value}"
            continue
        for kind in (CONTENT, IMAGE, *((CONTAINER,) if prefix == GC_BREF else ())):
            if rest == kind or rest.startswith((kind + ".", kind + "/")):
                yield kind, value


class _Reader:
    """Facts of labels, worked out once for each mapping: many objects share theirs."""

    def __init__(self) -> None:
        self._known: dict[int, Facts] = {}

    def __call__(self, labels: Mapping[str, str]) -> Facts:
        if not labels:
            return _NO_FACTS
        facts = self._known.get(id(labels))
        if facts is None:
            facts = self._known[id(labels)] = Facts(
                any(k.startswith(GC_ROOT) for k in labels),
                tuple(_references(labels, GC_REF)),
                tuple(_references(labels, GC_BREF)),
                GC_FLAT in labels,
            )
        return facts


def expired(labels: Mapping[str, str], now_ns: int, parse: Callable[[str], int]) -> bool:
    """Return whether gc.expire lies in the past; a malformed time never expires."""
    text = labels.get(GC_EXPIRE)
    if text is None:
        return False
    try:
        return parse(text) < now_ns
    except ValueError:
        return False


_RESOURCES: Final = {"content": CONTENT, "ingests": INGEST, "images": IMAGE}


def _resource_key(ns: str, kind: str, id: str, flat: bool) -> Key | None:
    if kind.startswith("snapshots/"):
        return SNAPSHOT, ns, f"{kind[len('snapshots/') :]}/{id}", flat
    known = _RESOURCES.get(kind)
    if known is None:
        return None
    return known, ns, id, flat and known != INGEST


def _roots(world: World, now_ns: int, parse: Callable[[str], int], facts: _Reader) -> Iterable[tuple[Key, str]]:
    """Yield the roots of which there are few, with the reason why each is one."""
    for (ns, id), labels in world.leases.items():
        if expired(labels, now_ns, parse):
            continue
        yield (LEASE, ns, id, False), "a lease that has not expired"
        flat = facts(labels).flat
        for kind, resource in world.resources.get((ns, id), []):
            key = _resource_key(ns, kind, resource, flat)
            if key is not None:
                yield key, f'lease "{id}"'
    for type, ns, name in world.pins:
        yield (type, ns, name, False), "it is being made"
    for ns, id in world.containers:
        yield (CONTAINER, ns, id, False), "a container"
    for (ns, ref), (_, expire) in world.ingests.items():
        if expire > now_ns:
            yield (INGEST, ns, ref, False), "an ingest that has not expired"
    for (ns, id), labels in world.sandboxes.items():
        for kind, target in facts(labels).refs:
            yield (kind, ns, target, False), f'sandbox "{id}"'


def _back_references(world: World, facts: _Reader) -> dict[Key, list[Key]]:
    """Return parent -> children for every gc.bref label: a child lives while its parent is reachable."""
    found: dict[Key, list[Key]] = {}

    def add(kind: str, at: tuple[str, str], labels: Mapping[str, str]) -> None:
        for parent, target in facts(labels).back_refs:
            found.setdefault((parent, at[0], target, False), []).append((kind, *at, False))

    # Most have no labels that matter here.
    for at, labels in world.content.items():
        if labels:
            add(CONTENT, at, labels)
    for at, (_, labels) in world.snapshots.items():
        if labels:
            add(SNAPSHOT, at, labels)
    for at, (_, labels) in world.images.items():
        if labels:
            add(IMAGE, at, labels)
    return found


def _edges(world: World, key: Key, facts: _Reader) -> Iterator[Key]:
    """Yield what a node keeps alive."""
    type, ns, name, flat = key
    at = (ns, name)
    refs: tuple[tuple[str, str], ...] = ()
    if type == CONTENT:
        refs = facts(world.content.get(at, {})).refs
    elif type == SNAPSHOT:
        parent, labels = world.snapshots.get(at, ("", {}))
        if parent:
            yield SNAPSHOT, ns, f"{name.partition('/')[0]}/{parent}", flat
        refs = facts(labels).refs
    elif type == IMAGE and at in world.images:
        target, labels = world.images[at]
        yield CONTENT, ns, target, flat
        refs = facts(labels).refs
    elif type == CONTAINER and at in world.containers:
        snapshotter, snapshot, labels = world.containers[at]
        if snapshotter and snapshot:
            yield SNAPSHOT, ns, f"{snapshotter}/{snapshot}", False
        refs = facts(labels).refs
    elif type == INGEST and at in world.ingests:
        expected, _ = world.ingests[at]
        if expected:
            yield CONTENT, ns, expected, False
    if not flat:
        for kind, target in refs:
            yield kind, ns, target, False


def reached(world: World, now_ns: int, parse: Callable[[str], int]) -> dict[Key, Why]:
    """Return every live node with why: the node that keeps it, or the reason it is a root. None of them is flat."""
    facts = _Reader()
    back = _back_references(world, facts)
    seen: dict[Key, Why] = {}
    key: Key
    todo: list[Key] = []
    for key, reason in _roots(world, now_ns, parse, facts):
        if key not in seen:
            seen[key] = (None, reason)
            todo.append(key)
    # Of these there are many; what leads nowhere is not looked at again.
    an_image, labelled = (None, "an image"), (None, f"label {GC_ROOT}")
    for (ns, name), (_, labels) in world.images.items():
        if not labels or not expired(labels, now_ns, parse):
            key = (IMAGE, ns, name, False)
            seen[key] = an_image
            todo.append(key)
    for (ns, name), labels in world.content.items():
        if labels:
            known = facts(labels)
            if known.root:
                key = (CONTENT, ns, name, False)
                seen[key] = labelled
                if known.refs or back:
                    todo.append(key)
    for (ns, name), (parent, labels) in world.snapshots.items():
        if labels:
            known = facts(labels)
            if known.root:
                key = (SNAPSHOT, ns, name, False)
                seen[key] = labelled
                if parent or known.refs or back:
                    todo.append(key)
    flat: list[Key] = []
    while todo:
        key = todo.pop()
        if key[3]:
            flat.append(key)
        for other in _edges(world, key, facts):
            if other not in seen:
                seen[other] = (key, "")
                todo.append(other)
        if back and not key[3]:
            for other in back.get(key, ()):
                if other not in seen:
                    seen[other] = (key, "")
                    todo.append(other)
    for key in flat:
        why = seen.pop(key)
        seen.setdefault((*key[:3], False), why)
    return seen


def mark(world: World, now_ns: int, parse: Callable[[str], int]) -> dict[Node, tuple[Node | None, str]]:
    """Return the same with names for the fields."""

    def named(key: Key) -> Node:
        return Node(*key)

    return {named(k): (named(by) if by else None, why) for k, (by, why) in reached(world, now_ns, parse).items()}
