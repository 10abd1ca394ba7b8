"""A shim's binary as a check speaks to it: bundles, ``start`` and ``delete``, the Task API, and the events that it sends."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
from argosy_protos.containerd.runtime.bootstrap.v1 import BootstrapResult
from argosy_protos.containerd.services.events.ttrpc.v1 import ForwardRequest
from argosy_protos.containerd.task import v3 as p
from argosy_protos.containerd.types import Mount as WireMount
from argosy_protos.google.protobuf import Empty

from argosy.errors import ArgosyError, DeadlineExceeded, NotFound, PermissionDenied, Unimplemented, Unknown
from argosy.kernel.mount_table import mounts_below
from argosy.kernel.unmount import unmount_tree
from argosy.names import NAMESPACE_TTRPC_KEY
from argosy.oci.spec import default_spec
from argosy.testkit.processes import Fifos, fifos, processes, read, root_file_system, runs
from argosy.testkit.suite import Broken, Subject, Suite, fields_of, request
from argosy.testkit.target import PREFIX
from argosy.ttrpc.client import TtrpcClient
from argosy.ttrpc.server import TtrpcServer
from argosy.typeurl import PROCESS, pack_json, unpack

CAPABILITIES: Final[Mapping[str, str]] = {
    "pause": "it pauses and resumes a container",
    "stats": "it measures what a container uses",
    "host": "a task's processes are processes of this machine",
}
USUAL: Final = frozenset(CAPABILITIES)
_RESPONSES: Final = {method.name: method.response for method in p.TaskBase.__methods__}
# Where containerd's shim has runc keep what it knows of containers, by namespaces.
_RUNC_ROOT: Final = Path("/run/containerd/runc")
# So long what has been ended may take to be gone.
_GONE_S: Final = 5.0
_ADDRESSES: Final = ("unix://", "ttrpc+unix://", "/", "@")


@dataclass
class Target:
    """A shim's binary, and what a daemon gives it."""

    binary: Path
    base: Path
    run: str
    deadline_s: float
    events: list[tuple[str, Any]] = field(default_factory=list)
    """What it has sent: topics and events."""

    @property
    def rootfs(self) -> Path:
        return self.base / "rootfs"


@asynccontextmanager
async def begun(binary: Path, deadline_s: float) -> AsyncIterator[Target]:
    """Yield a target for a binary: a directory with a root file system, and a daemon's socket for events. Raises why it can't begin."""
    if os.geteuid():
        raise PermissionDenied("a shim is judged by root only: it runs containers; try it with sudo")
    found = shutil.which(binary)
    if found is None:
        raise NotFound(f"no program {binary}")
    target = Target(
        Path(found).absolute(),
        Path(tempfile.mkdtemp(prefix="argosy-verify-", dir="/tmp")),
        f"{PREFIX}{secrets.token_hex(4)}",
        deadline_s,
    )
    server = TtrpcServer()

    async def forward(wish: ForwardRequest, metadata: Mapping[str, str]) -> Empty:
        if wish.envelope is not None and wish.envelope.event is not None:
            target.events.append((wish.envelope.topic, unpack(wish.envelope.event)))
        return Empty()

    server.add("containerd.services.events.ttrpc.v1.Events", "Forward", ForwardRequest, forward)
    try:
        await anyio.to_thread.run_sync(_fill, target)
        await server.listen_unix(target.base / "c.sock.ttrpc")
        yield target
    finally:
        await server.close()
        shutil.rmtree(target.base, ignore_errors=True)
        with suppress(OSError):  # there is none, or a container is left in it
            os.rmdir(_RUNC_ROOT / target.run)


def _fill(target: Target) -> None:
    root_file_system(target.rootfs)
    publish = target.base / "publish"
    publish.write_text("#!/bin/sh\nexec cat >/dev/null\n")
    publish.chmod(0o755)


class Task:
    """One container of a shim: its bundle, and the connection to the shim."""

    def __init__(self, id: str, bundle: Path) -> None:
        self.id, self.bundle = id, bundle
        self.address = ""
        self.service = ""
        self.client: TtrpcClient | None = None
        self.shim_pid = 0
        self.log = -1


class Shim(Subject):
    """A shim, as one check speaks to it. What it is asked raises what it says."""

    def __init__(self, target: Target, prefix: str) -> None:
        super().__init__(prefix, target.deadline_s)
        self.target = target
        self.tasks: list[Task] = []

    def bundle(self, word: str, args: Sequence[str], terminal: bool = False, more: Mapping[str, str] | None = None) -> Task:
        """Make a bundle as a daemon does; more are annotations."""
        id = f"{self.target.run}-{len(self.tasks)}-{word}-{secrets.token_hex(4)}"
        path = self.target.base / id
        path.mkdir(mode=0o700)
        (path / "rootfs").mkdir(mode=0o711)
        spec = default_spec(self.target.run, id, f"/{id}")
        spec["process"] |= {"args": list(args), "terminal": terminal}
        if more:
            spec["annotations"] = dict(more)
        (path / "config.json").write_text(json.dumps(spec))
        task = Task(id, path)
        os.mkfifo(path / "log", 0o700)
        task.log = os.open(path / "log", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.tasks.append(task)
        return task

    async def command(self, task: Task, action: str) -> bytes:
        """Run the binary for an action; return what it printed. Raises Unknown in its own words, DeadlineExceeded."""
        target = self.target
        words = [
            "-namespace",
            target.run,
            "-address",
            str(target.base / "c.sock"),
            "-publish-binary",
            str(target.base / "publish"),
        ]
        words += ["-id", task.id, *(["-bundle", str(task.bundle)] if action == "delete" else []), action]
        env = {
            **os.environ, "GOMAXPROCS": "2", "TTRPC_ADDRESS": str(target.base / "c.sock.ttrpc"),
            "GRPC_ADDRESS": str(target.base / "c.sock"), "MAX_SHIM_VERSION": "3", "NAMESPACE": target.run,
        }  # fmt: skip

        def run() -> subprocess.CompletedProcess[bytes]:
            return subprocess.run(
                [target.binary, *words], cwd=task.bundle, env=env, input=b"", stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if action == "start" else subprocess.PIPE, timeout=self.deadline_s,
                start_new_session=True,
            )  # fmt: skip

        async def ran() -> bytes:
            try:
                done = await anyio.to_thread.run_sync(run, abandon_on_cancel=True)
            except subprocess.TimeoutExpired:
                raise DeadlineExceeded(f"{target.binary.name} {action} took longer than {self.deadline_s:g} s") from None
            if done.returncode:
                raise Unknown(
                    f"exit code {done.returncode}: {(done.stderr or done.stdout).decode(errors='replace').strip()}"
                )
            return done.stdout

        return await self.made(f"{target.binary.name} {' '.join(words)}", ran())

    async def start(self, task: Task) -> None:
        """Start the shim of a task, and connect to it. Raises Broken when what it prints is no address."""
        output = await self.command(task, "start")
        task.address, version = _answer(output)
        task.service = f"containerd.task.v{version}.Task"
        task.client = await self.made(f"connect to {task.address}", TtrpcClient.connect(task.address, "the shim"))
        connected = await self.call(task, "Connect", p.ConnectRequest(id=task.id))
        task.shim_pid = connected.shim_pid

    async def call(self, task: Task, method: str, wish: Any, timeout: float | None = None) -> Any:
        """Call the Task API; of a shim that knows only version 2 of it, that one."""
        assert task.client is not None

        async def ask() -> Any:
            assert task.client is not None
            metadata = {NAMESPACE_TTRPC_KEY: self.target.run}
            response = _RESPONSES[method]
            try:
                return await task.client.call(task.service, method, wish, response, timeout or self.deadline_s, metadata)
            except Unimplemented:
                if not task.service.endswith("v3.Task"):
                    raise
                task.service = "containerd.task.v2.Task"
                return await task.client.call(task.service, method, wish, response, timeout or self.deadline_s, metadata)

        return await self.made(request(method, **fields_of(wish)), ask())

    async def create(self, task: Task, **fields: Any) -> int:
        """Create the container of a task, with the root file system mounted; return its pid."""
        rootfs = [WireMount(type="bind", source=str(self.target.rootfs), options=["rbind", "ro"])]
        wish = p.CreateTaskRequest(id=task.id, bundle=str(task.bundle), rootfs=rootfs, **fields)
        pid: int = (await self.call(task, "Create", wish)).pid
        return pid

    async def created(self, word: str, *args: str, terminal: bool = False, **fields: Any) -> Task:
        """Return a task that was created, on a shim of its own."""
        task = self.bundle(word, args, terminal)
        await self.start(task)
        await self.create(task, terminal=terminal, **fields)
        return task

    async def running(self, word: str, *args: str, **fields: Any) -> Task:
        """Return a task that was started."""
        task = await self.created(word, *args, **fields)
        await self.call(task, "Start", p.StartRequest(id=task.id))
        return task

    async def exec(self, task: Task, exec_id: str, *args: str, **fields: Any) -> None:
        """Add a process to a task; it is not started."""
        process = {"args": list(args), "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}}
        wish = p.ExecProcessRequest(id=task.id, exec_id=exec_id, spec=pack_json(PROCESS, process), **fields)
        await self.call(task, "Exec", wish)

    async def state(self, task: Task, exec_id: str = "") -> p.StateResponse:
        found: p.StateResponse = await self.call(task, "State", p.StateRequest(id=task.id, exec_id=exec_id))
        return found

    async def kill(self, task: Task, number: int = signal.SIGKILL, exec_id: str = "", all: bool = False) -> None:
        await self.call(task, "Kill", p.KillRequest(id=task.id, exec_id=exec_id, signal=number, all=all))

    async def wait(self, task: Task, exec_id: str = "") -> int:
        """Return the exit status of a process once it has ended."""
        answer = await self.call(task, "Wait", p.WaitRequest(id=task.id, exec_id=exec_id))
        self.holds(answer.exited_at is not None and answer.exited_at.seconds > 0, "exited_at", answer.exited_at)
        status: int = answer.exit_status
        return status

    async def delete(self, task: Task, exec_id: str = "") -> p.DeleteResponse:
        answer: p.DeleteResponse = await self.call(task, "Delete", p.DeleteRequest(id=task.id, exec_id=exec_id))
        return answer

    def fifos(self, word: str) -> AbstractContextManager[Fifos]:
        """Return FIFOs in the run's directory."""
        return fifos(self.target.base, self.target.run, word, self.deadline_s)

    def events_of(self, task: Task) -> list[tuple[str, Any]]:
        """Return the events of a task, in the order in which they came."""
        return [(topic, event) for topic, event in self.target.events if getattr(event, "container_id", "") == task.id]

    async def greet(self) -> object:
        return None  # each check starts one of its own

    async def clean(self) -> None:
        for task in reversed(self.tasks):
            with suppress(ArgosyError, Broken, OSError, TimeoutError):
                await self._end(task)
            await self._sweep(task)

    async def _end(self, task: Task) -> None:
        """End a task as a daemon does that has lost interest."""
        if task.client is None:
            return
        for method, wish in (
            ("Kill", p.KillRequest(id=task.id, signal=signal.SIGKILL, all=True)),
            ("Wait", p.WaitRequest(id=task.id)),
            ("Delete", p.DeleteRequest(id=task.id)),
            ("Shutdown", p.ShutdownRequest(id=task.id)),
        ):
            with suppress(ArgosyError):
                await self.call(task, method, wish, timeout=min(self.deadline_s, 2.0))
        task.client.close()

    async def _sweep(self, task: Task) -> None:
        """Take away what is left of a task, whatever its shim does."""
        if task.address or (task.bundle / "init.pid").exists():
            with suppress(ArgosyError):
                await self.command(task, "delete")
        until = time.monotonic() + self.deadline_s
        while (found := self._of(task)) and time.monotonic() < until:
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.02)
        path = task.address.removeprefix("ttrpc+").removeprefix("unix://")
        if path.startswith("/"):
            Path(path).unlink(missing_ok=True)
        with suppress(OSError):
            unmount_tree(str(task.bundle))
        if task.log >= 0:
            os.close(task.log)
            task.log = -1
        shutil.rmtree(task.bundle, ignore_errors=True)

    def _of(self, task: Task) -> list[int]:
        """Return what is there of a task's processes, by what only they have: the id of a container that was made here.

        A shim that nobody spoke to may be about to become one, and show no id yet: it has the environment that its start was given, or, where
        another process was forked to be it, only the file in the bundle that containerd's shims write says which it is.
        """
        begun = f"TTRPC_ADDRESS={self.target.base}/c.sock.ttrpc"
        found = []
        if task.client is None:
            with suppress(OSError, ValueError):
                found.append(int((task.bundle / "shim.pid").read_text()))
        for pid in processes():
            words = read(pid, "cmdline")
            if task.id in words or task.id in read(pid, "cgroup"):
                found.append(pid)
            elif task.client is None and self.target.run not in words and begun in read(pid, "environ"):
                found.append(pid)
        return [pid for pid in found if runs(pid)]

    async def left(self) -> Sequence[str]:
        """Return processes and mounts that still have to do with the run, after a while: what was killed takes its time to go."""
        until = time.monotonic() + _GONE_S
        while True:
            found = [
                f"process {pid} ({words[:80]})" for pid in processes() if self.target.run in (words := read(pid, "cmdline"))
            ]
            found += [f"mount {point}" for point in mounts_below(str(self.target.base))]
            if not found or time.monotonic() > until:
                return found
            await asyncio.sleep(0.1)


def _answer(output: bytes) -> tuple[str, int]:
    """Return the address and the version of the Task API that ``start`` printed. Raises Broken."""
    text = output.decode("utf-8", "replace").strip()
    try:
        if text.startswith("{"):
            told = json.loads(text)
            return str(told["address"]), int(told["version"])
        if text.startswith(_ADDRESSES):
            return text, 2
        result = BootstrapResult.decode(output)
    except (ValueError, KeyError, TypeError):
        raise Broken("an address, alone, as JSON or as a BootstrapResult", repr(text)) from None
    if not result.address:
        raise Broken("an address, alone, as JSON or as a BootstrapResult", repr(text))
    return result.address, result.version


SUITE: Final[Suite[Shim]] = Suite("shim", CAPABILITIES)


def able(has: Collection[str], lacks: Collection[str]) -> frozenset[str]:
    """Return what a shim is taken to be capable of. Raises InvalidArgument for a capability that is none."""
    return SUITE.able(USUAL, has, lacks)


def subject(target: Target, check: str) -> Shim:
    """Return what a check of that name speaks to; "" is the whole run."""
    return Shim(target, target.run)


async def begin(target: Target) -> str:
    """Return whom we judge, in words."""
    return f"shim {target.binary}"
