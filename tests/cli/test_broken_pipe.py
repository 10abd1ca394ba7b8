"""What a command does when its output can't be written: the reader has gone or is slow, the disk is full."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.harness.mesh import ARGOSY, IMAGE, Mesh, eventually
from tests.harness.processes import ending

pytestmark = pytest.mark.root

LOOP = "while :; do echo y; done"


def command(mesh: Mesh, *args: str) -> list[str]:
    return [str(ARGOSY), "-a", str(mesh.address), *args]


def cut_off(args: list[str], size: int = 10_000, within: float = 20) -> tuple[int, str]:
    """Read size bytes of what a command writes and leave; return its exit code and what it said."""
    with ending(subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)) as running:
        assert running.stdout is not None and running.stderr is not None
        assert running.stdout.read(size)
        running.stdout.close()
        return running.wait(within), running.stderr.read(100_000).decode()


def is_gone(mesh: Mesh, id: str) -> bool:
    return id not in mesh.ctr("containers", "ls", "-q").ok().out and id not in mesh.ctr("tasks", "ls", "-q").ok().out


@pytest.mark.parametrize("program", [["yes"], ["sh", "-c", LOOP], ["sh", "-c", f"trap '' PIPE; {LOOP}"]])
def test_a_run_whose_reader_has_gone_ends_and_takes_its_container_away(mesh: Mesh, program: list[str]) -> None:
    """``argosy run --rm ... | head``: 141, as a shell says of who died of SIGPIPE; nothing runs on."""
    assert cut_off(command(mesh, "run", "--rm", "--name", "piped", IMAGE, *program)) == (141, "")
    assert is_gone(mesh, "piped")


def test_an_exec_whose_reader_has_gone_ends(mesh: Mesh) -> None:
    mesh.ctr("run", "-d", IMAGE, "host", "sleep", "1000").ok()
    assert cut_off(command(mesh, "exec", "host", "yes")) == (141, "")
    assert len(mesh.ctr("tasks", "ps", "host").ok().out.splitlines()) == 2
    mesh.argosy("rm", "-f", "host").ok()


def test_the_container_is_told_and_ends_in_its_own_way(mesh: Mesh, tmp_path: Path) -> None:
    script = "while echo y; do :; done 2>/dev/null; echo told > /out/told"
    mount = f"type=bind,src={tmp_path},dst=/out,options=rbind:rw"
    assert cut_off(command(mesh, "run", "--rm", "--name", "told", "--mount", mount, IMAGE, "sh", "-c", script)) == (141, "")
    assert (tmp_path / "told").read_text() == "told\n"
    assert is_gone(mesh, "told")


@pytest.mark.parametrize("output", ["stdout", "stderr"])
def test_a_full_disk_is_an_error_with_a_sentence(mesh: Mesh, output: str) -> None:
    script = LOOP if output == "stdout" else f"exec >&2; {LOOP}"
    run = command(mesh, "run", "--rm", "--name", "full", IMAGE, "sh", "-c", script)
    with open("/dev/full", "wb") as full:
        other = subprocess.PIPE
        streams = {"stdout": full, "stderr": other} if output == "stdout" else {"stdout": other, "stderr": full}
        done = subprocess.run(run, **streams, timeout=20)  # type: ignore[call-overload] # mypy knows no overload for a dict
    assert done.returncode == 1
    if output == "stdout":
        sentence = "argosy: standard output cannot be written, what followed is lost: No space left on device\n"
        assert done.stderr.decode() == sentence
    assert is_gone(mesh, "full")


def test_a_slow_reader_loses_nothing_and_holds_up_no_signal(mesh: Mesh) -> None:
    """As ``| less``: the pipe is full, and the container ends when it is told to."""
    script = "trap 'exit 7' TERM; seq 1 60000; sleep 1000 & wait"
    run = command(mesh, "run", "--rm", "--name", "slow", IMAGE, "sh", "-c", script)
    with ending(subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE)) as running:
        assert running.stdout is not None
        assert running.stdout.read(2) == b"1\n"
        time.sleep(1)
        before = _cpu(running.pid)
        time.sleep(1)
        assert _cpu(running.pid) - before < 0.2, "it turns round and round"
        running.send_signal(signal.SIGTERM)
        # More than is lost after a while when nobody waits for the reader.
        time.sleep(6)
        rest = running.stdout.read().decode()
        code = running.wait(20)
    whole = "".join(f"{n}\n" for n in range(2, 60_001))
    assert code in (7, 143), "it got the signal while its output was held up"
    # Who is killed in the middle of writing has written blocks, not lines.
    assert rest == whole if code == 7 else whole.startswith(rest)
    assert is_gone(mesh, "slow")


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_logs_and_blobs_that_nobody_reads_or_nothing_holds(mesh: Mesh) -> None:
    mesh.argosy("run", "-d", "--name", "logged", IMAGE, "seq", "1", "100000").ok()
    eventually(lambda: "100000" in mesh.argosy("logs", "logged").ok().out)
    blobs = [line.split() for line in mesh.ctr("content", "ls").ok().out.splitlines()[1:]]
    layer = max(blobs, key=lambda row: float(row[1].rstrip("kMiB")) * (1000 if row[1].endswith("MB") else 1))[0]
    for args in (["logs", "logged"], ["logs", "-f", "logged"], ["content", "get", layer]):
        assert cut_off(command(mesh, *args), 10) == (141, ""), args
        with open("/dev/full", "wb") as full:
            done = subprocess.run(command(mesh, *args), stdout=full, stderr=subprocess.PIPE, timeout=20)
        assert done.returncode == 1 and done.stderr.endswith(b": No space left on device\n"), (args, done.stderr)
        assert done.stderr.count(b"\n") == 1
    mesh.argosy("rm", "-f", "logged").ok()


def test_a_table_that_nobody_reads_or_nothing_holds(mesh: Mesh) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as nobody:
        done = subprocess.run(command(mesh, "images"), stdout=nobody, stderr=subprocess.PIPE, timeout=20)
    assert (done.returncode, done.stderr) == (141, b"")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command(mesh, "images"), stdout=full, stderr=subprocess.PIPE, timeout=20)
    assert done.returncode == 1 and done.stderr.endswith(b": No space left on device\n")
    assert done.stderr.count(b"\n") == 1
