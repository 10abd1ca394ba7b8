"""The words of the snapshot tree: kinds, info, usage, and the sentences of its refusals.

Glossary: a *key* names an active or view snapshot, a *name* a committed one, a *parent* is always committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from argosy.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from argosy.filters import labels_lookup

# A list holds many of them; no owner's own names come near it.
MAX_KEY_BYTES: Final = 4096


class Kind(IntEnum):
    """Numbers as on the wire."""

    VIEW = 1
    ACTIVE = 2
    COMMITTED = 3


@dataclass(frozen=True, slots=True)
class Usage:
    """Disk use: bytes as 512-byte blocks, each inode once."""

    size: int = 0
    inodes: int = 0


@dataclass(frozen=True, slots=True)
class Info:
    """One snapshot. Times are nanoseconds since the epoch."""

    name: str
    parent: str
    kind: Kind
    created_ns: int
    updated_ns: int
    labels: dict[str, str] = field(default_factory=dict)

    def lookup(self, path: Sequence[str]) -> str | None:
        """The fields that filters see; name and parent count as present even when empty."""
        if path[0] == "labels":
            return labels_lookup(self.labels, path[1:])
        if len(path) != 1:
            return None
        return {"name": self.name, "parent": self.parent, "kind": self.kind.name.lower()}.get(path[0])


def check_key(key: str, what: str) -> None:
    """Raises InvalidArgument for a key or name that is none."""
    if not key:
        raise InvalidArgument(f"{what} must not be empty")
    if (size := len(key.encode())) > MAX_KEY_BYTES:
        raise InvalidArgument(f'{what} "{key[:64]}..." is {size} bytes long; at most {MAX_KEY_BYTES} are allowed')


def missing(key: str) -> NotFound:
    return NotFound(f"snapshot {key} does not exist")


def missing_parent(parent: str) -> NotFound:
    return NotFound(f"parent snapshot {parent} does not exist")


def taken(key: str) -> AlreadyExists:
    return AlreadyExists(f'snapshot "{key}"')


def parent_not_committed(parent: str) -> InvalidArgument:
    return InvalidArgument(f'parent "{parent}" is not committed snapshot')


def has_children() -> FailedPrecondition:
    return FailedPrecondition("cannot remove snapshot with child")


def not_mountable(key: str) -> FailedPrecondition:
    return FailedPrecondition(f"failed to get active mount: requested snapshot {key} not active or view")


def not_active(key: str) -> FailedPrecondition:
    return FailedPrecondition(f'snapshot "{key}" is not active')
