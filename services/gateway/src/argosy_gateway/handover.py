"""Handing a plugin's root from the process that has it to another one, which stands by: what is done in which order, and what is done when one dies.

    step        who has the lock   calls of clients   then
    ASKED       old                go to the old      the new one is there, stands by, and is of the same type
    RECORDED    old                go to the old      it is on disk who is about to take it
    HELD        old                wait               nothing is in flight at the old one any more
    RELEASED    nobody             wait               the old one has closed its backend, and stands by
    CLAIMED     new                wait               the new one has opened it, and has what the old one had
    WRITTEN     new                wait               the row names the new one, and the record of RECORDED is gone, in one transaction
    SWAPPED     new                go to the new      the old one stands by, ready to be gone back to

What goes wrong, and who has the lock in the end:

    step        the old one dies          the old one hangs           the new one dies, hangs, refuses    the gateway dies
    ASKED       as without a swap         as without a swap           nothing was changed                 old: nothing was changed
    RECORDED    new                       old, once it answers        old                                 old: at its next start
    HELD        new                       old, once it answers        old                                 old: at its next start
    RELEASED    new: claims at once       new                         old: claims again                   old: claims at its next start
    CLAIMED     new                       new                         old: claims again                   old: at its next start; the new one releases
    WRITTEN     new                       new                         as a plugin that dies               new

"Old: claims again" is ``_back``: the new one is told to release, whatever it has, and the old one to claim. Who is not reached has no lock, since the
kernel takes it from who dies. One that hangs with the lock keeps it: the plugin is degraded then, says which process has its root, and ``_mend`` goes
on until it answers or ends. While calls wait, at most ``QUIET_S`` + ``RELEASE_S`` + ``CLAIM_S`` and some seconds pass; without a fault it is some milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Final

import anyio
from argosy import log
from argosy.errors import (
    ArgosyError,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    Unavailable,
    Unimplemented,
)
from argosy.rpc.channel import Channel
from argosy.tables import ProxyPlugin
from argosy_protos.argosy.instance.v1 import StatusResponse

from argosy_gateway.core import Core
from argosy_gateway.metadata import plugins as rows
from argosy_gateway.plugins import instances
from argosy_gateway.plugins.plugin import Claim, Plugin, State, connect

logger = log.get("gateway.handover")

QUIET_S: Final = 10.0
"""How long calls in flight at the old one may take to end, while new ones wait."""
RELEASE_S: Final = 5.0
"""How long the old one may take to see that, and to close."""
# How long one that was told to claim may take to let go again.
_BACK_S: Final = 1.0
_AGAIN_S: Final = 0.5
_LOOK_S: Final = 0.002
# How often it is asked meanwhile whether the old one is there at all.
_GONE_S: Final = 0.2

Checked = Callable[[Channel], Awaitable[Claim]]
"""Asks a process that has its root whether it can serve a plugin; returns whose it is."""
Put = Callable[[Claim], Awaitable[None]]
"""Writes the row of RECORDED's end, and has new calls go to the new one."""
Ended = Callable[[], Awaitable[bool]]
"""Ends the process that serves a plugin, where that is ours to do; returns whether it has."""
Dropped = Callable[[], Awaitable[None]]
"""Ends the process that was to take over, where that is ours to do."""
Gone = Callable[[], bool]
"""Says whether the process that serves a plugin has ended. Its socket does not, where somebody else holds that, too: nobody accepts then what connects."""


class HandOver:
    """Hands roots over."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._under_way: set[Plugin] = set()

    # -- whether there is something to hand over --

    async def stands_by(self, name: str, config: ProxyPlugin, within_s: float | None = None) -> StatusResponse | None:
        """Return what a process says of its root when it waits to be told to claim it; None for one that serves, or that knows no such thing.

        Raises InvalidArgument for one that would serve something else, Unavailable.
        """
        async with connect(name, config) as channel:
            said = await instances.told(channel, within_s)
            if said is None or said.phase != instances.STANDBY:
                return None
            if said.type != config.type:
                raise InvalidArgument(
                    f"{channel.name} at {channel.path} would serve {said.type}; give the socket of one that serves {config.type}"
                )
            return said

    # -- handing over --

    async def swap(
        self, plugin: Plugin, config: ProxyPlugin, check: Checked, put: Put, ended: Ended | None = None,
        dropped: Dropped | None = None, gone: Gone = lambda: False,
    ) -> None:  # fmt: skip
        """Have the process at another address take a plugin's root over, and serve it from one instant on.

        check asks the new one, once it has the root; put makes it the one that serves; ended ends the old one when it does not let go,
        dropped the new one when it is not to serve; gone says that the old one is no more. Run it as ``Work``. Raises Unavailable,
        FailedPrecondition, and what check and put raise: the old one serves then, or will as soon as that can be. Cancellation, which is
        the end of the gateway: its next start gives the root back.
        """
        core, old = self._core, plugin.channel
        if plugin in self._under_way:
            raise Unavailable(f"{plugin} is being swapped already; try again when that is over")
        if any(other.channel is old for other in core.registry if other is not plugin):
            raise FailedPrecondition(
                f"{plugin} shares its socket {old.path} with another plugin; serve each at a socket of its own"
            )
        self._under_way.add(plugin)
        try:
            await core.db.write(partial(rows.begin_hand_over, name=plugin.name, table=asdict(config)))
            plugin.hold()
            began = time.monotonic()
            try:
                async with connect(plugin.name, config) as new:
                    await put(await self._taken(plugin, old, new, check, ended, gone))
                logger.info("plugin.handed_over", plugin=plugin.name, held_ms=round((time.monotonic() - began) * 1e3, 1))
            except Exception as error:
                logger.warning("plugin.not_swapped", plugin=plugin.name, error=str(error))
                if dropped is not None:
                    await dropped()
                await self._give_back(plugin, config)
                if not isinstance(error, ArgosyError):
                    raise Internal(f"{plugin}: {error!r}") from error
                raise
            finally:
                plugin.let_go()
        finally:
            self._under_way.discard(plugin)

    async def _taken(
        self, plugin: Plugin, old: Channel, new: Channel, check: Checked, ended: Ended | None, gone: Gone
    ) -> Claim:  # fmt: skip
        """Have the old one release and the new one claim. Returns whose the bytes are. Raises what is in the way."""
        began = time.monotonic()
        while not gone() and not await plugin.has_left(old, _GONE_S, _LOOK_S):
            if time.monotonic() - began < QUIET_S:
                continue
            raise Unavailable(
                f"{plugin} at {old.path} has {plugin.in_flight} calls or open streams after {QUIET_S:g} s; it serves on: swap it when they have ended"
            )
        left = time.monotonic()
        try:
            if not gone():
                await instances.release(old, RELEASE_S)
        except Unimplemented:
            pass  # it knows no hand-over: the claim says whether it has the lock
        except (Unavailable, DeadlineExceeded) as error:
            # Who is not there has no lock. Who hangs has it until its end.
            there = old.is_connected and not error.unsent and not gone()
            if there and not (ended is not None and isinstance(error, DeadlineExceeded) and await ended()):
                raise
        released = time.monotonic()
        try:
            await instances.claim(new)
        except DeadlineExceeded as error:
            raise Unavailable(error.message) from None
        claimed = time.monotonic()
        whose = await check(new)
        took = {
            "calls": left - began,
            "release": released - left,
            "claim": claimed - released,
            "check": time.monotonic() - claimed,
        }
        logger.debug("plugin.taken", plugin=plugin.name, **{f"{name}_ms": round(s * 1e3, 1) for name, s in took.items()})
        return whose

    async def _give_back(self, plugin: Plugin, config: ProxyPlugin) -> None:
        """Have the process that served a plugin serve it again, now or as soon as that can be."""
        reason = await self._back(plugin, config)
        if reason:
            plugin.degrade(reason)
            self._core.work.start(self._mend(plugin, config))

    async def _back(self, plugin: Plugin, config: ProxyPlugin) -> str:
        """Have the new one release what it may have, and the old one claim. Returns why that could not be done; "" when it is."""
        try:
            async with connect(plugin.name, config) as new:
                await instances.release(new, _BACK_S)
        except ArgosyError as error:
            logger.debug("plugin.not_released", plugin=plugin.name, error=error.message)
        plugin.channel.hurry()
        try:
            await instances.claim(plugin.channel)
        except Unimplemented:
            pass  # it has never let go
        except Unavailable as error:
            if plugin.channel.is_connected and not error.unsent:
                return error.message
            # It is gone, and so is its lock: who comes next takes the root by itself, or is told to when it is met.
        except ArgosyError as error:
            return error.message
        try:
            await self._core.db.write(partial(rows.end_hand_over, name=plugin.name))
        except ArgosyError as error:  # the disk may be full; a start that finds it gives the root to who has it
            logger.warning("plugin.hand_over_not_ended", plugin=plugin.name, error=error.message)
        return ""

    async def _mend(self, plugin: Plugin, config: ProxyPlugin) -> None:
        """Try to give the root back until that is done, or the plugin is served by another, or gone."""
        channel = plugin.channel
        while plugin.state is not State.DOWN and plugin.channel is channel:
            await anyio.sleep(_AGAIN_S)
            if plugin in self._under_way:
                continue
            reason = await self._back(plugin, config)
            if not reason:
                plugin.mended()
                logger.info("plugin.given_back", plugin=plugin.name)
                return
            plugin.degrade(reason)

    # -- what an earlier life has left --

    def take_up(self) -> None:
        """Give the roots back that were being handed over when the gateway ended; calls wait for it. Call it before there are any."""
        core = self._core
        for name, table in rows.hand_overs(core.db.reader):
            found: Sequence[Plugin] = [plugin for plugin in core.registry if plugin.name == name]
            try:
                config = ProxyPlugin(**table)
            except (TypeError, ValueError) as error:  # of a later version
                logger.error("plugin.hand_over_unknown", plugin=name, error=str(error))
                continue
            for plugin in found:
                plugin.hold()
                self._under_way.add(plugin)
                core.work.start(self._taken_up(plugin, config))

    async def _taken_up(self, plugin: Plugin, config: ProxyPlugin) -> None:
        try:
            await self._give_back(plugin, config)
        finally:
            self._under_way.discard(plugin)
            plugin.let_go()
