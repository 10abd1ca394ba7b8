"""What a person reads when a command fails, and the code that a script gets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest
from argosy.errors import AlreadyExists, NotFound, Unknown, from_wire
from argosy_cli.output import fail, sentence

from tests.harness.mesh import ARGOSY, Mesh, run
from tests.harness.processes import ending


def test_no_daemon_says_how_to_start_one() -> None:
    ran = run([str(ARGOSY), "-a", "/nonexistent/argosy.sock", "ps"])
    assert ran.code == 7
    assert (
        "/nonexistent/argosy.sock" in ran.err
        and "no such socket" in ran.err
        and 'start a daemon with "argosy up"' in ran.err
    )


def test_a_system_that_says_no_to_a_user_is_told_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    error = PermissionError(13, "Permission denied", "/run/argosy")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert sentence(error) == "/run/argosy: permission denied; you are user 1000, not root: try it with sudo"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert sentence(error) == "/run/argosy: permission denied"


def test_a_thing_is_told_with_its_state() -> None:
    assert sentence(from_wire(5, 'image "hello": not found')) == 'image "hello": not found'
    assert sentence(AlreadyExists('container "a"')) == 'container "a": already exists'


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ('exec: "nosuch": executable file not found in $PATH: unknown', 127),
        ('exec: "/no/x": stat /no/x: no such file or directory: unknown', 127),
        ("crun: executable file `nosuch` not found in $PATH: No such file or directory", 127),
        ('exec: "/etc": permission denied: unknown', 126),
        ('exec: "/etc": is a directory: permission denied', 126),
        ('exec: "/x": exec format error', 126),
        ("crun: open executable: Permission denied", 126),
        # What is missing is not the container's.
        ('OCI runtime "no-such-runc" is not installed: executable file not found in $PATH', 1),
        ("mount /x: no such file or directory", 1),
    ],
)
def test_a_command_that_can_not_be_run_has_the_shells_code(told: str, code: int) -> None:
    assert fail(Unknown(f"OCI runtime create failed: {told}")) == code
    assert fail(NotFound("x")) == 4


@pytest.mark.root
def test_a_missing_command_is_127_and_one_that_can_not_be_executed_126(mesh: Mesh) -> None:
    mesh.argosy("run", "-d", "--name", "c", "busybox", "sleep", "100").ok()
    for word, code in (("nosuch", 127), ("/nosuch/x", 127), ("/etc", 126), ("/bin", 126)):
        assert mesh.argosy("run", "--rm", "busybox", word).code == code, word
        assert mesh.argosy("exec", "c", word).code == code, word
    mesh.argosy("rm", "-f", "c").ok()


@pytest.mark.root
def test_an_exec_is_of_the_user_that_it_is_told(mesh: Mesh) -> None:
    """By numbers, or by what the container's own files say now, whatever the image said."""
    mesh.argosy("run", "-d", "--name", "users", "busybox", "sleep", "100").ok()

    def who(*words: str) -> str:
        return " ".join(mesh.argosy("exec", *words, "users", "sh", "-c", "id -u; id -g").ok().out.split())

    assert who() == "0 0" and who("-u", "7:8") == "7 8" and who("--user", "9") == "9 0"
    mesh.argosy("exec", "users", "sh", "-c", "mkdir -p /etc; echo me:x:1234:56::/:/bin/sh > /etc/passwd").ok()
    assert who("-u", "me") == "1234 56"
    nobody = mesh.argosy("exec", "-u", "nobody-of-that-name", "users", "true")
    assert nobody.code == 4 and "nobody-of-that-name" in nobody.err, nobody.err
    assert not [line for line in Path("/proc/self/mounts").read_text().splitlines() if "argosy-mount-" in line]
    mesh.argosy("rm", "-f", "users").ok()


@pytest.mark.root
def test_what_a_run_is_told_is_what_it_gets(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOR_IT", "a value")
    monkeypatch.delenv("NOT_SET", raising=False)
    show = "echo $FOR_IT ${NOT_SET-none} $PATH; grep ' /t ' /proc/mounts"
    words = ("-e", "FOR_IT", "-e", "NOT_SET", "--mount", "type=tmpfs,dst=/t")
    ran = mesh.argosy("run", "--rm", *words, "busybox", "sh", "-c", show).ok().out
    assert ran.startswith("a value none /") and "tmpfs /t tmpfs rw,nosuid,nodev" in ran, ran
    refused = mesh.argosy("run", "--rm", "-d", "busybox", "true")
    assert refused.code == 2 and "nobody waits for the end" in refused.err
    relative = mesh.argosy("run", "--rm", "--mount", "type=bind,src=here,dst=/t", "busybox", "true")
    assert relative.code == 2 and "absolute path" in relative.err
    mesh.argosy("run", "-d", "--name", "taken", "busybox", "sleep", "100").ok()
    twice = mesh.argosy("run", "-d", "--name", "taken", "busybox", "true")
    assert twice.code == 5 and 'container "taken" in namespace "default": already exists' in twice.err
    mesh.argosy("rm", "-f", "taken").ok()


@pytest.mark.root
def test_a_terminal_has_our_terminals_size_from_the_first(mesh: Mesh) -> None:
    mesh.argosy("run", "-d", "--name", "sized", "busybox", "sleep", "100").ok()
    for words in (("run", "--rm", "-it", "busybox"), ("exec", "-it", "sized")):
        # Also when it is set after the start.
        ours, its = os.openpty()
        termios.tcsetwinsize(its, (33, 77))
        command = [str(ARGOSY), "-a", str(mesh.address), *words, "sh", "-c", "stty size; sleep 0.3; stty size"]
        wishes = {**os.environ, "LINES": "24", "COLUMNS": "80"}
        with ending(
            subprocess.Popen(command, stdin=its, stdout=its, stderr=its, start_new_session=True, env=wishes)
        ) as running:
            os.close(its)
            shown = b""
            with suppress(OSError):  # EIO: nobody has it open any more
                while part := os.read(ours, 100):
                    shown += part
            assert running.wait(20) == 0 and shown.count(b"33 77") == 2, shown
        os.close(ours)
    mesh.argosy("rm", "-f", "sized").ok()


@pytest.mark.root
def test_an_archive_goes_through_a_pipe(mesh: Mesh, tmp_path: Path) -> None:
    through = f"{ARGOSY} -a {mesh.address} export - busybox | {ARGOSY} -a {mesh.address} -n other import -"
    ran = run(["sh", "-c", through])
    assert ran.code == 0 and "busybox" in ran.out, ran.err
    assert "busybox" in mesh.argosy("-n", "other", "images").ok().out
    head = run(["sh", "-c", f"{ARGOSY} -a {mesh.address} export - busybox | head -c 10 >/dev/null"])
    assert "Traceback" not in head.err, head.err
    mesh.argosy("-n", "other", "rmi", "busybox").ok()


def test_a_directory_for_input_is_none() -> None:
    ran = run(["sh", "-c", f"{ARGOSY} -a /nonexistent/argosy.sock ps </tmp"])
    assert ran.code == 7 and "no such socket" in ran.err, ran.err


@pytest.mark.root
def test_a_closed_output_is_told(mesh: Mesh) -> None:
    for words in ("ps", "images", "--version", "run --rm busybox echo x"):
        ran = run(["sh", "-c", f"{ARGOSY} -a {mesh.address} {words} >&-"])
        assert ran.code == 1 and "Bad file descriptor" in ran.err and "Traceback" not in ran.err, ran.err


@pytest.mark.root
def test_privileged_runs_where_the_machine_lacks_capabilities(mesh: Mesh) -> None:
    own = next(x.split()[1] for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("CapBnd"))
    inside = mesh.argosy("run", "--rm", "--privileged", "busybox", "grep", "CapBnd", "/proc/self/status").ok().out
    assert inside.split()[1] == own


@pytest.mark.root
def test_several_are_removed_though_one_can_not_be(mesh: Mesh) -> None:
    """What was done is shown, each failure is told, and the code is the first one's."""
    mesh.argosy("run", "-d", "--name", "one", "busybox", "true").ok()
    mesh.argosy("run", "-d", "--name", "two", "busybox", "true").ok()
    mesh.argosy("run", "-d", "--name", "busy", "busybox", "sleep", "100").ok()
    for lease in ("l1", "l2"):
        mesh.argosy("leases", "create", lease).ok()
    mesh.argosy("tag", "busybox", "other:1").ok()
    missing = "sha256:" + "1" * 64

    ran = mesh.argosy("-o", "json", "rm", "one", "nope", "busy", "two")
    assert ran.code == 4 and json.loads(ran.out) == [{"removed": "one"}, {"removed": "two"}]
    assert [json.loads(line)["class"] for line in ran.err.splitlines()] == ["NotFound", "FailedPrecondition"]
    ran = mesh.argosy("leases", "rm", "l1", "l0", "l2", "--sync")
    assert ran.code == 4 and 'lease "l0": not found' in ran.err and ran.out.split() == ["REMOVED", "l1", "l2"]
    ran = mesh.argosy("rmi", "nope", "other:1")
    assert ran.code == 4 and "docker.io/library/other:1" in ran.out and "nope:latest" in ran.err
    ran = mesh.argosy("content", "rm", missing, missing)
    assert ran.code == 4 and ran.err.count("not found") == 2 and ran.out == ""
    ran = mesh.argosy("snapshots", "rm", "a", "b")
    assert ran.code == 4 and ran.err.count("not found") == 2
    assert [row["id"] for row in json.loads(mesh.argosy("ps", "-o", "json").ok().out)] == ["busy"]
    mesh.argosy("rm", "-f", "busy").ok()


def test_a_daemon_that_is_away_is_told_once() -> None:
    ran = run([str(ARGOSY), "-a", "/nonexistent/argosy.sock", "rm", "a", "b", "c"])
    assert ran.code == 7 and ran.err.count("no such socket") == 1


def test_an_interrupt_before_there_is_a_command_says_nothing(tmp_path: Path) -> None:
    """Ctrl-C while it is loaded: no trace of Python's, and the code of an interrupt."""
    package = tmp_path / "argosy_cli"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "main.py").write_text("raise KeyboardInterrupt\n")
    script = Path(__file__).parents[2] / "cli/bin/argosy"
    ran = run([sys.executable, str(script), "images"], env={"PYTHONPATH": str(tmp_path)})
    assert (ran.code, ran.out, ran.err) == (130, "", "")
