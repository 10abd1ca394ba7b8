"""Writing an ingest: what a client's Write stream becomes at the content plugin."""

from __future__ import annotations

import time
from typing import Any

import anyio
from argosy.digest import Digest
from argosy.errors import AlreadyExists, FailedPrecondition, InvalidArgument, OutOfRange, Unknown
from argosy.labels import check_labels
from argosy.plugin.content import Status, Writer
from argosy.timestamps import from_wire
from argosy_protos.argosy.content.v1 import IngestsStub, PlaceRequest, PlaceResponse
from argosy_protos.containerd.services.content import v1 as p

from argosy_gateway.backends.blobs import Blobs
from argosy_gateway.backends.changes import Caller
from argosy_gateway.backends.listing import wrong
from argosy_gateway.backends.outcomes import Outcomes, WriteStream
from argosy_gateway.metadata.ingests import Ingest


class IngestWriter(Writer):
    """A namespace's open ingest: the servicer's side of one Write stream."""

    def __init__(
        self, outcomes: Outcomes, blobs: Blobs, opened: dict[tuple[str, str], IngestWriter], ns: str, lease: str | None,
        found: Ingest, total: int, expected: str,
    ) -> None:  # fmt: skip
        """opened has the writers that have the plugin's ingest open, by namespace and ref: this one, too, while it has."""
        self._outcomes, self._blobs, self._opened = outcomes, blobs, opened
        self._ns, self._lease, self._ingest = ns, lease, found
        self._ref = found.ref
        self._total, self._expected = total, expected
        self._stream: WriteStream | None = None
        self._offset = 0
        self._digest = ""
        now = time.time_ns()
        self._started_ns = self._updated_ns = now
        self.virtual = False
        self._fresh = False
        """Whether nobody has been told yet what the plugin said when it was opened."""
        self._committed: anyio.Event | None = None
        """Set when the commit that is under way has ended."""

    def is_named(self, found: Ingest) -> None:
        """Set the ingest's name in the plugin, before it is opened."""
        self._ingest = found

    def link_to(self, digest: str, size: int) -> None:
        """Become a virtual ingest, one of a blob whose bytes are in the store already."""
        self.virtual, self._digest, self._offset, self._total, self._expected = True, digest, size, size, digest

    async def open(self) -> None:
        """Open the plugin's ingest. Raises Locked when another writer has it."""
        self._stream = WriteStream(self._outcomes.plugin, self._ingest.backend)
        try:
            await self._take(self._stream.send(p.WriteAction.STAT, total=self._total))
        except BaseException:
            await self._stream.close()
            self._stream = None
            raise
        self._fresh = True
        self._opened[self._ns, self._ref] = self

    async def place(self) -> PlaceResponse:
        """Return where the client may write itself. Raises Unimplemented for a plugin that has no such place."""
        async with self._outcomes.plugin.call() as channel:
            reply: PlaceResponse = await IngestsStub(channel).place(PlaceRequest(ref=self._ingest.backend))
        return reply

    async def _take(self, answer: Any) -> None:
        response: p.WriteContentResponse = await answer
        self._fresh = False
        if response.offset < 0 or response.total < 0:
            raise wrong(
                self._outcomes.plugin, f'says that the ingest "{self._ref}" has {response.offset} of {response.total} bytes'
            )
        # It may say none before the commit, and the one of fewer bytes is not this one.
        self._offset, self._digest = response.offset, response.digest
        self._total = response.total or self._total
        self._started_ns = from_wire(response.started_at) or self._started_ns
        self._updated_ns = from_wire(response.updated_at) or self._updated_ns

    def status(self) -> Status:
        return Status(self._ref, self._offset, self._total, self._started_ns, self._updated_ns, self._expected)

    def digest(self) -> str:
        return self._digest

    async def _note(self, total: int, expected: str) -> None:
        if total > 0:
            self._total = total
        if expected and expected != self._expected:
            self._expected = expected
            if self._blobs.has(self._ns, expected) and not await self._blobs.is_lost(expected):
                # A collection may have taken it since: what is said to be there stays there.
                if await self._outcomes.lease(self._ns, self._lease, expected):
                    await self._exists(expected)

    async def _exists(self, expected: str) -> None:
        await self._outcomes.work.finish(self._close)
        await self._outcomes.drop(self._ns, self._lease, self._ref, expected)
        raise AlreadyExists(f"blob with expected digest {expected} exists")

    async def stat(self, total: int, expected: str) -> None:
        await self._note(total, expected)
        if self._stream is not None and not self._fresh:
            # The file may have grown behind our back, and a plugin that was started again has let go of the ref.
            await self._take(self._stream.send(p.WriteAction.STAT))
        self._fresh = False

    async def write(self, offset: int, data: bytes, total: int, expected: str) -> None:
        await self._note(total, expected)
        if self.virtual:
            if offset > 0 and offset != self._offset:
                raise OutOfRange(f"write @{offset} must occur at current offset {self._offset}")
            if not data and offset > 0:
                return
            await self._materialise(offset)
        assert self._stream is not None
        await self._take(self._stream.send(p.WriteAction.WRITE, offset=offset, data=data, total=total if total > 0 else 0))

    async def _materialise(self, offset: int) -> None:
        """Turn a virtual ingest into a real one: empty when offset is 0, else with the blob's bytes, which the client appends to."""
        digest, size = self._digest, self._offset
        self.virtual = False
        self._expected = ""
        self._total = 0
        await self.open()
        if offset == 0:
            return
        assert self._stream is not None
        at = self._offset
        if at:
            await self._take(self._stream.send(p.WriteAction.WRITE, offset=0))
            at = 0
        async for frame in self._blobs.read_raw(digest, 0, 0, size):
            await self._take(self._stream.send(p.WriteAction.WRITE, offset=at, data=frame))
            at = self._offset
        if at != size:
            raise Unknown(f"content {digest}: copied {at} of {size} bytes into ingest {self._ref!r}")

    async def commit(self, offset: int, data: bytes, total: int, expected: str, labels: dict[str, str] | None) -> str:
        with Caller() as caller:
            return await self._outcomes.work.finish(self._commit_whole, caller, offset, data, total, expected, labels or {})

    async def _commit_whole(self, *args: Any) -> str:
        over = self._committed = anyio.Event()
        try:
            return await self._commit(*args)
        finally:
            self._committed = None
            over.set()

    async def _commit(
        self, caller: Caller, offset: int, data: bytes, total: int, expected: str, labels: dict[str, str]
    ) -> str:
        if expected:
            Digest.parse(expected)
        await self._note(total, expected)
        check_labels(labels)
        if self.virtual and (data or offset == 0 < self._offset or (expected and expected != self._digest)):
            await self._materialise(offset)
        if offset > 0 and offset != self._offset:
            raise OutOfRange(f"write @{offset} must occur at current offset {self._offset}")
        if self.virtual:
            if total > 0 and total != self._offset:
                raise FailedPrecondition(f'"{self._ref}" failed size validation: {self._offset} != {total}')
            await self._outcomes.link(self._ns, self._lease, self._ref, self._digest, self._offset, labels, caller)
            return self._digest
        stream = self._stream
        assert stream is not None
        if data or offset == 0 < self._offset:
            await self._take(stream.send(p.WriteAction.WRITE, offset=offset, data=data))
        if total > 0 and total != self._offset:
            raise FailedPrecondition(f'"{self._ref}" failed size validation: {self._offset} != {total}')
        sha = not expected or expected.startswith("sha256:")
        if sha and expected and self._digest and expected != self._digest:
            raise FailedPrecondition(f'"{self._ref}": unexpected commit digest {self._digest}, expected {expected}')
        digest = expected or self._parsed(self._digest)
        answer = await self._outcomes.commit(
            self._ns, self._lease, self._ingest, stream, digest, self._offset, total, labels, caller
        )
        if answer is not None:
            self._updated_ns = from_wire(answer.updated_at) or self._updated_ns
        self._digest = digest
        return digest

    def _parsed(self, digest: str) -> str:
        """Return the digest that the plugin said, which is about to name a row.

        Raises DataLoss for what is none: nobody could ask for it or delete it. Raises FailedPrecondition when it said nothing.
        """
        if not digest:
            raise FailedPrecondition(
                f'"{self._ref}": {self._outcomes.plugin} says no digest before the commit; commit it with the digest that is expected'
            )
        try:
            return str(Digest.parse(digest))
        except InvalidArgument as error:
            raise wrong(self._outcomes.plugin, f'says the digest {digest[:100]!r} of the ingest "{self._ref}"') from error

    async def close(self) -> None:
        if self._stream is not None:
            await self._outcomes.work.finish(self._close_when_committed)

    async def _close_when_committed(self) -> None:
        # A commit goes on when its client leaves, and has the stream to itself until its end.
        while self._committed is not None:
            await self._committed.wait()
        await self._close()

    async def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            if self._opened.get((self._ns, self._ref)) is self:
                del self._opened[self._ns, self._ref]
            await stream.close()
