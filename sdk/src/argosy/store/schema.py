"""A database file as it has to be before anybody works with it: whole, and of the newest schema.

Loads little, so that a daemon can read before it is all there.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from argosy.errors import FailedPrecondition, ResourceExhausted, Unavailable

Place = str | os.PathLike[str]

FULL: Final = frozenset((sqlite3.SQLITE_FULL,))


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of a schema: its number, what it is for, and its statements."""

    number: int
    purpose: str
    statements: Sequence[str]


def prepare(path: Place, migrations: Sequence[Migration]) -> None:
    """Make, check and migrate the file at path, each step in one transaction; only we can read it.

    Raises FailedPrecondition when it is damaged, newer, or not a database; ResourceExhausted, Unavailable.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True, mode=0o700)
    before = os.umask(0o077)
    try:
        _check(path, migrations)
    finally:
        os.umask(before)


def read_only(path: Place) -> sqlite3.Connection:
    """Return a connection that only reads, in whatever thread uses it."""
    name = os.fspath(path)
    for special in "%?#":
        name = name.replace(special, f"%{ord(special):02x}")
    reader = sqlite3.connect(f"file:{name}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    reader.execute("PRAGMA query_only=ON")
    return reader


def _damage(path: Place, error: Exception) -> FailedPrecondition:
    return FailedPrecondition(
        f"database {path} is damaged ({error}); nothing was changed: restore it from a copy, or move it away to start anew"
    )


def _check(path: Place, migrations: Sequence[Migration]) -> None:
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
        if error.sqlite_errorcode in FULL:
            raise ResourceExhausted(f"database {path}: the disk is full; free some space and start again") from error
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise Unavailable(f"database {path} is locked by another process; stop it first") from error
        raise _damage(path, error) from error
    except sqlite3.DatabaseError as error:
        raise _damage(path, error) from error
