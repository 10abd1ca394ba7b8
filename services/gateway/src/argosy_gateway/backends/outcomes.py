"""What becomes of an ingest: a blob of its bytes, one that is there already, or nothing.

A commit is a ``Change``: rows first, then the plugin, and a way back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

from argosy.errors import AlreadyExists, ArgosyError, Cancelled, NotFound, Unknown
from argosy.names import MEDIA_TYPE_HEADER
from argosy.rpc.context import current
from argosy.store.database import Database
from argosy_protos.containerd.services.content import v1 as p
from grpclib.const import Cardinality

from argosy_gateway.backends.blobs import Blobs
from argosy_gateway.backends.changes import Caller, Change, Changes
from argosy_gateway.backends.protocol import Event, Operation, Stage
from argosy_gateway.metadata import ingests as rows
from argosy_gateway.metadata.ingests import Ingest
from argosy_gateway.metadata.intents import Intent
from argosy_gateway.plugins.plugin import WORK_S, Claim, Plugin
from argosy_gateway.work import Work

OWNER_LABEL: Final = "argosy.owner"
"""On a blob that was committed to a plugin that can't be claimed: whose it is."""
# RFC 6838: 127 characters on either side of the slash.
_MAX_MEDIA_TYPE: Final = 255
_WRITE_PATH: Final = "/containerd.services.content.v1.Content/Write"


class WriteStream:
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
        self, outcomes: Outcomes, blobs: Blobs, ns: str, found: Ingest, digest: str, total: int, caller: Caller | None = None
    ) -> None:
        super().__init__(ns, [digest, of_ref(found.ref)], caller)
        self._outcomes, self._blobs, self._ingest, self._digest, self._total = outcomes, blobs, found, digest, total
        self.stream: WriteStream | None = None
        self.answer: p.WriteContentResponse | None = None
        self._media_type = _media_type()

    async def ask(self) -> None:
        assert self.intent is not None
        stream, self.stream = self.stream, None
        mine = stream is None
        stream = stream or WriteStream(self._outcomes.plugin, self._ingest.backend)
        size = self.intent.body["size"]
        labels = {OWNER_LABEL: self._outcomes.owner} if self._outcomes.plugin.claimed is Claim.FOREIGN else {}
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
            async with self._outcomes.plugin.call() as channel:
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


class Outcomes:
    """Ends the ingests of one content plugin, of every namespace."""

    def __init__(
        self, plugin: Plugin, db: Database, work: Work, changes: Changes, mutated: Callable[[bool], None], blobs: Blobs,
        owner: str,
    ) -> None:  # fmt: skip
        """owner is the gateway's uuid."""
        self.plugin, self.work, self.owner = plugin, work, owner
        self._db, self._changes, self._mutated, self._blobs = db, changes, mutated, blobs

    def restore(self, intents: Sequence[Intent]) -> None:
        """Take up the commits that were under way when the gateway ended."""
        for intent in intents:
            body = intent.body
            found = Ingest(body["ref"], body["backend"], "")
            self._changes.restore(_Commit(self, self._blobs, intent.ns, found, body["digest"], body["size"]), intent)

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
            await self.abort(found.backend)

    async def abort(self, backend: str) -> None:
        """Have the plugin forget an ingest that no row names."""
        self.plugin.dirty = True
        try:
            async with self.plugin.call() as channel:
                await p.ContentStub(channel).abort(p.AbortRequest(ref=backend))
        except NotFound:
            pass  # it never had bytes

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
                await self.abort(found.backend)
                raise
            finally:
                self._mutated(False)
        return change.answer
