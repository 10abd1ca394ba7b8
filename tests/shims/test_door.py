"""A start that is still a shell gets its shim at the template's door, or goes on by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from argosy.kernel.process import alive
from argosy.kernel.surroundings import key
from argosy_protos.containerd.runtime.bootstrap.v1 import BootstrapParams, BootstrapResult
from argosy_shim_runc_v2.door import RECORD, Knock

from tests.harness.mesh import BIN, eventually
from tests.harness.processes import ending
from tests.harness.templates import served

pytestmark = pytest.mark.root
SHIM = BIN / "containerd-shim-runc-v2"


class Daemon:
    """What a daemon does to have shims; it is this process, so the door is ours."""

    def __init__(self, base: Path) -> None:
        self.base, self.sockets = base, base / "s"
        self.shims: list[int] = []

    def start(
        self, id: str, *, stdin: bytes = b"", flags: Sequence[str] = (), wrap: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        bundle = self.base / id
        bundle.mkdir(exist_ok=True)
        (bundle / "config.json").write_text("{}")
        env = {**os.environ, "ARGOSY_SHIM_SOCKET_DIR": str(self.sockets), "MARK": f"of\n{id}", "EMPTY": ""}
        flags = flags or ("-namespace", "n", "-address", "/a", "-id", id)
        command = [*wrap, str(SHIM), *flags, "start"]
        done = subprocess.run(command, cwd=bundle, env=env, input=stdin, capture_output=True, timeout=30)
        if (bundle / "shim.pid").exists():
            self.shims.append(self.pid(id))
        return done

    def pid(self, id: str) -> int:
        return int((self.base / id / "shim.pid").read_text())

    def parent(self, id: str) -> int:
        return int(Path(f"/proc/{self.pid(id)}/stat").read_text().rpartition(")")[2].split()[1])

    @property
    def door(self) -> Path:
        return self.sockets / f"d-{os.getpid()}"

    def template(self) -> int:
        """Wait for the template of the door."""
        told = Path(f"{self.door}.pid")
        eventually(lambda: told.exists() and alive(int(told.read_text())))
        return int(told.read_text())


@pytest.fixture
def daemon(short_path: Path) -> Iterator[Daemon]:
    found = Daemon(short_path)
    yield found
    for pid in found.shims:
        os.kill(pid, signal.SIGKILL)
    for pid in templates(short_path):
        with suppress(ProcessLookupError):  # one that has just ended by itself
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: not templates(short_path), what="a template is left")


def templates(base: Path) -> list[int]:
    """The templates below base, with their spares."""
    found = []
    for proc in Path("/proc").iterdir():
        try:
            words = (proc / "cmdline").read_bytes() if proc.name.isdigit() else b""
        except OSError:
            continue
        if b"argosy_shim_runc_v2.template" in words and os.fsencode(base) in words:
            found.append(int(proc.name))
    return found


def test_the_template_sees_the_place_that_a_start_would_name() -> None:
    with ending(subprocess.Popen(["sleep", "60"])) as asker:
        assert key(asker.pid, sys.executable, str(SHIM)) == key(os.getpid(), sys.executable, str(SHIM))


def test_a_shell_is_enough_once_there_is_a_template(daemon: Daemon) -> None:
    assert daemon.start("first").returncode == 0
    warm = daemon.template()
    # Without its socket nobody but a shell at the door finds the template.
    for path in daemon.sockets.glob("t-????????????????"):
        path.unlink()
    params = BootstrapParams(instance_id="second", namespace="n", socket_dir=str(daemon.sockets)).encode()
    done = daemon.start("second", stdin=params)
    assert done.returncode == 0 and done.stderr == b"", done
    result = BootstrapResult.decode(done.stdout)
    assert result.version == 3 and result.address.startswith(f"unix://{daemon.sockets}/")
    pid = daemon.pid("second")
    assert daemon.parent("second") == warm and os.getsid(pid) == pid
    # The start has been answered before the shim is all that it will be.
    eventually(lambda: os.readlink(f"/proc/{pid}/cwd") == str(daemon.base / "second"))
    shown = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    assert shown[:5] == [os.fsencode(SHIM), b"-namespace", b"n", b"-id", b"second"]
    # Nothing of the shell's is left open in the shim: its streams, the pipe, the door.
    left = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1, 2)}
    assert left == {"/dev/null"}
    assert not any("/d-" in os.readlink(f) for f in Path(f"/proc/{pid}/fd").iterdir())


def test_what_went_wrong_comes_out_of_the_shell(daemon: Daemon) -> None:
    daemon.start("first")
    daemon.template()
    for path in daemon.sockets.glob("t-????????????????"):
        path.unlink()
    done = daemon.start("bad", flags=("-namespace", "n"))
    assert done.returncode == 1 and done.stderr == b"shim start needs -id and -namespace\n" and done.stdout == b""


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGSTOP])
def test_a_template_that_does_not_answer_costs_a_cold_start_and_nothing_else(daemon: Daemon, sig: signal.Signals) -> None:
    daemon.start("first")
    warm = daemon.template()
    children = Path(f"/proc/{warm}/task/{warm}/children")
    eventually(lambda: len(children.read_text().split()) == 2)
    os.kill(warm, signal.SIGSTOP)
    # Nobody makes another one from here on.
    spares = children.read_text().split()
    if sig == signal.SIGSTOP:
        for pid in spares:
            os.kill(int(pid), sig)  # they would answer; their template would not know
    os.kill(warm, sig)
    if sig == signal.SIGKILL:
        eventually(lambda: not any(alive(int(pid)) for pid in spares))
        assert daemon.door.exists()
    before = time.monotonic()
    if sig == signal.SIGSTOP:
        # The socket of stopped spares accepts and never answers, as any daemon's would.
        for path in daemon.sockets.glob("t-????????????????"):
            path.unlink()
    done = daemon.start("second")
    assert done.returncode == 0 and done.stdout.startswith(b"unix://"), done
    assert time.monotonic() - before < (5 if sig == signal.SIGKILL else 20)
    assert daemon.parent("second") != warm
    if sig == signal.SIGKILL:
        # The next template takes the door over.
        eventually(lambda: daemon.template() != warm)
        for path in daemon.sockets.glob("t-????????????????"):
            path.unlink()
        assert daemon.start("third").returncode == 0
        assert daemon.parent("third") == daemon.template()


def test_a_start_of_another_place_is_sent_on(daemon: Daemon) -> None:
    daemon.start("first")
    warm = daemon.template()
    done = daemon.start("nicer", wrap=("nice", "-n", "1"))
    assert done.returncode == 0, done
    assert daemon.parent("nicer") != warm
    assert os.getpriority(os.PRIO_PROCESS, daemon.pid("nicer")) == os.getpriority(os.PRIO_PROCESS, 0) + 1


def test_a_place_is_what_the_kernel_says_of_who_connects(daemon: Daemon) -> None:
    """Whoever may connect knows the template's socket, and can say what its surroundings are called."""
    daemon.start("first")
    daemon.template()
    (address,) = [path for path in daemon.sockets.glob("t-*") if path.is_socket()]
    argv = [str(SHIM), "-namespace", "n", "start"]  # it will be told what is missing
    assert served(address, argv)
    for wrap in (["unshare", "--uts"], ["prlimit", "--nofile=512:512"]):
        assert not served(address, argv, wrap), wrap
    assert not served(address, argv, how="by a child")
    assert served(address, argv)


def test_nobody_gets_a_shim_for_a_process_that_has_gone(daemon: Daemon) -> None:
    daemon.start("first")
    warm = daemon.template()
    with daemon.door.open("rb+", buffering=0) as knocker:
        for record in (b"%d 1" % os.getpid(), b"999999999 5", b"nonsense", b"-1 0", b""):
            assert knocker.write(record.ljust(RECORD - 1) + b"\n") == RECORD
    done = daemon.start("second")
    assert done.returncode == 0 and daemon.parent("second") == warm and alive(warm)


@pytest.mark.parametrize(
    ("parts", "taken"), [((b"+", 0.3, b"\n", 0.3, b"0\n"), True), ((3.3, b"+\n0\n"), True), ((3.3,), False)]
)
def test_a_shim_is_made_once_however_late_the_answer_is(daemon: Daemon, parts: Sequence[bytes | float], taken: bool) -> None:
    """A template that was slow answered, and so did the start: two answers in one, and two shims at one socket."""
    daemon.sockets.mkdir()
    os.mkfifo(daemon.door)
    Path(f"{daemon.door}.pid").write_text(f"{os.getpid()}\n")
    door = os.open(daemon.door, os.O_RDWR)
    found: list[bool] = []

    def template() -> None:
        pid = int(os.read(door, RECORD).split()[0])
        reply = os.open(f"/proc/{pid}/fd/3", os.O_WRONLY)
        knock = Knock.__new__(Knock)
        knock.pid = pid
        if taken:
            found.append(knock.take())
        for part in parts:
            if isinstance(part, bytes):
                os.write(reply, part)
            else:
                time.sleep(part)
        if not taken:
            found.append(knock.take())
        os.close(reply)

    thread = threading.Thread(target=template)
    thread.start()
    try:
        done = daemon.start("one")
    finally:
        thread.join()
        os.close(door)
    assert done.returncode == 0 and found == [taken]
    # Who took the request here makes no shim, it only says so: there is none unless the start made one.
    assert done.stdout.count(b"unix://") == len(daemon.shims) == (0 if taken else 1)
