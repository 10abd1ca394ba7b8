"""The mounts that are kept for clients, as their namespaces see them: names and leases are rows, what is mounted is the plugin's.

To make one is a ``Change``: the row first, then the plugin, and a way back. To take one down is to drop the row, and then to tell the
plugin: whoever dies in between leaves what collection takes down. What the plugin does not have any more is mounted no more, whatever the
rows say: a restart of the machine takes all of them, and nothing brings them back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from argosy import log
from argosy.errors import AlreadyExists, ArgosyError, FailedPrecondition, InvalidArgument, NotFound, Unknown
from argosy.filters import Filter
from argosy.labels import check_labels
from argosy.mounting.plan import plan
from argosy.mounts import Mount, check
from argosy.store.database import Database
from argosy_protos.containerd.services.mounts import v1 as p
from argosy_protos.containerd.types import ActivationInfo
from argosy_protos.containerd.types import Mount as WireMount

from argosy_gateway.backends.changes import Caller, Change, Changes
from argosy_gateway.backends.listing import MOST_BYTES, MOST_ENTRIES, wrong
from argosy_gateway.backends.protocol import Event, Operation
from argosy_gateway.gc.removal import remove_all
from argosy_gateway.metadata import mounts as rows
from argosy_gateway.metadata.intents import Intent
from argosy_gateway.metadata.mounts import Row
from argosy_gateway.plugins.plugin import WORK_S, Claim, Plugin
from argosy_gateway.work import Work

logger = log.get("gateway.mounts")

OWNER_LABEL: Final = "argosy/mount.owner"
"""On what is made in the plugin: whose it is."""
# Of a name, which is a path or a snapshot's key at most; the plugin's is longer.
_NAME_BYTES: Final = 4096
# As many as an activation can have.
_MOUNTS: Final = 256


class MountPlugin:
    """The calls to the plugin, and the checks of its answers. Names here are the plugin's own. Each raises the plugin's error."""

    def __init__(self, plugin: Plugin, owner: str) -> None:
        self.plugin, self.owner = plugin, owner

    async def make(self, backend: str, mounts: Sequence[Mount], temporary: bool) -> ActivationInfo:
        request = p.ActivateRequest(
            name=backend, mounts=[mount.to_wire(WireMount) for mount in mounts], labels={OWNER_LABEL: self.owner},
            temporary=temporary,
        )  # fmt: skip
        async with self.plugin.call(WORK_S) as channel:
            return self._checked(backend, (await p.MountsStub(channel).activate(request)).info)

    async def find(self, backend: str) -> ActivationInfo | None:
        """Return what the plugin has under a name, None when it says that there is nothing."""
        try:
            async with self.plugin.call() as channel:
                return self._checked(backend, (await p.MountsStub(channel).info(p.InfoRequest(name=backend))).info)
        except NotFound:
            return None

    async def drop(self, backend: str) -> bool:
        """Have the plugin take one down; False when it was gone."""
        try:
            async with self.plugin.call(WORK_S) as channel:
                await p.MountsStub(channel).deactivate(p.DeactivateRequest(name=backend))
        except NotFound:
            return False
        return True

    async def listed(self) -> dict[str, ActivationInfo]:
        """Return all that the plugin has, by name. Raises DataLoss for a list that can't be true."""
        held: dict[str, ActivationInfo] = {}
        size = 0
        async with self.plugin.call(WORK_S) as channel:
            async for message in p.MountsStub(channel).list(p.ListRequest()):
                info = self._checked("", message.info)
                size += 1024 + len(info.name) + 1024 * (len(info.active) + len(info.system))
                if not info.name or info.name in held:
                    raise wrong(self.plugin, f'listed "{info.name[:256]}" {"twice" if info.name else "as a name"}')
                held[info.name] = info
                if len(held) > MOST_ENTRIES or size > MOST_BYTES:
                    raise wrong(self.plugin, f"listed more than {MOST_ENTRIES} things or {MOST_BYTES >> 20} MiB")
        return held

    def _checked(self, backend: str, info: ActivationInfo | None) -> ActivationInfo:
        """Return an answer that may be handed on. Raises DataLoss, FailedPrecondition for mounts that nobody may ask for."""
        if info is None or (backend and info.name != backend):
            raise wrong(self.plugin, f'answered for "{backend}" with another one, or with nothing')
        if max(len(info.active), len(info.system)) > _MOUNTS or not all(
            active.mount_point.startswith("/") for active in info.active
        ):
            raise wrong(self.plugin, f'answered for "{info.name[:256]}" with mounts that can\'t be')
        try:
            check([Mount.from_wire(mount) for mount in info.system])
        except FailedPrecondition as error:
            refused = FailedPrecondition(f"{self.plugin} at {self.plugin.channel.path}: {error.message}")
            self.plugin.distrust(refused)
            raise refused from None
        return info


class Activation(Change):
    """Mounts that are made."""

    operation = Operation.CREATE

    def __init__(
        self, calls: MountPlugin, ns: str, name: str, mounts: Sequence[Mount] = (), temporary: bool = False,
        caller: Caller | None = None,
    ) -> None:  # fmt: skip
        super().__init__(ns, [name], caller)
        self._calls, self._mounts, self._temporary = calls, mounts, temporary
        self.info: ActivationInfo | None = None
        self.said: Unknown | None = None
        """What the plugin refused it with, in words of containerd's that have no class."""

    @property
    def verb(self) -> str:
        return "activation"

    async def ask(self) -> None:
        assert self.intent is not None
        try:
            self.info = await self._calls.make(self.intent.body["backend"], self._mounts, self._temporary)
        except Unknown as error:
            if type(error) is Unknown:
                # It has no other way to say no, and what it has made all the same is garbage.
                self.said = error
                raise FailedPrecondition(error.message) from error
            raise

    async def look(self) -> Event:
        assert self.intent is not None
        self.info = await self._calls.find(self.intent.body["backend"])
        return Event.OLD if self.info is None else Event.NEW

    def undo(self, db: sqlite3.Connection) -> None:
        assert self.intent is not None
        rows.undo(db, self.intent)


class _Deactivation(Change):
    """Mounts that are taken down: it holds their name until they are. It is no change that could be undone."""

    operation = Operation.CREATE

    @property
    def verb(self) -> str:
        return "deactivation"

    async def ask(self) -> None:
        raise AssertionError("the plugin is told without a way back")

    async def look(self) -> Event:
        raise AssertionError("nobody asks how it ended")

    def undo(self, db: sqlite3.Connection) -> None:
        raise AssertionError("it has no way back")


class Mounts:
    """The mounts plugin and its rows."""

    def __init__(
        self, plugin: Plugin, db: Database, work: Work, mutated: Callable[[bool], None], us: tuple[str, Path]
    ) -> None:
        """us is who claims the plugin: the gateway's uuid and its socket."""
        self.plugin = plugin
        self._calls = MountPlugin(plugin, us[0])
        self._db, self._work, self._mutated, self._us = db, work, mutated, us
        self._changes = Changes(plugin, db, work)

    def restore(self, intents: Sequence[Intent]) -> None:
        """Take up what was under way when the gateway ended."""
        for intent in intents:
            self._changes.restore(Activation(self._calls, intent.ns, intent.body["name"]), intent)

    # -- reads --

    async def info(self, ns: str, name: str) -> ActivationInfo:
        """Return an activation. Raises NotFound, also when it is mounted no more; Unavailable."""
        if self._changes.under_way(ns, name):
            await self._changes.free(ns, name)
        row = rows.find(self._db.reader, ns, name)
        held = None if row is None else await self._calls.find(row.backend)
        if row is None or held is None:
            raise NotFound(f'mount "{name}" not found')
        return _shown(row, held)

    async def walk(self, ns: str, filter: Filter) -> AsyncIterator[ActivationInfo]:
        """Yield every activation of ns, by name. Raises Unavailable."""
        if not rows.listed(self._db.reader, ns):
            return
        held = await self._calls.listed()
        for row in rows.listed(self._db.reader, ns):
            if row.backend in held and filter.matches(row.lookup):
                yield _shown(row, held[row.backend])

    # -- changes --

    async def activate(
        self, ns: str, lease: str | None, name: str, mounts: Sequence[Mount], labels: Mapping[str, str], temporary: bool
    ) -> ActivationInfo:
        """Have mounts made, and keep them.

        Raises Unimplemented when there is nothing to make, AlreadyExists, NotFound for the lease, InvalidArgument, FailedPrecondition,
        the plugin's error, Unavailable. A caller who leaves does not stop what has begun; what it made lives as long as it is referred to.
        """
        check_labels(labels)
        if not name or len(name.encode()) > _NAME_BYTES:
            raise InvalidArgument(f"an activation needs a name, of {_NAME_BYTES} bytes at most")
        plan(mounts, temporary)
        check(mounts)
        await self._changes.free(ns, name)
        with Caller() as caller:
            change = Activation(self._calls, ns, name, mounts, temporary, caller)
            self._changes.enter(change)
            return await self._work.finish(self._activate, change, ns, lease, name, mounts, dict(labels), temporary)

    async def _activate(
        self, change: Activation, ns: str, lease: str | None, name: str, mounts: Sequence[Mount], labels: Mapping[str, str],
        temporary: bool,
    ) -> ActivationInfo:  # fmt: skip
        lost: Collection[str] = ()
        while True:

            def begin(db: sqlite3.Connection, lost: Collection[str] = lost) -> Intent | AlreadyExists:
                return rows.begin(db, ns, self.plugin.name, lease, name, labels, lost)

            try:
                await self._changes.carry_out(change, begin)
                break
            except AlreadyExists:
                row = rows.find(self._db.reader, ns, name)
                if change.intent is not None or row is None or row.backend in lost:
                    raise
                # Its mounts may be gone, with the machine's last run or by somebody's hand.
                if await self._calls.find(row.backend) is not None:
                    raise
                lost = (row.backend,)
            except FailedPrecondition:
                if change.said is not None:
                    raise change.said from None
                raise
            await self._changes.free(ns, name)
            change = Activation(self._calls, ns, name, mounts, temporary, change.caller)
            self._changes.enter(change)
        self._mutated(False)
        row = rows.find(self._db.reader, ns, name)
        assert change.info is not None  # its answer, or what was seen beside it
        if row is None:
            self.plugin.dirty = True
            self._mutated(True)
            raise NotFound(f'mount "{name}" not found')  # it was taken away in the same moment
        return _shown(row, change.info)

    async def deactivate(self, ns: str, name: str) -> None:
        """Forget an activation and have it unmounted. Raises NotFound; the plugin's error, after which collection tries again."""
        await self._changes.free(ns, name)
        removal = _Deactivation(ns, [name])
        self._changes.enter(removal)
        await self._work.finish(self._deactivate, removal, ns, name)

    async def _deactivate(self, removal: Change, ns: str, name: str) -> None:
        try:
            row = await self._db.write(lambda db: rows.remove(db, ns, name))
            self._mutated(False)
            try:
                await self._calls.drop(row.backend)
            except ArgosyError:
                self.plugin.dirty = True
                self._mutated(True)
                raise
        finally:
            self._changes.leave(removal)

    # -- the collector's side --

    async def cleanup(self) -> int:
        """Take down what no row names, and forget the rows of what is mounted no more; return how many were taken down.

        Raises the plugin's error; it stays dirty then.
        """
        plugin = self.plugin
        claim = await plugin.claim(*self._us)
        plugin.dirty = False
        try:
            # Those that are made by now: whatever is made meanwhile may be in the list, or not.
            known = rows.backends(self._db.reader) - rows.being_made(self._db.reader, plugin.name)
            held = await self._calls.listed()
            named = rows.backends(self._db.reader) | rows.being_made(self._db.reader, plugin.name)
            doomed = [
                name for name, info in held.items()
                if name not in named and (claim is Claim.OURS or info.labels.get(OWNER_LABEL) == self._calls.owner)
            ]  # fmt: skip
            removed = await remove_all(doomed, self._calls.drop)
            lost = known - held.keys()
            if lost:
                forgotten = await self._db.write(lambda db: rows.forget(db, plugin.name, lost))
                if forgotten:
                    logger.info("mounts.forgotten", count=forgotten)
        except BaseException:  # also a caller who left in the middle of it
            plugin.dirty = True
            raise
        return removed


def _shown(row: Row, held: Any) -> ActivationInfo:
    """Return an activation as its client sees it."""
    return ActivationInfo(name=row.name, active=held.active, system=held.system, labels=row.labels)
