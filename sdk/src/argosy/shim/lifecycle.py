"""The statuses of a process and the moves between them, as a table, and the error for every other move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from argosy.errors import FailedPrecondition, NotFound, Unknown

# Numbers of containerd.v1.types.Status.
UNKNOWN, CREATED, RUNNING, STOPPED, PAUSED, PAUSING = range(6)
NAMES: Final = ("unknown", "created", "running", "stopped", "paused", "pausing")

MOVES: Final[Mapping[tuple[int, str], int]] = {
    (CREATED, "start"): RUNNING,
    (CREATED, "exit"): STOPPED,
    (CREATED, "kill"): CREATED,
    (CREATED, "update"): CREATED,
    (CREATED, "delete"): STOPPED,
    (RUNNING, "exit"): STOPPED,
    (RUNNING, "kill"): RUNNING,
    (RUNNING, "pause"): PAUSED,
    (RUNNING, "update"): RUNNING,
    (RUNNING, "checkpoint"): RUNNING,
    (PAUSED, "resume"): RUNNING,
    (PAUSED, "kill"): PAUSED,
    (PAUSED, "update"): PAUSED,
    (PAUSED, "checkpoint"): PAUSED,
    (PAUSED, "exit"): STOPPED,
    (STOPPED, "delete"): STOPPED,
}


def move(status: int, verb: str, what: str = "process") -> int:
    """Return the status after verb. Raises NotFound for a kill of what has ended, FailedPrecondition to start it
    again, Unknown for the rest, as runc's own shim does."""
    after = MOVES.get((status, verb))
    if after is not None:
        return after
    if verb == "kill" and status == STOPPED:
        raise NotFound("process already finished")
    sentence = f"cannot {verb} a {NAMES[status]} {what}"
    if verb == "start":
        raise FailedPrecondition(sentence)
    raise Unknown(sentence)
