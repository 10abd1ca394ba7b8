"""S24: attach, exec, resize and cancel leave nothing behind in the shim, the task manager and the gateway, however often."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from argosy.client import Client, Container, Stdio, Task
from argosy.errors import ArgosyError, NotFound
from argosy.oci.spec import Options
from argosy_protos.containerd.services.tasks import v1 as api

from tests.harness.mesh import IMAGE, Mesh, eventually

pytestmark = pytest.mark.root


class Measured:
    """What a process has: descriptors, threads, memory in KiB."""

    def __init__(self, pid: int) -> None:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
        self.fds = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        self.threads = int(status["Threads"])
        self.memory = int(status["VmRSS"].split()[0])


async def settled(pids: dict[str, int]) -> dict[str, Measured]:
    """Measure when descriptors and threads have stopped going down: workers end a moment after their call."""
    best = {name: Measured(pid) for name, pid in pids.items()}
    for _ in range(10):
        await asyncio.sleep(0.1)
        for name, pid in pids.items():
            now = Measured(pid)
            if (now.fds, now.threads) <= (best[name].fds, best[name].threads):
                best[name] = now
    return best


async def one_exec(client: Client, task: Task, n: int, spec: dict[str, object]) -> None:
    """An exec with a terminal: attached, resized, waited for by many who leave, and ended."""
    id = f"e{n}"
    stdio = Stdio.fifos(id, terminal=True)
    try:
        process = await task.exec(id, spec, stdio, True)
        await process.start()
        for size in range(5):
            request = api.ResizePtyRequest(container_id=task.container_id, exec_id=id, width=80 + size, height=24)
            await client.services.tasks.resize_pty(request)
        for _ in range(5):
            with suppress(TimeoutError):
                async with asyncio.timeout(0.001):
                    await client.services.tasks.wait(api.WaitRequest(container_id=task.container_id, exec_id=id))
        await client.services.tasks.kill(api.KillRequest(container_id=task.container_id, exec_id=id, signal=9))
        await process.wait()
        await task.delete_exec(id)
    finally:
        stdio.remove()


async def calls(client: Client, task: Task, times: int) -> None:
    """What needs no process: looks, waits that are given up, errors, half a call."""
    tasks = client.services.tasks

    async def given_up(work: Awaitable[object]) -> None:
        with suppress(TimeoutError, ArgosyError):
            async with asyncio.timeout(0.002):
                await work

    for n in range(times):
        await asyncio.gather(
            given_up(tasks.wait(api.WaitRequest(container_id=task.container_id))),
            given_up(tasks.get(api.GetRequest(container_id=task.container_id))),
            given_up(tasks.list_pids(api.ListPidsRequest(container_id=task.container_id))),
            given_up(tasks.wait(api.WaitRequest(container_id=task.container_id, exec_id=f"no{n}"))),
        )
        await tasks.close_io(api.CloseIORequest(container_id=task.container_id, stdin=True))
        with pytest.raises(NotFound):
            await tasks.resize_pty(api.ResizePtyRequest(container_id=task.container_id, exec_id=f"no{n}", width=1, height=1))


def run(mesh: Mesh, check: Callable[[Client, Task, dict[str, object], dict[str, int]], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Client(mesh.address, "default") as client:
            container = await Container.create(client, "leaks", IMAGE, Options(args=["sleep", "100000"]))
            task = await container.new_task(Stdio())
            try:
                await task.start()
                shim = int((mesh.state / "io.containerd.runtime.v2.task/default/leaks/shim.pid").read_text())
                worker = Path(f"/proc/{shim}/task/{shim}/children").read_text().split()
                workers = [int(pid) for pid in worker if Path(f"/proc/{pid}/comm").read_text().startswith("shim:")]
                services = mesh.services()
                pids = {"shim": (workers or [shim])[0], "keeper": shim}
                pids |= {"tasks": services["argosy-tasks"], "gateway": services["argosy-gateway"]}
                spec = dict(container.spec["process"]) | {"args": ["sleep", "1000"], "terminal": True}
                await check(client, task, spec, pids)
            finally:
                with suppress(ArgosyError):
                    await task.kill(9, everyone=True)
                    await task.wait()
                await task.delete()
                await container.delete()

    asyncio.run(main())


def compare(before: dict[str, Measured], after: dict[str, Measured], memory_kib: Callable[[int], float]) -> None:
    for name, was in before.items():
        now = after[name]
        assert now.fds <= was.fds, f"{name}: {was.fds} descriptors have become {now.fds}"
        assert now.threads <= was.threads, f"{name}: {was.threads} threads have become {now.threads}"
        assert now.memory - was.memory <= memory_kib(was.memory), f"{name}: {was.memory} KiB have become {now.memory}"


@pytest.fixture(scope="module")
def mesh(image_archive: Path) -> Iterator[Mesh]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARGOSY_SHIM_SLEEP", "off")
        running = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")), idle_s=0)
        running.start()
        try:
            running.ctr("images", "import", str(image_archive)).ok()
            running.ctr("run", "--rm", IMAGE, "first", "true").ok()
            running.wake()
            yield running
            eventually(lambda: running.leftovers() == [], what="something of its tasks is left")
        finally:
            running.destroy()


def test_execs_and_calls_that_are_given_up_leave_nothing(mesh: Mesh) -> None:
    """Twenty-five execs with terminals and two thousand calls, of which most are left before their answer."""

    async def check(client: Client, task: Task, spec: dict[str, object], pids: dict[str, int]) -> None:
        for n in range(8):
            await one_exec(client, task, n, spec)
        await calls(client, task, 150)
        before = await settled(pids)
        for n in range(25):
            await one_exec(client, task, 100 + n, spec)
        await calls(client, task, 500)
        compare(before, await settled(pids), lambda was: max(1024, was * 0.02))

    run(mesh, check)


@pytest.mark.storm
@pytest.mark.timeout(3600)
def test_ten_thousand_leave_nothing(mesh: Mesh) -> None:
    """The row's own number: memory stays within a hundredth."""

    async def check(client: Client, task: Task, spec: dict[str, object], pids: dict[str, int]) -> None:
        for n in range(200):
            await one_exec(client, task, n, spec)
        await calls(client, task, 2000)
        before = await settled(pids)
        for n in range(2000):
            await one_exec(client, task, 1000 + n, spec)
        await calls(client, task, 10000)
        compare(before, await settled(pids), lambda was: max(512, was * 0.01))

    run(mesh, check)
