"""How a task lives: what each call does in each of its states, what is told of it, and what is left when it is over."""

from __future__ import annotations

import asyncio
import os
import signal

from argosy_protos.containerd.task import v3 as p
from argosy_protos.containerd.v1.types import Status

from argosy.client.jobs import together
from argosy.errors import ArgosyError, NotFound, Unavailable
from argosy.kernel.mount_table import mounts_below
from argosy.testkit.processes import SLEEP, runs
from argosy.testkit.shim.calls import SUITE, Shim, Task

check = SUITE.check


def topics(s: Shim, task: Task) -> list[str]:
    return [topic for topic, _ in s.events_of(task)]


async def over(s: Shim, pid: int) -> None:
    """Raises Broken unless a process of this machine ends."""

    async def ended() -> bool:
        return not runs(pid)

    await s.eventually(ended, f"process {pid} to be over", "it runs")


async def told(s: Shim, task: Task, *expected: str) -> None:
    """Raises Broken unless these events, and no others, come in this order."""

    async def there() -> bool:
        return len(topics(s, task)) >= len(expected)

    await s.eventually(there, f"events {', '.join(expected)}", lambda: ", ".join(topics(s, task)) or "none")
    s.equal(topics(s, task), list(expected), "the events")


@check(fast=True)
async def start_answers_an_address(s: Shim) -> None:
    """``start`` ends by itself and prints where the shim listens, and nothing else; asked again for the same id it prints the same."""
    task = s.bundle("a", SLEEP)
    await s.start(task)
    s.holds(task.shim_pid > 0, "the shim's pid from Connect", task.shim_pid)
    first = task.address
    again = await s.command(task, "start")
    s.holds(first.encode() in again, f"the address {first}", again)


@check(fast=True)
async def a_task_is_created_started_and_ends(s: Shim) -> None:
    """A task is CREATED, RUNNING and STOPPED; its exit status is what Wait, State and Delete answer, and each step is told once, in order."""
    task = s.bundle("a", ("sh", "-c", "exit 7"))
    await s.start(task)
    pid = await s.create(task)
    state = await s.state(task)
    s.equal((state.status, state.pid, state.bundle), (Status.CREATED, pid, str(task.bundle)), "status, pid and bundle")
    started = await s.call(task, "Start", p.StartRequest(id=task.id))
    s.equal(started.pid, pid, "the pid that Start answers")
    s.equal(await s.wait(task), 7, "the exit status that Wait answers")
    state = await s.state(task)
    s.equal((state.status, state.exit_status), (Status.STOPPED, 7), "status and exit status")
    s.equal(await s.wait(task), 7, "the exit status that Wait answers afterwards")
    deleted = await s.delete(task)
    s.equal((deleted.exit_status, deleted.pid), (7, pid), "exit status and pid that Delete answers")
    await told(s, task, "/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete")
    exited = s.events_of(task)[2][1]
    s.equal((exited.id, exited.pid, exited.exit_status), (task.id, pid, 7), "id, pid and exit status of the exit event")


@check("host", fast=True)
async def a_created_task_waits(s: Shim) -> None:
    """What is created does not run before Start; its process is there."""
    task = await s.created("a", "sh", "-c", "echo ran > /dev/null; exit 0")
    pid = (await s.state(task)).pid
    s.holds(runs(pid), "a process of that pid", pid)
    await asyncio.sleep(0.2)
    s.equal((await s.state(task)).status, Status.CREATED, "the status")
    connected = await s.call(task, "Connect", p.ConnectRequest(id=task.id))
    s.equal(connected.task_pid, pid, "the task's pid from Connect")


@check(fast=True)
async def what_runs_is_not_deleted(s: Shim) -> None:
    """Delete of a running task is an error other than NOT_FOUND, and it runs on."""
    task = await s.running("a", *SLEEP)
    error = await s.refused(s.delete(task))
    s.holds(not isinstance(error, NotFound), "another error than NOT_FOUND", error)
    s.equal((await s.state(task)).status, Status.RUNNING, "the status")


@check(fast=True)
async def a_signal_ends_a_task(s: Shim) -> None:
    """Kill sends a signal; a task that dies of it has the exit status 128 and the signal's number. Kill of what has ended answers NOT_FOUND."""
    task = await s.running("a", *SLEEP)
    await s.kill(task)
    s.equal(await s.wait(task), 128 + signal.SIGKILL, "the exit status")
    await s.refused(s.kill(task), NotFound)
    await s.delete(task)
    await s.refused(s.kill(task), NotFound)


@check()
async def a_signal_is_the_one_that_was_sent(s: Shim) -> None:
    """A process may take a signal and say so by its exit status."""
    with s.fifos("a") as io:
        words = ("sh", "-c", "trap 'exit 42' USR1; echo ready; while :; do sleep 0.05; done")
        task = await s.running("a", *words, stdout=io.paths["stdout"], stderr=io.paths["stderr"])
        await io.text("ready")
        await s.kill(task, signal.SIGUSR1)
        s.equal(await s.wait(task), 42, "the exit status")


@check(fast=True)
async def what_is_deleted_is_not_found(s: Shim) -> None:
    """State, Wait, Kill and Delete of what was deleted, or never was, answer NOT_FOUND."""
    task = await s.running("a", "true")
    await s.wait(task)
    await s.delete(task)
    for method, wish in (
        ("State", p.StateRequest(id=task.id)),
        ("Delete", p.DeleteRequest(id=task.id)),
        ("Wait", p.WaitRequest(id=task.id)),
        ("Kill", p.KillRequest(id=task.id, signal=9)),
    ):
        await s.refused(s.call(task, method, wish), NotFound)


@check()
async def a_created_task_is_deleted(s: Shim) -> None:
    """Delete of a task that was never started removes it."""
    task = await s.created("a", *SLEEP)
    await s.delete(task)
    await s.refused(s.state(task), NotFound)


@check()
async def waits_are_answered_when_it_ends(s: Shim) -> None:
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
            await s.call(task, "Start", p.StartRequest(id=task.id))
            await asyncio.sleep(0.1)
            s.equal(answers, [], "their answers while it runs")
            io.open_stdin()
            os.write(io.stdin, b"\n")
        s.equal(answers, [3] * 4, "their answers")


@check()
async def a_command_that_is_not_there_fails_create_or_start(s: Shim) -> None:
    """A task whose command is not there is an error of Create or of Start that names it; the shim lives on, and nothing of it runs."""
    task = s.bundle("a", ("/no/such/command",))
    await s.start(task)

    async def both() -> None:
        await s.create(task)
        await s.call(task, "Start", p.StartRequest(id=task.id))

    error = await s.refused(both())
    s.holds("/no/such/command" in str(error), 'an error that names "/no/such/command"', error)
    await s.call(task, "Connect", p.ConnectRequest(id=task.id))


@check("pause")
async def a_task_is_paused(s: Shim) -> None:
    """Pause and Resume stop a task and let it go on; both are told."""
    task = await s.running("a", *SLEEP)
    await s.call(task, "Pause", p.PauseRequest(id=task.id))
    s.equal((await s.state(task)).status, Status.PAUSED, "the status")
    await s.call(task, "Resume", p.ResumeRequest(id=task.id))
    s.equal((await s.state(task)).status, Status.RUNNING, "the status")
    await told(s, task, "/tasks/create", "/tasks/start", "/tasks/paused", "/tasks/resumed")


@check("stats")
async def a_task_is_measured(s: Shim) -> None:
    """Stats answers what a task uses, in one of the two forms that cgroups have."""
    task = await s.running("a", *SLEEP)
    stats = (await s.call(task, "Stats", p.StatsRequest(id=task.id))).stats
    url = stats.type_url.rpartition("/")[2] if stats is not None else ""
    s.holds(url in ("io.containerd.cgroups.v1.Metrics", "io.containerd.cgroups.v2.Metrics"), "metrics of cgroups", url)


@check("host")
async def the_pids_of_a_task_are_listed(s: Shim) -> None:
    """Pids has the processes of a task."""
    task = await s.running("a", "sh", "-c", "sleep 1000 & wait")
    pid = (await s.state(task)).pid

    async def both() -> bool:
        found = (await s.call(task, "Pids", p.PidsRequest(id=task.id))).processes
        return len(found) == 2 and pid in {one.pid for one in found}

    await s.eventually(both, f"two processes, of which {pid} is one", "others")


@check(fast=True)
async def a_shim_leaves_when_it_is_told_to(s: Shim) -> None:
    """Shutdown is ignored while there is a task; without one the shim ends, and its socket goes."""
    task = await s.running("a", *SLEEP)
    assert task.client is not None
    await s.call(task, "Shutdown", p.ShutdownRequest(id=task.id))
    await asyncio.sleep(0.2)
    s.equal((await s.state(task)).status, Status.RUNNING, "the status")
    await s.kill(task)
    await s.wait(task)
    await s.delete(task)
    try:
        await s.call(task, "Shutdown", p.ShutdownRequest(id=task.id))
    except Unavailable:
        pass  # it was gone before it could answer
    path = task.address.removeprefix("ttrpc+").removeprefix("unix://")

    async def gone() -> bool:
        return not runs(task.shim_pid) and not os.path.exists(path)

    await s.eventually(gone, "no shim and no socket", f"process {task.shim_pid}, or {path}")


@check(fast=True)
async def the_root_file_system_is_unmounted(s: Shim) -> None:
    """Create mounts the root file system in the bundle, and Delete unmounts it."""
    task = await s.running("a", "true")
    await s.wait(task)
    await s.delete(task)
    s.equal(mounts_below(str(task.bundle)), [], "the mounts in the bundle")


@check("host")
async def the_process_of_a_deleted_task_is_over(s: Shim) -> None:
    """Delete of a task that was never started ends its process."""
    task = await s.created("a", *SLEEP)
    pid = (await s.state(task)).pid
    await s.delete(task)
    await over(s, pid)


@check("host")
async def nothing_is_left_of_a_task(s: Shim) -> None:
    """After the end of a task and Delete none of its processes is there."""
    task = await s.running("a", "sh", "-c", "sleep 1000 & sleep 1000 & wait")
    pids: list[int] = []

    async def three() -> bool:
        pids[:] = [one.pid for one in (await s.call(task, "Pids", p.PidsRequest(id=task.id))).processes]
        return len(pids) == 3

    await s.eventually(three, "three processes", lambda: str(pids))
    await s.kill(task)
    await s.wait(task)
    await s.delete(task)
    for pid in pids:
        await over(s, pid)


@check("host")
async def what_a_dead_shim_left_is_deleted(s: Shim) -> None:
    """After a shim was killed, ``delete`` ends its container, unmounts its root file system, and prints a DeleteResponse."""
    task = await s.running("a", *SLEEP)
    pid = (await s.state(task)).pid
    os.kill(task.shim_pid, signal.SIGKILL)

    await over(s, task.shim_pid)
    output = await s.command(task, "delete")
    try:
        answer = p.DeleteResponse.decode(output)
    except ValueError:
        answer = p.DeleteResponse()
    s.holds(answer.exit_status == 128 + signal.SIGKILL and answer.exited_at, "a DeleteResponse with 137 and a time", output)

    async def gone() -> bool:
        return not runs(pid) and not mounts_below(str(task.bundle))

    await s.eventually(gone, "no container, and no mount in its bundle", f"process {pid}, or a mount")
    try:
        await s.state(task)
    except ArgosyError:
        return
