"""Requests that no honest client sends: each has one clear answer, and none is an error of ours."""

from __future__ import annotations

import asyncio

import pytest
from argosy.client import Client
from argosy.errors import InvalidArgument
from argosy.names import NAMESPACE_HEADER
from argosy.rpc import Channel
from argosy_protos.containerd.services.images import v1 as images
from argosy_protos.containerd.services.sandbox.v1 import ControllerBase
from argosy_protos.containerd.types import Descriptor
from argosy_protos.google.protobuf import Timestamp

from tests.harness.mesh import Mesh

pytestmark = pytest.mark.root


def test_a_time_that_no_calendar_has_is_refused(mesh: Mesh) -> None:
    """An image's epoch is stored; one beyond 64 bits of nanoseconds was an error of the database."""

    async def main() -> None:
        async with Client(mesh.address, "default") as client:
            for stamp in (
                Timestamp(seconds=1 << 62),
                Timestamp(seconds=-(1 << 62)),
                Timestamp(nanos=-1),
                Timestamp(nanos=10**9),
            ):
                image = images.Image(name="odd", target=Descriptor(media_type="x", digest="sha256:" + "0" * 64, size=1))
                with pytest.raises(InvalidArgument, match="source_date_epoch"):
                    await client.services.images.create(images.CreateImageRequest(image=image, source_date_epoch=stamp))

    asyncio.run(main())


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\xff\xff\xff\xff\xff\xff", b"\x08\x01", b"\x07", b"R\x02\xff\xfe"])
def test_bytes_that_are_no_request_are_the_callers_fault(mesh: Mesh, data: bytes) -> None:
    """Where the gateway looks into a message only to pass it on, too."""

    async def main() -> None:
        channel = Channel(mesh.address, name="gateway")
        try:
            for method in ControllerBase.__methods__:
                path = f"/{ControllerBase.__service__}/{method.name}"
                stream = channel.request(
                    path, method.cardinality, bytes, bytes, timeout=10.0, metadata={NAMESPACE_HEADER: "x"}
                )
                with pytest.raises(InvalidArgument):
                    async with stream:
                        await stream.send_message(data, end=True)
                        await stream.recv_message()
        finally:
            channel.close()

    asyncio.run(main())
