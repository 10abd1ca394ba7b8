"""What every worker of a storm has: its place in the storm, calls that are cut short, and a memory of what it was told."""

from __future__ import annotations

import abc
import random
import re
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.harness.mesh import ARGOSY, Mesh
from tests.harness.processes import ending
from tests.storms.faults import Faults, soon
from tests.storms.images import Sample
from tests.storms.model import (
    BROKEN,
    CONTRADICTION,
    HUNG,
    STUCK,
    UNHEALTHY,
    WRONG,
    Findings,
    Ledger,
)  # fmt: skip
from tests.storms.wire import (
    CALL_S,
    NOT_FOUND,
    UNAVAILABLE,
    Answer,
    Callers,
    Wire,
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
MANY: Final = 24
# So many keys of cut calls are tried again in one look.
TRIED: Final = 40


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


class Worker(abc.ABC):
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

    @abc.abstractmethod
    def ops(self) -> Sequence[tuple[float, Callable[[], None]]]:
        """Return weights and operations."""

    def start(self) -> None:
        """Make what the work needs, before the storm."""
        self.surely(LEASES + "Create", id=self.lease)

    def settle(self) -> None:  # noqa: B027 - most have nothing to end
        """Before the judge looks, with everybody well: end what has no meaning for the model."""

    @abc.abstractmethod
    def check(self, thorough: bool) -> None:
        """Compare what is there with what was acknowledged."""

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
        self.storm.faults.around(victims, 0.7, self.rng.uniform(0.1, 0.5) if args[0] == str(ARGOSY) else 0.01)
        words = [a for a in args[args.index(self.ns) + 1 :] if not a.startswith("-")]
        what = " ".join([Path(args[0]).name, *words[: 2 if args[0] == "ctr" else 1]])
        kill_after = self.rng.uniform(0.02, 1.2) if may_kill and self.rng.random() < 0.2 else None
        process = subprocess.Popen(
            args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        with ending(process):
            try:
                out, _ = process.communicate(timeout=kill_after or _COMMAND_S)
            except subprocess.TimeoutExpired:
                process.kill()
                out, _ = process.communicate()
                if kill_after is None:
                    self.findings.add(HUNG, what, f"{' '.join(args)}: nothing for {_COMMAND_S:g} s: {out[-300:]}")
                self.findings.count(f"{what}: killed")
                return None
        # Why it failed as well: a storm whose every run fails for one reason has not tried what it counts.
        said = out.strip().splitlines()[-1:] if process.returncode else []
        why = "".join(f" ({_VARIABLE.sub('…', line.partition('error: ')[2] or line)[-120:]})" for line in said)
        self.findings.count(f"{what}: exit {process.returncode}{why}")
        if process.returncode and (found := _WRONG_TEXT.search(out)):
            text = out[found.start() : found.end() + 60].splitlines()[0]
            self.findings.add(WRONG, f"{what}: {_VARIABLE.sub('…', text)}", out[-500:].strip())
        return process.returncode

    def ctr(self, *args: str) -> tuple[str, ...]:
        return ("ctr", "--connect-timeout", "20s", "-a", str(self.storm.mesh.address), "-n", self.ns, *args)

    def argosy(self, *args: str) -> tuple[str, ...]:
        return (str(ARGOSY), "--address", str(self.storm.mesh.address), "--namespace", self.ns, *args)


# -- snapshots --
