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

While a call is silent the plugin is asked beside it: from RECORDED and AGAIN, that it holds the new state leads to SETTLED as well.
The caller of a silent call waits as long as it wants. When nobody waits any more the call is given up after a while, which is a
cut. So a creation is undone then: carried out later, it is garbage. A commit is asked for again, each time with twice the patience.
An ingest that the first commit does not let go of is LOST: its ref begins anew under another name in the plugin.

A creation that can be made in another plugin as well is not asked about (GIVEN_UP): it is UNDONE here at once, and begun there.

A name that the plugin has from somebody else (TAKEN) leaves a change RECORDED, under another name.

A removal changes only rows; collection removes the bytes. A claim changes no rows: one whose answer was lost is made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Operation(Enum):
    """The kinds of changes that a plugin is asked for. Values as in the table ``intents``."""

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
    def undone(self) -> bool:
        """Whether it ended with the rows as before."""
        return self in (Stage.UNDONE, Stage.LOST)

    @property
    def asks(self) -> bool:
        """Whether the next step is to ask what the plugin holds, and not to ask it for the change."""
        return self in (Stage.DOUBT, Stage.REFUSED)


class Event(Enum):
    """The outcome of a call to the plugin, or of a look at what it holds: NEW, OLD, NEITHER. NEW is looked for beside a silent call, too."""

    YES = "yes"
    NO = "no"
    """It refused, or never heard of the call."""
    CUT = "cut"
    """The call, or the look, broke off."""
    TAKEN = "taken"
    """The name that it was to give is somebody else's."""
    GIVEN_UP = "given up"
    """Nobody waits to hear how it ended: it is made elsewhere, and garbage here."""
    HELD = "held"
    """The ingest has long been held by the call before."""
    NEW = "new"
    OLD = "old"
    NEITHER = "neither"


_COMMON: Final[Mapping[tuple[Stage, Event], Stage]] = {
    (Stage.RECORDED, Event.YES): Stage.SETTLED,
    (Stage.RECORDED, Event.NO): Stage.UNDONE,
    (Stage.RECORDED, Event.NEW): Stage.SETTLED,
    (Stage.RECORDED, Event.CUT): Stage.DOUBT,
    (Stage.DOUBT, Event.NEW): Stage.SETTLED,
    (Stage.DOUBT, Event.NEITHER): Stage.LOST,
    (Stage.DOUBT, Event.CUT): Stage.DOUBT,
    (Stage.AGAIN, Event.YES): Stage.SETTLED,
    (Stage.AGAIN, Event.NEW): Stage.SETTLED,
    (Stage.AGAIN, Event.NO): Stage.REFUSED,
    (Stage.AGAIN, Event.CUT): Stage.DOUBT,
    (Stage.REFUSED, Event.NEW): Stage.SETTLED,
    (Stage.REFUSED, Event.OLD): Stage.UNDONE,
    (Stage.REFUSED, Event.NEITHER): Stage.LOST,
    (Stage.REFUSED, Event.CUT): Stage.REFUSED,
}
_RENAMED: Final[Mapping[tuple[Stage, Event], Stage]] = {(Stage.RECORDED, Event.TAKEN): Stage.RECORDED}
MOVES: Final[Mapping[Operation, Mapping[tuple[Stage, Event], Stage]]] = {
    Operation.CREATE: {
        **_COMMON,
        **_RENAMED,
        (Stage.DOUBT, Event.OLD): Stage.UNDONE,
        (Stage.DOUBT, Event.GIVEN_UP): Stage.UNDONE,
    },
    Operation.COMMIT: {**_COMMON, **_RENAMED, (Stage.DOUBT, Event.OLD): Stage.AGAIN},
    Operation.INGEST: {**_COMMON, (Stage.DOUBT, Event.OLD): Stage.AGAIN, (Stage.AGAIN, Event.HELD): Stage.LOST},
}


def move(operation: Operation, stage: Stage, event: Event) -> Stage:
    """Return the next stage. Raises KeyError for what can't happen."""
    return MOVES[operation][stage, event]
