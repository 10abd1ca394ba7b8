"""`./run demo` proves what it says, ends with 1 when it can't, and leaves nothing behind either way."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import demo
from tests.harness.mesh import eventually, run
from tests.harness.processes import ending

HERE = Path(__file__).parents[1]


def left(out: str) -> list[str]:
    """Return what is there of a demo by its output: directory, log, mounts, processes."""
    (base,) = re.findall(r"^# A mesh in (/tmp/argosy-demo-\S+)$", out, re.MULTILINE)
    found = [str(path) for path in Path("/tmp").glob(f"{Path(base).name}*")]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if base in line]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue  # it has just ended
        if base.encode() in command:
            found.append(command.replace(b"\0", b" ").decode())
    return found


@pytest.mark.root
def test_the_demo_shows_a_count_without_a_gap() -> None:
    ran = run([sys.executable, str(HERE / "scripts/demo.py")], timeout=100).ok()
    lines = ran.out.splitlines()
    assert sum(line.startswith("$ kill -9 ") for line in lines) == 3
    (proof,) = (line for line in lines if "every number from 0 to " in line)
    assert proof.startswith("exit code 42; ")
    assert int(proof.split("every number from 0 to ")[1].split()[0]) > 45
    assert ".venv/bin/argosy up" in ran.out and "\033" not in ran.out
    eventually(lambda: left(ran.out) == [], what=f"left: {left(ran.out)}")


FAILS = """
import os, signal
from scripts import demo

def work(here, archive):
    here.step("Import", "import", str(archive))
    counter = demo.Counter(here.command("run", "--name", demo.COUNTER, "busybox", "sh", "-c", demo.COUNTS), here.env)
    counter.show(3)
    pid, _ = here.counting()
    try:
        os.kill(pid, signal.SIGSTOP)
        counter.show()
    finally:
        os.kill(pid, signal.SIGCONT)
        counter.close()

raise SystemExit(demo.run(work))
"""


@pytest.mark.root
def test_a_count_that_stands_still_is_a_failure_and_leaves_only_a_log() -> None:
    ran = subprocess.run([sys.executable, "-c", FAILS], cwd=HERE, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 1, ran
    assert "demo: the count stands still at " in ran.stdout
    kept = Path(ran.stdout.rstrip().rpartition(" is in ")[2])
    assert "What to type next" not in ran.stdout
    eventually(lambda: left(ran.stdout) == [str(kept)])
    kept.unlink()


@pytest.mark.root
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_ends_it_in_the_middle_is_left_only_a_log(number: signal.Signals) -> None:
    command = [sys.executable, str(HERE / "scripts/demo.py")]
    with ending(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as running:
        assert running.stdout is not None
        said = ""
        for line in running.stdout:
            said += line
            if line.startswith("$ kill -9 "):
                break
        running.send_signal(number)
        said += running.stdout.read()
        assert running.wait(60) == 128 + number
    assert "demo: it was interrupted; " in said
    kept = Path(said.rstrip().rpartition(" is in ")[2])
    eventually(lambda: left(said) == [str(kept)])
    kept.unlink()


def counted(*texts: str, pause: float = 0.1) -> list[tuple[float, str]]:
    return [(i * pause, text) for i, text in enumerate(texts)]


def test_a_count_is_judged() -> None:
    assert demo.judged([]) == 0
    assert demo.judged(counted("0", "1", "2")) == pytest.approx(0.1)
    for wrong in (("0", "2"), ("1",), ("0", "0"), ("0", "1", "argosy: gone"), ("0", "", "1")):
        with pytest.raises(demo.Failed, match="the count has a gap"):
            demo.judged(counted(*wrong))
    with pytest.raises(demo.Failed, match="the count stood still for 3.5 s"):
        demo.judged(counted("0", "1", pause=3.5))


def test_without_root_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert demo.main() == 1
    assert "run it as root" in capsys.readouterr().err
