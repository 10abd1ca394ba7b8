"""A shim's file that was copied elsewhere still starts: PATH leads to the one that is installed, beside its interpreter."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness.mesh import BIN, IMAGE, Mesh

ROOT = Path(__file__).parents[2]
SHIMS = {"containerd-shim-runc-v2": "shims/runc-v2/bin", "containerd-shim-kata-v2": "shims/kata/bin"}


def copied(name: str, into: Path) -> Path:
    return Path(shutil.copy(ROOT / SHIMS[name] / name, into / "a-copy"))


@pytest.mark.parametrize("name", SHIMS)
def test_a_copy_says_its_version(name: str, tmp_path: Path) -> None:
    # Where PATH leads first is a shim of another make beside some interpreter, as in /usr/bin.
    other = tmp_path / "bin with *"
    other.mkdir()
    (other / name).write_bytes(b"\x7fELF\x02\x01\x00\n")
    (other / "python3").write_text("#!/bin/sh\nexit 8\n")
    for file in other.iterdir():
        file.chmod(0o755)
    env = {"PATH": f"{other}:{BIN}:/usr/bin:/bin"}
    ran = subprocess.run([copied(name, tmp_path), "-v"], capture_output=True, text=True, env=env, timeout=20)
    assert ran.returncode == 0 and "Revision: argosy" in ran.stdout, ran.stderr


@pytest.mark.root
def test_a_container_runs_with_a_copy(mesh: Mesh, tmp_path: Path) -> None:
    shim = copied("containerd-shim-runc-v2", tmp_path)
    ran = mesh.ctr("run", "--rm", "--runtime", str(shim), IMAGE, "copied", "echo", "here")
    assert ran.ok().out == "here\n"
