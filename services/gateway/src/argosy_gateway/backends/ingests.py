"""Ingests by ref: a namespace's rows in front of the content plugin's, and how one becomes a blob.

With the ``shared`` policy a blob that the plugin already has is linked by digest alone (a virtual ingest, at its end from the
start); with ``isolated`` it must be sent again, unless a namespace labelled shareable has it.

A commit is a ``Change``: rows first, then the plugin, and a way back.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from argosy.digest import Digest
from argosy.errors import AlreadyExists, Cancelled, InvalidArgument, NotFound, Unimplemented
from argosy.filters import Filter
from argosy.names import MEDIA_TYPE_HEADER
from argosy.plugin.content import Status
from argosy.rpc.context import current
from argosy.store.database import Database
from argosy.timestamps import from_wire
from argosy_protos.argosy.content.v1 import PlaceResponse
from argosy_protos.containerd.services.content import v1 as p

from argosy_gateway.backends.blobs import Blobs
from argosy_gateway.backends.changes import NAMES, Caller, Change, Changes, no_name
from argosy_gateway.backends.protocol import Event, Operation, Stage
from argosy_gateway.backends.writers import IngestWriter, WriteStream
from argosy_gateway.metadata import content
from argosy_gateway.metadata import ingests as rows
from argosy_gateway.metadata.ingests import Ingest
from argosy_gateway.metadata.intents import Intent
from argosy_gateway.plugins.plugin import WORK_S, Claim, Plugin
from argosy_gateway.work import Work

OWNER_LABEL: Final = "argosy.owner"
"""On a blob that was committed to a plugin that can't be claimed: whose it is."""


# RFC 6838: 127 characters on either side of the slash.
_MAX_MEDIA_TYPE: Final = 255


class _Commit(Change):
    """An ingest that becomes a blob."""

    operation = Operation.INGEST

    ends_with_it = True  # the stream is the writer's, who goes on to close it

    def __init__(
        self, store: Ingests, blobs: Blobs, ns: str, found: Ingest, digest: str, total: int, caller: Caller | None = None
    ) -> None:
        super().__init__(ns, [digest, of_ref(found.ref)], caller)
        self._store, self._blobs, self._ingest, self._digest, self._total = store, blobs, found, digest, total
        self.stream: WriteStream | None = None
        self.answer: p.WriteContentResponse | None = None
        self._media_type = _media_type()

    async def ask(self) -> None:
        assert self.intent is not None
        stream, self.stream = self.stream, None
        mine = stream is None
        stream = stream or WriteStream(self._store.plugin, self._ingest.backend)
        size = self.intent.body["size"]
        labels = {OWNER_LABEL: self._store.owner} if self._store.plugin.claimed is Claim.FOREIGN else {}
        try:
            self.answer = await stream.send(
                p.WriteAction.COMMIT, offset=size, total=self._total, expected=self._digest, labels=labels
            )
        except AlreadyExists:
            pass  # another namespace brought the same bytes
        finally:
            if mine:
                await stream.close()

    async def look(self) -> Event:
        if await self._blobs.is_there(self._digest):
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
        self._blobs.created(self.ns, self._digest, self.intent.body["size"], self._media_type)


def _media_type() -> str:
    """Return what the caller says of the blob that it writes; "" for nothing, and for what no media type looks like."""
    said = current().get(MEDIA_TYPE_HEADER) or ""
    return said if len(said) <= _MAX_MEDIA_TYPE and said.isascii() and said.isprintable() else ""


def _check_not_left(caller: Caller, ref: str) -> None:
    """Raise Cancelled for a commit whose caller left before it began: who then asks where the ingest stands must not find it committed later."""
    if caller.left_at is not None:
        raise Cancelled(f'the caller left before the commit of ingest "{ref}" began')


def of_ref(ref: str) -> str:
    """Return the key of an ingest among the changes, where digests are keys as they are."""
    return f"ingest {ref}"


class Ingests:
    """The ingests of one content plugin, of every namespace."""

    def __init__(
        self, plugin: Plugin, db: Database, work: Work, changes: Changes, mutated: Callable[[bool], None], blobs: Blobs,
        us: tuple[str, Path], *, shared: bool, space: str = "",
    ) -> None:  # fmt: skip
        """space is as for ``Blobs``. us is who claims the plugin: the gateway's uuid and its socket. shared: a blob of any namespace is linked without being sent."""
        self.plugin, self.work, self.owner, self._us = plugin, work, us[0], us
        self._db, self._changes, self._mutated, self._blobs = db, changes, mutated, blobs
        self._shared, self._space = shared, space
        self.open_writers: dict[tuple[str, str], IngestWriter] = {}

    def restore(self, intents: Sequence[Intent]) -> None:
        """Take up the commits that were under way when the gateway ended."""
        for intent in intents:
            body = intent.body
            found = Ingest(body["ref"], body["backend"], "")
            self._changes.restore(_Commit(self, self._blobs, intent.ns, found, body["digest"], body["size"]), intent)

    async def status(self, ns: str, ref: str) -> Status:
        """Return where an ingest stands, once no commit of it is under way: who saw it open must not find it committed later.

        Raises NotFound, Unavailable.
        """
        if self._changes.under_way(ns, of_ref(ref)):
            await self._changes.free(ns, of_ref(ref))
        found = rows.find(self._db.reader, ns, ref)
        if found is not None:
            # The abort of a caller who has left, or the commit of a linked one, may be being written: it comes first.
            found = await self._db.write(lambda db: rows.find(db, ns, ref))
        status = None if found is None else await self._status(found)
        if status is None:
            raise NotFound(f'could not get status for ref "{ref}": reference {ref}')
        return status

    async def _status(self, found: Ingest) -> Status | None:
        if found.expected:
            size = await self._blobs.size(found.expected)
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
        for one in rows.listed(self._db.reader, ns):
            status = await self._status(one)
            if status is not None and filter.matches(status.lookup):
                found.append(status)
        return found

    async def abort(self, ns: str, lease: str | None, ref: str) -> None:
        """Forget an ingest and have the plugin drop its bytes. Raises NotFound, Unavailable."""
        await self._changes.free(ns, of_ref(ref))
        if rows.find(self._db.reader, ns, ref) is None:
            raise NotFound(f"reference {ref}")
        await self.drop(ns, lease, ref, "")

    async def place(self, ns: str, ref: str) -> PlaceResponse:
        """Return where a client may write an ingest that it has open. Raises NotFound, Unimplemented."""
        writer = self.open_writers.get((ns, ref))
        if writer is None:
            raise NotFound(f'ingest "{ref}" is not open in namespace "{ns}"; open it with Content.Write first')
        return await writer.place()

    async def lease(self, ns: str, lease: str | None, digest: str) -> bool:
        """Return whether a namespace has a blob, which is leased then. Raises NotFound for the lease."""
        return await self._db.write(lambda db: rows.lease(db, ns, lease, digest))

    async def drop(self, ns: str, lease: str | None, ref: str, instead: str) -> None:
        """Forget an ingest; instead is the blob that it would have been, which is leased then."""
        await self.work.finish(self._drop, ns, lease, ref, instead)

    async def _drop(self, ns: str, lease: str | None, ref: str, instead: str) -> None:
        found = await self._db.write(lambda db: rows.drop(db, ns, lease, ref, instead))
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

    async def open(self, ns: str, lease: str | None, ref: str, total: int, expected: str) -> IngestWriter:
        """Open an ingest. Raises AlreadyExists when ns has the blob (and leases it), Locked, NotFound for the lease.

        A blob whose bytes the plugin has lost can be written again.
        """
        if not ref:
            raise InvalidArgument("first message must have a reference")
        if expected:
            Digest.parse(expected)
        await self._changes.free(ns, of_ref(ref), *([expected] if expected else []))

        async def unwanted(writer: IngestWriter) -> None:
            await writer.close()

        return await self.work.finish(self._open, ns, lease, ref, total, expected, unwanted=unwanted)

    async def _open(self, ns: str, lease: str | None, ref: str, total: int, expected: str) -> IngestWriter:
        self.plugin.check()
        await self.plugin.whose(*self._us)
        async with self._blobs.held.hold(expected):
            lost = bool(expected) and await self._blobs.is_lost(expected)
            found = await self._db.write(lambda db: rows.begin(db, ns, lease, ref, expected, lost=lost))
            if found is None:
                raise AlreadyExists(f"content {expected}")
            writer = IngestWriter(self, self._blobs, ns, lease, found, total, expected)
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
            found = await self._db.write(partial(rows.rename, ns=ns, found=found, skip=2 ** (tries + 1) - 2))
        raise no_name(self.plugin, ns, found.backend)

    async def _linkable(self, expected: str, total: int) -> int | None:
        """Return the size of a blob that may be linked without sending it, or None."""
        if not expected:
            return None
        if self._shared:
            size = await self._blobs.size(expected)
        else:
            size = next((size for size, shares in content.holders(self._db.reader, expected, self._space) if shares), None)
        if size is None or total not in (0, size) or not await self._blobs.has_bytes(expected):
            return None
        return size

    async def link(
        self, ns: str, lease: str | None, ref: str, digest: str, size: int, labels: dict[str, str], caller: Caller
    ) -> None:
        """Commit a virtual ingest. Raises AlreadyExists, NotFound when it has expired, Cancelled. To be run as ``Work``."""
        await self._changes.free(ns, digest)
        async with self._blobs.held.hold(digest):
            _check_not_left(caller, ref)
            error = await self._db.write(lambda db: rows.link(db, ns, lease, ref, digest, size, labels))
        # Before it stood for a blob it may have been an ingest with bytes of its own.
        self.plugin.dirty = True
        self._mutated(False)
        if error is not None:
            raise error
        self._blobs.created(ns, digest, size, _media_type())

    async def commit(
        self, ns: str, lease: str | None, found: Ingest, stream: WriteStream, digest: str, size: int, total: int,
        labels: dict[str, str], caller: Caller,
    ) -> p.WriteContentResponse | None:  # fmt: skip
        """Commit an ingest; returns the plugin's answer where there is one.

        Raises AlreadyExists when the namespace has the blob, Cancelled, and the plugin's error. To be run as ``Work``.
        """
        change = _Commit(self, self._blobs, ns, found, digest, total, caller)
        change.stream = stream
        lost = await self._blobs.is_lost(digest)
        await self._changes.free(ns, *change.keys)
        _check_not_left(caller, found.ref)
        self._changes.enter(change)
        async with self._blobs.held.hold(digest):
            try:
                await self._changes.carry_out(
                    change,
                    lambda db: rows.begin_commit(db, ns, self.plugin.name, lease, found, digest, size, labels, lost=lost),
                )
            except AlreadyExists:
                # The row was there: the bytes that were sent are nobody's.
                await stream.close()
                await self._abort(found.backend)
                raise
            finally:
                self._mutated(False)
        return change.answer

    async def drop_unnamed(self) -> None:
        """Have the plugin forget every ingest that no row and no intent names. Raises the plugin's error."""
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
