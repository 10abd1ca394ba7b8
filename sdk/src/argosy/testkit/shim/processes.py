"""A task's processes: its stdio, its terminal, and processes that are added to it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio.to_thread
from argosy_protos.containerd.task import v3 as p
from argosy_protos.containerd.v1.types import Status

from argosy.errors import AlreadyExists, NotFound
from argosy.testkit.shim.calls import SUITE, Shim
from argosy.testkit.shim.lives import told

check = SUITE.check


class Fifos:
    """The FIFOs of one process, as a client has them: it reads stdout and stderr, and writes stdin."""

    def __init__(self, directory: Path, word: str, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self.paths = {name: str(directory / f"{word}-{name}") for name in ("stdin", "stdout", "stderr")}
        for path in self.paths.values():
            os.mkfifo(path, 0o700)
        self._read = {
            name: os.open(self.paths[name], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC) for name in ("stdout", "stderr")
        }
        self.stdin = -1

    def open_stdin(self) -> None:
        """Open stdin for writing, now that the shim reads it."""
        self.stdin = os.open(self.paths["stdin"], os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def close_stdin(self) -> None:
        os.close(self.stdin)
        self.stdin = -1

    async def text(self, expected: str, name: str = "stdout") -> str:
        """Return what came, once it has expected in it, or when time is over."""

        def read() -> str:
            data = b""
            until = time.monotonic() + self._deadline_s
            while expected.encode() not in data and time.monotonic() < until:
                try:
                    part = os.read(self._read[name], 65536)
                except BlockingIOError:
                    part = b""
                data += part
                if not part:
                    time.sleep(0.01)
            return data.decode(errors="replace")

        return await anyio.to_thread.run_sync(read)

    def close(self) -> None:
        for fd in (*self._read.values(), self.stdin):
            if fd >= 0:
                os.close(fd)


@contextmanager
def fifos(s: Shim, word: str) -> Iterator[Fifos]:
    """Yield FIFOs in the run's directory."""
    made = Fifos(s.target.base, f"{s.target.run}-{len(s.tasks)}-{time.time_ns()}-{word}", s.deadline_s)
    try:
        yield made
    finally:
        made.close()
        for path in made.paths.values():
            os.unlink(path)


@check(fast=True)
async def what_a_task_says_is_heard(s: Shim) -> None:
    """What a task writes comes through the FIFOs of its stdout and stderr, all of it, before Delete answers."""
    with fifos(s, "a") as io:
        words = ("sh", "-c", "echo out; echo err >&2; exit 0")
        task = await s.running("a", *words, stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        await s.wait(task)
        await s.delete(task)
        s.equal(await io.text("out\n"), "out\n", "what came through stdout")
        s.equal(await io.text("err\n", "stderr"), "err\n", "what came through stderr")


@check(fast=True)
async def what_a_task_is_told_is_read(s: Shim) -> None:
    """A task reads what is written to the FIFO of its stdin, and its end once that was closed and CloseIO called."""
    with fifos(s, "a") as io:
        task = await s.running("a", "cat", **io.paths)
        io.open_stdin()
        os.write(io.stdin, b"hello\n")
        s.equal(await io.text("hello\n"), "hello\n", "what came back")
        io.close_stdin()
        await s.call(task, "CloseIO", p.CloseIORequest(id=task.id, stdin=True))
        s.equal(await s.wait(task), 0, "the exit status")


@check()
async def a_client_may_leave_and_come_back(s: Shim) -> None:
    """A task whose client has left lives on, is not told that its stdin is over, and can be heard by who comes next."""
    with fifos(s, "a") as io:
        task = await s.running("a", "cat", **io.paths)
        for word in ("one", "two"):
            io.open_stdin()
            os.write(io.stdin, f"{word}\n".encode())
            s.equal(await io.text(f"{word}\n"), f"{word}\n", "what came back")
            io.close_stdin()
        s.equal((await s.state(task)).status, Status.RUNNING, "the status")


@check()
async def a_terminal_is_a_terminal(s: Shim) -> None:
    """A task with a terminal has one, of the size that ResizePty says."""
    with fifos(s, "a") as io:
        words = ("sh", "-c", "tty; read line; stty size; exit 0")
        task = await s.running("a", *words, terminal=True, stdin=io.paths["stdin"], stdout=io.paths["stdout"])
        heard = await io.text("/dev/")
        s.holds("/dev/" in heard, "the name of a terminal", heard)
        await s.call(task, "ResizePty", p.ResizePtyRequest(id=task.id, width=91, height=37))
        io.open_stdin()
        os.write(io.stdin, b"\n")
        heard = await io.text("37 91")
        s.holds("37 91" in heard, 'the size "37 91"', heard)
        s.equal(await s.wait(task), 0, "the exit status")


@check(fast=True)
async def a_process_is_added(s: Shim) -> None:
    """Exec adds a process, which Start runs beside the task; its exit is its own, and each step is told, in order."""
    with fifos(s, "e") as io:
        task = await s.running("a", "sleep", "1000")
        await s.exec(task, "e1", "sh", "-c", "echo in; exit 5", stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        s.equal((await s.state(task, "e1")).status, Status.CREATED, "the process's status")
        await s.call(task, "Start", p.StartRequest(id=task.id, exec_id="e1"))
        s.equal(await s.wait(task, "e1"), 5, "the process's exit status")
        s.equal(await io.text("in\n"), "in\n", "what came through its stdout")
        state = await s.state(task, "e1")
        s.equal((state.status, state.exit_status), (Status.STOPPED, 5), "the process's status and exit status")
        s.equal((await s.delete(task, "e1")).exit_status, 5, "the exit status that Delete answers")
        s.equal((await s.state(task)).status, Status.RUNNING, "the task's status")
        await told(s, task, "/tasks/create", "/tasks/start", "/tasks/exec-added", "/tasks/exec-started", "/tasks/exit")
        s.equal(s.events_of(task)[-1][1].id, "e1", "whose exit was told")


@check()
async def an_added_process_is_ended(s: Shim) -> None:
    """Kill of an added process ends it alone; the task's own end ends all, and its exit is told last."""
    task = await s.running("a", "sleep", "1000")
    for name in ("e1", "e2"):
        await s.exec(task, name, "sleep", "1000")
        await s.call(task, "Start", p.StartRequest(id=task.id, exec_id=name))
    await s.kill(task, exec_id="e1")
    s.equal(await s.wait(task, "e1"), 128 + signal.SIGKILL, "the process's exit status")
    s.equal((await s.state(task)).status, Status.RUNNING, "the task's status")
    await s.kill(task)
    s.equal(await s.wait(task, "e2"), 128 + signal.SIGKILL, "the other process's exit status")
    s.equal(await s.wait(task), 128 + signal.SIGKILL, "the task's exit status")

    def exits() -> list[str]:
        return [event.id for topic, event in s.events_of(task) if topic == "/tasks/exit"]

    async def all_told() -> bool:
        return len(exits()) >= 3

    await s.eventually(all_told, "three exits to be told", ", ".join(exits()))
    s.equal(exits(), ["e1", "e2", task.id], "whose exits were told")


@check(fast=True)
async def a_process_has_a_name_of_its_own(s: Shim) -> None:
    """Exec with an id that is there answers ALREADY_EXISTS; calls about an id that is not there answer NOT_FOUND."""
    task = await s.running("a", "sleep", "1000")
    await s.exec(task, "e1", "true")
    await s.refused(s.exec(task, "e1", "true"), AlreadyExists)
    for method, wish in (
        ("State", p.StateRequest(id=task.id, exec_id="nobody")),
        ("Start", p.StartRequest(id=task.id, exec_id="nobody")),
        ("Wait", p.WaitRequest(id=task.id, exec_id="nobody")),
        ("Kill", p.KillRequest(id=task.id, exec_id="nobody", signal=9)),
        ("Delete", p.DeleteRequest(id=task.id, exec_id="nobody")),
    ):
        await s.refused(s.call(task, method, wish), NotFound)
    await s.delete(task, "e1")
    await s.refused(s.state(task, "e1"), NotFound)
    await s.exec(task, "e1", "true")
