"""What is alive: roots, edges and the closure, as a pure function of rows.

A node is (type, namespace, key); snapshot keys are ``<snapshotter>/<key>``. Flat nodes keep their target but not
what it refers to (a snapshot's parents stay, they are part of it). References never cross namespaces, and a
reference to nothing is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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


def references(ns: str, labels: Mapping[str, str], prefix: str = GC_REF) -> Iterable[Node]:
    """Yield the nodes that gc.ref (or gc.bref) labels name. After the type only the end, ``.`` or ``/`` may follow."""
    for key, value in labels.items():
        if not key.startswith(prefix):
            continue
        rest = key[len(prefix) :]
        if rest.startswith("snapshot."):
            snapshotter = rest[len("snapshot.") :].partition("/")[0]
            if snapshotter:
                yield Node(SNAPSHOT, ns, f"{snapshotter}/{value}")
            continue
        for kind in (CONTENT, IMAGE, *((CONTAINER,) if prefix == GC_BREF else ())):
            if rest == kind or rest.startswith((kind + ".", kind + "/")):
                yield Node(kind, ns, value)


def _is_root(labels: Mapping[str, str]) -> bool:
    return any(k.startswith(GC_ROOT) for k in labels)


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


def _resource_node(ns: str, kind: str, id: str, flat: bool) -> Node | None:
    if kind.startswith("snapshots/"):
        return Node(SNAPSHOT, ns, f"{kind[len('snapshots/') :]}/{id}", flat)
    known = _RESOURCES.get(kind)
    if known is None:
        return None
    return Node(known, ns, id, flat and known != INGEST)


def roots(world: World, now_ns: int, parse: Callable[[str], int]) -> Iterable[tuple[Node, str]]:
    """Yield every root with the reason why it is one."""
    for (ns, id), labels in world.leases.items():
        if expired(labels, now_ns, parse):
            continue
        yield Node(LEASE, ns, id), "a lease that has not expired"
        flat = GC_FLAT in labels
        for kind, resource in world.resources.get((ns, id), []):
            node = _resource_node(ns, kind, resource, flat)
            if node is not None:
                yield node, f'lease "{id}"'
    for (ns, name), (_, labels) in world.images.items():
        if not expired(labels, now_ns, parse):
            yield Node(IMAGE, ns, name), "an image"
    for ns, id in world.containers:
        yield Node(CONTAINER, ns, id), "a container"
    for (ns, ref), (_, expire) in world.ingests.items():
        if expire > now_ns:
            yield Node(INGEST, ns, ref), "an ingest that has not expired"
    for (ns, digest), labels in world.content.items():
        if _is_root(labels):
            yield Node(CONTENT, ns, digest), f"label {GC_ROOT}"
    for (ns, key), (_, labels) in world.snapshots.items():
        if _is_root(labels):
            yield Node(SNAPSHOT, ns, key), f"label {GC_ROOT}"
    for (ns, id), labels in world.sandboxes.items():
        for node in references(ns, labels):
            yield node, f'sandbox "{id}"'


def back_references(world: World) -> dict[Node, list[Node]]:
    """Return parent -> children for every gc.bref label: a child lives while its parent is reachable."""
    found: dict[Node, list[Node]] = {}

    def add(kind: str, ns: str, key: str, labels: Mapping[str, str]) -> None:
        # Most have no labels that matter here, and none of them costs a node.
        if any(k.startswith(GC_BREF) for k in labels):
            child = Node(kind, ns, key)
            for parent in references(ns, labels, GC_BREF):
                found.setdefault(parent, []).append(child)

    for (ns, digest), labels in world.content.items():
        add(CONTENT, ns, digest, labels)
    for (ns, key), (_, labels) in world.snapshots.items():
        add(SNAPSHOT, ns, key, labels)
    for (ns, name), (_, labels) in world.images.items():
        add(IMAGE, ns, name, labels)
    return found


def edges(world: World, node: Node) -> Iterable[Node]:
    """Yield what a node keeps alive."""
    at = (node.ns, node.key)
    if node.type == CONTENT and not node.flat:
        yield from references(node.ns, world.content.get(at, {}))
    elif node.type == SNAPSHOT:
        parent, labels = world.snapshots.get(at, ("", {}))
        if parent:
            yield Node(SNAPSHOT, node.ns, f"{node.key.partition('/')[0]}/{parent}", node.flat)
        if not node.flat:
            yield from references(node.ns, labels)
    elif node.type == IMAGE and at in world.images:
        target, labels = world.images[at]
        yield Node(CONTENT, node.ns, target, node.flat)
        if not node.flat:
            yield from references(node.ns, labels)
    elif node.type == CONTAINER and at in world.containers:
        snapshotter, key, labels = world.containers[at]
        if snapshotter and key:
            yield Node(SNAPSHOT, node.ns, f"{snapshotter}/{key}")
        yield from references(node.ns, labels)
    elif node.type == INGEST and at in world.ingests:
        expected, _ = world.ingests[at]
        if expected:
            yield Node(CONTENT, node.ns, expected)


def mark(world: World, now_ns: int, parse: Callable[[str], int]) -> dict[Node, tuple[Node | None, str]]:
    """Return every live node (none of them flat) with why: the node that keeps it, or the reason it is a root."""
    back = back_references(world)
    seen: dict[Node, tuple[Node | None, str]] = {}
    todo: list[Node] = []
    for node, reason in roots(world, now_ns, parse):
        if node not in seen:
            seen[node] = (None, reason)
            todo.append(node)
    while todo:
        node = todo.pop()
        more = list(edges(world, node))
        if not node.flat:
            more += back.get(node, [])
        for other in more:
            if other not in seen:
                seen[other] = (node, "")
                todo.append(other)
    alive: dict[Node, tuple[Node | None, str]] = {}
    for node, why in seen.items():
        base = node._replace(flat=False) if node.flat else node
        if base not in alive:
            alive[base] = why
    return alive
