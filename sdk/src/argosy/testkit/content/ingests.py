"""How bytes become a blob: what each message of a Write stream does, what is refused, and what survives a failure."""

from __future__ import annotations

import hashlib
import time
from contextlib import AsyncExitStack
from typing import Final

from argosy.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, OutOfRange, Unavailable
from argosy.testkit.blobs import digest_of, fresh
from argosy.testkit.content.calls import SUITE, Content
from argosy.testkit.suite import Broken
from argosy.timestamps import from_wire

check = SUITE.check

# As much as containerd's clients send in one message.
_MESSAGE: Final = 8 << 20
_AT_ONCE: Final = 6
# A plugin may run on another machine's clock, within reason.
_CLOCKS_NS: Final = 2_000_000_000


@check(fast=True)
async def bytes_become_a_blob(c: Content) -> None:
    """Each answer of a Write stream has the offset and the digest of the bytes so far; COMMIT makes the blob and ends the stream."""
    data, done = fresh(3000), b""
    async with c.open("a", len(data)) as stream:
        answer = await stream.stat()
        c.equal((answer.offset, answer.digest), (0, digest_of(b"")), "offset and digest of a new ingest")
        for part in (data[:1], data[1:1000], data[1000:]):
            answer = await stream.write(part)
            done += part
            c.equal((answer.offset, answer.digest), (len(done), digest_of(done)), "offset and digest of what was written")
        answer = await stream.stat()
        c.equal((answer.offset, answer.digest), (len(data), digest_of(data)), "offset and digest of the ingest")
        answer = await stream.commit(len(data), digest_of(data))
        c.equal((answer.offset, answer.digest), (len(data), digest_of(data)), "offset and digest that COMMIT answers")
        await stream.over()
    c.equal(await c.read(digest_of(data)), data, "the blob")
    await c.no_ingest("a")


@check(fast=True)
async def an_ingest_has_a_ref(c: Content) -> None:
    """A first message without a ref answers INVALID_ARGUMENT."""
    async with c.stream("a") as stream:
        stream.ref = ""
        await c.refused(stream.stat(), InvalidArgument)


@check(fast=True)
async def bytes_are_written_at_the_offset(c: Content) -> None:
    """WRITE and COMMIT at another offset than the ingest's answer OUT_OF_RANGE, and change nothing."""
    data = fresh(100)
    for offset in (99, 101, 5000):
        async with c.open("a") as stream:
            if not stream.offset:
                await stream.write(data)
            await c.refused(stream.write(b"x", offset), OutOfRange)
        await c.kept("a", data)
    async with c.open("a") as stream:
        await c.refused(stream.commit(offset=7), OutOfRange)
    await c.kept("a", data)


@check(fast=True)
async def offset_zero_begins_again(c: Content) -> None:
    """WRITE at offset 0 of an ingest that has bytes throws them away."""
    old, new = fresh(100), fresh(50)
    async with c.open("a") as stream:
        await stream.write(old)
        answer = await stream.write(new, 0)
        c.equal((answer.offset, answer.digest), (len(new), digest_of(new)), "offset and digest")
        await stream.write(b"more")
        await stream.commit(len(new) + 4, digest_of(new + b"more"))
    c.equal(await c.read(digest_of(new + b"more")), new + b"more", "the blob")


@check()
async def an_ingest_can_be_emptied(c: Content) -> None:
    """WRITE at offset 0 without bytes empties an ingest, which stays."""
    async with c.open("a") as stream:
        await stream.write(fresh(100))
        answer = await stream.write(b"", 0)
        c.equal((answer.offset, answer.digest), (0, digest_of(b"")), "offset and digest")
        await stream.over()
    await c.kept("a", b"")


@check(fast=True)
async def an_ingest_is_resumed(c: Content) -> None:
    """A stream that ends without COMMIT ends with OK; who opens the ref again goes on where it stands, and it began when it began."""
    data = fresh(1000)
    async with c.open("a", len(data)) as stream:
        first = await stream.write(data[:400])
        await stream.over()
    c.equal((await c.status(c.name("a"))).total, len(data), "the total that was announced")
    async with c.open("a") as stream:
        answer = await stream.stat()
        c.equal((answer.offset, answer.digest), (400, digest_of(data[:400])), "offset and digest of the ingest")
        c.equal(from_wire(answer.started_at), from_wire(first.started_at), "started_at")
        await stream.write(data[400:])
        await stream.commit(len(data), digest_of(data))
    c.equal(await c.read(digest_of(data)), data, "the blob")


@check(fast=True)
async def a_stream_that_breaks_off_leaves_its_ingest(c: Content) -> None:
    """A stream that is given up lets go of its ref within a moment, and what was acknowledged is there."""
    data = fresh(1000)
    for n in range(3):
        async with c.open("a") as stream:
            c.equal(stream.offset, n * 100, "the offset of the ingest")
            await stream.write(data[n * 100 : n * 100 + 100])
            stream.cancel()
    await c.kept("a", data[:300])


@check(fast=True)
async def a_ref_has_one_writer(c: Content) -> None:
    """Opening a ref that is open answers UNAVAILABLE, promptly; the first stream goes on, and another ref is free."""
    data = fresh(100)
    async with c.open("a") as stream:
        await stream.write(data[:50])
        async with c.stream("a") as second:
            await c.refused(second.stat(), Unavailable)
        async with c.open("b") as other:
            await other.write(b"x")
        await stream.write(data[50:])
        await stream.over()
    await c.kept("a", data)


@check(fast=True)
async def status_says_where_an_ingest_stands(c: Content) -> None:
    """Status and ListStatuses have the ref, offset, total and times of an ingest, while it is open and after."""
    ref, began = c.name("a"), time.time_ns()
    await c.no_ingest("a")

    async def check_status(offset: int) -> int:
        status = await c.status(ref)
        c.equal((status.ref, status.offset, status.total), (ref, offset, 100), "ref, offset and total")
        started, updated = from_wire(status.started_at) or 0, from_wire(status.updated_at) or 0
        for what, at in (("started_at", started), ("updated_at", updated)):
            c.holds(began - _CLOCKS_NS < at < time.time_ns() + _CLOCKS_NS, f"{what} to be now", at)
        listed = [(s.ref, s.offset, s.total) for s in await c.statuses()]
        c.equal(listed, [(ref, offset, 100)], "refs, offsets and totals of the ingests in a list")
        c.equal([s.ref for s in await c.statuses(f'ref=="{ref}"')], [ref], "the refs in a filtered list")
        c.equal([s.ref for s in await c.statuses(f'ref=="{ref}x"')], [], "the refs in a filtered list")
        return started

    async with c.open("a", 100) as stream:
        await stream.write(fresh(30))
        first = await check_status(30)
        await stream.write(fresh(20))
        c.equal(await check_status(50), first, "started_at")
        await stream.over()
    await check_status(50)


@check(fast=True)
async def an_ingest_is_aborted(c: Content) -> None:
    """Abort forgets an ingest: it is NOT_FOUND afterwards, for Abort too, and its ref begins anew."""
    async with c.open("a") as stream:
        await stream.write(fresh(100))
        await stream.over()
    await c.abort(c.name("a"))
    await c.no_ingest("a")
    await c.refused(c.abort(c.name("a")), NotFound)
    await c.refused(c.abort(c.name("nobody")), NotFound)
    await c.kept("a", b"")


@check(fast=True)
async def a_wrong_digest_is_refused(c: Content) -> None:
    """COMMIT with another digest than that of the bytes answers FAILED_PRECONDITION; no blob is made, and the bytes are kept."""
    data, wrong = fresh(100), digest_of(fresh(100))
    async with c.open("a") as stream:
        await stream.write(data)
        await c.refused(stream.commit(len(data), wrong), FailedPrecondition)
    await c.no_blob(wrong)
    await c.no_blob(digest_of(data))
    await c.kept("a", data)
    async with c.open("a") as stream:
        await stream.commit(len(data), digest_of(data))
    c.equal(await c.read(digest_of(data)), data, "the blob")


@check(fast=True)
async def a_wrong_size_is_refused(c: Content) -> None:
    """COMMIT with another size than that of the bytes answers FAILED_PRECONDITION; no blob is made, and the bytes are kept."""
    data = fresh(100)
    for total in (99, 101):
        async with c.open("a") as stream:
            if not stream.offset:
                await stream.write(data)
            await c.refused(stream.commit(total, digest_of(data)), FailedPrecondition)
        await c.no_blob(digest_of(data))
    async with c.open("a") as stream:
        c.equal(stream.offset, len(data), "the offset of the ingest")
        await stream.commit(len(data))
    c.equal(await c.read(digest_of(data)), data, "the blob")


@check(fast=True)
async def what_is_there_is_not_written_again(c: Content) -> None:
    """Who opens an ingest for a digest that is there hears ALREADY_EXISTS at once, and so does who commits one; the ingest goes."""
    data = fresh(100)
    digest = await c.stored("a", data)
    async with c.stream("b") as stream:
        await c.refused(stream.stat(len(data), digest), AlreadyExists)
    await c.no_ingest("b")
    for expected in (digest, ""):
        async with c.open("c") as stream:
            await stream.write(data)
            await c.refused(stream.commit(len(data), expected), AlreadyExists)
        await c.no_ingest("c")
    c.equal(await c.read(digest), data, "the blob")


@check()
async def the_same_bytes_become_one_blob(c: Content) -> None:
    """Of several ingests with the same bytes that are committed at the same time one answers OK, the others OK or ALREADY_EXISTS; all go."""
    data, words = fresh(5000), [f"r{n}" for n in range(_AT_ONCE)]

    async def one(word: str) -> None:
        async with c.open(word) as stream:
            await stream.write(data)
            await stream.commit(len(data), digest_of(data))

    got = await c.at_once(one(word) for word in words)
    c.holds("OK" in got and {"OK", "ALREADY_EXISTS"}.issuperset(got), "OK, and perhaps ALREADY_EXISTS", got)
    c.equal(await c.statuses(), [], "the ingests that are left")
    c.equal(
        [i.digest for i in await c.listed() if i.digest == digest_of(data)],
        [digest_of(data)],
        "the blobs of that digest in a list",
    )
    c.equal(await c.read(digest_of(data)), data, "the blob")


@check()
async def ingests_are_apart(c: Content) -> None:
    """Ingests that are written at the same time do not get into each other, whatever their refs look like."""
    words = ["a", "A", "a/b", "../a", "a b", "layer-sha256:0", "ä", "r" * 200]
    blobs = {word: fresh(20000) for word in words}
    async with AsyncExitStack() as held:
        # All are open before the first is written.
        streams = {word: await held.enter_async_context(c.open(word)) for word in words}

        async def one(word: str) -> None:
            data, stream = blobs[word], streams[word]
            for start in range(0, len(data), 4000):
                await stream.write(data[start : start + 4000])
            await stream.commit(len(data), digest_of(data))

        c.equal(await c.at_once(one(word) for word in words), ["OK"] * len(words), "the answers")
    for data in blobs.values():
        c.equal(await c.read(digest_of(data)) == data, True, "whether a blob has its bytes")


@check()
async def the_empty_blob_is_a_blob(c: Content) -> None:
    """COMMIT of no bytes makes the empty blob, with its digest."""
    digest = digest_of(b"")
    async with c.open("a") as stream:
        try:
            answer = await stream.commit()
        except AlreadyExists:
            pass  # somebody else has made it, and is left it
        else:
            c.equal(answer.digest, digest, "the digest that COMMIT answers")
    c.equal(((await c.info(digest)).size, await c.read(digest)), (0, b""), "size and bytes")


@check()
async def commit_may_bring_bytes(c: Content) -> None:
    """Bytes in a COMMIT are written before it."""
    data = fresh(300)
    async with c.open("a") as stream:
        await stream.write(data[:100])
        await stream.commit(len(data), digest_of(data), data=data[100:])
    c.equal(await c.read(digest_of(data)), data, "the blob")


@check()
async def a_message_may_be_large(c: Content) -> None:
    """A WRITE may bring eight mebibytes, and what is read is what was written."""
    data = fresh(_MESSAGE + 7)
    async with c.open("a", len(data)) as stream:
        await stream.write(data[:_MESSAGE])
        answer = await stream.write(data[_MESSAGE:])
        c.equal((answer.offset, answer.digest), (len(data), digest_of(data)), "offset and digest")
        await stream.commit(len(data), digest_of(data))
    got = await c.read(digest_of(data))
    if got != data:
        raise Broken("the bytes that were written", f"{len(got)} bytes, {digest_of(got)}")


@check("sha512")
async def a_digest_may_be_sha512(c: Content) -> None:
    """COMMIT that expects a digest of sha512 makes a blob of that digest."""
    data = fresh(1000)
    digest = f"sha512:{hashlib.sha512(data).hexdigest()}"
    async with c.open("a", len(data), digest) as stream:
        await stream.write(data)
        answer = await stream.commit(len(data), digest)
        c.equal(answer.digest, digest, "the digest that COMMIT answers")
    c.equal(await c.read(digest), data, "the blob")
