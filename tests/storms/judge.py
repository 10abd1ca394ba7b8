"""What must hold whenever nobody is hit and one collection has run: rows, bytes, and what the machine holds."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.harness.leaks import Held, descriptors, holds, pinned
from tests.storms.faults import EVERYONE
from tests.storms.model import (
    BROKEN,
    BYTES,
    CGROUPS,
    DESCRIPTORS,
    HUNG,
    LOGGED,
    MOUNTS,
    NETNS,
    PROCESSES,
    ROWS,
    SOCKETS,
    UNHEALTHY,
    WRONG,
    ZOMBIES,
)  # fmt: skip
from tests.storms.wire import CALL_S, NOT_FOUND, Answer, Wire
from tests.storms.workers.content import digest_of
from tests.storms.workers.tasks import TaskWorker
from tests.storms.workers.worker import CONTENTS, IMAGES, LEASES, NAMESPACES, SNAPSHOTS, Storm, Worker

# A collection's removals may go on behind its answer, so long as they come to an end.
_SETTLES_S: Final = 20.0
_ENDS_S: Final = 15.0
_HEALTHY_S: Final = 60.0
# Descriptors that a service may have more than after its first look.
_SLACK: Final = 24
_SNAPSHOT_ROOT: Final = "io.containerd.snapshotter.v1."
_CONTENT_ROOT: Final = "io.containerd.content.v1.content"
_SOCKETS: Final = {"overlayfs": "snapshotter-overlay", "native": "snapshotter-native", "erofs": "snapshotter-erofs"}


@dataclass
class Judge:
    """Looks at a mesh from outside: its sockets, its files, /proc."""

    storm: Storm
    workers: Sequence[Worker]
    mark: str
    own: set[int]
    """Processes of the storm itself."""
    baseline: dict[str, int] = field(default_factory=dict)
    netns: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    """What was already reported: a thing that stays is one finding."""
    looks: int = 0

    # -- calling --

    def _ask(self, wire: Wire, path: str, **fields: Any) -> Answer:
        deadline = time.monotonic() + _HEALTHY_S
        while True:
            if self.storm.over:
                fields["timeout_s"] = 0.1
            answer = wire.call(path, **fields)
            if answer.ok or answer.refused or self.storm.over or time.monotonic() > deadline:
                return self.storm.findings.answered(path.rpartition(".")[2], answer)
            time.sleep(0.2)

    def _report(self, row: str, kind: str, detail: str) -> None:
        if f"{row}/{detail}" not in self.seen:
            self.seen.add(f"{row}/{detail}")
            self.storm.findings.add(row, kind, detail)

    # -- the order of a look --

    def look(self, thorough: bool) -> None:
        """Rest, recover, collect once, look at everything, go on."""
        storm, self.looks = self.storm, self.looks + 1
        storm.faults.rest()
        if busy := storm.gate.shut(CALL_S * 3 + 60):
            storm.findings.add(HUNG, "workers that never came to rest", f"{busy} workers")
        with Wire(storm.mesh.address, "default") as wire:
            self._healthy(wire)
            time.sleep(1.0)  # what is shielded from its caller ends now
            self._each(lambda worker: worker.settle())
            self._collect(wire)
            self._bytes(wire)
            self._rows(wire)
            self._each(lambda worker: worker.check(thorough))
            self._collect(wire)
            self._machine()

    def finish(self) -> None:
        """Remove everything through the API: nothing may be left behind it."""
        self._each(lambda worker: worker.clear())
        with Wire(self.storm.mesh.address, "default") as wire:
            self._collect(wire)
            self._bytes(wire, empty=True)
            answer = self._ask(wire, NAMESPACES + "List")
            for namespace in answer.message.namespaces if answer.ok else ():
                gone = self._ask(wire, NAMESPACES + "Delete", name=namespace.name)
                if not gone.ok and gone.code is not NOT_FOUND:
                    self._report(ROWS, "a namespace that is not empty though nothing is in it", f"{namespace.name}: {gone}")
        self._machine()

    def stopped(self) -> None:
        """After the mesh has stopped. What was left by commands ends with it, a moment later."""
        deadline = time.monotonic() + _ENDS_S
        held = self._holds()
        while held.processes and time.monotonic() < deadline:
            time.sleep(0.2)
            held = self._holds()
        for pid, what in held.processes.items():
            self._report(PROCESSES, "after the stop", f"{pid}: {what}")
        for mount in held.mounts:
            self._report(MOUNTS, "after the stop", mount)
        for group in held.cgroups:
            self._report(CGROUPS, "after the stop", group)
        for line in pinned(self.netns):
            self._report(NETNS, "after the stop", line)

    def read_log(self) -> None:
        """What services said about themselves: an exception that nobody handled is a fault, whoever was answered what."""
        text = self.storm.mesh.log.read_text(errors="replace")
        for trace in re.findall(r"^Traceback \(most recent call last\):\n(?:[ \t].*\n|\n)*(?:.*\n)?", text, re.M):
            frames = re.findall(r'File "[^"]*/([^/"]+/[^/"]+)", line \d+, in (\w+)', trace)
            last = trace.strip().splitlines()[-1]
            file, name = frames[-1] if frames else ("", "")
            self.storm.findings.add(LOGGED, f"{last.partition(':')[0]} in {name} of {file}", trace[-600:])

    def _each(self, work: Callable[[Worker], None]) -> None:
        def one(worker: Worker) -> None:
            try:
                work(worker)
            except Exception as error:
                import traceback

                self.storm.findings.add(BROKEN, f"{worker.kind}: {type(error).__name__}", traceback.format_exc()[-600:])

        threads = [threading.Thread(target=one, args=(worker,), daemon=True) for worker in self.workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _healthy(self, wire: Wire) -> None:
        began = time.monotonic()
        probes: list[tuple[str, str, dict[str, Any]]] = [
            (f"snapshotter {name}", SNAPSHOTS + "List", {"snapshotter": name}) for name in self.storm.snapshotters
        ]
        probes += [("content", CONTENTS + "ListStatuses", {}), ("tasks", "tasks.v1.Tasks/List", {})]
        for what, path, fields in probes:
            answer = self._ask(wire, path, **fields)
            if not answer.ok:
                self.storm.findings.add(UNHEALTHY, what, str(answer))
        self.storm.findings.count("slowest recovery, ms", 0)
        took = int(1000 * (time.monotonic() - began))
        counts = self.storm.findings.counts
        counts["slowest recovery, ms"] = max(counts["slowest recovery, ms"], took)

    def _collect(self, wire: Wire) -> None:
        """Collect once, on command."""
        made = self._ask(wire, LEASES + "Create", id=f"look{time.monotonic_ns()}")
        if made.ok:
            answer = self._ask(wire, LEASES + "Delete", id=made.message.lease.id, sync=True)
            if not answer.ok and answer.code is not NOT_FOUND:
                self.storm.findings.add(WRONG, "a collection with everybody well", str(answer))

    # -- rows and bytes --

    def _namespaces(self, wire: Wire) -> list[str]:
        answer = self._ask(wire, NAMESPACES + "List")
        return [n.name for n in answer.message.namespaces] if answer.ok else []

    def _plugin(self, service: str) -> Wire:
        return Wire(self.storm.mesh.state / f"{service}.sock", "judge")

    def _named(self, wire: Wire, namespaces: Sequence[str]) -> tuple[dict[str, set[tuple[str, str]]], set[str], set[str]]:
        """Return what the gateway says: snapshotter -> (namespace, key), digests, refs as ``namespace/ref``."""
        snapshots: dict[str, set[tuple[str, str]]] = {name: set() for name in self.storm.snapshotters}
        digests: set[str] = set()
        refs: set[str] = set()
        for ns in namespaces:
            for name in self.storm.snapshotters:
                answer = self._ask(wire, SNAPSHOTS + "List", ns=ns, snapshotter=name)
                snapshots[name] |= {(ns, info.name) for message in answer.messages for info in message.info}
            listed = self._ask(wire, CONTENTS + "List", ns=ns)
            digests |= {info.digest for message in listed.messages for info in message.info}
            statuses = self._ask(wire, CONTENTS + "ListStatuses", ns=ns)
            found = [s for message in statuses.messages for s in message.statuses]
            refs |= {f"{ns}/{s.ref}" for s in found}
            # One that is at its end from the start stands for a blob, and keeps it.
            digests |= {s.expected for s in found if s.expected and s.offset == s.total}
        return snapshots, digests, refs

    def _compare(self, wire: Wire, empty: bool) -> list[tuple[str, str]]:
        """Return (kind, detail) for all bytes that nothing names."""
        root = self.storm.mesh.root
        found: list[tuple[str, str]] = []
        snapshots, digests, refs = self._named(wire, self._namespaces(wire))
        for name in self.storm.snapshotters:
            with self._plugin(_SOCKETS[name]) as plugin:
                answer = self._ask(plugin, SNAPSHOTS + "List", snapshotter=name)
            keys = [info.name for message in answer.messages for info in message.info]
            for key in keys:
                ns, _, rest = key.partition("/")
                if (ns, rest.partition("/")[2]) not in snapshots[name]:
                    found.append((f"{name}: the snapshotter has it, no row does", key))
            twice = Counter((k.split("/", 2)[0], k.split("/", 2)[-1]) for k in keys)
            found += [(f"{name}: the snapshotter has it twice", "/".join(k)) for k, n in twice.items() if n > 1]
            trees = root / (_SNAPSHOT_ROOT + name) / "snapshots"
            on_disk = sorted(p.name for p in trees.iterdir()) if trees.exists() else []
            if len(on_disk) != len(keys):
                found.append((f"{name}: trees on disk", f"{len(on_disk)} trees, {len(keys)} snapshots: {on_disk[-20:]}"))
            elif empty and on_disk:
                found.append((f"{name}: trees after everything was removed", f"{on_disk}"))
        with self._plugin("content") as plugin:
            listed = self._ask(plugin, CONTENTS + "List")
            held = {info.digest for message in listed.messages for info in message.info}
            statuses = self._ask(plugin, CONTENTS + "ListStatuses")
            ingests = [s.ref for message in statuses.messages for s in message.statuses]
        found += [("content: the store has it, no row does", digest) for digest in held - digests]
        for ref in ingests:
            ns, _, rest = ref.partition("/")
            if f"{ns}/{rest.partition('/')[2]}" not in refs:
                found.append(("content: an ingest that no row names", ref))
        blobs = root / _CONTENT_ROOT / "blobs" / "sha256"
        on_disk = sorted(p.name for p in blobs.iterdir()) if blobs.exists() else []
        found += [("content: a file that the store does not list", name) for name in on_disk if f"sha256:{name}" not in held]
        folder = root / _CONTENT_ROOT / "ingest"
        folders = sorted(p.name for p in folder.iterdir()) if folder.exists() else []
        if len(folders) != len(ingests):
            found.append(
                ("content: ingests on disk", f"{len(folders)} directories, {len(ingests)} ingests: {folders[-10:]}")
            )
        if empty and (held or ingests):
            found.append(("content: after everything was removed", f"{sorted(held)} {ingests}"))
        scratch = root / "io.containerd.differ.v1.walking" / "scratch"
        if scratch.exists() and (left := sorted(p.name for p in scratch.iterdir())):
            found.append(("diff: scratch", f"{left}"))
        known = {(w.ns, id) for w in self.workers if isinstance(w, TaskWorker) for id in w.alive()}
        for top in (self.storm.mesh.state, root / "tasks"):
            bundles = top / "io.containerd.runtime.v2.task"
            for folder in bundles.glob("*/*") if bundles.exists() else ():
                if (folder.parent.name, folder.name) not in known:
                    found.append(("tasks: a bundle without a task", str(folder)))
        return found

    def _bytes(self, wire: Wire, empty: bool = False) -> None:
        deadline = time.monotonic() + _SETTLES_S
        while (found := self._compare(wire, empty)) and time.monotonic() < deadline:
            time.sleep(1.0)
        for kind, detail in found:
            self._report(BYTES, kind, detail)

    def _rows(self, wire: Wire) -> None:
        """Every row has its bytes: snapshots stat and mount, blobs read with their digest, images lead somewhere."""
        read: set[str] = set()
        findings = self.storm.findings
        for ns in self._namespaces(wire):
            for name in self.storm.snapshotters:
                answer = self._ask(wire, SNAPSHOTS + "List", ns=ns, snapshotter=name)
                for info in (info for message in answer.messages for info in message.info):
                    findings.count("snapshot rows looked at")
                    verb = "Stat" if info.kind == 3 else "Mounts"
                    told = self._ask(wire, SNAPSHOTS + verb, ns=ns, snapshotter=name, key=info.name)
                    if not told.ok:
                        self._report(ROWS, f"{name} snapshot", f"{ns} {info.name}: {verb}: {told.code.name} {told.details}")
            for info in (i for m in self._ask(wire, CONTENTS + "List", ns=ns).messages for i in m.info):
                if info.digest in read:
                    continue
                read.add(info.digest)
                findings.count("blob rows looked at")
                answer = self._ask(wire, CONTENTS + "Read", ns=ns, digest=info.digest)
                data = b"".join(m.data for m in answer.messages)
                if not answer.ok or digest_of(data) != info.digest or len(data) != info.size:
                    told_as = f"{answer.code.name} {answer.details} {len(data)} of {info.size} bytes"
                    self._report(ROWS, "blob", f"{ns} {info.digest}: {told_as}")
            images = self._ask(wire, IMAGES + "List", ns=ns)
            for image in images.message.images if images.ok else ():
                answer = self._ask(wire, CONTENTS + "Info", ns=ns, digest=image.target.digest)
                if not answer.ok:
                    self._report(ROWS, "image", f"{ns} {image.name}: its {image.target.digest}: {answer.details}")
        self._hidden(wire)

    def _hidden(self, wire: Wire) -> None:
        """A list leaves out what its snapshotter does not have. The database says what there is besides."""
        path = self.storm.mesh.root / "io.containerd.metadata.v1.argosy" / "metadata.db"
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            columns = {row[1] for row in db.execute("PRAGMA table_info(snapshots)")}
            if not {"ns", "snapshotter", "key"} <= columns:
                return  # drawn differently; what can't be used again is found over the wire
            rows = db.execute("SELECT ns, snapshotter, key FROM snapshots").fetchall()
        finally:
            db.close()
        for ns, snapshotter, key in rows:
            answer = self._ask(wire, SNAPSHOTS + "Stat", ns=ns, snapshotter=snapshotter, key=key)
            if not answer.ok:
                self._report(ROWS, f"{snapshotter} snapshot", f"{ns} {key}: Stat: {answer.code.name} {answer.details}")

    # -- the machine --

    def _holds(self) -> Held:
        namespaces = {worker.ns for worker in self.workers}
        return holds(self.storm.mesh.base, self.mark, namespaces, self.own)

    def _excess(self) -> list[tuple[str, str, str]]:
        mesh = self.storm.mesh
        held = self._holds()
        self.netns |= held.netns
        supervisor = mesh.process.pid if mesh.process is not None else 0
        alive = {(w.ns, id) for w in self.workers if isinstance(w, TaskWorker) for id in w.alive()}
        names = {id for _, id in alive}
        found: list[tuple[str, str, str]] = []
        comms = Counter(what.partition(":")[0] for pid, what in held.processes.items())
        for pid, what in held.processes.items():
            comm = what.partition(": ")[0]
            stat = Path(f"/proc/{pid}/stat")
            try:
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue  # it has just ended
            if comm.startswith("shim:"):
                if comm.removeprefix("shim:")[:10] not in {name[:10] for name in names}:
                    found.append((PROCESSES, "a shim without a container", f"{pid}: {what}"))
            elif (
                parent not in held.processes
                and pid != supervisor
                and not comm.startswith(("shim-template", "argosy-template"))
            ):
                found.append((PROCESSES, "an orphan", f"{pid}: {what}"))
        for service in EVERYONE:
            if comms[service] > 1:
                found.append((PROCESSES, "more than one of a service", f"{comms[service]} of {service}"))
        orphans = [
            pid for pid, what in held.processes.items()
            if what.startswith("shim-template") and _parent(pid) not in held.processes
        ]  # fmt: skip
        if len(orphans) > 1:
            found.append((PROCESSES, "templates of shims", f"{len(orphans)} of them: {orphans}"))
        found += [(ZOMBIES, what, f"{pid}: {what}") for pid, what in held.zombies.items()]
        for mount in held.mounts:
            container = any(f"/{ns}/{id}/" in mount for ns, id in alive)
            if not container and not (mount.endswith("/mnt") and "/snapshots/" in mount):
                found.append((MOUNTS, "below the mesh's directory", mount))
        images = sum(1 for m in held.mounts if m.endswith("/mnt") and "/snapshots/" in m)
        trees = mesh.root / (_SNAPSHOT_ROOT + "erofs") / "snapshots"
        kept = sum(1 for _ in trees.iterdir()) if trees.exists() else 0
        if images > kept:
            found.append((MOUNTS, "erofs images", f"{images} mounted, {kept} kept"))
        listening = {
            line.split(" ")[-1] for line in Path("/proc/net/unix").read_text().splitlines()
            if str(mesh.base) in line and line.split()[3] == "00010000"
        }  # fmt: skip
        for path in held.sockets:
            if path not in listening and Path(path).exists():
                found.append((SOCKETS, "a socket file that nobody listens on", path))
        for group in held.cgroups:
            ns, id = Path(group).parts[-2:]
            if (ns, id) not in alive:
                found.append((CGROUPS, "of a container that is gone", group))
        found += [(NETNS, "kept by a mount", line) for line in pinned(self.netns)]
        for service, pid in mesh.services().items():
            kinds = descriptors(pid)
            total = sum(kinds.values())
            deleted = [k for k in kinds if k.endswith("(deleted)") and str(mesh.base) in k and ".db" not in k]
            if service not in self.baseline:
                self.baseline[service] = total
            elif total > self.baseline[service] + _SLACK:
                most = sorted(kinds.items(), key=lambda k: -k[1])[:5]
                text = f"{service} has {total} open, had {self.baseline[service]}: {most}"
                found.append((DESCRIPTORS, f"{service} grows", text))
            if deleted:
                found.append((DESCRIPTORS, f"{service} holds deleted files", f"{len(deleted)}: {sorted(deleted)[:3]}"))
        return found

    def _machine(self) -> None:
        deadline = time.monotonic() + _SETTLES_S
        while (found := self._excess()) and time.monotonic() < deadline:
            time.sleep(1.0)
        for row, kind, detail in found:
            self._report(row, kind, detail)


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0  # it has just ended
