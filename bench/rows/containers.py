"""Containers: run, exec and stress, with stock clients and with our own."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from pathlib import Path

from argosy.testkit.registry import running_registry

from bench.images import SMALL
from bench.measure import Bench, Result
from bench.sides import ARGOSY, Failed, Side

_NUMBERS = itertools.count()
_STRESS = Path(__file__).parents[2] / ".cache/bin/containerd-stress"


def run(bench: Bench) -> None:
    def by_ctr(side: Side, n: int) -> None:
        side.ctr("run", "--rm", SMALL, f"r{next(_NUMBERS)}", "true")

    def by_argosy(side: Side, n: int, template: str = "") -> None:
        if side is bench.ours:
            env = {"ARGOSY_CLI_TEMPLATE": template}
            side.run(str(ARGOSY), "--address", str(side.address), "run", "--rm", SMALL, "true", env=env)
        else:
            by_ctr(side, n)

    def by_template(side: Side, n: int) -> None:
        by_argosy(side, n, "on")

    ours, theirs = bench.turns(bench.rounds(20), by_ctr, warm=2, scale=1e3)
    bench.add(Result("run", "ctr run --rm true", "ms", ours, theirs, 0.85, 0.65))
    ours, theirs = bench.turns(bench.rounds(20), by_argosy, warm=2, scale=1e3)
    bench.add(Result("run", "argosy run --rm true / ctr", "ms", ours, theirs, note="(not judged: an interpreter starts)"))
    ours, theirs = bench.turns(bench.rounds(20), by_template, warm=2, scale=1e3)
    bench.add(Result("run", "the same with ARGOSY_CLI_TEMPLATE=on", "ms", ours, theirs, 0.85, 0.65))


def ps(bench: Bench) -> None:
    """A command that has to load all that it needs, beside one that is compiled."""
    names = [f"ps-{n}" for n in range(4)]
    for side in bench.sides:
        for name in names:
            side.ctr("run", "-d", SMALL, name, "sleep", "3600")

    def step(side: Side, n: int) -> None:
        if side is bench.ours:
            side.run(str(ARGOSY), "--address", str(side.address), "ps", env={"ARGOSY_CLI_TEMPLATE": ""})
        else:
            side.ctr("containers", "list")

    ours, theirs = bench.turns(bench.rounds(20), step, warm=2, scale=1e3)
    bench.add(Result("ps", "argosy ps / ctr containers list", "ms", ours, theirs, note="(150 ms at most)"))
    for side in bench.sides:
        for name in names:
            side.ctr("tasks", "rm", "-f", name)
            side.ctr("containers", "rm", name)


def exec(bench: Bench) -> None:
    for side in bench.sides:
        side.ctr("run", "-d", SMALL, "exec-in", "sleep", "3600")

    def step(side: Side, n: int) -> None:
        side.ctr("tasks", "exec", "--exec-id", f"e{next(_NUMBERS)}", "exec-in", "true")

    ours, theirs = bench.turns(bench.rounds(20), step, warm=2, scale=1e3)
    bench.add(Result("exec", "ctr tasks exec true", "ms", ours, theirs, 0.9, 0.6))
    for side in bench.sides:
        side.ctr("tasks", "rm", "-f", "exec-in")
        side.ctr("containers", "rm", "exec-in")


def stress(bench: Bench) -> None:
    program = shutil.which("containerd-stress") or str(_STRESS)
    if not Path(program).exists():
        raise Failed("containerd-stress is not built; type: scripts/stress-tool")
    with running_registry() as registry:
        name = f"{registry}/stress:1"
        bench.theirs.ctr("images", "tag", "--force", SMALL, name)
        bench.theirs.ctr("images", "push", "--plain-http", name)

        def step(side: Side, n: int) -> float:
            seconds = 30 if n >= 0 else 3
            done = subprocess.run(
                [program, "-a", str(side.address), "-c", "8", "-d", f"{seconds}s", "-i", name, "--json"],
                capture_output=True, text=True, timeout=seconds + 60,
            )  # fmt: skip
            counted = json.loads(done.stdout) if done.returncode == 0 else {"failures": done.stderr[-500:]}
            if counted["failures"]:
                raise Failed(f"{side.label}: containerd-stress: {counted['failures']} failures")
            return float(counted["containersPerSecond"])

        ours, theirs = bench.turns(bench.rounds(1), step)
        bench.add(Result("stress", "containerd-stress -c 8 -d 30s", "c/s", ours, theirs, 1.3, 2, higher_is_better=True))
