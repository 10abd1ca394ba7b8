"""Ingests by ref: a namespace's rows in front of the content plugin's.

With the ``shared`` policy a blob that the plugin already has is linked by digest alone (a virtual ingest, at its end from the
start); with ``isolated`` it must be sent again, unless a namespace labelled shareable has it.

How it becomes a blob is said in ``outcomes``, what its writer may say in ``writers``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from argosy.digest import Digest
from argosy.errors import AlreadyExists, InvalidArgument, NotFound, Unimplemented
from argosy.filters import Filter
from argosy.plugin.content import Status
from argosy.store.database import Database
from argosy.timestamps import from_wire
from argosy_protos.argosy.content.v1 import PlaceResponse
from argosy_protos.containerd.services.content import v1 as p

from argosy_gateway.backends.blobs import Blobs
from argosy_gateway.backends.changes import NAMES, Changes, no_name
from argosy_gateway.backends.outcomes import Outcomes, of_ref
from argosy_gateway.backends.writers import IngestWriter
from argosy_gateway.metadata import content
from argosy_gateway.metadata import ingests as rows
from argosy_gateway.metadata.ingests import Ingest
from argosy_gateway.metadata.intents import Intent
from argosy_gateway.plugins.plugin import WORK_S, Claim, Plugin
from argosy_gateway.work import Work


class Ingests:
    """The ingests of one content plugin, of every namespace."""

    def __init__(
        self, plugin: Plugin, db: Database, work: Work, changes: Changes, mutated: Callable[[bool], None], blobs: Blobs,
        us: tuple[str, Path], *, shared: bool, space: str = "",
    ) -> None:  # fmt: skip
        """space is as for ``Blobs``. us is who claims the plugin: the gateway's uuid and its socket. shared: a blob of any namespace is linked without being sent."""
        self.plugin, self._work, self._us = plugin, work, us
        self._db, self._changes, self._mutated, self._blobs = db, changes, mutated, blobs
        self._shared, self._space = shared, space
        self._outcomes = Outcomes(plugin, db, work, changes, mutated, blobs, us[0])
        self._writers: dict[tuple[str, str], IngestWriter] = {}
        """Those that have the plugin's ingest open, by namespace and ref."""

    def restore(self, intents: Sequence[Intent]) -> None:
        """Take up the commits that were under way when the gateway ended."""
        self._outcomes.restore(intents)

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
        await self._outcomes.drop(ns, lease, ref, "")

    async def place(self, ns: str, ref: str) -> PlaceResponse:
        """Return where a client may write an ingest that it has open. Raises NotFound, Unimplemented."""
        writer = self._writers.get((ns, ref))
        if writer is None:
            raise NotFound(f'ingest "{ref}" is not open in namespace "{ns}"; open it with Content.Write first')
        return await writer.place()

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

        return await self._work.finish(self._open, ns, lease, ref, total, expected, unwanted=unwanted)

    async def _open(self, ns: str, lease: str | None, ref: str, total: int, expected: str) -> IngestWriter:
        self.plugin.check()
        await self.plugin.whose(*self._us)
        async with self._blobs.held.hold(expected):
            lost = bool(expected) and await self._blobs.is_lost(expected)
            found = await self._db.write(lambda db: rows.begin(db, ns, lease, ref, expected, lost=lost))
            if found is None:
                raise AlreadyExists(f"content {expected}")
            writer = IngestWriter(self._outcomes, self._blobs, self._writers, ns, lease, found, total, expected)
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
