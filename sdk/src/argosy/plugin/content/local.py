"""A content store on a directory: blobs and ingests behind the rules of one writer a ref. Inherit from ``LocalStore`` to change a part of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from argosy.digest import Digest
from argosy.errors import AlreadyExists, InvalidArgument, NotFound
from argosy.filters import Filter
from argosy.plugin.content import ContentStore, Info, Status, Writer
from argosy.plugin.content.blobs import BlobInfo, Blobs, IngestStatus, OpenIngest
from argosy.plugin.content.holds import Hold, Holds
from argosy.plugin.content.ingest import Action, Ingest, Kind
from argosy.settled import begun, in_thread, settled

_LIST: Final = 100
# Matches the 1 MiB read buffer of containerd's content server.
# Below this, hashing and writing in the loop's thread costs less than the hop to another.
_INLINE_BYTES: Final = 64 << 10
# The disk works while the bytes come in; an fsync of all of them at the end would take as long again.
_WRITE_BACK_BYTES: Final = 8 << 20


def _info(blob: BlobInfo) -> Info:
    return Info(str(blob.digest), blob.size, blob.created_ns, blob.updated_ns, {})


def _status(s: IngestStatus) -> Status:
    return Status(s.ref, s.offset, s.total, s.started_ns, s.updated_ns, "")


async def _unless_cancelled(work: asyncio.Future[None], left: threading.Event) -> None:
    """Wait for work; when cancelled, say so by left first."""
    try:
        await asyncio.wait([work])
    except BaseException:
        left.set()
        try:
            await settled(work)
        except Exception:
            pass  # as it was told; what else went wrong nobody waits for
        raise
    work.result()


class LocalWriter(Writer):
    """One open ingest of the local store."""

    def __init__(self, store: LocalStore, hold: Hold, ingest: OpenIngest, expected: str) -> None:
        self._store, self._hold, self._ingest = store, hold, ingest
        self._state = Ingest(ingest.ref, ingest.offset, ingest.total, expected)
        self._closed = False
        self._write_back: asyncio.Future[None] | None = None

    def status(self) -> Status:
        i = self._ingest
        return Status(i.ref, self._state.offset, self._state.total, i.started_ns, i.updated_ns, self._state.expected)

    def digest(self) -> str:
        return self._ingest.digest()

    async def place(self) -> tuple[Path, int, int]:
        """Return where the client may write itself: (path, device, inode). Raises Unimplemented."""
        return await in_thread(self._ingest.place)

    async def stat(self, total: int, expected: str) -> None:
        if self._ingest.placed:
            await in_thread(self._ingest.look)
            self._state.offset = self._ingest.offset
            self._begin_write_back()
        await self._perform(self._state.stat(total, expected))

    async def write(self, offset: int, data: bytes, total: int, expected: str) -> None:
        await self._perform(self._state.write(offset, data, total, expected))

    async def commit(self, offset: int, data: bytes, total: int, expected: str, labels: dict[str, str] | None) -> str:
        await self._perform(self._state.commit(offset, data, total, expected))
        return str(Digest.parse(self._committed))

    _committed = ""

    async def _perform(self, actions: list[Action]) -> None:
        if self._state.total:
            self._ingest.set_total(self._state.total)
        for action in actions:
            if action.kind is Kind.TRUNCATE:
                await self._end_write_back()
                await in_thread(self._ingest.truncate)
            elif action.kind is Kind.APPEND:
                try:
                    if len(action.data) <= _INLINE_BYTES:
                        self._ingest.append(action.data)
                    else:
                        await self._append(action.data)
                except BaseException:
                    self._state.offset = self._ingest.offset
                    raise
                self._begin_write_back()
            elif action.kind is Kind.COMMIT:
                await self._commit()

    async def _append(self, data: bytes) -> None:
        """Write and hash at the same time. A client waits for each of its messages to be answered."""
        hash = self._ingest.hash.copy()
        # Whoever is cancelled here closes the file next: neither thread may have it then.
        await settled(begun(self._ingest.put, data), begun(hash.update, data))
        self._ingest.grown(len(data), hash)

    def _begin_write_back(self) -> None:
        if self._ingest.waiting >= _WRITE_BACK_BYTES and (self._write_back is None or self._write_back.done()):
            self._write_back = begun(self._ingest.write_back)

    async def _end_write_back(self) -> None:
        """Wait until no thread uses the ingest's descriptor; whoever closes it does so afterwards."""
        if self._write_back is not None:
            await settled(self._write_back)

    async def _commit(self) -> None:
        await self._end_write_back()
        algorithm = self._state.expected.partition(":")[0]
        if algorithm and algorithm != self._ingest.algorithm:
            await in_thread(self._ingest.rehash, algorithm)
        self._state.check(self._ingest.digest())
        self._committed = self._ingest.digest()
        # A commit that has begun goes on to its end, whoever stops waiting for it.
        try:
            await in_thread(self._store.blobs.commit, self._ingest)
        finally:
            if self._ingest.fd < 0:  # it is a blob now, or was one
                self._state.committed = True
                self._finish()

    def _finish(self) -> None:
        self._closed = True
        self._store.let_go(self._hold)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            await self._end_write_back()
        finally:
            try:
                await in_thread(self._ingest.close)
            finally:
                self._store.let_go(self._hold)


class LocalStore(ContentStore):
    """Content on a local directory. Labels live with whoever owns the store, not here."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs
        self.holds = Holds()
        self._writers: dict[str, LocalWriter] = {}

    def let_go(self, hold: Hold) -> None:
        """Forget a writer that has closed its ingest."""
        self._writers.pop(hold.ref, None)
        self.holds.release(hold)

    async def place(self, ref: str) -> tuple[Path, int, int]:
        """Return where the client that has ref open may write. Raises NotFound, Unimplemented."""
        writer = self._writers.get(ref)
        if writer is None:
            raise NotFound(f'ingest "{ref}" is not open; open it with Content.Write first')
        return await writer.place()

    async def info(self, digest: str) -> Info:
        return _info(self.blobs.info(Digest.parse(digest)))

    async def walk(self, filter: Filter) -> AsyncIterator[Info]:
        digests = await in_thread(self.blobs.digests)
        for start in range(0, len(digests), _LIST):
            for blob in await in_thread(self.blobs.infos, digests[start : start + _LIST]):
                info = _info(blob)
                if filter.matches(info.lookup):
                    yield info

    async def delete(self, digest: str) -> None:
        await in_thread(self.blobs.delete, Digest.parse(digest))

    async def read(self, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        with closing(self.blobs.read(Digest.parse(digest), offset, size)) as pieces:
            for piece in pieces:
                yield piece

    async def status(self, ref: str) -> Status:
        try:
            return _status(self.blobs.status(ref))
        except NotFound as error:
            raise NotFound(f'could not get status for ref "{ref}": {error.message}') from None

    async def statuses(self, filter: Filter) -> list[Status]:
        found = [_status(s) for s in await in_thread(self.blobs.statuses)]
        return [s for s in found if filter.matches(s.lookup)]

    async def abort(self, ref: str) -> None:
        await in_thread(self.blobs.abort, ref)

    async def writer(self, ref: str, total: int, expected: str, holder: str) -> Writer:
        if not ref:
            raise InvalidArgument("first message must have a reference")
        if expected:
            digest = Digest.parse(expected)
            if self.blobs.path_of(digest).exists():
                raise AlreadyExists(f"content {expected}")
        hold = self.holds.acquire(ref, holder)
        opened: list[OpenIngest] = []
        left = threading.Event()

        def open_it() -> None:
            algorithm = expected.partition(":")[0] or "sha256"
            opened.append(self.blobs.open_ingest(ref, total, algorithm, left.is_set))

        work = begun(open_it)
        try:
            # Hashing what is there may take long; it ends early when nobody waits for it.
            await _unless_cancelled(work, left)
        except BaseException:
            try:
                for ingest in opened:
                    await in_thread(ingest.close)
            finally:
                self.holds.release(hold)
            raise
        writer = self._writers[ref] = LocalWriter(self, hold, opened[0], expected)
        return writer

    def statistics(self) -> dict[str, Any]:
        """Return what is open right now."""
        return {"open_refs": len(self.holds), "oldest_hold_s": f"{self.holds.oldest_s():.3f}"}
