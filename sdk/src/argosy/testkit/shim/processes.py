"""A task's processes: its stdio, its terminal, and processes that are added to it."""

from __future__ import annotations

import asyncio
import os
import signal

from argosy_protos.containerd.task import v3 as p
from argosy_protos.containerd.v1.types import Status

from argosy.client.jobs import together
from argosy.errors import AlreadyExists, NotFound
from argosy.testkit.shim.calls import SUITE, Shim
from argosy.testkit.shim.lives import told

check = SUITE.check

# More than a pipe holds, and no multiple of anything.
_MUCH = 200_003


@check(fast=True)
async def what_a_task_says_is_heard(s: Shim) -> None:
    """What a task writes comes through the FIFOs of its stdout and stderr, all of it, before Delete answers."""
    with s.fifos("a") as io:
        words = ("sh", "-c", "echo out; echo err >&2; exit 0")
        task = await s.running("a", *words, stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        await s.wait(task)
        await s.delete(task)
        s.equal(await io.text("out\n"), "out\n", "what came through stdout")
        s.equal(await io.text("err\n", "stderr"), "err\n", "what came through stderr")


@check()
async def all_that_a_task_says_is_heard(s: Shim) -> None:
    """Of a task that writes much and ends at once nothing is lost, to the last byte."""
    with s.fifos("a") as io:
        words = ("sh", "-c", f"head -c {_MUCH} /dev/zero; echo end")
        task = await s.created("a", *words, stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        heard: list[bytes] = []

        async def hear() -> None:
            heard.append(await io.much(_MUCH + 4))

        async with together() as group:
            group.start_soon(hear)
            await s.call(task, "Start", p.StartRequest(id=task.id))
            await s.wait(task)
            await s.delete(task)
        s.equal((len(heard[0]), heard[0][-4:]), (_MUCH + 4, b"end\n"), "how many bytes came, and the last of them")


@check("host")
async def a_signal_to_all_reaches_all(s: Shim) -> None:
    """Kill with all sends its signal to every process of the task; without, to its first alone."""
    with s.fifos("a") as io:
        # The first takes no SIGTERM; those that it starts do.
        words = ("sh", "-c", "trap : TERM; sleep 1000 & sleep 1000 & echo ready; while :; do wait; done")
        task = await s.running("a", *words, stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        await io.text("ready")
        first = (await s.state(task)).pid

        async def pids() -> list[int]:
            return sorted(one.pid for one in (await s.call(task, "Pids", p.PidsRequest(id=task.id))).processes)

        async def one() -> bool:
            return await pids() == [first]

        await s.kill(task, signal.SIGTERM)
        await asyncio.sleep(0.2)
        s.equal(len(await pids()), 3, "how many processes there are after a signal to the first")
        await s.kill(task, signal.SIGTERM, all=True)
        await s.eventually(one, f"process {first} to be the only one after a signal to all", "others, too")


@check(fast=True)
async def what_a_task_is_told_is_read(s: Shim) -> None:
    """A task reads what is written to the FIFO of its stdin, and its end once that was closed and CloseIO called."""
    with s.fifos("a") as io:
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
    with s.fifos("a") as io:
        task = await s.running("a", "cat", **io.paths)
        for word in ("one", "two"):
            io.open_stdin()
            os.write(io.stdin, f"{word}\n".encode())
            s.equal(await io.text(f"{word}\n"), f"{word}\n", "what came back")
            io.close_stdin()
            await asyncio.sleep(0.2)
        s.equal((await s.state(task)).status, Status.RUNNING, "the status")


@check()
async def a_terminal_is_a_terminal(s: Shim) -> None:
    """A task with a terminal has one, of the size that ResizePty says."""
    with s.fifos("a") as io:
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
    with s.fifos("e") as io:
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
    await asyncio.sleep(0.1)  # were it the task that was meant, the others are over now
    s.equal((await s.state(task)).status, Status.RUNNING, "the task's status")
    await s.kill(task)
    s.equal(await s.wait(task, "e2"), 128 + signal.SIGKILL, "the other process's exit status")
    s.equal(await s.wait(task), 128 + signal.SIGKILL, "the task's exit status")

    def exits() -> list[str]:
        return [event.id for topic, event in s.events_of(task) if topic == "/tasks/exit"]

    async def all_told() -> bool:
        return len(exits()) >= 3

    await s.eventually(all_told, "three exits to be told", lambda: ", ".join(exits()) or "none")
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
