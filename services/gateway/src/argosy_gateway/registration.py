"""Registering plugins while everything runs: what may come, what may go, and what is written down of it.

A row is on disk before a plugin is used, and gone before it is used no more, so that a gateway which dies in between has done all of it
or nothing after its next start. Whoever was not answered asks again: to add what is there changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from typing import Final

import anyio
from argosy.errors import FailedPrecondition, InvalidArgument, Unavailable
from argosy.tables import ProxyPlugin

from argosy_gateway.admission import LOOK_S, Admission, look
from argosy_gateway.core import Core
from argosy_gateway.metadata import plugins as rows
from argosy_gateway.plugins.plugin import Plugin, Source, State
from argosy_gateway.swaps import Canary, Swaps

WAIT_S: Final = 30.0
"""How long the removal of a plugin waits for its calls in flight, unless it is told otherwise."""
# How long one by command may take to begin before it is answered that it has not.
_BEGIN_S: Final = 5.0
# How long a removal waits for a collection of what nobody needs any more.
_COLLECT_S: Final = 10.0


class Registration:
    """Adds plugins to a gateway's core, drains them and removes them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.admission = Admission(core)
        self._swaps = Swaps(core, self.admission)

    def take_up(self) -> None:
        """Take up what was under way when the gateway ended. Call it before there are calls."""
        self._swaps.take_up()

    # -- adding --

    async def add(self, name: str, config: ProxyPlugin, source: Source = Source.REGISTERED) -> Plugin:
        """Register a plugin, which need not be there yet, and return it.

        Raises AlreadyExists for a name that another has, FailedPrecondition beside a plugin that can be the only one, InvalidArgument for
        a table that means nothing, or a process that serves something else, PermissionDenied for one whose user may not serve.
        One by command gets a socket, where its table names none. Cancellation: it is registered or not.
        """
        found = self._same(name, config, source)
        if found is None:
            if config.command:
                self._core.programs.check()
            if not config.address:
                config = replace(config, address=self._core.programs.address(name))
            self.admission.check(name, config)
            await look(name, config)
            found = await self._core.work.finish(self._add, name, config, source)
            if config.command:
                with suppress(FailedPrecondition, Unavailable):  # its state says so
                    await self._core.programs.begun(found.config.address, _BEGIN_S)
            with anyio.move_on_after(LOOK_S):
                await found.look()
                await found.meet()
        return found

    def _same(self, name: str, config: ProxyPlugin, source: Source) -> Plugin | None:
        """Return the plugin that was registered in the same words before."""
        found = self._core.registry.plugins.get((config.type, name))
        if found is None or found.source is not Source.REGISTERED or source is not Source.REGISTERED:
            return None
        # One by command had its socket from here.
        said = config if config.address else replace(config, address=found.config.address)
        return found if found.config == said else None

    async def _add(self, name: str, config: ProxyPlugin, source: Source) -> Plugin:
        core = self._core
        async with self.admission.writing:
            found = self._same(name, config, source)
            if found is not None:
                return found
            self.admission.check(name, config)
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
        self.admission.check_staying(plugin)
        await self._core.work.finish(self._set_drained, plugin, False)
        return plugin

    def suspend(self, name: str) -> None:
        """Have a plugin get no new calls until ``resume``. Raises NotFound."""
        self._core.registry.named(name).drain()

    async def resume(self, name: str) -> None:
        """Have a plugin get calls again, unless somebody has drained it. Raises NotFound."""
        plugin = self._core.registry.named(name)
        if not rows.is_drained(self._core.db.reader, plugin.name):
            plugin.undrain()

    async def _set_drained(self, plugin: Plugin, drained: bool) -> None:
        await self._core.db.write(partial(rows.drain, name=plugin.name, type=plugin.type, drained=drained))
        if drained:
            plugin.drain()
        else:
            plugin.undrain()

    # -- swapping --

    async def swap(
        self,
        name: str,
        address: str = "",
        command: Sequence[str] = (),
        directory: str = "",
        canary: Canary | None = None,
        verify: bool = False,
    ) -> Plugin:
        """Have another process serve a plugin: new calls go to it from one instant on.

        It is the one at address, or a fresh one: of command, begun in directory, or without either of the command that the plugin has. With a
        canary it is watched for a while before this returns; verify: it is judged before, in a root of its own.

        Calls in flight end on the one before; where that has a root that the other is to take over, they end before, and new ones wait
        (``handover``). Raises NotFound, FailedPrecondition for a plugin whose socket others say, for a process that could not start, that is
        somebody else's, or that lacks what the one before has; Unavailable when it is not there or does not serve; InvalidArgument,
        PermissionDenied; Aborted when the canary went back. All is as it was then. Cancellation: it goes on.
        """
        plugin = self._swapped(name)
        await self._swaps.swap(plugin, address, command, directory, canary, verify)
        return plugin

    async def rollback(self, name: str) -> Plugin:
        """Swap a plugin back to what it was before. Raises as ``swap`` does, FailedPrecondition when it was never swapped."""
        plugin = self._swapped(name)
        await self._swaps.rollback(plugin)
        return plugin

    def _swapped(self, name: str) -> Plugin:
        """Return a plugin that another process may serve. Raises NotFound, Unavailable; FailedPrecondition for an instance, which whoever runs it changes."""
        for intercept in self._core.registry.intercepts:
            if name in (intercept.plugin.name, intercept.plugin.full_name):
                raise FailedPrecondition(
                    f'"{intercept.plugin.name}" is an instance that calls are intercepted for, which takes part in no swap: restart it, or end '
                    "the intercept and begin it at another socket"
                )
        plugin = self._core.registry.named(name)
        self.admission.check_staying(plugin)
        return plugin

    # -- removing --

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
        self.admission.check_staying(plugin)
        await self._core.work.finish(self._remove, plugin, force, wait_s)

    async def _remove(self, plugin: Plugin, force: bool, wait_s: float) -> None:
        core, name = self._core, plugin.name
        if not force:
            await self._check_unused(plugin)
        self.admission.check_staying(plugin)
        with self.admission.leaving(plugin):
            was_draining = plugin.state is State.DRAINING
            plugin.drain()
            try:
                if not force and not await plugin.is_quiet(wait_s):
                    raise Unavailable(
                        f"{plugin} has {plugin.in_flight} calls in flight after {wait_s:g} s; it takes calls again: wait longer, or force it"
                    )
                async with self.admission.writing:
                    of = core.in_content(name)
                    await core.db.write(partial(rows.remove, name=name, type=plugin.type, force=force, of=of))
                    core.dismiss(plugin)
            except BaseException:
                if not was_draining:
                    plugin.undrain()
                raise

    async def _check_unused(self, plugin: Plugin) -> None:
        """Raise FailedPrecondition when something needs a plugin, also once what nobody needs has been collected."""
        core = self._core
        of = core.in_content(plugin.name)
        if rows.uses(core.db.reader, plugin.name, plugin.type, of):
            with anyio.move_on_after(_COLLECT_S):
                await core.scheduler.collect_now()
            rows.check_unused(core.db.reader, plugin.name, plugin.type, of)
