"""containerd-stress: on PATH, or as scripts/stress-tool builds it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.harness.leaks import cgroups
from tests.harness.mesh import IMAGE, Mesh

_BUILT = Path(__file__).parents[2] / ".cache/bin/containerd-stress"


def containerd_stress() -> str:
    """Return the program; skips the test that asks where there is none."""
    found = shutil.which("containerd-stress") or (str(_BUILT) if _BUILT.exists() else None)
    if found is None:
        pytest.skip("containerd-stress is not there; type: scripts/stress-tool")
    return found


def stress(mesh: Mesh, registry: str, seconds: float, *flags: str) -> dict[str, Any]:
    """Stress mesh with eight workers; nothing may fail or stay behind. Returns what containerd-stress counted."""
    program = containerd_stress()
    name = f"{registry}/stress:1"
    mesh.ctr("images", "tag", "--force", IMAGE, name).ok()
    mesh.ctr("images", "push", "--plain-http", name).ok()
    done = subprocess.run(
        [program, "-a", str(mesh.address), "-c", "8", "-d", f"{seconds:g}s", "-i", name, "--json", *flags],
        capture_output=True, text=True, timeout=seconds + 60, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stderr[-3000:]
    counted: dict[str, Any] = json.loads(done.stdout)
    assert mesh.leftovers() == []
    for what in ("tasks", "containers"):
        assert mesh.ctr(what, "ls", "-q", namespace="stress").ok().out == ""
    snapshots = mesh.ctr("snapshots", "ls", namespace="stress").ok().out.splitlines()[1:]
    assert len(snapshots) == 2 and all("Committed" in line for line in snapshots), snapshots
    assert cgroups("stress", "*") == []
    return counted
