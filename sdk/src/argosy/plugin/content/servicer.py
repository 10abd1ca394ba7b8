"""containerd.services.content.v1.Content on a ContentStore: parse, call, convert."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from argosy_protos.containerd.services.content import v1 as p
from argosy_protos.google.protobuf import Empty

from argosy import filters
from argosy.errors import InvalidArgument
from argosy.plugin.batches import batches
from argosy.plugin.content.store import ContentStore, Info, Status, Writer
from argosy.rpc.context import current
from argosy.rpc.server import inline
from argosy.timestamps import from_wire, to_wire


def info_to_wire(info: Info) -> p.Info:
    return p.Info(
        digest=info.digest,
        size=info.size,
        created_at=to_wire(info.created_ns),
        updated_at=to_wire(info.updated_ns),
        labels=info.labels,
    )


def info_from_wire(info: p.Info) -> Info:
    created, updated = from_wire(info.created_at) or 0, from_wire(info.updated_at) or 0
    return Info(info.digest, info.size, created, updated, dict(info.labels))


def status_to_wire(status: Status) -> p.Status:
    return p.Status(
        started_at=to_wire(status.started_ns),
        updated_at=to_wire(status.updated_ns),
        ref=status.ref,
        offset=status.offset,
        total=status.total,
        expected=status.expected,
    )


def answer(action: p.WriteAction | int, writer: Writer, digest: str | None = None) -> p.WriteContentResponse:
    """Return the response that tells where a writer stands."""
    status = writer.status()
    return p.WriteContentResponse(
        action=action,
        started_at=to_wire(status.started_ns),
        updated_at=to_wire(status.updated_ns),
        offset=status.offset,
        total=status.total,
        digest=digest if digest is not None else writer.digest(),
    )


async def write_stream(
    store: ContentStore, requests: AsyncIterator[p.WriteContentRequest]
) -> AsyncGenerator[p.WriteContentResponse, None]:
    """Serve one Write stream, in lock-step: one answer a message, and the end of the stream after COMMIT."""
    writer: Writer | None = None
    try:
        async for r in requests:
            if writer is None:
                if not r.ref:
                    raise InvalidArgument("first message must have a reference")
                peer = current().peer
                writer = await store.writer(r.ref, r.total, r.expected, f"pid {peer.pid}")
            if r.action == p.WriteAction.STAT:
                await writer.stat(r.total, r.expected)
                yield answer(r.action, writer)
            elif r.action == p.WriteAction.WRITE:
                await writer.write(r.offset, r.data, r.total, r.expected)
                yield answer(r.action, writer)
            elif r.action == p.WriteAction.COMMIT:
                labels = dict(r.labels) if r.labels else None
                digest = await writer.commit(r.offset, r.data, r.total, r.expected, labels)
                yield answer(r.action, writer, digest)
                return
            else:
                raise InvalidArgument(f"unknown write action {int(r.action)}; use STAT, WRITE or COMMIT")
    finally:
        if writer is not None:
            await writer.close()


class ContentServicer(p.ContentBase):
    """A store on the wire."""

    def __init__(self, store: ContentStore) -> None:
        self.store = store

    @inline
    async def info(self, request: p.InfoRequest) -> p.InfoResponse:
        return p.InfoResponse(info=info_to_wire(await self.store.info(request.digest)))

    async def update(self, request: p.UpdateRequest) -> p.UpdateResponse:
        if request.info is None:
            raise InvalidArgument("an update needs an info")
        paths = request.update_mask.paths if request.update_mask else []
        return p.UpdateResponse(info=info_to_wire(await self.store.update(info_from_wire(request.info), paths)))

    async def list(self, request: p.ListContentRequest) -> AsyncIterator[p.ListContentResponse]:
        async for batch in batches(self.store.walk(filters.parse(request.filters))):
            yield p.ListContentResponse(info=[info_to_wire(info) for info in batch])

    async def delete(self, request: p.DeleteContentRequest) -> Empty:
        await self.store.delete(request.digest)
        return Empty()

    @inline
    async def read(self, request: p.ReadContentRequest) -> AsyncIterator[p.ReadContentResponse]:
        offset = 0
        async for data in self.store.read(request.digest, request.offset, request.size):
            yield p.ReadContentResponse(offset=offset, data=data)
            offset += len(data)

    @inline
    async def status(self, request: p.StatusRequest) -> p.StatusResponse:
        return p.StatusResponse(status=status_to_wire(await self.store.status(request.ref)))

    async def list_statuses(self, request: p.ListStatusesRequest) -> p.ListStatusesResponse:
        found = await self.store.statuses(filters.parse(request.filters))
        return p.ListStatusesResponse(statuses=[status_to_wire(s) for s in found])

    def write(self, requests: AsyncIterator[p.WriteContentRequest]) -> AsyncIterator[p.WriteContentResponse]:
        return write_stream(self.store, requests)

    async def abort(self, request: p.AbortRequest) -> Empty:
        await self.store.abort(request.ref)
        return Empty()
