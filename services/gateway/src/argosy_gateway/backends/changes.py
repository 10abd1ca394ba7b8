"""Changes under way on one plugin: carrying them out, waiting for them, and taking them up again after a restart.

Which step follows which is the table in ``protocol``; the reads, writes and waits between the steps are here. Changes that
share a key take turns, and reads of such a key wait as well; nobody else does.

A call that is silent holds nobody up for longer than it must: the plugin is asked beside it whether the change is done, and when
its caller has left, it is given up after a while.
"""

from __future__ import annotations

import abc
import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Self

import anyio
from argosy import log
from argosy.errors import (
    Aborted,
    AlreadyExists,
    ArgosyError,
    Cancelled,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    Locked,
    Unavailable,
    Unknown,
)
from argosy.store.database import Database

from argosy_gateway.backends.protocol import Event, Operation, Stage, move
from argosy_gateway.metadata import intents
from argosy_gateway.metadata.intents import Intent
from argosy_gateway.plugins.plugin import WORK_S, Plugin, State
from argosy_gateway.work import Work, in_a_task

logger = log.get("gateway.changes")

# How long a change, or a read, waits for another change of its key before its caller is told to come again, in seconds.
_WAIT_S: Final = 20.0
_AGAIN_FIRST_S, _AGAIN_MOST_S = 0.1, 3.0
# A call that is silent for longer than this has the plugin asked beside it whether the change is done, as often.
_SILENT_S: Final = 3.0
# A call for which nobody waits is given up after this long: a creation soon, since it can be undone, and within the time that who
# tries again waits for the key (``_WAIT_S``); a commit later, since it can only be asked for again, with more patience each time.
_CREATION_ALONE_S, _COMMIT_ALONE_S = 15.0, 30.0
# An ingest that an earlier commit of ours does not let go of is left to it after this long.
_HELD_S: Final = 30.0
# How many names are tried when a plugin has each from somebody else. Numbers are skipped, more each time.
NAMES: Final = 8
# Errors after which nobody knows whether it was done; all others are refusals.
_CUT: Final = (Unavailable, DeadlineExceeded, Cancelled, Aborted, Internal, DataLoss)


def no_name(plugin: Plugin, ns: str, name: str) -> FailedPrecondition:
    """Return the error for a plugin in which another gateway has every name that was tried; name is the last one."""
    return FailedPrecondition(
        f'{plugin} at {plugin.channel.path} has "{name}" from somebody else, and {NAMES - 1} names before it: another gateway '
        f'uses it with the namespace "{ns}", too; give one of them another plugin, or another namespace'
    )


async def _ended_within(task: asyncio.Task[None], seconds: float) -> bool:
    """Return whether a task has ended, after so many seconds at most. ``asyncio.wait`` takes two turns of the loop more."""
    if task.done():
        return True
    loop = asyncio.get_running_loop()
    turn: asyncio.Future[None] = loop.create_future()

    def go_on(*_: object) -> None:
        if not turn.done():
            turn.set_result(None)

    task.add_done_callback(go_on)
    timer = loop.call_later(seconds, go_on)
    try:
        await turn
    finally:
        timer.cancel()
        task.remove_done_callback(go_on)
    return task.done()


class Caller:
    """The caller of a change: ``with`` around its waiting. A caller that is cancelled there has left, which the change sees in ``left_at``."""

    def __init__(self) -> None:
        self.left_at: float | None = None
        """When it left, in monotonic time."""

    def leave(self) -> None:
        self.left_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is not None and issubclass(kind, anyio.get_cancelled_exc_class()):
            self.leave()


class Change(abc.ABC):
    """One change of one plugin: the keys that it is about, how to ask the plugin for it, how to see what became of it, and how to undo its rows."""

    operation: Operation

    def __init__(self, ns: str, keys: Iterable[str], caller: Caller | None = None) -> None:
        """caller is who waits for it; without one nobody does."""
        self.ns, self.keys = ns, tuple(keys)
        if caller is None:
            caller = Caller()
            caller.leave()
        self.caller = caller
        self.alone_s = _CREATION_ALONE_S if self.operation is Operation.CREATE else _COMMIT_ALONE_S
        """How long a call may be silent for which nobody waits."""
        self.held_since: float | None = None
        """When the plugin first said that an earlier call has not let go."""
        self.names = 1
        """How many names were tried."""
        self.intent: Intent | None = None
        self.recorded = False
        """Whether its rows are written, be it in a transaction that is not on disk yet. Set by the database's writer."""
        self.stage = Stage.RECORDED
        self.began = time.monotonic()
        self.reason: ArgosyError | None = None
        """Why nobody knows yet how it ended."""
        self.can_be_elsewhere = False
        """Whether another plugin is asked for it when this one does not say how it ended."""
        self.plugin: Plugin | None = None
        """Who is asked for it; set when it is entered."""
        self.adrift = False
        """Whether no call looks after it any more: then ``Changes`` asks the plugin until it is over."""
        self.ended = asyncio.Event()

    @property
    def what(self) -> str:
        """Return what it is about, for sentences."""
        return " and ".join(f'"{key}"' for key in self.keys)

    @property
    def verb(self) -> str:
        """Return what is done, for sentences: a noun."""
        return self.operation.value

    @abc.abstractmethod
    async def ask(self) -> None:
        """Ask the plugin for it. Raises the plugin's error."""

    @abc.abstractmethod
    async def look(self) -> Event:
        """Ask the plugin what it holds: NEW, OLD or NEITHER. Raises the plugin's error."""

    async def done(self) -> bool:
        """Ask the plugin, beside a call that is silent, whether the change is done for good. Raises the plugin's error."""
        return await self.look() is Event.NEW

    ends_with_it = False
    """Whether a call that is silent is ended when the change is done; otherwise the plugin may have its answer out."""

    async def taken(self) -> bool:
        """Return whether another gateway has the name of which the plugin said that it is there. Raises the plugin's error."""
        return False

    def rename(self, db: sqlite3.Connection, skip: int) -> Intent:
        """Take another name, skip numbers further on, in a transaction. Returns the intent that names it."""
        raise AssertionError(f"{self.what} has no other name: taken() never says that somebody else has this one")

    @abc.abstractmethod
    def undo(self, db: sqlite3.Connection) -> None:
        """Take the rows back, in a transaction."""

    def settled(self) -> None:  # noqa: B027 - most tell nobody
        """Called once, when the change is done for good: publish its event."""


def _nothing(key: str) -> bool:
    return False


class Changes:
    """The changes of one plugin that are under way, by namespace and key."""

    def __init__(
        self, plugin: Plugin, db: Database, work: Work, keys: dict[tuple[str, str], Change] | None = None,
        is_shared: Callable[[str], bool] = _nothing,
    ) -> None:  # fmt: skip
        """keys are shared with other plugins in which things of the same names are; is_shared says which names may be in several."""
        self.plugin, self._db, self._work = plugin, db, work
        self.open: dict[tuple[str, str], Change] = {} if keys is None else keys
        self._is_shared = is_shared

    # -- who may --

    def _of(self, ns: str, key: str) -> Change | None:
        """Return the change that is under way for a key. What is in doubt in another plugin, which is away, holds up nobody here."""
        change = self.open.get((ns, key))
        if change is None or change.plugin is self.plugin or not change.adrift or not self._is_shared(key):
            return change
        return None if change.plugin is not None and change.plugin.out() else change

    def under_way(self, ns: str, key: str) -> bool:
        return self._of(ns, key) is not None

    def undecided(self, ns: str, key: str) -> bool:
        """Return whether the row of a key says what the plugin has not done yet. To be asked in a transaction.

        A change that has its key, and is not written, may still be told that somebody else's row is there: that one is as it was.
        """
        change = self._of(ns, key)
        return change is not None and change.recorded

    async def free(self, ns: str, *keys: str) -> None:
        """Wait until no change is under way for these keys. That holds until the caller awaits something else.

        Raises Unavailable after ``_WAIT_S`` seconds, with what it waited for.
        """
        if any((ns, key) in self.open for key in keys):
            await in_a_task()
        while (change := next((c for key in keys if (c := self._of(ns, key))), None)) is not None:
            with anyio.move_on_after(_WAIT_S) as wait:
                await change.ended.wait()
            if wait.cancelled_caught:
                raise self._busy(change)

    def _busy(self, change: Change) -> Unavailable:
        since = time.monotonic() - change.began
        because = f": {change.reason.message}" if change.reason is not None else ""
        return Unavailable(
            f"{change.verb} of {change.what} is under way for {since:.1f} s at {change.plugin}{because}; try again later"
        )

    def enter(self, change: Change) -> None:
        """Take a change's keys; the caller has waited until they are ``free``."""
        change.plugin = self.plugin
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
            elif change.can_be_elsewhere:
                change.stage = move(change.operation, change.stage, Event.GIVEN_UP)
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
        while True:
            error: ArgosyError | None = None
            try:
                event = await self._answer(change)
            except Exception as failed:
                error = failed if isinstance(failed, ArgosyError) else Internal(repr(failed))
                if error is not failed:
                    logger.error(
                        "change.failed", plugin=self.plugin.name, change=change.what, error=repr(failed), exc_info=failed
                    )
                event = await self._meaning(change, error)
            change.stage = move(change.operation, change.stage, event)
            if event is Event.TAKEN:
                change.intent = await self._db.write(partial(change.rename, skip=2**change.names - 2))
                change.names += 1
                continue
            if event in (Event.CUT, Event.HELD):
                change.reason = error
                self.plugin.may_be_late()
            return error

    async def _answer(self, change: Change) -> Event:
        """Ask the plugin for a change: YES, or NEW when it holds the new state and says nothing. Raises the plugin's error, Unavailable when nobody waits any more."""
        # In a task of its own, so that who waits for it can stop to.
        asked, began = self._work.start(change.ask()), time.monotonic()
        while not await _ended_within(asked, _SILENT_S):
            if await self._is_done(change, asked):
                logger.warning("change.done_without_answer", plugin=self.plugin.name, change=change.what)
                if change.ends_with_it:
                    asked.cancel()
                return Event.NEW
            left = change.caller.left_at
            alone = 0.0 if left is None else time.monotonic() - max(left, began)
            if alone >= change.alone_s and not asked.done():
                asked.cancel()
                if change.operation is not Operation.CREATE:
                    change.alone_s = min(change.alone_s * 2, WORK_S)
                raise Unavailable(
                    f"{self.plugin} at {self.plugin.channel.path} has not answered the {change.verb} of "
                    f"{change.what} for {alone:.1f} s, and nobody waits for it; it was given up"
                )
        asked.result()
        return Event.YES

    async def _is_done(self, change: Change, asked: asyncio.Task[None]) -> bool:
        """Return whether the plugin says, beside a call, that the change is done. The answer of the call itself ends the look."""
        look = self._work.start(change.done())
        try:
            await asyncio.wait({look, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            looked = look.done()
            look.cancel()
        if not looked:
            return False
        try:
            return look.result()
        except ArgosyError as error:
            logger.debug("change.not_seen", change=change.what, error=error.message)
            return False

    async def _meaning(self, change: Change, error: ArgosyError) -> Event:
        """Return what a plugin's error to a change says of the change."""
        if isinstance(error, Locked) and change.stage is Stage.AGAIN and change.operation is Operation.INGEST:
            # By ourselves: the commit before has not ended.
            change.held_since = change.held_since or time.monotonic()
            return Event.HELD if time.monotonic() - change.held_since >= _HELD_S else Event.CUT
        if isinstance(error, Locked) or (isinstance(error, Unavailable) and error.unsent):
            return Event.NO
        if isinstance(error, _CUT) or type(error) is Unknown:
            return Event.CUT
        if isinstance(error, AlreadyExists) and change.stage is Stage.RECORDED and change.names < NAMES:
            try:
                return Event.TAKEN if await change.taken() else Event.NO
            except ArgosyError as failed:
                logger.warning("change.name_not_seen", plugin=self.plugin.name, change=change.what, error=failed.message)
        return Event.NO

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
            what = "does not let go of" if change.held_since is not None else "holds neither the old nor the new state of"
            self.plugin.distrust(DataLoss(f"{self.plugin} {what} {change.what} in namespace {change.ns}"))
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
        self.plugin.may_be_late()
        self._set_adrift(change, Unavailable("the gateway was started again in the middle of it"))

    def _set_adrift(self, change: Change, reason: Exception) -> None:
        """Leave a change to the background, which asks the plugin until it says how the change ended."""
        if not change.adrift:
            change.adrift = True
            self._work.start(self._look_after(change))
        change.reason = reason if isinstance(reason, ArgosyError) else Internal(repr(reason))
        if not isinstance(reason, ArgosyError):
            logger.error("change.failed", plugin=self.plugin.name, change=change.what, error=repr(reason), exc_info=reason)

    async def _look_after(self, change: Change) -> None:
        """End a change. Each has a task of its own: one for which the plugin does not answer keeps no other waiting."""
        pause = _AGAIN_FIRST_S
        while not change.ended.is_set():
            if self.plugin.state is State.DOWN:
                # It was removed: the intent stays, and is taken up should the plugin be registered again.
                self.leave(change)
                return
            try:
                await (self._undo(change) if change.stage.undone else self._resolve(change))
                return
            except Exception as error:  # whatever it is, it is tried again
                self._set_adrift(change, error)
            await anyio.sleep(pause)
            pause = min(pause * 2, _AGAIN_MOST_S)
