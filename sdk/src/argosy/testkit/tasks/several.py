"""Several tasks: what a list has, what is measured, and that namespaces know nothing of one another."""

from __future__ import annotations

import time
from typing import Any

from argosy_protos.containerd.services.tasks import v1 as p
from argosy_protos.containerd.types import Metric
from argosy_protos.containerd.v1.types import Status

from argosy.client.jobs import together
from argosy.errors import FailedPrecondition, InvalidArgument, NotFound
from argosy.testkit.processes import SLEEP
from argosy.testkit.tasks.calls import SUITE, Task, Tasks
from argosy.timestamps import from_wire
from argosy.typeurl import RESOURCES, pack_json, unpack

check = SUITE.check

_MANY = 6
_CLOCK_NS = 2_000_000_000
_METRICS = ("io.containerd.cgroups.v1.Metrics", "io.containerd.cgroups.v2.Metrics")


@check(fast=True)
async def a_list_has_what_is_there(s: Tasks) -> None:
    """List answers each task of the namespace with its id, pid and status, and none that was deleted."""
    created = await s.created("a", *SLEEP)
    running = await s.running("b", *SLEEP)
    gone = await s.running("c", "true")
    await s.wait(gone)
    found = {process.id: process for process in await s.listed()}
    expected = {created.id: Status.CREATED, running.id: Status.RUNNING, gone.id: Status.STOPPED}
    s.equal({id: found[id].status for id in expected if id in found}, expected, "the tasks and their statuses")
    s.equal(found[running.id].pid, (await s.get(running)).pid, "the pid of the second")
    await s.delete(gone)
    s.holds(gone.id not in {process.id for process in await s.listed()}, "no task that was deleted", gone.id)


@check("host")
async def the_pids_of_a_task_are_listed(s: Tasks) -> None:
    """ListPids answers the processes of a task, those that were added too, and of no other task."""
    await s.running("b", *SLEEP)
    task = await s.running("a", "sh", "-c", "sleep 1000 & wait")
    first = (await s.get(task)).pid
    await s.exec(task, "e1", *SLEEP)
    added = await s.start(task, "e1")

    async def three() -> bool:
        pids = await s.pids(task)
        return len(pids) == 3 and {first, added} <= set(pids)

    await s.eventually(three, f"three processes, of which {first} and {added} are two", "others")


@check("metrics", fast=True)
async def tasks_are_measured(s: Tasks) -> None:
    """Metrics answers, of each task that its filters match, what it uses, in one of the two forms that cgroups have, and when that was."""
    one, other = await s.running("a", *SLEEP), await s.running("b", *SLEEP)
    alone = await _measured(s, one, [f'id=="{one.id}"'])
    s.equal([metric.id for metric in alone], [one.id], "whose metrics they are")
    found = alone[0]
    url = found.data.type_url.rpartition("/")[2] if found.data is not None else ""
    s.holds(url in _METRICS and found.data is not None and found.data.value, "metrics of cgroups", url)
    when = from_wire(found.timestamp) or 0
    s.holds(abs(when - time.time_ns()) < _CLOCK_NS + s.deadline_s * 1e9, "a time that is now", found.timestamp)
    both = await _measured(s, one, [f'id=="{one.id}"', f'id=="{other.id}"'])
    s.equal(sorted(metric.id for metric in both), sorted((one.id, other.id)), "whose metrics they are with two filters")
    s.equal(await _measured(s, one, ['id=="nobody"']), [], "the metrics of nobody")


@check("metrics")
async def limits_are_updated(s: Tasks) -> None:
    """Update changes what a running task may use: what is measured then has the new limit."""
    task = await s.running("a", *SLEEP)
    for limit in (23, 29):
        resources = pack_json(RESOURCES, {"pids": {"limit": limit}})
        await s.call(task, "Update", p.UpdateTaskRequest(container_id=task.id, resources=resources))
        found = await _measured(s, task, [f'id=="{task.id}"'])
        metrics: Any = unpack(found[0].data) if found and found[0].data is not None else None
        s.holds(metrics is not None and metrics.pids is not None, "metrics with processes", metrics)
        s.equal(metrics.pids.limit, limit, "the limit of processes")
    s.equal((await s.get(task)).status, Status.RUNNING, "the status")


async def _measured(s: Tasks, task: Task, filters: list[str]) -> list[Metric]:
    answer: p.MetricsResponse = await s.call(task, "Metrics", p.MetricsRequest(filters=filters))
    return answer.metrics


@check(fast=True)
async def namespaces_know_nothing_of_one_another(s: Tasks) -> None:
    """Two namespaces may have tasks of one name: each has its own state, exit status and events, and neither lists the other's."""
    here = await s.container("a", "sh", "-c", "exit 3")
    there = await s.container("a", *SLEEP, namespace=s.target.other, id=here.id)
    for task in (here, there):
        await s.create(task)
        await s.start(task)
    s.equal(await s.wait(here), 3, "the exit status of the one")
    s.equal((await s.get(there)).status, Status.RUNNING, "the status of the other")
    s.equal([one.id for one in await s.listed(s.target.other)], [there.id], "the tasks of the other namespace")
    await s.delete(here)
    await s.refused(s.get(here), NotFound)
    s.equal((await s.get(there)).status, Status.RUNNING, "the status of the other after the one was deleted")
    if s.target.hears:
        await s.told(there, "/tasks/create", "/tasks/start")


@check(fast=True)
async def a_call_needs_a_namespace(s: Tasks) -> None:
    """A call without a namespace answers FAILED_PRECONDITION, one in a namespace that could not be a name INVALID_ARGUMENT."""
    wish = p.GetRequest(container_id=f"{s.target.run}-nobody")
    await s.refused(s.call("", "Get", wish), FailedPrecondition)
    await s.refused(s.call("", "List", p.ListTasksRequest()), FailedPrecondition)
    await s.refused(s.call("../up", "Get", wish), InvalidArgument)


@check()
async def many_at_once(s: Tasks) -> None:
    """Tasks that are created, started and deleted at the same time each have an exit status of their own, and none is lost."""
    ended: dict[int, int] = {}

    async def one(number: int) -> None:
        task = await s.running("a", "sh", "-c", f"exit {number}")
        ended[number] = await s.wait(task)
        await s.delete(task)

    async with together() as group:
        for number in range(10, 10 + _MANY):
            group.start_soon(one, number)
    s.equal(ended, {number: number for number in range(10, 10 + _MANY)}, "the exit statuses")


@check()
async def of_several_creates_one_succeeds(s: Tasks) -> None:
    """Of Creates for one container at the same time one succeeds, and its task is none the worse for the others."""
    task = await s.container("a", *SLEEP)
    answers = await s.at_once([s.create(task) for _ in range(4)])
    s.equal(answers.count("OK"), 1, "how many of four Creates are OK")
    await s.start(task)
    s.equal((await s.get(task)).status, Status.RUNNING, "the status")


@check()
async def of_several_kills_all_are_answered(s: Tasks) -> None:
    """Kill from several at the same time is OK or NOT_FOUND, and its task ends once."""
    task = await s.running("a", *SLEEP)
    answers = await s.at_once([s.kill(task) for _ in range(6)])
    s.holds({"OK"} <= set(answers) <= {"OK", "NOT_FOUND"}, "OK or NOT_FOUND, and one OK", answers)
    await s.wait(task)
    if s.target.hears:
        await s.told(task, "/tasks/create", "/tasks/start", "/tasks/exit")
