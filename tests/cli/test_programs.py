"""The programs of plugins, as the supervisor runs them: started, started again, ended with all that they have started, and what they print."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argosy.kernel.process import alive
from argosy_cli import program_log
from argosy_cli.program_log import ProgramLog
from argosy_cli.programs import Programs


def cgroups_of(supervisor: int) -> list[str]:
    """Return the cgroups of programs that a supervisor has started, by its pid. Those of others come and go meanwhile."""
    return [path for path, _, _ in os.walk("/sys/fs/cgroup") if f"/argosy-plugin-{supervisor}-" in path]


class Gateway:
    """The other end of the supervisor's socket; the supervisor's loop runs while this waits."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.programs = Programs(base / "p/supervisor.sock", base / "logs")
        self.told: dict[str, dict[str, Any]] = {}
        self.connect()

    def connect(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(self.base / "p/supervisor.sock"))
        self.socket.setblocking(False)
        self._said = b""

    def say(self, **order: Any) -> None:
        self.socket.sendall(json.dumps(order).encode() + b"\n")

    def address(self, name: str) -> str:
        return str(self.base / f"p/{name}.1.sock")

    def run(self, name: str, *command: str, **more: Any) -> None:
        self.say(op="run", id=self.address(name), name=name, command=list(command), **more)

    def python(self, name: str, code: str, **more: Any) -> None:
        self.run(name, sys.executable, "-c", code, **more)

    def of(self, name: str) -> dict[str, Any]:
        return self.told.get(self.address(name), {})

    def log(self, name: str) -> str:
        path = self.base / f"logs/{name}.log"
        return path.read_text() if path.exists() else ""

    def turn(self) -> None:
        self.programs.handle()
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            time.sleep(0.005)
            return
        *lines, self._said = (self._said + data).split(b"\n")
        for line in lines:
            told = json.loads(line)
            self.told[told["id"]] = told

    def until(self, check: Callable[[], object], within_s: float = 15.0) -> None:
        deadline = time.monotonic() + within_s
        while not check():
            assert time.monotonic() < deadline, self.told
            self.turn()


@pytest.fixture
def gateway(short_path: Path) -> Iterator[Gateway]:
    it = Gateway(short_path)
    yield it
    it.programs.stop(5.0)
    it.socket.close()
    assert not (short_path / "p/supervisor.sock").exists()
    assert not cgroups_of(os.getpid())


def test_a_program_finds_its_socket_and_what_it_is_to_do(gateway: Gateway) -> None:
    """In its words and in its environment; it is in a session of its own, and what it prints has its time and its process."""
    code = (
        "import os, sys; print(sys.argv[1:], os.environ['ARGOSY_PLUGIN_ADDRESS'], os.environ.get('ARGOSY_PLUGIN_STANDBY'), os.getcwd(), "
        "os.getsid(0) == os.getpid()); sys.stderr.write('unended')"
    )
    gateway.run("a", sys.executable, "-c", code, "{address}", "x{name}", directory=str(gateway.base), standby=True)
    gateway.until(lambda: "ended" in gateway.log("a") and gateway.of("a").get("restarts", 0) > 0)
    at = gateway.address("a")
    assert f"['{at}', 'xa'] {at} 1 {gateway.base} True" in gateway.log("a")
    lines = gateway.log("a").splitlines()
    assert all(line.split()[0].endswith("Z") and line.split()[1].isdigit() for line in lines)
    assert any(line.endswith(" unended") for line in lines)
    assert any("argosy: ended with exit code 0 after" in line for line in lines)


def test_one_that_ends_is_started_again_ever_later_and_says_why(gateway: Gateway) -> None:
    gateway.python("a", "import sys; print('Traceback', file=sys.stderr); sys.exit('ValueError: no')")
    began = time.monotonic()
    gateway.until(lambda: gateway.of("a").get("restarts", 0) >= 3)
    assert time.monotonic() - began > 0.3  # at once, after 0.1 s, after 0.2 s
    gateway.until(lambda: gateway.of("a")["pid"] == 0)
    assert (
        "its process ended with exit code 1" in gateway.of("a")["reason"] and "(ValueError: no)" in gateway.of("a")["reason"]
    )
    gateway.say(op="end", id=gateway.address("a"))
    gateway.until(lambda: gateway.of("a").get("over"))


def test_one_that_can_not_be_run_is_told_and_tried_again(gateway: Gateway) -> None:
    program = gateway.base / "later"
    gateway.run("a", str(program))
    gateway.until(lambda: gateway.of("a").get("reason"))
    assert "can't be run: No such file or directory" in gateway.of("a")["reason"]
    program.write_text("#!/bin/sh\nexec sleep 100\n")
    program.chmod(0o755)
    gateway.until(lambda: gateway.of("a")["pid"])


def test_words_that_no_program_can_be_given_are_told(gateway: Gateway) -> None:
    gateway.turn()
    before = len(os.listdir("/proc/self/fd"))
    gateway.run("odd", "/bin/echo", "a\0b")
    gateway.until(lambda: "can't be run" in gateway.of("odd").get("reason", ""))
    assert len(os.listdir("/proc/self/fd")) == before
    gateway.say(op="end", id=gateway.address("odd"))
    gateway.until(lambda: gateway.of("odd").get("over"))


def test_what_a_program_left_behind_may_print_on(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no cgroup to end it by: the supervisor has more to do than to read that."""
    monkeypatch.setattr("argosy_cli.programs._cgroup", lambda _: None)
    gateway.run("loud", "/bin/sh", "-c", "setsid yes & sleep 0.3; exit 3")
    gateway.until(lambda: "exit code 3" in gateway.of("loud").get("reason", ""))
    gateway.say(op="end", id=gateway.address("loud"))
    gateway.until(lambda: gateway.of("loud").get("over"))


def test_the_end_of_one_is_the_end_of_all_that_it_has_started(gateway: Gateway) -> None:
    """One that ignores SIGTERM is killed after a while, at once when that is asked; what it started in a session of its own goes where there are cgroups."""
    code = (
        "import os, signal, subprocess, time; signal.signal(15, signal.SIG_IGN); "
        "print('chi' + 'ld', subprocess.Popen(['sleep', '100']).pid, flush=True); time.sleep(100)"
    )
    for now in (True, False):
        gateway.python("a", code)
        gateway.until(lambda: "child" in gateway.log("a"))
        child = int(gateway.log("a").split("child ")[-1].split()[0])
        pid = gateway.of("a")["pid"]
        assert alive(child) and alive(pid)
        began = time.monotonic()
        gateway.say(op="end", id=gateway.address("a"), now=now)
        gateway.until(lambda: gateway.of("a").get("over"))
        assert (time.monotonic() - began < 4) is now
        assert not alive(pid) and not alive(child)
        gateway.told.clear()
        (gateway.base / "logs/a.log").unlink()


def test_a_gateway_that_comes_again_is_told_all_and_what_it_does_not_name_ends(gateway: Gateway) -> None:
    for name in ("a", "b"):
        gateway.run(name, "sleep", "100")
    gateway.until(lambda: gateway.of("a").get("pid") and gateway.of("b").get("pid"))
    before = gateway.of("a")["pid"]
    gateway.socket.close()
    gateway.told.clear()
    gateway.connect()
    gateway.until(lambda: gateway.of("a") and gateway.of("b"))
    gateway.say(op="only", ids=[gateway.address("a")])
    gateway.run("a", "sleep", "100")
    gateway.until(lambda: gateway.of("b").get("over"))
    assert gateway.of("a")["pid"] == before and gateway.of("a")["restarts"] == 0
    # Another command at the same address is another process.
    gateway.run("a", "sleep", "101")
    gateway.until(lambda: gateway.of("a")["pid"] not in (0, before))
    # What is not understood is said in the log, and is nobody's end.
    gateway.socket.sendall(b'nonsense\n{"op": "dance"}\n{"op": "run"}\n')
    gateway.run("c", "sleep", "100")
    gateway.until(lambda: gateway.of("c").get("pid"))


def test_one_that_is_killed_comes_at_once(gateway: Gateway) -> None:
    gateway.run("a", "sleep", "100")
    gateway.until(lambda: gateway.of("a").get("pid"))
    before = gateway.of("a")["pid"]
    os.kill(before, signal.SIGKILL)
    gateway.until(lambda: gateway.of("a")["pid"] not in (0, before), 2)
    assert gateway.of("a")["restarts"] == 1 and "by SIGKILL" in gateway.of("a")["reason"]


def test_a_log_is_bounded_whatever_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many lines, one without end, bytes that are no text; a disk that takes nothing stops nobody."""
    monkeypatch.setattr(program_log, "MOST_BYTES", 20_000)
    log = ProgramLog(tmp_path / "a.log", 7)
    for n in range(2000):
        log.take(f"line {n}\n".encode())
    log.take(b"x" * 100_000)
    log.take(b"\xff\xfe\n last words\n\n")
    log.end()
    sizes = [path.stat().st_size for path in (tmp_path / "a.log", tmp_path / "a.log.1") if path.exists()]
    assert all(size < 20_000 + 10_000 for size in sizes) and len(list(tmp_path.iterdir())) <= 2
    assert log.last == "last words"
    ProgramLog(tmp_path / "none/a.log", 7).take(b"lost\n")


def test_nobody_else_is_obeyed(gateway: Gateway) -> None:
    """A process of another user, should it get at the socket at all."""
    if os.geteuid() != 0:
        pytest.skip("needs root: to be another user")
    gateway.base.chmod(0o777)
    (gateway.base / "p").chmod(0o777)
    (gateway.base / "p/supervisor.sock").chmod(0o777)
    order = json.dumps({"op": "run", "id": gateway.address("a"), "name": "a", "command": ["sleep", "100"]})
    code = (
        f"import os, socket; os.setgid(4711); os.setuid(4711); s = socket.socket(socket.AF_UNIX); s.connect('{gateway.base}/p/supervisor.sock'); "
        f"s.sendall({order!r}.encode() + b'\\n'); s.recv(1)"
    )
    gateway.run("b", "sleep", "100")
    with subprocess.Popen([sys.executable, "-c", code]) as other:
        gateway.until(lambda: other.poll() is not None)
    gateway.until(lambda: gateway.of("b").get("pid"))
    assert gateway.of("a") == {}
