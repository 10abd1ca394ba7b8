"""Namespaces and leases that come and go with all that is in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.storms.faults import EVERYONE, GATEWAY, SNAPSHOTTERS
from tests.storms.model import (
    BACK,
    STUCK,
)  # fmt: skip
from tests.storms.wire import (
    NOT_FOUND,
)  # fmt: skip
from tests.storms.workers.worker import EXPIRE, LEASES, NAMESPACES, SNAPSHOTS, Worker


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
