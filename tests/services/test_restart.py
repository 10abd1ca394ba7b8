"""The restart monitor: what labels may say, and that nothing they say ends it."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from argosy import log
from argosy.errors import InvalidArgument, NotFound
from argosy.rpc import Server
from argosy.store.database import Database
from argosy.tables import Restart
from argosy_gateway.loguris import permitted
from argosy_gateway.metadata import containers as store
from argosy_gateway.metadata.schema import MIGRATIONS
from argosy_gateway.restart import COUNT, EXPLICITLY_STOPPED, LOG_URI, POLICY, STATUS, Policy, RestartMonitor
from argosy_protos.containerd.services.containers import v1 as containers
from argosy_protos.containerd.services.tasks import v1 as tasks
from argosy_protos.containerd.v1.types import Process, Status
from argosy_protos.google.protobuf import Any as AnyMessage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# Each of these has been read as a number, a list or an address by something.
WEIRD = [
    "", " ", "x", "-", "+", "²", "١٢", "0x10", "1e9", "1_000", "-1", "+1", "9" * 4000, "NaN", "1 ", "\n", "\0", "ÿ", "🏴",
    ":", "on-failure", "on-failure:", "on-failure:x", "on-failure:²", "on-failure:-1", "on-failure:9999999999999999999999",
    "on-failure:1:2", "always:1", "unless-stopped", "no:", "no", "running", "stopped", "RUNNING", "true", "1", "TRUE", "tRUE",
    "binary:///bin/sh?-c=id", "binary-v2:///bin/sh", "BINARY:///bin/sh", "file:///etc/passwd", "file://host/x", "fifo:///x",
    "/etc/passwd", "//etc/passwd", "relative", "file:", "http://[::1", "file:///%2e%2e/x", "%", "{}", "[", '"', "' OR 1=1 --",
]  # fmt: skip
values = st.one_of(st.sampled_from(WEIRD), st.text(max_size=64))
labels = st.dictionaries(st.sampled_from([POLICY, COUNT, LOG_URI, EXPLICITLY_STOPPED]), values)


@pytest.fixture(autouse=True)
def lines() -> None:
    """Events go to the standard error of this very test, a JSON line each."""
    log.configure("info", json=True)


class Tasks(tasks.TasksBase):
    """A task manager that remembers what it was asked. Tasks of containers called "hangs" answer nothing."""

    def __init__(self) -> None:
        self.created: list[tasks.CreateTaskRequest] = []
        self.looked: set[str] = set()
        self.asked: list[str] = []
        self.exit_status = 1

    async def get(self, request: tasks.GetRequest) -> tasks.GetResponse:
        self.looked.add(request.container_id)
        self.asked.append(request.container_id)
        if request.container_id.startswith("hangs"):
            await asyncio.sleep(60)
        if request.container_id.startswith("fresh"):
            raise NotFound("no task")
        process = Process(id=request.container_id, status=Status.STOPPED, exit_status=self.exit_status)
        return tasks.GetResponse(process=process)

    async def create(self, request: tasks.CreateTaskRequest) -> tasks.CreateTaskResponse:
        self.created.append(request)
        return tasks.CreateTaskResponse(container_id=request.container_id, pid=1)

    async def start(self, request: tasks.StartRequest) -> tasks.StartResponse:
        return tasks.StartResponse(pid=1)

    async def delete(self, request: tasks.DeleteTaskRequest) -> tasks.DeleteResponse:
        return tasks.DeleteResponse()


class Containers(containers.ContainersBase):
    """Takes the count of restarts."""

    def __init__(self) -> None:
        self.counts: dict[str, str] = {}

    async def update(self, request: containers.UpdateContainerRequest) -> containers.UpdateContainerResponse:
        assert request.container is not None
        self.counts[request.container.id] = request.container.labels[COUNT]
        return containers.UpdateContainerResponse(container=request.container)


class House:
    """A monitor between a database and services of ours."""

    def __init__(self, db: Database, server: Server, address: Path, allowed: list[str]) -> None:
        self.db, self.server = db, server
        self.tasks, self.containers = Tasks(), Containers()
        server.add(self.tasks)
        server.add(self.containers)
        self.events = SimpleNamespace(sequence=0)
        core: Any = SimpleNamespace(db=db, settings=SimpleNamespace(restart=Restart(log_uris=allowed)), events=self.events)
        self.monitor = RestartMonitor(address, 0.01, core)

    async def add(self, id: str, wanted: Mapping[str, str]) -> None:
        record = containers.Container(
            id=id, labels={STATUS: "running", **wanted}, runtime=containers.ContainerRuntime(name="r"), spec=AnyMessage()
        )
        await self.db.write(lambda db: store.create(db, "n", record))

    async def until(self, condition: Any) -> None:
        with anyio.fail_after(30):
            async with anyio.create_task_group() as work:
                work.start_soon(self.monitor.run)
                while not condition():
                    await anyio.sleep(0.005)
                work.cancel_scope.cancel()


def in_house(work: Any, allowed: list[str] | None = None) -> None:
    async def main() -> None:
        with tempfile.TemporaryDirectory(prefix="ay-") as base:
            db = await Database.open(Path(base) / "db", MIGRATIONS)
            server = Server()
            house = House(db, server, Path(base) / "s", allowed or [])
            await server.listen_unix(Path(base) / "s")
            try:
                await work(house)
            finally:
                await server.close(0)
                await db.close()

    asyncio.run(main())


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(labels, min_size=1, max_size=20))
def test_whatever_labels_hold_the_others_are_looked_at(several: list[dict[str, str]]) -> None:
    """One that is fine is started, whatever stands in the labels of the rest; and nothing logs anywhere it may not."""

    async def work(house: House) -> None:
        for i, wanted in enumerate(several):
            await house.add(f"odd{i}", wanted)
        await house.add("zfine", {POLICY: "on-failure:3", COUNT: "1"})
        await house.until(lambda: any(c.container_id == "zfine" for c in house.tasks.created))
        assert house.containers.counts["zfine"] == "2"
        assert {c.stdout for c in house.tasks.created} | {c.stderr for c in house.tasks.created} == {""}

    in_house(work)


def test_a_count_that_is_no_number_ends_nothing_and_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """This label alone crashed the daemon every ten seconds."""

    async def work(house: House) -> None:
        await house.add("a", {COUNT: "x", POLICY: "on-failure:3"})
        await house.add("b", {COUNT: "x"})
        await house.until(lambda: len(house.tasks.created) > 20)
        assert {c.container_id for c in house.tasks.created} == {"b"} and house.containers.counts == {"b": "1"}

    in_house(work)
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["container"] for line in said if line["event"] == "restart.failed"] == ["a"]


def test_a_container_that_shall_not_run_is_asked_about_once_until_something_happens() -> None:
    """A task manager that nobody else calls may end, and is not started for this."""

    async def work(house: House) -> None:
        await house.add("fresh-stopped", {STATUS: "stopped"})
        await house.add("fresh-no", {POLICY: "no"})
        await house.add("ended", {POLICY: "no"})

        def times(id: str) -> int:
            return house.tasks.asked.count(id)

        async def until(condition: Callable[[], bool]) -> None:
            with anyio.fail_after(30):
                while not condition():
                    await anyio.sleep(0.005)

        async with anyio.create_task_group() as group:
            group.start_soon(house.monitor.run)
            await until(lambda: times("ended") > 20)
            assert times("fresh-stopped") == times("fresh-no") == 1, "a task that is there is looked at each time"
            house.events.sequence += 1
            await until(lambda: times("fresh-stopped") == times("fresh-no") == 2)
            await house.db.write(lambda db: store.delete(db, "n", "fresh-no"))
            await house.add("fresh-no", {POLICY: "always"})
            await until(lambda: bool(house.tasks.created))
            group.cancel_scope.cancel()
        assert {c.container_id for c in house.tasks.created} == {"fresh-no"}

    in_house(work)


def test_a_task_that_does_not_answer_keeps_nobody_waiting() -> None:
    """A shim may hang; its container's neighbours are restarted all the same."""

    async def work(house: House) -> None:
        for i in range(10):
            await house.add(f"hangs{i}", {})
        await house.add("z", {})
        await house.until(lambda: len(house.tasks.created) > 3)
        assert {c.container_id for c in house.tasks.created} == {"z"}

    in_house(work)


def test_a_record_that_cannot_be_read_is_passed_over() -> None:
    """A row may be damaged; the rest is looked at."""

    async def work(house: House) -> None:
        await house.add("z", {})
        await house.db.write(lambda db: db.execute("INSERT INTO containers VALUES ('n', 'a', x'ffffff')") and None)
        await house.until(lambda: house.tasks.created)

    in_house(work)


def test_a_log_goes_where_the_configuration_allows(tmp_path: Path) -> None:
    """The URI reaches the task as it stands."""
    uris = [f"file://{tmp_path}/a/log", "binary:///opt/logger?x=y"]

    async def work(house: House) -> None:
        for i, uri in enumerate(uris):
            await house.add(f"c{i}", {LOG_URI: uri})
        await house.until(lambda: len({c.container_id for c in house.tasks.created}) == 2)
        assert {c.stdout for c in house.tasks.created} == set(uris)

    in_house(work, [f"file://{tmp_path}/", uris[1]])


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(values, st.text(alphabet="/.:%?#@abcdefilnry \t\\", max_size=40).map(lambda t: "file://" + t)))
def test_nothing_but_nowhere_is_allowed_without_a_list(uri: str) -> None:
    """An empty allow-list allows the empty URI."""
    assert permitted(uri, []) == (uri == "")


def test_what_an_entry_allows(tmp_path: Path) -> None:
    """A whole URI, or what truly lies beneath a directory."""
    (tmp_path / "logs" / "sub").mkdir(parents=True)
    (tmp_path / "logs" / "out").symlink_to(tmp_path)
    (tmp_path / "logs" / "passwd").symlink_to("/etc/passwd")
    base = f"file://{tmp_path}/logs/"
    allowed = [base, "binary:///l?a=b"]
    for good in (f"{base}x", f"{base}sub/x.log", f"{base}new/dir/x", "binary:///l?a=b"):
        assert permitted(good, allowed), good
    bad = [
        base, f"{base}../x", f"{base}sub/../../x", f"{base}./x", f"{base}out/x", f"{base}passwd", f"{base}x%2f..%2f..%2fy",
        f"{base}x?y", f"{base}x#y", f"{base}x\n", f"{base}a\0", f"file://{tmp_path}/logsx", f"fifo://{tmp_path}/logs/x",
        f"{tmp_path}/logs/x", base.replace("file", "FILE") + "x", base.replace("file://", "file:") + "x", f" {base}x",
        "binary:///l", "binary:///l?a=b&c=d", "binary:///l?a=c", "binary:///bin/sh?-c=id", "/etc/passwd",
    ]  # fmt: skip
    for uri in bad:
        assert not permitted(uri, allowed), uri
    assert permitted(f"{tmp_path}/logs/x", [f"fifo://{tmp_path}/logs/"])


@pytest.mark.parametrize(
    "text", ["sometimes", "always:1", "no:2", "on-failure:", "on-failure:x", "on-failure:²", "on-failure:1:2"]
)
def test_a_policy_that_containerd_refuses_is_refused(text: str) -> None:
    """It starts nothing; before it counted as "always"."""
    with pytest.raises(InvalidArgument, match="restart policy"):
        Policy.parse(text)


def test_policies() -> None:
    """What containerd's monitor decides."""
    assert Policy.parse("") == Policy.parse("always") == Policy("always")
    assert Policy.parse("on-failure:2") == Policy("on-failure", 2)
    limited = Policy("on-failure", 2)
    assert limited.wants(1, 1, False) and not limited.wants(1, 2, False) and not limited.wants(0, 0, False)
    assert not limited.wants(None, 0, False) and not limited.wants(1, None, False)
    assert not Policy("unless-stopped").wants(0, 0, True) and Policy("unless-stopped").wants(None, 0, False)
    assert Policy("always").wants(None, None, True) and not Policy("no").wants(1, 0, False)


def test_the_configuration_says_what_is_no_log_uri() -> None:
    """A list that allows something other than its reader thinks is no list."""
    for good in ("binary:///usr/bin/x?a=b", "file:///var/log/x/", "fifo:///run/x/"):
        assert Restart(log_uris=[good]).log_uris == [good]
    for bad in ("", "/var/log", "file://var/log", "http:///x", "file:", "binary://x"):
        with pytest.raises(ValueError, match="log_uris"):
            Restart(log_uris=[bad])
