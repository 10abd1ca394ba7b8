"""A content store in memory that keeps the contract, and ones that break it in one way each.

Each fault names the checks of the suite that are to find it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from argosy.digest import Digest
from argosy.errors import AlreadyExists, FailedPrecondition, Locked, NotFound, OutOfRange
from argosy.filters import EVERYTHING, Filter
from argosy.labels import masked, stored
from argosy.plugin.content import ContentStore, Info, Status, Writer

_FRAME = 1 << 20


@dataclass
class Ingest:
    """Bytes that are no blob yet."""

    ref: str
    total: int
    data: bytearray = field(default_factory=bytearray)
    open: bool = False
    started: int = field(default_factory=time.time_ns)
    updated: int = field(default_factory=time.time_ns)


class MemoryWriter(Writer):
    """One open ingest."""

    def __init__(self, store: Reference, ingest: Ingest, expected: str) -> None:
        self.store, self.ingest, self.expected = store, ingest, expected
        self.closed = False

    def status(self) -> Status:
        i = self.ingest
        return Status(i.ref, len(i.data), i.total, i.started, i.updated)

    def digest(self) -> str:
        algorithm = self.expected.partition(":")[0] or "sha256"
        return f"{algorithm}:{hashlib.new(algorithm, self.ingest.data).hexdigest()}"

    def note(self, total: int, expected: str) -> None:
        self.ingest.total = total or self.ingest.total
        self.expected = expected or self.expected

    async def stat(self, total: int, expected: str) -> None:
        self.note(total, expected)

    async def write(self, offset: int, data: bytes, total: int, expected: str) -> None:
        self.place(offset)
        self.note(total, expected)
        self.append(data)
        self.ingest.updated = time.time_ns()

    def append(self, data: bytes) -> None:
        self.ingest.data += data

    def place(self, offset: int) -> None:
        if offset and offset != len(self.ingest.data):
            raise OutOfRange(f"write @{offset} must occur at current offset {len(self.ingest.data)}")
        if not offset:
            self.ingest.data.clear()

    async def commit(self, offset: int, data: bytes, total: int, expected: str, labels: dict[str, str] | None) -> str:
        await self.write(offset, data, 0, expected)
        self.check_size(total)
        self.check_digest()
        digest = self.digest()
        self.store.finish(self, digest, labels or {})
        return digest

    def check_size(self, total: int) -> None:
        total = total or self.ingest.total
        if total and total != len(self.ingest.data):
            raise FailedPrecondition(f"unexpected commit size {len(self.ingest.data)}, expected {total}")

    def check_digest(self) -> None:
        if self.expected and self.expected != self.digest():
            raise FailedPrecondition(f"unexpected commit digest {self.digest()}, expected {self.expected}")

    async def close(self) -> None:
        if not self.closed:
            self.ingest.open = False
        self.closed = True


class Reference(ContentStore):
    """A content store without a fault."""

    found_by: ClassVar[Sequence[str]] = ()
    writing: ClassVar[type[MemoryWriter]] = MemoryWriter

    def __init__(self) -> None:
        self.blobs: dict[str, tuple[Info, bytes]] = {}
        self.ingests: dict[str, Ingest] = {}

    def get(self, digest: str) -> tuple[Info, bytes]:
        self.parse(digest)
        if digest not in self.blobs:
            raise NotFound(f"content {digest}")
        return self.blobs[digest]

    def parse(self, digest: str) -> None:
        Digest.parse(digest)

    async def info(self, digest: str) -> Info:
        return self.get(digest)[0]

    async def update(self, info: Info, paths: Sequence[str]) -> Info:
        old, data = self.get(info.digest)
        new = replace(old, labels=masked(old.labels, info.labels, paths, "content"), updated_ns=time.time_ns())
        self.blobs[info.digest] = new, data
        return new

    async def walk(self, filter: Filter) -> AsyncIterator[Info]:
        for info, _ in list(self.blobs.values()):
            if filter.matches(info.lookup):
                yield info

    async def delete(self, digest: str) -> None:
        self.get(digest)
        del self.blobs[digest]

    async def read(self, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        data = self.get(digest)[1]
        self.check_offset(offset, len(data))
        end = offset + size if size else len(data)
        for start in range(offset, min(end, len(data)), _FRAME):
            yield data[start : min(end, start + _FRAME)]

    def check_offset(self, offset: int, size: int) -> None:
        if offset > size:
            raise OutOfRange(f"read past object length {size} bytes")

    async def status(self, ref: str) -> Status:
        if ref not in self.ingests:
            raise NotFound(f"reference {ref}")
        return MemoryWriter(self, self.ingests[ref], "").status()

    async def statuses(self, filter: Filter) -> list[Status]:
        found = [await self.status(ref) for ref in self.ingests]
        return [status for status in found if filter.matches(status.lookup)]

    async def abort(self, ref: str) -> None:
        await self.status(ref)
        del self.ingests[ref]

    async def writer(self, ref: str, total: int, expected: str, holder: str) -> Writer:
        self.check_expected(expected)
        ingest = self.ingests.setdefault(ref, Ingest(ref, total))
        self.check_lock(ingest)
        ingest.open = True
        return self.writing(self, ingest, expected)

    def check_expected(self, expected: str) -> None:
        if expected in self.blobs:
            raise AlreadyExists(f"content {expected}")

    def check_lock(self, ingest: Ingest) -> None:
        if ingest.open:
            raise Locked(f"ref {ingest.ref} locked")

    def finish(self, writer: MemoryWriter, digest: str, labels: dict[str, str]) -> None:
        self.forget(writer.ingest.ref)
        if digest in self.blobs:
            raise AlreadyExists(f"content {digest}")
        now = time.time_ns()
        data = bytes(writer.ingest.data)
        self.blobs[digest] = Info(digest, len(data), now, now, stored(labels)), data

    def forget(self, ref: str) -> None:
        self.ingests.pop(ref, None)


# -- ingests --


class BeginsAgain(Reference):
    """An ingest that is opened again has lost its bytes."""

    found_by = ("an-ingest-is-resumed", "a-stream-that-breaks-off-leaves-its-ingest")

    async def writer(self, ref: str, total: int, expected: str, holder: str) -> Writer:
        writer = await super().writer(ref, total, expected, holder)
        self.ingests[ref].data.clear()
        return writer


class SaysAWrongOffset(Reference):
    """An ingest says that it has a byte less than it has."""

    found_by = ("bytes-become-a-blob", "status-says-where-an-ingest-stands")

    class writing(MemoryWriter):  # noqa: N801 - in the place of an attribute
        def status(self) -> Status:
            status = super().status()
            return replace(status, offset=max(0, status.offset - 1))

    async def status(self, ref: str) -> Status:
        status = await super().status(ref)
        return replace(status, offset=max(0, status.offset - 1))


class SaysAStaleDigest(Reference):
    """The digest of an answer is that of no bytes."""

    found_by = ("bytes-become-a-blob",)

    class writing(MemoryWriter):  # noqa: N801 - in the place of an attribute
        def digest(self) -> str:
            return str(Digest.of(b""))

        def check_digest(self) -> None:
            return

        async def commit(self, offset: int, data: bytes, total: int, expected: str, labels: dict[str, str] | None) -> str:
            await self.write(offset, data, 0, expected)
            digest = MemoryWriter.digest(self)
            self.store.finish(self, digest, labels or {})
            return digest


class TakesAnyDigest(Reference):
    """COMMIT does not compare digests."""

    found_by = ("a-wrong-digest-is-refused",)

    class writing(MemoryWriter):  # noqa: N801 - in the place of an attribute
        def check_digest(self) -> None:
            return


class TakesAnySize(Reference):
    """COMMIT does not compare sizes."""

    found_by = ("a-wrong-size-is-refused",)

    class writing(MemoryWriter):  # noqa: N801 - in the place of an attribute
        def check_size(self, total: int) -> None:
            return


class LosesWhatFailed(Reference):
    """A COMMIT that fails takes the bytes with it."""

    found_by = ("a-wrong-digest-is-refused",)

    class writing(MemoryWriter):  # noqa: N801 - in the place of an attribute
        def check_digest(self) -> None:
            try:
                super().check_digest()
            except FailedPrecondition:
                self.ingest.data.clear()
                raise


class WritesAnywhere(Reference):
    """WRITE does not look at the offset."""

    found_by = ("bytes-are-written-at-the-offset", "offset-zero-begins-again")

    class writing(MemoryWriter):  # noqa: N801 - in the place of an attribute
        def place(self, offset: int) -> None:
            return


class AppendsAtZero(Reference):
    """WRITE at offset 0 appends."""

    found_by = ("offset-zero-begins-again", "an-ingest-can-be-emptied")

    class writing(MemoryWriter):  # noqa: N801 - in the place of an attribute
        def place(self, offset: int) -> None:
            if offset:
                super().place(offset)


class IgnoresBytesOfCommit(Reference):
    """Bytes in a COMMIT are not written."""

    found_by = ("commit-may-bring-bytes",)

    class writing(MemoryWriter):  # noqa: N801 - in the place of an attribute
        async def commit(self, offset: int, data: bytes, total: int, expected: str, labels: dict[str, str] | None) -> str:
            return await super().commit(offset, b"", total, expected, labels)


class KeepsTheLock(Reference):
    """A ref stays locked when its stream is over."""

    found_by = ("a-stream-that-breaks-off-leaves-its-ingest", "an-ingest-is-resumed")

    class writing(MemoryWriter):  # noqa: N801 - in the place of an attribute
        async def close(self) -> None:
            return


class HasTwoWriters(Reference):
    """A ref can be opened twice."""

    found_by = ("a-ref-has-one-writer",)

    def check_lock(self, ingest: Ingest) -> None:
        return


class RenamesIngests(Reference):
    """An ingest is kept under another ref than it was given."""

    found_by = ("an-ingest-is-resumed", "status-says-where-an-ingest-stands")

    async def writer(self, ref: str, total: int, expected: str, holder: str) -> Writer:
        return await super().writer(f"{ref}{len(self.ingests)}", total, expected, holder)


class KeepsIngestsOfWhatIsThere(Reference):
    """An ingest stays when its bytes are there already."""

    found_by = ("what-is-there-is-not-written-again",)

    def finish(self, writer: MemoryWriter, digest: str, labels: dict[str, str]) -> None:
        if digest in self.blobs:
            raise AlreadyExists(f"content {digest}")
        super().finish(writer, digest, labels)


class OpensWhatIsThere(Reference):
    """An ingest for a digest that is there is opened."""

    found_by = ("what-is-there-is-not-written-again",)

    def check_expected(self, expected: str) -> None:
        return


class AbortsTwice(Reference):
    """Abort of what is not there answers OK."""

    found_by = ("an-ingest-is-aborted",)

    async def abort(self, ref: str) -> None:
        self.ingests.pop(ref, None)


class AbortsNothing(Reference):
    """Abort answers OK, and the ingest stays."""

    found_by = ("an-ingest-is-aborted", "nothing-left")

    async def abort(self, ref: str) -> None:
        await self.status(ref)


class ForgetsTotals(Reference):
    """Status does not know how many bytes are to come."""

    found_by = ("status-says-where-an-ingest-stands",)

    async def status(self, ref: str) -> Status:
        return replace(await super().status(ref), total=0)


class ListsEveryIngest(Reference):
    """ListStatuses does not look at filters."""

    found_by = ("status-says-where-an-ingest-stands",)

    async def statuses(self, filter: Filter) -> list[Status]:
        return await super().statuses(EVERYTHING)


class MixesRefs(Reference):
    """Refs are one that differ in their letters' case."""

    found_by = ("ingests-are-apart",)

    async def writer(self, ref: str, total: int, expected: str, holder: str) -> Writer:
        return await super().writer(ref.lower(), total, expected, holder)


# -- blobs --


class ReadsBeyondTheEnd(Reference):
    """Read from beyond the end answers nothing."""

    found_by = ("nothing-is-read-beyond-the-end",)

    def check_offset(self, offset: int, size: int) -> None:
        return


class ReadsToTheEnd(Reference):
    """Read does not look at the size."""

    found_by = ("a-range-is-read",)

    def read(self, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        return super().read(digest, offset, 0)


class RepeatsAPart(Reference):
    """The second part of a blob is the first one again."""

    found_by = ("a-large-blob-is-read-whole",)

    async def read(self, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        first = b""
        async for part in super().read(digest, offset, size):
            first = first or part
            yield first[: len(part)]


class DeletesNothing(Reference):
    """Delete answers OK, and the blob stays."""

    found_by = ("a-blob-is-deleted", "nothing-left")

    async def delete(self, digest: str) -> None:
        self.get(digest)


class DeletesTwice(Reference):
    """Delete of what is not there answers OK."""

    found_by = ("a-blob-is-deleted", "what-is-not-there-is-not-found")

    async def delete(self, digest: str) -> None:
        Digest.parse(digest)
        self.blobs.pop(digest, None)


class TakesAnyWordForADigest(Reference):
    """What is no digest is not found."""

    found_by = ("a-digest-is-a-digest",)

    def parse(self, digest: str) -> None:
        return


class ListsAHundred(Reference):
    """List ends after a hundred blobs."""

    found_by = ("a-long-list-is-whole",)

    async def walk(self, filter: Filter) -> AsyncIterator[Info]:
        count = 0
        async for info in super().walk(filter):
            count += 1
            if count <= 100:
                yield info


class IgnoresFilters(Reference):
    """List has everything, whatever its filters say."""

    found_by = ("a-list-has-every-blob-once", "a-blob-has-labels")

    def walk(self, filter: Filter) -> AsyncIterator[Info]:
        return super().walk(EVERYTHING)


class DropsLabelsOfCommits(Reference):
    """COMMIT takes no labels."""

    found_by = ("a-blob-has-labels",)

    def finish(self, writer: MemoryWriter, digest: str, labels: dict[str, str]) -> None:
        super().finish(writer, digest, {})


class IgnoresMasks(Reference):
    """Update replaces all labels, whatever its mask says."""

    found_by = ("labels-are-updated", "only-labels-are-updated")

    async def update(self, info: Info, paths: Sequence[str]) -> Info:
        return await super().update(info, ())


class SaysWrongSizes(Reference):
    """Info has one byte more than the blob."""

    found_by = ("info-says-what-a-blob-is",)

    async def info(self, digest: str) -> Info:
        info = await super().info(digest)
        return replace(info, size=info.size + 1)


FAULTS = Reference.__subclasses__()


class ReadsForEver(Reference):
    """A Read has no end."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0

    async def read(self, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        self.get(digest)
        while True:
            self.sent += _FRAME
            yield bytes(_FRAME)


class Hangs(Reference):
    """COMMIT is never answered; all else is."""

    class writing(MemoryWriter):  # noqa: N801 - in the place of an attribute
        async def commit(self, offset: int, data: bytes, total: int, expected: str, labels: dict[str, str] | None) -> str:
            await asyncio.Event().wait()
            return ""
