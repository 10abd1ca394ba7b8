"""A snapshotter's name with others to fall back on: what its own plugin can't make for a reason of its own, the next one makes.

Each snapshot is in one plugin, which its row names with the reason, and so are all its parents: a chain stays where its first layer
was made. A layer of an image may be in several plugins, each with its own chain below it: while no plugin that has one can be
reached, it is as if it were not there, so that whoever wants the image unpacks it again, into a plugin that can be.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from argosy import log
from argosy.errors import (
    ArgosyError,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
    Unknown,
)
from argosy.filters import Filter
from argosy.labels import SNAPSHOT_REF
from argosy.mounts import Mount
from argosy.plugin.snapshots import rules
from argosy.plugin.snapshots.rules import Info, Kind, Usage
from argosy.store.schema import Reader

from argosy_gateway.backends.snapshots import Snapshotter
from argosy_gateway.metadata import snapshots as rows

T = TypeVar("T")
logger = log.get("gateway.snapshots")

# Of a plugin that is not there.
_SILENT: Final = (Unavailable, DeadlineExceeded)
# A plugin's own reasons: another one may well do it. What is wrong with the request is wrong everywhere.
_OWN: Final = (*_SILENT, Unimplemented, ResourceExhausted, PermissionDenied, Internal, DataLoss, Unknown)
# After a call that was not answered a plugin counts as away for so long, before it is known whether it is.
_SILENT_S: Final = 1.0
# A reason is a label, and a sentence.
_REASON_BYTES: Final = 1024


class Members(NamedTuple):
    """The plugins of a chain, as the gateway has them now."""

    store: Callable[[str], Snapshotter | None]
    """Returns the snapshots of the chain's name in a plugin; None when there is no such plugin now."""
    clean: Callable[[str], Awaitable[int]]
    """Drops what nothing names from a plugin."""


class Chain:
    """The snapshots of a name that has others to fall back on. Methods are those of a ``Snapshotter``."""

    def __init__(
        self, name: str, fallback: Sequence[str], reader: Reader, members: Members, soiled: Callable[[], None]
    ) -> None:
        """fallback are the names of plugins, in the order in which they are tried. soiled is told that rows went, once plugins are marked."""
        self.name, self.order = name, tuple(dict.fromkeys((name, *fallback)))
        self._all = list(self.order)
        self._reader, self._members, self._soiled = reader, members, soiled
        self._silent: dict[str, tuple[float, str]] = {}
        """Plugins that did not answer a moment ago: until when that counts, in monotonic time, and what became of the call."""

    @property
    def plugins(self) -> Sequence[str]:
        """The plugins in which there may be snapshots of this name: also those that it fell back on in an earlier life."""
        return self._all

    def also_in(self, plugin: str) -> None:
        """Say that there are snapshots in a plugin: nothing new is begun there."""
        if plugin not in self._all:
            self._all.append(plugin)

    # -- who there is --

    def _out(self, plugin: str) -> str:
        """Return why a plugin can't be used now; "" when it is worth a call."""
        until, why = self._silent.get(plugin, (0.0, ""))
        return why if time.monotonic() < until else self._known_out(plugin)

    def _known_out(self, plugin: str) -> str:
        store = self._members.store(plugin)
        return f'snapshot plugin "{plugin}" is not registered' if store is None else store.plugin.out()

    def _was_silent(self, plugin: str, error: ArgosyError) -> None:
        # Who was told that a layer is not there makes it next, and must not be told that it is.
        self._silent[plugin] = time.monotonic() + _SILENT_S, error.message

    def _away(self) -> dict[str, str]:
        return {plugin: why for plugin in self._all if (why := self._out(plugin))}

    def _stores(self) -> list[Snapshotter]:
        """Return the snapshots in each plugin that there is, those first that are worth a call. Raises Unavailable when there is none."""
        found = [store for plugin in self._all if (store := self._members.store(plugin)) is not None]
        if not found:
            raise Unavailable(f'snapshotter "{self.name}": none of its plugins is registered: {", ".join(self._all)}')
        return sorted(found, key=lambda store: bool(store.plugin.out()))

    async def _free(self, ns: str, *keys: str) -> None:
        """Wait until no change is under way for these keys, in whichever plugin. Raises Unavailable."""
        await self._stores()[0].free(ns, *keys)

    def _having(self, ns: str, key: str) -> list[str]:
        """Return the plugins that have a snapshot, by the rows, in order."""
        found = {row.plugin for row in rows.everywhere(self._reader, ns, self.name, key)}
        for plugin in found:
            self.also_in(plugin)
        return [plugin for plugin in self._all if plugin in found]

    def _could_be_made(self, key: str, failed: Mapping[str, str]) -> bool:
        """Return whether a snapshot can be made again from content, in a plugin that is there."""
        return rows.is_layer(key) and any(plugin not in failed and not self._out(plugin) for plugin in self.order)

    async def _at_one_that_has(self, ns: str, key: str, ask: Callable[[Snapshotter], Awaitable[T]]) -> T:
        """Ask the first plugin that has a snapshot and can be reached. Raises NotFound, Unavailable, the plugin's error."""
        await self._free(ns, key)
        having = self._having(ns, key)
        failed = {plugin: why for plugin in having if (why := self._known_out(plugin))}
        lost: NotFound | None = None
        for plugin in having:
            store = self._members.store(plugin)
            if plugin in failed or store is None:
                continue
            try:
                answer = await ask(store)
            except NotFound as error:
                lost = error
            except _SILENT as error:
                failed[plugin] = error.message
                self._was_silent(plugin, error)
            else:
                self._silent.pop(plugin, None)
                return answer
        if lost is not None or not having:
            raise lost or rules.missing(key)
        why = "; ".join(failed.values())
        if self._could_be_made(key, failed):
            # Who hears this unpacks the image again, and goes on where that can be.
            raise NotFound(f"snapshot {key} does not exist where it can be reached ({why}); unpack its image again")
        raise Unavailable(f'snapshot "{key}" of "{self.name}": {why}')

    # -- reads --

    async def stat(self, ns: str, key: str) -> Info:
        """Return a snapshot; a layer that can't be reached and can be made again is not found. Raises NotFound, Unavailable."""
        return await self._at_one_that_has(ns, key, lambda store: store.stat(ns, key))

    async def mounts(self, ns: str, key: str) -> Sequence[Mount]:
        """Raises NotFound, FailedPrecondition, Unavailable."""
        return await self._at_one_that_has(ns, key, lambda store: store.mounts(ns, key))

    async def usage(self, ns: str, key: str) -> Usage:
        """Raises NotFound, Unavailable."""
        return await self._at_one_that_has(ns, key, lambda store: store.usage(ns, key))

    async def walk(self, ns: str, filter: Filter) -> AsyncIterator[Info]:
        """Yield every snapshot of ns in the order of its key, once. Raises Unavailable when a plugin that has some can't be reached."""
        found: dict[str, Info] = {}
        for plugin in self._all:
            store = self._members.store(plugin)
            if store is None:
                if rows.listed(self._reader, ns, rows.Place(self.name, plugin)):
                    raise Unavailable(f'snapshotter "{self.name}": {self._out(plugin)}, and has snapshots')
                continue
            async for info in store.walk(ns, filter):
                found.setdefault(info.name, info)
        for key in sorted(found):
            yield found[key]

    # -- changes --

    async def create(
        self, ns: str, lease: str | None, kind: Kind, key: str, parent: str, labels: Mapping[str, str]
    ) -> Sequence[Mount]:
        """Make an active snapshot or a view, in the first plugin that can, on the parent in the same one; return its mounts.

        Raises AlreadyExists, FailedPrecondition, InvalidArgument; NotFound for the parent, also for one that can't be reached and can be
        made again; the error of the last plugin that was asked when none could.
        """
        await self._free(ns, key, parent, labels.get(SNAPSHOT_REF, ""))
        having = self._having(ns, parent) if parent else list(self.order)
        away = self._away()
        # A container's layers are where they are; for a layer that is unpacked there is another place.
        out = self._known_out if parent and not labels.get(SNAPSHOT_REF) else self._out
        where = [plugin for plugin in having if not out(plugin)]
        if parent and not having:
            return await self._stores()[0].create(ns, lease, kind, key, parent, labels)  # says that it is missing
        failed: dict[str, str] = {plugin: away.get(plugin, "") for plugin in having if plugin not in where}
        error: ArgosyError | None = None
        for number, plugin in enumerate(where):
            store = self._members.store(plugin)
            if store is None:
                continue  # removed meanwhile
            more = number + 1 < len(where) or self._could_be_made(parent, {**failed, plugin: ""})
            try:
                mounts = await store.create(
                    ns, lease, kind, key, parent, labels,
                    reason=self._reason(failed), away=away, can_be_elsewhere=more,
                )  # fmt: skip
            except _OWN as refused:
                logger.warning(
                    "snapshotter.falls_back", snapshotter=self.name, plugin=plugin, key=key, error=refused.message
                )
                error = refused
                failed[plugin] = away[plugin] = refused.message
                if isinstance(refused, _SILENT):
                    self._was_silent(plugin, refused)
                continue
            except NotFound:
                if not parent or number + 1 == len(where):
                    raise
                continue  # it has lost the parent, which the next one has as well
            self._silent.pop(plugin, None)
            return mounts
        why = "; ".join(failed.values())
        if parent and (error is None or isinstance(error, _SILENT)) and self._could_be_made(parent, failed):
            raise NotFound(f"{rules.missing_parent(parent).message} where it can be reached ({why}); unpack its image again")
        raise error or Unavailable(f'snapshotter "{self.name}": {why}')

    def _reason(self, failed: Mapping[str, str]) -> str:
        """Return why a snapshot is not made in the plugins before: the first one's reason counts."""
        why = next((failed[plugin] for plugin in self.order if plugin in failed), "")
        return why.encode()[:_REASON_BYTES].decode(errors="ignore")

    async def commit(self, ns: str, lease: str | None, name: str, key: str, labels: Mapping[str, str], parent: str) -> None:
        """Commit an active snapshot where it is. Raises as a ``Snapshotter`` does; FailedPrecondition for a parent in another plugin."""
        await self._free(ns, key, name, parent)
        plugin = next(iter(self._having(ns, key)), "")
        store = self._members.store(plugin) if plugin else self._stores()[0]
        if store is None:
            raise Unavailable(f'snapshot "{key}" of "{self.name}": {self._out(plugin)}')
        others = self._having(ns, parent) if parent and plugin else []
        if others and plugin not in others:
            raise FailedPrecondition(
                f'"{key}" is in snapshot plugin "{plugin}", and its parent "{parent}" in "{others[0]}": a chain stays in one; '
                "prepare it on its parent"
            )
        await store.commit(ns, lease, name, key, labels, parent, self._away())

    async def remove(self, ns: str, lease: str | None, key: str) -> None:
        """Remove the rows now, in every plugin; bytes go with the next collection. Raises NotFound, FailedPrecondition."""
        stores = self._stores()
        await stores[0].remove(ns, lease, key)
        for store in stores:
            store.plugin.dirty = True
        self._soiled()

    async def update(self, ns: str, info: Info, paths: Sequence[str]) -> Info:
        """Change labels. Raises NotFound, InvalidArgument, Unavailable."""
        return await self._at_one_that_has(ns, info.name, lambda store: store.update(ns, info, paths))

    async def cleanup(self) -> int:
        """Clean every plugin that can be reached. Returns how many snapshots went. Raises the plugin's error."""
        return sum([await self._members.clean(plugin) for plugin in self._all if not self._out(plugin)])
