"""The point, offline: a container counts while the processes that serve it are killed, and neither it nor who reads it notices.

The demo proves that itself, and exits with 1 when a number is missing or late. Nothing is left of it but, after a failure, a log.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NoReturn

from argosy.testkit.image import oci_archive

ARGOSY: Final = Path(sys.executable).parent / "argosy"
IMAGE: Final = "docker.io/library/busybox:latest"
# Counts until it is told to end, and then ends with a code that nobody else would have made up.
COUNTS: Final = "trap 'exit 42' TERM; i=0; while :; do echo $i; i=$((i+1)); sleep 0.1; done"
CODE: Final = 42
COUNTER: Final = "counter"
KILLED: Final = {"snapshotter-overlay": "snapshotter", "tasks": "task manager", "gateway": "gateway"}
# On a busy machine a container waits for its turn, and so do we.
LATEST_S: Final = 3.0
# So many numbers must come after each kill.
_MORE: Final = 15
_WAIT_S: Final = 20.0
NEXT: Final = """\
.venv/bin/argosy up                    # a mesh of your own; Ctrl-C ends it, its containers run on and are adopted by the next one
.venv/bin/argosy run -it alpine sh     # in another terminal, with a network: the image is pulled from its registry
.venv/bin/argosy status                # who serves what
.venv/bin/argosy --help                # every verb; ctr, nerdctl and dockerd work on /run/argosy/containerd.sock as well

README.md shows a snapshotter and a client of 30 lines each, docs/reliability.md says what survives whom."""


class Failed(Exception):
    """Raised when something is not as it is said to be."""


def say(text: str = "") -> None:
    print(text, flush=True)


def title(text: str) -> None:
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    say(f"\n{bold}# {text}{plain}")


def judged(seen: Sequence[tuple[float, str]]) -> float:
    """Return the longest time in seconds between two numbers of a count, each with the time when it came. Raises Failed."""
    if [text for _, text in seen] != [str(n) for n in range(len(seen))]:
        wrong = next((i, text) for i, (_, text) in enumerate(seen) if text != str(i))
        raise Failed(f'the count has a gap: "{wrong[1]}" came where {wrong[0]} should have')
    times = [at for at, _ in seen]
    longest = max((b - a for a, b in pairwise(times)), default=0.0)
    if longest > LATEST_S:
        raise Failed(f"the count stood still for {longest:.1f} s")
    return longest


class Counter:
    """A container in the foreground whose output we read, and show as it comes."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.seen: list[tuple[float, str]] = []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, start_new_session=True)
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen.append((time.monotonic(), line.rstrip("\n")))

    def show(self, more: int = _MORE) -> None:
        """Show the next numbers as they come. Raises Failed when they do not come, or have a gap."""
        at = len(self.seen)
        last = time.monotonic()
        print("  ", end="")
        while more:
            if len(self.seen) > at:
                last = time.monotonic()
                print(self.seen[at][1], end=" ", flush=True)
                at += 1
                more -= 1
            elif self.process.poll() is not None:
                raise Failed(f"argosy run ended with code {self.process.returncode}")
            elif time.monotonic() - last > (LATEST_S if at else _WAIT_S):
                raise Failed(f"the count stands still at {at - 1}" if at else "the count does not begin")
            else:
                time.sleep(0.02)
        say()
        judged(self.seen)

    def end(self) -> int:
        """Tell the container to end; return the exit code of who waits for it."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(_WAIT_S)
        self._reading.join(_WAIT_S)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reading.join(_WAIT_S)
        if self.process.stdout is not None:
            self.process.stdout.close()


class Demo:
    """A throw-away mesh, and the commands that are given to it."""

    def __init__(self, base: Path) -> None:
        self._base, self._address = base, base / "containerd.sock"
        self.log = base / "log"
        # A template of commands would outlive the demo by a moment, and FIFOs of a command that had to be killed for longer.
        self.env = {**os.environ, "ARGOSY_CLI_TEMPLATE": "off", "TMPDIR": str(base)}

    def command(self, *args: str) -> list[str]:
        return [str(ARGOSY), "--address", str(self._address), *args]

    def step(self, text: str, *args: str, expect: int = 0) -> None:
        """Show a command and what it prints. Raises Failed when it exits otherwise."""
        title(text)
        say(f"$ argosy {shlex.join(args)}")
        code = subprocess.run(self.command(*args), check=False, env=self.env).returncode
        if code != expect:
            raise Failed(f"argosy {args[0]} exited {code}, expected {expect}")
        if expect:
            say(f"  (exit code {code})")

    def asked(self, *args: str) -> Any:
        """Return what a command answers, as data."""
        ran = subprocess.run(self.command("-o", "json", *args), check=False, env=self.env, capture_output=True, text=True)
        if ran.returncode != 0:
            raise Failed(f"argosy {args[0]} exited {ran.returncode}: {ran.stderr.strip()}")
        return json.loads(ran.stdout)

    def pid(self, service: str, before: int = 0) -> int:
        """Return the process of a service, another one than before; it is woken when it sleeps. Raises Failed."""
        deadline = time.monotonic() + _WAIT_S
        while time.monotonic() < deadline:
            try:
                for row in self.asked("status"):
                    if row.get("name") == service and row["pid"] != before:
                        return int(row["pid"])
            except Failed:
                pass  # the gateway is being started
            subprocess.run(self.command("run", "--rm", "busybox", "true"), check=False, env=self.env, capture_output=True)
        raise Failed(f"argosy status shows no new process of the {service}")

    def counting(self) -> tuple[int, str]:
        """Return the process of the container, and its state. Raises Failed when there is not that one."""
        rows = [(int(row["pid"]), str(row["status"])) for row in self.asked("ps") if row["id"] == COUNTER]
        if len(rows) != 1:
            raise Failed(f"argosy ps shows {len(rows)} containers of that name")
        return rows[0]

    @contextmanager
    def mesh(self) -> Iterator[None]:
        """A mesh for the block. Raises Failed when it does not start, or ends with a failure."""
        began = time.monotonic()
        places = {"--root": "root", "--state": "state", "--address": self._address.name}
        up = [str(ARGOSY), "up", *(word for key, name in places.items() for word in (key, str(self._base / name)))]
        with (
            self.log.open("w") as log,
            subprocess.Popen(
                up, stdout=subprocess.PIPE, stderr=log, text=True, env=self.env, start_new_session=True
            ) as process,
        ):
            try:
                assert process.stdout is not None
                line = process.stdout.readline().strip()
                if not line:
                    raise Failed("the mesh did not start")
                say(f"{line}  ({time.monotonic() - began:.2f} s)")
                yield
            finally:
                if process.poll() is None:
                    # Of a container that is left because something failed; where there is none it says so, to nobody.
                    subprocess.run(self.command("rm", "--force", COUNTER), check=False, env=self.env, capture_output=True)
                    process.send_signal(signal.SIGTERM)
                code = process.wait(30)
        if code != 0:
            raise Failed(f"the mesh ended with code {code}")


def show(demo: Demo, archive: Path) -> None:
    """Do everything. Raises Failed."""
    demo.step("Import the image", "import", str(archive))
    demo.step("Run a container", "run", "--rm", "busybox", "cat", "/etc/motd")
    demo.step("Exit codes come through", "run", "--rm", "busybox", "sh", "-c", "exit 7", expect=7)
    args = ("run", "--rm", "--name", COUNTER, "busybox", "sh", "-c", COUNTS)
    title("Run one that counts, ten times a second, in the foreground")
    say(f"$ argosy {shlex.join(args)}")
    counter = Counter(demo.command(*args), demo.env)
    try:
        counter.show(5)
        before = demo.counting()
        for service, called in KILLED.items():
            pid = demo.pid(service)
            title(f"Kill the {called}: the container counts on")
            say(f"$ kill -9 {pid}")
            os.kill(pid, signal.SIGKILL)
            counter.show()
            say(f"  its new process is {demo.pid(service, before=pid)}")
        demo.step("A new container, made by the new processes", "run", "--rm", "busybox", "echo", "as ever")
        demo.step("Another command in the one that counts", "exec", COUNTER, "ps")
        if before != (after := demo.counting()):
            raise Failed(f"the container was process {before[0]} ({before[1]}), and is {after[0]} ({after[1]})")
        title("Tell it to end: who ran it gets its exit code")
        say(f"$ kill -TERM {counter.process.pid}")
        code = counter.end()
        if code != CODE:
            raise Failed(f"argosy run exited {code}, the container {CODE}")
        longest = judged(counter.seen)
        say(
            f"exit code {code}; every number from 0 to {len(counter.seen) - 1} came, none later than {longest:.2f} s after the last one"
        )
    finally:
        counter.close()
    left = demo.asked("ps")
    if left:
        raise Failed(f"there are containers left: {[row['id'] for row in left]}")


def left_behind(base: Path) -> list[str]:
    """Return what is still mounted below base."""
    points = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if point.startswith(f"{base}/")]


def run(work: Callable[[Demo, Path], None] = show) -> int:
    """Return 0 when everything is as it is said to be."""
    base = Path(tempfile.mkdtemp(prefix="argosy-demo-", dir="/tmp"))
    demo = Demo(base)
    failure = ""
    try:
        title("An image, made of this machine's busybox")
        say(oci_archive(base / "busybox.tar", IMAGE))
        title(f"A mesh in {base}")
        with demo.mesh():
            work(demo, base / "busybox.tar")
        if left := left_behind(base):
            raise Failed(f"still mounted: {left}")
    except Failed as failed:
        failure = str(failed)
    except BaseException:
        failure = "it was interrupted"
        raise
    finally:
        if failure:
            kept = Path(f"{base}.log")
            if demo.log.exists():
                shutil.copyfile(demo.log, kept)
            say(f"\ndemo: {failure}; what the mesh said is in {kept}")
            subprocess.run(["umount", "--recursive", "--lazy", *left_behind(base)], check=False, capture_output=True)
        if not left_behind(base):
            shutil.rmtree(base)
    if failure:
        return 1
    title("The mesh is stopped, nothing is left of it. What to type next")
    say(NEXT)
    return 0


_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _ended(number: int, _: object) -> NoReturn:
    for other in _ENDING:
        signal.signal(other, signal.SIG_IGN)  # taking it down has an end of its own
    raise SystemExit(128 + number)


def main() -> int:
    if os.geteuid() != 0:
        print("the demo mounts file systems and makes cgroups: run it as root (sudo ./run demo)", file=sys.stderr)
        return 1
    # What runs beside us has sessions of its own: who ends the demo has it taken down in order.
    for number in _ENDING:
        signal.signal(number, _ended)
    return run()


if __name__ == "__main__":
    raise SystemExit(main())
