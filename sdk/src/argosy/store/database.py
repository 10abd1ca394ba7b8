"""One SQLite file, one writing actor (aiosqlite's thread), one reader in the loop.

A write is a closure over the connection. The actor runs all closures that wait at the same time in one
``BEGIN IMMEDIATE`` … ``COMMIT`` with a savepoint each, so that one fsync serves them all and one failure undoes
only itself. A result is given back after COMMIT: what was acknowledged is on disk (``synchronous=FULL``).

When the disk is as good as full, a change that makes the database larger is refused, and one that doesn't, as a removal, is
given the reserve. A closure is run again then, after what it did was undone.

Point reads run in the calling thread on a read-only WAL connection (about 5 us; a thread hop costs 30 times that).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import aiosqlite

from argosy.errors import ResourceExhausted, Unavailable
from argosy.roots import loss_taken
from argosy.settled import to_its_end
from argosy.store.reserve import SCRAPS_BYTES, Reserve, grow_log
from argosy.store.schema import Migration, Reader, migrate, no_room, read_only, translated

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], T]

# More closures than this in one transaction would make the first of them wait noticeably.
_BATCH: Final = 256
# How long a change that nobody waits for may wait for another to share its commit with, in seconds.
_LATER_S: Final = 0.05
# How many pages all changes together may add on a full disk: some removals begin by noting something (a lease that waits for the
# collector), and a tree of SQLite's may grow a little by a removal. The reserve has room for them.
_SLACK_PAGES: Final = 64


@dataclass(frozen=True, slots=True)
class DatabaseStatistics:
    """Counts since the database was opened."""

    transactions: int
    writes: int


class Database:
    """An open store. Make it with ``open``, end it with ``close``."""

    def __init__(self, path: Path, writer: aiosqlite.Connection, reader: Reader) -> None:
        self.path = path
        self.reader = reader
        self._writer = writer
        self._queue: list[tuple[Write[Any], asyncio.Future[Any]]] = []
        self._running: asyncio.Task[None] | None = None
        self._later: list[Write[Any]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._transactions = self._writes = 0
        self._closed = False
        self._reserve = Reserve(path)
        self._added_pages = 0

    @classmethod
    async def open(cls, path: Path, migrations: Sequence[Migration]) -> Database:
        """Open the file at path, which is made, checked and migrated first.

        Raises FailedPrecondition when it is damaged, newer, not a database, or gone though there was one. Cancellation: nothing
        stays open.
        """
        opened: list[Database] = []

        async def work() -> None:
            opened.append(await cls._open(path, migrations))

        try:
            await to_its_end(work())
        except BaseException:
            for one in opened:
                await one.close()
            raise
        return opened[0]

    @classmethod
    async def _open(cls, path: Path, migrations: Sequence[Migration]) -> Database:
        migrate(path, migrations)
        try:
            writer, reader = await cls._connect(path)
        except (sqlite3.Error, ResourceExhausted) as error:
            full = isinstance(error, ResourceExhausted) or no_room(error, path)
            if not full or not Reserve(path).give():
                raise translated(error, path) if isinstance(error, sqlite3.Error) else error from error
            writer, reader = await cls._connect(path)
        grow_log(path)
        self = cls(path, writer, reader)
        if not self._reserve.take():
            self._reserve.take(SCRAPS_BYTES)
        loss_taken(path.parent)
        return self

    @staticmethod
    async def _connect(path: Path) -> tuple[aiosqlite.Connection, Reader]:
        writer = await aiosqlite.connect(path, isolation_level=None)
        try:
            await writer.execute("PRAGMA synchronous=FULL")
            await writer.execute("PRAGMA foreign_keys=ON")
            await writer.execute("PRAGMA wal_autocheckpoint=1000")
            # Neither a sort nor a savepoint needs a file.
            await writer.execute("PRAGMA temp_store=MEMORY")
            return writer, read_only(path)
        except BaseException:
            await writer.close()
            raise

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a small query, in the calling thread. Never hold a cursor across an await."""
        return self.reader.execute(sql, parameters).fetchall()

    def read_one(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the first row of a point query, or None."""
        return self.reader.execute(sql, parameters).fetchone()

    def write(self, change: Write[T]) -> asyncio.Future[T]:
        """Run change in a transaction; the future is done after COMMIT.

        change runs in the writer's thread and must only touch its connection; it may be undone and run again, and what else it does has
        to bear that. What it raises undoes it alone and becomes the future's error; in place of an error of SQLite's, Aborted for a
        constraint, ResourceExhausted for a full disk, DataLoss for a damaged file, Unavailable for the rest.
        Cancellation: giving up the wait does not stop or split a transaction.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if self._closed:
            future.set_exception(Unavailable(f"database {self.path} is closed"))
            return future
        self._take_later()
        self._queue.append((change, future))
        if self._running is None:
            self._running = loop.create_task(self._drain())  # the actor; close waits for it, and it ends with its queue
        return future

    def later(self, change: Write[Any]) -> None:
        """Run change with the next transaction, or by itself a moment later; nobody hears of its outcome.

        It runs before everything that is written from now on. For what a restart would find out by itself.
        """
        if self._closed:
            return
        self._later.append(change)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LATER_S, self._flush)

    def _flush(self) -> None:
        self._timer = None
        if self._later and not self._closed:
            self.write(lambda db: None).add_done_callback(_forget)

    def _take_later(self) -> None:
        """Move the changes of ``later`` in front of those that are written now."""
        later, self._later = self._later, []
        loop = asyncio.get_running_loop()
        for change in reversed(later):
            future: asyncio.Future[Any] = loop.create_future()
            future.add_done_callback(_forget)
            self._queue.insert(0, (change, future))

    async def _drain(self) -> None:
        try:
            while self._queue:
                batch, self._queue = self._queue[:_BATCH], self._queue[_BATCH:]
                try:
                    outcomes: list[tuple[bool, Any]] = await self._writer._execute(
                        self._transact, self._writer._conn, [w for w, _ in batch]
                    )  # type: ignore[no-untyped-call] # one hop to aiosqlite's thread, where its public API makes one a statement
                except BaseException as error:
                    # Whether it was written nobody knows; nobody waits for ever.
                    lost = Unavailable(
                        f"database {self.path}: the writer ended ({error!r}); look whether the change is there"
                    )
                    outcomes = [(False, lost)] * len(batch)
                    if not isinstance(error, Exception):
                        raise
                finally:
                    for (_, future), (ok, value) in zip(batch, outcomes, strict=True):
                        if future.done():
                            continue
                        if ok:
                            future.set_result(value)
                        else:
                            future.set_exception(value)
                self._transactions += 1
                self._writes += len(batch)
        finally:
            self._running = None

    def _transact(self, db: sqlite3.Connection, changes: list[Write[Any]]) -> list[tuple[bool, Any]]:
        low = self._reserve.low()
        try:
            if not low:
                try:
                    outcomes = self._run(db, changes)
                except sqlite3.Error as error:
                    if not no_room(error, self.path):
                        raise
                else:
                    self._added_pages = 0
                    self._reserve.take_soon()
                    return outcomes
            try:
                return self._run(db, changes, grow=False)
            except sqlite3.Error as error:
                if not no_room(error, self.path) or not self._reserve.give():
                    raise
                return self._run(db, changes, grow=False)
        except BaseException as error:
            failure = self._translated(error)
            return [(False, failure) for _ in changes]

    def _run(self, db: sqlite3.Connection, changes: list[Write[Any]], grow: bool = True) -> list[tuple[bool, Any]]:
        """Run one transaction. Raises what SQLite raises for the whole of it, which is undone then."""
        outcomes: list[tuple[bool, Any]] = []
        added = 0
        try:
            db.execute("BEGIN IMMEDIATE")
            for change in changes:
                db.execute("SAVEPOINT one")
                pages = 0 if grow else self._pages(db)
                try:
                    value = change(db)
                    if not grow:
                        more = max(0, self._pages(db) - pages)
                        if more and self._added_pages + added + more > _SLACK_PAGES:
                            raise ResourceExhausted(
                                f"database {self.path}: the disk is full; nothing was written: remove something, then try again"
                            )
                        added += more
                    outcomes.append((True, value))
                except BaseException as error:
                    if not db.in_transaction or (isinstance(error, sqlite3.Error) and no_room(error, self.path)):
                        raise
                    db.execute("ROLLBACK TO one")
                    outcomes.append((False, self._translated(error)))
                db.execute("RELEASE one")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        self._added_pages += added
        return outcomes

    @staticmethod
    def _pages(db: sqlite3.Connection) -> int:
        pages: int = db.execute("PRAGMA page_count").fetchone()[0]
        return pages

    def _translated(self, error: BaseException) -> BaseException:
        return translated(error, self.path) if isinstance(error, sqlite3.Error) else error

    def lose(self) -> None:
        """Forget what has not been written yet, as a kill would: for tests of what comes after one."""
        self._later.clear()
        lost, self._queue = self._queue, []
        for _, future in lost:
            future.cancel()

    def shrink(self) -> None:
        """Let go of pages that were read or written: they can be read again. The writer does so a moment later."""
        if not self._closed:
            self.reader.execute("PRAGMA shrink_memory")
            self.later(lambda db: db.execute("PRAGMA shrink_memory"))

    def statistics(self) -> DatabaseStatistics:
        return DatabaseStatistics(self._transactions, self._writes)

    async def close(self) -> None:
        """Finish what is queued, then close. Safe to call twice. Cancellation: it is closed first."""
        if self._closed:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._flush()
        self._closed = True
        await to_its_end(self._close())

    async def _close(self) -> None:
        while self._running is not None:
            await asyncio.wait([self._running])
        self.reader.close()
        await self._writer.close()
        # What the log had is free now; the next start may need it.
        self._reserve.take(SCRAPS_BYTES)


def _forget(future: asyncio.Future[Any]) -> None:
    """Take the outcome of a change that nobody waits for."""
    if not future.cancelled():
        future.exception()
