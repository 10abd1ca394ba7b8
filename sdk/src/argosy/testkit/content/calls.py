"""A content store as a check speaks to it, and the suite that the checks are in.

A *blob* has a digest and never changes; an *ingest* has a ref, and becomes a blob by a commit. Offsets and sizes are bytes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from argosy_protos.containerd.services.content import v1 as p
from argosy_protos.google.protobuf import FieldMask

from argosy.errors import ArgosyError, DeadlineExceeded, NotFound, Unavailable
from argosy.testkit.blobs import digest_of, fresh
from argosy.testkit.suite import Broken, Subject, Suite, greeted, request
from argosy.testkit.target import Target

if TYPE_CHECKING:
    from argosy_protos._typing import Stream

T = TypeVar("T")

CAPABILITIES: Final[Mapping[str, str]] = {
    "labels": "it keeps labels of its blobs; a store whose owner does that need not",
    "sha512": "a blob may have a digest of sha512",
}
USUAL: Final = frozenset({"labels"})
# Twice as many as the largest blob of a check has.
_MOST_BYTES: Final = 16 << 20
# What a stream is told of, in words.
_ACTIONS: Final = {p.WriteAction.STAT: "STAT", p.WriteAction.WRITE: "WRITE", p.WriteAction.COMMIT: "COMMIT"}


class Write:
    """One Write stream of an ingest, in lock-step: one answer for each message."""

    def __init__(self, c: Content, ref: str, stream: Stream[p.WriteContentRequest, p.WriteContentResponse]) -> None:
        self._c, self.ref, self._stream = c, ref, stream
        self.offset = 0
        """Where the store says that the ingest stands."""

    async def _say(self, action: p.WriteAction, **fields: object) -> p.WriteContentResponse:
        async def answer() -> p.WriteContentResponse:
            wish = p.WriteContentRequest(action=action, ref=self.ref, **fields)  # type: ignore[arg-type] # named by our own methods
            await self._stream.send_message(wish)
            got = await self._stream.recv_message()
            if got is None:
                raise Broken("an answer", "the end of the stream, without an error")
            return got

        text = request(f"Write {_ACTIONS[action]}", ref=self.ref, **fields)
        got = await self._c.within(self._c.made(text, answer()))
        self.offset = got.offset
        return got

    async def stat(self, total: int = 0, expected: str = "") -> p.WriteContentResponse:
        return await self._say(p.WriteAction.STAT, total=total, expected=expected)

    async def write(self, data: bytes, offset: int | None = None, total: int = 0) -> p.WriteContentResponse:
        """Without an offset, where the ingest stands."""
        return await self._say(p.WriteAction.WRITE, data=data, offset=self.offset if offset is None else offset, total=total)

    async def commit(
        self, total: int = 0, expected: str = "", labels: Mapping[str, str] | None = None, data: bytes = b"",
        offset: int | None = None,
    ) -> p.WriteContentResponse:  # fmt: skip
        if expected:
            self._c.digests[expected] = None
        answer = await self._say(
            p.WriteAction.COMMIT, total=total, expected=expected, labels=dict(labels or {}), data=data,
            offset=self.offset if offset is None else offset,
        )  # fmt: skip
        self._c.digests[answer.digest] = None
        return answer

    async def over(self) -> None:
        """Wait for the stream's end, which has to be OK. A store may say once more where it stands, as containerd 1.6 does."""

        async def rest() -> None:
            await self._stream.end()
            while await self._stream.recv_message() is not None:
                pass

        await self._c.within(self._c.made("the end of the stream", rest()))

    def cancel(self) -> None:
        self._stream.cancel()


class Content(Subject):
    """A content store, as one check speaks to it. Each method is a call of the contract; it raises what the plugin says."""

    def __init__(self, target: Target, prefix: str) -> None:
        super().__init__(prefix, target.deadline_s)
        self.target = target
        self._stub = p.ContentStub(target.channel)
        self.refs: dict[str, None] = {}
        self.digests: dict[str, None] = {}
        """What was or may have been committed."""

    async def within(self, work: Awaitable[T]) -> T:
        """Await one step of a stream. Raises DeadlineExceeded when it takes longer than a call may."""
        try:
            async with asyncio.timeout(self.deadline_s):
                return await work
        except TimeoutError:
            raise DeadlineExceeded(f"no answer within {self.deadline_s:g} s") from None

    @asynccontextmanager
    async def stream(self, word: str) -> AsyncIterator[Write]:
        """Yield a Write stream for a ref of that word, on which nothing was said; it is given up at the end if it is still open."""
        ref = self.name(word)
        self.refs[ref] = None
        stream = Write(self, ref, self._stub.write(timeout=self.deadline_s * 6))
        try:
            yield stream
        finally:
            stream.cancel()

    @asynccontextmanager
    async def open(self, word: str, total: int = 0, expected: str = "") -> AsyncIterator[Write]:
        """Yield a Write stream after its first STAT.

        A ref that somebody else has open is tried again, as containerd's clients do: a store may take a moment to see that a stream is over.
        """
        until = time.monotonic() + self.deadline_s
        while True:
            async with self.stream(word) as stream:
                try:
                    await stream.stat(total, expected)
                except Unavailable:
                    if time.monotonic() > until:
                        raise
                else:
                    yield stream
                    return
            await asyncio.sleep(0.02)

    async def stored(self, word: str, data: bytes, labels: Mapping[str, str] | None = None) -> str:
        """Store bytes as a blob; return its digest."""
        digest = digest_of(data)
        async with self.open(word) as stream:
            await stream.write(data)
            answer = await stream.commit(len(data), digest, labels)
            self.equal(answer.digest, digest, "the digest that COMMIT answers")
            await stream.over()
        return digest

    async def kept(self, word: str, data: bytes) -> None:
        """Raises Broken when an ingest does not have those bytes, and no more."""
        async with self.open(word) as stream:
            answer = await stream.stat()
            self.equal((answer.offset, answer.digest), (len(data), digest_of(data)), "offset and digest of the ingest")
            await stream.over()

    async def info(self, digest: str) -> p.Info:
        reply = await self.made(
            request("Info", digest=digest), self._stub.info(p.InfoRequest(digest=digest), timeout=self.deadline_s)
        )
        if reply.info is None:
            raise Broken("an answer with an info", "one without")
        return reply.info

    async def update(self, info: p.Info, *paths: str) -> p.Info:
        wish = p.UpdateRequest(info=info, update_mask=FieldMask(paths=list(paths)) if paths else None)
        text = request("Update", digest=info.digest, labels=info.labels, mask=list(paths))
        reply = await self.made(text, self._stub.update(wish, timeout=self.deadline_s))
        if reply.info is None:
            raise Broken("an answer with an info", "one without")
        return reply.info

    async def listed(self, *filters: str) -> list[p.Info]:
        async def whole() -> list[p.Info]:
            wish = p.ListContentRequest(filters=list(filters))
            return [info async for reply in self._stub.list(wish, timeout=self.deadline_s) for info in reply.info]

        return await self.made(request("List", filters=list(filters)), whole())

    async def delete(self, digest: str) -> None:
        wish = p.DeleteContentRequest(digest=digest)
        await self.made(request("Delete", digest=digest), self._stub.delete(wish, timeout=self.deadline_s))

    async def read(self, digest: str, offset: int = 0, size: int = 0) -> bytes:
        async def whole() -> bytes:
            wish = p.ReadContentRequest(digest=digest, offset=offset, size=size)
            data = bytearray()
            stream = self._stub.read(wish, timeout=self.deadline_s)
            async for reply in stream:
                data += reply.data
                if len(data) > _MOST_BYTES:  # no check has so many: this one fails, and need not have them all
                    await stream.aclose()  # type: ignore[attr-defined] # it is a generator
                    break
            return bytes(data)

        return await self.made(request("Read", digest=digest, offset=offset, size=size), whole())

    async def read_a_part(self, digest: str) -> None:
        """Read a blob, and leave once the first bytes have come."""

        async def part() -> None:
            stream = self._stub.read(p.ReadContentRequest(digest=digest), timeout=self.deadline_s)
            async for _ in stream:
                break
            await stream.aclose()  # type: ignore[attr-defined] # it is a generator

        await self.made(request("Read", digest=digest) + ", and give it up", part())

    async def status(self, ref: str) -> p.Status:
        reply = await self.made(
            request("Status", ref=ref), self._stub.status(p.StatusRequest(ref=ref), timeout=self.deadline_s)
        )
        if reply.status is None:
            raise Broken("an answer with a status", "one without")
        return reply.status

    async def statuses(self, *filters: str) -> list[p.Status]:
        """Return what a list has of our refs."""
        wish = p.ListStatusesRequest(filters=list(filters))
        reply = await self.made(
            request("ListStatuses", filters=list(filters)), self._stub.list_statuses(wish, timeout=self.deadline_s)
        )
        return [status for status in reply.statuses if status.ref.startswith(self.prefix)]

    async def abort(self, ref: str) -> None:
        await self.made(request("Abort", ref=ref), self._stub.abort(p.AbortRequest(ref=ref), timeout=self.deadline_s))

    async def no_ingest(self, word: str) -> None:
        """Raises Broken when there is an ingest of that word."""
        ref = self.name(word)
        await self.refused(self.status(ref), NotFound)
        self.equal([s.ref for s in await self.statuses() if s.ref == ref], [], "the ingests of that ref in a list")

    async def no_blob(self, digest: str) -> None:
        """Raises Broken when there is a blob."""
        await self.refused(self.info(digest), NotFound)
        await self.refused(self.read(digest), NotFound)

    async def greet(self) -> object:
        return await self.info(digest_of(fresh(16)))

    async def clean(self) -> None:
        for ref in self.refs:
            if not await self._gone(self.abort(ref)):
                return
        for digest in self.digests:
            self.target.made[digest] = None
            if not await self._gone(self.delete(digest)):
                return

    async def _gone(self, work: Awaitable[None]) -> bool:
        """Try to remove; return whether to go on."""
        try:
            await work
        except (Unavailable, DeadlineExceeded):
            return False
        except ArgosyError:
            pass  # it is gone, or stays: the list at the end will tell
        return True

    async def left(self) -> Sequence[str]:
        found = [status.ref for status in await self.statuses()]
        for ref in found:
            await self._gone(self.abort(ref))
        listed = [info.digest for info in await self.listed() if info.digest in self.target.made]
        for digest in listed:
            await self._gone(self.delete(digest))
        return [*found, *listed]


SUITE: Final[Suite[Content]] = Suite("content store", CAPABILITIES)


def able(has: Collection[str], lacks: Collection[str]) -> frozenset[str]:
    """Return what a store is taken to be capable of. Raises InvalidArgument for a capability that is none."""
    return SUITE.able(USUAL, has, lacks)


def subject(target: Target, check: str) -> Content:
    """Return what a check of that name speaks to; "" is the whole run."""
    return Content(target, f"{target.run}/{check}" if check else target.run)


async def begin(target: Target) -> str:
    """Return whom we judge, in words. Raises Unimplemented, Unavailable when the suite can't begin."""
    asked = p.ContentStub(target.channel).info(p.InfoRequest(digest=digest_of(fresh(16))))
    await greeted(asked, f"no content store is served at {target.address}")
    if target.is_daemon:
        return f"content store of containerd {target.version} at {target.address}"
    return f"content store at {target.address}"
