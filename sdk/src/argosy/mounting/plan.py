"""Which mounts of a list a mount manager makes, and which are left to whoever asked. Looks at words only.

A type such as ``format/mkdir/overlay`` names **transformers**, from left to right, and a file system. A type with a **handler** is
one that mount(2) alone does not mount. All that stand before a transformed mount are made by the manager, since it may refer to
them; the transformed mount itself is left to its user, once it is transformed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from argosy.errors import Unimplemented
from argosy.mounts import Mount

TRANSFORMERS: Final = frozenset({"format", "mkdir", "mkfs"})
HANDLED: Final = frozenset({"erofs", "loop"})
"""Types with a handler."""
# A type with more words is longer than ``mounts.check`` lets one be, and may be megabytes: it is looked at after this.
_MOST_WORDS: Final = 32


@dataclass(frozen=True, slots=True)
class Step:
    """One mount of a plan: what is done to it first, and what it is then."""

    transformers: tuple[str, ...]
    mount: Mount


@dataclass(frozen=True, slots=True)
class Plan:
    """What a manager makes, in order; the rest is its caller's. ``temporary``: all is made, and the caller gets a bind of the last one."""

    made: tuple[Step, ...]
    left: tuple[Step, ...]
    temporary: bool = False


def step_of(mount: Mount) -> Step:
    """Take a mount's type apart. What is no transformer ends the look: the rest is the type."""
    words = mount.type.split("/", _MOST_WORDS)
    done = 0
    while done < len(words) - 1 and words[done] in TRANSFORMERS:
        done += 1
    return Step(tuple(words[:done]), mount._replace(type="/".join(words[done:])))


def plan(mounts: Sequence[Mount], temporary: bool = False) -> Plan:
    """Say who makes which mounts. Raises Unimplemented when there is nothing for a manager to do: its caller mounts them by itself."""
    steps = [step_of(mount) for mount in mounts]
    first: int | None = None
    for index, step in enumerate(steps):
        if step.transformers:
            first = index
        if temporary or step.mount.type in HANDLED:
            first = index + 1
    if first is None:
        raise Unimplemented
    return Plan(tuple(steps[:first]), tuple(steps[first:]), temporary)
