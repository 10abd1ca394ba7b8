"""Kills and stops: who is hit when, from a seeded schedule, and how everything is brought back for a look."""

from __future__ import annotations

import contextlib
import heapq
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

from tests.harness.mesh import Mesh
from tests.storms.model import BROKEN, Findings

GATEWAY: Final = "argosy-gateway"
CONTENT: Final = "argosy-content"
DIFF: Final = "argosy-diff"
TASKS: Final = "argosy-tasks"
TRANSFER: Final = "argosy-transfer"
SNAPSHOTTERS: Final = {"overlayfs": "argosy-snap-ove", "native": "argosy-snap-nat", "erofs": "argosy-snap-ero"}
EVERYONE: Final = (GATEWAY, CONTENT, DIFF, TASKS, TRANSFER, *SNAPSHOTTERS.values())

# A kill costs a start; without a pause between kills nothing would ever be acknowledged.
_LEAST_GAP_S: Final = 0.8
# One that was killed is let live until its next death is a first one again, most times: a crash in a row is answered by a pause of up to five
# seconds, in which all that a storm does is refused.
_STEADY_S: Final = 10.5
_IN_A_ROW: Final = 0.1
# Longer than any hiccup, shorter than a call's patience.
_STOPS_S: Final = (0.05, 0.3, 1.0, 3.0)


def soon(rng: random.Random) -> float:
    """Return a delay in seconds: as often below 2 ms as above 20 ms, so that each step of a short call is met."""
    return float(0.0003 * 10 ** rng.uniform(0, 2.7))


class Faults:
    """Hits one service at a time, a moment after somebody began a call that uses it."""

    def __init__(self, mesh: Mesh, seed: int, findings: Findings, gap_s: float = _LEAST_GAP_S) -> None:
        self._mesh, self._findings, self._gap_s = mesh, findings, gap_s
        self._rng = random.Random(f"faults/{seed}")
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, str, str]] = []
        self._order = 0
        self._next = 0.0
        self._resting = True
        self._ended = False
        self._stopped: dict[int, str] = {}
        self._killed: dict[str, float] = {}
        self._hits: Counter[str] = Counter()
        self.log: list[str] = []
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="faults", daemon=True)
        self._thread.start()

    def around(self, victims: Sequence[str], chance: float = 0.5, start_s: float = 0.0) -> None:
        """Maybe hit one of victims soon: called right before a call that they take part in, by a client that takes start_s to start."""
        with self._changed:
            now = time.monotonic()
            if self._resting or now < self._next or self._rng.random() > chance:
                return
            if self._rng.random() > _IN_A_ROW:
                victims = [one for one in victims if now > self._killed.get(one, -_STEADY_S) + _STEADY_S]
            if not victims:
                return
            # Who was hit least, every other time: some take part in few calls.
            least = min(victims, key=lambda one: self._hits[one])
            victim = least if self._rng.random() < 0.5 else self._rng.choice(victims)
            # Without the gateway nothing goes on at all.
            self._next = now + self._gap_s * self._rng.uniform(0.7, 2.0) * (3 if victim == GATEWAY else 1)
            how = self._rng.choices(("kill", "stop"), (3, 1))[0]
            self._order += 1
            heapq.heappush(self._due, (now + start_s + soon(self._rng), self._order, how, victim))
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._ended:
                    return
                if not self._due:
                    self._changed.wait(0.5)
                    continue
                at, _, how, victim = self._due[0]
                wait = at - time.monotonic()
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                heapq.heappop(self._due)
            try:
                self._hit(how, victim)
            except Exception as error:  # the storm's own fault is a row of the table
                self._findings.add(BROKEN, "faults", repr(error))

    def _hit(self, how: str, victim: str) -> None:
        pid = self._mesh.services().get(victim)
        if pid is None:
            with self._changed:
                self._next = 0.0  # it is being restarted, or nobody has called it for a while: another's turn
            return
        try:
            if how == "kill":
                os.kill(pid, signal.SIGKILL)
                self._killed[victim] = time.monotonic()
            elif how == "stop":
                length = self._rng.choice(_STOPS_S)
                os.kill(pid, signal.SIGSTOP)
                with self._changed:
                    self._stopped[pid] = victim
                    self._order += 1
                    heapq.heappush(self._due, (time.monotonic() + length, self._order, "go on", victim))
                    self._next += length / 2
            else:
                self._release(victim)
                return
        except ProcessLookupError:
            return
        self.log.append(f"{time.monotonic() - self._began:8.2f} s {how} {victim} ({pid})")
        self._findings.count(f"{how} {victim}")
        self._hits[victim] += 1

    def _release(self, victim: str = "") -> None:
        with self._changed:
            released = [pid for pid, name in self._stopped.items() if victim in ("", name)]
            for pid in released:
                del self._stopped[pid]
        for pid in released:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def go(self) -> None:
        """Let faults happen."""
        with self._changed:
            self._resting = False

    def rest(self) -> None:
        """Let none happen any more, and let everybody who was stopped go on."""
        with self._changed:
            self._resting = True
            self._due = [entry for entry in self._due if entry[2] == "go on"]
        self._release()

    def close(self) -> None:
        self.rest()
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join(5)
