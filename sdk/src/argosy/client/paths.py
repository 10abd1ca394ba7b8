"""Files of containers, for a client: what is at a path as a tar's bytes, and a tar's members below one, over the daemon's Transfer service."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
from argosy_protos._message import Message
from argosy_protos.containerd.services.streaming.v1 import StreamInit
from argosy_protos.containerd.services.transfer.v1 import TransferRequest
from argosy_protos.containerd.types.transfer import ContainerPath, ReadStream, WriteStream
from argosy_protos.google.protobuf import Any as AnyMessage

from argosy.client.connection import Client
from argosy.client.jobs import together
from argosy.errors import Unavailable
from argosy.typeurl import pack
from argosy.windows import Writer, received

TAR: Final = "application/x-tar"
# How long nothing may come, and nobody may take anything.
_SILENCE_S: Final = 600.0
_OPEN_S: Final = 30.0


class _Stream:
    """Our end of a stream that the daemon serves."""

    def __init__(self, id: str, call: Any) -> None:
        self.id, self._call = id, call

    async def receive(self) -> AnyMessage | None:
        found: AnyMessage | None = await self._call.recv_message()
        return found

    async def send(self, message: AnyMessage) -> None:
        await self._call.send_message(message)

    async def end(self) -> None:
        await self._call.end()


@asynccontextmanager
async def _stream(client: Client, kind: str) -> AsyncGenerator[_Stream, None]:
    id = f"{kind}-{os.urandom(6).hex()}"
    call: Any = client.services.streaming.stream()
    async with call:
        await call.send_message(pack("containerd.services.streaming.v1.StreamInit", StreamInit(id=id)))
        with anyio.move_on_after(_OPEN_S) as waiting:
            await call.recv_message()
        if waiting.cancelled_caught:
            raise Unavailable(f"the daemon did not open a stream within {_OPEN_S:g} s")
        yield _Stream(id, call)


@asynccontextmanager
async def _asked(client: Client, source: Message, destination: Message) -> AsyncGenerator[anyio.Event, None]:
    """Yield what is set when a transfer is done. Raises its failure, which ends the block."""
    over = anyio.Event()
    ends = [pack(f"containerd.types.transfer.{type(one).__name__}", one) for one in (source, destination)]

    async def ask() -> None:
        await client.services.transfer.transfer(TransferRequest(source=ends[0], destination=ends[1]))
        over.set()

    async with together() as group:
        group.start_soon(ask)
        yield over
        group.cancel_scope.cancel()


@asynccontextmanager
async def read_path(
    client: Client, container: str, path: str, *, walk: bool = True, owners: bool = True
) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """Yield the bytes of a tar of what is at path in a container. A symlink at its end is followed where a slash stands behind it.

    Without walk a directory's entry stands alone; without owners everything is root's. Raises NotFound, FailedPrecondition, and what else the daemon
    says, at the latest when the bytes are over. Cancellation, and leaving the block early: the daemon stops, too.
    """
    async with _stream(client, "files") as stream:
        where = ContainerPath(container_id=container, path=path, no_walk=not walk, preserve_ownership=owners)
        async with _asked(client, where, WriteStream(stream=stream.id, media_type=TAR)) as over:

            async def chunks() -> AsyncIterator[bytes]:
                async for data in received(stream, _SILENCE_S):
                    yield data
                await over.wait()

            yield chunks()


async def write_path(
    client: Client, container: str, path: str, chunks: AsyncIterator[bytes], *, owners: bool = False
) -> None:
    """Place the members of a tar below path, an existing directory in a container. With owners they belong to whom the tar says, else to root.

    Raises NotFound, InvalidArgument for a broken or hostile archive, FailedPrecondition for what is in the way, and what else the daemon says; what was
    written before stays. Cancellation: the daemon stops, too.
    """
    async with _stream(client, "files") as stream:
        where = ContainerPath(container_id=container, path=path, preserve_ownership=owners)
        async with _asked(client, ReadStream(stream=stream.id, media_type=TAR), where) as over, together() as group:
            writer = Writer(stream, _SILENCE_S)
            group.start_soon(writer.run)
            async for data in chunks:
                await writer.write(data)
            await writer.flush()
            await stream.end()
            await over.wait()
            group.cancel_scope.cancel()
