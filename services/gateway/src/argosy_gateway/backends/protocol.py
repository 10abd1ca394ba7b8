"""How a change that touches a plugin goes, as a table. Nothing here reads, writes or waits.

Rows are changed first, together with an intent that says how they were; then the plugin is asked; then the intent is dropped, or
the rows are put back by it. So rows and plugin can be made to agree, on the old state or on the new one, whoever dies at whatever
line. When nobody knows how a call ended, the plugin is asked which of the two states it holds.

                     yes
    RECORDED ─────────────────────────────► SETTLED
       │ │  no                                 ▲
       │ └──────────────► UNDONE               │ it holds the new state
       │ cut: the call broke off,              │
       ▼      or we were restarted             │
     DOUBT ────────────────────────────────────┤
       │ │ it holds the old state: of a creation ► UNDONE
       │ │ it holds neither ► LOST (rows as before; an error names the plugin)
       ▼ it holds the old state, of a commit: asked once more, since the first time may still be under way
     AGAIN ──── yes ───────────────────────────┤
       │ ▲ cut ► DOUBT                         │
       ▼ no                                    │
    REFUSED ── it holds the new state ─────────┘
       └────── it holds the old state ► UNDONE

A removal changes only rows; collection removes the bytes. A claim changes no rows: one whose answer was lost is made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Operation(Enum):
    """What a plugin is asked for. Values as in the table ``intents``."""

    CREATE = "create"
    """A snapshot is prepared, or viewed. Old: it is not there; new: it is."""
    COMMIT = "commit"
    """An active snapshot becomes a committed one. Old: the key is there; new: the name."""
    INGEST = "ingest"
    """An ingest becomes a blob. Old: the ingest is there; new: the blob."""


class Stage(Enum):
    """How far a change is."""

    RECORDED = "recorded"
    DOUBT = "doubt"
    AGAIN = "again"
    REFUSED = "refused"
    SETTLED = "settled"
    UNDONE = "undone"
    LOST = "lost"

    @property
    def final(self) -> bool:
        return self in (Stage.SETTLED, Stage.UNDONE, Stage.LOST)

    @property
    def asks(self) -> bool:
        """Whether the next step is to ask what the plugin holds, and not to ask it for the change."""
        return self in (Stage.DOUBT, Stage.REFUSED)


class Event(Enum):
    """What was heard of the plugin: YES, NO (also when it never heard of the call) and CUT (it broke off) after a call, the others after a look at what it holds."""

    YES = "yes"
    NO = "no"
    CUT = "cut"
    NEW = "new"
    OLD = "old"
    NEITHER = "neither"


_COMMON: Final[Mapping[tuple[Stage, Event], Stage]] = {
    (Stage.RECORDED, Event.YES): Stage.SETTLED,
    (Stage.RECORDED, Event.NO): Stage.UNDONE,
    (Stage.RECORDED, Event.CUT): Stage.DOUBT,
    (Stage.DOUBT, Event.NEW): Stage.SETTLED,
    (Stage.DOUBT, Event.NEITHER): Stage.LOST,
    (Stage.DOUBT, Event.CUT): Stage.DOUBT,
    (Stage.AGAIN, Event.YES): Stage.SETTLED,
    (Stage.AGAIN, Event.NO): Stage.REFUSED,
    (Stage.AGAIN, Event.CUT): Stage.DOUBT,
    (Stage.REFUSED, Event.NEW): Stage.SETTLED,
    (Stage.REFUSED, Event.OLD): Stage.UNDONE,
    (Stage.REFUSED, Event.NEITHER): Stage.LOST,
    (Stage.REFUSED, Event.CUT): Stage.REFUSED,
}
MOVES: Final[Mapping[Operation, Mapping[tuple[Stage, Event], Stage]]] = {
    Operation.CREATE: {**_COMMON, (Stage.DOUBT, Event.OLD): Stage.UNDONE},
    Operation.COMMIT: {**_COMMON, (Stage.DOUBT, Event.OLD): Stage.AGAIN},
    Operation.INGEST: {**_COMMON, (Stage.DOUBT, Event.OLD): Stage.AGAIN},
}


def move(operation: Operation, stage: Stage, event: Event) -> Stage:
    """Return the next stage. Raises KeyError for what can't happen."""
    return MOVES[operation][stage, event]
