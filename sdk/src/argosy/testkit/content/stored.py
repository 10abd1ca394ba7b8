"""What a store says of its blobs, how they are read, labelled, listed and deleted."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from argosy_protos.containerd.services.content import v1 as p

from argosy.errors import InvalidArgument, NotFound, OutOfRange
from argosy.testkit.blobs import digest_of, fresh
from argosy.testkit.content.calls import SUITE, Content
from argosy.testkit.suite import Broken
from argosy.timestamps import from_wire

check = SUITE.check

# Several of the messages in which a store sends a blob.
_BIG: Final = (3 << 20) + 7
# A plugin may run on another machine's clock, within reason.
_CLOCKS_NS: Final = 2_000_000_000
_TICK_S: Final = 0.02
_NO_DIGESTS: Final = (
    "nothing",
    "sha256:",
    "sha256:abc",
    "sha256:" + "g" * 64,
    "md5:d41d8cd98f00b204e9800998ecf8427e",
    "../../etc/passwd",
)
# More than a store sends in one message of a list.
_MANY: Final = 110


@check(fast=True)
async def info_says_what_a_blob_is(c: Content) -> None:
    """Info has the digest, the size and the times of a blob."""
    began, data = time.time_ns(), fresh(1234)
    digest = await c.stored("a", data)
    info = await c.info(digest)
    c.equal((info.digest, info.size), (digest, len(data)), "digest and size")
    for what, stamp in (("created_at", info.created_at), ("updated_at", info.updated_at)):
        at = from_wire(stamp) or 0
        c.holds(began - _CLOCKS_NS <= at <= time.time_ns() + _CLOCKS_NS, f"{what} to be now", at)


@check(fast=True)
async def a_range_is_read(c: Content) -> None:
    """Read has the bytes from offset on: as many as size says, or up to the end; from the very end on there are none."""
    data = fresh(1000)
    digest = await c.stored("a", data)
    for offset, size in (
        (0, 0),
        (0, 1000),
        (0, 1),
        (1, 0),
        (10, 20),
        (990, 10),
        (990, 11),
        (999, 5000),
        (1000, 0),
        (1000, 5),
    ):
        got = await c.read(digest, offset, size)
        c.equal(got, data[offset : offset + size if size else None], f"bytes from {offset} on, {size or 'all'} of them")


@check(fast=True)
async def nothing_is_read_beyond_the_end(c: Content) -> None:
    """Read from an offset beyond the blob's end answers OUT_OF_RANGE."""
    digest = await c.stored("a", fresh(1000))
    for offset, size in ((1001, 0), (5000, 10), (1 << 40, 0)):
        await c.refused(c.read(digest, offset, size), OutOfRange)


@check(fast=True)
async def what_is_not_there_is_not_found(c: Content) -> None:
    """Info, Read and Delete of a digest that is not there answer NOT_FOUND, and so does Status of a ref."""
    digest = digest_of(fresh(16))
    await c.no_blob(digest)
    await c.refused(c.delete(digest), NotFound)
    await c.refused(c.status(c.name("nobody")), NotFound)


@check(fast=True)
async def a_digest_is_a_digest(c: Content) -> None:
    """Info, Read and Delete of what is no digest answer INVALID_ARGUMENT."""
    for digest in _NO_DIGESTS:
        await c.refused(c.info(digest), InvalidArgument)
        await c.refused(c.read(digest), InvalidArgument)
        await c.refused(c.delete(digest), InvalidArgument)


@check(fast=True)
async def a_blob_is_deleted(c: Content) -> None:
    """Delete takes a blob away: it is NOT_FOUND afterwards, for Delete too, no list has it, and it can be stored again."""
    data = fresh(100)
    digest = await c.stored("a", data)
    await c.delete(digest)
    await c.no_blob(digest)
    await c.refused(c.delete(digest), NotFound)
    c.equal(digest in {info.digest for info in await c.listed()}, False, "whether a list has it")
    c.equal(await c.stored("a", data), digest, "the digest")
    c.equal(await c.read(digest), data, "the blob")


@check(fast=True)
async def a_list_has_every_blob_once(c: Content) -> None:
    """List has every blob once, as Info says it; a filter names digests."""
    digests = sorted([await c.stored(f"r{n}", fresh(100 + n)) for n in range(3)])

    def told(info: p.Info) -> tuple[str, int, int | None, dict[str, str]]:
        return info.digest, info.size, from_wire(info.created_at), dict(info.labels)

    listed = sorted(told(info) for info in await c.listed() if info.digest in digests)
    c.equal(listed, [told(await c.info(digest)) for digest in digests], "digests, sizes, times and labels in a list")
    for filters in ([f"digest=={digests[0]}"], [f"digest=={digest}" for digest in digests[:2]]):
        got = sorted(info.digest for info in await c.listed(*filters))
        c.equal(got, digests[: len(filters)], "the digests in a filtered list")


@check()
async def a_long_list_is_whole(c: Content) -> None:
    """A list of many blobs comes in parts, and has each of them once."""
    digests: list[str] = []

    async def some(first: int) -> None:
        digests.extend([await c.stored(f"r{n}", f"{c.name('blob')} {n}".encode()) for n in range(first, first + 11)])

    await c.at_once(some(first) for first in range(0, _MANY, 11))
    c.equal(len(digests), _MANY, "the number of blobs")
    c.equal(
        sorted(info.digest for info in await c.listed() if info.digest in digests), sorted(digests), "the digests in a list"
    )


@check()
async def a_large_blob_is_read_whole(c: Content) -> None:
    """A blob that takes several messages comes in order, whole or by ranges, and for several readers at the same time."""
    data = fresh(_BIG)
    digest = await c.stored("a", data)
    for offset, size in ((0, 0), ((1 << 20) - 3, 0), (5, 2 << 20)):
        got = await c.read(digest, offset, size)
        if got != data[offset : offset + size if size else None]:
            raise Broken(f"bytes from {offset} on, {size or 'all'} of them", f"{len(got)} others")

    async def reader() -> None:
        if await c.read(digest) != data:
            raise Broken("the blob", "other bytes")

    await c.at_once(reader() for _ in range(4))


@check()
async def a_reader_may_leave(c: Content) -> None:
    """Who leaves in the midst of a blob takes nothing from others."""
    data = fresh(_BIG)
    digest = await c.stored("a", data)
    for _ in range(10):
        await c.read_a_part(digest)
    if await c.read(digest) != data:
        raise Broken("the blob", "other bytes")


@check("labels", fast=True)
async def a_blob_has_labels(c: Content) -> None:
    """COMMIT gives a blob its labels; Info and filters see them."""
    mark = c.name("mark")
    digest = await c.stored("a", fresh(100), {"a": "1", "x.y/z": mark})
    await c.stored("b", fresh(100), {"a": "1"})
    c.equal(dict((await c.info(digest)).labels), {"a": "1", "x.y/z": mark}, "the labels")
    c.equal([i.digest for i in await c.listed(f'labels."x.y/z"=="{mark}"')], [digest], "the digests in a filtered list")
    c.equal(
        [i.digest for i in await c.listed(f'labels."x.y/z"=="{mark}",labels.a==2')], [], "the digests in a filtered list"
    )


@check("labels", fast=True)
async def labels_are_updated(c: Content) -> None:
    """Update with the mask labels.KEY sets that label or, where it is given none, removes it; without a mask it replaces all."""
    digest = await c.stored("a", fresh(100), {"a": "1", "x.y/z.w": "1", "gone": "1"})
    before = await c.info(digest)
    await asyncio.sleep(_TICK_S)
    answer = await c.update(p.Info(digest=digest, labels={"x.y/z.w": "2", "a": "no"}), "labels.x.y/z.w", "labels.gone")
    c.equal(dict(answer.labels), {"a": "1", "x.y/z.w": "2"}, "the labels that Update answers")
    after = await c.info(digest)
    c.equal(dict(after.labels), {"a": "1", "x.y/z.w": "2"}, "the labels")
    c.equal((after.size, from_wire(after.created_at)), (before.size, from_wire(before.created_at)), "size and created_at")
    then, now = from_wire(before.updated_at) or 0, from_wire(after.updated_at) or 0
    c.holds(now > then, f"updated_at after {then}", now)
    for paths in ((), ("labels",)):
        await c.update(p.Info(digest=digest, labels={"only": str(len(paths))}), *paths)
        c.equal(dict((await c.info(digest)).labels), {"only": str(len(paths))}, "the labels")


@check("labels", fast=True)
async def only_labels_are_updated(c: Content) -> None:
    """Update with any other mask answers INVALID_ARGUMENT, and changes nothing; of what is not there NOT_FOUND."""
    data = fresh(100)
    digest = await c.stored("a", data, {"a": "1"})
    for path in ("size", "digest", "created_at"):
        await c.refused(c.update(p.Info(digest=digest, size=7, labels={"a": "2"}), "labels.a", path), InvalidArgument)
        info = await c.info(digest)
        c.equal((info.size, dict(info.labels)), (len(data), {"a": "1"}), "size and labels")
    await c.refused(c.update(p.Info(digest=digest_of(fresh(16)), labels={"a": "1"}), "labels.a"), NotFound)
