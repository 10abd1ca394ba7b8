"""Checks and migrations of a database file before it is used: it is there if it ever was, whole, and of the newest schema.

An empty file ``<database>.made`` says that there was one. A database that is gone, or empty, is an error then and no fresh start: what it
named would be taken for garbage. Its operator may say otherwise (``argosy.roots``).

Loads little, so that a daemon can read before it is all there.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from argosy.errors import Aborted, ArgosyError, DataLoss, FailedPrecondition, ResourceExhausted, Unavailable
from argosy.roots import ALLOW_LOSS, StrPath, allows_loss, sync_directory

# Without space, SQLite says one of these. All but the first may have other reasons.
_NO_ROOM: Final = frozenset(
    (
        sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR_SHMMAP, sqlite3.SQLITE_IOERR_SHMOPEN, sqlite3.SQLITE_IOERR_SHMSIZE,
        sqlite3.SQLITE_IOERR_WRITE,
    )
)  # fmt: skip
_DAMAGED: Final = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
# Up to this size a start looks at everything, which takes a tenth of a second at most; beyond, it doesn't compare the indices.
_THOROUGH_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of a schema: its number, what it is for, and its statements."""

    number: int
    purpose: str
    statements: Sequence[str]


def migrate(path: StrPath, migrations: Sequence[Migration]) -> None:
    """Make, check and migrate the file at path, each step in one transaction; only we can read it.

    Raises FailedPrecondition when it is damaged, newer, not a database, or gone though there was one; ResourceExhausted, Unavailable.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True, mode=0o700)
    before = os.umask(0o077)
    try:
        known = _made_before(path)
        try:
            _check(path, migrations, known)
        except ResourceExhausted:
            from argosy.store.reserve import Reserve  # of use on a full disk only

            if not Reserve(path).give():
                raise
            _check(path, migrations, known)
        _mark(path)
    finally:
        os.umask(before)


def no_room(error: sqlite3.Error, path: StrPath) -> bool:
    """Return whether error is that of a full disk."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_FULL:
        return True
    if code not in _NO_ROOM:
        return False
    found = os.statvfs(os.path.dirname(os.path.abspath(path)))
    return found.f_bavail * found.f_frsize < 1 << 20 or (found.f_files > 0 and not found.f_favail)


def translated(error: sqlite3.Error, path: StrPath) -> ArgosyError:
    """Return what to tell a peer in place of an error of SQLite's."""
    if no_room(error, path):
        return ResourceExhausted(f"database {path}: the disk is full; nothing was written: remove something, then try again")
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
        return DataLoss(f"database {path} is damaged ({error}); stop its service and restore it from a copy")
    if isinstance(error, sqlite3.IntegrityError):
        return Aborted(f"database {path}: a change at the same time was first ({error}); try again")
    return Unavailable(f"database {path}: {error}")


# Every read comes this way; super() would cost it a tenth of its time.
_execute: Final = sqlite3.Cursor.execute
_fetchone: Final = sqlite3.Cursor.fetchone
_next: Final = sqlite3.Cursor.__next__


class _Rows(sqlite3.Cursor):
    """An iterator over rows that translates SQLite's errors."""

    def fetchone(self) -> Any:
        try:
            return _fetchone(self)
        except sqlite3.Error as error:
            raise self._told(error) from error

    def fetchall(self) -> list[Any]:
        try:
            return super().fetchall()
        except sqlite3.Error as error:
            raise self._told(error) from error

    def __next__(self) -> Any:
        try:
            return _next(self)
        except sqlite3.Error as error:
            raise self._told(error) from error

    def _told(self, error: sqlite3.Error) -> ArgosyError:
        connection = self.connection
        assert isinstance(connection, Reader)
        return translated(error, connection.path)


class Reader(sqlite3.Connection):
    """A connection that only reads. Raises Unavailable, and DataLoss for a damaged file, in place of SQLite's errors."""

    path: StrPath = ""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return _execute(self.cursor(_Rows), sql, parameters)
        except sqlite3.Error as error:
            raise translated(error, self.path) from error


def read_only(path: StrPath) -> Reader:
    """Return a connection that only reads, in whatever thread uses it."""
    name = os.fspath(path)
    for special in "%?#":
        name = name.replace(special, f"%{ord(special):02x}")
    reader = sqlite3.connect(f"file:{name}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, factory=Reader)
    reader.path = path
    reader.execute("PRAGMA query_only=ON")
    reader.execute("PRAGMA temp_store=MEMORY")
    return reader


def _marker(path: StrPath) -> str:
    return f"{os.fspath(path)}.made"


def _size(path: StrPath) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _gone(path: StrPath, what: str) -> FailedPrecondition:
    folder = os.path.dirname(os.path.abspath(path))
    return FailedPrecondition(
        f"database {path} {what}, though there was one; nothing was changed: restore it from a copy, or create {folder}/{ALLOW_LOSS} "
        "to start anew without all that it named"
    )


def _made_before(path: StrPath) -> bool:
    """Return whether there was a database here, and is to be one. Raises FailedPrecondition when it is gone."""
    if allows_loss(os.path.dirname(os.path.abspath(path))):
        return False
    known = os.path.exists(_marker(path))
    # A log without its database is the same: SQLite would drop it.
    if not _size(path) and (known or _size(f"{os.fspath(path)}-wal")):
        raise _gone(path, "is empty" if os.path.exists(path) else "is gone")
    return known


def _mark(path: StrPath) -> None:
    """Note, durably, that there is a database. Where a full disk has no room for that, the next start does it."""
    marker = _marker(path)
    if os.path.exists(marker):
        return
    try:
        os.close(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        sync_directory(os.path.dirname(os.path.abspath(path)))
    except OSError:
        return


def _damage(path: StrPath, error: Exception) -> FailedPrecondition:
    folder = os.path.dirname(os.path.abspath(path))
    return FailedPrecondition(
        f"database {path} is damaged ({error}); nothing was changed: restore it from a copy, or move it away and create "
        f"{folder}/{ALLOW_LOSS} to start anew without all that it named"
    )


def _check(path: StrPath, migrations: Sequence[Migration], known: bool) -> None:
    """Check and migrate the file, each step in one transaction. Raises FailedPrecondition for a damaged or newer one."""
    check = "integrity_check" if _size(path) <= _THOROUGH_BYTES else "quick_check"
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA temp_store=MEMORY")
            # Whoever has to tell that it is not what it was has changed nothing.
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if known and not version:
                raise _gone(path, "is empty")
            rows = db.execute(f"PRAGMA {check}(1)").fetchone()
            if rows[0] != "ok":
                raise _damage(path, ValueError(rows[0]))
            if version > migrations[-1].number:
                raise FailedPrecondition(
                    f"database {path} has schema {version}, newer than {migrations[-1].number} known here; use the newer Argosy"
                )
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            for step in migrations:
                if step.number > version:
                    db.execute("BEGIN IMMEDIATE")
                    for statement in step.statements:
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version={step.number}")
                    db.execute("COMMIT")
    except sqlite3.Error as error:
        if no_room(error, path):
            raise ResourceExhausted(f"database {path}: the disk is full; free some space and start again") from error
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
            raise Unavailable(f"database {path} is locked by another process; stop it first") from error
        raise _damage(path, error) from error
    except UnicodeDecodeError as error:
        # SQLite's own message, which quotes a name of a damaged schema; sqlite3 wants to have it as text.
        raise _damage(path, ValueError("a name in its schema is no text")) from error
