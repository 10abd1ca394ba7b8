"""A task service that keeps the contract, made of plain processes, and ones that break it in one way each.

It isolates nothing. ``fronts`` serves it as a daemon's Tasks and as a shim's Task API: a fault names the checks of the suite of tasks that
are to find it, and those of the shim's suite where the call is one of a shim's, too.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from argosy.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unimplemented, Unknown
from argosy.names import check_identifier
from argosy.timestamps import to_wire
from argosy_protos.containerd import events as ev
from argosy_protos.containerd.v1.types import Status
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_protos.google.protobuf import Timestamp
from argosy_protos.io.containerd.cgroups import v2 as cgroups

Tell = Callable[[str, str, Any], None]
"""Takes a namespace, a topic and an event."""
LIVES = (Status.RUNNING, Status.PAUSED)
# It waits for a byte before it becomes what it is to run: its pid is there before.
GATE = 'read -r _ < "/proc/self/fd/$0"; exec "$@"'


@dataclass(eq=False)
class Process:
    """A task's first process, or one that was added to it."""

    id: str
    args: Sequence[str]
    stdin: str = ""
    stdout: str = ""
    stderr: str = ""
    terminal: bool = False
    status: Status = Status.CREATED
    pid: int = 0
    exit_status: int = 0
    exited_ns: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    child: subprocess.Popen[bytes] | None = None
    code: int | None = None
    """What it ended with; what is made of it is told when all that it has to wait for is over."""
    kept: list[int] = field(default_factory=list)
    """Descriptors that are ours."""
    gate: int = -1
    keeper: int = -1
    """The end of stdin's FIFO that keeps it from being over."""
    master: int = -1

    @property
    def exited_at(self) -> Timestamp | None:
        return to_wire(self.exited_ns) if self.exited_ns else None


@dataclass(eq=False)
class Container:
    """A task."""

    namespace: str
    id: str
    bundle: str
    init: Process
    added: dict[str, Process] = field(default_factory=dict)
    limit: int = 0

    @property
    def all(self) -> list[Process]:
        return [self.init, *self.added.values()]


class Reference:
    """Tasks without a fault."""

    found_by: ClassVar[Sequence[str]] = ()
    by_shim: ClassVar[Sequence[str]] = ()

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.tasks: dict[tuple[str, str], Container] = {}
        self.children: list[Process] = []

    # -- what there is --

    def key(self, namespace: str, id: str) -> tuple[str, str]:
        return namespace, id

    def find(self, namespace: str, id: str) -> Container:
        found = self.tasks.get(self.key(namespace, id))
        if found is None:
            raise NotFound(f"task {id} not found")
        return found

    def process(self, namespace: str, id: str, exec_id: str) -> tuple[Container, Process]:
        task = self.find(namespace, id)
        if not exec_id:
            return task, task.init
        if exec_id not in task.added:
            raise NotFound(f"process does not exist {exec_id}")
        return task, task.added[exec_id]

    def listed(self, namespace: str) -> list[Container]:
        return [task for (ns, _), task in self.tasks.items() if ns == namespace]

    def tell(self, task: Container, topic: str, event: Any) -> None:
        self._tell(task.namespace, topic, event)

    # -- the calls --

    def create(self, namespace: str, id: str, bundle: str, init: Process, rootfs: Sequence[str] = ()) -> int:
        key = self.key(namespace, id)
        if key in self.tasks:
            raise AlreadyExists(f"task {id}")
        task = Container(namespace, id, bundle, init)
        self.mount(task, rootfs)
        self.spawn(task, init)
        self.tasks[key] = task
        self.tell(task, "/tasks/create", ev.TaskCreate(container_id=id, bundle=bundle, pid=init.pid))
        return init.pid

    def mount(self, task: Container, rootfs: Sequence[str]) -> None:
        for source in rootfs:
            if not os.path.exists(source):
                raise Unknown(f"failed to mount rootfs: {source} is not there")

    def start(self, namespace: str, id: str, exec_id: str) -> int:
        task, process = self.process(namespace, id, exec_id)
        if process.status is not Status.CREATED:
            raise FailedPrecondition(f"cannot start a process that is {process.status.name.lower()}")
        if exec_id:
            self.spawn(task, process)
        self.open_gate(process)
        process.status = Status.RUNNING
        self.tell_start(task, process)
        return process.pid

    def tell_start(self, task: Container, process: Process) -> None:
        if process is task.init:
            self.tell(task, "/tasks/start", ev.TaskStart(container_id=task.id, pid=process.pid))
        else:
            started = ev.TaskExecStarted(container_id=task.id, exec_id=process.id, pid=process.pid)
            self.tell(task, "/tasks/exec-started", started)

    def state(self, namespace: str, id: str, exec_id: str) -> Process:
        return self.process(namespace, id, exec_id)[1]

    def delete(self, namespace: str, id: str, exec_id: str) -> Process:
        task, process = self.process(namespace, id, exec_id)
        if process.status in LIVES:
            raise self.cannot_delete()
        if exec_id:
            del task.added[exec_id]
            self.close_of(process)
            return process
        del self.tasks[self.key(namespace, id)]
        self.end_of(task)
        gone = ev.TaskDelete(container_id=id, pid=process.pid, exit_status=process.exit_status, exited_at=process.exited_at)
        self.tell(task, "/tasks/delete", gone)
        return process

    def cannot_delete(self) -> Exception:
        return Unknown("cannot delete a running process")

    def end_of(self, task: Container) -> None:
        """End what there still is of a task that is deleted."""
        for process in task.all:
            self.end(process)
            self.close_of(process)

    def kill(self, namespace: str, id: str, exec_id: str, number: int, all: bool) -> None:
        task, process = self.process(namespace, id, exec_id)
        if process.status is Status.STOPPED:
            raise NotFound("process already finished")
        if exec_id and process.status is Status.CREATED:
            raise FailedPrecondition("process not created")
        for pid in self.reached(task, process, all):
            if pid > 0:  # 0 is everybody of ours
                with suppress(ProcessLookupError):
                    os.kill(pid, self.signal(number))

    def reached(self, task: Container, process: Process, all: bool) -> list[int]:
        return self.pids_of(task) if all else [process.pid]

    def signal(self, number: int) -> int:
        return number

    async def wait(self, namespace: str, id: str, exec_id: str) -> Process:
        _, process = self.process(namespace, id, exec_id)
        await process.over.wait()
        return process

    def exec(self, namespace: str, id: str, process: Process) -> None:
        task = self.find(namespace, id)
        self.check_exec(task, process.id)
        if task.init.status is not Status.RUNNING:
            raise FailedPrecondition(f"cannot exec in a task that is {task.init.status.name.lower()}")
        task.added[process.id] = process
        self.tell(task, "/tasks/exec-added", ev.TaskExecAdded(container_id=id, exec_id=process.id))

    def check_exec(self, task: Container, exec_id: str) -> None:
        if not exec_id:
            raise InvalidArgument("exec id cannot be empty")
        check_identifier(exec_id)
        if exec_id in task.added:
            raise AlreadyExists(f"id {exec_id}")

    def pids(self, namespace: str, id: str) -> list[int]:
        return self.pids_of(self.find(namespace, id))

    def pids_of(self, task: Container) -> list[int]:
        """Return the processes of a task: those of the sessions that it began."""
        sessions = {process.pid for process in task.all if process.pid}
        found = []
        for path in Path("/proc").iterdir():
            if path.name.isdigit():
                with suppress(OSError):
                    state, _, _, session = (path / "stat").read_text().rpartition(")")[2].split()[:4]
                    if int(session) in sessions and state not in "ZX":
                        found.append(int(path.name))
        return sorted(found)

    def pause(self, namespace: str, id: str) -> None:
        task = self.find(namespace, id)
        if task.init.status is not Status.RUNNING:
            raise FailedPrecondition(f"cannot pause a task that is {task.init.status.name.lower()}")
        for pid in self.pids_of(task):
            os.kill(pid, signal.SIGSTOP)
        self.set_paused(task)
        self.tell(task, "/tasks/paused", ev.TaskPaused(container_id=id))

    def set_paused(self, task: Container) -> None:
        task.init.status = Status.PAUSED

    def resume(self, namespace: str, id: str) -> None:
        task = self.find(namespace, id)
        if task.init.status is not Status.PAUSED:
            raise FailedPrecondition(f"cannot resume a task that is {task.init.status.name.lower()}")
        for pid in self.pids_of(task):
            os.kill(pid, signal.SIGCONT)
        task.init.status = Status.RUNNING
        self.tell(task, "/tasks/resumed", ev.TaskResumed(container_id=id))

    def stats(self, namespace: str, id: str) -> AnyMessage:
        limit = self.find(namespace, id).limit
        metrics = cgroups.Metrics(pids=cgroups.PidsStat(current=len(self.pids(namespace, id)), limit=limit))
        return AnyMessage(type_url="io.containerd.cgroups.v2.Metrics", value=metrics.encode())

    def resize(self, namespace: str, id: str, exec_id: str, width: int, height: int) -> None:
        _, process = self.process(namespace, id, exec_id)
        if process.master >= 0:
            fcntl.ioctl(process.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def close_io(self, namespace: str, id: str, exec_id: str) -> None:
        _, process = self.process(namespace, id, exec_id)
        if process.keeper >= 0:
            process.kept.remove(process.keeper)
            os.close(process.keeper)
            process.keeper = -1

    def checkpoint(self, namespace: str, id: str) -> None:
        self.find(namespace, id)
        raise Unimplemented("plain processes have no checkpoints")

    def update(self, namespace: str, id: str, resources: dict[str, Any]) -> None:
        """Take the limit of processes; nothing holds them to it."""
        self.find(namespace, id).limit = int(resources.get("pids", {}).get("limit", 0))

    # -- processes --

    def spawn(self, task: Container, process: Process) -> None:
        """Start what becomes the process once its gate is opened."""
        if shutil.which(process.args[0]) is None:
            raise Unknown(f'exec: "{process.args[0]}": no such file or directory')
        gate, process.gate = os.pipe()
        ends = self.stdio(process)
        words = ["sh", "-c", GATE, str(gate), *process.args]
        process.child = subprocess.Popen(
            words, stdin=ends[0], stdout=ends[1], stderr=ends[2], pass_fds=(gate,), start_new_session=True, cwd="/"
        )
        for fd in {gate, *ends} - set(process.kept):
            os.close(fd)
        process.pid = process.child.pid
        self.children.append(process)
        watched = os.pidfd_open(process.pid)
        process.kept.append(watched)
        asyncio.get_running_loop().add_reader(watched, self.ended, task, process, watched)

    def open_gate(self, process: Process) -> None:
        if process.gate >= 0:
            with suppress(BrokenPipeError):
                os.write(process.gate, b"\n")
            os.close(process.gate)
            process.gate = -1

    def stdio(self, process: Process) -> tuple[int, int, int]:
        """Return stdin, stdout and stderr for the child; those in kept stay open here, too."""
        if process.terminal:
            return self.terminal(process)
        stdin = os.open("/dev/null", os.O_RDONLY)
        if process.stdin:
            os.close(stdin)
            first = os.open(process.stdin, os.O_RDONLY | os.O_NONBLOCK)
            self.keep_stdin(process)
            stdin = os.open(process.stdin, os.O_RDONLY)
            os.close(first)
        return stdin, self.output(process, process.stdout), self.output(process, process.stderr)

    def keep_stdin(self, process: Process) -> None:
        process.keeper = os.open(process.stdin, os.O_WRONLY)
        process.kept.append(process.keeper)

    def output(self, process: Process, path: str) -> int:
        if not path:
            return os.open("/dev/null", os.O_WRONLY)
        if path.startswith("file://"):
            return self.file(Path(path.removeprefix("file://")))
        process.kept.append(os.open(path, os.O_RDWR))
        return process.kept[-1]

    def file(self, path: Path) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def terminal(self, process: Process) -> tuple[int, int, int]:
        loop = asyncio.get_running_loop()
        process.master, slave = os.openpty()
        process.kept.append(process.master)
        out = self.output(process, process.stdout)
        if out not in process.kept:
            process.kept.append(out)
        loop.add_reader(process.master, self.copy, process.master, out)
        if process.stdin:
            into = os.open(process.stdin, os.O_RDWR | os.O_NONBLOCK)
            process.kept.append(into)
            loop.add_reader(into, self.copy, into, process.master)
        return slave, slave, slave

    def copy(self, source: int, target: int) -> None:
        try:
            os.write(target, os.read(source, 4096))
        except OSError:
            asyncio.get_running_loop().remove_reader(source)  # the terminal is over

    # -- ends --

    def ended(self, task: Container, process: Process, watched: int) -> None:
        """A process has ended; a task ends with its first, after all others."""
        asyncio.get_running_loop().remove_reader(watched)
        assert process.child is not None
        process.code = process.child.wait()
        if process is task.init:
            for one in task.all:
                self.end(one)
        else:
            self.finish(task, process)
        if task.init.code is not None and not task.init.over.is_set():
            if all(one.child is None or one.code is not None for one in task.added.values()):
                self.finish(task, task.init)

    def end(self, process: Process) -> None:
        if process.child is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def finish(self, task: Container, process: Process) -> None:
        assert process.code is not None
        if process.master >= 0:
            self.copy(process.master, process.kept[1])
        process.status = self.status_of_ended(process)
        process.exit_status, process.exited_ns = self.exit_status(process.code), self.exit_time()
        self.tell_exit(task, process)
        process.over.set()

    def status_of_ended(self, process: Process) -> Status:
        return Status.STOPPED

    def exit_status(self, code: int) -> int:
        return code if code >= 0 else 128 - code

    def exit_time(self) -> int:
        return time.time_ns()

    def tell_exit(self, task: Container, process: Process) -> None:
        id = task.id if process is task.init else process.id
        exited = ev.TaskExit(
            container_id=task.id, id=id, pid=process.pid, exit_status=process.exit_status, exited_at=process.exited_at
        )
        self.tell(task, "/tasks/exit", exited)

    def close_of(self, process: Process) -> None:
        """Close what is ours of a process that is over, or about to be."""
        if process.child is not None and process.code is None:
            process.code = process.child.wait()
        loop = asyncio.get_running_loop()
        for fd in process.kept:
            loop.remove_reader(fd)
            os.close(fd)
        if process.gate >= 0:
            os.close(process.gate)
        process.kept, process.gate, process.keeper, process.master = [], -1, -1, -1

    def close(self) -> None:
        """End everything."""
        for process in self.children:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            self.close_of(process)
        self.tasks.clear()


# -- ends, and what is said of them --


class LosesExitStatuses(Reference):
    """Whatever ends has the exit status 0."""

    found_by = ("a-task-is-created-started-and-ends", "a-process-is-added")
    by_shim = ("a-task-is-created-started-and-ends",)

    def exit_status(self, code: int) -> int:
        return 0


class SaysTheSignalAlone(Reference):
    """What dies of a signal has its number as the exit status."""

    found_by = ("a-signal-ends-a-task",)
    by_shim = ("a-signal-ends-a-task",)

    def exit_status(self, code: int) -> int:
        return abs(code)


class AnswersWaitsEarly(Reference):
    """Wait does not wait."""

    found_by = ("waits-are-answered-when-it-ends",)
    by_shim = ("waits-are-answered-when-it-ends",)

    async def wait(self, namespace: str, id: str, exec_id: str) -> Process:
        _, process = self.process(namespace, id, exec_id)
        process.exited_ns = process.exited_ns or time.time_ns()
        return process


class ForgetsWhoWaitedFirst(Reference):
    """Only the last one who waits hears."""

    found_by = ("waits-are-answered-when-it-ends",)
    by_shim = ("waits-are-answered-when-it-ends",)

    async def wait(self, namespace: str, id: str, exec_id: str) -> Process:
        _, process = self.process(namespace, id, exec_id)
        if not process.over.is_set():
            process.over = asyncio.Event()
        await process.over.wait()
        return process


class AnswersNoWaitAfterTheEnd(Reference):
    """Who asks after the end waits for ever."""

    found_by = ("a-task-is-created-started-and-ends", "waits-for-an-added-process")
    by_shim = ("a-task-is-created-started-and-ends",)

    async def wait(self, namespace: str, id: str, exec_id: str) -> Process:
        _, process = self.process(namespace, id, exec_id)
        if process.over.is_set():
            await asyncio.sleep(1000)
        await process.over.wait()
        return process


class EndsWithWhoWaits(Reference):
    """A client that gives its Wait up ends the task."""

    found_by = ("a-wait-ends-with-its-client",)

    async def wait(self, namespace: str, id: str, exec_id: str) -> Process:
        _, process = self.process(namespace, id, exec_id)
        try:
            await process.over.wait()
        except asyncio.CancelledError:
            self.end(process)
            raise
        return process


class SaysRunningAfterTheEnd(Reference):
    """What has ended is still said to run."""

    found_by = ("a-task-is-created-started-and-ends", "a-list-has-what-is-there")
    by_shim = ("a-task-is-created-started-and-ends",)

    def status_of_ended(self, process: Process) -> Status:
        return Status.RUNNING


class HasNoTimeOfTheEnd(Reference):
    """Nobody knows when it ended."""

    found_by = ("the-end-has-a-time",)
    by_shim = ("a-task-is-created-started-and-ends",)

    def exit_time(self) -> int:
        return 0


class SaysAnEarlierEnd(Reference):
    """It ended long ago."""

    found_by = ("the-end-has-a-time",)

    def exit_time(self) -> int:
        return time.time_ns() - 3600 * 10**9


class KillsWhatHasEnded(Reference):
    """Kill of what has ended is OK."""

    found_by = ("a-signal-ends-a-task", "an-added-process-is-ended")
    by_shim = ("a-signal-ends-a-task",)

    def kill(self, namespace: str, id: str, exec_id: str, number: int, all: bool) -> None:
        if self.process(namespace, id, exec_id)[1].status is not Status.STOPPED:
            super().kill(namespace, id, exec_id, number, all)


# -- events --


class TellsTheExitFirst(Reference):
    """The exit of what ends at once is told before its start."""

    found_by = ("each-step-is-told-once-in-order", "an-added-process-is-told")
    by_shim = ("a-task-is-created-started-and-ends",)

    def tell_start(self, task: Container, process: Process) -> None:
        asyncio.get_running_loop().call_later(0.2, super().tell_start, task, process)


class LosesExitsOfAddedProcesses(Reference):
    """The exit of a process that was added is not told."""

    found_by = ("an-added-process-is-told", "the-task-ends-last")
    by_shim = ("a-process-is-added",)

    def tell_exit(self, task: Container, process: Process) -> None:
        if process is task.init:
            super().tell_exit(task, process)


class TellsExitsTwice(Reference):
    """An exit is told twice."""

    found_by = ("each-step-is-told-once-in-order",)
    by_shim = ("a-task-is-created-started-and-ends",)

    def tell_exit(self, task: Container, process: Process) -> None:
        super().tell_exit(task, process)
        super().tell_exit(task, process)


class TellsTheTaskFirst(Reference):
    """The exit of a task is told before those of the processes that were added to it."""

    found_by = ("the-task-ends-last",)
    by_shim = ("an-added-process-is-ended",)

    def ended(self, task: Container, process: Process, watched: int) -> None:
        super().ended(task, process, watched)
        if process is task.init and not process.over.is_set():
            self.finish(task, process)


class TellsExitsAsTheTasks(Reference):
    """The exit of a process that was added has the task's id."""

    found_by = ("an-added-process-is-told",)
    by_shim = ("a-process-is-added",)

    def tell(self, task: Container, topic: str, event: Any) -> None:
        if topic == "/tasks/exit":
            event.id = task.id
        super().tell(task, topic, event)


class TellsNoDelete(Reference):
    """A delete is not told."""

    found_by = ("each-step-is-told-once-in-order",)
    by_shim = ("a-task-is-created-started-and-ends",)

    def tell(self, task: Container, topic: str, event: Any) -> None:
        if topic != "/tasks/delete":
            super().tell(task, topic, event)


# -- states --


class RunsAtCreate(Reference):
    """What is created runs."""

    found_by = ("a-created-task-waits",)
    by_shim = ("a-created-task-waits",)

    def create(self, namespace: str, id: str, bundle: str, init: Process, rootfs: Sequence[str] = ()) -> int:
        pid = super().create(namespace, id, bundle, init, rootfs)
        self.open_gate(init)
        return pid


class SaysAnotherPid(Reference):
    """Start answers a pid of something else."""

    found_by = ("a-task-is-created-started-and-ends",)
    by_shim = ("a-task-is-created-started-and-ends",)

    def start(self, namespace: str, id: str, exec_id: str) -> int:
        return super().start(namespace, id, exec_id) + 1


class DeletesWhatRuns(Reference):
    """Delete ends what runs."""

    found_by = ("what-runs-is-not-deleted", "an-added-process-that-runs-is-not-deleted")
    by_shim = ("what-runs-is-not-deleted",)

    def delete(self, namespace: str, id: str, exec_id: str) -> Process:
        _, process = self.process(namespace, id, exec_id)
        process.status = Status.STOPPED
        self.end(process)
        return super().delete(namespace, id, exec_id)


class SaysThatWhatRunsIsNotThere(Reference):
    """Delete of what runs is NOT_FOUND."""

    found_by = ("what-runs-is-not-deleted",)
    by_shim = ("what-runs-is-not-deleted",)

    def cannot_delete(self) -> Exception:
        return NotFound("running process")


class LeavesTheProcess(Reference):
    """Delete of a created task leaves its process."""

    found_by = ("a-created-task-is-deleted",)
    by_shim = ("the-process-of-a-deleted-task-is-over",)

    def end_of(self, task: Container) -> None:
        if task.init.code is not None:
            super().end_of(task)


class LeavesChildren(Reference):
    """What a task's first process has started outlives it."""

    found_by = ("nothing-is-left-of-a-task",)
    by_shim = ("nothing-is-left-of-a-task",)

    def end(self, process: Process) -> None:
        if process.child is not None and process.code is None:
            super().end(process)


class KeepsWhatWasDeleted(Reference):
    """Delete deletes nothing."""

    found_by = ("a-task-is-created-started-and-ends", "what-is-deleted-is-not-found")
    by_shim = ("what-is-deleted-is-not-found",)

    def delete(self, namespace: str, id: str, exec_id: str) -> Process:
        task, process = self.process(namespace, id, exec_id)
        if process.status in LIVES:
            raise self.cannot_delete()
        gone = ev.TaskDelete(container_id=id, pid=process.pid, exit_status=process.exit_status)
        self.tell(task, "/tasks/delete", gone)
        return process


class StartsTwice(Reference):
    """Start of what runs, or has ended, is OK."""

    found_by = ("a-task-is-started-once", "a-stopped-task-stays-stopped")

    def start(self, namespace: str, id: str, exec_id: str) -> int:
        _, process = self.process(namespace, id, exec_id)
        return process.pid if process.status is not Status.CREATED else super().start(namespace, id, exec_id)


class SaysRunningWhenPaused(Reference):
    """Pause changes no status."""

    found_by = ("a-task-is-paused",)
    by_shim = ("a-task-is-paused",)

    def set_paused(self, task: Container) -> None:
        pass


class PausesWhatDoesNotRun(Reference):
    """Pause of a task that was not started is OK."""

    found_by = ("what-was-not-started-is-not-paused",)

    def pause(self, namespace: str, id: str) -> None:
        if self.find(namespace, id).init.status is Status.RUNNING:
            super().pause(namespace, id)


class SaysUnknown(Reference):
    """What is not there is an error without a class."""

    found_by = ("what-is-not-there-is-not-found", "what-is-deleted-is-not-found")
    by_shim = ("what-is-deleted-is-not-found",)

    def find(self, namespace: str, id: str) -> Container:
        try:
            return super().find(namespace, id)
        except NotFound as error:
            raise Unknown(error.message) from None


class NamesNothing(Reference):
    """An error does not say what it is about."""

    found_by = ("what-is-not-there-is-not-found",)

    def find(self, namespace: str, id: str) -> Container:
        try:
            return super().find(namespace, id)
        except NotFound:
            raise NotFound("task") from None


class CreatesTwice(Reference):
    """A second Create takes the place of the first."""

    found_by = ("a-container-has-one-task", "of-several-creates-one-succeeds")

    def create(self, namespace: str, id: str, bundle: str, init: Process, rootfs: Sequence[str] = ()) -> int:
        self.tasks.pop(self.key(namespace, id), None)
        return super().create(namespace, id, bundle, init, rootfs)


class LeavesWhatFailed(Reference):
    """A Create that fails leaves a task."""

    found_by = ("a-create-that-fails-leaves-nothing",)

    def mount(self, task: Container, rootfs: Sequence[str]) -> None:
        try:
            super().mount(task, rootfs)
        except Unknown:
            self.tasks[self.key(task.namespace, task.id)] = task
            raise


class EndsAtACheckpoint(Reference):
    """A checkpoint that fails ends the task."""

    found_by = ("a-checkpoint-that-fails-leaves-the-task",)

    def checkpoint(self, namespace: str, id: str) -> None:
        self.finish_by_force(self.find(namespace, id))
        super().checkpoint(namespace, id)

    def finish_by_force(self, task: Container) -> None:
        self.end(task.init)
        assert task.init.child is not None
        task.init.code = task.init.child.wait()
        self.finish(task, task.init)


# -- signals --


class SparesOne(Reference):
    """Kill with all spares one process."""

    found_by = ("a-signal-to-all-reaches-all",)
    by_shim = ("a-signal-to-all-reaches-all",)

    def reached(self, task: Container, process: Process, all: bool) -> list[int]:
        found = super().reached(task, process, all)
        return found[:-1] if len(found) > 2 else found


class ReachesOneOnly(Reference):
    """Kill with all is Kill."""

    found_by = ("a-signal-to-all-reaches-all", "a-signal-to-all-reaches-added-processes")
    by_shim = ("a-signal-to-all-reaches-all",)

    def reached(self, task: Container, process: Process, all: bool) -> list[int]:
        return [process.pid]


class ReachesAllAlways(Reference):
    """Kill is Kill with all."""

    found_by = ("a-signal-to-all-reaches-all", "an-added-process-is-ended")
    by_shim = ("a-signal-to-all-reaches-all",)

    def reached(self, task: Container, process: Process, all: bool) -> list[int]:
        return self.pids_of(task)


class HasOneSignal(Reference):
    """Every signal is SIGKILL."""

    found_by = ("a-signal-is-the-one-that-was-sent",)
    by_shim = ("a-signal-is-the-one-that-was-sent",)

    def signal(self, number: int) -> int:
        return signal.SIGKILL


class EndsTheTask(Reference):
    """Kill of a process that was added is Kill of the task."""

    found_by = ("an-added-process-is-ended",)
    by_shim = ("an-added-process-is-ended",)

    def reached(self, task: Container, process: Process, all: bool) -> list[int]:
        return [task.init.pid]


class CountsTheFirstOnly(Reference):
    """ListPids has the first process alone."""

    found_by = ("the-pids-of-a-task-are-listed",)
    by_shim = ("the-pids-of-a-task-are-listed",)

    def pids(self, namespace: str, id: str) -> list[int]:
        return [self.find(namespace, id).init.pid]


# -- stdio --


class CutsTheEnd(Reference):
    """The last bytes that a process writes are lost when it ends."""

    found_by = ("what-a-task-says-is-heard", "all-that-a-task-says-is-heard")
    by_shim = ("what-a-task-says-is-heard", "all-that-a-task-says-is-heard")

    def output(self, process: Process, path: str) -> int:
        out = super().output(process, path)
        if out not in process.kept:
            return out
        read, write = os.pipe()
        process.kept.append(read)
        held = bytearray()

        def pass_on() -> None:
            data = os.read(read, 65536)
            if not data:
                asyncio.get_running_loop().remove_reader(read)
            held.extend(data)
            # Not more than fits: nobody may read.
            os.write(out, held[:-16])
            del held[:-16]

        asyncio.get_running_loop().add_reader(read, pass_on)
        return write


class WritesFilesAnew(Reference):
    """A file has what the last task has written."""

    found_by = ("a-file-takes-what-a-task-says",)

    def file(self, path: Path) -> int:
        path.unlink(missing_ok=True)
        return super().file(path)


class ForgetsStdin(Reference):
    """stdin is over as soon as a client has left."""

    found_by = ("a-client-may-leave-and-come-back",)
    by_shim = ("a-client-may-leave-and-come-back",)

    def stdio(self, process: Process) -> tuple[int, int, int]:
        ends = super().stdio(process)
        if process.keeper >= 0:
            asyncio.get_running_loop().call_later(0.1, self.close_keeper, process)
        return ends

    def close_keeper(self, process: Process) -> None:
        if process.keeper >= 0:
            process.kept.remove(process.keeper)
            os.close(process.keeper)
            process.keeper = -1


class ClosesNothing(Reference):
    """CloseIO does nothing."""

    found_by = ("what-a-task-is-told-is-read", "an-added-process-is-told-and-heard")
    by_shim = ("what-a-task-is-told-is-read",)

    def close_io(self, namespace: str, id: str, exec_id: str) -> None:
        self.process(namespace, id, exec_id)


class ResizesNothing(Reference):
    """ResizePty does nothing."""

    found_by = ("a-terminal-is-a-terminal", "an-added-process-has-a-terminal")
    by_shim = ("a-terminal-is-a-terminal",)

    def resize(self, namespace: str, id: str, exec_id: str, width: int, height: int) -> None:
        self.process(namespace, id, exec_id)


class HasNoTerminals(Reference):
    """A terminal is a pipe."""

    found_by = ("a-terminal-is-a-terminal",)
    by_shim = ("a-terminal-is-a-terminal",)

    def stdio(self, process: Process) -> tuple[int, int, int]:
        process.terminal = False
        return super().stdio(process)


class ForgetsThePaths(Reference):
    """Get says nothing of stdio."""

    found_by = ("get-says-the-stdio",)

    def create(self, namespace: str, id: str, bundle: str, init: Process, rootfs: Sequence[str] = ()) -> int:
        pid = super().create(namespace, id, bundle, init, rootfs)
        init.stdout = init.stderr = ""
        return pid


# -- added processes --


class TakesEveryName(Reference):
    """An id of a process may be anything, twice too."""

    found_by = ("a-name-of-a-process-is-a-name", "a-process-has-a-name-of-its-own")
    by_shim = ("a-process-has-a-name-of-its-own",)

    def check_exec(self, task: Container, exec_id: str) -> None:
        pass


class StartsWhatIsNotThere(Reference):
    """Start of a process whose command is not there is OK."""

    found_by = ("an-added-process-that-is-not-there-fails",)

    def spawn(self, task: Container, process: Process) -> None:
        if process is not task.init and shutil.which(process.args[0]) is None:
            process.args = ["false"]
        super().spawn(task, process)


class TakesProcessesAfterTheEnd(Reference):
    """A task that has ended takes further processes."""

    found_by = ("a-stopped-task-stays-stopped",)

    def exec(self, namespace: str, id: str, process: Process) -> None:
        task = self.find(namespace, id)
        self.check_exec(task, process.id)
        task.added[process.id] = process
        self.tell(task, "/tasks/exec-added", ev.TaskExecAdded(container_id=id, exec_id=process.id))


# -- several --


class SharesNames(Reference):
    """All namespaces are one."""

    found_by = ("namespaces-know-nothing-of-one-another",)

    def key(self, namespace: str, id: str) -> tuple[str, str]:
        return "", id

    def listed(self, namespace: str) -> list[Container]:
        return list(self.tasks.values())


class ListsEverything(Reference):
    """A list has the tasks of all namespaces."""

    found_by = ("namespaces-know-nothing-of-one-another",)

    def listed(self, namespace: str) -> list[Container]:
        return list(self.tasks.values())


class ListsWhatRuns(Reference):
    """A list leaves out what has ended."""

    found_by = ("a-list-has-what-is-there",)

    def listed(self, namespace: str) -> list[Container]:
        return [task for task in super().listed(namespace) if task.init.status is not Status.STOPPED]


class MeasuresNothing(Reference):
    """There are no metrics in what it answers."""

    found_by = ("tasks-are-measured",)
    by_shim = ("a-task-is-measured",)

    def stats(self, namespace: str, id: str) -> AnyMessage:
        return AnyMessage(type_url="verify.Nothing")


class UpdatesOnce(Reference):
    """A limit that was set stays."""

    found_by = ("limits-are-updated",)

    def update(self, namespace: str, id: str, resources: dict[str, Any]) -> None:
        if not self.find(namespace, id).limit:
            super().update(namespace, id, resources)


FAULTS = Reference.__subclasses__()
