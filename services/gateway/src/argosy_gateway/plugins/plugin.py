"""A plugin: one object with a state, a channel, what is in flight on it and what it is known to hold.

Every call to a plugin goes through ``call``: it has a deadline, it is counted and timed, and it ends when the plugin is
found not to answer. That is found by a health check, made beside a call that takes long. Any answer to it will do, also
that there is no such service. While a plugin does not answer, new calls fail at once and say so; it is asked again and again,
and is ready as soon as it answers. An answer that is wrong changes no state: it is the error of its own call.

    starting --answers--> ready --does not answer--> degraded --answers--> ready
                            \\--drain--> draining --undrain--> ready            any --close--> down

One that nobody has heard of yet may be started after the gateway: who needs it waits for it, ``ARRIVE_S`` after it was made known at most.
While another process takes its root over, calls that have not begun wait (``hold``): they begin at whoever has it then.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from enum import Enum
from typing import Any, Final

import anyio
import anyio.abc
from argosy import log
from argosy.errors import (
    ArgosyError,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
    Unknown,
)
from argosy.loops import Complaints
from argosy.rpc.channel import BoundChannel, CallGroup, Channel, ClientStream
from argosy.rpc.context import current
from argosy.rpc.engine import SHARED, WINDOWS
from argosy.rpc.relay import forward
from argosy.rpc.server import ServerStream
from argosy.tables import ProxyPlugin
from argosy_protos.argosy.service.v1 import ClaimRequest, ServiceStub
from grpclib.const import Cardinality

from argosy_gateway.work import in_a_task

logger = log.get("gateway.plugins")

# For an answer that needs no work: a stat, a list of mounts.
ANSWER_S: Final = 30.0
# For work that grows with what it is done to: a copy, a commit, an unpack.
WORK_S: Final = 600.0
# A call that takes longer than this has the plugin asked whether it is there.
QUIET_S: Final = 3.0
# How long it may take to say so.
PROBE_S: Final = 5.0
_AGAIN_S: Final = 0.5
# Who needs a plugin that nobody has heard of yet waits for it until so long after it was made known.
ARRIVE_S: Final = 5.0
# How often it is looked for while somebody waits, and how often whether it is there while nobody does.
_ARRIVED_S, _LOOK_S = 0.05, 1.0
# After a call that broke off, a plugin may still be at it for this long; in this rhythm it is dirty again meanwhile.
_LATE_S: Final = WORK_S
_LATE_EVERY_S: Final = 60.0
# Errors that a plugin has to answer for: what it does not do, or does wrong. A no to its caller is an answer.
_FAULTS: Final = (Unavailable, DeadlineExceeded, Internal, DataLoss, Unknown, Unimplemented)
_HEALTH: Final = "/grpc.health.v1.Health/Check"
_LATENCIES: Final = 1024
# Methods are told apart up to this number, since a client may make names up; each with its last latencies.
_METHODS, _LATENCIES_OF_ONE = 64, 256
_OTHERS: Final = "others"


class State(Enum):
    """The states of a plugin's life, as drawn in docs/architecture.md."""

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    DRAINING = "draining"
    DOWN = "down"


class Claim(Enum):
    """The owner of the bytes that a plugin holds."""

    UNKNOWN = "unknown"
    OURS = "ours"
    FOREIGN = "foreign"
    """It is of another make and can't be asked."""
    OTHERS = "others"
    """It said that it belongs to another gateway: nothing of it is removed."""


class Source(Enum):
    """Who said that there is a plugin."""

    CONFIGURATION = "configuration"
    REGISTERED = "registered"
    """Whoever called ``Plugins/Add``; it is in the database."""
    DIRECTORY = "directory"
    """Its socket, or its table, is in the registration directory."""
    INTERCEPT = "intercept"
    """It is an instance that somebody's calls to a plugin go to."""


class Method:
    """What was seen of one method of a plugin."""

    __slots__ = ("calls", "failed", "latencies")

    def __init__(self) -> None:
        self.calls = self.failed = 0
        self.latencies: deque[float] = deque(maxlen=_LATENCIES_OF_ONE)
        """In seconds; of calls that wait for what may never happen there are none."""


def quantile(latencies: Sequence[float], share: float) -> float:
    """Return the latency in seconds that a share (0 to 1) of the calls did not exceed; 0 without calls."""
    ordered = sorted(latencies)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class Call:
    """One call to a plugin, or several in a row: ``async with`` gives the channel to make them on.

    Raises Unavailable: on entering, when the plugin is known not to answer or takes no calls; in the calls, when it was found not to
    answer meanwhile. A stream that was begun before may take part in it: it ends with DeadlineExceeded when the time is over.
    """

    __slots__ = ("_before", "_deadline_s", "_group", "_plugin", "_stream", "_timer", "channel", "started", "watched")

    def __init__(self, plugin: Plugin, deadline_s: float | None, watched: bool, stream: ClientStream | None) -> None:
        self._plugin, self._deadline_s, self.watched, self._stream = plugin, deadline_s, watched, stream
        self._group = CallGroup()
        self._timer: asyncio.TimerHandle | None = None
        self.started = 0.0
        self._before = ""

    async def __aenter__(self) -> BoundChannel:
        plugin, stream = self._plugin, self._stream
        if plugin.is_held and (stream is None or not stream.sid):
            await plugin.let_through()
        plugin.check()
        if plugin.is_awaited:
            await plugin.arrives()
            plugin.check()
        self.started = time.monotonic()
        self.channel = plugin.channel
        plugin.calls.add(self)
        if self.watched:
            plugin.watch()
        if stream is not None:
            stream.begin_on(plugin.channel)
            self._group.add(stream)
            if self._deadline_s is not None:
                self._timer = asyncio.get_running_loop().call_later(self._deadline_s, self._expire)
        # Beside a call that is silent another one may be made.
        self._before, current().waiting_for = current().waiting_for, plugin.channel.name
        return self.channel.within(math.inf if self._deadline_s is None else self._deadline_s, self._group)

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        plugin = self._plugin
        plugin.calls.discard(self)
        current().waiting_for = self._before
        if self._timer is not None:
            self._timer.cancel()
        took_s = time.monotonic() - self.started
        plugin.tally += 1
        plugin.faults += isinstance(error, _FAULTS)
        if error is None or (
            isinstance(error, ArgosyError) and not isinstance(error, (Unavailable, DeadlineExceeded)) and not error.unsent
        ):
            plugin.answered(took_s, self._group.path, self.watched)
            if isinstance(error, ResourceExhausted):
                plugin.full()
            if isinstance(error, (Internal, DataLoss)):
                plugin.failed(error)
        elif isinstance(error, ArgosyError):
            plugin.missed(error, self._group.path)

    def _expire(self) -> None:
        plugin = self._plugin
        self._group.end(DeadlineExceeded(f"{plugin} at {plugin.channel.path} took longer than {self._deadline_s:g} s"))

    def end(self, reason: Unavailable) -> None:
        """End the call from outside."""
        self._group.end(reason)


class Plugin:
    """One plugin process, whatever it serves."""

    def __init__(
        self, name: str, config: ProxyPlugin, channel: Channel, generation: int = 1, source: Source = Source.CONFIGURATION
    ) -> None:
        self.type, self.name, self.config = config.type, name, config
        self.channel = channel
        self.generation = generation
        self.source = source
        self.remedy = ""
        """What helps while it does not serve, where that is something else than to look after it."""
        self.state = State.STARTING
        self.calls: set[Call] = set()
        self.dirty = False
        """Whether it may hold what nothing names any more."""
        self.claimed = Claim.UNKNOWN
        self.debug = False
        """Whether it is under a debugger: no call to it has a deadline of ours, and none ends since it does not answer."""
        self.last_error: str = ""
        self.last_error_at = 0.0
        self.last_errno = 0
        """The error of the system that it was, if connecting failed."""
        self.last_ok = 0.0
        self.latencies: deque[float] = deque(maxlen=_LATENCIES)
        self.methods: dict[str, Method] = {}
        self.changed: Callable[[Plugin], None] = _unheard
        """Called when it is in another condition than before."""
        self.trouble: Callable[[], str] = str
        """Says why the process that serves it has ended; "" where that is not known, or where it runs."""
        self.expected: Callable[[], float] = float
        """Says until when, in monotonic time, the process that serves it may be on its way; 0 where that is not known."""
        self.faults = self.tally = 0
        """How many calls have ended, and how many of them badly by its fault."""
        self.full: Callable[[], None] = _nothing
        """Called when it said that something is used up, such as the room on its disk."""
        self._late_until = 0.0
        self._since = time.time()
        self._told = State.STARTING
        self._drained_in = State.READY
        self._silence = ""
        """What became of the last health check that was not answered."""
        self._held: anyio.Event | None = None
        """Set when calls go on that wait for a hand-over."""
        self.met: Callable[[Plugin], Awaitable[None]] | None = None
        """Called when somebody was connected to who may be another than before."""
        self._met: tuple[Channel, int] | None = None
        self._expected_until = time.monotonic() + ARRIVE_S
        self._arriving = anyio.Lock()
        self._group: anyio.abc.TaskGroup | None = None
        self._watching = False
        self._claiming = anyio.Lock()
        self._said = Complaints()

    # -- what it is --

    @property
    def full_name(self) -> str:
        """Its type and its name: names alone may be shared by types."""
        return f"{self.type}/{self.name}"

    @property
    def exports(self) -> dict[str, str]:
        return self.config.exports

    @property
    def capabilities(self) -> list[str]:
        return self.config.capabilities

    @property
    def can_be_called(self) -> bool:
        """Whether a call is let through; whether it is answered is seen by making it."""
        return self.state in (State.STARTING, State.READY)

    @property
    def in_flight(self) -> int:
        return len(self.calls)

    @property
    def condition(self) -> State:
        """The state that others are shown: one that was ready and that nobody can connect to now is degraded."""
        return State.DEGRADED if self.state is State.READY and self.channel.away else self.state

    @property
    def since(self) -> float:
        """Since when it has been in this condition, in seconds since the epoch."""
        return self.channel.away_since if self.condition is not self.state else self._since

    def __str__(self) -> str:
        return self.channel.name

    # -- calling it --

    def run_in(self, group: anyio.abc.TaskGroup) -> None:
        """Say where the plugin's own tasks run."""
        self._group = group

    def call(self, deadline_s: float | None = ANSWER_S, *, watched: bool = True, stream: ClientStream | None = None) -> Call:
        """Return a call to enter with ``async with``.

        deadline_s: seconds for each request that is made on its channel, and for what is done with stream; None for no end.
        watched: end the call when the plugin is found not to answer. False for one that waits for what may never happen.
        stream: one that was begun before on the plugin's channel, and is written to or read from in the call.
        """
        if self.debug:
            deadline_s, watched = None, False
        return Call(self, deadline_s, watched, stream)

    async def relay(self, stream: ServerStream, cardinality: Cardinality, *, waits: bool = False) -> None:
        """Forward a client's call as it is. waits: it may take for ever by nature, so only its client ends it. Raises the plugin's error, Unavailable."""
        deadline = stream.call.timeout()
        if deadline is None and not waits:
            deadline = WORK_S
        async with self.call(deadline, watched=not waits) as channel:
            await forward(stream, channel, cardinality)

    def check(self) -> None:
        """Raises Unavailable when the plugin is known not to answer, or takes no new calls."""
        if self.state in (State.DEGRADED, State.DRAINING, State.DOWN):
            error = self.unavailable()
            error.unsent = True
            raise error

    def out(self) -> str:
        """Return why it can't be called, as far as is known without a call; "" when it may be worth one."""
        late = self.is_awaited and time.monotonic() < self._expected_until
        known = bool(self.channel.away) and not self.config.on_demand and not late
        return self.why() if known or not self.can_be_called else ""

    def unavailable(self) -> Unavailable:
        return Unavailable(self.why())

    def why(self) -> str:
        """Return a sentence that says why the plugin takes no calls: its name, its socket, since when, what helps."""
        return f"{self._why()}; {self.remedy}" if self.remedy else self._why()

    def _why(self) -> str:
        at = f"{self} at {self.channel.path}"
        since = time.time() - self._since
        if self.state is State.DRAINING:
            return f"{at} is draining for {since:.1f} s; undrain it, or register another in its place"
        if self.state is State.DOWN:
            return f"{at} was taken out of service"
        if self.channel.away:
            why = self.trouble() or self.channel.away
            return f"{at} can't be reached (for {time.time() - self.channel.away_since:.1f} s): {why}"
        because = f": {self._silence}" if self._silence else ""
        return f"{at} does not answer (for {since:.1f} s; it is asked until it does){because}"

    # -- what was seen of it --

    def method(self, path: str) -> Method:
        """Return what was seen of a method, by the path of its calls."""
        found = self.methods.get(path)
        if found is None:
            if len(self.methods) >= _METHODS:
                path = _OTHERS
            found = self.methods.setdefault(path, Method())
        return found

    def answered(self, took_s: float, path: str = "", counts: bool = True) -> None:
        """Note an answer that came after took_s seconds; counts: that time says something of the plugin."""
        self.last_ok = time.time()
        method = self.method(path)
        method.calls += 1
        if counts:
            self.latencies.append(took_s)
            method.latencies.append(took_s)
        if self.state in (State.STARTING, State.DEGRADED):
            self._become(State.READY)
        elif self._told is State.DEGRADED:
            self.note()

    def missed(self, error: ArgosyError, path: str) -> None:
        """Note a call that got no answer."""
        self.method(path).failed += 1
        self.failed(error)

    def failed(self, error: ArgosyError) -> None:
        self.last_error, self.last_error_at = error.message, time.time()
        self.last_errno = self.channel.away_errno if error.unsent else 0
        self.note()

    def note(self) -> None:
        """Tell whoever watches when the condition is another."""
        condition = self.condition
        if condition is not self._told:
            self._told = condition
            self.changed(self)

    def distrust(self, error: ArgosyError) -> None:
        """Note an answer that breaks the contract. Calls go on: the next answer may be right."""
        self.failed(error)
        logger.error("plugin.broke_the_contract", plugin=self.name, type=self.type, error=error.message)

    def _become(self, state: State) -> None:
        self.state, self._since = state, time.time()
        self.note()

    def drain(self) -> None:
        """Take no new calls; those in flight go on."""
        if self.state in (State.STARTING, State.READY, State.DEGRADED):
            self._drained_in = State.STARTING if self.state is State.STARTING else State.READY
            self._become(State.DRAINING)

    def undrain(self) -> None:
        if self.state is State.DRAINING:
            self._become(self._drained_in)

    async def is_quiet(self, within_s: float) -> bool:
        """Return whether no call is in flight any more, or none within so many seconds. Calls that begin meanwhile count."""
        with anyio.move_on_after(within_s):
            while self.calls:
                await anyio.sleep(_ARRIVED_S)
        return not self.calls

    def close(self) -> None:
        """Take it out of service for good: calls in flight end with UNAVAILABLE."""
        self._become(State.DOWN)
        for call in list(self.calls):
            call.end(self.unavailable())

    def swap(self, channel: Channel, config: ProxyPlugin, claimed: Claim) -> None:
        """Have new calls go to another process from now on, which was asked whether it is there and whose it is."""
        self.channel, self.config, self.claimed = channel, config, claimed
        self.generation += 1
        self._silence = ""
        if self.state in (State.STARTING, State.DEGRADED):
            self._become(State.READY)
        self.changed(self)

    async def has_left(self, channel: Channel, within_s: float, look_s: float = _ARRIVED_S) -> bool:
        """Wait until nothing that was begun on a channel goes on, streams between two calls too. Returns whether that was so within so many seconds."""
        until = time.monotonic() + within_s
        while channel.is_used or any(call.channel is channel for call in self.calls):
            if time.monotonic() >= until:
                return False
            await anyio.sleep(look_s)
        return True

    # -- while another process takes its root over --

    @property
    def is_held(self) -> bool:
        """Whether a call that begins now waits."""
        return self._held is not None

    def hold(self) -> None:
        """Have calls wait that have not begun; those in flight go on. Each ``hold`` is followed by ``let_go``, soon."""
        assert self._held is None
        self._held = anyio.Event()

    def let_go(self) -> None:
        """Have calls go on that wait."""
        held, self._held = self._held, None
        assert held is not None
        held.set()

    async def let_through(self) -> None:
        """Wait as long as calls are held."""
        await in_a_task()
        before, current().waiting_for = current().waiting_for, f"{self}, whose root another process takes over"
        try:
            while self._held is not None:
                await self._held.wait()
        finally:
            current().waiting_for = before

    def degrade(self, reason: str) -> None:
        """Take no calls, since nobody has its root who should; who says so tries to mend that, and says when it is (``mended``)."""
        if self.state in (State.STARTING, State.READY, State.DEGRADED):
            self._silence = reason
            self._become(State.DEGRADED)

    def set_debug(self, debug: bool) -> None:
        """Note whether it is under a debugger; what is in flight keeps its deadline."""
        if debug is not self.debug:
            self.debug = debug
            logger.info("plugin.debug", plugin=self.name, type=self.type, debug=debug)
            self.changed(self)

    def mended(self) -> None:
        if self.state is State.DEGRADED:
            self._silence = ""
            self._become(State.READY)

    # -- what it may still do --

    @property
    def is_late(self) -> bool:
        """Whether it may still carry out a call that broke off."""
        return self._late_until > 0

    def may_be_late(self) -> None:
        """A call to it broke off, which it may carry out all the same: it is dirty now, and again and again for ten minutes."""
        self.dirty = True
        was, self._late_until = self.is_late, time.monotonic() + _LATE_S
        if not was and self._group is not None:
            self._group.start_soon(self._dirty_while_late)

    async def _dirty_while_late(self) -> None:
        while time.monotonic() < self._late_until and self.state is not State.DOWN:
            await anyio.sleep(_LATE_EVERY_S)
            self.dirty = True
        self._late_until = 0.0

    # -- whether it is there --

    @property
    def is_awaited(self) -> bool:
        """Whether who calls it now waits until it is there: nobody has heard of it yet, or its process has just been started again."""
        if self.config.on_demand or self.channel.live() is not None:
            return False
        return self.state is State.STARTING or (self.state is State.READY and self.expected() > time.monotonic())

    async def arrives(self) -> None:
        """Wait until somebody can be connected to, ``ARRIVE_S`` after the plugin was made known, or started, at most. What keeps it away its call says."""
        await in_a_task()
        async with self._arriving:
            while self.is_awaited and (left := max(self._expected_until, self.expected()) - time.monotonic()) > 0:
                self.channel.hurry()
                try:
                    await self.channel.connected(left)
                except Unavailable:
                    await anyio.sleep(min(_ARRIVED_S, left))
                except ArgosyError:  # one that may not serve, or one that takes no connection: neither is on its way
                    return

    async def keep_in_touch(self) -> None:
        """See whether the plugin is there, for as long as it is registered: before anybody needs it, and after its connection broke.

        One that has hung up in order is left alone, and so is one that its first call starts.
        """
        while self.state is not State.DOWN and not self.config.on_demand:
            await self.look()
            await self.meet()
            await anyio.sleep(_LOOK_S)

    async def meet(self) -> None:
        """Have whoever was connected to since the last time be met."""
        channel = self.channel
        who = (channel, channel.connections)
        if self.met is not None and not self.is_held and channel.live() is not None and self._met != who:
            with contextlib.suppress(
                ArgosyError
            ):  # it is met again on its next connection, and says its reason to who calls it
                await self.met(self)
            self._met = who

    async def look(self) -> None:
        """See whether the plugin is there, where that is not known. Takes twice ``PROBE_S`` at most."""
        channel = self.channel
        if channel.live() is None and (channel.is_lost or channel.away or self.state is State.STARTING):
            channel.hurry()
            with contextlib.suppress(ArgosyError):  # noted by the channel
                await channel.connected(PROBE_S)
        if channel.live() is not None and self.state is State.STARTING:
            if not await self.suspect(PROBE_S) and self.state is State.STARTING:
                self.last_ok = time.time()
                self._become(State.READY)
        self.note()

    # -- whether it answers --

    def watch(self) -> None:
        """Start to watch the calls in flight, unless that is done already."""
        if not self._watching and self._group is not None:
            self._watching = True
            self._group.start_soon(self._watch)

    async def _watch(self) -> None:
        """Ask the plugin whether it is there while a call takes long; ends when none is left."""
        try:
            while True:
                oldest = min((call.started for call in self.calls if call.watched), default=None)
                if oldest is None:
                    return
                wait = oldest + QUIET_S - time.monotonic()
                if wait > 0:
                    await anyio.sleep(wait)
                    continue
                if not await self.answers() and self.state in (State.STARTING, State.READY):
                    await self._until_it_answers()
                else:
                    await anyio.sleep(QUIET_S)
        finally:
            self._watching = False

    async def _until_it_answers(self) -> None:
        """End every watched call, refuse new ones, and ask until there is an answer."""
        oldest = min((call.started for call in self.calls if call.watched), default=time.monotonic())
        self._become(State.DEGRADED)
        self._since -= time.monotonic() - oldest
        self.failed(self.unavailable())
        logger.warning("plugin.does_not_answer", plugin=self.name, type=self.type, calls=len(self.calls))
        for call in [call for call in self.calls if call.watched]:
            call.end(self.unavailable())
        while self.state is State.DEGRADED:
            await anyio.sleep(_AGAIN_S)
            if await self.answers():
                if self.state is State.DEGRADED:
                    self._become(State.READY)
                logger.info("plugin.answers_again", plugin=self.name, type=self.type)

    async def suspect(self, within_s: float) -> bool:
        """Ask the plugin whether it is there. Returns True when it does not answer within_s seconds: it is degraded then, and its calls end."""
        if self.debug:
            return False  # it stands still, and somebody knows
        if self.state is State.DEGRADED:
            return True
        if self.state is State.DOWN or await self.answers(within_s):
            return False
        if not self._watching and self._group is not None:
            self._watching = True
            self._group.start_soon(self._until_it_answers_alone)
        return True

    async def _until_it_answers_alone(self) -> None:
        try:
            await self._until_it_answers()
        finally:
            self._watching = False

    async def answers(self, within_s: float = PROBE_S) -> bool:
        """Return whether the plugin answers a health check within_s seconds, with whatever it says. False when nobody listens."""
        self.channel.hurry()
        try:
            await self.channel.unary(_HEALTH, b"", bytes, timeout=within_s)
        except (Unavailable, DeadlineExceeded) as error:
            # A plugin that drains, or can't start, says UNAVAILABLE: it is there, and calls hear it from itself.
            if isinstance(error, Unavailable) and self.channel.is_connected:
                return True
            self._silence = error.message if isinstance(error, Unavailable) else ""
            return False
        except ArgosyError as error:
            if error.unsent:
                return False
        except Exception as error:  # it said something that can't be read, which is no silence
            if self._said.is_new(self.name, repr(error)):
                logger.error("plugin.odd_answer", plugin=self.name, type=self.type, error=repr(error), exc_info=error)
        return True

    # -- whose it is --

    async def claim(self, owner: str, address: os.PathLike[str]) -> Claim:
        """Make sure that what the plugin holds is ours before anything of it is removed. Asked until there is an answer; that it is another's is asked again.

        Raises FailedPrecondition with the owner's name when it is somebody else's, Unavailable.
        """
        async with self._claiming:
            if self.claimed in (Claim.UNKNOWN, Claim.OTHERS):
                try:
                    async with self.call(ANSWER_S) as channel:
                        await ServiceStub(channel).claim(ClaimRequest(owner=owner, address=os.fspath(address)))
                except Unimplemented:
                    self.claimed = Claim.FOREIGN
                except FailedPrecondition as error:
                    self.claimed = Claim.OTHERS
                    self.failed(error)
                    raise
                else:
                    self.claimed = Claim.OURS
            return self.claimed

    async def whose(self, owner: str, address: os.PathLike[str]) -> Claim:
        """Return whose bytes the plugin holds; unlike ``claim``, also when they are another gateway's. Raises Unavailable."""
        if self.claimed is Claim.UNKNOWN:
            with contextlib.suppress(FailedPrecondition):
                await self.claim(owner, address)
        return self.claimed


def _nothing() -> None:
    pass


def _unheard(plugin: Plugin) -> None:
    """Tell nobody."""


def allowed_users(config: ProxyPlugin) -> Collection[int]:
    """Return who may serve a plugin's socket: root, the user we run as, and those that its table names."""
    return {0, os.geteuid(), *config.uids}


def connect(name: str, config: ProxyPlugin) -> Channel:
    """Return a channel to a plugin's socket."""
    # Streams of transfers stand still when their clients do; other clients' streams are on the same connection.
    windows = SHARED if config.type == "transfer" else WINDOWS
    return Channel(config.address, name=f'{config.type} plugin "{name}"', serves=allowed_users(config), windows=windows)
