"""A task's processes: its stdio, its terminal, the signals that it gets, and processes that are added to it."""

from __future__ import annotations

import asyncio
import os
import signal

from argosy_protos.containerd.services.tasks import v1 as p
from argosy_protos.containerd.v1.types import Status

from argosy.client.jobs import together
from argosy.errors import AlreadyExists, InvalidArgument, NotFound
from argosy.testkit.processes import SLEEP
from argosy.testkit.tasks.calls import SUITE, Task, Tasks

check = SUITE.check

# More than a pipe holds, and no multiple of anything.
_MUCH = 200_003


@check(fast=True)
async def what_a_task_says_is_heard(s: Tasks) -> None:
    """What a task writes comes through the FIFOs of its stdout and stderr, all of it, before Delete answers."""
    with s.fifos("a") as io:
        words = ("sh", "-c", "echo out; echo err >&2; exit 0")
        task = await s.running("a", *words, stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        await s.wait(task)
        await s.delete(task)
        s.equal(await io.text("out\n"), "out\n", "what came through stdout")
        s.equal(await io.text("err\n", "stderr"), "err\n", "what came through stderr")


@check()
async def all_that_a_task_says_is_heard(s: Tasks) -> None:
    """Of a task that writes much and ends at once nothing is lost, to the last byte."""
    with s.fifos("a") as io:
        words = ("sh", "-c", f"head -c {_MUCH} /dev/zero; echo end")
        task = await s.created("a", *words, stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        heard: list[bytes] = []

        async def hear() -> None:
            heard.append(await io.much(_MUCH + 4))

        async with together() as group:
            group.start_soon(hear)
            await s.start(task)
            await s.wait(task)
            await s.delete(task)
        s.equal((len(heard[0]), heard[0][-4:]), (_MUCH + 4, b"end\n"), "how many bytes came, and the last of them")


@check("host")
async def a_file_takes_what_a_task_says(s: Tasks) -> None:
    """With file:// what a task writes to stdout and to stderr is appended to that file, which is made where it is not there."""
    path = s.target.base / f"{s.target.run}-logs" / "file"
    for expected in ("1\n2\n", "1\n2\n1\n2\n"):
        task = await s.running("a", "sh", "-c", "echo 1; echo 2 >&2", stdout=f"file://{path}", stderr=f"file://{path}")
        await s.wait(task)
        await s.delete(task)
        s.equal(path.read_text(), expected, "what the file has")


@check("loggers")
async def a_program_takes_what_a_task_says(s: Tasks) -> None:
    """With binary:// a program is started, with the words of the URI, which reads what a task writes and knows whose it is."""
    program, path = s.target.base / f"{s.target.run}-logger", s.target.base / f"{s.target.run}-logged"
    # 3 and 4 are what it reads, and 5 is closed when it is ready.
    program.write_text('#!/bin/sh\nexec 5>&-\n{ echo "$1 $CONTAINER_NAMESPACE $CONTAINER_ID"; cat <&3; } > "$2"\n')
    program.chmod(0o755)
    task = await s.running(
        "a", "echo", "hello", stdout=f"binary://{program}?to={path}", stderr=f"binary://{program}?to={path}"
    )
    expected = f"to {task.namespace} {task.id}\nhello\n"
    await s.wait(task)
    await s.delete(task)

    def got() -> str:
        return path.read_text() if path.exists() else ""

    async def written() -> bool:
        return got() == expected

    await s.eventually(written, f"{expected!r} in its file", lambda: repr(got()))


@check(fast=True)
async def what_a_task_is_told_is_read(s: Tasks) -> None:
    """A task reads what is written to the FIFO of its stdin, and its end once that was closed and CloseIO called."""
    with s.fifos("a") as io:
        task = await s.running("a", "cat", **io.paths)
        io.open_stdin()
        os.write(io.stdin, b"hello\n")
        s.equal(await io.text("hello\n"), "hello\n", "what came back")
        io.close_stdin()
        await s.call(task, "CloseIO", p.CloseIORequest(container_id=task.id, stdin=True))
        s.equal(await s.wait(task), 0, "the exit status")


@check()
async def a_client_may_leave_and_come_back(s: Tasks) -> None:
    """A task whose client has left lives on, is not told that its stdin is over, and can be heard by who comes next."""
    with s.fifos("a") as io:
        task = await s.running("a", "cat", **io.paths)
        for word in ("one", "two"):
            io.open_stdin()
            os.write(io.stdin, f"{word}\n".encode())
            s.equal(await io.text(f"{word}\n"), f"{word}\n", "what came back")
            io.close_stdin()
            await asyncio.sleep(0.2)
        s.equal((await s.get(task)).status, Status.RUNNING, "the status")


@check()
async def get_says_the_stdio(s: Tasks) -> None:
    """Get answers the paths of stdio, and whether there is a terminal, as Create and Exec had them: who comes later finds them there."""
    with s.fifos("a") as io:
        task = await s.running("a", *SLEEP, stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        state = await s.get(task)
        expected = ("", io.paths["stdout"], io.paths["stderr"], False)
        s.equal((state.stdin, state.stdout, state.stderr, state.terminal), expected, "stdin, stdout, stderr and terminal")


@check()
async def a_terminal_is_a_terminal(s: Tasks) -> None:
    """A task with a terminal has one, of the size that ResizePty says."""
    with s.fifos("a") as io:
        words = ("sh", "-c", "tty; read line; stty size; exit 0")
        task = await s.running("a", *words, terminal=True, stdin=io.paths["stdin"], stdout=io.paths["stdout"])
        heard = await io.text("/dev/")
        s.holds("/dev/" in heard, "the name of a terminal", heard)
        await s.call(task, "ResizePty", p.ResizePtyRequest(container_id=task.id, width=91, height=37))
        io.open_stdin()
        os.write(io.stdin, b"\n")
        heard = await io.text("37 91")
        s.holds("37 91" in heard, 'the size "37 91"', heard)
        s.equal(await s.wait(task), 0, "the exit status")


@check()
async def a_signal_is_the_one_that_was_sent(s: Tasks) -> None:
    """A task may take a signal and say so by its exit status."""
    with s.fifos("a") as io:
        words = ("sh", "-c", "trap 'exit 42' USR1; echo ready; while :; do sleep 0.05; done")
        task = await s.running("a", *words, stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        await io.text("ready")
        await s.kill(task, signal.SIGUSR1)
        s.equal(await s.wait(task), 42, "the exit status")


@check("host")
async def a_signal_to_all_reaches_all(s: Tasks) -> None:
    """Kill with all sends its signal to every process of the task; without, to its first alone."""
    with s.fifos("a") as io:
        # The first takes no SIGTERM; those that it starts do.
        words = ("sh", "-c", "trap : TERM; sleep 1000 & sleep 1000 & echo ready; while :; do wait; done")
        task = await s.running("a", *words, stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        await io.text("ready")
        first = (await s.get(task)).pid
        s.equal(len(await s.pids(task)), 3, "how many processes there are")
        await s.kill(task, signal.SIGTERM)
        await asyncio.sleep(0.2)
        s.equal(len(await s.pids(task)), 3, "how many there are after a signal to the first")
        await s.kill(task, signal.SIGTERM, all=True)

        async def one() -> bool:
            return await s.pids(task) == [first]

        await s.eventually(one, f"process {first} to be the only one after a signal to all", "others, too")


@check()
async def a_signal_to_all_reaches_added_processes(s: Tasks) -> None:
    """Kill with all reaches processes that were added, too."""
    with s.fifos("a") as io:
        words = ("sh", "-c", "trap : TERM; echo ready; while :; do sleep 0.05; done")
        task = await s.running("a", *words, stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        await io.text("ready")
        await _added(s, task, "e1", *SLEEP)
        await s.kill(task, signal.SIGTERM, all=True)
        s.equal(await s.wait(task, "e1"), 128 + signal.SIGTERM, "the added process's exit status")
        s.equal((await s.get(task)).status, Status.RUNNING, "the task's status")


async def _added(s: Tasks, task: Task, name: str, *args: str) -> int:
    """Add a process, and start it; return its pid."""
    await s.exec(task, name, *args)
    return await s.start(task, name)


@check(fast=True)
async def a_process_is_added(s: Tasks) -> None:
    """Exec adds a process, which Start runs beside the task; its exit status is its own."""
    with s.fifos("e") as io:
        task = await s.running("a", *SLEEP)
        await s.exec(task, "e1", "sh", "-c", "echo in; exit 5", stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        s.equal((await s.get(task, "e1")).status, Status.CREATED, "the process's status")
        pid = await s.start(task, "e1")
        s.holds(pid > 0 and pid != (await s.get(task)).pid, "a pid of its own", pid)
        s.equal(await s.wait(task, "e1"), 5, "the process's exit status")
        s.equal(await io.text("in\n"), "in\n", "what came through its stdout")
        state = await s.get(task, "e1")
        s.equal(
            (state.id, state.status, state.exit_status),
            ("e1", Status.STOPPED, 5),
            "the process's id, status and exit status",
        )
        deleted = await s.delete_process(task, "e1")
        s.equal(
            (deleted.id, deleted.exit_status, deleted.pid),
            ("e1", 5, pid),
            "id, exit status and pid that DeleteProcess answers",
        )
        s.equal((await s.get(task)).status, Status.RUNNING, "the task's status")


@check("events", fast=True)
async def an_added_process_is_told(s: Tasks) -> None:
    """exec-added, exec-started and exit are told in this order, with the process's id and pid, even of one that ends at once."""
    task = await s.running("a", *SLEEP)
    await s.exec(task, "e1", "true")
    pid = await s.start(task, "e1")
    await s.wait(task, "e1")
    await s.delete_process(task, "e1")
    await s.told(task, "/tasks/create", "/tasks/start", "/tasks/exec-added", "/tasks/exec-started", "/tasks/exit")
    added, started, exited = (event for _, event in s.events_of(task)[2:])
    s.equal((added.exec_id, started.exec_id, started.pid), ("e1", "e1", pid), "the ids, and the pid of exec-started")
    s.equal((exited.id, exited.pid, exited.exit_status), ("e1", pid, 0), "id, pid and exit status of the exit")


@check()
async def an_added_process_is_ended(s: Tasks) -> None:
    """Kill of an added process ends it alone; the task's own end ends all of them."""
    task = await s.running("a", *SLEEP)
    for name in ("e1", "e2"):
        await _added(s, task, name, *SLEEP)
    await s.kill(task, exec_id="e1")
    s.equal(await s.wait(task, "e1"), 128 + signal.SIGKILL, "the process's exit status")
    await s.refused(s.kill(task, exec_id="e1"), NotFound)
    await asyncio.sleep(0.1)  # were it the task that was meant, the others are over now
    s.equal((await s.get(task)).status, Status.RUNNING, "the task's status")
    s.equal((await s.get(task, "e2")).status, Status.RUNNING, "the other process's status")
    await s.kill(task)
    s.equal(await s.wait(task, "e2"), 128 + signal.SIGKILL, "the other process's exit status")
    s.equal(await s.wait(task), 128 + signal.SIGKILL, "the task's exit status")


@check("events")
async def the_task_ends_last(s: Tasks) -> None:
    """The exit of a task is told after those of the processes that were added to it, each once."""
    task = await s.running("a", *SLEEP)
    for name in ("e1", "e2"):
        await _added(s, task, name, *SLEEP)
    await s.kill(task)
    await s.wait(task)

    def exits() -> list[str]:
        return [event.id for topic, event in s.events_of(task) if topic == "/tasks/exit"]

    async def three() -> bool:
        return len(exits()) >= 3

    await s.eventually(three, "three exits to be told", lambda: ", ".join(exits()) or "none")
    s.equal((sorted(exits()[:2]), exits()[2:]), (["e1", "e2"], [task.id]), "whose exits were told first, and last")


@check()
async def waits_for_an_added_process(s: Tasks) -> None:
    """Wait for an added process may be asked before it is started and after it has ended, and is about that process alone."""
    task = await s.running("a", *SLEEP)
    await s.exec(task, "e1", "sh", "-c", "sleep 0.2; exit 9")
    answers: list[int] = []

    async def one() -> None:
        answers.append(await s.wait(task, "e1"))

    async with together() as group:
        for _ in range(3):
            group.start_soon(one)
        await asyncio.sleep(0.1)
        s.equal(answers, [], "the answers of three Waits before Start")
        await s.start(task, "e1")
    s.equal(answers, [9] * 3, "their answers")
    s.equal(await s.wait(task, "e1"), 9, "the answer of one more")


@check(fast=True)
async def a_process_has_a_name_of_its_own(s: Tasks) -> None:
    """Exec with an id that is there answers ALREADY_EXISTS; calls about an id that is not there answer NOT_FOUND and name it; what was deleted is free."""
    task = await s.running("a", *SLEEP)
    await s.exec(task, "e1", "true")
    await s.refused(s.exec(task, "e1", "true"), AlreadyExists)
    for method, wish in (
        ("Get", p.GetRequest(container_id=task.id, exec_id="nobody")),
        ("Start", p.StartRequest(container_id=task.id, exec_id="nobody")),
        ("Wait", p.WaitRequest(container_id=task.id, exec_id="nobody")),
        ("Kill", p.KillRequest(container_id=task.id, exec_id="nobody", signal=signal.SIGKILL)),
        ("DeleteProcess", p.DeleteProcessRequest(container_id=task.id, exec_id="nobody")),
        ("ResizePty", p.ResizePtyRequest(container_id=task.id, exec_id="nobody", width=80, height=25)),
    ):
        s.names(await s.refused(s.call(task, method, wish), NotFound), "nobody")
    await s.delete_process(task, "e1")
    await s.refused(s.get(task, "e1"), NotFound)
    await s.exec(task, "e1", "true")


@check()
async def a_name_of_a_process_is_a_name(s: Tasks) -> None:
    """Exec with an id that could not be a file's name, or with none, answers INVALID_ARGUMENT."""
    task = await s.running("a", *SLEEP)
    for name in ("", "../e1", "a/b", "e 1", "-e", "e" * 77):
        await s.refused(s.exec(task, name, "true"), InvalidArgument)


@check()
async def an_added_process_that_runs_is_not_deleted(s: Tasks) -> None:
    """DeleteProcess of a process that runs is an error other than NOT_FOUND, and it runs on."""
    task = await s.running("a", *SLEEP)
    await _added(s, task, "e1", *SLEEP)
    error = await s.refused(s.delete_process(task, "e1"))
    s.holds(not isinstance(error, NotFound), "an error other than NOT_FOUND", error)
    s.equal((await s.get(task, "e1")).status, Status.RUNNING, "the process's status")


@check()
async def an_added_process_that_is_not_there_fails(s: Tasks) -> None:
    """A process whose command is not there is an error of its Start that names it; it can be deleted, and the task runs on."""
    task = await s.running("a", *SLEEP)
    await s.exec(task, "e1", "/no/such/command")
    s.names(await s.refused(s.start(task, "e1")), "/no/such/command")
    await s.delete_process(task, "e1")
    await s.refused(s.get(task, "e1"), NotFound)
    s.equal((await s.get(task)).status, Status.RUNNING, "the task's status")


@check()
async def an_added_process_is_told_and_heard(s: Tasks) -> None:
    """An added process has stdio of its own: it reads what is written to it, and its end after CloseIO."""
    with s.fifos("e") as io:
        task = await s.running("a", *SLEEP)
        await s.exec(task, "e1", "cat", stdin=io.paths["stdin"], stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        await s.start(task, "e1")
        io.open_stdin()
        os.write(io.stdin, b"hello\n")
        s.equal(await io.text("hello\n"), "hello\n", "what came back")
        io.close_stdin()
        await s.call(task, "CloseIO", p.CloseIORequest(container_id=task.id, exec_id="e1", stdin=True))
        s.equal(await s.wait(task, "e1"), 0, "the process's exit status")


@check()
async def an_added_process_has_a_terminal(s: Tasks) -> None:
    """An added process may have a terminal, of the size that ResizePty says."""
    with s.fifos("e") as io:
        task = await s.running("a", *SLEEP)
        words = ("sh", "-c", "tty; read line; stty size; exit 0")
        await s.exec(task, "e1", *words, terminal=True, stdin=io.paths["stdin"], stdout=io.paths["stdout"])
        await s.start(task, "e1")
        heard = await io.text("/dev/")
        s.holds("/dev/" in heard, "the name of a terminal", heard)
        await s.call(task, "ResizePty", p.ResizePtyRequest(container_id=task.id, exec_id="e1", width=91, height=37))
        io.open_stdin()
        os.write(io.stdin, b"\n")
        heard = await io.text("37 91")
        s.holds("37 91" in heard, 'the size "37 91"', heard)
        s.equal(await s.wait(task, "e1"), 0, "the process's exit status")
