"""S36, log programs and runtimes: they get exactly the descriptors of their protocol, and end with what wanted them."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from argosy.shim import stdio
from argosy.shim.stdio import Endpoints, start_logger

from tests.harness.mesh import IMAGE, Mesh, eventually

pytestmark = pytest.mark.root

# Says what it was given, then that it is ready, then copies.
LOGGER = f"""#!{sys.executable} -I
import os, signal, sys
place = sys.argv[1]
given = {{n: os.readlink(f"/proc/self/fd/{{n}}") for n in range(1024) if os.path.lexists(f"/proc/self/fd/{{n}}")}}
ignored = [l.split()[1] for l in open("/proc/self/status") if l.startswith("SigIgn")][0]
with open(place + ".new", "w") as out:
    print(repr((os.getpid(), given, ignored, dict(os.environ), sys.argv[2:])), file=out)
os.rename(place + ".new", place)
os.close(5)
while data := os.read(3, 65536):
    with open(place + ".log", "ab") as out:
        out.write(data)
"""
RUNC = f"""#!{sys.executable} -I
import os, sys
given = [n for n in range(1024) if os.path.lexists(f"/proc/self/fd/{{n}}")]
with open("PLACE", "a") as out:
    print(*sorted(given), file=out)
os.execvp("runc", ["runc", *sys.argv[1:]])
"""


@pytest.fixture(scope="module", params=["cold", "template"])
def mesh(request: pytest.FixtureRequest, image_archive: Path) -> Iterator[Mesh]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "cold":
            patch.setenv("ARGOSY_SHIM_TEMPLATE", "off")
        running = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
        running.start()
        try:
            running.ctr("images", "import", str(image_archive)).ok()
            running.ctr("run", "--rm", IMAGE, "first", "true").ok()
            yield running
            assert running.leftovers() == []
        finally:
            running.destroy()


def program(place: Path, text: str) -> Path:
    place.write_text(text)
    place.chmod(0o755)
    return place


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ended(pid: int) -> bool:
    return not alive(pid)


def said(path: Path) -> tuple[int, dict[int, str], str, dict[str, str], list[str]]:
    eventually(path.exists)
    found: tuple[int, dict[int, str], str, dict[str, str], list[str]] = eval(path.read_text())  # our own program's
    return found


def test_a_log_program_gets_what_its_protocol_says(mesh: Mesh, tmp_path: Path) -> None:
    """0, 1 and 2 are /dev/null, 3 and 4 the output, 5 the pipe that it closes; two names in its environment; no signal ignored."""
    logger = program(tmp_path / "logger", LOGGER)
    uri = f"binary://{logger}?{tmp_path}/said&colour=blue"
    mesh.ctr("run", "-d", "--log-uri", uri, IMAGE, "logged", "sh", "-c", "echo out; exec sleep 1000").ok()
    try:
        pid, given, ignored, environment, words = said(tmp_path / "said")
        assert sorted(given) == [0, 1, 2, 3, 4, 5]
        assert {given[n] for n in (0, 1, 2)} == {"/dev/null"}
        assert all(given[n].startswith("pipe:") for n in (3, 4, 5)) and len({given[n] for n in (3, 4, 5)}) == 3
        own = {"LC_CTYPE"}  # CPython's, for its own children
        assert {k: v for k, v in environment.items() if k not in own} == {
            "CONTAINER_ID": "logged",
            "CONTAINER_NAMESPACE": "default",
        }
        assert words == ["", "colour", "blue"]
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            # CPython itself ignores SIGPIPE.
            assert number == signal.SIGINT or not int(ignored, 16) >> (number - 1) & 1, (number, ignored)
        copied = tmp_path / "said.log"
        eventually(lambda: copied.exists() and copied.read_text() == "out\n")
        assert alive(pid)
    finally:
        mesh.ctr("tasks", "rm", "-f", "logged")
        mesh.ctr("containers", "rm", "logged").ok()
    eventually(lambda: not alive(pid), what="the log program outlives its container")


def test_a_log_program_ends_with_the_create_that_failed(mesh: Mesh, tmp_path: Path) -> None:
    """A container that never came to be leaves no log program, neither when its program is missing nor when it is refused."""
    logger = program(tmp_path / "logger", LOGGER)
    for n, words in enumerate((["/no/such/program"], ["--cwd", "/proc/self/fd/7"])):
        flags, command = ([], words) if words[0][0] == "/" else (words, ["true"])
        ran = mesh.ctr("run", "-d", "--log-uri", f"binary://{logger}?{tmp_path}/said{n}", *flags, IMAGE, "failed", *command)
        assert ran.code
        mesh.ctr("containers", "rm", "failed")
        if (tmp_path / f"said{n}").exists():
            pid = said(tmp_path / f"said{n}")[0]
            eventually(partial(ended, pid), what="a log program outlives a create that failed")
    assert (tmp_path / "said0").exists() and not (tmp_path / "said1").exists()


def test_a_runtime_gets_its_standard_streams_and_no_more(mesh: Mesh, tmp_path: Path) -> None:
    """Each verb: create, exec, kill and delete."""
    runtime = program(tmp_path / "myrunc", RUNC.replace("PLACE", str(tmp_path / "calls")))
    mesh.ctr("run", "-d", "--runc-binary", str(runtime), IMAGE, "given", "sleep", "1000").ok()
    try:
        mesh.ctr("tasks", "exec", "--exec-id", "e", "given", "true").ok()
        mesh.ctr("tasks", "pause", "given").ok()
        mesh.ctr("tasks", "resume", "given").ok()
    finally:
        mesh.ctr("tasks", "rm", "-f", "given")
        mesh.ctr("containers", "rm", "given").ok()
    calls = [line.split() for line in (tmp_path / "calls").read_text().splitlines()]
    assert len(calls) >= 5 and all(call == ["0", "1", "2"] for call in calls), calls


def test_a_stubborn_log_program_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that reads nothing and ignores SIGTERM is killed after its grace; a process that got its number later is not."""
    monkeypatch.setattr(stdio, "_LOGGER_EOF_GRACE_S", 0.1)
    monkeypatch.setattr(stdio, "_LOGGER_GRACE_S", 0.2)
    stubborn = program(tmp_path / "stubborn", "#!/bin/sh\ntrap '' TERM\nexec 5>&-\nwhile :; do sleep 1; done\n")
    ends = Endpoints()
    out, err = start_logger(f"binary://{stubborn}", "default", "x", ends, False)
    assert ends.logger is not None
    pid = ends.logger.pid
    children = [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    os.close(out)
    os.close(err)
    began = time.monotonic()
    ends.close()
    ends.logger.wait(5)
    assert not alive(pid) and 0.2 < time.monotonic() - began < 4
    for child in children:
        eventually(partial(ended, child))
    # It is reaped, and its number may be anybody's: closing again signals nobody.
    ends.close()


def test_logs_are_their_owners_alone(mesh: Mesh, tmp_path: Path) -> None:
    """A file:// log is 0600 and the directories that were made for it 0700, whatever the umask is."""
    before = os.umask(0)
    try:
        log = tmp_path / "made" / "for it" / "log"
        mesh.ctr("run", "--rm", "--log-uri", f"file://{log}".replace(" ", "%20"), IMAGE, "quiet", "echo", "secret").ok()
        eventually(lambda: log.read_text() == "secret\n")
        fd = stdio.open_file(f"file://{tmp_path}/made2/log2")
        os.close(fd)
    finally:
        os.umask(before)
    for path in (log, tmp_path / "made2/log2"):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700
