"""Copies out of and into containers, and what ends meanwhile: a client, a process, a container, its task. A shim survives all of it, and keeps nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from argosy.errors import Aborted, ArgosyError, FailedPrecondition, NotFound, Unavailable
from argosy.windows import received
from argosy_protos.containerd.task import v2 as api
from argosy_protos.containerd.types import transfer as p
from argosy_protos.google.protobuf import Any as AnyMessage

from tests.harness.fuse import hanging
from tests.harness.mesh import eventually
from tests.harness.shims import STREAMING, Alone, Opened, Peer, alone, fails, one_file, peer

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def shim() -> Iterator[Alone]:
    """One shim for all that it should survive."""
    with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as base:
        os.chmod(base, 0o711)
        with alone(Path(base)) as found:
            yield found
            assert found.shim.poll() is None, "the shim has died"


class Nonsense:
    """A message that nobody can read."""

    def encode(self) -> bytes:
        return b"\xff\xff"


def with_box(shim: Alone, work: Callable[[Peer], Awaitable[None]], volume: Path | None = None) -> None:
    """Do something with a container that runs, and see that nothing of it is left in the shim."""

    async def main() -> None:
        async with peer(shim.address) as client:
            before = shim.held()
            await shim.run(client, volume)
            try:
                await work(client)
            finally:
                await shim.remove(client)
        eventually(lambda: shim.copiers() == [], what="a copy's process stays")
        eventually(lambda: shim.held() == before, what="something stays")

    asyncio.run(main())


def test_clients_that_leave_before_the_last_bytes_hold_nothing_up(shim: Alone) -> None:
    """A small file waits for credit when its process has ended: whoever goes then left a copy behind for ever, of which there may be eight."""

    async def work(client: Peer) -> None:
        for _ in range(9):
            async with peer(shim.address) as other:
                stream = await other.open()
                asked = asyncio.create_task(other.transfer(other.path("/small"), p.WriteStream(stream=stream.id)))
                await until(lambda: bool(shim.copiers()))
                await until(lambda: not shim.copiers())
            await asyncio.gather(asked, return_exceptions=True)
        assert b"small" in await client.read("/small")

    with_box(shim, work)


def test_streams_that_begin_with_nonsense_are_not_kept(shim: Alone) -> None:
    async def work(client: Peer) -> None:
        for _ in range(65):
            stream = client.shim.stream(STREAMING, "Stream", AnyMessage, Nonsense())
            assert isinstance(await fails(stream.recv()), ArgosyError)
        await client.open()

    with_box(shim, work)


def test_a_delete_that_is_refused_ends_no_copy(shim: Alone) -> None:
    async def work(client: Peer) -> None:
        stream, asked = await begun(client)
        refused = await fails(client.task("Delete", api.DeleteRequest(id="box"), api.DeleteResponse))
        assert "delete a running process" in refused.message
        got = b"".join([data async for data in received(stream, 30)])
        await asked
        assert len(got) > 8 << 20

    with_box(shim, work)


def test_when_a_delete_is_answered_no_copy_is_left(shim: Alone) -> None:
    """What was asked for together with it is refused, or ends first: its files are unmounted then."""

    async def work(client: Peer) -> None:
        _, asked = await begun(client)
        silent = await client.open()
        placing = asyncio.create_task(client.transfer(p.ReadStream(stream=silent.id), client.path("/tmp")))
        await until(lambda: len(shim.copiers()) == 2)
        await ended(client)
        late = await client.open()
        deleted = asyncio.create_task(client.task("Delete", api.DeleteRequest(id="box"), api.DeleteResponse))
        await asyncio.sleep(0)
        again = asyncio.create_task(fails(client.transfer(client.path("/big"), p.WriteStream(stream=late.id))))
        await deleted
        assert shim.copiers() == [] and "mnt" not in shim.held()["descriptors"]
        for task in (asked, placing):
            error = await fails(task)
            assert isinstance(error, Aborted) and "was deleted" in error.message
        assert isinstance(await again, FailedPrecondition | NotFound | Aborted)

    with_box(shim, gone_already(shim, work))


def test_an_end_of_the_container_hides_no_volume(shim: Alone, tmp_path: Path) -> None:
    """What is written after it goes to the volume all the same, and not to the directory below."""

    async def work(client: Peer) -> None:
        stream = await client.open()
        asked = asyncio.create_task(client.transfer(p.ReadStream(stream=stream.id), client.path("/")))
        await stream.receive()
        await stream.give(one_file("vol/before", b"1")[:1024])
        await until(lambda: (tmp_path / "before").exists())
        await ended(client)
        await stream.give(one_file("vol/after", b"2"))
        await stream.stream.close_send()
        await asked
        assert sorted(os.listdir(tmp_path)) == ["after", "before"]
        assert os.listdir(shim.rootfs / "vol") == []

    with_box(shim, work, tmp_path)


def test_a_root_that_can_not_be_opened_is_said(shim: Alone) -> None:
    """It was told to nobody: the caller waited, and what else came with its call was lost."""

    async def work(client: Peer) -> None:
        await ended(client)
        config = shim.bundle("box") / "config.json"
        text = config.read_text()
        config.unlink()
        stream = await client.open()
        async with asyncio.timeout(10):
            error = await fails(client.transfer(client.path("/small"), p.WriteStream(stream=stream.id)))
        assert isinstance(error, FailedPrecondition) and 'the files of container "box"' in error.message
        config.write_text(text)
        assert b"small" in await client.read("/small")

    with_box(shim, work)


def test_a_killed_process_ends_a_write_whose_client_is_silent(shim: Alone) -> None:
    async def work(client: Peer) -> None:
        stream = await client.open()
        asked = asyncio.create_task(client.transfer(p.ReadStream(stream=stream.id), client.path("/tmp")))
        await until(lambda: bool(shim.copiers()))
        for pid in shim.copiers():
            os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            error = await fails(asked)
        assert isinstance(error, Unavailable) and "signal 9" in error.message

    with_box(shim, work)


def test_files_that_never_answer_do_not_hold_up_a_caller(shim: Alone, tmp_path: Path) -> None:
    """Who waits for a file system whose server has taken the question can not be killed; the task can be deleted all the same."""
    with hanging(tmp_path) as release:

        async def work(client: Peer) -> None:
            stream = await client.open()
            asked = asyncio.create_task(client.transfer(client.path("/vol/file"), p.WriteStream(stream=stream.id)))
            await until(release.asked)
            await ended(client)
            async with asyncio.timeout(30):
                await client.task("Delete", api.DeleteRequest(id="box"), api.DeleteResponse)
                error = await fails(asked)
            assert isinstance(error, Aborted), error
            assert shim.copiers() != [], "it can be killed: this shows nothing"
            release.abort()
            await until(lambda: shim.copiers() == [])

        with_box(shim, gone_already(shim, work), tmp_path)


def test_a_copy_that_can_not_be_begun_leaves_nothing() -> None:
    """Whichever descriptor is the one too many. In a process of its own, which has few."""
    program = """
import os, resource
from argosy.shim import spawn
from argosy.shim.copies import Copy, Tree
for verb in ("pack", "place"):
    for more in range(40):
        tree = Tree(os.open("/", os.O_PATH), -1, os.open("/proc/self/ns/mnt", os.O_RDONLY))
        most = len(os.listdir("/proc/self/fd")) - 1 + more
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, 4096))
        try:
            copy = Copy("box", verb, "/nothing", tree, walk=True, owners=True)
        except OSError as error:
            copy = None
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        if copy is not None:
            copy.end("")
            copy.wait()
        left = sorted(map(int, os.listdir("/proc/self/fd")))
        assert left == [0, 1, 2, 3], (verb, more, left)  # the last is the listing's own
        assert spawn.known() == []
        if copy is not None:
            break
    else:
        raise SystemExit("it never began")
    assert more > 6, "the limit was none"
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


# -- what tests do --


async def begun(client: Peer) -> tuple[Opened, asyncio.Task[None]]:
    """Begin to read /big, and leave most of it."""
    stream = await client.open()
    asked = asyncio.create_task(client.transfer(client.path("/big"), p.WriteStream(stream=stream.id)))
    await stream.grant(100)
    assert await stream.receive() is not None
    return stream, asked


async def ended(client: Peer) -> None:
    """Kill a client's container, and wait until that is known."""
    await client.task("Kill", api.KillRequest(id=client.container, signal=9))
    await client.task("Wait", api.WaitRequest(id=client.container), api.WaitResponse)


def gone_already(shim: Alone, work: Callable[[Peer], Awaitable[None]]) -> Callable[[Peer], Awaitable[None]]:
    """Return work after which there is a container again, for who takes it away."""

    async def whole(client: Peer) -> None:
        await work(client)
        shutil.rmtree(shim.bundle("box"))
        await shim.run(client)

    return whole


async def until(true: Callable[[], bool], within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.01)
