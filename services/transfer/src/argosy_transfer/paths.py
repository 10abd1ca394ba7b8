"""Files of containers, as a source and a sink of a tar's bytes: through the shim of a task, which sees what its processes see, else through the snapshot.

Bytes of a task go to and from its shim directly (``argosy.shims.v1`` says where that listens), by the streams and the messages that a client speaks to us.
A snapshot is mounted by a process of its own, for which nobody else sees the mount.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import anyio
from argosy.client import Client
from argosy.client.jobs import together
from argosy.client.services import present
from argosy.credit import padding
from argosy.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unavailable,
    Unimplemented,
)
from argosy.mounting.kept import kept
from argosy.mounts import Mount, needs_manager
from argosy.names import NAMESPACE_TTRPC_KEY
from argosy.paths.order import PACK, PLACE, Order
from argosy.paths.running import packed, placed
from argosy.ttrpc.client import TtrpcClient, TtrpcStream
from argosy.typeurl import pack
from argosy.windows import Writer, received
from argosy_protos._message import Message
from argosy_protos.argosy.shims.v1 import FindRequest, HoldRequest
from argosy_protos.containerd.services.containers.v1 import Container, GetContainerRequest
from argosy_protos.containerd.services.snapshots.v1 import MountsRequest, StatSnapshotRequest
from argosy_protos.containerd.services.streaming.v1 import StreamInit
from argosy_protos.containerd.services.transfer.v1 import TransferRequest
from argosy_protos.containerd.types import transfer as p
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_protos.google.protobuf import Empty, Timestamp

TAR: Final = "application/x-tar"
_TRANSFER: Final = "containerd.services.transfer.v1.Transfer"
_STREAMING: Final = "containerd.services.streaming.v1.Streaming"
_TYPES: Final = "containerd.types.transfer"
_ANSWER_S: Final = 30.0
# How often, and after how long, a container is asked again which has no task, and is about to have one.
_TASK_ROUNDS, _TASK_ROUND_S = 40, 0.25
# Runtimes whose containers' snapshots are mounted on this machine, and nowhere else.
_ON_THIS_MACHINE: Final = ("io.containerd.runc.", "containerd-shim-runc-")


@asynccontextmanager
async def reading(client: Client, where: p.ContainerPath, silence_s: float) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """Yield the bytes of a tar of what is at a path in a container. silence_s is how long nothing may come.

    Raises NotFound, InvalidArgument, FailedPrecondition, Unavailable, at the latest when the bytes are over, or the block ends.
    """
    container = await _container(client, where.container_id)
    address = await _shim_of(client, where.container_id)
    if address:
        try:
            async with _shim(client, address, where.container_id) as shim, _stream(shim) as stream:
                named = p.WriteStream(stream=stream.id, media_type=TAR)
                async with _asked(shim, client.namespace, where, named) as over:

                    async def chunks() -> AsyncIterator[bytes]:
                        async for data in received(stream, silence_s):
                            yield data
                        await _over(over, shim, silence_s)

                    yield chunks()  # padded by the shim
                return
        except _NoTransfers:
            _check_readable(container)
    async with _ordered(client, container, PACK, where) as order, packed(order, silence_s) as packed_:
        yield _padded(packed_)


async def _padded(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield an archive that ends so that whoever takes its last message over a stream says so."""
    size = 0
    async for data in chunks:
        size += len(data)
        yield data
    yield bytes(padding(size))


async def writing(client: Client, where: p.ContainerPath, chunks: AsyncIterator[bytes], silence_s: float) -> None:
    """Place the members of a tar below a directory in a container. Raises as ``reading``, PermissionDenied, ResourceExhausted, and what comes of chunks."""
    container = await _container(client, where.container_id)
    # A task that is about to be there can be asked in a moment.
    for _ in range(_TASK_ROUNDS):
        address = await _shim_of(client, where.container_id)
        if address:
            break
        async with _without_task(client, where.container_id) as held:
            if held:
                await _into_snapshot(client, container, where, chunks, silence_s)
                return
        await anyio.sleep(_TASK_ROUND_S)
    else:
        raise FailedPrecondition(f'container "{where.container_id}" is being started, or its task deleted; copy again')
    try:
        async with _shim(client, address, where.container_id) as shim, _stream(shim) as stream:
            named = p.ReadStream(stream=stream.id, media_type=TAR)
            async with _asked(shim, client.namespace, named, where) as over, together() as group:
                writer = Writer(stream, silence_s)
                group.start_soon(writer.run)
                async for data in chunks:
                    await writer.write(data)
                    await writer.flush()  # who sends no more for a while may have sent what is wrong
                await stream.end()
                await _over(over, shim, silence_s)
                group.cancel_scope.cancel()
    except _NoTransfers:
        raise FailedPrecondition(
            f'container "{where.container_id}" has a task, and its runtime takes no files; end the task and delete it, then copy again'
        ) from None


# -- through a shim --


class _NoTransfers(Exception):
    """Raised for a shim that serves no transfers."""


class _ShimStream:
    """Our end of a stream that a shim serves, as ``argosy.windows`` wants one."""

    def __init__(self, id: str, stream: TtrpcStream) -> None:
        self.id, self._stream = id, stream

    async def receive(self) -> AnyMessage | None:
        found: AnyMessage | None = await self._stream.recv()
        return found

    async def send(self, message: AnyMessage) -> None:
        await self._stream.send(message)

    async def end(self) -> None:
        await self._stream.close_send()


async def _shim_of(client: Client, id: str) -> str:
    """Return where the shim of a container's task listens, nothing without a task. Raises Unavailable for one that does not answer."""
    try:
        return (await client.services.shims.find(FindRequest(container_id=id), timeout=_ANSWER_S)).address
    except NotFound:
        return ""


@asynccontextmanager
async def _shim(client: Client, address: str, id: str) -> AsyncGenerator[TtrpcClient, None]:
    shim = await TtrpcClient.connect(address, f"shim of {client.namespace}/{id}")
    try:
        yield shim
    finally:
        shim.close()  # which ends what it does for us


@asynccontextmanager
async def _stream(shim: TtrpcClient) -> AsyncGenerator[_ShimStream, None]:
    """Yield an open stream. Raises _NoTransfers."""
    id = f"files-{os.urandom(6).hex()}"
    opened = shim.stream(_STREAMING, "Stream", AnyMessage)
    await opened.send(pack("containerd.services.streaming.v1.StreamInit", StreamInit(id=id)))
    try:
        with anyio.move_on_after(_ANSWER_S) as waiting:
            await opened.recv()
    except Unimplemented:
        raise _NoTransfers from None
    if waiting.cancelled_caught:
        raise Unavailable(f"{shim.name} did not open a stream within {_ANSWER_S:g} s")
    yield _ShimStream(id, opened)


@asynccontextmanager
async def _asked(
    shim: TtrpcClient, namespace: str, source: Message, destination: Message
) -> AsyncGenerator[anyio.Event, None]:
    """Yield what is set when the shim has done a transfer, which is asked for. Raises its failure, which ends the block."""
    over = anyio.Event()
    ends = [pack(f"{_TYPES}.{type(one).__name__}", one) for one in (source, destination)]

    async def ask() -> None:
        request = TransferRequest(source=ends[0], destination=ends[1])
        await shim.call(_TRANSFER, "Transfer", request, Empty, None, {NAMESPACE_TTRPC_KEY: namespace})
        over.set()

    async with together() as group:
        group.start_soon(ask)
        yield over
        group.cancel_scope.cancel()


async def _over(over: anyio.Event, shim: TtrpcClient, silence_s: float) -> None:
    """Wait for the answer of a shim that has all that it needs. Raises Unavailable when it does not come."""
    with anyio.move_on_after(silence_s):
        await over.wait()
        return
    raise Unavailable(f"{shim.name} has said nothing for {silence_s:g} s; its files do not answer")


# -- through a snapshot --


async def _container(client: Client, id: str) -> Container:
    if not id:
        raise InvalidArgument("a container path names no container; say which")
    reply = await client.services.containers.get(GetContainerRequest(id=id), timeout=_ANSWER_S)
    return present(reply.container, f'container "{id}"')


def _check_readable(container: Container) -> None:
    name = container.runtime.name if container.runtime is not None else ""
    if not os.path.basename(name).startswith(_ON_THIS_MACHINE):
        raise FailedPrecondition(
            f'container "{container.id}" has a task, and its runtime "{name}" gives no files; end the task and delete it, then copy again'
        )


@asynccontextmanager
async def _without_task(client: Client, id: str) -> AsyncGenerator[bool, None]:
    """Have a container get no task for the block: two mounts of one snapshot do not see each other's changes. Yields whether that is so; not for one that has a task.

    Others who write to it are waited for. Raises Unavailable, also when the task manager goes in the block.
    """
    holding = client.services.shims.hold(HoldRequest(container_id=id, reason="files are being copied into its snapshot"))
    try:
        await anext(holding)
    except AlreadyExists:
        yield False
        return
    except Unimplemented:
        yield True  # a task manager of another make
        return
    over = False

    async def watch() -> None:
        async for _ in holding:
            pass
        if not over:
            raise Unavailable("the task manager no longer keeps the container from being started; copy again")

    async with together() as group:
        group.start_soon(watch)
        yield True
        over = True
        group.cancel_scope.cancel()


async def _into_snapshot(
    client: Client, container: Container, where: p.ContainerPath, chunks: AsyncIterator[bytes], silence_s: float
) -> None:
    """Place what comes in a container's snapshot. Raises Aborted for one that is another, or none, at the end."""
    async with _ordered(client, container, PLACE, where) as order:
        before = await _made(client, container)
        await placed(order, chunks, silence_s)
        if before is None or await _made(client, container) != before:
            raise Aborted(f'the snapshot of container "{container.id}" was removed meanwhile, and what was copied with it')


async def _made(client: Client, container: Container) -> Timestamp | None:
    """Return when a container's snapshot was made, None where there is none."""
    asked = StatSnapshotRequest(snapshotter=container.snapshotter, key=container.snapshot_key)
    try:
        info = (await client.services.snapshots.stat(asked, timeout=_ANSWER_S)).info
    except NotFound:
        return None
    return info.created_at if info is not None else None


@asynccontextmanager
async def _ordered(client: Client, container: Container, verb: str, where: p.ContainerPath) -> AsyncGenerator[Order, None]:
    """Yield what is to be done with a container's snapshot, whose images are there for the block. Raises FailedPrecondition for a container without one."""
    if not container.snapshot_key:
        raise FailedPrecondition(f'container "{container.id}" has neither a task nor a snapshot; start it, then copy')
    asked = MountsRequest(snapshotter=container.snapshotter, key=container.snapshot_key)
    mounts = [Mount.from_wire(one) for one in (await client.services.snapshots.mounts(asked, timeout=_ANSWER_S)).mounts]
    async with AsyncExitStack() as stack:
        rest: Sequence[Mount] = mounts
        if needs_manager(mounts):
            # Nothing but a lease refers to what is made for us: any collection would take it down.
            services = await stack.enter_async_context(client.lease())
            rest = await stack.enter_async_context(kept(services.mounts, "copy", mounts))
        yield Order(
            verb=verb, path=where.path, what=f'container "{container.id}"', walk=not where.no_walk,
            owners=where.preserve_ownership, mounts=rest, maps=_maps(container),
        )  # fmt: skip


def _maps(container: Container) -> tuple[str, str]:
    """Return the maps of the user namespace that a container's spec asks for."""
    try:
        linux: Any = json.loads(container.spec.value if container.spec is not None else b"{}").get("linux") or {}
        rows = [linux.get(kind) or () for kind in ("uidMappings", "gidMappings")]
        uids, gids = (
            ",".join(f"{row.get('containerID', 0)}:{row.get('hostID', 0)}:{row.get('size', 0)}" for row in kind)
            for kind in rows
        )
    except (ValueError, AttributeError, TypeError):
        return "", ""  # of a runtime with specs of its own
    return uids, gids
