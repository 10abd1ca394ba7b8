"""The objects that collection keeps: roots, edges and the closure, as a pure function of what each kind of objects holds.

A node is (kind, namespace, key). Flat nodes keep their targets but not what their labels refer to (a snapshot's parent is a
target, it is part of it). References never cross namespaces, and a reference to nothing is ignored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple


class Node(NamedTuple):
    """One object."""

    type: str
    ns: str
    key: str
    flat: bool = False


# A node as a plain tuple, which is ten times cheaper to make and equal to it: there are as many as there are objects.
Key = tuple[str, str, str, bool]


class Facts(NamedTuple):
    """The labels of an object, as the collector reads them; references are (kind, key) within its namespace."""

    root: bool = False
    refs: tuple[tuple[str, str], ...] = ()
    back_refs: tuple[tuple[str, str], ...] = ()
    flat: bool = False
    expire: int | None = None
    """Nanoseconds since the epoch; None: never."""


NO_FACTS: Final = Facts()

# The targets an object keeps whatever its labels say, and what its labels mean. A plain tuple for the same reason.
Held = tuple[tuple[Key, ...], Facts]
NOTHING: Final[Held] = ((), NO_FACTS)


def both(one: Held, other: Held) -> Held:
    """Return what an object keeps that two rows speak of: all that either says, until the later time."""
    (targets, a), (others, b) = one, other
    expire = None if a.expire is None or b.expire is None else max(a.expire, b.expire)
    facts = Facts(a.root or b.root, (*a.refs, *b.refs), (*a.back_refs, *b.back_refs), a.flat and b.flat, expire)
    return tuple(dict.fromkeys((*targets, *others))), NO_FACTS if facts == NO_FACTS else facts


class Said(NamedTuple):
    """All objects of one kind: by their nodes, none of which is flat, those that are roots, and why they are."""

    held: Mapping[Key, Held]
    roots: Collection[Key]
    why: str


def _back_references(world: Mapping[str, Said]) -> dict[Key, list[Key]]:
    """Return parent -> children for every back-reference: a child lives while its parent is reachable."""
    found: dict[Key, list[Key]] = {}
    for said in world.values():
        # Most have no labels that matter here.
        labelled = [(key, facts) for key, (_, facts) in said.held.items() if facts is not NO_FACTS and facts.back_refs]
        for key, facts in labelled:
            for kind, target in facts.back_refs:
                found.setdefault((kind, key[1], target, False), []).append(key)
    return found


def reached(world: Mapping[str, Said]) -> dict[Key, Key | str]:
    """Return every live node with the node that keeps it, or the reason it is a root. None of them is flat.

    world is what the kinds said, by their names.
    """
    back = _back_references(world)
    known: Mapping[str, Mapping[Key, Held]] = defaultdict(dict, {kind: said.held for kind, said in world.items()})
    seen: dict[Key, Key | str] = {}
    todo: list[Key] = []
    for held, roots, why in world.values():
        seen.update(dict.fromkeys(roots, why))
        # There are many roots; what leads nowhere is not looked at again.
        todo += roots if back else [key for key in roots if held[key][0] or held[key][1].refs]
    flat: list[Key] = []
    while todo:
        key = todo.pop()
        kind, ns, name, is_flat = key
        if is_flat:
            flat.append(key)
            for target in known[kind].get((kind, ns, name, False), NOTHING)[0]:
                other = (*target[:3], True)
                if other not in seen:
                    seen[other] = key
                    todo.append(other)
            continue
        targets, facts = known[kind].get(key, NOTHING)
        for other in targets:
            if other not in seen:
                seen[other] = key
                todo.append(other)
        for kind, name in facts.refs:
            other = (kind, ns, name, False)
            if other not in seen:
                seen[other] = key
                todo.append(other)
        if back:
            for other in back.get(key, ()):
                if other not in seen:
                    seen[other] = key
                    todo.append(other)
    for key in flat:
        by = seen.pop(key)
        seen.setdefault((*key[:3], False), by)
    return seen


def mark(world: Mapping[str, Said]) -> dict[Node, tuple[Node | None, str]]:
    """Return the same with names for the fields: node -> the node that keeps it, or None and why it is a root."""
    return {Node(*key): (None, by) if isinstance(by, str) else (Node(*by), "") for key, by in reached(world).items()}
