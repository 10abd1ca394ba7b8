"""S32: streams that nobody reads, at either end, cost some memory each and stop nobody else's."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from argosy.client import Client
from argosy.errors import ResourceExhausted
from argosy.testkit.image import oci_archive
from argosy_protos.containerd.services.images.v1 import ListImagesRequest
from argosy_protos.containerd.services.streaming.v1 import StreamInit
from argosy_protos.containerd.services.transfer.v1 import TransferOptions, TransferRequest
from argosy_protos.containerd.types import transfer as p

from tests.harness.mesh import IMAGE, Mesh
from tests.harness.transfer import HOST, Tool, extra, pack

pytestmark = pytest.mark.root

LARGE = "docker.io/library/large:1"
LARGE_BYTES = 24 << 20
MANY = 24
# Less than a third of what they export: a few messages of a mebibyte each.
MOST_KB = MANY * (7 << 10) + (64 << 10)


@pytest.fixture(scope="module")
def mesh(image_archive: Path) -> Iterator[Mesh]:
    running = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
    running.start()
    try:
        running.ctr("images", "import", str(image_archive)).ok()
        archive = running.base / "large.tar"
        with io.BytesIO() as out:
            with tarfile.open(fileobj=out, mode="w") as tar:
                entry = tarfile.TarInfo("large")
                entry.size = LARGE_BYTES
                tar.addfile(entry, io.BytesIO(os.urandom(LARGE_BYTES)))
            oci_archive(archive, LARGE, [out.getvalue()])
        running.ctr("images", "import", "--no-unpack", str(archive)).ok()
        yield running
    finally:
        running.destroy()


def exports(mesh: Mesh, image: str) -> None:
    """Raise AssertionError unless an export of another client comes to its end."""
    got = bytearray()
    with Tool(mesh.address) as tool:
        id, reading = tool.receiving(got)
        tool.transfer(p.ImageStore(extra_references=[extra(image)]), p.ImageExportStream(stream=id), timeout=30)
        reading.join(10)
    assert len(got) > 100_000


def anonymous_kb(mesh: Mesh, service: str) -> int:
    status = Path(f"/proc/{mesh.services()[service]}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1])


def test_exports_whose_clients_grant_all_and_read_nothing_stop_nobody_else(mesh: Mesh) -> None:
    """Each is held by its own flow control, in no more than a few messages; the connection that all share has room for the next."""
    with Tool(mesh.address) as silent:
        for _ in range(MANY):
            stream = silent.open("export")
            stream.send(pack(p.WindowUpdate(update=(1 << 31) - 1)))
            export = p.ImageExportStream(stream=stream.id)
            silent.beside(silent.transfer, p.ImageStore(extra_references=[extra(LARGE)]), export)
        time.sleep(1)  # as far as they come
        for _ in range(3):
            exports(mesh, IMAGE)
        exports(mesh, LARGE)
        assert anonymous_kb(mesh, "argosy-transfer") < MOST_KB
        silent.channel.close()


def test_streams_that_are_sent_to_and_that_nobody_takes_stop_nobody_else(mesh: Mesh) -> None:
    """What was sent to them waits; what others send, and ask for, does not."""
    junk = p.Data(data=b"x" * (256 << 10))
    with ExitStack() as stack:
        for _ in range(MANY // 2):
            silent = stack.enter_context(Tool(mesh.address))
            for _ in range(2):  # more would fill the client's own connection
                stream = silent.open("import")
                for _ in range(24):
                    stream.send(pack(junk))
            stack.callback(silent.channel.close)
        done = threading.Event()

        def others() -> None:
            exports(mesh, IMAGE)
            with Tool(mesh.address, "other") as tool:
                name = "docker.io/library/copied:1"
                got = bytearray()
                with Tool(mesh.address) as source:
                    id, reading = source.receiving(got)
                    source.transfer(p.ImageStore(extra_references=[extra(IMAGE)]), p.ImageExportStream(stream=id))
                    reading.join(10)
                store = p.ImageStore(platforms=[HOST], extra_references=[extra(name, is_prefix=True, allow_overwrite=True)])
                tool.transfer(p.ImageImportStream(stream=tool.sending(bytes(got))), store, timeout=30)
                tool.call("/containerd.services.images.v1.Images/List", ListImagesRequest())
            done.set()

        threading.Thread(target=others, daemon=True).start()
        assert done.wait(60), "others wait for a stream that nobody reads"
        assert anonymous_kb(mesh, "argosy-transfer") < MOST_KB


async def opened(client: Client, id: str) -> Any:
    """Open a stream, and leave it so."""
    call: Any = client.services.streaming.stream()
    await call.send_message(pack(StreamInit(id=id)))
    await call.recv_message()
    return call


def test_streams_that_nobody_uses_leave_places_for_others(mesh: Mesh) -> None:
    """As many as there were places on the gateway's connection, and everybody's next transfer waited for ever; also of those who say nothing."""

    async def main() -> None:
        async with Client(mesh.address, "many") as client, Client(mesh.address, "default") as other:
            for number in range(1000):
                await opened(client, f"s{number}")
            silent: list[Any] = [client.services.streaming.stream() for _ in range(100)]
            for call in silent:
                await call.send_request()
            refused = None
            for number in range(100):
                try:
                    await opened(client, f"t{number}")
                except ResourceExhausted as error:
                    refused = error.message
                    break
            assert refused == '1024 streams of namespace "many" are open, which are the most of one namespace; end some'
            source, sink = p.ImageStore(name=IMAGE), p.ImageStore(name="docker.io/library/tagged:1")
            async with asyncio.timeout(30):
                call = await opened(other, "progress")
                options = TransferOptions(progress_stream="progress")
                request = TransferRequest(source=pack(source), destination=pack(sink), options=options)
                await other.services.transfer.transfer(request)
                await call.recv_message()
        async with asyncio.timeout(30), Client(mesh.address, "many") as client:
            while True:  # their places are free when the gateway has said that their client is gone
                try:
                    await opened(client, "again")
                    break
                except ResourceExhausted:
                    await asyncio.sleep(0.02)

    asyncio.run(main())


def test_what_is_sent_to_a_stream_that_nobody_reads_is_not_kept_without_end(mesh: Mesh) -> None:
    """Messages shorter than 64 KiB were: one client's stream took as much of the gateway's memory as it liked."""

    async def main() -> None:
        async with Client(mesh.address, "unread") as client:
            call = await opened(client, "unread")
            before, sent = anonymous_kb(mesh, "argosy-gateway"), 0
            message = pack(p.Data(data=bytes(32 << 10)))

            async def send() -> None:
                nonlocal sent
                while sent < 200 << 20:
                    await call.send_message(message)
                    sent += 32 << 10

            sending, seen = asyncio.create_task(send()), -1
            while sent != seen:  # until it is held back
                seen = sent
                await asyncio.sleep(0.5)
            sending.cancel()
            assert sent < 64 << 20
            assert anonymous_kb(mesh, "argosy-gateway") - before < 64 << 10

    asyncio.run(main())
