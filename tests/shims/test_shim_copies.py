"""Transfer and Streaming on a shim's own socket, as any daemon's client may call them: here Debian's containerd has our shim."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import tarfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from argosy.errors import AlreadyExists, InvalidArgument, NotFound, ResourceExhausted, Unimplemented, Unknown
from argosy.typeurl import pack
from argosy_protos.containerd.types import transfer as p
from argosy_protos.google.protobuf import Any as AnyMessage

from tests.harness.containerd import Containerd
from tests.harness.mesh import BIN, IMAGE
from tests.harness.shims import STREAMING, Peer, fails, one_file, peer

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("containerd") is None, reason="there is no stock containerd"),
]


# Of one name there is one cgroup, whichever daemon made it: who ends the one would end the other.
BOX = "shim-box"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, image_archive: Path) -> Iterator[str]:
    """The socket of our shim, with one container that runs, under a stock containerd."""
    daemon = Containerd(tmp_path_factory.mktemp("stock"), path_first=BIN)
    daemon.start()
    try:
        daemon.ctr("images", "import", str(image_archive)).ok()
        daemon.ctr("run", "-d", "--snapshotter", "native", IMAGE, BOX, "sleep", "1000").ok()
        bundle = daemon.base / "state/io.containerd.runtime.v2.task/default" / BOX
        yield (bundle / "address").read_text()
        daemon.ctr("tasks", "rm", "-f", BOX).ok()
    finally:
        daemon.destroy()


def with_peer(address: str, work: Callable[[Peer], Awaitable[None]]) -> None:
    async def main() -> None:
        async with peer(address, BOX) as found:
            await work(found)

    asyncio.run(main())


def test_files_go_in_and_out_without_our_daemon(address: str) -> None:
    data = os.urandom(300_000)

    async def work(shim: Peer) -> None:
        await shim.write("/tmp", one_file("there", data))
        with tarfile.open(fileobj=io.BytesIO(await shim.read("/tmp/there"))) as tar:
            found = tar.extractfile("there")
            assert found is not None and found.read() == data

    with_peer(address, work)


def test_a_progress_stream_is_closed_with_the_transfer(address: str) -> None:
    async def work(shim: Peer) -> None:
        progress = await shim.open()
        await shim.read("/bin", progress=progress.id)
        assert await progress.receive() is None

    with_peer(address, work)


def test_what_a_shim_does_not_do_is_said(address: str) -> None:
    async def work(shim: Peer) -> None:
        path = p.ContainerPath(container_id=BOX, path="/tmp")
        error = await fails(shim.transfer(path, p.ImageStore(name="x")))
        assert isinstance(error, Unimplemented)
        assert error.message == (
            "method Transfer not implemented for containerd.types.transfer.ContainerPath to containerd.types.transfer.ImageStore"
        )
        assert isinstance(await fails(shim.transfer(path, p.WriteStream(stream="none"))), NotFound)
        other = p.ContainerPath(container_id="other", path="/")
        assert isinstance(await fails(shim.transfer(other, p.WriteStream(stream="none"))), NotFound)
        image = p.WriteStream(stream="x", media_type="application/vnd.oci.image.layer.v1.tar")
        assert isinstance(await fails(shim.transfer(path, image)), Unimplemented)
        assert isinstance(await fails(shim.read("/nope")), NotFound)
        assert isinstance(await fails(shim.write("/tmp", b"no tar" * 200)), InvalidArgument)
        unknown = shim.shim.stream(STREAMING, "Stream", AnyMessage)
        await unknown.send(pack("containerd.types.transfer.Data", p.Data()))
        assert isinstance(await fails(unknown.recv()), Unknown)
        await shim.open("twice")
        assert isinstance(await fails(shim.open("twice")), AlreadyExists)

    with_peer(address, work)


def test_what_a_client_may_send_and_leave_open_is_bounded(address: str) -> None:
    async def work(shim: Peer) -> None:
        stream = await shim.open()
        with pytest.raises(ResourceExhausted):
            for _ in range(20):
                await stream.send(pack("containerd.types.transfer.Data", p.Data(data=bytes(32 << 10))))
            while await stream.receive() is not None:
                pass
        error = None
        for _ in range(100):
            try:
                await shim.open()
            except ResourceExhausted as refused:
                error = refused
                break
        assert error is not None and "are open" in error.message

    with_peer(address, work)
    # What they had open went with their connection.
    with_peer(address, lambda shim: shim.read("/bin"))  # type: ignore[arg-type,return-value] # what comes is not looked at


def test_a_client_that_goes_ends_what_it_began(address: str) -> None:
    async def work(shim: Peer) -> None:
        for _ in range(12):  # more than may be under way at a time
            async with peer(address, BOX) as other:
                stream = await other.open()
                asked = asyncio.create_task(
                    other.transfer(p.ContainerPath(container_id=BOX, path="/"), p.WriteStream(stream=stream.id))
                )
                await stream.send(pack("containerd.types.transfer.WindowUpdate", p.WindowUpdate(update=100)))
                assert (await stream.receive()) is not None
            await asyncio.gather(asked, return_exceptions=True)
        async with asyncio.timeout(30):
            while True:
                try:
                    await shim.read("/bin")
                except BaseExceptionGroup as group:
                    if group.subgroup(ResourceExhausted) is None:
                        raise
                    await asyncio.sleep(0.05)
                else:
                    return

    with_peer(address, work)
