"""Snapshots that are prepared, committed and removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.storms import disk
from tests.storms.faults import GATEWAY, SNAPSHOTTERS
from tests.storms.model import (
    BACK,
    LOST,
    STUCK,
)  # fmt: skip
from tests.storms.wire import (
    ALREADY_EXISTS,
    FAILED_PRECONDITION,
    NOT_FOUND,
    Answer,
)  # fmt: skip
from tests.storms.workers.worker import MANY, ROOT, SNAPSHOTS, TRIED, Storm, Worker


@dataclass(frozen=True)
class Snap:
    """A snapshot, and the marks that must be found in it."""

    kind: str
    parent: str
    marks: tuple[str, ...] = ()


_KINDS: Final = {1: "view", 2: "active", 3: "committed"}


class SnapshotWorker(Worker):
    """Prepare, View, Commit, Remove on one snapshotter."""

    kind = "snap"

    def __init__(self, storm: Storm, number: int, shared_namespace: str = "") -> None:
        super().__init__(storm, number, shared_namespace)
        self.snapshotter = storm.snapshotters[number % len(storm.snapshotters)]
        self.name = f"{self.name}-{self.snapshotter}"
        # One half is held by leases, the other by labels.
        self.labels = ROOT if number % 2 else {}
        self.held = "" if number % 2 else self.lease
        self.victims = (GATEWAY, SNAPSHOTTERS[self.snapshotter])

    def ops(self) -> Sequence[tuple[float, Callable[[], None]]]:
        crowded = len(self.ledger.certain) > MANY
        return (
            (1 if crowded else 6, self.prepare), (1 if crowded else 2, self.view), (4, self.commit),
            (8 if crowded else 3, self.remove), (2, self.read), (1, self.race_commits), (1, self.race_parent),
        )  # fmt: skip

    def _call(self, verb: str, **fields: Any) -> Answer:
        if verb in ("Prepare", "View", "Commit") and self.labels:
            fields["labels"] = self.labels
        return self.cut(SNAPSHOTS + verb, self.victims, self.held, snapshotter=self.snapshotter, **fields)

    def _one(self, *kinds: str) -> str | None:
        found: str | None = self.ledger.one(self.rng, lambda _, s: s.kind in kinds)
        return found

    def _childless(self) -> str | None:
        parents = {s.parent for s in self.ledger.certain.values()}
        parents |= {s.parent for c in self.ledger.open for a in c.alternatives for s in a.values() if s is not None}
        found: str | None = self.ledger.one(self.rng, lambda key, _: key not in parents)
        return found

    def _key(self) -> str:
        """Return a key that is free: a new one, or one that was used before."""
        if self.ledger.gone and self.rng.random() < 0.3:
            return str(self.rng.choice(sorted(map(str, self.ledger.gone))))
        return self.new("k")

    def prepare(self) -> None:
        self._create("Prepare", "active")

    def view(self) -> None:
        if self._one("committed"):
            self._create("View", "view")

    def _create(self, verb: str, kind: str) -> None:
        key = self._key()
        parent = (self._one("committed") or "") if kind == "view" or self.rng.random() < 0.7 else ""
        made = Snap(kind, parent, self.ledger.certain[parent].marks if parent else ())
        if len(made.marks) > 12:
            return  # chains stay short
        for _ in range(2):
            answer = self._call(verb, key=key, parent=parent)
            if answer.ok:
                name = f"mark-{key}"
                if kind == "active" and self.rng.random() < 0.7 and disk.mark(answer.message.mounts, name):
                    made = replace(made, marks=(*made.marks, name))
                self.ledger.set({key: made})
                return
            if answer.refused and not self.ledger.is_open(key):
                self.contradiction(f"{verb} {key} on {parent!r}, which was free to be made", answer)
            self.suspects.add(key)
            if not self.ledger.is_open(key):
                self.ledger.unsure(f"{verb} {key}", [{key: None}, {key: made}])
            if answer.late or self.rng.random() < 0.5:
                return

    def commit(self) -> None:
        key = self._one("active")
        if key is None:
            return
        name, old = self._key(), self.ledger.certain[key]
        done: dict[str, Snap | None] = {key: None, name: replace(old, kind="committed")}
        for _ in range(2):
            answer = self._call("Commit", key=key, name=name)
            if answer.ok:
                self.ledger.set(done)
                return
            if answer.refused and not self.ledger.is_open(key):
                self.contradiction(f"Commit {key} to {name}, which was free", answer)
            self.suspects |= {key, name}
            if not self.ledger.is_open(key):
                self.ledger.unsure(f"Commit {key} to {name}", [{key: old, name: None}, done])
            if answer.late or self.rng.random() < 0.5:
                return

    def remove(self) -> None:
        key = self._childless()
        if key is None:
            return
        old = self.ledger.certain[key]
        for _ in range(2):
            answer = self._call("Remove", key=key)
            if answer.ok or (answer.code is NOT_FOUND and self.ledger.is_open(key)):
                self.ledger.set({key: None})
                return
            if answer.refused and not self.ledger.is_open(key):
                self.contradiction(f"Remove {key}, which has no child", answer)
            self.suspects.add(key)
            if not self.ledger.is_open(key):
                self.ledger.unsure(f"Remove {key}", [{key: old}, {key: None}])
            if answer.late or self.rng.random() < 0.5:
                return

    def read(self) -> None:
        key = self._one("active", "view")
        if key is None:
            return
        verb = self.rng.choice(("Stat", "Mounts", "Usage"))
        answer = self._call(verb, key=key)
        if answer.refused:
            self.contradiction(f"{verb} {key}, which is there", answer)

    def race_commits(self) -> None:
        """Two Commits to one name: one wins, the other keeps its snapshot."""
        actives = self.ledger.free(lambda _, s: s.kind == "active")
        if len(actives) < 2:
            return
        a, b = self.rng.sample([str(key) for key in actives], 2)
        name, old = self.new("k"), {key: self.ledger.certain[key] for key in (a, b)}
        self.storm.faults.around(self.victims, 0.2)
        calls: list[tuple[str, dict[str, Any]]] = [
            (SNAPSHOTS + "Commit", {"snapshotter": self.snapshotter, "key": key, "name": name, "labels": self.labels})
            for key in (a, b)
        ]
        answers = dict(zip((a, b), self.wire.together(calls, lease=self.held), strict=True))
        for answer in answers.values():
            self.findings.answered("Snapshots/Commit to one name", answer)
        pictures = [{a: old[a], b: old[b], name: None}]
        pictures += [{**old, key: None, name: replace(old[key], kind="committed")} for key in (a, b)]
        winners = [key for key in (a, b) if answers[key].ok]
        for key in (a, b):
            if answers[key].refused and answers[key].code is not ALREADY_EXISTS:
                self.contradiction(f"Commit {key} to {name} beside another", answers[key])
        if len(winners) == 2:
            self.contradiction(f"Commits {a} and {b} to {name}", "both were acknowledged")
        elif winners:
            self.ledger.set(pictures[1 + (a, b).index(winners[0])])
            return
        elif all(answer.refused for answer in answers.values()):
            self.contradiction(f"Commits {a} and {b} to {name}", "both were refused")
        self.suspects |= {a, b, name}
        self.ledger.unsure(f"Commits {a} and {b} to {name}", pictures)

    def race_parent(self) -> None:
        """Prepare beside Remove of its parent: one of them is refused."""
        parents = {s.parent for s in self.ledger.certain.values()}
        parents |= {s.parent for c in self.ledger.open for a in c.alternatives for s in a.values() if s is not None}
        parent = self.ledger.one(self.rng, lambda key, s: s.kind == "committed" and key not in parents)
        if parent is None:
            return
        key, old = self.new("k"), self.ledger.certain[parent]
        child = Snap("active", parent, old.marks)
        common: dict[str, Any] = {"snapshotter": self.snapshotter}
        calls: list[tuple[str, dict[str, Any]]] = [
            (SNAPSHOTS + "Prepare", {**common, "key": key, "parent": parent, "labels": self.labels}),
            (SNAPSHOTS + "Remove", {**common, "key": parent}),
        ]
        first = self.rng.randrange(2)
        got = self.wire.together(calls[first:] + calls[:first], lease=self.held)
        made, removed = (got[1], got[0]) if first else (got[0], got[1])
        self.findings.answered("Snapshots/Prepare beside Remove", made)
        self.findings.answered("Snapshots/Remove beside Prepare", removed)
        if made.refused and made.code is not NOT_FOUND:
            self.contradiction(f"Prepare {key} beside Remove of its parent", made)
        if removed.refused and removed.code is not FAILED_PRECONDITION:
            self.contradiction(f"Remove {parent} beside Prepare on it", removed)
        both, neither, none = {parent: old, key: child}, {parent: old, key: None}, {parent: None, key: None}
        if made.ok and removed.ok:
            self.contradiction(f"Prepare {key} beside Remove {parent}", "both were acknowledged")
            self.ledger.unsure(f"Prepare {key} beside Remove {parent}", [both, neither, none])
        elif made.ok:
            self.ledger.set(both)
        elif removed.ok:
            self.ledger.set(none)
        else:
            self.suspects |= {key, parent}
            self.ledger.unsure(f"Prepare {key} beside Remove {parent}", [both, neither, none])

    # -- the judge's side --

    def _look(self, key: Any) -> Any:
        answer = self.surely(SNAPSHOTS + "Stat", snapshotter=self.snapshotter, key=key)
        if answer.ok:
            return _KINDS.get(answer.message.info.kind, "?"), answer.message.info.parent
        return None if answer.code is NOT_FOUND else str(answer)

    @staticmethod
    def _same(state: Any, seen: Any) -> bool:
        return bool(seen is None if state is None else seen == (state.kind, state.parent))

    def check(self, thorough: bool) -> None:
        self.findings.count("open outcomes resolved", self.ledger.resolve(self._look, self._same, self.findings))
        # Parents come before their children: what a lost parent takes along is counted as well.
        for key, state in list(self.ledger.certain.items()):
            self.findings.count("acknowledged objects looked at")
            seen = self._look(key)
            problem = "" if self._same(state, seen) else f"is {seen}"
            if not problem and (thorough or self.rng.random() < 0.5):
                problem = self._mounted(str(key), state)
            if problem:
                kind = f"{self.snapshotter} {state.kind} snapshot"
                self.findings.add(LOST, kind, f"{self.name}: {key} must be {state}: {problem}")
                del self.ledger.certain[key]
        for key in sorted(map(str, self.ledger.gone)):
            if self._look(key) is not None:
                self.findings.add(BACK, "snapshot", f"{self.name}: {key} is there again: {self._look(key)}")
                self.ledger.gone.pop(key, None)
        tried = sorted(self.suspects & self.ledger.gone.keys())
        tried += self.rng.sample(sorted(map(str, self.ledger.gone)), min(4, len(self.ledger.gone)))
        for key in list(dict.fromkeys(tried))[:TRIED]:
            answer = self.surely(SNAPSHOTS + "Prepare", lease=self.held, snapshotter=self.snapshotter, key=key)
            if not answer.ok:
                mounts = self.surely(SNAPSHOTS + "Mounts", snapshotter=self.snapshotter, key=key)
                self.findings.add(STUCK, "snapshot key", f"{self.name}: Prepare {key}: {answer}; Mounts: {mounts}")
                self.ledger.gone.pop(key, None)
                continue
            if not self.tidy(SNAPSHOTS + "Remove", lease=self.held, snapshotter=self.snapshotter, key=key):
                self.ledger.gone.pop(key, None)
        self.suspects.clear()
        self.ledger.forget()

    def _mounted(self, key: str, state: Snap) -> str:
        """Return what is wrong with a snapshot's files, or nothing."""
        common: dict[str, Any] = {"snapshotter": self.snapshotter}
        if state.kind != "committed":
            answer = self.surely(SNAPSHOTS + "Mounts", key=key, **common)
            return str(answer) if not answer.ok else disk.missing(answer.message.mounts, state.marks, self.storm.scratch)
        view = self.new("look")
        answer = self.surely(SNAPSHOTS + "View", lease=self.held, key=view, parent=key, labels=self.labels, **common)
        if not answer.ok:
            return f"View: {answer}"
        problem = disk.missing(answer.message.mounts, state.marks, self.storm.scratch)
        self.tidy(SNAPSHOTS + "Remove", lease=self.held, key=view, **common)
        return problem

    def clear(self) -> None:
        left = dict(self.ledger.certain)
        while left:
            leaves = [key for key in left if not any(s.parent == key for s in left.values())]
            for key in leaves:
                self.tidy(SNAPSHOTS + "Remove", lease=self.held, snapshotter=self.snapshotter, key=key)
                del left[key]
        super().clear()


# -- content --
