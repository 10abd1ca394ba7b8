"""Another process in the place of one that serves a plugin: at an address, of another command, or a fresh one of the same command.

a fresh process is started (by command)
  │ standing by, where it knows how to; what it can't start for is the answer
it is asked: is it there, is it of the type, does it serve or stand by
  │
it takes over (``handover`` where it stands by, otherwise at once)   ── fails ──► the old one serves, the fresh one ends
  │
the canary, if there is to be one: calls are counted                 ── too many fail, it does not answer ──► back to the old one
  │
the old one is kept, standing by, for ``KEEP_S``: ``rollback`` goes to it. Then it ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final

import anyio
from argosy import log
from argosy.errors import (
    Aborted,
    ArgosyError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unavailable,
    Unimplemented,
)
from argosy.rpc.channel import Channel
from argosy.tables import ProxyPlugin
from argosy_protos.argosy.service.v1 import ClaimRequest, ServiceStub
from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.grpc.health.v1 import HealthCheckRequest, HealthCheckResponseServingStatus, HealthStub

from argosy_gateway.admission import Admission, look
from argosy_gateway.core import Core
from argosy_gateway.handover import HandOver, Put
from argosy_gateway.metadata import plugins as rows
from argosy_gateway.plugins.instances import claim, release, told
from argosy_gateway.plugins.plugin import WORK_S, Claim, Plugin, Source, State, connect

logger = log.get("gateway.swaps")

BEGIN_S: Final = 30.0
"""How long a fresh process may take until it can be asked."""
JUDGE_S: Final = 60.0
"""How long the checks of a new one may take, where they are wished for."""
KEEP_S: Final = 60.0
"""How long the process before is kept, so that it can be gone back to at once."""
# How long all the questions to one that is to be swapped in may take.
_READY_S: Final = 5.0
# What nobody can have made, by type: who says that it is there would say so of anything.
_NOBODYS: Final = {"snapshot": "argosy/0/nobody", "content": f"sha256:{'0' * 64}"}
# How long one that was killed may take to be gone.
_KILLED_S: Final = 2.0
_LOOK_S, _KEPT_LOOK_S = 0.05, 0.5
# Types of which our own services know a hand-over.
_SERVICES: Final = ("snapshot", "content", "diff")
_JUDGED: Final = ("snapshot", "content")


@dataclass(frozen=True, kw_only=True)
class Canary:
    """What a new one has to stand before it is kept."""

    seconds: float
    max_error_rate: float = 0.0
    """The share, 0 to 1, of its calls that may fail by its fault."""

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= 86400:
            raise InvalidArgument(f"a canary takes some seconds, and a day at most, not {self.seconds:g}")
        if not 0 <= self.max_error_rate <= 1:
            raise InvalidArgument(
                f"the share of calls that may fail is between 0 and 1 (0 % and 100 %), not {self.max_error_rate:g}"
            )


@dataclass(eq=False)
class _Kept:
    """The process before, which is kept for a while. Another may be at its socket once it has ended."""

    address: str


class Swaps:
    """Swaps the plugins of a gateway, and goes back."""

    def __init__(self, core: Core, admission: Admission) -> None:
        self._core, self._admission = core, admission
        self._hand_over = HandOver(core)
        self._before: dict[Plugin, ProxyPlugin] = {}
        """Of plugins that have no row: what each was before."""
        self._kept: dict[Plugin, _Kept] = {}

    def take_up(self) -> None:
        """Take up what was under way when the gateway ended. Call it before there are calls."""
        self._hand_over.take_up()

    async def swap(
        self,
        plugin: Plugin,
        address: str = "",
        command: Sequence[str] = (),
        directory: str = "",
        canary: Canary | None = None,
        verify: bool = False,
    ) -> None:
        """Swap a plugin. See ``Registration.swap``."""
        if _is_service(plugin) and not address and not command:
            if canary is not None or verify:
                raise InvalidArgument(
                    f"{plugin} is one of the mesh's own services, whose code before is gone when it is swapped; swap it without a canary, and without --verify"
                )
            await self._core.work.finish(self._renew, plugin)
            return
        self._check_ours(plugin)
        if address and command:
            raise InvalidArgument(f"{plugin} can't be swapped for an address and a command; give one of them")
        fresh = not address
        try:
            if address:
                config = replace(plugin.config, address=address, command=[], directory="")
            elif command or plugin.config.command:
                if command:
                    config = replace(plugin.config, command=list(command), directory=directory)
                else:
                    config = plugin.config
                config = replace(config, address=self._core.programs.address(plugin.name))
            else:
                raise InvalidArgument(
                    f"{plugin} was registered by its address, so nobody here can start a new process of it; say the --address of one, or its --command"
                )
        except ValueError as error:
            raise InvalidArgument(f'plugin "{plugin.name}": {error}') from None
        await self._core.work.finish(self._swap_and_watch, plugin, config, fresh, canary, verify)

    async def _swap_and_watch(
        self, plugin: Plugin, config: ProxyPlugin, fresh: bool, canary: Canary | None, verify: bool
    ) -> None:
        before = plugin.config
        await self._swap(plugin, config, fresh, KEEP_S + (canary.seconds if canary is not None else 0.0), verify)
        if canary is not None and config != before:
            await self._watch(plugin, canary)

    async def rollback(self, plugin: Plugin) -> None:
        """Swap a plugin back to what it was before. Raises FailedPrecondition when it was never swapped."""
        self._check_ours(plugin)
        await self._core.work.finish(self._back, plugin)

    def _check_ours(self, plugin: Plugin) -> None:
        """Raise FailedPrecondition for a plugin whose socket is somebody else's to say."""
        if plugin.source is Source.REGISTERED or (plugin.source is Source.CONFIGURATION and plugin.config.command):
            return
        raise FailedPrecondition(f"{plugin} is one of the {plugin.source.value}, which says where it is; change it there")

    async def _renew(self, plugin: Plugin) -> None:
        """Have a new process, of what is on disk now, take over from one of our own services. One that does not run begins as one anyway."""
        core, address = self._core, plugin.config.address
        beside = core.programs.address(plugin.name)
        if not await core.programs.fresh(address, beside, BEGIN_S):
            return

        async def put(claimed: Claim) -> None:
            async with self._admission.writing:
                await core.db.write(partial(rows.end_hand_over, name=plugin.name))
                core.registry.renew(plugin, claimed)
            core.programs.adopt(address, beside)

        async def dropped() -> None:
            core.programs.drop(address, beside)

        config = replace(plugin.config, address=beside)
        try:
            # Its socket is there before it is.
            if await self._hand_over.stands_by(plugin.name, config, BEGIN_S) is None:
                raise Unavailable(f"the new process of {plugin} does not stand by at {beside}; try again")
        except BaseException as error:
            try:
                if isinstance(error, (Unavailable, DeadlineExceeded)):
                    await core.programs.ended(beside, _KILLED_S)
            finally:
                await dropped()
            raise
        gone = partial(core.programs.has_ended, address)
        await self._hand_over.swap(plugin, config, partial(self._checked, plugin), put, dropped=dropped, gone=gone)

    async def _back(self, plugin: Plugin) -> None:
        known = self._before.get(plugin)
        config = known or ProxyPlugin(**rows.previous(self._core.db.reader, plugin.name))
        fresh = bool(config.command) and not self._core.programs.is_alive(config.address)
        if fresh:
            config = replace(config, address=self._core.programs.address(plugin.name))
        await self._swap(plugin, config, fresh)

    # -- one swap --

    async def _swap(
        self, plugin: Plugin, config: ProxyPlugin, fresh: bool, keep_s: float | None = None, verify: bool = False
    ) -> None:
        """fresh: a process for it is to be started, and ends again when it is not taken. keep_s: how long the one before is kept. verify: see ``swap``."""
        if config == plugin.config:
            return
        self._admission.check(plugin.name, config, plugin)
        core = self._core
        if fresh:
            core.programs.want(plugin.name, config, standby=True)
        try:
            if fresh:
                await core.programs.begun(config.address, BEGIN_S)
            await look(plugin.name, config)
            put = partial(self._put, plugin, config, KEEP_S if keep_s is None else keep_s)
            said = await self._hand_over.stands_by(plugin.name, config)
            if verify:
                await self._judged(plugin, config, said is not None and bool(said.root))
            if said is not None and said.root:
                await _same_root(plugin, said.root)
                await self._take_over(plugin, config, put, fresh)
            else:
                async with connect(plugin.name, config) as channel:
                    if said is not None:  # it has no root, so the one before may serve beside it
                        await claim(channel)
                    await _serves(channel)
                    claimed = await self._checked(plugin, channel)
                await put(claimed)
        except BaseException:
            if fresh:
                core.programs.end(config.address)
            raise

    async def _take_over(self, plugin: Plugin, config: ProxyPlugin, put: Put, fresh: bool) -> None:
        programs, before = self._core.programs, plugin.config
        self._admission.check_staying(plugin)
        if before.command:  # should it end now, it comes again without its root
            programs.want(plugin.name, before, standby=True)
        killed = partial(self._killed, before) if before.command else None
        try:
            await self._hand_over.swap(
                plugin, config, partial(self._checked, plugin), put, killed,
                partial(self._dropped, config) if fresh else None,
            )  # fmt: skip
        except BaseException:
            if before.command:
                programs.want(plugin.name, before)
            raise

    async def _judged(self, plugin: Plugin, config: ProxyPlugin, can_rehearse: bool) -> None:
        """Have the fast checks of the contract made of a process that stands by, in a root of its own. Raises FailedPrecondition when one fails."""
        if config.type not in _JUDGED or not can_rehearse:
            raise FailedPrecondition(
                f"the new process of {plugin} can't be judged before it takes over: only a snapshotter or content store that stands by can be"
            )
        with tempfile.TemporaryDirectory(prefix="argosy-rehearsal-") as scratch:
            async with connect(plugin.name, config) as channel:
                await claim(channel, scratch)
                # Beside the calls that go on here, a thread that judges would keep them waiting.
                judge = await asyncio.create_subprocess_exec(
                    sys.executable, "-P", "-m", "argosy.testkit", config.type, channel.path,
                    stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
                )  # fmt: skip
                try:
                    async with asyncio.timeout(JUDGE_S):
                        printed, _ = await judge.communicate()
                except TimeoutError:
                    raise FailedPrecondition(f"the new process of {plugin} was not judged within {JUDGE_S:g} s") from None
                finally:
                    if judge.returncode is None:
                        judge.kill()
                        await judge.wait()
                await release(channel, _READY_S)
        if judge.returncode:
            said = printed.decode(errors="replace").strip()[-2000:]
            raise FailedPrecondition(
                f"the new process of {plugin} does not keep the contract, and does not take over: {said}"
            )

    async def _dropped(self, config: ProxyPlugin) -> None:
        """End a fresh process that is not to take over: should it hang, it has no lock then."""
        self._core.programs.end(config.address, now=True)
        await self._core.programs.gone(config.address, _KILLED_S)

    async def _killed(self, config: ProxyPlugin) -> bool:
        """End a process that does not let go of its root. Returns whether it has ended."""
        logger.warning("plugin.killed", address=config.address, reason="it did not release its root")
        self._core.programs.end(config.address, now=True)
        return await self._core.programs.gone(config.address, _KILLED_S)

    async def _checked(self, plugin: Plugin, channel: Channel) -> Claim:
        """Ask a process that serves whether it can serve a plugin that has served. Returns whose it is. Raises Unavailable, FailedPrecondition."""
        core = self._core
        of = core.in_content(plugin.name)
        if plugin.is_held:  # callers wait, and what is not on disk yet is too new to be looked for
            held = rows.held(core.db.reader, plugin.name, plugin.type, of)
        else:
            # What has ended is no change under way once its intent is gone, which nobody waits for otherwise.
            held = await core.db.write(partial(rows.held, name=plugin.name, type=plugin.type, of=of))
        return await _has(channel, plugin, (core.uuid, str(core.settings.address)), held)

    async def _put(self, plugin: Plugin, config: ProxyPlugin, keep_s: float, claimed: Claim) -> None:
        """Write down that a plugin is served by another process, and have it so from this instant on."""
        core, was = self._core, plugin.config
        async with self._admission.writing:
            self._admission.check_staying(plugin)
            if core.registry.plugins.get((plugin.type, plugin.name)) is not plugin:
                raise Unavailable(f"{plugin} was removed meanwhile")
            core.registry.check_beside(plugin.name, config, plugin)  # an intercept may have begun there meanwhile
            if plugin.source is Source.REGISTERED:
                await core.db.write(partial(rows.swap, name=plugin.name, table=asdict(config), previous=asdict(was)))
            else:
                await core.db.write(partial(rows.end_hand_over, name=plugin.name))
                self._before[plugin] = was
            before = core.registry.swap(plugin, config, claimed)
        if config.command:  # its next process begins with its root
            core.programs.want(plugin.name, config)
        earlier = self._kept.pop(plugin, None)
        if earlier is not None and earlier.address != config.address:
            core.programs.end(earlier.address)
        if was.command:
            kept = self._kept[plugin] = _Kept(was.address)
            core.work.start(self._end_later(plugin, kept, keep_s))
        core.work.start(self._leave(plugin, before))

    async def _leave(self, plugin: Plugin, channel: Channel) -> None:
        await plugin.has_left(channel, WORK_S)
        self._core.registry.leave(channel)

    async def _end_later(self, plugin: Plugin, kept: _Kept, keep_s: float) -> None:
        """End a process that served a plugin, unless another swap has ended it, or gone back to it, by then."""
        until = time.monotonic() + keep_s
        while self._kept.get(plugin) is kept and plugin.state is not State.DOWN and time.monotonic() < until:
            await anyio.sleep(_KEPT_LOOK_S)
        if self._kept.get(plugin) is kept:
            del self._kept[plugin]
            self._core.programs.end(kept.address)

    # -- the canary --

    async def _watch(self, plugin: Plugin, canary: Canary) -> None:
        """Go back to what a plugin was before when the new one does badly. Raises Aborted then."""
        config, began = plugin.config, time.monotonic()
        tally, faults = plugin.tally, plugin.faults
        while plugin.config is config and plugin.state is not State.DOWN:
            calls, failed = plugin.tally - tally, plugin.faults - faults
            since = time.monotonic() - began
            reason = ""
            if plugin.condition is State.DEGRADED:
                reason = plugin.why()
            elif failed and failed / calls > canary.max_error_rate:
                reason = f"{failed} of {calls} calls failed ({failed / calls:.1%}), the last with: {plugin.last_error}"
            if reason:
                logger.warning("plugin.canary_failed", plugin=plugin.name, reason=reason)
                try:
                    await self._back(plugin)
                except ArgosyError as error:
                    raise Aborted(
                        f"{plugin} did badly within {since:.1f} s ({reason}), and can't go back: {error.message}"
                    ) from error
                raise Aborted(f"{plugin} is served by the one before again, after {since:.1f} s: {reason}")
            if since >= canary.seconds:
                return
            await anyio.sleep(min(_LOOK_S, canary.seconds - since))


async def _same_root(plugin: Plugin, root: str) -> None:
    """Raise FailedPrecondition when a process would claim another root than the one that serves a plugin has.

    What is looked for in the new one may be nothing, when all that the old one has is being changed. One that does not answer is not asked.
    """
    try:
        said = await told(plugin.channel)
    except (Unavailable, DeadlineExceeded):
        return
    if said is None or not said.root or said.root == root:
        return
    # In a thread: it is a plugin that says where to look, and a file system may hang.
    with suppress(OSError, ValueError), anyio.move_on_after(_READY_S):  # one that is not there is another one
        if await anyio.to_thread.run_sync(os.path.samefile, said.root, root, abandon_on_cancel=True):
            return
    raise FailedPrecondition(
        f"the new process of {plugin} would have the root {root}, and the one before has {said.root}; give the new one the same data"
    )


def _is_service(plugin: Plugin) -> bool:
    """Return whether a plugin may be one of the mesh's own services, which the supervisor knows."""
    return plugin.source is Source.CONFIGURATION and not plugin.config.command and plugin.type in _SERVICES


async def _serves(channel: Channel) -> None:
    """Raise Unavailable for a process that says that it does not serve, or that says nothing."""
    with suppress(Unimplemented, NotFound):  # it has no health, or none of the whole
        health = await HealthStub(channel.within(_READY_S)).check(HealthCheckRequest())
        if health.status is not HealthCheckResponseServingStatus.SERVING:
            raise Unavailable(f"{channel.name} at {channel.path} says that it does not serve; swap once it does")


async def _has(channel: Channel, plugin: Plugin, us: tuple[str, str], held: Sequence[str]) -> Claim:
    """Claim a process for us, and see whether it has all that is held. Returns whose it is. Raises Unavailable, FailedPrecondition."""
    bound = channel.within(_READY_S)
    claimed = Claim.OURS
    try:
        await ServiceStub(bound).claim(ClaimRequest(owner=us[0], address=us[1]))
    except Unimplemented:
        claimed = Claim.FOREIGN
    if held and await _knows(bound, plugin, _NOBODYS[plugin.type]):
        raise FailedPrecondition(
            f"{channel.name} at {channel.path} says that it has what nobody has made, so what it says it has counts for nothing; "
            "have it answer NOT_FOUND for what it does not have"
        )
    for one in held:
        if not await _knows(bound, plugin, one):
            raise FailedPrecondition(
                f'{channel.name} at {channel.path} does not have "{one}", which the one before has; give the new one the same data'
            )
    return claimed


async def _knows(bound: Any, plugin: Plugin, name: str) -> bool:
    """Return whether a process says that it has a snapshot or a blob, and speaks of that one. Raises what it says besides NotFound."""
    try:
        if plugin.type == "snapshot":
            wish = snapshots.StatSnapshotRequest(snapshotter=plugin.name, key=name)
            told = (await snapshots.SnapshotsStub(bound).stat(wish)).info
            return told is not None and told.name == name
        found = (await content.ContentStub(bound).info(content.InfoRequest(digest=name))).info
        return found is not None and found.digest == name
    except NotFound:
        return False
