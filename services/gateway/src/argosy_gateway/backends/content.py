"""The content plugin, as namespaces see it: blobs by digest and ingests by ref, in front of the plugin's own.

With the ``shared`` policy a blob that the plugin already has is linked by digest alone (a virtual ingest, at its end from the
start); with ``isolated`` it must be sent again, unless a namespace labelled shareable has it.

A commit is a ``Change``: rows first, then the plugin, and a way back. A digest that somebody is about to write into a row is
held, so that collection does not drop its bytes; who comes while they are being dropped waits until they are gone.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
from argosy import log
from argosy.digest import Digest
from argosy.errors import (
    AlreadyExists,
    ArgosyError,
    Cancelled,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    OutOfRange,
    Unimplemented,
    Unknown,
)
from argosy.filters import EVERYTHING, Filter
from argosy.labels import check_labels
from argosy.loops import Complaints
from argosy.plugin.content import ContentStore, Info, Status, Writer
from argosy.plugin.content.blobfile import OpenBlobs, blob_path
from argosy.rpc.context import current
from argosy.store.database import Database
from argosy.timestamps import from_wire
from argosy_protos._message import Message
from argosy_protos.argosy.content.v1 import IngestsStub, PlaceRequest, PlaceResponse
from argosy_protos.containerd.events import ContentCreate, ContentDelete
from argosy_protos.containerd.services.content import v1 as p
from grpclib.const import Cardinality

from argosy_gateway.backends.changes import NAMES, Caller, Change, Changes, no_name
from argosy_gateway.backends.listing import bounded, wrong
from argosy_gateway.backends.protocol import Event, Operation, Stage
from argosy_gateway.gc.removal import remove_all
from argosy_gateway.metadata import content as rows
from argosy_gateway.metadata.content import Ingest
from argosy_gateway.metadata.intents import Intent
from argosy_gateway.plugins.plugin import WORK_S, Claim, Plugin
from argosy_gateway.work import Work

logger = log.get("gateway.content")

_READ_PATH: Final = "/containerd.services.content.v1.Content/Read"
_WRITE_PATH: Final = "/containerd.services.content.v1.Content/Write"
OWNER_LABEL: Final = "argosy.owner"
"""On a blob that was committed to a plugin that can't be claimed: whose it is."""
Publish = Callable[[str, str, str, Message], None]


class Held:
    """Digests that somebody is about to write into a row, and digests that are being dropped: none is both at once."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._dropping: dict[str, anyio.Event] = {}

    @asynccontextmanager
    async def hold(self, digest: str) -> AsyncIterator[None]:
        """Keep a digest from being dropped; waits until a drop that has begun is over."""
        while (gone := self._dropping.get(digest)) is not None:
            await gone.wait()
        self._held[digest] = self._held.get(digest, 0) + 1
        try:
            yield
        finally:
            self._held[digest] -= 1
            if not self._held[digest]:
                del self._held[digest]

    def holds(self, digest: str) -> bool:
        """Return whether somebody is about to name a digest."""
        return digest in self._held

    async def drop(self, digest: str, drop: Callable[[], Awaitable[bool]]) -> bool:
        """Call drop and return what it said; False, without a call, when somebody holds the digest or drops it already."""
        if digest in self._held or digest in self._dropping:
            return False
        gone = self._dropping[digest] = anyio.Event()
        try:
            return await drop()
        finally:
            del self._dropping[digest]
            gone.set()


class BackendWriter:
    """One Write stream to the plugin: each message waits for the answer to the one before."""

    def __init__(self, plugin: Plugin, ref: str) -> None:
        self._plugin = plugin
        self._stream = plugin.channel.request(
            _WRITE_PATH, Cardinality.STREAM_STREAM, p.WriteContentRequest, p.WriteContentResponse
        )
        self.ref = ref

    async def send(self, action: p.WriteAction, **fields: Any) -> p.WriteContentResponse:
        """Send one message and return its answer. Raises the plugin's error."""
        async with self._plugin.call(WORK_S, stream=self._stream):
            await self._stream.send_message(p.WriteContentRequest(action=action, ref=self.ref, **fields))
            response = await self._stream.recv_message()
        if response is None:
            raise Unknown(f'{self._plugin} at {self._plugin.channel.path} ended the ingest "{self.ref}" without an answer')
        answer: p.WriteContentResponse = response
        return answer

    async def close(self) -> None:
        """End the stream and wait until the plugin has let go of the ref."""
        try:
            async with self._plugin.call(stream=self._stream):
                await self._stream.end()
                while await self._stream.recv_message() is not None:
                    pass
        except ArgosyError:
            pass  # it ended with an error that its last answer told already
        finally:
            self._stream.cancel()


class _Commit(Change):
    """An ingest that becomes a blob."""

    operation = Operation.INGEST

    ends_with_it = True  # the stream is the writer's, who goes on to close it

    def __init__(
        self, store: Content, ns: str, found: Ingest, digest: str, total: int, caller: Caller | None = None
    ) -> None:
        super().__init__(ns, [digest, of_ref(found.ref)], caller)
        self._store, self._ingest, self._digest, self._total = store, found, digest, total
        self.backend: BackendWriter | None = None
        self.answer: p.WriteContentResponse | None = None

    async def ask(self) -> None:
        assert self.intent is not None
        backend, self.backend = self.backend, None
        mine = backend is None
        backend = backend or BackendWriter(self._store.plugin, self._ingest.backend)
        size = self.intent.body["size"]
        labels = {OWNER_LABEL: self._store.owner} if self._store.plugin.claimed is Claim.FOREIGN else {}
        try:
            self.answer = await backend.send(
                p.WriteAction.COMMIT, offset=size, total=self._total, expected=self._digest, labels=labels
            )
        except AlreadyExists:
            pass  # another namespace brought the same bytes
        finally:
            if mine:
                await backend.close()

    async def look(self) -> Event:
        if await self._store.holds(self._digest):
            return Event.NEW
        try:
            async with self._store.plugin.call() as channel:
                await p.ContentStub(channel).status(p.StatusRequest(ref=self._ingest.backend))
        except NotFound:
            return Event.NEITHER
        return Event.OLD

    def undo(self, db: sqlite3.Connection) -> None:
        assert self.intent is not None
        rows.undo_commit(db, self.intent, anew=self.stage is Stage.LOST)

    def settled(self) -> None:
        assert self.intent is not None
        self._store.created(self.ns, self._digest, self.intent.body["size"])


def _check_there(caller: Caller, ref: str) -> None:
    """Raise Cancelled for a commit whose caller left before it began: who then asks where the ingest stands must not find it committed later."""
    if caller.left_at is not None:
        raise Cancelled(f'the caller left before the commit of ingest "{ref}" began')


def of_ref(ref: str) -> str:
    """Return the key of an ingest among the changes, where digests are keys as they are."""
    return f"ingest {ref}"


class NamespacedWriter(Writer):
    """An ingest of one namespace."""

    def __init__(self, store: Content, ns: str, lease: str | None, found: Ingest, total: int, expected: str) -> None:
        self._store, self._ns, self._lease, self._ingest = store, ns, lease, found
        self._ref = found.ref
        self._total, self._expected = total, expected
        self._backend: BackendWriter | None = None
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
        """Take what the ingest is called in the plugin, before it is opened."""
        self._ingest = found

    def link_to(self, digest: str, size: int) -> None:
        """Become a virtual ingest, one of a blob whose bytes are in the store already."""
        self.virtual, self._digest, self._offset, self._total, self._expected = True, digest, size, size, digest

    async def open(self) -> None:
        """Open the plugin's ingest. Raises Locked when somebody else writes it."""
        self._backend = BackendWriter(self._store.plugin, self._ingest.backend)
        try:
            await self._take(self._backend.send(p.WriteAction.STAT, total=self._total))
        except BaseException:
            await self._backend.close()
            self._backend = None
            raise
        self._fresh = True
        self._store.open_writers[self._ns, self._ref] = self

    async def place(self) -> PlaceResponse:
        """Return where the client may write itself. Raises Unimplemented for a plugin that has no such place."""
        async with self._store.plugin.call() as channel:
            reply: PlaceResponse = await IngestsStub(channel).place(PlaceRequest(ref=self._ingest.backend))
        return reply

    async def _take(self, answer: Any) -> None:
        response: p.WriteContentResponse = await answer
        self._fresh = False
        if response.offset < 0 or response.total < 0:
            raise wrong(
                self._store.plugin, f'says that the ingest "{self._ref}" has {response.offset} of {response.total} bytes'
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
            if self._store.has(self._ns, expected) and not await self._store.is_lost(expected):
                await self._exists(expected)

    async def _exists(self, expected: str) -> None:
        await self._store.work.finish(self._close)
        await self._store.drop_ingest(self._ns, self._lease, self._ref, expected)
        raise AlreadyExists(f"blob with expected digest {expected} exists")

    async def stat(self, total: int, expected: str) -> None:
        await self._note(total, expected)
        if self._backend is not None and not self._fresh:
            # The file may have grown behind our back, and a plugin that was started again has let go of the ref.
            await self._take(self._backend.send(p.WriteAction.STAT))
        self._fresh = False

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
        """Turn a virtual ingest into a real one: empty when offset is 0, else with the blob's bytes, which the client appends to."""
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
        async for frame in self._store.read_raw(digest, 0, 0, size):
            await self._take(self._backend.send(p.WriteAction.WRITE, offset=at, data=frame))
            at = self._offset
        if at != size:
            raise Unknown(f"content {digest}: copied {at} of {size} bytes into ingest {self._ref!r}")

    async def commit(self, offset: int, data: bytes, total: int, expected: str, labels: dict[str, str] | None) -> str:
        with Caller() as caller:
            return await self._store.work.finish(self._commit_whole, caller, offset, data, total, expected, labels or {})

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
            await self._store.link(self._ns, self._lease, self._ref, self._digest, self._offset, labels, caller)
            return self._digest
        backend = self._backend
        assert backend is not None
        if data or offset == 0 < self._offset:
            await self._take(backend.send(p.WriteAction.WRITE, offset=offset, data=data))
        if total > 0 and total != self._offset:
            raise FailedPrecondition(f'"{self._ref}" failed size validation: {self._offset} != {total}')
        sha = not expected or expected.startswith("sha256:")
        if sha and expected and self._digest and expected != self._digest:
            raise FailedPrecondition(f'"{self._ref}": unexpected commit digest {self._digest}, expected {expected}')
        digest = expected or self._parsed(self._digest)
        answer = await self._store.commit(
            self._ns, self._lease, self._ingest, backend, digest, self._offset, total, labels, caller
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
                f'"{self._ref}": {self._store.plugin} says no digest before the commit; commit it with the digest that is expected'
            )
        try:
            return str(Digest.parse(digest))
        except InvalidArgument as error:
            raise wrong(self._store.plugin, f'says the digest {digest[:100]!r} of the ingest "{self._ref}"') from error

    async def close(self) -> None:
        if self._backend is not None:
            await self._store.work.finish(self._close_when_committed)

    async def _close_when_committed(self) -> None:
        # A commit goes on when its client leaves, and has the stream to itself until its end.
        while self._committed is not None:
            await self._committed.wait()
        await self._close()

    async def _close(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            if self._store.open_writers.get((self._ns, self._ref)) is self:
                del self._store.open_writers[self._ns, self._ref]
            await backend.close()


class Content:
    """The content plugin and its rows."""

    def __init__(
        self, plugin: Plugin, db: Database, work: Work, mutated: Callable[[bool], None], publish: Publish,
        us: tuple[str, Path], *, shared: bool = True,
    ) -> None:  # fmt: skip
        """us is who claims the plugin: the gateway's uuid and its socket."""
        self.plugin, self.work, self.owner, self._us = plugin, work, us[0], us
        self._db, self._mutated, self._publish = db, mutated, publish
        self._shared = shared
        root = plugin.exports.get("root")
        self._root = Path(root) if root else None
        self._blobs = OpenBlobs(self._root) if self._root else None
        self._said = Complaints()
        self.open_writers: dict[tuple[str, str], NamespacedWriter] = {}
        self._changes = Changes(plugin, db, work)
        self._held = Held()

    def restore(self, intents: Sequence[Intent]) -> None:
        """Take up what was under way when the gateway ended."""
        for intent in intents:
            body = intent.body
            change = _Commit(self, intent.ns, Ingest(body["ref"], body["backend"], ""), body["digest"], body["size"])
            self._changes.restore(change, intent)

    def created(self, ns: str, digest: str, size: int) -> None:
        """Tell that a blob is there."""
        self._publish(ns, "/content/create", "containerd.events.ContentCreate", ContentCreate(digest=digest, size=size))

    # -- blobs --

    def has(self, ns: str, digest: str) -> bool:
        """Return whether a namespace has a blob, and nothing is under way for it."""
        return not self._changes.under_way(ns, digest) and rows.size_of(self._db.reader, ns, digest) is not None

    async def info(self, ns: str, digest: str) -> Info:
        """Raises InvalidArgument, NotFound, Unavailable."""
        parsed = str(Digest.parse(digest))
        if self._changes.under_way(ns, parsed):
            await self._changes.free(ns, parsed)
        found = rows.find(self._db.reader, ns, parsed)
        if found is None:
            raise NotFound(f"content digest {digest}")
        return found

    def walk(self, ns: str, filter: Filter = EVERYTHING) -> list[Info]:
        return [i for i in rows.listed(self._db.reader, ns, filter) if not self._changes.under_way(ns, i.digest)]

    def read(self, ns: str, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        """Return an iterator of a blob's bytes. Raises InvalidArgument, NotFound, OutOfRange, and what ``read_raw`` does."""
        total = rows.size_of(self._db.reader, ns, digest)
        if total is None or self._changes.under_way(ns, digest):
            return self._read_when_there(ns, digest, offset, size)
        if offset > total:
            raise OutOfRange(f"read past object length {total} bytes")
        return self.read_raw(digest, max(0, offset), size, total - max(0, offset))

    async def _read_when_there(self, ns: str, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        total = (await self.info(ns, digest)).size
        if offset > total:
            raise OutOfRange(f"read past object length {total} bytes")
        async for frame in self.read_raw(digest, max(0, offset), size, total - max(0, offset)):
            yield frame

    async def read_raw(self, digest: str, offset: int, size: int, there: int) -> AsyncIterator[bytes]:
        """Yield a blob's bytes, whatever its namespace: from the plugin's exported root where there is one, else over its socket.

        there is how many bytes the blob has from offset on. Raises DataLoss when the plugin sends more or fewer, NotFound when it has lost it.
        """
        # Whoever gets fewer bytes and no error takes them for the whole.
        owed = min(size, there) if size > 0 else there
        try:
            if self._blobs is not None:
                for frame in self._blobs.read(digest, offset, size):
                    owed -= len(frame)
                    yield frame
                if owed > 0:
                    raise wrong(self.plugin, f"has {owed} bytes of {digest} less than it had")
                return
            # A reader may be slow: what is bounded is the plugin's silence, not the whole.
            stream = self.plugin.channel.request(
                _READ_PATH, Cardinality.UNARY_STREAM, p.ReadContentRequest, p.ReadContentResponse
            )
            async with stream:
                async with self.plugin.call(stream=stream):
                    await stream.send_message(p.ReadContentRequest(digest=digest, offset=offset, size=size), end=True)
                while True:
                    async with self.plugin.call(stream=stream):
                        response = await stream.recv_message()
                    if response is None:
                        if owed > 0:
                            raise wrong(self.plugin, f"sent {owed} bytes of {digest} less than it had")
                        return
                    there, owed = there - len(response.data), owed - len(response.data)
                    if there < 0:
                        raise wrong(self.plugin, f"sent more bytes of {digest} than it has")
                    yield response.data
        except NotFound:
            raise self._lost(digest) from None

    def _lost(self, digest: str) -> NotFound:
        """Return the error for a blob whose bytes the plugin does not have. Its rows stay: it may be back tomorrow."""
        if not rows.holders(self._db.reader, digest):
            return NotFound(f"content digest {digest}")  # it went meanwhile
        error = NotFound(
            f"content digest {digest}: {self.plugin} at {self.plugin.channel.path} does not have its bytes, though it said that it "
            "was written; pull its image again, or write it again"
        )
        if self._said.is_new(digest, ""):
            self.plugin.distrust(error)
        else:
            self.plugin.failed(error)
        return error

    async def is_lost(self, digest: str) -> bool:
        """Return whether a blob has a row and the plugin says that it has no bytes. False when it does not say."""
        if not rows.holders(self._db.reader, digest) or self._is_coming(digest):
            return False
        if self._root is not None and blob_path(self._root, Digest.parse(digest)).exists():
            return False
        try:
            if await self.holds(digest):
                return False
        except ArgosyError as error:
            logger.debug("content.not_seen", digest=digest, error=error.message)
            return False
        if self._is_coming(digest):
            return False
        self._lost(digest)
        return True

    def _is_coming(self, digest: str) -> bool:
        """Return whether some namespace's commit of a blob is under way: its row is there before its bytes are."""
        return any(key == digest for _, key in self._changes.open)

    async def holds(self, digest: str) -> bool:
        """Return whether the plugin has a blob. Raises the plugin's error when it does not say."""
        try:
            async with self.plugin.call() as channel:
                await p.ContentStub(channel).info(p.InfoRequest(digest=digest))
        except NotFound:
            return False
        return True

    async def update(self, ns: str, info: Info, paths: Sequence[str]) -> Info:
        """Raises InvalidArgument, NotFound."""
        digest = str(Digest.parse(info.digest))
        check_labels(info.labels)
        if self._changes.under_way(ns, digest):
            await self._changes.free(ns, digest)
        updated = await self._db.write(lambda db: rows.update(db, ns, digest, info.labels, paths))
        self._mutated(False)
        return updated

    async def delete(self, ns: str, lease: str | None, digest: str) -> None:
        """Forget a blob; its bytes go with the next collection. Raises InvalidArgument, NotFound."""
        parsed = str(Digest.parse(digest))
        await self._changes.free(ns, parsed)
        await self.work.finish(self._delete, ns, lease, parsed)

    async def _delete(self, ns: str, lease: str | None, digest: str) -> None:
        await self._db.write(lambda db: rows.delete(db, ns, lease, digest))
        self.plugin.dirty = True
        self._mutated(True)
        self._publish(ns, "/content/delete", "containerd.events.ContentDelete", ContentDelete(digest=digest))

    # -- ingests --

    async def status(self, ns: str, ref: str) -> Status:
        """Return where an ingest stands, once no commit of it is under way: who saw it open must not find it committed later.

        Raises NotFound, Unavailable.
        """
        if self._changes.under_way(ns, of_ref(ref)):
            await self._changes.free(ns, of_ref(ref))
        found = rows.ingest(self._db.reader, ns, ref)
        if found is not None:
            # The abort of a caller who has left, or the commit of a linked one, may be being written: it comes first.
            found = await self._db.write(lambda db: rows.ingest(db, ns, ref))
        status = None if found is None else await self._status(found)
        if status is None:
            raise NotFound(f'could not get status for ref "{ref}": reference {ref}')
        return status

    async def _status(self, found: Ingest) -> Status | None:
        if found.expected:
            size = await self._size(found.expected)
            if size is not None:
                now = time.time_ns()
                return Status(found.ref, size, size, now, now, found.expected)
        try:
            async with self.plugin.call() as channel:
                reply = await p.ContentStub(channel).status(p.StatusRequest(ref=found.backend))
        except NotFound:
            return None
        s = reply.status or p.Status()
        return Status(found.ref, s.offset, s.total, from_wire(s.started_at) or 0, from_wire(s.updated_at) or 0, s.expected)

    async def statuses(self, ns: str, filter: Filter) -> list[Status]:
        found: list[Status] = []
        for one in rows.ingests(self._db.reader, ns):
            status = await self._status(one)
            if status is not None and filter.matches(status.lookup):
                found.append(status)
        return found

    async def abort(self, ns: str, lease: str | None, ref: str) -> None:
        """Raises NotFound."""
        await self._changes.free(ns, of_ref(ref))
        if rows.ingest(self._db.reader, ns, ref) is None:
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
        await self.work.finish(self._drop_ingest, ns, lease, ref, instead)

    async def _drop_ingest(self, ns: str, lease: str | None, ref: str, instead: str) -> None:
        found = await self._db.write(lambda db: rows.drop_ingest(db, ns, lease, ref, instead))
        # Its bytes, or the blob that it stood for, may be nobody's now.
        self.plugin.dirty = True
        self._mutated(False)
        if found is not None and not found.expected:
            await self._abort(found.backend)

    async def _abort(self, backend: str) -> None:
        """Have the plugin forget an ingest that no row names."""
        self.plugin.dirty = True
        try:
            async with self.plugin.call() as channel:
                await p.ContentStub(channel).abort(p.AbortRequest(ref=backend))
        except NotFound:
            pass  # it never had bytes

    async def writer(self, ns: str, lease: str | None, ref: str, total: int, expected: str) -> NamespacedWriter:
        """Open an ingest. Raises AlreadyExists when ns has the blob (and leases it), Locked, NotFound for the lease.

        A blob whose bytes the plugin has lost can be written again.
        """
        if not ref:
            raise InvalidArgument("first message must have a reference")
        if expected:
            Digest.parse(expected)
        await self._changes.free(ns, of_ref(ref), *([expected] if expected else []))

        async def unwanted(writer: NamespacedWriter) -> None:
            await writer.close()

        return await self.work.finish(self._writer, ns, lease, ref, total, expected, unwanted=unwanted)

    async def _writer(self, ns: str, lease: str | None, ref: str, total: int, expected: str) -> NamespacedWriter:
        self.plugin.check()
        await self.plugin.whose(*self._us)
        async with self._held.hold(expected):
            lost = bool(expected) and await self.is_lost(expected)
            found = await self._db.write(lambda db: rows.open_ingest(db, ns, lease, ref, expected, lost=lost))
            if found is None:
                raise AlreadyExists(f"content {expected}")
            writer = NamespacedWriter(self, ns, lease, found, total, expected)
            size = None if lost else await self._linkable(expected, total)
            stands_for = expected if size is not None else ""
            if size is not None:
                writer.link_to(expected, size)
            if stands_for != found.expected:
                await self._db.write(lambda db: rows.stand_for(db, ns, ref, stands_for))
        if size is None:
            if found.fresh:
                writer.is_named(await self._unused(ns, found))
            await writer.open()
        self._mutated(False)
        return writer

    async def _unused(self, ns: str, found: Ingest) -> Ingest:
        """Return a new ingest under a name that nobody else has in the plugin. Raises FailedPrecondition, the plugin's error."""
        if self.plugin.claimed is Claim.OURS:
            return found
        for tries in range(NAMES):
            try:
                async with self.plugin.call() as channel:
                    await p.ContentStub(channel).status(p.StatusRequest(ref=found.backend))
            except (NotFound, Unimplemented):  # one that can't say of a ref is taken at its word when it is opened
                return found
            found = await self._db.write(partial(rows.rename_ingest, ns=ns, found=found, skip=2 ** (tries + 1) - 2))
        raise no_name(self.plugin, ns, found.backend)

    async def _linkable(self, expected: str, total: int) -> int | None:
        """Return the size of a blob that may be linked without sending it, or None."""
        if not expected:
            return None
        if self._shared:
            size = await self._size(expected)
        else:
            size = next((size for size, shares in rows.holders(self._db.reader, expected) if shares), None)
        return size if size is not None and total in (0, size) else None

    async def _size(self, digest: str) -> int | None:
        """Return the size of a blob that is there, also of one that no namespace has any more; None when it is not there."""
        if holders := rows.holders(self._db.reader, digest):
            return holders[0][0]
        try:
            async with self.plugin.call() as channel:
                found = (await p.ContentStub(channel).info(p.InfoRequest(digest=digest))).info
        except NotFound:
            return None
        return found.size if found else None

    async def link(
        self, ns: str, lease: str | None, ref: str, digest: str, size: int, labels: dict[str, str], caller: Caller
    ) -> None:
        """Commit a virtual ingest. Raises AlreadyExists, NotFound when it has expired, Cancelled. To be run as ``Work``."""
        await self._changes.free(ns, digest)
        async with self._held.hold(digest):
            _check_there(caller, ref)
            error = await self._db.write(lambda db: rows.link(db, ns, lease, ref, digest, size, labels))
        # Before it stood for a blob it may have been an ingest with bytes of its own.
        self.plugin.dirty = True
        self._mutated(False)
        if error is not None:
            raise error
        self.created(ns, digest, size)

    async def commit(
        self, ns: str, lease: str | None, found: Ingest, backend: BackendWriter, digest: str, size: int, total: int,
        labels: dict[str, str], caller: Caller,
    ) -> p.WriteContentResponse | None:  # fmt: skip
        """Commit an ingest; returns the plugin's answer where there is one.

        Raises AlreadyExists when the namespace has the blob, Cancelled, and the plugin's error. To be run as ``Work``.
        """
        change = _Commit(self, ns, found, digest, total, caller)
        change.backend = backend
        lost = await self.is_lost(digest)
        await self._changes.free(ns, *change.keys)
        _check_there(caller, found.ref)
        self._changes.enter(change)
        async with self._held.hold(digest):
            try:
                await self._changes.carry_out(
                    change,
                    lambda db: rows.begin_commit(db, ns, self.plugin.name, lease, found, digest, size, labels, lost=lost),
                )
            except AlreadyExists:
                # The row was there: the bytes that were sent are nobody's.
                await backend.close()
                await self._abort(found.backend)
                raise
            finally:
                self._mutated(False)
        return change.answer

    # -- the collector's side --

    async def _drop(self, digest: str) -> bool:
        """Delete a blob of the plugin's; False when it was gone, or is needed after all."""

        async def drop() -> bool:
            if rows.is_needed(self._db.reader, digest):
                return False
            if self._blobs is not None:
                self._blobs.forget(digest)
            try:
                async with self.plugin.call(WORK_S) as channel:
                    await p.ContentStub(channel).delete(p.DeleteContentRequest(digest=digest))
            except NotFound:
                return False
            return True

        if self._held.holds(digest):
            self.plugin.dirty = True  # whoever holds it may not name it after all
            return False
        return await self._held.drop(digest, drop)

    async def cleanup(self) -> int:
        """Delete every blob and ingest that no namespace names; of a plugin that can't be claimed only what we brought.

        Returns how many blobs went. Raises the plugin's error; it stays dirty then.
        """
        plugin = self.plugin
        claim = await self.plugin.claim(*self._us)
        plugin.dirty = False
        removed = strangers = 0
        try:
            async with plugin.call(WORK_S) as channel:
                listed = p.ContentStub(channel).list(p.ListContentRequest())
                held = [info async for info in bounded(plugin, listed)]
            named = rows.digests(self._db.reader)
            doomed = [info for info in held if info.digest not in named]
            if claim is Claim.FOREIGN and plugin.config.cleanup == "own":
                ours = [info for info in doomed if info.labels.get(OWNER_LABEL) == self.owner]
                strangers, doomed = len(doomed) - len(ours), ours
            removed = await remove_all([info.digest for info in doomed], self._drop)
            if claim is Claim.OURS or plugin.config.cleanup == "all":
                await self._drop_ingests()
        except BaseException:  # also a caller who left in the middle of it
            plugin.dirty = True
            raise
        if strangers:
            plugin.failed(
                FailedPrecondition(
                    f"{plugin} holds {strangers} blobs that this gateway did not bring; they stay: if nobody else "
                    f'uses it, say cleanup = "all" in [proxy_plugins.{plugin.name}]'
                )
            )
        return removed

    async def _drop_ingests(self) -> None:
        async with self.plugin.call(WORK_S) as channel:
            statuses = (await p.ContentStub(channel).list_statuses(p.ListStatusesRequest())).statuses
        named = rows.refs(self._db.reader, self.plugin.name)
        for status in statuses:
            if status.ref in named:
                continue
            try:
                async with self.plugin.call() as channel:
                    await p.ContentStub(channel).abort(p.AbortRequest(ref=status.ref))
            except NotFound:
                continue


class NamespacedContent(ContentStore):
    """The store of the namespace and lease that the current call names."""

    def __init__(self, content: Content) -> None:
        self._content = content

    async def info(self, digest: str) -> Info:
        return await self._content.info(current().namespace, digest)

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
