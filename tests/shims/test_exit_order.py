"""The order of exits: an init's waits for its execs, those that are being started too, and for nothing that can't end."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from argosy.errors import FailedPrecondition, NotFound
from argosy.shim import lifecycle, model, tasks

from tests.harness.mesh import IMAGE, Mesh, eventually


class Process(model.Process):
    def resize(self, width: int, height: int) -> None: ...

    def close_stdin(self) -> None: ...

    def let_go(self) -> None: ...

    def drain_and_close(self) -> None: ...


class Container(model.Container[Process]):
    """Its execs start when they are told to, as they are told to."""

    def __init__(self) -> None:
        super().__init__("c", "/b", Process("", "", "", "", False))
        self.init.pid, self.init.status = 1000, lifecycle.RUNNING
        self.entered, self.go = threading.Event(), threading.Event()
        self.how: Callable[[Process], None] = lambda process: None

    def create(self) -> None: ...

    def start(self) -> None: ...

    def new_exec(self, request: Any, spec: dict[str, Any]) -> Process:
        return Process(request.exec_id, "", "", "", False, spec)

    def start_exec(self, process: Process) -> None:
        self.entered.set()
        assert self.go.wait(10)
        self.how(process)

    def delete_init(self) -> None:
        lifecycle.move(self.init.status, "delete")

    def kill(self, process: Process, number: int, everyone: bool) -> None:
        lifecycle.move(process.status, "kill")

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def update(self, resources: bytes) -> None: ...

    def make_checkpoint(self, path: str, options: Any) -> None: ...

    def pids(self) -> list[tuple[int, str]]:
        return []

    def stats(self) -> Any: ...


class Service(tasks.TaskService[Container]):
    gone = 0

    def make(self, request: Any) -> Container:
        raise AssertionError("nothing is created here")

    def init_gone(self, container: Container) -> None:
        self.gone += 1


class Events:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def publish(self, topic: str, name: str, event: Any) -> None:
        self.told.append((topic, getattr(event, "exec_id", "") or getattr(event, "id", "")))


@pytest.fixture
def served() -> tuple[Service, Container, Events]:
    events = Events()
    publisher: Any = events
    service = Service("n", publisher, lambda fd, then: None, lambda call: call(), lambda: None)
    container = Container()
    service.containers["c"] = container
    exec_ = Process("e", "", "", "", False, {})
    container.execs["e"] = exec_
    return service, container, events


def starting(service: Service, container: Container) -> tuple[threading.Thread, list[BaseException]]:
    """Return a Start of the exec that is under way, and what it raises in the end."""
    errors: list[BaseException] = []

    def start() -> None:
        try:
            service.start(SimpleNamespace(id="c", exec_id="e"))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    assert container.entered.wait(10)
    return thread, errors


def fails(process: Process) -> None:
    raise FailedPrecondition("no")


def fails_late(process: Process) -> None:
    process.pid = 1001
    process.status = lifecycle.STOPPED
    raise ProcessLookupError("gone")


@pytest.mark.parametrize("how", [fails, fails_late])
def test_an_init_that_ends_while_an_exec_fails_to_start_is_told_after_that(
    served: tuple[Service, Container, Events], how: Callable[[Process], None]
) -> None:
    """Only the Start fails: waiters are answered, a kill finds nothing, a delete works."""
    service, container, events = served
    container.how = how
    thread, errors = starting(service, container)
    answers: list[Any] = []
    service.wait(SimpleNamespace(id="c", exec_id=""), answers.append)
    service.exited(container, container.init, 137, 5)
    assert (answers, events.told, container.init.status) == ([], [], lifecycle.RUNNING)
    container.go.set()
    thread.join(10)
    assert len(errors) == 1
    assert [answer.exit_status for answer in answers] == [137]
    assert events.told == [("/tasks/exit", "c")]
    with pytest.raises(NotFound):
        service.kill(SimpleNamespace(id="c", exec_id="", signal=9, all=False))
    assert service.delete(SimpleNamespace(id="c", exec_id="")).exit_status == 137


def test_an_init_that_ends_while_an_exec_starts_is_told_after_the_execs_end(
    served: tuple[Service, Container, Events],
) -> None:
    """Started, exit of the exec, exit of init; who came too late to be ended with the others is ended then."""
    service, container, events = served
    container.how = lambda process: setattr(process, "pid", 1001)
    thread, errors = starting(service, container)
    service.exited(container, container.init, 0, 5)
    container.go.set()
    thread.join(10)
    assert not errors and service.gone == 2
    assert events.told == [("/tasks/exec-started", "e")]
    service.exited(container, container.execs["e"], 137, 6)
    assert events.told[1:] == [("/tasks/exit", "e"), ("/tasks/exit", "c")]


def test_an_exec_that_is_deleted_holds_no_exit_back(served: tuple[Service, Container, Events]) -> None:
    service, container, events = served
    container.execs["e"].pid = 1001  # it was to be started, and nobody sees its end
    service.exited(container, container.init, 3, 5)
    assert events.told == []
    service.delete(SimpleNamespace(id="c", exec_id="e"))
    assert events.told == [("/tasks/exit", "c")]


def _all_started(mesh: Mesh, id: str) -> bool:
    return len(mesh.ctr("tasks", "ps", id).ok().out.splitlines()) > 2


def _has_ended(mesh: Mesh, id: str) -> bool:
    return "STOPPED" in next(line for line in mesh.ctr("tasks", "ls").ok().out.splitlines() if line.startswith(f"{id} "))


@pytest.mark.root
def test_kill_beside_starting_execs_leaves_a_container_that_can_be_deleted(mesh: Mesh) -> None:
    for n in range(4):
        id = f"race{n}"
        mesh.ctr("run", "-d", IMAGE, id, "sleep", "100").ok()
        command = ["ctr", "-a", str(mesh.address), "tasks", "exec", "--exec-id"]
        execs = [subprocess.Popen([*command, f"e{m}", id, "sleep", "100"], stderr=subprocess.DEVNULL) for m in range(3)]
        try:
            if n % 2:  # they have started
                eventually(partial(_all_started, mesh, id))
            mesh.ctr("tasks", "kill", "-s", "KILL", id, timeout=15).ok()
            for one in execs:
                assert one.wait(15) != 0
        finally:
            for one in execs:
                one.kill()
                one.wait()
        eventually(partial(_has_ended, mesh, id))
        assert mesh.ctr("tasks", "rm", id, timeout=15).ok()
        mesh.ctr("containers", "rm", id).ok()
