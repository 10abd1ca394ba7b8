"""What a test starts beside itself is over with it, also when the test, or the start, fails."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.harness.mesh import Mesh
from tests.harness.processes import ending


def test_a_process_ends_with_its_block_and_its_pipes_are_closed() -> None:
    process = subprocess.Popen(["sleep", "60"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with pytest.raises(KeyError, match="the test's own"), ending(process):
        assert process.poll() is None
        raise KeyError("the test's own")
    assert process.returncode == -signal.SIGKILL
    assert [pipe is not None and pipe.closed for pipe in (process.stdin, process.stdout, process.stderr)] == [True] * 3


def test_a_process_that_has_ended_keeps_its_code() -> None:
    with ending(subprocess.Popen(["sh", "-c", "exit 7"])) as process:
        assert process.wait(10) == 7
    assert process.returncode == 7


def test_a_mesh_that_does_not_become_ready_is_over(short_path: Path) -> None:
    """Its start raises, so that there is nobody to destroy it."""
    mesh = Mesh(short_path, command=("sh", "-c", f"echo $$ >{short_path}/pid; echo no; exec sleep 60"))
    with pytest.raises(AssertionError, match="said 'no"):
        mesh.start()
    assert mesh.process is None
    assert not Path("/proc", (short_path / "pid").read_text().strip()).exists()
