"""Calls of a Tasks service in any order, compared with a model of one container's task and of a process that is added to it."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from argosy_protos.containerd.services.tasks import v1 as p
from argosy_protos.containerd.v1.types import Status

from argosy.errors import ArgosyError
from argosy.testkit.anything import any_order
from argosy.testkit.processes import SLEEP
from argosy.testkit.suite import Broken, Check, status
from argosy.testkit.tasks.calls import Task, Tasks

# What most lists begin with comes more often.
_STEPS: Final = (
    "nothing", "Create", "Start", "Kill", "Delete", "Create", "Start", "Pause", "Resume", "Exec", "Start e1", "Kill e1", "Delete e1",
    "Create", "Start", "Exec", "Start e1",
)  # fmt: skip
_ADDED: Final = "e1"
# What a process that was killed ends with.
_KILLED: Final = 128 + signal.SIGKILL


@dataclass
class Model:
    """What there is of a container, by the contract: the states of its task and of the process that was added; None is nothing."""

    task: Status | None = None
    added: Status | None = None

    def do(self, step: str) -> set[str]:
        """Do a step; return the statuses that it may have. An error that the contract does not name may be any but NOT_FOUND."""
        allowed = self._allowed(step)
        if allowed == {"OK"}:
            self._go(step)
        return allowed

    def _allowed(self, step: str) -> set[str]:
        task, added = self.task, self.added
        if step == "Create":
            return {"OK"} if task is None else {"ALREADY_EXISTS"}
        if task is None:
            return {"NOT_FOUND"}
        if step.endswith(_ADDED) and added is None:
            return {"NOT_FOUND"}
        if step == "Start":
            return _ok(task is Status.CREATED)
        if step == "Kill":
            return {"NOT_FOUND"} if task is Status.STOPPED else {"OK"}
        if step == "Delete":
            return _ok(task in (Status.CREATED, Status.STOPPED))
        if step == "Pause":
            return _ok(task is Status.RUNNING)
        if step == "Resume":
            return _ok(task is Status.PAUSED)
        if step == "Exec":
            if task is not Status.RUNNING:
                return {"error"}
            return {"OK"} if added is None else {"ALREADY_EXISTS"}
        if step == f"Start {_ADDED}":
            return _ok(added is Status.CREATED and task is Status.RUNNING)
        if step == f"Kill {_ADDED}":
            return {"NOT_FOUND"} if added is Status.STOPPED else _ok(added is Status.RUNNING)
        return _ok(added in (Status.CREATED, Status.STOPPED))

    def _go(self, step: str) -> None:
        if step == "Create":
            self.task = Status.CREATED
        elif step in ("Start", "Resume"):
            self.task = Status.RUNNING
        elif step == "Pause":
            self.task = Status.PAUSED
        elif step == "Kill":
            self.task = Status.STOPPED
            self.added = Status.STOPPED if self.added is Status.RUNNING else self.added
        elif step == "Delete":
            self.task = self.added = None
        elif step == "Exec":
            self.added = Status.CREATED
        elif step == f"Start {_ADDED}":
            self.added = Status.RUNNING
        elif step == f"Kill {_ADDED}":
            self.added = Status.STOPPED
        elif step == f"Delete {_ADDED}":
            self.added = None

    def sensible(self, step: str) -> bool:
        """Return whether a step is one whose answer the contract fixes."""
        if self.task is Status.PAUSED and (step == "Kill" or step == "Exec" or step.endswith(_ADDED)):
            return False  # a signal waits until it goes on, with one kind of cgroups
        if step in ("Exec", f"Start {_ADDED}", f"Kill {_ADDED}", f"Delete {_ADDED}") and self.task in (
            Status.CREATED,
            Status.STOPPED,
        ):
            return False
        return not (step == f"Kill {_ADDED}" and self.added is Status.CREATED)


def _ok(may: bool) -> set[str]:
    return {"OK"} if may else {"error"}


async def _send(s: Tasks, task: Task, step: str) -> None:
    if step == "Create":
        await s.create(task)
    elif step == "Start":
        await s.start(task)
    elif step == "Kill":
        await s.kill(task)
        _killed(s, await s.wait(task))
    elif step == "Delete":
        await s.delete(task)
    elif step == "Pause":
        await s.call(task, "Pause", p.PauseTaskRequest(container_id=task.id))
    elif step == "Resume":
        await s.call(task, "Resume", p.ResumeTaskRequest(container_id=task.id))
    elif step == "Exec":
        await s.exec(task, _ADDED, *SLEEP)
    elif step == f"Start {_ADDED}":
        await s.start(task, _ADDED)
    elif step == f"Kill {_ADDED}":
        await s.kill(task, exec_id=_ADDED)
        _killed(s, await s.wait(task, _ADDED))
    else:
        await s.delete_process(task, _ADDED)


def _killed(s: Tasks, got: int) -> None:
    s.equal(got, _KILLED, "the exit status of what was killed")


async def attempt(s: Tasks, number: int, steps: Sequence[str]) -> None:
    """Make calls about a container of their own, and compare. Raises Broken."""
    model = Model()
    s.calls.clear()
    task = await s.container(f"any{number}", *SLEEP)
    for step in steps:
        if step == "nothing" or not model.sensible(step):
            continue
        allowed = model.do(step)
        try:
            await _send(s, task, step)
            got = "OK"
        except ArgosyError as error:
            got = status(error)
            if "error" in allowed and got not in ("NOT_FOUND", "DEADLINE_EXCEEDED", "UNAVAILABLE"):
                got = "error"
        if got not in allowed:
            raise Broken(" or ".join(sorted(allowed)), got)
        sent = s.calls[-1].text
        found = await _state(s, task), await _state(s, task, _ADDED) if model.task is not None else None
        del s.calls[-2 if model.task is not None else -1 :]
        if found != (model.task, model.added):
            raise Broken(f"{_said(model.task, model.added)} after it", _said(*found), sent)


async def _state(s: Tasks, task: Task, exec_id: str = "") -> Status | None:
    try:
        return Status(int((await s.get(task, exec_id)).status))
    except ArgosyError:
        return None


def _said(task: Status | None, added: Status | None) -> str:
    states = [f"the task {'gone' if task is None else task.name}"]
    if added is not None:
        states.append(f"process {_ADDED} {added.name}")
    return ", ".join(states)


def _choices() -> Any:
    """Return hypothesis's strategy for one step."""
    from hypothesis import strategies as st

    return st.sampled_from(_STEPS)


ANYTHING: Final[Check[Tasks]] = any_order(
    "Whatever is called, in whatever order: each call answers, and leaves, what a model of a task's life says.",
    _choices,
    attempt,
)
