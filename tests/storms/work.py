"""The storm's workers: each does one kind of work on objects of its own, is cut short often, and knows what it was told."""

from __future__ import annotations

import hashlib
import random
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.harness.mesh import ARGOSY, IMAGE, Mesh
from tests.storms import disk
from tests.storms.faults import CONTENT, DIFF, EVERYONE, GATEWAY, SNAPSHOTTERS, TASKS, Faults, soon
from tests.storms.images import Sample
from tests.storms.model import (
    BACK,
    BROKEN,
    CONTAINERS,
    CONTRADICTION,
    HUNG,
    LOST,
    STUCK,
    UNHEALTHY,
    WRONG,
    Findings,
    Ledger,
)  # fmt: skip
from tests.storms.wire import (
    ALREADY_EXISTS,
    CALL_S,
    FAILED_PRECONDITION,
    NOT_FOUND,
    UNAVAILABLE,
    Answer,
    Callers,
    Wire,
    message,
)  # fmt: skip

SNAPSHOTS: Final = "snapshots.v1.Snapshots/"
CONTENTS: Final = "content.v1.Content/"
LEASES: Final = "leases.v1.Leases/"
IMAGES: Final = "images.v1.Images/"
NAMESPACES: Final = "namespaces.v1.Namespaces/"
ROOT: Final = {"containerd.io/gc.root": "storm"}
EXPIRE: Final = "containerd.io/gc.expire"
STAT, WRITE, COMMIT = 0, 1, 2

_COMMAND_S: Final = 60.0
_WRONG_TEXT: Final = re.compile(
    r"code = (Unknown|Internal)|sqlite|constraint failed|IntegrityError|OperationalError|Traceback", re.I
)
_VARIABLE: Final = re.compile(r"sha256:[0-9a-f]+|[0-9a-f]{8,}|\d+|\S*/\S*")
# What stays of each kind, so that a look at everything stays short.
_MANY: Final = 24
# So many keys of cut calls are tried again in one look.
_TRIED: Final = 40


class Gate:
    """Where workers rest while the judge looks."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = True
        self._ended = False
        self._inside = 0

    def enter(self) -> bool:
        """Wait until work may be done; False when there is no more."""
        with self._changed:
            while not self._open and not self._ended:
                self._changed.wait(1)
            if self._ended:
                return False
            self._inside += 1
            return True

    def leave(self) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def shut(self, within_s: float) -> int:
        """Let nobody start; return how many are still at work after within_s."""
        deadline = time.monotonic() + within_s
        with self._changed:
            self._open = False
            while self._inside and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            return self._inside

    def open(self) -> None:
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()


@dataclass
class Storm:
    """What all workers share."""

    mesh: Mesh
    seed: int
    findings: Findings
    faults: Faults
    callers: Callers
    gate: Gate
    registry: str
    samples: Sequence[Sample]
    box: Path
    """The archive of the image that containers run."""
    token: str
    """Part of every name, so that nobody else on the machine has it."""
    scratch: Path
    snapshotters: Sequence[str]

    @property
    def over(self) -> bool:
        """Whether there is no mesh any more: nothing will ever be answered."""
        return self.mesh.process is None or self.mesh.process.poll() is not None


class Worker:
    """One thread's work in one namespace."""

    kind = ""

    def __init__(self, storm: Storm, number: int, shared_namespace: str = "") -> None:
        self.storm, self.number = storm, number
        self.name = f"{self.kind}{number}"
        self.ns = shared_namespace or f"{storm.token}-{self.name}"
        self.rng = random.Random(f"{storm.seed}/{self.name}")
        self.findings = storm.findings
        self.ledger = Ledger()
        self.wire = Wire(storm.mesh.address, self.ns)
        self.lease = f"storm-{self.name}"
        self.suspects: set[Any] = set()
        """Keys whose last change was cut short: the first to be tried again."""
        self._last = 0

    # -- running --

    def run(self) -> None:
        while self.storm.gate.enter():
            try:
                weights, ops = zip(*self.ops(), strict=True)
                self.rng.choices(ops, weights)[0]()
            except Exception as error:
                import traceback

                self.findings.add(BROKEN, f"{self.kind}: {type(error).__name__}", traceback.format_exc()[-600:])
            finally:
                self.storm.gate.leave()

    def ops(self) -> Sequence[tuple[float, Callable[[], None]]]:
        """Return weights and operations."""
        raise NotImplementedError

    def start(self) -> None:
        """Make what the work needs, before the storm."""
        self.surely(LEASES + "Create", id=self.lease)

    def settle(self) -> None:
        """Before the judge looks, with everybody well: end what has no meaning for the model."""

    def check(self, thorough: bool) -> None:
        """Compare what is there with what was acknowledged."""
        raise NotImplementedError

    def clear(self) -> None:
        """Remove everything; nobody is hit any more."""
        self.tidy(LEASES + "Delete", id=self.lease)

    # -- calling --

    def new(self, what: str) -> str:
        self._last += 1
        return f"{self.name}-{what}{self._last}"

    def cut(self, path: str, victims: Sequence[str], lease: str | None = None, **fields: Any) -> Answer:
        """Make a call that may be cut short, while somebody that it needs may be hit."""
        lease = self.lease if lease is None else lease
        what = path.rpartition(".")[2]
        self.storm.faults.around(victims)
        how = self.rng.choices(("wait", "cancel", "deadline", "killed"), (70, 15, 10, 2))[0]
        if how == "killed":
            answer = self.storm.callers.call(self.wire, path, self.rng.uniform(0.01, 0.15), lease=lease, **fields)
        else:
            answer = self.wire.call(
                path, lease=lease,
                timeout_s=soon(self.rng) if how == "deadline" else CALL_S,
                cancel_after_s=soon(self.rng) if how == "cancel" else None, **fields,
            )  # fmt: skip
        if answer.code is UNAVAILABLE:
            time.sleep(self.rng.uniform(0.02, 0.2))  # what is away is not back sooner for being asked
        return self.findings.answered(what, answer)

    def surely(self, path: str, **fields: Any) -> Answer:
        """Make a call until it is answered with more than "try again"; for times when nobody is hit."""
        lease = fields.pop("lease", "")
        deadline = time.monotonic() + 40
        while True:
            if self.storm.over:
                fields["timeout_s"] = 0.1
            answer = self.findings.answered(path.rpartition(".")[2], self.wire.call(path, lease=lease, **fields))
            if answer.ok or answer.refused:
                return answer
            if self.storm.over or time.monotonic() > deadline:
                self.findings.add(UNHEALTHY, path.rpartition(".")[2], f"{self.name} {fields}: {answer}")
                return answer
            time.sleep(0.1)

    def tidy(self, path: str, **fields: Any) -> bool:
        """Make a call whose object may be gone; returns whether it is now."""
        answer = self.surely(path, **fields)
        if answer.refused and answer.code is not NOT_FOUND:
            self.findings.add(STUCK, path.rpartition(".")[2], f"{self.name} {fields}: {answer}")
            return False
        return answer.ok or answer.refused

    def contradiction(self, what: str, answer: object) -> None:
        self.findings.add(CONTRADICTION, what.partition(" ")[0], f"{self.name}: {what}: {answer}")

    def command(self, *args: str, victims: Sequence[str], may_kill: bool = True) -> int | None:
        """Run a client as a process, which may be killed; return its exit code, None when it was."""
        self.storm.faults.around(victims, 0.7)
        words = [a for a in args[args.index(self.ns) + 1 :] if not a.startswith("-")]
        what = " ".join([Path(args[0]).name, *words[: 2 if args[0] == "ctr" else 1]])
        kill_after = self.rng.uniform(0.02, 1.2) if may_kill and self.rng.random() < 0.2 else None
        process = subprocess.Popen(
            args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            out, _ = process.communicate(timeout=kill_after or _COMMAND_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, _ = process.communicate()
            if kill_after is None:
                self.findings.add(HUNG, what, f"{' '.join(args)}: nothing for {_COMMAND_S:g} s: {out[-300:]}")
            self.findings.count(f"{what}: killed")
            return None
        self.findings.count(f"{what}: exit {process.returncode}")
        if process.returncode and (found := _WRONG_TEXT.search(out)):
            text = out[found.start() : found.end() + 60].splitlines()[0]
            self.findings.add(WRONG, f"{what}: {_VARIABLE.sub('…', text)}", out[-500:].strip())
        return process.returncode

    def ctr(self, *args: str) -> tuple[str, ...]:
        return ("ctr", "--connect-timeout", "20s", "-a", str(self.storm.mesh.address), "-n", self.ns, *args)

    def argosy(self, *args: str) -> tuple[str, ...]:
        return (str(ARGOSY), "--address", str(self.storm.mesh.address), "--namespace", self.ns, *args)


# -- snapshots --


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
        crowded = len(self.ledger.certain) > _MANY
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
        for key in list(dict.fromkeys(tried))[:_TRIED]:
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


@dataclass(frozen=True)
class Blob:
    """A blob; its bytes follow from its seed."""

    seed: int
    size: int
    label: str = ""


@dataclass(frozen=True)
class Ref:
    """An ingest that was opened, with at least acked bytes of the blob."""

    seed: int
    size: int
    acked: int


def bytes_of(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class ContentWorker(Worker):
    """Ingests and blobs. Workers of different namespaces write the same bytes."""

    kind = "blob"
    victims = (GATEWAY, CONTENT)

    def ops(self) -> Sequence[tuple[float, Callable[[], None]]]:
        crowded = len(self.ledger.certain) > _MANY
        return (
            (2 if crowded else 6, self.put), (3, self.resume), (1, self.abort), (8 if crowded else 2, self.delete),
            (2, self.label), (2, self.read), (1, self.race),
        )  # fmt: skip

    def _of(self, kind: type[Any]) -> Any:
        return self.ledger.one(self.rng, lambda _, s: isinstance(s, kind))

    def put(self) -> None:
        gone = [str(k[1]) for k in self.ledger.gone if isinstance(k, tuple) and k[0] == "ref"]
        ref = self.rng.choice(sorted(gone)) if gone and self.rng.random() < 0.3 else self.new("r")
        # Half of the bytes are written by workers of several namespaces, so that blobs are shared.
        seed = self.rng.randrange(100) * 10 + self.number % 2 if self.rng.random() < 0.5 else self._private()
        size = random.Random(seed).choice((33, 700, 5_000, 70_000, 300_000))
        key = ("blob", digest_of(bytes_of(seed, size)))
        if key in self.ledger.certain or self.ledger.is_open(key):
            return
        self._write(ref, None, seed, size)

    def _private(self) -> int:
        return 10_000 * (self.number + 1) + self.rng.randrange(5000)

    def resume(self) -> None:
        key = self._of(Ref)
        if key is not None:
            state = self.ledger.certain[key]
            blob = ("blob", digest_of(bytes_of(state.seed, state.size)))
            if blob not in self.ledger.certain and not self.ledger.is_open(blob):
                self._write(key[1], state, state.seed, state.size)

    def _write(self, ref: str, before: Ref | None, seed: int, size: int) -> None:
        data = bytes_of(seed, size)
        digest = digest_of(data)
        key, blob = ("ref", ref), ("blob", digest)
        chunk = max(1, size // self.rng.choice((1, 2, 4)))
        self.storm.faults.around(self.victims)
        stream = self.wire.write(self.lease)
        steps = 2 + -(-size // chunk)
        cut = self.rng.randrange(steps + 1) if self.rng.random() < 0.45 else -1
        leave = self.rng.random() < 0.25
        # What another namespace has is linked instead of written, and goes when that one forgets it.
        shared = seed < 10_000
        step = 0
        timer: threading.Timer | None = None

        def ask(action: int, **fields: Any) -> Answer:
            nonlocal step, timer
            if step == cut:
                timer = threading.Timer(soon(self.rng), stream.cancel)
                timer.start()
            step += 1
            return self.findings.answered(
                f"Content/Write {('STAT', 'WRITE', 'COMMIT')[action]}",
                stream.ask(message("content.v1.WriteContentRequest", action=action, ref=ref, **fields)),
            )

        try:
            answer = ask(STAT, total=size, expected=digest)
            if not answer.ok:
                if answer.refused:
                    self.contradiction(f"Write {ref} of {digest}, which is not there", answer)
                self.suspects.add(key)
                if before is None:
                    self.ledger.unsure(f"Write {ref}", [{key: None}, {key: Ref(seed, size, 0)}])
                if answer.code is UNAVAILABLE:
                    time.sleep(self.rng.uniform(0.02, 0.2))
                return
            at = answer.message.offset
            if before is not None and at < before.acked:
                self.findings.add(LOST, "bytes of an ingest", f"{self.name}: {ref} is at {at}, was at {before.acked}")
            acked = 0 if shared else at
            self.ledger.set({key: Ref(seed, size, acked)})
            while at < size:
                answer = ask(WRITE, offset=at, data=data[at : at + chunk])
                if not answer.ok:
                    if answer.refused:
                        self.contradiction(f"Write {ref} at {at}", answer)
                    self.suspects.add(key)
                    return
                at = answer.message.offset
                acked = 0 if shared else at
                self.ledger.set({key: Ref(seed, size, acked)})
                if leave and self.rng.random() < 0.5:
                    return
            answer = ask(COMMIT, total=size, expected=digest, offset=size)
            done = {blob: Blob(seed, size), key: None}
            if answer.ok:
                self.ledger.set(done)
                return
            if answer.refused:
                self.contradiction(f"Commit of {ref} to {digest}", answer)
            self.suspects |= {key, blob}
            self.ledger.unsure(f"Commit-of-ingest {ref}", [{blob: None, key: Ref(seed, size, acked)}, done])
        finally:
            if timer is not None:
                timer.cancel()
            if self.rng.random() < 0.5:
                stream.cancel()
            else:
                stream.close()

    def abort(self) -> None:
        key = self._of(Ref)
        if key is None:
            return
        before = self.ledger.certain[key]
        answer = self.cut(CONTENTS + "Abort", self.victims, ref=key[1])
        if answer.ok:
            self.ledger.set({key: None})
            return
        if answer.refused:
            self.contradiction(f"Abort {key[1]}, which is open", answer)
        self.suspects.add(key)
        self.ledger.unsure(f"Abort {key[1]}", [{key: before}, {key: None}])

    def delete(self) -> None:
        key = self._of(Blob)
        if key is None:
            return
        before = self.ledger.certain[key]
        answer = self.cut(CONTENTS + "Delete", self.victims, digest=key[1])
        if answer.ok:
            self.ledger.set({key: None})
            return
        if answer.refused:
            self.contradiction(f"Delete {key[1]}, which is there", answer)
        self.suspects.add(key)
        self.ledger.unsure(f"Delete-blob {key[1]}", [{key: before}, {key: None}])

    def label(self) -> None:
        key = self._of(Blob)
        if key is None:
            return
        before = self.ledger.certain[key]
        after = replace(before, label=self.new("l"))
        info = message("content.v1.Info", digest=key[1], labels={"storm": after.label})
        answer = self.cut(CONTENTS + "Update", self.victims, info=info, update_mask={"paths": ["labels.storm"]})
        if answer.ok:
            self.ledger.set({key: after})
            return
        if answer.refused:
            self.contradiction(f"Update {key[1]}, which is there", answer)
        self.ledger.unsure(f"Update-blob {key[1]}", [{key: before}, {key: after}])

    def read(self) -> None:
        key = self._of(Blob)
        if key is None:
            return
        answer = self.cut(CONTENTS + "Read", self.victims, digest=key[1])
        if answer.ok and digest_of(b"".join(m.data for m in answer.messages)) != key[1]:
            self.findings.add(LOST, "bytes of a blob", f"{self.name}: {key[1]} reads as other bytes")
        if answer.refused:
            self.contradiction(f"Read {key[1]}, which is there", answer)

    def race(self) -> None:
        """Two writers on one ref: the second is told that it is locked."""
        ref, size = self.new("r"), 10
        state = Ref(self._private(), size, 0)
        first, second = self.wire.write(self.lease), self.wire.write(self.lease)
        ask = message("content.v1.WriteContentRequest", action=STAT, ref=ref, total=size)
        opened = self.findings.answered("Content/Write STAT", first.ask(ask))
        told = self.findings.answered("Content/Write STAT of a held ref", second.ask(ask))
        if opened.ok and told.ok and first.ask(ask).ok:
            # A store that was killed between the two has let go of the first, which hears of it with its next message.
            self.contradiction(f"Write {ref} twice", "both writers were let in")
        elif opened.ok and told.refused:
            self.contradiction(f"Write {ref} twice", told)
        first.cancel()
        second.cancel()
        key = ("ref", ref)
        self.suspects.add(key)
        if opened.ok:
            self.ledger.set({key: state})
        else:
            self.ledger.unsure(f"Write {ref}", [{key: None}, {key: state}])

    # -- the judge's side --

    def _look(self, key: Any) -> Any:
        if key[0] == "blob":
            answer = self.surely(CONTENTS + "Info", digest=key[1])
            if answer.ok:
                return answer.message.info.size, answer.message.info.labels.get("storm", "")
        else:
            answer = self.surely(CONTENTS + "Status", ref=key[1])
            if answer.ok:
                return answer.message.status.offset
        return None if answer.code is NOT_FOUND else str(answer)

    @staticmethod
    def _same(state: Any, seen: Any) -> bool:
        if state is None or seen is None or isinstance(seen, str):
            return state is None and seen is None
        if isinstance(state, Blob):
            return bool(seen == (state.size, state.label))
        return bool(seen >= state.acked)

    def _same_open(self, state: Any, seen: Any) -> bool:
        # A ref that was opened and never written to may have no bytes yet that could tell a status.
        return self._same(state, seen) or (isinstance(state, Ref) and state.acked == 0 and seen is None)

    def check(self, thorough: bool) -> None:
        self.findings.count("open outcomes resolved", self.ledger.resolve(self._look, self._same_open, self.findings))
        for key, state in list(self.ledger.certain.items()):
            self.findings.count("acknowledged objects looked at")
            seen = self._look(key)
            problem = "" if self._same_open(state, seen) else f"is {seen}"
            if not problem and isinstance(state, Blob):
                answer = self.surely(CONTENTS + "Read", digest=key[1])
                if not answer.ok:
                    problem = str(answer)
                elif digest_of(b"".join(m.data for m in answer.messages)) != key[1]:
                    problem = "other bytes"
            if problem:
                self.findings.add(LOST, type(state).__name__.lower(), f"{self.name}: {key} must be {state}: {problem}")
                del self.ledger.certain[key]
        for key in sorted(self.ledger.gone, key=str):
            if self._look(key) is not None:
                self.findings.add(BACK, key[0], f"{self.name}: {key[1]} is there again: {self._look(key)}")
                self.ledger.gone.pop(key, None)
        refs = [k for k in self.suspects if k[0] == "ref" and (k in self.ledger.gone or k in self.ledger.certain)]
        for key in self.rng.sample(sorted(refs, key=str), min(len(refs), _TRIED)):
            self._try_again(key)
        self.suspects.clear()
        self.ledger.forget()

    def _try_again(self, key: tuple[str, str]) -> None:
        """Whoever held a ref is gone: it must let itself be opened, and aborted or finished."""
        deadline = time.monotonic() + 10
        while True:
            stream = self.wire.write(self.lease)
            answer = stream.ask(message("content.v1.WriteContentRequest", action=STAT, ref=key[1]))
            stream.close()
            if answer.code is not UNAVAILABLE or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        if not answer.ok:
            self.findings.add(STUCK, "ref", f"{self.name}: {key[1]} can't be opened: {answer}")
        while True:
            answer = self.surely(CONTENTS + "Abort", lease=self.lease, ref=key[1])
            if answer.ok:
                self.ledger.set({key: None})
                return
            if time.monotonic() > deadline:
                self.findings.add(STUCK, "ref", f"{self.name}: {key[1]} can't be aborted: {answer}")
                self.ledger.certain.pop(key, None)
                return
            time.sleep(0.2)

    def clear(self) -> None:
        for kind, name in list(self.ledger.certain):
            if kind == "blob":
                self.tidy(CONTENTS + "Delete", lease=self.lease, digest=name)
            else:
                self.tidy(CONTENTS + "Abort", lease=self.lease, ref=name)
        super().clear()


# -- images --


@dataclass(frozen=True)
class Pulled:
    """An image's row, and the snapshotters that have its layers for certain."""

    target: str
    unpacked: frozenset[str] = frozenset()


class ImageWorker(Worker):
    """Pulls, imports and removals by clients that are processes; tags and updates over the wire."""

    kind = "image"
    victims = (GATEWAY, CONTENT, DIFF)

    def start(self) -> None:
        pass  # images hold what they need; clients bring leases of their own

    def ops(self) -> Sequence[tuple[float, Callable[[], None]]]:
        return ((4, self.pull), (3, self.take_in), (5, self.remove), (3, self.tag), (1, self.pull_at_once))

    def _around(self, snapshotter: str) -> tuple[str, ...]:
        return (*self.victims, SNAPSHOTTERS[snapshotter])

    def _choose(self) -> tuple[Sample, str]:
        return self.rng.choice(self.storm.samples), self.rng.choice(self.storm.snapshotters)

    def _got(self, key: Any, sample: Sample, snapshotter: str, code: int | None, what: str, before: Any) -> None:
        held = before.unpacked if before is not None and before.target == sample.digest else frozenset()
        if code == 0:
            self.ledger.set({key: Pulled(sample.digest, held | {snapshotter})})
        else:
            self.ledger.unsure(f"{what} {key[1]}", [{key: before}, {key: Pulled(sample.digest, held)}])

    def pull(self) -> None:
        sample, snapshotter = self._choose()
        name = f"{self.storm.registry}/{sample.name}"
        key = ("image", name)
        if self.ledger.is_open(key):
            return
        before = self.ledger.certain.get(key)
        args = (
            self.argosy("pull", "--plain-http", "--snapshotter", snapshotter, name) if self.rng.random() < 0.4
            else self.ctr("images", "pull", "--plain-http", "--snapshotter", snapshotter, name)
        )  # fmt: skip
        code = self.command(*args, victims=self._around(snapshotter))
        self._got(key, sample, snapshotter, code, "Pull", before)

    def pull_at_once(self) -> None:
        """Several clients pull one image at the same time."""
        sample, snapshotter = self._choose()
        name = f"{self.storm.registry}/{sample.name}"
        key = ("image", name)
        if self.ledger.is_open(key):
            return
        before = self.ledger.certain.get(key)
        args = self.ctr("images", "pull", "--plain-http", "--snapshotter", snapshotter, name)
        codes: list[int | None] = []
        threads = [
            threading.Thread(
                target=lambda: codes.append(self.command(*args, victims=self._around(snapshotter), may_kill=False))
            )
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._got(key, sample, snapshotter, 0 if 0 in codes else 1, "Pulls", before)

    def take_in(self) -> None:
        sample, snapshotter = self._choose()
        key = ("image", sample.imported)
        if self.ledger.is_open(key):
            return
        before = self.ledger.certain.get(key)
        code = self.command(
            *self.ctr("images", "import", "--snapshotter", snapshotter, str(sample.archive)),
            victims=self._around(snapshotter),
        )
        self._got(key, sample, snapshotter, code, "Import", before)

    def remove(self) -> None:
        key = self.ledger.one(self.rng, lambda *_: True)
        if key is None:
            return
        before = self.ledger.certain[key]
        how = self.rng.randrange(3)
        if how == 0:
            answer = self.cut(IMAGES + "Delete", (GATEWAY,), "", name=key[1], sync=self.rng.random() < 0.3)
            if answer.refused:
                self.contradiction(f"Delete-image {key[1]}, which is there", answer)
            ok = answer.ok
        else:
            flags = ("--sync",) if how == 1 else ()
            ok = self.command(*self.ctr("images", "rm", *flags, key[1]), victims=(GATEWAY, *SNAPSHOTTERS.values())) == 0
        if ok:
            self.ledger.set({key: None})
        else:
            self.ledger.unsure(f"Remove-image {key[1]}", [{key: before}, {key: None}])

    def tag(self) -> None:
        """Give an image a second name, or point a name to another image."""
        source = self.ledger.one(self.rng, lambda *_: True)
        if source is None:
            return
        state = self.ledger.certain[source]
        target = {
            "media_type": "application/vnd.oci.image.manifest.v1+json", "digest": state.target,
            "size": next(s.size for s in self.storm.samples if s.digest == state.target),
        }  # fmt: skip
        key = ("image", f"tag-{self.rng.randrange(6)}")
        if self.ledger.is_open(key) or key == source:
            return
        before = self.ledger.certain.get(key)
        verb = "Create" if before is None else "Update"
        answer = self.cut(IMAGES + verb, (GATEWAY,), "", image={"name": key[1], "target": target})
        after = Pulled(state.target, state.unpacked)
        if answer.ok:
            self.ledger.set({key: after})
            return
        if answer.refused:
            self.contradiction(f"{verb}-image {key[1]}", answer)
        self.ledger.unsure(f"{verb}-image {key[1]}", [{key: before}, {key: after}])

    def settle(self) -> None:
        """What killed clients left is theirs: their leases."""
        answer = self.surely(LEASES + "List")
        for lease in answer.message.leases if answer.ok else ():
            self.tidy(LEASES + "Delete", id=lease.id)

    def _look(self, key: Any) -> Any:
        answer = self.surely(IMAGES + "Get", name=key[1])
        if answer.ok:
            return answer.message.image.target.digest
        return None if answer.code is NOT_FOUND else str(answer)

    @staticmethod
    def _same(state: Any, seen: Any) -> bool:
        return bool(seen == (None if state is None else state.target))

    def check(self, thorough: bool) -> None:
        self.findings.count("open outcomes resolved", self.ledger.resolve(self._look, self._same, self.findings))
        samples = {s.digest: s for s in self.storm.samples}
        for key, state in list(self.ledger.certain.items()):
            self.findings.count("acknowledged objects looked at")
            seen = self._look(key)
            problem = "" if self._same(state, seen) else f"is {seen}"
            sample = samples[state.target]
            for digest in () if problem else sample.blobs:
                answer = self.surely(CONTENTS + "Read", digest=digest)
                if not answer.ok or digest_of(b"".join(m.data for m in answer.messages)) != digest:
                    problem = f"its {digest}: {answer}"
                    break
            for snapshotter in () if problem else sorted(state.unpacked):
                for chain in sample.chains:
                    answer = self.surely(SNAPSHOTS + "Stat", snapshotter=snapshotter, key=chain)
                    if not answer.ok:
                        problem = f"unpacked on {snapshotter}, {chain}: {answer}"
            if problem:
                self.findings.add(LOST, "image", f"{self.name}: {key} must be {state}: {problem}")
                self.ledger.certain.pop(key, None)
        for key in sorted(self.ledger.gone, key=str):
            if self._look(key) is not None:
                self.findings.add(BACK, "image", f"{self.name}: {key} is there again: {self._look(key)}")
                self.ledger.gone.pop(key, None)

    def clear(self) -> None:
        for key in list(self.ledger.certain):
            self.tidy(IMAGES + "Delete", name=key[1])
        self.settle()


# -- things that come and go --


class PassingWorker(Worker):
    """Namespaces with a lease and what it holds; all of it goes with the lease, at a time or on command."""

    kind = "pass"

    def start(self) -> None:
        self.namespaces: dict[str, str] = {}
        """Namespace -> what is promised: "there", "empty" or "gone"."""
        self.promised: list[tuple[float, str, str, str]] = []
        """From when on, namespace, snapshotter ("" for a blob), key: what must not be there any more."""

    def ops(self) -> Sequence[tuple[float, Callable[[], None]]]:
        return ((3, self.pass_by), (1, self.collect))

    def collect(self) -> None:
        """One collection on command, as ``gc`` does it."""
        time.sleep(self.rng.uniform(0, 1.5))
        if self.rng.random() < 0.2:
            self.command(*self.argosy("gc"), victims=EVERYONE)
            return
        made = self.cut(LEASES + "Create", (GATEWAY,), "", id=self.new("gc"))
        if made.ok:
            self.cut(LEASES + "Delete", EVERYONE, "", id=made.message.lease.id, sync=True)

    def pass_by(self) -> None:
        ns = f"{self.storm.token}-{self.new('ns')}"
        self.namespaces[ns] = "there"
        self.findings.answered("Namespaces/Create", self.wire.call(NAMESPACES + "Create", namespace={"name": ns}))
        expires = self.rng.random() < 0.4
        until = time.time() + 3
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))
        lease = self.wire.call(LEASES + "Create", ns=ns, id="l", labels={EXPIRE: stamp} if expires else {})
        self.findings.answered("Leases/Create", lease)
        if not lease.ok:
            return
        snapshotter = self.rng.choice(self.storm.snapshotters)
        self.storm.faults.around((GATEWAY, SNAPSHOTTERS[snapshotter]))
        held: list[tuple[str, str]] = []
        steps: tuple[tuple[str, dict[str, Any]], ...] = (
            ("Prepare", {"key": "a"}), ("Commit", {"key": "a", "name": "c"}), ("Prepare", {"key": "b", "parent": "c"}),
        )  # fmt: skip
        for verb, fields in steps:
            answer = self.wire.call(SNAPSHOTS + verb, ns=ns, lease="l", snapshotter=snapshotter, **fields)
            self.findings.answered(f"Snapshots/{verb} in passing", answer)
            if not answer.ok:
                break
        held += [(snapshotter, key) for key in "abc"]
        if expires:
            self.promised += [(until + 1, ns, *what) for what in held]
            return
        self.storm.faults.around(EVERYONE)
        answer = self.findings.answered("Leases/Delete", self.wire.call(LEASES + "Delete", ns=ns, id="l", sync=True))
        if not answer.ok:
            return
        self.namespaces[ns] = "empty"
        self.promised += [(0.0, ns, *what) for what in held]
        answer = self.cut(NAMESPACES + "Delete", (GATEWAY,), "", name=ns)
        if answer.ok:
            self.namespaces[ns] = "gone"

    def settle(self) -> None:
        """What was cut short has no lease or one that nobody knows of: it goes."""
        latest = max((at for at, *_ in self.promised), default=0.0)
        time.sleep(max(0.0, min(5.0, latest - time.time())))
        for ns, promise in self.namespaces.items():
            if promise != "gone":
                answer = self.surely(LEASES + "List", ns=ns)
                for lease in answer.message.leases if answer.ok else ():
                    self.tidy(LEASES + "Delete", ns=ns, id=lease.id)

    def check(self, thorough: bool) -> None:
        for _, ns, snapshotter, key in self.promised:
            self.findings.count("removals looked at")
            answer = self.surely(SNAPSHOTS + "Stat", ns=ns, snapshotter=snapshotter, key=key)
            if answer.code is not NOT_FOUND:
                self.findings.add(BACK, "held by a lease that is gone", f"{ns} {snapshotter} {key}: {answer}")
        self.promised.clear()
        answer = self.surely(NAMESPACES + "List")
        listed = {n.name for n in answer.message.namespaces} if answer.ok else set()
        for ns, promise in list(self.namespaces.items()):
            if promise == "gone":
                if ns in listed:
                    self.findings.add(BACK, "namespace", f"{ns} is listed again")
            elif ns in listed:
                removed = self.surely(NAMESPACES + "Delete", name=ns)
                if not removed.ok and removed.code is not NOT_FOUND:
                    self.findings.add(STUCK, "namespace", f"{ns}, empty after a collection: {removed}")
                    continue
            del self.namespaces[ns]

    def clear(self) -> None:
        pass  # a check leaves nothing


# -- containers --


class TaskWorker(Worker):
    """Containers: some live through everything, others come and go."""

    kind = "task"
    victims = (GATEWAY, TASKS)

    def start(self) -> None:
        self.witnesses: dict[str, Path] = {}
        self.running: set[str] = set()
        self.messy: set[str] = set()
        self.command(*self.ctr("images", "import", str(self.storm.box)), victims=(), may_kill=False)
        script = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.1; done"
        for n in range(2):
            id = f"witness{self.number}{n}"
            log = self.storm.scratch / f"{id}.log"
            code = self.command(
                *self.ctr("run", "-d", "--log-uri", f"file://{log}", IMAGE, id, "sh", "-c", script),
                victims=(),
                may_kill=False,
            )
            if code != 0:
                self.findings.add(BROKEN, "witness", f"{id} did not start: exit {code}")
                continue
            self.witnesses[id] = log

    def ops(self) -> Sequence[tuple[float, Callable[[], None]]]:
        return ((3, self.launch), (3, self.execute), (2 if len(self.running) < 4 else 6, self.remove))

    def launch(self) -> None:
        id = self.new("c")
        code = self.command(*self.ctr("run", "-d", "--null-io", IMAGE, id, "sleep", "100000"), victims=self.victims)
        if code == 0:
            self.running.add(id)
        else:
            self.messy.add(id)

    def execute(self) -> None:
        ids = sorted(self.running) + sorted(self.witnesses)
        if ids:
            id = self.rng.choice(ids)
            self.command(*self.ctr("tasks", "exec", "--exec-id", self.new("e"), id, "true"), victims=self.victims)

    def remove(self) -> None:
        if not self.running:
            return
        id = self.rng.choice(sorted(self.running))
        self.running.discard(id)
        for args in (("tasks", "rm", "-f", id), ("containers", "rm", id)):
            if self.command(*self.ctr(*args), victims=self.victims) != 0:
                self.messy.add(id)
                return

    def alive(self) -> set[str]:
        return self.running | set(self.witnesses)

    def settle(self) -> None:
        for id in sorted(self.messy):
            self._force(id)
        self.messy.clear()

    def _force(self, id: str) -> None:
        """Remove whatever there is of a container."""
        deadline = time.monotonic() + 30
        while True:
            for args in (("tasks", "rm", "-f", id), ("containers", "rm", id), ("snapshots", "rm", id)):
                self.command(*self.ctr(*args), victims=(), may_kill=False)
            left = [
                what for what, path, fields in (
                    ("task", "tasks.v1.Tasks/Get", {"container_id": id}),
                    ("container", "containers.v1.Containers/Get", {"id": id}),
                    ("snapshot", SNAPSHOTS + "Stat", {"snapshotter": "overlayfs", "key": id}),
                ) if self.surely(path, **fields).code is not NOT_FOUND
            ]  # fmt: skip
            if not left:
                return
            if time.monotonic() > deadline:
                self.findings.add(STUCK, f"{' and '.join(left)} of a run that was cut short", f"{self.ns} {id}")
                return
            time.sleep(0.5)

    def check(self, thorough: bool) -> None:
        for id in sorted(self.alive()):
            self.findings.count("running containers looked at")
            answer = self.surely("tasks.v1.Tasks/Get", container_id=id)
            if not answer.ok or answer.message.process.status != 2:
                self.findings.add(CONTAINERS, "not running", f"{self.ns} {id}: {answer} {answer.messages}")
                self.running.discard(id)
                self.witnesses.pop(id, None)
            elif not Path(f"/proc/{answer.message.process.pid}").exists():
                self.findings.add(CONTAINERS, "no process", f"{self.ns} {id}: pid {answer.message.process.pid}")
        for id, log in self.witnesses.items():
            numbers = log.read_text().split() if log.exists() else []
            time.sleep(0.5)
            later = log.read_text().split() if log.exists() else []
            if len(later) <= len(numbers) or later != [str(n) for n in range(len(later))]:
                self.findings.add(CONTAINERS, "log", f"{self.ns} {id}: {len(numbers)} then {len(later)} lines: {later[-3:]}")

    def clear(self) -> None:
        for id in sorted(self.alive()):
            self._force(id)
        self.running.clear()
        self.witnesses.clear()
        answer = self.surely(IMAGES + "List")
        for image in answer.message.images if answer.ok else ():
            self.tidy(IMAGES + "Delete", name=image.name)
        answer = self.surely(LEASES + "List")
        for lease in answer.message.leases if answer.ok else ():
            self.tidy(LEASES + "Delete", id=lease.id)


KINDS: Final[Mapping[str, type[Worker]]] = {
    w.kind: w for w in (SnapshotWorker, ContentWorker, ImageWorker, PassingWorker, TaskWorker)
}
