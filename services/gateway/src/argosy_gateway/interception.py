"""Intercepting the calls of a namespace, a lease or an image: its beginning, its end, and what is written down of it.

The row is on disk before a call goes to the instance. It goes in one transaction with every row of what was made there, after which no
call goes there any more: a gateway that dies in between has done all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

import anyio
from argosy import log
from argosy.errors import (
    AlreadyExists,
    ArgosyError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unavailable,
)
from argosy.labels import MAX_LABEL_BYTES
from argosy.names import check_namespace
from argosy.rpc import short
from argosy.rpc.sockets import MAX_PATH_BYTES
from argosy.tables import SHORT_TYPES, ProxyPlugin

from argosy_gateway.admission import Admission, look
from argosy_gateway.core import Core
from argosy_gateway.metadata import intercepts as rows
from argosy_gateway.metadata import plugins as plugin_rows
from argosy_gateway.metadata.intercepts import Selector
from argosy_gateway.plugins.instances import STANDBY, told
from argosy_gateway.plugins.intercepts import Intercept
from argosy_gateway.plugins.plugin import Plugin, connect

logger = log.get("gateway.intercepts")

# Types whose calls say whose they are, and of which an instance can be beside the plugin.
_TYPES: Final = ("snapshot", "content", "diff")
# How long an end waits for calls in flight, and for the instance to drop what was made there.
_WAIT_S, _DROP_S = 5.0, 5.0


class Interception:
    """Begins intercepts of a core's plugins, and ends them."""

    def __init__(self, core: Core, admission: Admission) -> None:
        self._core = core
        self._writing = admission.writing  # what comes at a socket meanwhile is seen, whatever it is
        self._ending: set[Selector] = set()

    def __iter__(self) -> Iterator[tuple[Intercept, int]]:
        """Yield each intercept, and how many snapshots or blobs there are at its instance."""
        for one in self._core.registry.intercepts:
            yield one, rows.counted(self._core.db.reader, one.selector)

    async def begin(
        self, selector: Selector, address: str, uids: Sequence[int] = (), roots: Sequence[str] = ()
    ) -> tuple[Intercept, int]:
        """Have calls go to the instance at a socket from now on, over restarts too; it need not be there yet.

        Raises NotFound for the plugin; InvalidArgument for one that can't be intercepted, for calls that can't be told apart, and for a
        process that serves something else; AlreadyExists when they go elsewhere already; FailedPrecondition for a socket that is another
        plugin's, PermissionDenied for one whose user may not serve it. Cancellation: they do or they don't.
        """
        core = self._core
        plugin = core.registry.named(selector.plugin)
        selector = selector._replace(plugin=plugin.name)  # TYPE/NAME is one, too
        _check(selector, plugin)
        _check_content(core, selector, plugin)
        try:
            config = ProxyPlugin(
                type=plugin.type, address=address, platform=plugin.config.platform, uids=list(uids), roots=list(roots)
            )
        except ValueError as error:
            raise InvalidArgument(f'intercept "{selector.instance}": {error}') from None
        found = self._same(selector, config)
        if found is None:
            self._check_address(selector, config)
            await look(selector.instance, config)
            await _check_serves(selector, config)
            found = await core.work.finish(self._begin, selector, config)
            with anyio.move_on_after(_WAIT_S):
                await found.plugin.look()
        return found, rows.counted(core.db.reader, found.selector)

    def _same(self, selector: Selector, config: ProxyPlugin) -> Intercept | None:
        """Return the intercept that was begun in the same words before. Raises AlreadyExists, Unavailable."""
        found = self._core.registry.intercepts.find(selector)
        if found is None:
            return None
        if selector in self._ending:
            raise Unavailable(f'intercept "{selector.instance}" is being ended; begin it in a moment')
        if found.plugin.config != config:
            raise AlreadyExists(
                f'intercept "{selector.instance}" goes to {found.plugin.channel.path} already; end it first: '
                f"{found.plugin.remedy}"
            )
        return found

    def _check_address(self, selector: Selector, config: ProxyPlugin) -> None:
        path = config.address.removeprefix("unix://")
        if not short.fits(path):
            raise InvalidArgument(
                f"socket path {path} is longer than {MAX_PATH_BYTES} bytes; have the instance listen at a shorter one"
            )
        core = self._core
        taken = {str(plugin.channel.path): str(plugin) for plugin in core.registry.all()}
        for other, name in {**taken, str(core.settings.address): "the gateway"}.items():
            if path == other or _same_file(path, other):
                # Each of the two would collect what the other has made.
                raise FailedPrecondition(f"{path} is the socket of {name}; serve the instance at one of its own")
        for name, table in plugin_rows.hand_overs(core.db.reader):
            other = str(table.get("address", "")).removeprefix("unix://")
            if path == other or _same_file(path, other):
                raise FailedPrecondition(
                    f'{path} is the socket of who takes plugin "{name}" over; serve the instance at one of its own'
                )

    async def _begin(self, selector: Selector, config: ProxyPlugin) -> Intercept:
        core = self._core
        async with self._writing:
            found = self._same(selector, config)
            if found is not None:
                return found
            self._check_address(selector, config)
            core.registry.named(selector.plugin)  # it may have gone meanwhile
            await core.db.write(partial(rows.add, selector=selector, type=config.type, table=asdict(config)))
            found = core.intercept(selector, config)
            found.plugin.dirty = True  # it may have been ours before
        logger.info("intercept.begun", instance=selector.instance, address=config.address)
        return found

    async def end(self, selector: Selector, force: bool = False) -> None:
        """Have calls go to the plugin itself again, and forget what was made at the instance, which removes it where it can be asked.

        force: also while containers need some of it; nothing is removed from the instance then. Raises NotFound, FailedPrecondition
        while containers do, Unavailable while calls are in flight. All is as it was then. Cancellation: it goes on.
        """
        kind, slash, name = selector.plugin.partition("/")
        if slash and kind in SHORT_TYPES:
            selector = selector._replace(plugin=name)
        found = self._core.registry.intercepts.find(selector)
        if found is None:
            raise NotFound(f'intercept "{selector.instance}"')
        if selector in self._ending:
            raise Unavailable(f'intercept "{selector.instance}" is being ended; look in a moment whether it is gone')
        await self._core.work.finish(self._end, found, force)

    async def _end(self, found: Intercept, force: bool) -> None:
        core, selector, plugin = self._core, found.selector, found.plugin
        if not force:
            rows.check_unused(core.db.reader, selector)
        self._ending.add(selector)
        plugin.drain()
        try:
            if not force and not await plugin.is_quiet(_WAIT_S):
                raise Unavailable(
                    f"{plugin} has {plugin.in_flight} calls in flight after {_WAIT_S:g} s; it takes calls again: "
                    "wait until they are over, or force it"
                )
            async with self._writing:
                await core.db.write(partial(rows.remove, selector=selector, force=force))
                core.registry.intercepts.remove(found)
        except BaseException:
            plugin.undrain()
            raise
        finally:
            self._ending.discard(selector)
        # No row names anything there any more, and no call comes: what was made goes, if somebody is there to drop it.
        plugin.undrain()
        store = core.snapshotters.get(plugin.name) or core.contents.get(plugin.name)
        if store is not None and not force:
            with anyio.move_on_after(_DROP_S), suppress(ArgosyError):
                await store.cleanup()
        core.dismiss(plugin)
        core.scheduler.mutated(True)
        logger.info("intercept.ended", instance=selector.instance)


def _check(selector: Selector, plugin: Plugin) -> None:
    """Raise InvalidArgument for calls that can't be intercepted, or not told apart from others."""
    check_namespace(selector.ns)
    if plugin.type not in _TYPES:
        raise InvalidArgument(
            f"calls to {plugin} can't be intercepted, only those to plugins of the types {' and '.join(_TYPES)}"
        )
    if plugin.type == "content" and selector.is_narrow:
        raise InvalidArgument(f"calls to {plugin} that read say neither lease nor reference; intercept those of a namespace")
    if selector.reference and plugin.type != "snapshot":
        raise InvalidArgument(f"calls to {plugin} say no reference; intercept those of a lease or a namespace")
    for what in (selector.lease, selector.reference):
        if len(what) > MAX_LABEL_BYTES or not what.isprintable():
            raise InvalidArgument(f"{what[:64]!r} is neither a lease's id nor a pattern of references")


def _check_content(core: Core, selector: Selector, plugin: Plugin) -> None:
    """Raise InvalidArgument for a content store that a namespace's calls do not go to: none would ever be intercepted."""
    if plugin.type != "content":
        return
    here = core.content_of(selector.ns)
    if here and here != plugin.name:
        raise InvalidArgument(
            f'the content of namespace "{selector.ns}" is in content plugin "{here}", not in "{plugin.name}"; intercept "{here}"'
        )
    if not here and plugin.name in core.registry.of_namespaces:
        raise InvalidArgument(
            f'the content of namespace "{selector.ns}" is not in content plugin "{plugin.name}", which is there for namespaces that name '
            "it; intercept the one that it is in"
        )


async def _check_serves(selector: Selector, config: ProxyPlugin) -> None:
    """Raise FailedPrecondition for a process that stands by: nobody would tell it to claim its root, which may be the plugin's."""
    async with connect(selector.instance, config) as channel:
        try:
            said = await told(channel)
        except (Unavailable, DeadlineExceeded):
            return  # it need not be there yet
    if said is not None and said.phase == STANDBY:
        raise FailedPrecondition(
            f"{config.address} stands by for {said.root or 'a claim'}, and instances take part in no hand-over; start it with a root of its "
            "own, and without --standby"
        )


def _same_file(path: str, other: str) -> bool:
    try:
        return Path(path).samefile(other)
    except OSError:
        return False  # one of them is not there yet
