"""How a task lives: what each call does in each of its states, what is told of it, and what is left when it is over."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

from argosy_protos.containerd.runc.v1 import CheckpointOptions
from argosy_protos.containerd.services.tasks import v1 as p
from argosy_protos.containerd.v1.types import Status

from argosy.client.jobs import together
from argosy.errors import AlreadyExists, ArgosyError, Cancelled, DeadlineExceeded, NotFound, Unavailable, Unknown
from argosy.testkit.processes import SLEEP, read, runs
from argosy.testkit.suite import Broken, NotHere
from argosy.testkit.tasks.calls import SUITE, Task, Tasks
from argosy.timestamps import from_wire
from argosy.typeurl import pack

check = SUITE.check

# A clock that is this machine's may be read a moment before or after ours.
_CLOCK_NS = 2_000_000_000


@check(fast=True)
async def a_task_is_created_started_and_ends(s: Tasks) -> None:
    """A task is CREATED, RUNNING and STOPPED; its pid is the same in every answer, and its exit status is what Wait, Get and Delete answer."""
    task = await s.container("a", "sh", "-c", "exit 7")
    pid = await s.create(task)
    s.holds(pid > 0, "a pid from Create", pid)
    state = await s.get(task)
    s.equal((state.id, state.status, state.pid), (task.id, Status.CREATED, pid), "id, status and pid before Start")
    s.equal(await s.start(task), pid, "the pid that Start answers")
    s.equal(await s.wait(task), 7, "the exit status that Wait answers")
    state = await s.get(task)
    s.equal(
        (state.status, state.exit_status, state.pid), (Status.STOPPED, 7, pid), "status, exit status and pid after the end"
    )
    s.equal(await s.wait(task), 7, "the exit status that Wait answers once more")
    deleted = await s.delete(task)
    s.equal((deleted.exit_status, deleted.pid), (7, pid), "exit status and pid that Delete answers")
    await s.refused(s.get(task), NotFound)


@check("events", fast=True)
async def each_step_is_told_once_in_order(s: Tasks) -> None:
    """Create, start, exit and delete are told, each once and in this order, with pid and exit status, even of a task that ends at once."""
    task = await s.container("a", "true")
    pid = await s.create(task)
    await s.start(task)
    await s.wait(task)
    await s.delete(task)
    await s.told(task, "/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete")
    events = dict(s.events_of(task))
    s.equal([events["/tasks/create"].pid, events["/tasks/start"].pid], [pid, pid], "the pids of create and start")
    exited = events["/tasks/exit"]
    s.equal((exited.id, exited.pid, exited.exit_status), (task.id, pid, 0), "id, pid and exit status of the exit")
    s.equal(events["/tasks/delete"].pid, pid, "the pid of the delete")


@check()
async def the_end_has_a_time(s: Tasks) -> None:
    """exited_at is when the task ended: what Get, Wait and Delete answer is one time; before the end there is none."""
    before = time.time_ns()
    task = await s.running("a", *SLEEP)
    state = await s.get(task)
    s.holds(
        not state.exit_status and (from_wire(state.exited_at) or 0) <= 0, "no exit status and no time while it runs", state
    )
    await s.kill(task)
    answer = await s.call(task, "Wait", p.WaitRequest(container_id=task.id))
    ended = from_wire(answer.exited_at) or 0
    s.holds(before - _CLOCK_NS < ended < time.time_ns() + _CLOCK_NS, "a time between the kill and now", answer.exited_at)
    s.equal(from_wire((await s.get(task)).exited_at), ended, "the time that Get answers")
    s.equal(from_wire((await s.delete(task)).exited_at), ended, "the time that Delete answers")


@check("host", fast=True)
async def a_created_task_waits(s: Tasks) -> None:
    """What is created does not run before Start, though its process is there."""
    with s.fifos("a") as io:
        task = await s.created("a", "echo", "it runs", stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        pid = (await s.get(task)).pid
        s.holds(runs(pid), "a process of that pid", pid)
        await asyncio.sleep(0.2)
        s.equal((await s.get(task)).status, Status.CREATED, "the status")
        s.equal(io.now(), "", "what it has written")
        await s.start(task)
        s.equal(await io.text("it runs\n"), "it runs\n", "what it writes after Start")


@check(fast=True)
async def a_task_needs_a_container(s: Tasks) -> None:
    """Create for a container that is not there answers NOT_FOUND, and names it."""
    task = Task(f"{s.target.run}-nobody", s.target.daemon.namespace)
    s.names(await s.refused(s.create(task), NotFound), task.id)


@check()
async def a_container_has_one_task(s: Tasks) -> None:
    """Create for a container that has a task answers ALREADY_EXISTS, and the task lives on."""
    task = await s.running("a", *SLEEP)
    pid = (await s.get(task)).pid
    s.names(await s.refused(s.create(task), AlreadyExists), task.id)
    state = await s.get(task)
    s.equal((state.status, state.pid), (Status.RUNNING, pid), "status and pid")


@check()
async def a_container_has_one_task_after_the_other(s: Tasks) -> None:
    """A container whose task was deleted can have another, with a pid and an end of its own."""
    task = await s.container("a", "sh", "-c", "exit 4")
    pids = []
    for _ in range(2):
        pids.append(await s.create(task))
        await s.start(task)
        s.equal(await s.wait(task), 4, "the exit status")
        await s.delete(task)
    s.holds(pids[0] != pids[1], "another pid", pids)


@check(fast=True)
async def what_is_not_there_is_not_found(s: Tasks) -> None:
    """Every call about a container without a task, or about none, answers NOT_FOUND and names it."""
    bare = await s.container("a", "true")
    for task in (bare, Task(f"{s.target.run}-nobody", bare.namespace)):
        for method, wish in _about(task.id):
            s.names(await s.refused(s.call(task, method, wish), NotFound), task.id)


def _about(id: str) -> list[tuple[str, Any]]:
    """Return a call of every method that is about a task that is there."""
    return [
        ("Start", p.StartRequest(container_id=id)),
        ("Delete", p.DeleteTaskRequest(container_id=id)),
        ("DeleteProcess", p.DeleteProcessRequest(container_id=id, exec_id="e1")),
        ("Get", p.GetRequest(container_id=id)),
        ("Kill", p.KillRequest(container_id=id, signal=signal.SIGTERM)),
        ("Exec", p.ExecProcessRequest(container_id=id, exec_id="e1")),
        ("ResizePty", p.ResizePtyRequest(container_id=id, width=80, height=25)),
        ("CloseIO", p.CloseIORequest(container_id=id, stdin=True)),
        ("Pause", p.PauseTaskRequest(container_id=id)),
        ("Resume", p.ResumeTaskRequest(container_id=id)),
        ("ListPids", p.ListPidsRequest(container_id=id)),
        ("Checkpoint", p.CheckpointTaskRequest(container_id=id)),
        ("Update", p.UpdateTaskRequest(container_id=id)),
        ("Wait", p.WaitRequest(container_id=id)),
    ]


@check(fast=True)
async def what_is_deleted_is_not_found(s: Tasks) -> None:
    """Get, Wait, Kill and Delete of a task that was deleted answer NOT_FOUND."""
    task = await s.running("a", "true")
    await s.wait(task)
    await s.delete(task)
    for method, wish in _about(task.id):
        if method in ("Get", "Wait", "Kill", "Delete"):
            await s.refused(s.call(task, method, wish), NotFound)


@check(fast=True)
async def what_runs_is_not_deleted(s: Tasks) -> None:
    """Delete of a running task is an error other than NOT_FOUND, and it runs on."""
    task = await s.running("a", *SLEEP)
    error = await s.refused(s.delete(task))
    s.holds(not isinstance(error, NotFound), "an error other than NOT_FOUND", error)
    s.equal((await s.get(task)).status, Status.RUNNING, "the status")


@check()
async def a_created_task_is_deleted(s: Tasks) -> None:
    """Delete of a task that was never started removes it, and its process."""
    task = await s.created("a", *SLEEP)
    pid = (await s.get(task)).pid
    await s.delete(task)
    await s.refused(s.get(task), NotFound)
    await s.over(pid)


@check()
async def a_created_task_is_ended(s: Tasks) -> None:
    """A task that was never started can be killed, and has an exit status of that."""
    task = await s.created("a", *SLEEP)
    await s.kill(task)
    s.equal(await s.wait(task), 128 + signal.SIGKILL, "the exit status")
    s.equal((await s.get(task)).status, Status.STOPPED, "the status")
    await s.delete(task)


@check(fast=True)
async def a_signal_ends_a_task(s: Tasks) -> None:
    """A task that dies of a signal has the exit status 128 and the signal's number. Kill of what has ended answers NOT_FOUND."""
    task = await s.running("a", *SLEEP)
    pid = (await s.get(task)).pid
    await s.kill(task)
    s.equal(await s.wait(task), 128 + signal.SIGKILL, "the exit status")
    await s.over(pid)
    await s.refused(s.kill(task), NotFound)
    await s.delete(task)
    await s.refused(s.kill(task), NotFound)


@check()
async def a_stopped_task_stays_stopped(s: Tasks) -> None:
    """What has ended is not started, paused or resumed again, and takes no further process: each is an error, and its state stays."""
    task = await s.running("a", "sh", "-c", "exit 3")
    await s.wait(task)
    await s.refused(s.start(task))
    await s.refused(s.exec(task, "e1", "true"))
    await s.refused(s.call(task, "Pause", p.PauseTaskRequest(container_id=task.id)))
    await s.refused(s.call(task, "Resume", p.ResumeTaskRequest(container_id=task.id)))
    state = await s.get(task)
    s.equal((state.status, state.exit_status), (Status.STOPPED, 3), "status and exit status")


@check()
async def a_task_is_started_once(s: Tasks) -> None:
    """Start of a task that runs is an error, and it runs on."""
    task = await s.running("a", *SLEEP)
    await s.refused(s.start(task))
    s.equal((await s.get(task)).status, Status.RUNNING, "the status")


@check(fast=True)
async def waits_are_answered_when_it_ends(s: Tasks) -> None:
    """Wait answers once the task has ended and not before, to everybody who waits, and however long before Start it was asked."""
    answers: list[int] = []
    with s.fifos("a") as io:
        stdin, stdout, stderr = (io.paths[name] for name in ("stdin", "stdout", "stderr"))
        task = await s.created("a", "sh", "-c", "read line; exit 3", stdin=stdin, stdout=stdout, stderr=stderr)

        async def one() -> None:
            answers.append(await s.wait(task))

        async with together() as group:
            for _ in range(4):
                group.start_soon(one)
            await asyncio.sleep(0.1)
            s.equal(answers, [], "the answers of four Waits before Start")
            await s.start(task)
            await asyncio.sleep(0.1)
            s.equal(answers, [], "their answers while it runs")
            io.open_stdin()
            os.write(io.stdin, b"\n")
        s.equal(answers, [3] * 4, "their answers")


@check()
async def a_wait_ends_with_its_client(s: Tasks) -> None:
    """A Wait whose client gives up, or whose time is over, ends; the task and the other Waits don't notice, however many there are."""
    task = await s.running("a", *SLEEP)
    # Who says first that the time is over, we or the daemon, is chance; a daemon may have no class for it.
    await s.refused(s.wait(task, timeout=0.1), DeadlineExceeded, Cancelled, Unknown)
    answers: list[int] = []

    async def stays() -> None:
        answers.append(await s.wait(task))

    async with together() as group:
        group.start_soon(stays)
        async with together() as leaving:
            for _ in range(50):
                leaving.start_soon(s.wait, task)
            await asyncio.sleep(0.2)
            leaving.cancel_scope.cancel()
        del s.calls[5:]  # fifty of the same
        s.equal((await s.get(task)).status, Status.RUNNING, "the status")
        s.equal(answers, [], "the answer of who still waits")
        await s.kill(task)
    s.equal(answers, [128 + signal.SIGKILL], "the answer of who still waits")
    await s.delete(task)


@check()
async def a_command_that_is_not_there_fails(s: Tasks) -> None:
    """A task whose command is not there is an error of Create or of Start that names it; nothing runs, and the container is free again."""
    task = await s.container("a", "/no/such/command")

    async def both() -> None:
        await s.create(task)
        await s.start(task)

    for _ in range(2):
        error = await s.refused(both())
        s.names(error, "/no/such/command")
        s.holds(not isinstance(error, AlreadyExists), "the same error as before", error)
        try:
            state = await s.get(task)
        except NotFound:
            continue
        s.holds(state.status != Status.RUNNING, "a task that does not run", state)
        await s.delete(task)


@check()
async def a_create_that_fails_leaves_nothing(s: Tasks) -> None:
    """A Create whose root file system can't be mounted is an error; the task is NOT_FOUND then, and Create can be tried again."""
    task = await s.container("a", "sh", "-c", "exit 2")
    error = await s.refused(s.create(task, rootfs=s.target.base / "nowhere"))
    s.holds(not isinstance(error, AlreadyExists), "an error other than ALREADY_EXISTS", error)
    await s.refused(s.get(task), NotFound)
    await s.create(task)
    await s.start(task)
    s.equal(await s.wait(task), 2, "the exit status")


@check("pause")
async def a_task_is_paused(s: Tasks) -> None:
    """Pause stops a task, which is PAUSED and can't be deleted then; Resume lets it go on."""
    task = await s.running("a", *SLEEP)
    await s.call(task, "Pause", p.PauseTaskRequest(container_id=task.id))
    s.equal((await s.get(task)).status, Status.PAUSED, "the status after Pause")
    await s.refused(s.delete(task))
    s.equal((await s.get(task)).status, Status.PAUSED, "the status after Delete was refused")
    await s.call(task, "Resume", p.ResumeTaskRequest(container_id=task.id))
    s.equal((await s.get(task)).status, Status.RUNNING, "the status after Resume")
    await s.kill(task)
    s.equal(await s.wait(task), 128 + signal.SIGKILL, "the exit status")


@check("pause", "events")
async def pauses_are_told(s: Tasks) -> None:
    """Pause and Resume are told once each, between start and exit."""
    task = await s.running("a", *SLEEP)
    await s.call(task, "Pause", p.PauseTaskRequest(container_id=task.id))
    await s.call(task, "Resume", p.ResumeTaskRequest(container_id=task.id))
    await s.kill(task)
    await s.wait(task)
    await s.told(task, "/tasks/create", "/tasks/start", "/tasks/paused", "/tasks/resumed", "/tasks/exit")


@check("pause")
async def what_was_not_started_is_not_paused(s: Tasks) -> None:
    """Pause of a task that does not run yet is an error, as is Resume of one that was not paused; both stay what they are."""
    task = await s.created("a", *SLEEP)
    await s.refused(s.call(task, "Pause", p.PauseTaskRequest(container_id=task.id)))
    s.equal((await s.get(task)).status, Status.CREATED, "the status")
    await s.start(task)
    await s.refused(s.call(task, "Resume", p.ResumeTaskRequest(container_id=task.id)))
    s.equal((await s.get(task)).status, Status.RUNNING, "the status")


@check()
async def a_checkpoint_that_fails_leaves_the_task(s: Tasks) -> None:
    """Checkpoint into a directory that can't be, or without what makes checkpoints, is an error; the task runs on."""
    task = await s.running("a", *SLEEP)
    options = pack("containerd.runc.v1.CheckpointOptions", CheckpointOptions(image_path="/proc/self/nowhere/image"))
    error = await s.refused(s.call(task, "Checkpoint", p.CheckpointTaskRequest(container_id=task.id, options=options)))
    s.holds(not isinstance(error, NotFound | Unavailable), "an error of the checkpoint's", error)
    s.equal((await s.get(task)).status, Status.RUNNING, "the status")
    await s.kill(task)
    s.equal(await s.wait(task), 128 + signal.SIGKILL, "the exit status")


@check("host")
async def nothing_is_left_of_a_task(s: Tasks) -> None:
    """After the end of a task and Delete none of its processes is there, nor a mount of its root file system."""
    task = await s.running("a", "sh", "-c", "sleep 1000 & sleep 1000 & wait")

    async def three() -> bool:
        return len(await s.pids(task)) == 3

    await s.eventually(three, "three processes", "others")
    pids = await s.pids(task)
    await s.kill(task)
    await s.wait(task)
    await s.delete(task)
    for pid in pids:
        await s.over(pid)

    async def unmounted() -> bool:
        with open("/proc/self/mountinfo") as file:
            return not any(f"/{task.id}/" in line for line in file)

    await s.eventually(unmounted, "no mount of it", "a mount")


@check("host")
async def a_dead_shim_is_noticed(s: Tasks) -> None:
    """When what holds a task dies, the task is ended and NOT_FOUND, who waits for it hears so, and its container can have another."""
    task = await s.container("a", *SLEEP)
    pid = await s.create(task)
    await s.start(task)
    shim = _shim_of(pid, task)

    async def ended() -> None:
        try:
            await s.wait(task)
        except DeadlineExceeded:
            raise Broken("an answer once the shim was dead", "none", f'Wait(container_id="{task.id}")') from None
        except ArgosyError:
            pass  # that it is lost is an answer, too

    async with together() as group:
        group.start_soon(ended)
        await asyncio.sleep(0.1)
        os.kill(shim, signal.SIGKILL)

    async def gone() -> bool:
        try:
            await s.get(task)
        except NotFound:
            return True
        return False

    await s.eventually(gone, "the task to be NOT_FOUND", "it is there")
    await s.over(pid)
    if s.target.hears:
        await s.told(task, "/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete")
        s.holds(
            s.events_of(task)[2][1].exit_status in (128 + signal.SIGKILL, 255),
            "an exit status of 137 or 255",
            s.events_of(task)[2],
        )

    async def another() -> bool:
        try:
            await s.create(task)
        except AlreadyExists:
            return False  # it was told of a moment before its name is free
        return True

    await s.eventually(another, "another task of the container", "ALREADY_EXISTS")


def _shim_of(pid: int, task: Task) -> int:
    """Return the process that holds a task: its parent, if that is its shim. Raises NotHere."""
    line = next((line for line in read(pid, "status").splitlines() if line.startswith("PPid:")), "PPid: 0")
    parent = int(line.split()[1])
    words = read(parent, "cmdline")
    if parent <= 1 or parent == os.getpid() or not ("shim" in words or task.id in words):
        raise NotHere("no shim of the task is to be seen among the processes of this machine")
    return parent
