"""What was acknowledged, what has an open outcome, and what is wrong with what is there.

An object's state is any value that compares equal to itself; None is "not there". A change whose answer never came, or
came as an error that does not say "nothing was done", leaves alternatives: whole pictures of the objects it touched, of
which exactly one must be found later. Objects with open alternatives are left alone until they are looked at.
"""

from __future__ import annotations

import functools
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.storms.wire import Answer

# The rows of the table, in order: each must be 0.
LOST: Final = "acknowledged objects lost or changed"
NEITHER: Final = "open outcomes in neither the old nor the new state"
BACK: Final = "acknowledged removals that came back"
ROWS: Final = "rows without bytes"
BYTES: Final = "bytes without rows after one collection"
STUCK: Final = "refs and keys that can't be used again"
HUNG: Final = "calls that never returned"
WRONG: Final = "errors with a wrong code or a leaked text"
CONTRADICTION: Final = "answers that contradict what was acknowledged"
CONTAINERS: Final = "containers that did not live on"
MOUNTS: Final = "leaked mounts"
PROCESSES: Final = "leaked processes"
ZOMBIES: Final = "zombies"
SOCKETS: Final = "leaked sockets"
CGROUPS: Final = "leaked cgroups"
NETNS: Final = "leaked network namespaces"
DESCRIPTORS: Final = "leaked descriptors"
UNHEALTHY: Final = "services that did not come back"
LOGGED: Final = "exceptions that nobody handled, in the services' logs"
BROKEN: Final = "faults of the storm itself"
ROWS_OF_TABLE: Final = (
    LOST, NEITHER, BACK, ROWS, BYTES, STUCK, HUNG, WRONG, CONTRADICTION, CONTAINERS, MOUNTS, PROCESSES, ZOMBIES, SOCKETS,
    CGROUPS, NETNS, DESCRIPTORS, UNHEALTHY, LOGGED, BROKEN,
)  # fmt: skip

_VARIABLE: Final = re.compile(r"sha256:[0-9a-f]+|[0-9a-f]{12,}|\b[a-z]*\d+[a-z0-9.-]*\b|/tmp/\S+")
_EXAMPLES: Final = 6
_REMEMBERED: Final = 40


@dataclass
class Row:
    """One row of the table."""

    count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)


class Findings:
    """What is wrong, by row of the table and by kind. Used by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.rows: dict[str, Row] = {name: Row() for name in ROWS_OF_TABLE}
        self.counts: Counter[str] = Counter()
        """How often each thing was done, for the reader of the table."""

    def add(self, row: str, kind: str, detail: str) -> None:
        """Note one failure of an invariant."""
        with self._lock:
            entry = self.rows[row]
            entry.count += 1
            entry.kinds[kind] += 1
            examples = entry.examples.setdefault(kind, [])
            if len(examples) < _EXAMPLES:
                examples.append(detail[:600])

    def count(self, what: str, n: int = 1) -> None:
        with self._lock:
            self.counts[what] += n

    def answered(self, what: str, answer: Answer) -> Answer:
        """Note how a call ended; returns it."""
        self.count(f"{what}: {answer.code.name}")
        if answer.hung:
            self.add(HUNG, what, str(answer))
        if answer.wrong:
            self.add(WRONG, f"{what}: {_VARIABLE.sub('…', answer.wrong)[:200]}", str(answer))
        return answer

    @property
    def total(self) -> int:
        return sum(row.count for row in self.rows.values())


@dataclass(frozen=True)
class Open:
    """A change with an open outcome."""

    what: str
    alternatives: tuple[Mapping[Any, Any], ...]


class Ledger:
    """The objects of one worker. Only that worker changes it, and the judge while the worker rests."""

    def __init__(self) -> None:
        self.certain: dict[Any, Any] = {}
        """What was acknowledged: the object is there, in this state."""
        self.gone: dict[Any, None] = {}
        """What was acknowledged as removed, or was never there; the latest last."""
        self.open: list[Open] = []

    def is_open(self, key: Any) -> bool:
        return any(key in alternative for change in self.open for alternative in change.alternatives)

    def free(self, wanted: Callable[[Any, Any], bool]) -> list[Any]:
        """Return the keys of certain objects that match, in order."""
        return [key for key, state in self.certain.items() if wanted(key, state)]

    def one(self, rng: random.Random, wanted: Callable[[Any, Any], bool]) -> Any:
        """Return one of the keys that match, or None."""
        found = self.free(wanted)
        return rng.choice(found) if found else None

    def set(self, states: Mapping[Any, Any]) -> None:
        """Note an acknowledged change."""
        self.open = [c for c in self.open if not any(k in a for a in c.alternatives for k in states)]
        for key, state in states.items():
            self.certain.pop(key, None)
            self.gone.pop(key, None)
            if state is None:
                self.gone[key] = None
            else:
                self.certain[key] = state

    def unsure(self, what: str, alternatives: Sequence[Mapping[Any, Any]]) -> None:
        """Note a change with an open outcome. All alternatives name the same objects."""
        for key in alternatives[0]:
            self.certain.pop(key, None)
            self.gone.pop(key, None)
        self.open.append(Open(what, tuple(alternatives)))

    def forget(self) -> None:
        """Keep only the latest of what is gone: a look at all of it was had."""
        for key in list(self.gone)[:-_REMEMBERED]:
            del self.gone[key]

    def resolve(
        self,
        look: Callable[[Any], Any],
        same: Callable[[Any, Any], bool],
        findings: Findings,
        of_both: Callable[[Any, Any], Any] | None = None,
    ) -> int:
        """Look at every object that has an open outcome; return how many changes there were.

        look returns the state as it is seen, same says whether a state of ours looks like that. Of an object with two states that both
        look like that, of_both returns what is so in either; without it, the object is forgotten.
        """
        changes = len(self.open)
        while self.open:
            change = self.open[0]
            seen = {key: look(key) for key in change.alternatives[0]}
            del self.open[0]  # not before it was looked at: who breaks off would forget what nobody then removes
            fitting = [a for a in change.alternatives if all(same(a[key], seen[key]) for key in a)]
            if not fitting:
                kind = change.what.partition(" ")[0]
                allowed = " or ".join(str(dict(a)) for a in change.alternatives)
                findings.add(NEITHER, kind, f"{change.what}: found {seen}, allowed {allowed}")
                continue
            for key, state in fitting[0].items():
                if others := [other[key] for other in fitting if other[key] != state]:
                    if of_both is None:
                        continue  # as an ingest without bytes and none look the same: nothing is known of it any more
                    state = functools.reduce(of_both, others, state)
                if state is None:
                    self.gone[key] = None
                else:
                    self.certain[key] = state
        return changes
