"""Content: blobs a namespace may see, and its ingests, in front of one content plugin.

Bytes are shared between namespaces, names are not. With the ``shared`` policy a blob that the plugin already has
is linked by digest alone (a virtual ingest, at its end from the start); with ``isolated`` it must be sent again,
unless a namespace labelled shareable has it.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from argosy import log
from argosy.digest import Digest
from argosy.errors import AlreadyExists, ArgosyError, FailedPrecondition, InvalidArgument, NotFound, OutOfRange, Unknown
from argosy.filters import EVERYTHING, Filter
from argosy.labels import SHAREABLE, check_labels, masked, stored
from argosy.plugin.content import ContentStore, Info, Status, Writer
from argosy.plugin.content.blobfile import OpenBlobs
from argosy.rpc.channel import BoundChannel, Channel
from argosy.rpc.context import current
from argosy.store.database import Database
from argosy.timestamps import from_wire
from argosy_protos.argosy.content.v1 import IngestsStub, PlaceRequest, PlaceResponse
from argosy_protos.containerd.services.content import v1 as p
from grpclib.const import Cardinality

from argosy_gateway.gc.removal import remove_all
from argosy_gateway.metadata import leases, namespaces
from argosy_gateway.metadata.locks import SharedLock
from argosy_gateway.metadata.snapshots import reserve

logger = log.get("gateway.content")

# An ingest outside any lease that nobody finishes is collected after this long, as in containerd.
INGEST_EXPIRY_NS: Final = 24 * 3600 * 1_000_000_000
_WRITE_PATH: Final = "/containerd.services.content.v1.Content/Write"


class BackendWriter:
    """One Write stream to the plugin, in lock-step."""

    def __init__(self, channel: Channel | BoundChannel, ref: str) -> None:
        self._stream = channel.request(_WRITE_PATH, Cardinality.STREAM_STREAM, p.WriteContentRequest, p.WriteContentResponse)
        self.ref = ref

    async def send(self, action: p.WriteAction, **fields: Any) -> p.WriteContentResponse:
        """Send one message and return its answer. Raises the plugin's error."""
        await self._stream.send_message(p.WriteContentRequest(action=action, ref=self.ref, **fields))
        response = await self._stream.recv_message()
        if response is None:
            raise Unknown(f'content plugin ended the ingest "{self.ref}" without an answer')
        answer: p.WriteContentResponse = response
        return answer

    async def close(self) -> None:
        """End the stream and wait until the plugin has let go of the ref."""
        try:
            await self._stream.end()
            while await self._stream.recv_message() is not None:
                pass
        except ArgosyError:
            pass  # it ended with an error that its last answer told already
        finally:
            self._stream.cancel()


class NamespacedWriter(Writer):
    """An ingest of one namespace."""

    def __init__(
        self, store: Content, ns: str, lease: str | None, ref: str, backend_ref: str, total: int, expected: str
    ) -> None:
        self._store, self._ns, self._lease, self._ref, self._backend_ref = store, ns, lease, ref, backend_ref
        self._total, self._expected = total, expected
        self._backend: BackendWriter | None = None
        self._offset = 0
        self._digest = ""
        now = time.time_ns()
        self._started_ns = self._updated_ns = now
        self.virtual = False
        self._placed = False

    def link_to(self, digest: str, size: int) -> None:
        """Be a virtual ingest: all bytes are in the store already."""
        self.virtual, self._digest, self._offset, self._total, self._expected = True, digest, size, size, digest

    async def open(self) -> None:
        """Open the plugin's ingest. Raises Locked when somebody else writes it."""
        self._backend = BackendWriter(self._store.channel, self._backend_ref)
        try:
            await self._take(self._backend.send(p.WriteAction.STAT, total=self._total))
        except BaseException:
            await self._backend.close()
            self._backend = None
            raise
        self._store.open_writers[self._ns, self._ref] = self

    async def place(self) -> PlaceResponse:
        """Return where the client may write itself. Raises Unimplemented for a plugin that has no such place."""
        reply: PlaceResponse = await IngestsStub(self._store.channel).place(PlaceRequest(ref=self._backend_ref))
        self._placed = True
        return reply

    async def _take(self, answer: Any) -> None:
        response: p.WriteContentResponse = await answer
        self._offset, self._digest = response.offset, response.digest or self._digest
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
            if self._store.find(self._ns, expected) is not None:
                await self._exists(expected)

    async def _exists(self, expected: str) -> None:
        await self.close()
        await self._store.drop_ingest(self._ns, self._lease, self._ref, expected)
        raise AlreadyExists(f"blob with expected digest {expected} exists")

    async def stat(self, total: int, expected: str) -> None:
        await self._note(total, expected)
        if self._placed and self._backend is not None:
            # The file may have grown behind our back.
            await self._take(self._backend.send(p.WriteAction.STAT))

    async def write(self, offset: int, data: bytes, total: int, expected: str) -> None:
        await self._note(total, expected)
        if self.virtual:
            if offset > 0 and offset != self._offset:
                raise OutOfRange(f"write @{offset} must occur at current offset {self._offset}")
            if not data and offset > 0:
                return
            await self._materialise(offset)
        assert self._backend is not None
        await self._take(self._backend.send(p.WriteAction.WRITE, offset=offset, data=data, total=total if total > 0 else 0))

    async def _materialise(self, offset: int) -> None:
        """Turn a virtual ingest into a real one, with the blob's bytes when the writer appends to them."""
        digest, size = self._digest, self._offset
        self.virtual = False
        self._expected = ""
        self._total = 0
        await self.open()
        if offset == 0:
            return
        assert self._backend is not None
        at = self._offset
        if at:
            await self._take(self._backend.send(p.WriteAction.WRITE, offset=0))
            at = 0
        async for frame in self._store.read_raw(digest, 0, 0):
            await self._take(self._backend.send(p.WriteAction.WRITE, offset=at, data=frame))
            at = self._offset
        if at != size:
            raise Unknown(f"content {digest}: copied {at} of {size} bytes into ingest {self._ref!r}")

    async def commit(self, offset: int, data: bytes, total: int, expected: str, labels: dict[str, str] | None) -> str:
        await self._note(total, expected)
        check_labels(labels or {})
        if self.virtual and (data or offset == 0 < self._offset or (expected and expected != self._digest)):
            await self._materialise(offset)
        if offset > 0 and offset != self._offset:
            raise OutOfRange(f"write @{offset} must occur at current offset {self._offset}")
        async with self._store.world.shared(), self._store.lock.shared():
            if self.virtual:
                if total > 0 and total != self._offset:
                    raise FailedPrecondition(f'"{self._ref}" failed size validation: {self._offset} != {total}')
                size = self._offset
            else:
                size = await self._commit_backend(offset, data, total, expected)
            await self._store.record(self._ns, self._lease, self._ref, self._digest, size, labels or {})
        return self._digest

    async def _commit_backend(self, offset: int, data: bytes, total: int, expected: str) -> int:
        assert self._backend is not None
        if data or offset == 0 < self._offset:
            await self._take(self._backend.send(p.WriteAction.WRITE, offset=offset, data=data))
        size = self._offset
        known = self._digest
        if total > 0 and total != size:
            raise FailedPrecondition(f'"{self._ref}" failed size validation: {size} != {total}')
        sha = not expected or expected.startswith("sha256:")
        if sha and expected and expected != known:
            raise FailedPrecondition(f'"{self._ref}": unexpected commit digest {known}, expected {expected}')
        try:
            await self._take(self._backend.send(p.WriteAction.COMMIT, offset=size, total=total, expected=expected))
        except AlreadyExists:
            # Another namespace brought the same bytes; this one gets its own row.
            self._digest = expected or known
        return size

    async def close(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            if self._store.open_writers.get((self._ns, self._ref)) is self:
                del self._store.open_writers[self._ns, self._ref]
            await asyncio.shield(backend.close())


class Content:
    """The content plugin, as namespaces see it."""

    def __init__(
        self,
        db: Database,
        channel: Channel,
        world: SharedLock,
        mutated: Callable[[bool], None],
        *,
        shared: bool = True,
        root: Path | None = None,
    ) -> None:
        self._db = db
        self.channel = channel
        self._stub = p.ContentStub(channel)
        self.world = world
        self.lock = SharedLock()
        self.dirty = False
        self._mutated = mutated
        self._shared = shared
        self._blobs = OpenBlobs(root) if root is not None else None
        self.open_writers: dict[tuple[str, str], NamespacedWriter] = {}

    # -- rows --

    def find(self, ns: str, digest: str, db: sqlite3.Connection | None = None) -> Info | None:
        row = (
            (db or self._db.reader)
            .execute("SELECT digest, size, created, updated, labels FROM content WHERE ns = ? AND digest = ?", (ns, digest))
            .fetchone()
        )
        return None if row is None else Info(row[0], row[1], row[2], row[3], json.loads(row[4]))

    def info(self, ns: str, digest: str) -> Info:
        """Raises InvalidArgument, NotFound."""
        found = self.find(ns, str(Digest.parse(digest)))
        if found is None:
            raise NotFound(f"content digest {digest}")
        return found

    def walk(self, ns: str, filter: Filter = EVERYTHING) -> list[Info]:
        rows = self._db.read(
            "SELECT digest, size, created, updated, labels FROM content WHERE ns = ? ORDER BY digest", (ns,)
        )
        found = [Info(r[0], r[1], r[2], r[3], json.loads(r[4])) for r in rows]
        return [i for i in found if filter.matches(i.lookup)]

    # -- bytes --

    def read(self, ns: str, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        """Raises InvalidArgument, NotFound, OutOfRange at once, and what ``read_raw`` does."""
        row = self._db.reader.execute("SELECT size FROM content WHERE ns = ? AND digest = ?", (ns, digest)).fetchone()
        total: int = row[0] if row is not None else self.info(ns, digest).size
        if offset > total:
            raise OutOfRange(f"read past object length {total} bytes")
        return self.read_raw(digest, max(0, offset), size)

    async def read_raw(self, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        """Yield bytes whoever asks: from the plugin's exported root where there is one, else over its socket."""
        if self._blobs is not None:
            for frame in self._blobs.read(digest, offset, size):
                yield frame
            return
        async for response in self._stub.read(p.ReadContentRequest(digest=digest, offset=offset, size=size)):
            yield response.data

    # -- changes --

    async def update(self, ns: str, info: Info, paths: Sequence[str]) -> Info:
        """Raises InvalidArgument, NotFound."""
        digest = str(Digest.parse(info.digest))
        check_labels(info.labels)

        def change(db: sqlite3.Connection) -> Info:
            old = self.find(ns, digest, db)
            if old is None:
                raise NotFound(f"content digest {digest}")
            labels = masked(old.labels, info.labels, paths, f'content "{digest}"')
            now = time.time_ns()
            db.execute(
                "UPDATE content SET labels = ?, updated = ? WHERE ns = ? AND digest = ?",
                (json.dumps(labels), now, ns, digest),
            )
            return Info(digest, old.size, old.created_ns, now, labels)

        updated = await self._db.write(change)
        self._mutated(False)
        return updated

    async def delete(self, ns: str, lease: str | None, digest: str) -> None:
        """Forget a blob; its bytes go with the next collection. Raises InvalidArgument, NotFound."""
        parsed = str(Digest.parse(digest))

        def change(db: sqlite3.Connection) -> None:
            if db.execute("DELETE FROM content WHERE ns = ? AND digest = ?", (ns, parsed)).rowcount == 0:
                raise NotFound(f"content digest {parsed}")
            leases.part(db, ns, lease, leases.CONTENT, parsed)

        async with self.world.shared():
            await self._db.write(change)
            self.dirty = True
        self._mutated(True)

    async def status(self, ns: str, ref: str) -> Status:
        """Raises NotFound."""
        row = self._db.read_one("SELECT backend, expected FROM ingests WHERE ns = ? AND ref = ?", (ns, ref))
        missing = NotFound(f'could not get status for ref "{ref}": reference {ref}')
        if row is None:
            raise missing
        return await self._status(ns, ref, row[0], row[1]) or _raise(missing)

    async def _status(self, ns: str, ref: str, backend: str, expected: str) -> Status | None:
        if expected:
            held = self._db.read_one("SELECT size FROM content WHERE digest = ? LIMIT 1", (expected,))
            if held is not None:
                now = time.time_ns()
                return Status(ref, held[0], held[0], now, now, expected)
        try:
            reply = await self._stub.status(p.StatusRequest(ref=backend))
        except NotFound:
            return None
        s = reply.status or p.Status()
        return Status(ref, s.offset, s.total, from_wire(s.started_at) or 0, from_wire(s.updated_at) or 0, s.expected)

    async def statuses(self, ns: str, filter: Filter) -> list[Status]:
        found: list[Status] = []
        for ref, backend, expected in self._db.read(
            "SELECT ref, backend, expected FROM ingests WHERE ns = ? ORDER BY ref", (ns,)
        ):
            status = await self._status(ns, ref, backend, expected)
            if status is not None and filter.matches(status.lookup):
                found.append(status)
        return found

    async def abort(self, ns: str, lease: str | None, ref: str) -> None:
        """Raises NotFound."""
        row = self._db.read_one("SELECT backend, expected FROM ingests WHERE ns = ? AND ref = ?", (ns, ref))
        if row is None:
            raise NotFound(f"reference {ref}")
        await self.drop_ingest(ns, lease, ref, "")

    async def place(self, ns: str, ref: str) -> PlaceResponse:
        """Return where a client may write an ingest that it has open. Raises NotFound, Unimplemented."""
        writer = self.open_writers.get((ns, ref))
        if writer is None:
            raise NotFound(f'ingest "{ref}" is not open in namespace "{ns}"; open it with Content.Write first')
        return await writer.place()

    async def drop_ingest(self, ns: str, lease: str | None, ref: str, instead: str) -> None:
        """Forget an ingest; with instead, the blob it would have been is leased in its place."""

        def change(db: sqlite3.Connection) -> str | None:
            row = db.execute("SELECT backend, expected FROM ingests WHERE ns = ? AND ref = ?", (ns, ref)).fetchone()
            db.execute("DELETE FROM ingests WHERE ns = ? AND ref = ?", (ns, ref))
            leases.part(db, ns, lease, leases.INGESTS, ref)
            if instead:
                leases.join(db, ns, lease, leases.CONTENT, instead)
            return None if row is None or row[1] else str(row[0])

        backend = await self._db.write(change)
        if backend:
            try:
                await self._stub.abort(p.AbortRequest(ref=backend))
            except NotFound:
                pass  # it never had bytes
        self._mutated(False)

    async def writer(self, ns: str, lease: str | None, ref: str, total: int, expected: str) -> NamespacedWriter:
        """Open an ingest. Raises AlreadyExists when ns has the blob (and leases it), Locked, NotFound for the lease."""
        if not ref:
            raise InvalidArgument("first message must have a reference")
        if expected:
            Digest.parse(expected)

        def enter(db: sqlite3.Connection) -> tuple[str, str] | None:
            leases.check_header(db, ns, lease)
            if expected and self.find(ns, expected, db) is not None:
                leases.join(db, ns, lease, leases.CONTENT, expected)
                return None
            row = db.execute("SELECT backend, expected FROM ingests WHERE ns = ? AND ref = ?", (ns, ref)).fetchone()
            namespaces.touch(db, ns)
            if row is None:
                backend = f"{ns}/{reserve(db, ns, 'ingests')[0]}/{ref}"
                expire = 0 if lease else time.time_ns() + INGEST_EXPIRY_NS
                db.execute("INSERT INTO ingests VALUES (?, ?, ?, '', ?)", (ns, ref, backend, expire))
                row = (backend, "")
            leases.join(db, ns, lease, leases.INGESTS, ref)
            return row[0], row[1]

        async with self.world.shared(), self.lock.shared():
            entered = await self._db.write(enter)
            if entered is None:
                raise AlreadyExists(f"content {expected}")
            backend, linked = entered
            writer = NamespacedWriter(self, ns, lease, ref, backend, total, expected)
            size = await self._linkable(expected, total)
            if size is not None:
                writer.link_to(expected, size)
            if (expected if size is not None else "") != linked:
                mark = expected if size is not None else ""
                await self._db.write(
                    lambda db: (
                        db.execute("UPDATE ingests SET expected = ? WHERE ns = ? AND ref = ?", (mark, ns, ref)) and None
                    )
                )
            if size is None:
                await writer.open()
        self._mutated(False)
        return writer

    async def _linkable(self, expected: str, total: int) -> int | None:
        """Return the size of a blob that may be linked without sending it, or None."""
        if not expected:
            return None
        holders = self._db.read(
            "SELECT c.size, n.labels FROM content c JOIN namespaces n ON n.name = c.ns WHERE c.digest = ?", (expected,)
        )
        if self._shared and not holders:
            try:
                found = (await self._stub.info(p.InfoRequest(digest=expected))).info
            except NotFound:
                return None
            size = found.size if found else None
        elif self._shared:
            size = holders[0][0]
        else:
            size = next((s for s, text in holders if json.loads(text).get(SHAREABLE) == "true"), None)
        return size if size is not None and total in (0, size) else None

    async def record(self, ns: str, lease: str | None, ref: str, digest: str, size: int, labels: dict[str, str]) -> None:
        """Enter a committed blob, in place of its ingest. Raises AlreadyExists; the lease gets it either way."""

        def change(db: sqlite3.Connection) -> bool:
            db.execute("DELETE FROM ingests WHERE ns = ? AND ref = ?", (ns, ref))
            leases.part(db, ns, lease, leases.INGESTS, ref)
            leases.join(db, ns, lease, leases.CONTENT, digest)
            if self.find(ns, digest, db) is not None:
                return False
            namespaces.touch(db, ns)
            now = time.time_ns()
            db.execute(
                "INSERT INTO content VALUES (?, ?, ?, ?, ?, ?)", (ns, digest, size, json.dumps(stored(labels)), now, now)
            )
            return True

        fresh = await self._db.write(change)
        self._mutated(False)
        if not fresh:
            raise AlreadyExists(f"content {digest}")

    # -- the collector's side --

    async def _delete_backend(self, digest: str) -> bool:
        """Delete a blob of the plugin's; False when it was gone."""
        if self._blobs is not None:
            self._blobs.forget(digest)
        try:
            await self._stub.delete(p.DeleteContentRequest(digest=digest))
        except NotFound:
            return False
        return True

    async def cleanup(self) -> int:
        """Delete every blob and ingest that no namespace names. Returns how many blobs went."""
        removed = 0
        async with self.lock.alone():
            self.dirty = False
            try:
                named = {r[0] for r in self._db.read("SELECT DISTINCT digest FROM content")}
                named |= {r[0] for r in self._db.read("SELECT expected FROM ingests WHERE expected != ''")}
                doomed: list[str] = []
                async for reply in self._stub.list(p.ListContentRequest()):
                    doomed += [i.digest for i in reply.info if i.digest not in named]
                removed += await remove_all(doomed, self._delete_backend)
                refs = {r[0] for r in self._db.read("SELECT backend FROM ingests")}
                for status in (await self._stub.list_statuses(p.ListStatusesRequest())).statuses:
                    if status.ref not in refs:
                        try:
                            await self._stub.abort(p.AbortRequest(ref=status.ref))
                        except NotFound:
                            continue
            except BaseException:
                self.dirty = True
                raise
        return removed


def _raise(error: Exception) -> Any:
    raise error


class NamespacedContent(ContentStore):
    """The store of the namespace and lease that the current call names."""

    def __init__(self, content: Content) -> None:
        self._content = content

    async def info(self, digest: str) -> Info:
        return self._content.info(current().namespace, digest)

    async def walk(self, filter: Filter) -> AsyncIterator[Info]:
        for info in self._content.walk(current().namespace, filter):
            yield info

    async def delete(self, digest: str) -> None:
        await self._content.delete(current().namespace, current().lease, digest)

    def read(self, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        return self._content.read(current().namespace, digest, offset, size)

    async def status(self, ref: str) -> Status:
        return await self._content.status(current().namespace, ref)

    async def statuses(self, filter: Filter) -> list[Status]:
        return await self._content.statuses(current().namespace, filter)

    async def abort(self, ref: str) -> None:
        await self._content.abort(current().namespace, current().lease, ref)

    async def writer(self, ref: str, total: int, expected: str, holder: str) -> Writer:
        return await self._content.writer(current().namespace, current().lease, ref, total, expected)

    async def update(self, info: Info, paths: Sequence[str]) -> Info:
        return await self._content.update(current().namespace, info, paths)
