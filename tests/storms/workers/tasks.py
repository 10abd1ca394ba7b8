"""Containers that are run, asked and removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.harness.mesh import IMAGE
from tests.storms.faults import GATEWAY, TASKS
from tests.storms.model import (
    BROKEN,
    CONTAINERS,
    STUCK,
)  # fmt: skip
from tests.storms.wire import (
    NOT_FOUND,
)  # fmt: skip
from tests.storms.workers.content import ContentWorker
from tests.storms.workers.passing import PassingWorker
from tests.storms.workers.pulls import ImageWorker
from tests.storms.workers.snapshots import SnapshotWorker
from tests.storms.workers.worker import IMAGES, LEASES, SNAPSHOTS, Worker


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
