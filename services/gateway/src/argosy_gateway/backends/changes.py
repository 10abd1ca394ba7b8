"""Changes under way on one plugin: who carries them out, who waits for them, and how they are found again after a restart.

Which step follows which is the table in ``protocol``; the reads, writes and waits between the steps are here. Changes that
share a key take turns, and reads of such a key wait as well; nobody else does.
"""

from __future__ import annotations

import abc
import sqlite3
import time
from collections.abc import Callable, Iterable
from typing import Final

import anyio
from argosy import log
from argosy.errors import (
    Aborted,
    ArgosyError,
    Cancelled,
    DataLoss,
    DeadlineExceeded,
    Internal,
    Locked,
    Unavailable,
    Unknown,
)
from argosy.store.database import Database

from argosy_gateway.backends.protocol import Event, Operation, Stage, move
from argosy_gateway.metadata import intents
from argosy_gateway.metadata.intents import Intent
from argosy_gateway.plugins.plugin import Plugin
from argosy_gateway.work import Work, in_a_task

logger = log.get("gateway.changes")

# How long a change, or a read, waits for another change of its key before its caller is told to come again, in seconds.
_WAIT_S: Final = 20.0
_AGAIN_FIRST_S, _AGAIN_MOST_S = 0.1, 3.0
# After a call that broke off, the plugin may still be at it: it is looked through once more this much later.
_LATE_S: Final = 60.0
# Errors after which nobody knows whether it was done; all others are refusals.
_CUT: Final = (Unavailable, DeadlineExceeded, Cancelled, Aborted, Internal, DataLoss)


class Change(abc.ABC):
    """One change of one plugin: the keys that it is about, how to ask the plugin for it, how to see what became of it, and how to undo its rows."""

    operation: Operation

    def __init__(self, ns: str, keys: Iterable[str]) -> None:
        self.ns, self.keys = ns, tuple(keys)
        self.intent: Intent | None = None
        self.recorded = False
        """Whether its rows are written, be it in a transaction that is not on disk yet. Set by the database's writer."""
        self.stage = Stage.RECORDED
        self.began = time.monotonic()
        self.reason: ArgosyError | None = None
        """Why nobody knows yet how it ended."""
        self.adrift = False
        """Whether no caller looks after it any more: then ``Changes`` asks the plugin until it is over."""
        self.ended = anyio.Event()

    @property
    def what(self) -> str:
        """Return what it is about, for sentences."""
        return " and ".join(f'"{key}"' for key in self.keys)

    @abc.abstractmethod
    async def ask(self) -> None:
        """Ask the plugin for it. Raises the plugin's error."""

    @abc.abstractmethod
    async def look(self) -> Event:
        """Ask the plugin what it holds: NEW, OLD or NEITHER. Raises the plugin's error."""

    @abc.abstractmethod
    def undo(self, db: sqlite3.Connection) -> None:
        """Take the rows back, in a transaction."""

    def settled(self) -> None:  # noqa: B027 - most tell nobody
        """Called once, when the change is done for good: publish its event."""


class Changes:
    """The changes of one plugin that are under way, by namespace and key."""

    def __init__(self, plugin: Plugin, db: Database, work: Work) -> None:
        self.plugin, self._db, self._work = plugin, db, work
        self.open: dict[tuple[str, str], Change] = {}
        self._resolving = False
        self._late = False

    # -- who may --

    def under_way(self, ns: str, key: str) -> bool:
        return (ns, key) in self.open

    def undecided(self, ns: str, key: str) -> bool:
        """Return whether the row of a key says what the plugin has not done yet. To be asked in a transaction.

        A change that has its key, and is not written, may still be told that somebody else's row is there: that one is as it was.
        """
        change = self.open.get((ns, key))
        return change is not None and change.recorded

    async def free(self, ns: str, *keys: str) -> None:
        """Wait until no change is under way for these keys. That holds until the caller awaits something else.

        Raises Unavailable after ``_WAIT_S`` seconds, with what it waited for.
        """
        if any((ns, key) in self.open for key in keys):
            await in_a_task()
        while (change := next((c for key in keys if (c := self.open.get((ns, key)))), None)) is not None:
            with anyio.move_on_after(_WAIT_S) as wait:
                await change.ended.wait()
            if wait.cancelled_caught:
                raise self._busy(change)

    def _busy(self, change: Change) -> Unavailable:
        since = time.monotonic() - change.began
        because = f": {change.reason.message}" if change.reason is not None else ""
        return Unavailable(
            f"{change.operation.value} of {change.what} is under way for {since:.1f} s at {self.plugin}{because}; try again later"
        )

    def enter(self, change: Change) -> None:
        """Take a change's keys; the caller has waited until they are ``free``."""
        for key in change.keys:
            self.open[change.ns, key] = change

    def leave(self, change: Change) -> None:
        for key in change.keys:
            if self.open.get((change.ns, key)) is change:
                del self.open[change.ns, key]
        change.ended.set()

    # -- how it goes --

    async def carry_out(self, change: Change, begin: Callable[[sqlite3.Connection], Intent | ArgosyError]) -> None:
        """Record a change that was entered, ask for it, and write the outcome.

        begin runs in a transaction: it changes the rows and returns the intent that it added. When it returns an error, the
        plugin is not asked, and the error is raised once whatever begin wrote is on disk; what it raises is raised, and nothing is
        written. Raises the plugin's error as well. A change of which nobody knows how it ended keeps its keys, and is looked after
        in the background. Run it as ``Work``, so that no caller cuts it; a gateway that dies in it takes it up at its next start.
        """

        def record(db: sqlite3.Connection) -> Intent | ArgosyError:
            begun = begin(db)
            change.recorded = isinstance(begun, Intent)
            return begun

        try:
            self.plugin.check()
            begun = await self._db.write(record)
            if isinstance(begun, ArgosyError):
                raise begun
            change.intent = begun
        except BaseException:
            self.leave(change)
            raise
        error: Exception | None = None
        try:
            error = await self._ask(change)
            if error is None:
                self._end(change)
            elif change.stage.final:
                await self._undo(change)
            else:
                await self._resolve(change)
        except Exception as failed:
            self._set_adrift(change, failed)
            error = error or failed
        if error is not None and change.stage is not Stage.SETTLED:
            raise error

    async def _ask(self, change: Change) -> ArgosyError | None:
        """Ask the plugin for a change, and set the stage that its answer leads to. Returns the plugin's error, or None."""
        error: ArgosyError | None = None
        try:
            await change.ask()
            event = Event.YES
        except ArgosyError as failed:
            error = failed
            event = Event.CUT if isinstance(failed, _CUT) or type(failed) is Unknown else Event.NO
            if isinstance(failed, Locked) or (isinstance(failed, Unavailable) and failed.unsent):
                event = Event.NO
        change.stage = move(change.operation, change.stage, event)
        if event is Event.CUT:
            change.reason = error
            self._look_later()
        return error

    async def _resolve(self, change: Change) -> None:
        """Ask the plugin until it is known how a change ended, and end it so. Raises the plugin's error when it does not say."""
        while not change.stage.final:
            if change.stage.asks:
                change.stage = move(change.operation, change.stage, await change.look())
                continue
            error = await self._ask(change)
            if change.stage is Stage.DOUBT and error is not None:
                raise error
        if change.stage is Stage.SETTLED:
            self._end(change)
            return
        if change.stage is Stage.LOST:
            self.plugin.distrust(
                DataLoss(f"{self.plugin} holds neither the old nor the new state of {change.what} in namespace {change.ns}")
            )
        await self._undo(change)

    def _end(self, change: Change) -> None:
        intent = change.intent
        assert intent is not None
        # Should this get lost, a restart asks the plugin and finds the same: nobody waits for it to be on disk.
        self._db.later(lambda db: intents.drop(db, intent.id))
        self.leave(change)
        change.settled()

    async def _undo(self, change: Change) -> None:
        intent = change.intent
        assert intent is not None

        def back(db: sqlite3.Connection) -> None:
            change.undo(db)
            intents.drop(db, intent.id)

        await self._db.write(back)
        self.plugin.dirty = True
        self.leave(change)

    # -- what is in doubt --

    def restore(self, change: Change, intent: Intent) -> None:
        """Take up a change that was under way when the gateway ended; its keys are busy from now on."""
        change.intent, change.recorded, change.stage = intent, True, Stage.DOUBT
        self.enter(change)
        self._set_adrift(change, Unavailable("the gateway was started again in the middle of it"))

    def _set_adrift(self, change: Change, reason: Exception) -> None:
        """Leave a change to the background, which asks the plugin until it says how the change ended."""
        change.adrift, change.reason = True, reason if isinstance(reason, ArgosyError) else Internal(repr(reason))
        if not isinstance(reason, ArgosyError):
            logger.error("change.failed", plugin=self.plugin.name, change=change.what, error=repr(reason), exc_info=reason)
        if not self._resolving:
            self._resolving = True
            self._work.group.start_soon(self._look_after_all)

    async def _look_after_all(self) -> None:
        pause = _AGAIN_FIRST_S
        try:
            while True:
                adrift = [change for change in dict.fromkeys(self.open.values()) if change.adrift]
                if not adrift:
                    return
                for change in adrift:
                    try:
                        await (self._undo(change) if change.stage.final else self._resolve(change))
                        pause = _AGAIN_FIRST_S
                    except Exception as error:
                        # Whatever it is: the others go on, and this one is tried again.
                        self._set_adrift(change, error)
                if any(not change.ended.is_set() for change in adrift):
                    await anyio.sleep(pause)
                    pause = min(pause * 2, _AGAIN_MOST_S)
        finally:
            self._resolving = False

    def _look_later(self) -> None:
        """Make the plugin dirty now and once more in a while: it may still carry out a call that broke off."""
        self.plugin.dirty = True
        if not self._late:
            self._late = True
            self._work.group.start_soon(self._dirty_later)

    async def _dirty_later(self) -> None:
        await anyio.sleep(_LATE_S)
        self._late = False
        self.plugin.dirty = True
