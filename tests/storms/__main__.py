"""``./run storm --minutes 10 --seed N``: kills, cancels and stops at every step, then a table in which each row must be 0."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from argosy.testkit.image import oci_archive
from argosy.testkit.registry import running_registry

from tests.harness import leaks
from tests.harness.leaks import MARK, new_mark
from tests.harness.mesh import IMAGE, Mesh
from tests.storms import images, report
from tests.storms.faults import Faults
from tests.storms.judge import Judge
from tests.storms.model import UNHEALTHY, Findings
from tests.storms.wire import Callers
from tests.storms.workers.content import ContentWorker
from tests.storms.workers.passing import PassingWorker
from tests.storms.workers.pulls import ImageWorker
from tests.storms.workers.snapshots import SnapshotWorker
from tests.storms.workers.tasks import TaskWorker
from tests.storms.workers.worker import Gate, Storm, Worker

SNAPSHOTTERS: Final = ("overlayfs", "native", "erofs")
_LOOK_EVERY_S: Final = 120.0
# Two snapshot workers share a namespace, as do two of content: keys differ, locks and collections do not.
_CREW: Final = ((SnapshotWorker, 6), (ContentWorker, 4), (ImageWorker, 3), (PassingWorker, 2), (TaskWorker, 1))


def crew(storm: Storm) -> list[Worker]:
    """Return all workers of a storm."""
    workers: list[Worker] = []
    for kind, count in _CREW:
        shares = kind in (SnapshotWorker, ContentWorker)
        for n in range(count):
            workers.append(kind(storm, n, f"{storm.token}-{kind.kind}{n // 2}" if shares else ""))
    return workers


def descendants() -> set[int]:
    """Return this process and everything that it started but the mesh."""
    own = {os.getpid()}
    pairs = [
        line.split()
        for line in subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout.splitlines()
    ]
    changed = True
    while changed:
        more = {int(pid) for pid, parent in pairs if int(parent) in own} - own
        changed = bool(more)
        own |= more
    return own


def blow(seconds: float, seed: int, look_every_s: float = _LOOK_EVERY_S, say: bool = True) -> Findings:
    """Run a storm on a mesh of its own; return what was found."""
    base = Path(tempfile.mkdtemp(prefix="ay-storm-", dir="/tmp"))
    mark, findings = new_mark(), Findings()
    mesh = Mesh(base / "m", env={MARK: mark})
    mesh.base.mkdir()
    scratch = base / "scratch"
    scratch.mkdir()

    def tell(text: str) -> None:
        if say:
            print(f"storm: {text}", file=sys.stderr, flush=True)

    callers = Callers()
    with contextlib.ExitStack() as stack:
        # Commands leave templates of theirs, which end with their mesh.
        before = os.environ.get("ARGOSY_CLI_DIR")
        os.environ["ARGOSY_CLI_DIR"] = str(base / "cli")
        stack.callback(
            lambda: os.environ.pop("ARGOSY_CLI_DIR") if before is None else os.environ.update(ARGOSY_CLI_DIR=before)
        )
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        registry = stack.enter_context(running_registry())
        samples = images.make(scratch, seed)
        for sample in samples:
            images.push(sample, registry)
        oci_archive(scratch / "box.tar", IMAGE)
        own = descendants()
        mesh.start()
        stack.callback(mesh.destroy)
        faults = Faults(mesh, seed, findings)
        stack.callback(faults.close)
        gate = Gate()
        token = f"st{random.SystemRandom().randrange(16**6):06x}"
        storm = Storm(
            mesh, seed, findings, faults, callers, gate, registry, samples, scratch / "box.tar", token, scratch, SNAPSHOTTERS
        )
        workers = crew(storm)
        judge = Judge(storm, workers, mark, own)
        for worker in workers:
            worker.start()
        mesh.wake()
        judge.look(thorough=False)
        gate.open()
        threads = [threading.Thread(target=w.run, name=w.name, daemon=True) for w in workers]
        for thread in threads:
            thread.start()
        tell(f"seed {seed}, {seconds:g} s, {len(workers)} workers on {', '.join(SNAPSHOTTERS)}")
        blown = 0.0
        while blown < seconds and not storm.over:
            length = min(look_every_s, seconds - blown)
            faults.go()
            gate.open()
            time.sleep(length)
            blown += length
            began = time.monotonic()
            judge.own |= descendants_of_callers(own)
            judge.look(thorough=blown >= seconds)
            tell(f"{blown:.0f} s: {findings.total} findings so far; the look took {time.monotonic() - began:.0f} s")
        gate.end()
        for thread in threads:
            thread.join(5)
        if storm.over:
            findings.add(UNHEALTHY, "the supervisor ended", mesh.log.read_text(errors="replace")[-600:])
        else:
            judge.finish()
        for worker in workers:
            worker.wire.close()
        if not storm.over:
            mesh.stop()
            judge.stopped()
        judge.read_log()
        leaks.drop_namespaces(worker.ns for worker in workers)
        if say and findings.total:
            kept = Path(tempfile.gettempdir()) / f"storm-{seed}.log"
            kept.write_text("\n".join(faults.log) + "\n\n" + mesh.log.read_text(errors="replace")[-2_000_000:])
            tell(f"who was hit when, and the mesh's log: {kept}")
    return findings


def descendants_of_callers(_: set[int]) -> set[int]:
    """Return the storm's own helpers that were started since: multiprocessing's servers and their children."""
    found = set()
    for pid in descendants():
        with contextlib.suppress(OSError):
            if b"multiprocessing" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./run storm", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="of the schedule; printed when it is chosen here")
    parser.add_argument(
        "--look-every", type=float, default=_LOOK_EVERY_S, metavar="SECONDS", help="how often everything is checked"
    )
    parser.add_argument("--markdown", type=Path, default=None, metavar="FILE", help="write the table there as well")
    options = parser.parse_args(argv)
    if os.geteuid() != 0:
        print("storm: this needs root: mounts, cgroups, runc; type: sudo ./run storm", file=sys.stderr)
        return 2
    # A storm that is ended from outside takes its mesh along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    findings = blow(options.minutes * 60, seed, options.look_every)
    print(report.work(findings))
    print(report.details(findings))
    print(f"\n{report.table(findings)}\n\nseed {seed}, {options.minutes:g} minutes")
    if options.markdown is not None:
        facts = (f"seed {seed}", f"{options.minutes:g} minutes", f"snapshotters: {', '.join(SNAPSHOTTERS)}")
        options.markdown.write_text(report.markdown(findings, "A storm", facts))
    return 1 if findings.total else 0


if __name__ == "__main__":
    sys.exit(main())
