"""A mesh in a temporary directory, started as a user would start it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness.processes import ending

BIN = Path(sys.executable).parent
ARGOSY = BIN / "argosy"
IMAGE = "docker.io/library/busybox:latest"
COMMAND_S = 60.0
WITHIN_S = 30.0


def eventually(check: Callable[[], object], within: float = WITHIN_S, what: str = "") -> None:
    """Call check until it neither raises nor returns False; its last failure is ours after within seconds.

    Not a measure of how quick something is, which says more of what runs beside it.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            if check() is not False:
                return
            failure: BaseException = AssertionError(what or "the condition never held")
        except AssertionError as error:
            failure = error
        if time.monotonic() > deadline:
            raise failure
        time.sleep(0.05)


async def until(check: Callable[[], object], within_s: float = WITHIN_S, what: str = "it never held") -> None:
    """The same for a loop: come back once check returns something true; raise AssertionError after within_s seconds."""
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.005)


def comm(service: str) -> str:
    """Return the process name of a service, as the kernel keeps it."""
    return f"argosy-{service.replace('snapshotter', 'snap')}"[:15]


@dataclass
class Ran:
    """A command that ended."""

    args: Sequence[str]
    code: int
    out: str
    err: str

    def ok(self) -> Ran:
        assert self.code == 0, f"{' '.join(self.args)} exited {self.code}\n{self.out}\n{self.err}"
        return self


def run(
    args: Sequence[str], env: Mapping[str, str] | None = None, input: str | None = None, timeout: float = COMMAND_S,
    cwd: Path | None = None,
) -> Ran:  # fmt: skip
    done = subprocess.run(
        list(args), capture_output=True, text=True, env={**os.environ, **(env or {})}, input=input, timeout=timeout, cwd=cwd,
        stdin=subprocess.DEVNULL if input is None else None,
    )  # fmt: skip
    return Ran(args, done.returncode, done.stdout, done.stderr)


class Peer:
    """Anything with a containerd socket."""

    address: Path

    def ctr(self, *args: str, namespace: str = "", input: str | None = None, timeout: float = COMMAND_S) -> Ran:
        """Run Debian's ctr against the socket."""
        command = ["ctr", "--connect-timeout", "5s", "-a", str(self.address)]
        if namespace:
            command += ["-n", namespace]
        return run([*command, *args], input=input, timeout=timeout)


@dataclass
class Mesh(Peer):
    """A running ``argosy up``."""

    base: Path
    path_first: Path | None = None
    extra: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = (str(ARGOSY),)
    idle_s: float | None = None
    """After how long without a call its services end, 0 for never; None is what a mesh has by itself. Not together with a configuration."""
    process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> Path:  # type: ignore[override] # computed here, an attribute elsewhere
        return self.base / "a.sock"

    @property
    def root(self) -> Path:
        return self.base / "root"

    @property
    def state(self) -> Path:
        return self.base / "state"

    @property
    def log(self) -> Path:
        return self.base / "log"

    def start(self) -> float:
        """Start it; return how many seconds it took until it said that it is ready."""
        path = os.environ["PATH"]
        if self.path_first is not None:
            path = f"{self.path_first}:{path}"
        extra = list(self.extra)
        if self.idle_s is not None:
            config = self.base / "idle.toml"
            config.write_text(f"idle_s = {self.idle_s}\n")
            extra += ["--config", str(config)]
        began = time.monotonic()
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*self.command, "up", "--root", str(self.root), "--state", str(self.state), "--address", str(self.address), *extra],
                stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **self.env, "PATH": path},
            )  # fmt: skip
        try:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
            assert line == f"argosy: ready address={self.address}\n", f"said {line!r}\n{self.log.read_text()[-4000:]}"
        except BaseException:
            # Who could not start it has nothing to destroy.
            with ending(self.process):
                self.process = None
            raise
        return time.monotonic() - began

    def stop(self) -> int:
        """Stop it as a service manager would, with SIGKILL after 30 s; return its exit code.

        Raises TimeoutExpired when it had to be killed.
        """
        assert self.process is not None
        with ending(self.process) as process:
            self.process = None
            process.send_signal(signal.SIGTERM)
            return process.wait(30)

    def services(self) -> dict[str, int]:
        """Return service name -> pid."""
        assert self.process is not None
        found: dict[str, int] = {}
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in children:
            try:
                name = Path(f"/proc/{pid}/comm").read_text().strip()
            except (FileNotFoundError, ProcessLookupError):
                continue
            found[name] = int(pid)
        return found

    def wake(self) -> None:
        """Call every service once, so that all of them run."""
        for mark in self.state.glob("*.idle"):
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(str(mark).removesuffix(".idle"))
        names = {comm(p.stem) for p in self.state.glob("*.sock")} | {"argosy-gateway"}
        eventually(lambda: set(self.services()) == names, what="not every service started")

    def argosy(self, *args: str, input: str | None = None, namespace: str = "") -> Ran:
        command = [str(ARGOSY), "--address", str(self.address)]
        if namespace:
            command += ["--namespace", namespace]
        return run([*command, *args], input=input)

    def leftovers(self, within_s: float = WITHIN_S) -> list[str]:
        """Return what is still there of tasks after within_s seconds: shims, mounts, bundles.

        A bundle is taken away after the task's end was told.
        """
        deadline = time.monotonic() + within_s
        while (found := self._leftovers()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return found

    def _leftovers(self) -> list[str]:
        found: list[str] = []
        base = str(self.base)
        for proc in Path("/proc").iterdir():
            if proc.name.isdigit():
                try:
                    command = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if "containerd-shim" in command and base in command:
                    found.append(f"process {proc.name}: {command.strip()}")
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            point = line.split(" ")[4]
            # Images of committed layers are mounted for as long as their snapshotter runs.
            if base in point and not (self.process is not None and point.endswith("/mnt") and "/snapshots/" in point):
                found.append(f"mount {point}")
        bundles = self.state / "io.containerd.runtime.v2.task"
        if bundles.exists():
            found += [f"bundle {b}" for ns in bundles.iterdir() for b in ns.iterdir()]
        return found

    def destroy(self) -> None:
        """End every task and the mesh, and remove everything."""
        if self.process is not None and self.process.poll() is None:
            try:
                for ns in [*self.ctr("namespaces", "ls", "-q").out.split()]:
                    for task in self.ctr("tasks", "ls", "-q", namespace=ns).out.split():
                        self.ctr("tasks", "rm", "-f", task, namespace=ns)
                # Those that its gateway has no record of, ctr can't name.
                for bundle in (self.state / "io.containerd.runtime.v2.task").glob("*/[!.]*"):
                    self.argosy("rm", "--force", bundle.name, namespace=bundle.parent.name)
            finally:
                self.stop()
            mounted = [found for found in self.leftovers(0) if found.startswith("mount") and found.endswith("/mnt")]
            assert mounted == [], mounted
        elif self.process is not None:
            with ending(self.process):
                self.process = None
        run(["umount", "-R", "-l", str(self.base)])
        shutil.rmtree(self.base, ignore_errors=True)
