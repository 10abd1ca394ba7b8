"""Registering plugins while everything runs: what may come, what may go, and what is written down of it.

A row is on disk before a plugin is used, and gone before it is used no more, so that a gateway which dies in between has done all of it
or nothing after its next start. Whoever was not answered asks again: to add what is there changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Final

import anyio
from argosy.errors import (
    ArgosyError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unavailable,
    Unimplemented,
)
from argosy.names import check_identifier
from argosy.rpc import short
from argosy.rpc.channel import Channel
from argosy.rpc.sockets import MAX_PATH_BYTES
from argosy.tables import ProxyPlugin
from argosy_protos.argosy.service.v1 import ClaimRequest, ServiceStub
from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.grpc.health.v1 import HealthCheckRequest, HealthCheckResponseServingStatus, HealthStub

from argosy_gateway.core import Core
from argosy_gateway.metadata import plugins as rows
from argosy_gateway.plugins.plugin import WORK_S, Claim, Plugin, Source, State, connect

WAIT_S: Final = 30.0
"""How long the removal of a plugin waits for its calls in flight, unless it is told otherwise."""
# How long a plugin that is to be registered may take to be connected to, and to answer what shows that it is one.
_LOOK_S: Final = 2.0
# How long all the questions to one that is to be swapped in may take.
_READY_S: Final = 5.0
# How long a removal waits for a collection of what nobody needs any more.
_COLLECT_S: Final = 10.0


class Registration:
    """Adds plugins to a gateway's core, drains them and removes them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._writing = anyio.Lock()  # never held across a call to a plugin
        self._leaving: set[str] = set()

    # -- adding --

    async def add(self, name: str, config: ProxyPlugin, source: Source = Source.REGISTERED) -> Plugin:
        """Register a plugin, which need not be there yet, and return it.

        Raises AlreadyExists for a name that another has, FailedPrecondition beside a plugin that can be the only one, InvalidArgument for
        a table that means nothing, or a process that serves something else, PermissionDenied for one whose user may not serve.
        Cancellation: it is registered or not.
        """
        found = self._same(name, config, source)
        if found is None:
            self._check(name, config)
            await _look(name, config)
            found = await self._core.work.finish(self._add, name, config, source)
            with anyio.move_on_after(_LOOK_S):
                await found.look()
        return found

    def _same(self, name: str, config: ProxyPlugin, source: Source) -> Plugin | None:
        """Return the plugin that was registered in the same words before."""
        found = self._core.registry.plugins.get((config.type, name))
        same = found is not None and source is Source.REGISTERED is found.source and found.config == config
        return found if same else None

    def _check(self, name: str, config: ProxyPlugin, in_place_of: Plugin | None = None) -> None:
        check_identifier(name)
        core = self._core
        path = config.address.removeprefix("unix://")
        if not short.fits(path):
            raise InvalidArgument(
                f"socket path {path} is longer than {MAX_PATH_BYTES} bytes; have the plugin listen at a shorter one"
            )
        if path == str(core.settings.address):
            raise InvalidArgument(f"{path} is the gateway's own socket; give that of the plugin")
        core.registry.check_beside(name, config, in_place_of)
        if core.services is not None and in_place_of is None:
            core.services.check(name, config.services)

    async def _add(self, name: str, config: ProxyPlugin, source: Source) -> Plugin:
        core = self._core
        async with self._writing:
            found = self._same(name, config, source)
            if found is not None:
                return found
            self._check(name, config)
            if source is Source.REGISTERED:
                await core.db.write(partial(rows.add, name=name, type=config.type, table=asdict(config)))
            plugin = core.registry.add(name, config, source)
            try:
                core.admit(plugin, set())
            except InvalidArgument:  # another plugin's reflection has named one of its services meanwhile
                core.registry.remove(plugin)
                if source is Source.REGISTERED:
                    await core.db.write(partial(rows.remove, name=name, type=config.type, force=True))
                raise
            plugin.dirty = True  # it may have been ours before
            if rows.is_drained(core.db.reader, name):
                plugin.drain()
        return plugin

    # -- draining --

    async def drain(self, name: str, wait_s: float = 0.0) -> Plugin:
        """Have a plugin get no new calls, over restarts too; wait up to so many seconds for those in flight. Raises NotFound."""
        plugin = self._core.registry.named(name)
        await self._core.work.finish(self._set_drained, plugin, True)
        await plugin.is_quiet(wait_s)
        return plugin

    async def undrain(self, name: str) -> Plugin:
        """Have a plugin get calls again. Raises NotFound, Unavailable while it is being removed."""
        plugin = self._core.registry.named(name)
        self._check_staying(name)
        await self._core.work.finish(self._set_drained, plugin, False)
        return plugin

    def suspend(self, name: str) -> None:
        """Have a plugin get no new calls until ``resume``. Raises NotFound."""
        self._core.registry.named(name).drain()

    async def resume(self, name: str) -> None:
        """Have a plugin get calls again, unless somebody has drained it. Raises NotFound."""
        plugin = self._core.registry.named(name)
        if not rows.is_drained(self._core.db.reader, name):
            plugin.undrain()

    async def _set_drained(self, plugin: Plugin, drained: bool) -> None:
        await self._core.db.write(partial(rows.drain, name=plugin.name, type=plugin.type, drained=drained))
        if drained:
            plugin.drain()
        else:
            plugin.undrain()

    # -- swapping --

    async def swap(self, name: str, address: str) -> Plugin:
        """Have the process at another socket serve a registered plugin: new calls go to it from one instant on.

        Calls in flight end on the one before. Raises NotFound, FailedPrecondition for a plugin that was not registered by a call, for a
        process that is somebody else's, or that lacks what the one before has; Unavailable when it is not there or does not serve;
        InvalidArgument, PermissionDenied. All is as it was then. Cancellation: it goes on once the new one was found right.
        """
        plugin = self._registered(name)
        try:
            config = replace(plugin.config, address=address)
        except ValueError as error:
            raise InvalidArgument(f'plugin "{name}": {error}') from None
        return await self._swap(plugin, config)

    async def rollback(self, name: str) -> Plugin:
        """Swap a plugin back to what it was before. Raises as ``swap`` does, FailedPrecondition when it was never swapped."""
        plugin = self._registered(name)
        return await self._swap(plugin, ProxyPlugin(**rows.previous(self._core.db.reader, name)))

    def _registered(self, name: str) -> Plugin:
        plugin = self._core.registry.named(name)
        if plugin.source is not Source.REGISTERED:
            raise FailedPrecondition(
                f"{plugin} is one of the {plugin.source.value}, which says where it is; change it there"
            )
        self._check_staying(name)
        return plugin

    async def _swap(self, plugin: Plugin, config: ProxyPlugin) -> Plugin:
        if config == plugin.config:
            return plugin
        self._check(plugin.name, config, plugin)
        # What has ended is no change under way once its intent is gone, which nobody waits for otherwise.
        held = await self._core.db.write(partial(rows.held, name=plugin.name, type=plugin.type))
        claimed = await _ready(plugin.name, config, (self._core.uuid, str(self._core.settings.address)), held)
        await self._core.work.finish(self._put, plugin, config, claimed)
        return plugin

    async def _put(self, plugin: Plugin, config: ProxyPlugin, claimed: Claim) -> None:
        core = self._core
        async with self._writing:
            self._check_staying(plugin.name)
            if core.registry.plugins.get((plugin.type, plugin.name)) is not plugin:
                raise Unavailable(f"{plugin} was removed meanwhile")
            table, was = asdict(config), asdict(plugin.config)
            await core.db.write(partial(rows.swap, name=plugin.name, table=table, previous=was))
            before = core.registry.swap(plugin, config, claimed)
        core.work.start(self._leave(plugin, before))

    async def _leave(self, plugin: Plugin, channel: Channel) -> None:
        await plugin.has_left(channel, WORK_S)
        self._core.registry.leave(channel)

    # -- removing --

    def _check_staying(self, name: str) -> None:
        if name in self._leaving:
            raise Unavailable(f'plugin "{name}" is being removed; look in a moment whether it is gone')

    async def remove(self, name: str, force: bool = False, wait_s: float = WAIT_S, by: Source = Source.REGISTERED) -> None:
        """Drain a plugin, wait up to so many seconds for its calls in flight, and forget it.

        force: also while something needs it, without waiting. by: whoever made it known. Raises NotFound; FailedPrecondition for one of the configuration, and for
        one that is needed, which says for what; Unavailable when calls do not end. All is as it was then. Cancellation: it goes on.
        """
        plugin = self._core.registry.named(name)
        if plugin.source is Source.CONFIGURATION:
            raise FailedPrecondition(
                f"{plugin} is one of the configuration, which would bring it back; take it out there, or drain it"
            )
        if plugin.source is not by:
            raise FailedPrecondition(
                f"{plugin} is there since its files are in plugins.d; take these away, and it goes, or drain it"
            )
        self._check_staying(name)
        await self._core.work.finish(self._remove, plugin, force, wait_s)

    async def _remove(self, plugin: Plugin, force: bool, wait_s: float) -> None:
        core, name = self._core, plugin.name
        if not force:
            await self._check_unused(plugin)
        self._check_staying(name)
        self._leaving.add(name)
        was_draining = plugin.state is State.DRAINING
        plugin.drain()
        try:
            if not force and not await plugin.is_quiet(wait_s):
                raise Unavailable(
                    f"{plugin} has {plugin.in_flight} calls in flight after {wait_s:g} s; it takes calls again: wait longer, or force it"
                )
            async with self._writing:
                await core.db.write(partial(rows.remove, name=name, type=plugin.type, force=force))
                core.dismiss(plugin)
        except BaseException:
            if not was_draining:
                plugin.undrain()
            raise
        finally:
            self._leaving.discard(name)

    async def _check_unused(self, plugin: Plugin) -> None:
        """Raise FailedPrecondition when something needs a plugin, also once what nobody needs has been collected."""
        core = self._core
        if rows.uses(core.db.reader, plugin.name, plugin.type):
            with anyio.move_on_after(_COLLECT_S):
                await core.scheduler.collect_now()
            rows.check_unused(core.db.reader, plugin.name, plugin.type)


async def _ready(name: str, config: ProxyPlugin, us: tuple[str, str], held: Sequence[str]) -> Claim:
    """Ask a process whether it can serve a plugin that has served; us is who claims it. Returns whose it is.

    held is what it must have. Raises Unavailable, FailedPrecondition, and what ``_look`` does.
    """
    await _look(name, config)
    async with connect(name, config) as channel:
        bound = channel.within(_READY_S)
        with suppress(Unimplemented, NotFound):  # it has no health, or none of the whole
            health = await HealthStub(bound).check(HealthCheckRequest())
            if health.status is not HealthCheckResponseServingStatus.SERVING:
                raise Unavailable(f"{channel.name} at {channel.path} says that it does not serve; swap once it does")
        claimed = Claim.OURS
        try:
            await ServiceStub(bound).claim(ClaimRequest(owner=us[0], address=us[1]))
        except Unimplemented:
            claimed = Claim.FOREIGN
        for one in held:
            try:
                if config.type == "snapshot":
                    await snapshots.SnapshotsStub(bound).stat(snapshots.StatSnapshotRequest(snapshotter=name, key=one))
                else:
                    await content.ContentStub(bound).info(content.InfoRequest(digest=one))
            except NotFound:
                raise FailedPrecondition(
                    f'{channel.name} at {channel.path} does not have "{one}", which the one before has; give the new one the same data'
                ) from None
        return claimed


async def _look(name: str, config: ProxyPlugin) -> None:
    """Ask who is at a socket, if somebody is. Raises PermissionDenied for who may not serve it, InvalidArgument for who serves something else.

    One that is not there yet, does not answer or talks rubbish is no error here: its state will say so.
    """
    asked: tuple[str, Any] | None = {
        "snapshot": (f"{snapshots.SnapshotsBase.__service__}/Stat", snapshots.StatSnapshotRequest(snapshotter=name, key="none/0/none")),
        "content": (f"{content.ContentBase.__service__}/Info", content.InfoRequest(digest=f"sha256:{'0' * 64}")),
    }.get(config.type)  # fmt: skip
    async with connect(name, config) as channel:
        try:
            await channel.connected(_LOOK_S)
            if asked is not None:
                await channel.unary(f"/{asked[0]}", asked[1], bytes, timeout=_LOOK_S)
        except (Unavailable, DeadlineExceeded):
            return
        except Unimplemented:
            assert asked is not None
            raise InvalidArgument(
                f"{channel.name} at {channel.path} does not serve {asked[0].partition('/')[0]}; give the socket of one that does"
            ) from None
        except ArgosyError as error:
            if error.unsent:
                raise
