"""What a command does when nobody reads its output any more."""

from __future__ import annotations

import subprocess

import pytest

from tests.harness.mesh import ARGOSY, IMAGE, Mesh
from tests.harness.processes import ending

pytestmark = pytest.mark.root


def test_a_run_whose_reader_has_gone_ends_and_takes_its_container_away(mesh: Mesh) -> None:
    """``argosy run --rm ... yes | head``: 141, as a shell says of who died of SIGPIPE; nothing runs on."""
    command = [str(ARGOSY), "-a", str(mesh.address), "run", "--rm", "--name", "piped", IMAGE, "yes"]
    with ending(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)) as running:
        assert running.stdout is not None
        assert running.stdout.read(100_000).startswith(b"y\ny\n")
        running.stdout.close()
        assert running.wait(60) == 141
    assert "piped" not in mesh.ctr("containers", "ls", "-q").ok().out.split()
    assert mesh.ctr("tasks", "ls", "-q").ok().out == ""
