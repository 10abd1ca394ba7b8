"""A plugin under a debugger may stand still for as long as somebody looks at it: its calls wait, and nobody else notices."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argosy.testkit.served import served
from argosy_cli.new import project

from tests.harness.mesh import Mesh, Ran, eventually
from tests.mesh.test_plugin_registry import is_in

pytestmark = pytest.mark.root
# Longer than it takes to find that a plugin does not answer: three seconds, and five for a health check.
STANDS_STILL_S = 11
MOUNTS = '        return [Mount("bind"'


def still(path: Path, name: str) -> Path:
    """Write a snapshotter that stands still once, with all its process, before it says how to mount, as at a breakpoint."""
    text = project("snapshotter", name)[f"{name}.py"]
    waits = f'        if not Path("{path}/{name}.stood").exists():\n            Path("{path}/{name}.stood").touch()\n            time.sleep({STANDS_STILL_S})\n'
    file = path / f"{name}.py"
    file.write_text(text.replace(MOUNTS, waits + MOUNTS).replace("import subprocess", "import subprocess\nimport time"))
    return file


def prepared(mesh: Mesh, name: str) -> tuple[Ran, float]:
    """Make a snapshot; return how that went, and how long it took."""
    began = time.monotonic()
    ran = mesh.ctr("snapshots", "--snapshotter", name, "prepare", "k")
    return ran, time.monotonic() - began


def test_its_calls_wait_and_those_of_another_do_not(mesh: Mesh, short_path: Path) -> None:
    """`plugin ls` says debug; without the flag the same plugin is found not to answer; and nobody waits for either."""
    names = ("paused", "stuck")
    with (
        served(still(short_path, "paused"), "--root", str(short_path / "p"), "--argosy-debug") as paused,
        served(still(short_path, "stuck"), "--root", str(short_path / "s")) as stuck,
        ThreadPoolExecutor(2) as pool,
    ):
        for name, address in zip(names, (paused, stuck), strict=True):
            mesh.argosy("plugin", "add", "snapshot", name, "--address", str(address)).ok()
        is_in(mesh, "paused", "debug")
        is_in(mesh, "stuck", "ready")
        assert " debug " in next(line for line in mesh.argosy("plugin", "ls").ok().out.splitlines() if " paused " in line)
        one, two = (pool.submit(prepared, mesh, name) for name in names)
        for name in names:
            eventually((short_path / f"{name}.stood").exists)
        mesh.ctr("snapshots", "prepare", "k").ok()
        mesh.ctr("snapshots", "rm", "k").ok()
        assert not one.done() and not two.done(), "they stand still, and another snapshotter was used meanwhile"
        (waited, took), (failed, _) = one.result(), two.result()
        assert waited.code == 0 and took > STANDS_STILL_S - 1, waited
        assert failed.code != 0 and 'snapshot plugin "stuck" at' in failed.err and "does not answer" in failed.err, failed
        is_in(mesh, "stuck", "ready")
        for name in names:
            mesh.argosy("plugin", "remove", name, "--force").ok()
