"""A command that a template's worker runs is, for whoever typed it, the command itself."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from argosy.testkit.image import oci_archive

from tests.harness.mesh import ARGOSY, IMAGE, Mesh, eventually, run
from tests.harness.processes import ending
from tests.harness.templates import served

pytestmark = pytest.mark.root


@pytest.fixture
def home(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where templates of this test are, for commands that want one."""
    directory = short_path / "cli"
    monkeypatch.setenv("ARGOSY_CLI_TEMPLATE", "on")
    monkeypatch.setenv("ARGOSY_CLI_DIR", str(directory))
    return directory


@pytest.fixture
def own_mesh(short_path: Path, home: Path) -> Iterator[Mesh]:
    oci_archive(short_path / "image.tar", IMAGE)
    mesh = Mesh(short_path / "m")
    mesh.base.mkdir()
    mesh.start()
    try:
        mesh.argosy("import", str(short_path / "image.tar")).ok()
        eventually(lambda: len(templates(home)) == 1, what="the first command left no template")
        eventually(lambda: [path for path in home.iterdir() if path.is_socket()] != [])
        yield mesh
        assert mesh.leftovers() == []
    finally:
        mesh.destroy()
    eventually(lambda: templates(home) == [], what="the template outlived the mesh")
    eventually(lambda: list(home.iterdir()) == [])


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def templates(home: Path) -> list[int]:
    """The templates below home; their spares have the same command line, and them as parents."""
    found = {}
    for proc in Path("/proc").iterdir():
        if proc.name.isdigit():
            try:
                command = (proc / "cmdline").read_bytes()
                parent = parent_of(int(proc.name))
            except OSError:
                continue
            if b"argosy_cli.template" in command and os.fsencode(home) in command:
                found[int(proc.name)] = parent
    return [pid for pid, parent in found.items() if parent not in found]


def worker_of(home: Path, word: str) -> int:
    """The worker that runs a command with this word in it."""
    (template,) = templates(home)
    for pid in Path(f"/proc/{template}/task/{template}/children").read_text().split():
        if word in Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0"):
            return int(pid)
    raise AssertionError(f"no worker runs {word}")


@contextmanager
def begun(mesh: Mesh, name: str, script: str, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a script in a container, through a worker, beside the block; it has begun when the block does."""
    process = subprocess.Popen(
        [ARGOSY, "--address", mesh.address, "run", "--rm", "--name", name, IMAGE, "sh", "-c", f"echo up; {script}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **(env or {})},
    )  # fmt: skip
    with ending(process) as running:
        assert running.stdout is not None and running.stdout.readline() == b"up\n"
        yield running


@contextmanager
def watched(mesh: Mesh, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Follow the events beside the block, which begins when a worker does so."""
    command = [str(ARGOSY), "--address", str(mesh.address), "events"]
    with ending(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)) as watching:
        eventually(lambda: bool(worker_of(home, "events")))
        yield watching


def test_exit_code_streams_directory_environment_and_mask_are_the_callers(
    own_mesh: Mesh, home: Path, tmp_path: Path
) -> None:
    command = [str(ARGOSY), "--address", str(own_mesh.address)]
    ran = run([*command, "run", "--rm", "-i", IMAGE, "sh", "-c", "cat; echo no >&2; exit 7"], input="given\n")
    assert (ran.code, ran.out, ran.err) == (7, "given\n", "no\n")
    script = f'cd "$1" && umask 027 && "$2" export out.tar {IMAGE} && CONTAINERD_NAMESPACE=other "$2" -o json images'
    env = {"ARGOSY_ADDRESS": str(own_mesh.address)}
    for _ in range(2):  # the second has a template for its mask
        told = run(["sh", "-c", script, "sh", str(tmp_path), str(ARGOSY)], env=env).ok()
        assert told.out.splitlines()[-1] == "[]"
        assert (tmp_path / "out.tar").stat().st_mode & 0o777 == 0o640
        (tmp_path / "out.tar").unlink()
        eventually(lambda: len(templates(home)) == 2)
    failed = own_mesh.argosy("images", "--no-such-flag")
    assert failed.code == 2 and "no-such-flag" in failed.err


def test_a_command_runs_in_a_worker_and_with_its_name(own_mesh: Mesh, home: Path) -> None:
    with begun(own_mesh, "named", "sleep 1000") as running:
        worker = worker_of(home, "named")
        assert worker != running.pid
        assert Path(f"/proc/{worker}/cmdline").read_bytes().startswith(os.fsencode(ARGOSY) + b"\0--address\0")
        own_mesh.ctr("tasks", "kill", "-s", "SIGKILL", "named").ok()
        assert running.wait(10) == 137


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_for_the_caller_reaches_the_container(own_mesh: Mesh, home: Path, number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    with begun(own_mesh, "trapped", f"trap 'exit 9' {name}; echo set; while :; do sleep 0.1; done") as running:
        assert worker_of(home, "trapped")
        assert running.stdout is not None and running.stdout.readline() == b"set\n"
        running.send_signal(number)
        assert running.wait(10) == 9


def test_a_signal_that_ends_the_worker_ends_the_caller_by_it(own_mesh: Mesh, home: Path) -> None:
    with watched(own_mesh, home) as watching:
        watching.terminate()
        assert watching.wait(10) == -signal.SIGTERM


def test_the_end_of_the_caller_is_the_workers(own_mesh: Mesh, home: Path) -> None:
    with watched(own_mesh, home) as watching:
        worker = worker_of(home, "events")
        watching.kill()
    eventually(lambda: not Path(f"/proc/{worker}").exists())


def test_a_worker_that_was_killed_is_told_of(own_mesh: Mesh, home: Path) -> None:
    with watched(own_mesh, home) as watching:
        os.kill(worker_of(home, "events"), signal.SIGKILL)
        _, said = watching.communicate(timeout=10)
    assert watching.returncode == 137 and b"was killed" in said


def test_stop_and_continue_are_for_both(own_mesh: Mesh, home: Path) -> None:
    def state(pid: int) -> str:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

    with begun(own_mesh, "halted", "sleep 1000") as running:
        worker = worker_of(home, "halted")
        running.send_signal(signal.SIGTSTP)
        eventually(lambda: state(running.pid) == "T" and state(worker) == "T")
        running.send_signal(signal.SIGCONT)
        eventually(lambda: state(running.pid) == "S" and state(worker) == "S")
        own_mesh.ctr("tasks", "kill", "-s", "SIGKILL", "halted").ok()
        assert running.wait(10) == 137


def test_a_terminal_is_the_containers_and_its_size_follows(own_mesh: Mesh, home: Path) -> None:
    command = [str(ARGOSY), "--address", str(own_mesh.address), "run", "--rm", "-it", "--name", "tty", IMAGE, "sh"]
    pid, terminal = pty.fork()
    if pid == 0:
        # What libreadline puts into the C library's environment, a size of its own, stays behind.
        os.execve(command[0], command, os.environ)
    seen = b""

    def until(mark: bytes) -> None:
        nonlocal seen
        deadline = time.monotonic() + 20
        while mark not in seen:
            ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, seen
            seen += os.read(terminal, 4096)
        seen = seen.partition(mark)[2]

    def resize(rows: int, columns: int) -> None:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    try:
        os.write(terminal, b"echo a$((40 + 2))b\n")
        until(b"a42b")
        assert worker_of(home, "tty")
        for rows, columns in ((33, 101), (44, 77)):
            resize(rows, columns)
            time.sleep(0.5)
            os.write(terminal, b"stty size\n")
            until(f"{rows} {columns}".encode())
        os.write(terminal, b"sleep 1000\n")
        time.sleep(0.3)
        os.write(terminal, b"\x03")  # what the terminal makes of it is the container's business
        os.write(terminal, b"exit 5\n")
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 5
    finally:
        os.close(terminal)


def has_socket(pid: int) -> bool:
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            if "socket:" in os.readlink(f"/proc/{pid}/fd/{fd}"):
                return True
        except FileNotFoundError:
            continue  # closed between the two looks
    return False


def test_a_job_in_the_background_of_its_terminal_runs_by_itself(own_mesh: Mesh, home: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        # A shell with job control does the same for "argosy events &".
        if os.fork() == 0:
            os.setpgid(0, 0)
            os.execve(ARGOSY, [str(ARGOSY), "--address", str(own_mesh.address), "events"], os.environ)
        time.sleep(20)
        os._exit(0)
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children")
        eventually(lambda: children.read_text() != "")
        job = int(children.read_text().split()[0])
        eventually(lambda: os.fspath(ARGOSY) in Path(f"/proc/{job}/cmdline").read_text())
        # It has its own sockets once it has begun.
        eventually(lambda: has_socket(job))
        with pytest.raises(AssertionError, match="no worker runs events"):
            worker_of(home, "events")
        os.kill(job, signal.SIGKILL)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def test_without_a_template_or_with_one_of_older_code_commands_run_by_themselves(own_mesh: Mesh, home: Path) -> None:
    from argosy_cli import output

    (first,) = templates(home)
    os.kill(first, signal.SIGKILL)
    assert [path for path in home.iterdir() if path.is_socket()] != []  # and nobody listens
    assert IMAGE in own_mesh.argosy("images").ok().out
    eventually(lambda: len(templates(home)) == 1 and templates(home) != [first])
    (second,) = templates(home)
    eventually(lambda: bool(Path(f"/proc/{second}/task/{second}/children").read_text()))
    assert output.__file__ is not None
    os.utime(output.__file__)
    assert IMAGE in own_mesh.argosy("images").ok().out
    eventually(lambda: len(templates(home)) == 1 and templates(home) != [second])


def test_a_place_is_what_the_kernel_says_of_who_connects(own_mesh: Mesh, home: Path) -> None:
    """Whoever may connect knows the template's socket, and can say what its surroundings are called."""
    (address,) = [path for path in home.iterdir() if path.is_socket()]
    argv = [str(ARGOSY), "--address", str(own_mesh.address), "images"]
    assert served(address, argv)
    for wrap in (
        ["unshare", "--uts"],
        ["prlimit", "--nofile=512:512"],
        ["sh", "-c", 'umask 077; exec "$@"', "sh"],
    ):
        assert not served(address, argv, wrap), wrap
    assert not served(address, argv, how="by a child")
    assert served(address, argv)


def test_who_does_not_want_a_template_gets_none(own_mesh: Mesh, home: Path, short_path: Path) -> None:
    assert templates(home) != []
    other = short_path / "other"
    other.mkdir(0o755)  # others could look into it, and with more rights put a socket there
    unwanted = {"ARGOSY_CLI_TEMPLATE": ""}, {"ARGOSY_CLI_TEMPLATE": "off"}, {"ARGOSY_CLI_DIR": str(other)}
    command = [str(ARGOSY), "--address", str(own_mesh.address)]
    for env in unwanted:
        before = set(home.iterdir())
        assert IMAGE in run([*command, "images"], env=env).ok().out
        assert set(home.iterdir()) == before and list(other.iterdir()) == []
    fresh = {"ARGOSY_CLI_DIR": str(short_path / "fresh")}
    for words in (["--help"], ["run", "-h"], ["kata", "show-image"]):
        run([*command, *words], env=fresh)
    assert not (short_path / "fresh").exists()
    # A command that has failed leaves none either: perhaps there is no daemon.
    assert run([str(ARGOSY), "--address", str(short_path / "none"), "images"], env=fresh).code != 0
    assert not any((short_path / "fresh").iterdir())
