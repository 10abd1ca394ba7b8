"""A minute of work while services are killed at random: no container is lost, nothing is left behind. Run with ./run storm."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.mesh import IMAGE, Mesh, eventually
from tests.harness.stress import stress
from tests.storms import report
from tests.storms.__main__ import blow

pytestmark = [pytest.mark.root, pytest.mark.storm, pytest.mark.timeout(300)]

STORM_S = float(os.environ.get("ARGOSY_STORM_S", "60"))


@pytest.fixture
def own_mesh(short_path: Path, image_archive: Path) -> Iterator[Mesh]:
    mesh = Mesh(short_path / "m")
    mesh.base.mkdir()
    mesh.start()
    mesh.ctr("images", "import", str(image_archive)).ok()
    try:
        yield mesh
    finally:
        mesh.destroy()


def clean(mesh: Mesh) -> None:
    assert mesh.leftovers() == []
    assert mesh.ctr("tasks", "ls", "-q").ok().out == ""
    left = mesh.ctr("snapshots", "ls").ok().out.splitlines()[1:]
    assert len(left) == 2 and all("Committed" in line for line in left), left


def test_eight_at_a_time_for_a_minute(own_mesh: Mesh, registry: str) -> None:
    counted = stress(own_mesh, registry, STORM_S)
    assert counted["failures"] == 0, counted
    print(f"{counted['total']} containers in {STORM_S:g} s")


def test_services_killed_at_random(own_mesh: Mesh, tmp_path: Path) -> None:
    """Calls may fail while a service is away; what was acknowledged holds, and the long-lived container counts on."""
    log = tmp_path / "log"
    script = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done"
    own_mesh.ctr("run", "-d", "--log-uri", f"file://{log}", IMAGE, "witness", "sh", "-c", script).ok()
    end = time.monotonic() + STORM_S
    rng = random.Random(7)
    killed: list[str] = []

    def killer() -> None:
        while time.monotonic() < end:
            time.sleep(rng.uniform(0.3, 1.5))
            services = sorted(own_mesh.services().items())
            if not services:
                continue
            name, pid = rng.choice(services)
            try:
                os.kill(pid, signal.SIGKILL)
                killed.append(name)
            except ProcessLookupError:
                continue

    thread = threading.Thread(target=killer)
    thread.start()
    succeeded = n = 0
    while time.monotonic() < end:
        n += 1
        ran = own_mesh.ctr("run", "--rm", IMAGE, f"k{n}", "echo", "ok")
        succeeded += ran.code == 0 and ran.out == "ok\n"
    thread.join()
    print(f"{len(killed)} kills, {succeeded} of {n} runs went through")
    eventually(lambda: own_mesh.ctr("run", "--rm", IMAGE, "after", "echo", "ok").out == "ok\n", within=30)
    numbers = [int(x) for x in log.read_text().split()]
    assert numbers == list(range(len(numbers))) and len(numbers) > STORM_S * 10
    own_mesh.ctr("tasks", "rm", "-f", "witness")
    own_mesh.ctr("containers", "rm", "witness").ok()
    # What a failed run left is still named, and can be taken away by name.
    for id in own_mesh.ctr("tasks", "ls", "-q").ok().out.split():
        own_mesh.ctr("tasks", "rm", "-f", id)
    for id in own_mesh.ctr("containers", "ls", "-q").ok().out.split():
        own_mesh.ctr("containers", "rm", id)
    for line in own_mesh.ctr("snapshots", "ls").ok().out.splitlines()[1:]:
        if "Active" in line:
            own_mesh.ctr("snapshots", "rm", line.split()[0])
    eventually(lambda: clean(own_mesh), within=20)


@pytest.mark.timeout(900)
def test_a_storm_breaks_no_promise() -> None:
    """The table of ``python -m tests.storms`` is all 0."""
    findings = blow(STORM_S, seed=7, say=False)
    assert findings.total == 0, f"{report.details(findings)}\n{report.table(findings)}"
