"""A burst of work leaves a mesh as large as it was: what it took of memory goes back to the system."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from argosy.client import Client
from argosy.errors import ArgosyError
from argosy.names import NAMESPACE_HEADER
from argosy.rpc import Channel
from argosy_protos.containerd.services.containers import v1 as containers
from argosy_protos.containerd.services.content.v1 import ContentBase
from argosy_protos.containerd.services.events.v1 import EventsBase
from argosy_protos.containerd.services.images import v1 as images
from argosy_protos.containerd.services.leases.v1 import LeasesBase
from argosy_protos.containerd.services.snapshots.v1 import SnapshotsBase
from argosy_protos.containerd.services.tasks.v1 import TasksBase, WaitRequest
from argosy_protos.containerd.types import Descriptor
from argosy_protos.google.protobuf import Any as AnyMessage

from tests.harness.mesh import IMAGE, Mesh, comm, eventually

pytestmark = [pytest.mark.root, pytest.mark.storm]

Work = Callable[[Client, int, int], Awaitable[None]]

# A tenth of what it was, and as much as a few pages here and there may come to.
_SHARE, _SLACK_BYTES = 0.1, 2 << 20
# The first measurement waits so long for quiet; the second for the memory to go.
_QUIET_S, _GOES_S = 4.0, 30.0
AT_ONCE: Final = 250


@pytest.fixture
def quiet(short_path: Path, image_archive: Path) -> Iterator[Mesh]:
    """A mesh of its own, all of whose services run."""
    mesh = Mesh(short_path)
    mesh.start()
    mesh.ctr("images", "import", str(image_archive)).ok()
    yield mesh
    mesh.destroy()


def resident(pid: int) -> int:
    """Return the memory of a process in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) << 10


def goes_back(mesh: Mesh, work: Work, few: int, many: int, *services: str, namespace: str = "burst") -> None:
    """Have work done so often, then more often; services are as large afterwards as between."""

    async def do(first: int, count: int) -> None:
        async with Client(mesh.address, namespace) as client:
            await work(client, first, count)

    asyncio.run(do(0, few))
    time.sleep(_QUIET_S)
    running = mesh.services()
    pids = {name: running[comm(name)] for name in services}
    before = {name: resident(pid) for name, pid in pids.items()}
    asyncio.run(do(few, many))
    most = {name: resident(pid) for name, pid in pids.items()}

    def gone() -> None:
        for name, pid in pids.items():
            now = resident(pid)
            told = f"{name}: {before[name] >> 10} KiB before, {most[name] >> 10} after the work, {now >> 10} now"
            assert now <= before[name] * (1 + _SHARE) + _SLACK_BYTES, told

    eventually(gone, within=_GOES_S)
    for name, pid in pids.items():
        print(f"{name}: {before[name] >> 10} KiB before, {most[name] >> 10} after the work, {resident(pid) >> 10} now")
    assert {name: mesh.services()[comm(name)] for name in services} == pids


async def in_parts(first: int, count: int, one: Callable[[int], Awaitable[Any]]) -> None:
    for start in range(first, first + count, AT_ONCE):
        await asyncio.gather(*(one(n) for n in range(start, min(start + AT_ONCE, first + count))))


def test_records_that_come_and_go_leave_nothing(quiet: Mesh) -> None:
    """Containers with their specs, and images; each is listed as long as it is there."""

    async def work(client: Client, first: int, count: int) -> None:
        services = client.services

        async def make(n: int) -> None:
            spec = AnyMessage(type_url="types.containerd.io/opencontainers/runtime-spec/1/Spec", value=b"{}" + b" " * 4000)
            runtime = containers.ContainerRuntime(name="io.containerd.runc.v2")
            made = containers.Container(id=f"c{n}", image="i", runtime=runtime, spec=spec, labels={"n": "x" * 500 + str(n)})
            await services.containers.create(containers.CreateContainerRequest(container=made))
            target = Descriptor(media_type="application/vnd.oci.image.manifest.v1+json", digest=f"sha256:{n:064x}", size=1)
            image = images.Image(name=f"registry.example/i:{n}", target=target, labels={"n": "x" * 500 + str(n)})
            await services.images.create(images.CreateImageRequest(image=image))

        async def remove(n: int) -> None:
            await services.containers.delete(containers.DeleteContainerRequest(id=f"c{n}"))
            await services.images.delete(images.DeleteImageRequest(name=f"registry.example/i:{n}"))

        for start in range(first, first + count, 1250):
            some = min(1250, first + count - start)
            await in_parts(start, some, make)
            assert len((await services.images.list(images.ListImagesRequest())).images) == some
            assert len((await services.containers.list(containers.ListContainersRequest())).containers) == some
            await in_parts(start, some, remove)

    goes_back(quiet, work, 500, 2500, "gateway")


def test_waits_that_are_given_up_leave_nothing(quiet: Mesh) -> None:
    """Thousands at one time are thousands of small objects: one that survives keeps the megabyte of Python's heap that it lies in. So it
    is the second burst that is looked at; what stayed of the first serves it."""
    quiet.ctr("run", "-d", IMAGE, "t", "sleep", "600").ok()

    async def work(client: Client, first: int, count: int) -> None:
        async def wait(n: int) -> None:
            with contextlib.suppress(ArgosyError):
                await client.services.tasks.wait(WaitRequest(container_id="t"), timeout=600.0)

        waiting = [asyncio.ensure_future(wait(n)) for n in range(count)]
        await asyncio.sleep(0.1 + count / 1000)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.sleep(0.1 + count / 1000)  # they end where they were waited for, too

    goes_back(quiet, work, 4000, 4000, "gateway", "tasks", namespace="default")


def test_nonsense_leaves_nothing(quiet: Mesh) -> None:
    """Bytes that are no requests, with headers of their own, for all kinds of methods."""
    bases: Any = (
        images.ImagesBase,
        containers.ContainersBase,
        ContentBase,
        SnapshotsBase,
        LeasesBase,
        TasksBase,
        EventsBase,
    )
    methods = [(f"/{base.__service__}/{m.name}", m.cardinality) for base in bases for m in base.__methods__]
    methods = [(path, cardinality) for path, cardinality in methods if not path.endswith(("/Subscribe", "/Wait"))]
    quiet.ctr("tasks", "ls").ok()

    async def work(client: Client, first: int, count: int) -> None:
        async with Channel(quiet.address) as channel:

            async def one(n: int) -> None:
                chance = random.Random(n)
                path, cardinality = chance.choice(methods)
                metadata = {
                    NAMESPACE_HEADER: chance.choice(("burst", f"n{n}")),
                    f"x-{n}": chance.randbytes(chance.randrange(500)).hex(),
                }
                stream = channel.request(path, cardinality, bytes, bytes, timeout=20.0, metadata=metadata)
                with contextlib.suppress(ArgosyError):
                    async with stream:
                        await stream.send_message(chance.randbytes(chance.choice((0, 10, 1000, 20_000))), end=True)
                        while await stream.recv_message() is not None:
                            pass

            await in_parts(first, count, one)

    goes_back(quiet, work, 500, 6000, "gateway")
