"""Steps of a set-up say what is done, how far it is and how long it takes, on no terminal either."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from tests.harness.mesh import eventually, run
from tests.harness.processes import ending

STEP = str(Path(__file__).parents[1] / "scripts/step")


def test_a_long_step_is_never_silent_for_long(tmp_path: Path) -> None:
    began = str(int(time.time()) - 40)
    ran = run(
        [STEP, "counting", "sh", "-c", "echo One; echo '  Two things'; echo WARNING: no; echo '  2/2 MB'; sleep 6"],
        {"RUN_BEGAN": began, "TMPDIR": str(tmp_path)},
    ).ok()
    assert ran.out == ""
    first, second = ran.err.splitlines()
    assert re.fullmatch(r"run: \[ 4[01] s\] counting", first)
    assert re.fullmatch(r"run: \[ 4[567] s\] \.\.\. Two things", second)
    assert list(tmp_path.iterdir()) == []


def test_what_a_step_that_failed_has_said_is_shown(tmp_path: Path) -> None:
    ran = run([STEP, "failing", "sh", "-c", "echo out; echo err >&2; exit 3"], {"TMPDIR": str(tmp_path)})
    assert ran.code == 3
    assert ran.err.splitlines()[1:3] == ["out", "err"]
    assert ran.err.splitlines()[-1].endswith("failing: failed with code 3; what it said is above")
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_is_interrupted_ends_what_it_runs(tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [STEP, "waiting", "sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 100"]
    with ending(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)) as step:
        eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"))
        pid = int((tmp_path / "pid").read_text())
        step.send_signal(signal.SIGTERM)
        assert step.wait(10) == 130
    assert not Path(f"/proc/{pid}").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["pid"]
