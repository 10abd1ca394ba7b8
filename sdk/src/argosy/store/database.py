"""One SQLite file, one writing actor (aiosqlite's thread), one reader in the loop.

A write is a closure over the connection. The actor runs all closures that wait at the same time in one
``BEGIN IMMEDIATE`` … ``COMMIT`` with a savepoint each, so that one fsync serves them all and one failure undoes
only itself. A result is given back after COMMIT: what was acknowledged is on disk (``synchronous=FULL``).

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

from argosy.errors import Aborted, ResourceExhausted, Unavailable
from argosy.store.schema import FULL, Migration, prepare, read_only

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], T]

# More closures than this in one transaction would make the first of them wait noticeably.
_BATCH: Final = 256
# How long a change that nobody waits for may wait for another to share its commit with, in seconds.
_LATER_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class DatabaseStatistics:
    """Counts since the database was opened."""

    transactions: int
    writes: int


class Database:
    """An open store. Make it with ``open``, end it with ``close``."""

    def __init__(self, path: Path, writer: aiosqlite.Connection, reader: sqlite3.Connection) -> None:
        self.path = path
        self.reader = reader
        self._writer = writer
        self._queue: list[tuple[Write[Any], asyncio.Future[Any]]] = []
        self._running: asyncio.Task[None] | None = None
        self._later: list[Write[Any]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._transactions = self._writes = 0
        self._closed = False

    @classmethod
    async def open(cls, path: Path, migrations: Sequence[Migration], prepared: bool = False) -> Database:
        """Open or make the file at path. prepared says that ``prepare`` was called since its root was locked.

        Raises FailedPrecondition when it is damaged, newer, or not a database.
        """
        if not prepared:
            prepare(path, migrations)
        writer = await aiosqlite.connect(path, isolation_level=None)
        await writer.execute("PRAGMA synchronous=FULL")
        await writer.execute("PRAGMA foreign_keys=ON")
        await writer.execute("PRAGMA wal_autocheckpoint=1000")
        return cls(path, writer, read_only(path))

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a small query, in the calling thread. Never hold a cursor across an await."""
        return self.reader.execute(sql, parameters).fetchall()

    def read_one(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the first row of a point query, or None."""
        return self.reader.execute(sql, parameters).fetchone()

    def write(self, change: Write[T]) -> asyncio.Future[T]:
        """Run change in a transaction; the future is done after COMMIT.

        change runs in the writer's thread and must only touch its connection. What it raises undoes it alone and
        becomes the future's error. Cancellation: giving up the wait does not stop or split a transaction.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if self._closed:
            future.set_exception(Unavailable(f"database {self.path} is closed"))
            return future
        self._take_later()
        self._queue.append((change, future))
        if self._running is None:
            self._running = loop.create_task(self._drain())
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
        """Put what waits for company before what is written now."""
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
                outcomes = await self._writer._execute(self._transact, self._writer._conn, [w for w, _ in batch])  # type: ignore[no-untyped-call] # one hop to aiosqlite's thread, where its public API makes one a statement
                self._transactions += 1
                self._writes += len(batch)
                for (_, future), (ok, value) in zip(batch, outcomes, strict=True):
                    if future.done():
                        continue
                    if ok:
                        future.set_result(value)
                    else:
                        future.set_exception(value)
        finally:
            self._running = None

    def _transact(self, db: sqlite3.Connection, changes: list[Write[Any]]) -> list[tuple[bool, Any]]:
        outcomes: list[tuple[bool, Any]] = []
        try:
            db.execute("BEGIN IMMEDIATE")
            for change in changes:
                db.execute("SAVEPOINT one")
                try:
                    outcomes.append((True, change(db)))
                except BaseException as error:
                    if not db.in_transaction:
                        raise
                    db.execute("ROLLBACK TO one")
                    outcomes.append((False, self._translated(error)))
                db.execute("RELEASE one")
            db.execute("COMMIT")
        except BaseException as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            failure = self._translated(error)
            return [(False, failure) for _ in changes]
        return outcomes

    def _translated(self, error: BaseException) -> BaseException:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode in FULL:
            return ResourceExhausted(f"database {self.path}: the disk is full; nothing was written")
        if isinstance(error, sqlite3.IntegrityError):
            return Aborted(f"database {self.path}: another change won ({error}); nothing was written: try again")
        if isinstance(error, sqlite3.DatabaseError):
            return Unavailable(f"database {self.path}: {error}")
        return error

    def lose(self) -> None:
        """Forget what has not been written yet, as a kill would: for tests of what comes after one."""
        self._later.clear()
        lost, self._queue = self._queue, []
        for _, future in lost:
            future.cancel()

    def statistics(self) -> DatabaseStatistics:
        return DatabaseStatistics(self._transactions, self._writes)

    async def close(self) -> None:
        """Finish what is queued, then close. Safe to call twice."""
        if self._closed:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._flush()
        self._closed = True
        while self._running is not None:
            await asyncio.shield(self._running)
        self.reader.close()
        await self._writer.close()


def _forget(future: asyncio.Future[Any]) -> None:
    """Take the outcome of a change that nobody waits for."""
    if not future.cancelled():
        future.exception()
