"""One SQLite file, one writing actor (aiosqlite's thread), one reader in the loop.

A write is a closure over the connection. The actor runs all closures that wait at the same time in one
``BEGIN IMMEDIATE`` … ``COMMIT`` with a savepoint each, so that one fsync serves them all and one failure undoes
only itself. A result is given back after COMMIT: what was acknowledged is on disk (``synchronous=FULL``).

Point reads run in the calling thread on a read-only WAL connection (about 5 us; a thread hop costs 30 times that).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import aiosqlite

from argosy.errors import FailedPrecondition, ResourceExhausted, Unavailable

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], T]

# More closures than this in one transaction would make the first of them wait noticeably.
_BATCH: Final = 256
_FULL: Final = frozenset((sqlite3.SQLITE_FULL,))


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of a schema: its number, what it is for, and its statements."""

    number: int
    purpose: str
    statements: Sequence[str]


@dataclass(frozen=True, slots=True)
class DatabaseStatistics:
    """Counts since the database was opened."""

    transactions: int
    writes: int


def _damage(path: Path, error: Exception) -> FailedPrecondition:
    return FailedPrecondition(
        f"database {path} is damaged ({error}); nothing was changed: restore it from a copy, or move it away to start anew"
    )


def _prepare(path: Path, migrations: Sequence[Migration]) -> None:
    """Check and migrate the file, each step in one transaction. Raises FailedPrecondition for a damaged or newer one."""
    try:
        with sqlite3.connect(path, isolation_level=None) as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            rows = db.execute("PRAGMA quick_check(1)").fetchone()
            if rows[0] != "ok":
                raise _damage(path, ValueError(rows[0]))
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > migrations[-1].number:
                raise FailedPrecondition(
                    f"database {path} has schema {version}, newer than {migrations[-1].number} known here; use the newer Argosy"
                )
            for step in migrations:
                if step.number > version:
                    db.execute("BEGIN IMMEDIATE")
                    for statement in step.statements:
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version={step.number}")
                    db.execute("COMMIT")
        db.close()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in _FULL:
            raise ResourceExhausted(f"database {path}: the disk is full; free some space and start again") from error
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise Unavailable(f"database {path} is locked by another process; stop it first") from error
        raise _damage(path, error) from error
    except sqlite3.DatabaseError as error:
        raise _damage(path, error) from error


class Database:
    """An open store. Make it with ``open``, end it with ``close``."""

    def __init__(self, path: Path, writer: aiosqlite.Connection, reader: sqlite3.Connection) -> None:
        self.path = path
        self.reader = reader
        self._writer = writer
        self._queue: list[tuple[Write[Any], asyncio.Future[Any]]] = []
        self._running: asyncio.Task[None] | None = None
        self._transactions = self._writes = 0
        self._closed = False

    @classmethod
    async def open(cls, path: Path, migrations: Sequence[Migration]) -> Database:
        """Open or make the file at path. Raises FailedPrecondition when it is damaged, newer, or not a database."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        before = os.umask(0o077)
        try:
            _prepare(path, migrations)
        finally:
            os.umask(before)
        writer = await aiosqlite.connect(path, isolation_level=None)
        await writer.execute("PRAGMA synchronous=FULL")
        await writer.execute("PRAGMA foreign_keys=ON")
        await writer.execute("PRAGMA wal_autocheckpoint=1000")
        reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
        reader.execute("PRAGMA query_only=ON")
        return cls(path, writer, reader)

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
        self._queue.append((change, future))
        if self._running is None:
            self._running = loop.create_task(self._drain())
        return future

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
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode in _FULL:
            return ResourceExhausted(f"database {self.path}: the disk is full; nothing was written")
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError):
            return Unavailable(f"database {self.path}: {error}")
        return error

    def statistics(self) -> DatabaseStatistics:
        return DatabaseStatistics(self._transactions, self._writes)

    async def close(self) -> None:
        """Finish what is queued, then close. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        while self._running is not None:
            await asyncio.shield(self._running)
        self.reader.close()
        await self._writer.close()
