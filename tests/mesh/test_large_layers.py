"""Large layers in several ranges: into a real store, from a registry that lies, and on from where a killed pull was."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from argosy.client import Client, downloads
from argosy.client import images as api
from argosy.client.content import write_blob
from argosy.errors import DataLoss
from argosy_protos.containerd.events import ContentCreate
from argosy_protos.containerd.services.content.v1 import InfoRequest, ListStatusesRequest
from argosy_protos.containerd.services.events.v1 import SubscribeRequest

from tests.harness.mesh import Mesh
from tests.harness.tars import layer
from tests.harness.web import CONFIG, LAYER, MANIFEST, Server, serving, sha256

pytestmark = pytest.mark.root

PART = 256 << 10
# A pull of its own process, with parts as small as they are here.
PULLS = f"""
import asyncio, sys
from argosy.client import Client, downloads, images
downloads.PART_BYTES, downloads.LARGE_BYTES = {PART}, {2 * PART}
async def main():
    async with Client(sys.argv[1], sys.argv[2]) as client:
        await images.pull(client, sys.argv[3], unpack_image=False)
asyncio.run(main())
"""


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 60)

    asyncio.run(main())


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PART_BYTES", PART)
    monkeypatch.setattr(downloads, "LARGE_BYTES", 2 * PART)


class Ranged:
    """A registry that takes ranges. ``spoil`` makes the bytes of parts others, ``hold`` keeps those back that begin there or later."""

    def __init__(self) -> None:
        self.spoil = False
        self.hold = 1 << 62
        self.begins: list[int] = []

    async def __call__(self, server: Server, request: web.Request) -> web.StreamResponse | None:
        said, data = request.headers.get("Range", ""), server.blobs.get(request.path.rpartition("/")[2], b"")
        if not said or "/blobs/" not in request.path:
            return None
        first, _, last = said.removeprefix("bytes=").partition("-")
        begin, end = int(first), int(last) + 1 if last else len(data)
        self.begins.append(begin)
        while begin >= self.hold:
            await asyncio.sleep(0.02)
        part = bytes(end - begin) if self.spoil and last and begin else data[begin:end]
        return web.Response(status=206, body=part, headers={"Content-Range": f"bytes {begin}-{end - 1}/{len(data)}"})


def test_several_large_layers_come_in_ranges(mesh: Mesh) -> None:
    async def work() -> None:
        there = Ranged()
        async with serving(there) as server, Client(mesh.address, "ranges") as client:
            layers = [layer(("f", os.urandom(9 * PART))) for _ in range(3)]
            server.image("a/b:1", layers)
            await api.pull(client, f"{server.netloc}/a/b:1")
            for one in layers:
                assert (await client.services.content.info(InfoRequest(digest=sha256(one)))).info
            assert len(there.begins) >= 3 * 9

    run(work)


def test_a_registry_whose_ranges_are_of_other_bytes_is_found_out_and_pulled_from_all_the_same(mesh: Mesh) -> None:
    """Only the digest of the whole says so; what it said before is thrown away."""

    async def work() -> None:
        there = Ranged()
        there.spoil = True
        async with serving(there) as server, Client(mesh.address, "lying-ranges") as client:
            server.image("a/b:1", [layer(("f", os.urandom(9 * PART)))])
            await api.pull(client, f"{server.netloc}/a/b:1")
            assert len(there.begins) > 5
            # One whose bytes are others however it is asked stays refused.
            wrong = layer(("f", os.urandom(9 * PART)))
            server.image("a/b:2", [wrong])
            server.blobs[sha256(wrong)] = bytes(len(wrong))
            with pytest.raises(DataLoss, match="sent other bytes"):
                await api.pull(client, f"{server.netloc}/a/b:2")
            assert not (await client.services.content.list_statuses(ListStatusesRequest())).statuses

    run(work)


def test_a_pull_in_ranges_that_is_killed_goes_on_where_it_was(mesh: Mesh) -> None:
    async def work() -> None:
        there = Ranged()
        there.hold = 6 * PART
        async with serving(there) as server, Client(mesh.address, "killed-ranges") as client:
            name = f"{server.netloc}/a/b:1"
            server.image("a/b:1", [layer(("f", os.urandom(20 * PART)))])
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PULLS, mesh.address, "killed-ranges", name, stderr=subprocess.DEVNULL
            )
            try:
                while True:
                    told = (await client.services.content.list_statuses(ListStatusesRequest())).statuses
                    if any(one.offset >= 6 * PART for one in told):
                        break
                    assert child.returncode is None
                    await asyncio.sleep(0.02)
            finally:
                child.send_signal(signal.SIGKILL)
                await child.wait()
            there.hold = 1 << 62
            there.begins.clear()
            await api.pull(client, name)
            assert min(there.begins) >= 6 * PART

    run(work)


def test_the_event_of_a_blob_says_what_it_is(mesh: Mesh) -> None:
    """For what is pulled; a writer that says nothing has an event that says nothing."""
    told: dict[str, str] = {}

    async def work() -> None:
        async with serving() as server, Client(mesh.address, "typed") as client:
            one = layer(("f", b"x" * 1000))
            target = server.image("a/b:1", [one])
            config = next(d for d in server.blobs if d not in (target["digest"], sha256(one)))
            listening = asyncio.Event()

            async def listen() -> None:
                wanted = SubscribeRequest(filters=['topic=="/content/create"'])
                async for envelope in client.services.events.subscribe(wanted):
                    assert envelope.event is not None
                    event = ContentCreate.decode(envelope.event.value)
                    told[event.digest] = event.media_type
                    listening.set()

            task = asyncio.ensure_future(listen())
            # Whoever listens hears what is told after that: until something was heard, something is told.
            for i in range(200):
                await write_blob(client.services.content, f"plain-{i}", b"%d" % i)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(listening.wait(), 0.1)
                    break
            await api.pull(client, f"{server.netloc}/a/b:1")
            while len(told.keys() & {target["digest"], sha256(one), config}) < 3:
                await asyncio.sleep(0.02)
            task.cancel()
            assert {told[target["digest"]], told[sha256(one)], told[config]} == {MANIFEST, LAYER, CONFIG}
            plain = [said for digest, said in told.items() if digest not in (target["digest"], sha256(one), config)]
            assert plain and not any(plain)

    run(work)
