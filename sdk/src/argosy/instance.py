"""Who has a root of several processes that could: a process stands by until it is told to claim it, and releases it when it is told to.

A root has one process at a time, which holds a lock. To put another in its place without a restart that callers see, the new one is
started while the old one still serves, and stands by: it has no lock, has opened nothing, and answers only what is asked about itself.

                 claim                        opened
    STANDBY ───────────────► CLAIMING ─────────────────────► SERVING
       ▲ ▲                      │                            ▲  │
       │ └── can't be opened, ──┘      calls did not end, ───┘  │ release
       │     its caller left           its caller left       │  ▼
       └───────────────────────────────────────────────── RELEASING
                      closed, the lock is given back

| phase | the lock | a call of a client |
|---|---|---|
| STANDBY | not ours | UNAVAILABLE |
| CLAIMING | ours, from its beginning until it failed | UNAVAILABLE |
| SERVING | ours | is served |
| RELEASING | ours, until all is closed | UNAVAILABLE; those in flight end |

The kernel gives the lock back for a process that dies. Each order is the same again when it is repeated, so whoever was not answered asks again.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from enum import Enum
from pathlib import Path
from typing import Any, Final

import anyio
from argosy_protos._service import ServiceBase
from argosy_protos.argosy.instance.v1 import (
    ClaimRequest,
    ClaimResponse,
    GetInfoRequest,
    GetInfoResponse,
    InstanceBase,
    ReleaseRequest,
    ReleaseResponse,
    StatusRequest,
    StatusResponse,
)

from argosy import log
from argosy.errors import FailedPrecondition, InvalidArgument, Unavailable, in_words
from argosy.roots import lock_root
from argosy.rpc.server import Server, inline
from argosy.settled import settled

logger = log.get("argosy.instance")

RELEASE_S: Final = 5.0
"""How long calls in flight may take to end when a root is released, unless it is said otherwise."""
_MOST_S: Final = 600.0

Opened = Callable[[Path | None], AbstractAsyncContextManager[Sequence[ServiceBase]]]
"""Opens what is below a root, and has the services that serve it. Entered and left more than once, each time in a task of its own."""


class Phase(Enum):
    """What a process has of its root, as drawn above."""

    STANDBY = "standby"
    CLAIMING = "claiming"
    SERVING = "serving"
    RELEASING = "releasing"


MOVES: Final[Mapping[tuple[Phase, str], Phase]] = {
    (Phase.STANDBY, "claim"): Phase.CLAIMING,
    (Phase.CLAIMING, "opened"): Phase.SERVING,
    (Phase.CLAIMING, "failed"): Phase.STANDBY,
    (Phase.SERVING, "release"): Phase.RELEASING,
    (Phase.RELEASING, "kept"): Phase.SERVING,
    (Phase.RELEASING, "closed"): Phase.STANDBY,
}
"""Each move there is; any other is a mistake of this module's."""


class Instance(InstanceBase):
    """argosy.instance.v1.Instance of one server. ``add`` it before the server listens, and ``close`` it when it listens no more."""

    def __init__(
        self, name: str, type: str, server: Server, root: Path | None, opened: Opened, debug: bool = False,
        info: Callable[[], GetInfoResponse] | None = None,
    ) -> None:  # fmt: skip
        """root is the directory whose lock it takes; None for what needs none. debug: it is under a debugger, and may stand still.

        info returns what it says that it is, which may change with what is opened; by default its type alone.
        """
        self._debug, self._info = debug, info or (lambda: GetInfoResponse(type=type))
        self._name, self._type, self._server, self._root, self._opened = name, type, server, root, opened
        self._phase = Phase.STANDBY
        self._at = root
        """What it serves, or served last: its root, or that of a rehearsal."""
        self._held: _Held | None = None
        self._turn = anyio.Lock()
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.claimed: Callable[[], Awaitable[None]] = _nothing
        """Called when a claim has opened the root, before it is answered."""
        self.releasing: Callable[[], Awaitable[None]] = _nothing
        """Called when nothing is at work any more, before the root is closed."""
        self._stand_by()

    def add(self) -> None:
        """Answer these calls, also while it stands by."""
        self._server.add(self)
        self._server.always |= self.__mapping__().keys()

    @property
    def phase(self) -> Phase:
        return self._phase

    async def until_broken(self) -> None:
        """Wait until what was opened ends by itself, and raise what ended it: nobody serves then."""
        await asyncio.shield(self._broken)

    def _watch(self, held: _Held) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            if (
                self._held is held
                and not self._broken.done()
                and not task.cancelled()
                and (error := task.exception()) is not None
            ):
                self._broken.set_exception(error)

        held.task.add_done_callback(ended)

    def _move(self, how: str) -> None:
        self._phase = MOVES[self._phase, how]

    def _stand_by(self) -> None:
        self._server.draining = Unavailable(
            f"{self._name} stands by: nobody has told it to claim {self._root or 'its part'}"
        )

    @inline
    async def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        return self._info()

    @inline
    async def status(self, request: StatusRequest) -> StatusResponse:
        root = "" if self._root is None else str(self._root.absolute())
        return StatusResponse(
            name=self._name, type=self._type, phase=self._phase.value, root=root, pid=os.getpid(), debug=self._debug
        )

    async def claim(self, request: ClaimRequest) -> ClaimResponse:
        root = self._root
        if request.root:
            if self._root is None:
                raise InvalidArgument(f"{self._name} has no root, so none to rehearse in; claim it without one")
            if not request.root.startswith("/"):
                raise InvalidArgument(f'root "{request.root}" is no absolute path; write it from the root directory on')
            root = Path(request.root)
        async with self._turn:
            try:
                await self._claim(root)
            except OSError as error:
                raise FailedPrecondition(f"{self._name} can't open {root}: {in_words(error)}") from error
        logger.info("instance.claimed", root=str(root or ""))
        return ClaimResponse()

    async def begin(self) -> None:
        """Claim the root before anybody is served. Raises FailedPrecondition when another process has it, and what opening it raises."""
        async with self._turn:
            await self._claim(self._root)

    async def _claim(self, root: Path | None) -> None:
        if self._phase is Phase.SERVING:
            if root != self._at:
                raise FailedPrecondition(f"{self._name} serves {self._at}; release it first")
            return
        self._move("claim")
        held = _Held(self._name, root, self._opened)
        try:
            services = await held.open()
        except BaseException:
            self._move("failed")
            raise
        self._held, self._at = held, root
        self._watch(held)
        for service in services:
            self._server.add(service)
        await self.claimed()
        self._server.draining = None
        self._move("opened")

    async def release(self, request: ReleaseRequest) -> ReleaseResponse:
        wait_s = request.wait_s or RELEASE_S
        if not 0 <= wait_s <= _MOST_S:
            raise InvalidArgument(f"{self._name} can't wait {wait_s:g} s; give it between 0 and {_MOST_S:g}")
        async with self._turn:
            if self._phase is Phase.SERVING:
                await self._release(wait_s)
        return ReleaseResponse()

    async def _release(self, wait_s: float) -> None:
        server, before = self._server, self._server.draining
        self._move("release")
        server.draining = Unavailable(f"{self._name} gives its root to another process; try again in a moment")
        try:
            if not await server.quiet(wait_s):
                raise Unavailable(
                    f"{self._name} has {server.at_work} calls in flight after {wait_s:g} s, and serves on; try again when they have ended"
                )
        except BaseException:
            server.draining = before
            self._move("kept")
            raise
        # From here on there is no way back but by a claim: who leaves now finds it standing by.
        held, self._held = self._held, None
        assert held is not None
        await self.releasing()
        try:
            await held.close()
        except Exception as error:  # a plugin's own: the lock is given back all the same, as by the end of this process
            logger.error("instance.close_failed", error=str(error) or repr(error), exc_info=error)
        finally:
            self._stand_by()
            self._move("closed")
        logger.info("instance.released", root=str(self._at or ""))

    async def close(self) -> None:
        """Give up what is held: the server listens no more. Raises what closing raises. Cancellation: it goes on to its end."""
        with anyio.CancelScope(shield=True):
            async with self._turn:
                held, self._held = self._held, None
                if held is not None and not (self._broken.done() and self._broken.exception() is not None):
                    await held.close()


async def _nothing() -> None:
    pass


class _Held:
    """A root that is ours, and what was opened in it. It is opened and closed by one task, which whoever leaves meanwhile does not cut."""

    def __init__(self, name: str, root: Path | None, opened: Opened) -> None:
        self._name, self._root, self._opened = name, root, opened
        self._services: asyncio.Future[Sequence[ServiceBase]] = asyncio.get_running_loop().create_future()
        self._closing = asyncio.Event()
        self.task: asyncio.Task[None]

    async def open(self) -> Sequence[ServiceBase]:
        """Take the lock, and open. Raises FailedPrecondition when another has it, and what opening raises. Cancellation: nothing stays open."""
        # Not of a group: who closes it waits for it.
        self.task = asyncio.get_running_loop().create_task(self._keep())
        try:
            waits: set[asyncio.Future[Any]] = {self.task, self._services}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.task.cancel()
            with suppress(Exception, asyncio.CancelledError):
                await settled(self.task)
            raise
        if not self._services.done():
            error = self.task.exception()
            assert error is not None
            raise innermost(error)
        return self._services.result()

    async def close(self) -> None:
        """Close, and give the lock back. Raises what closing raises. Cancellation: it goes on to its end."""
        self._closing.set()
        await settled(self.task)

    async def _keep(self) -> None:
        fd = -1 if self._root is None else lock_root(self._root, self._name)
        try:
            async with self._opened(self._root) as services:
                self._services.set_result(services)
                await self._closing.wait()
        finally:
            if fd >= 0:
                _unlock(fd)


def innermost(error: BaseException) -> BaseException:
    """Return the exception of a group of one: what is opened may be opened in a group."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _unlock(fd: int) -> None:
    """Give a root's lock back, also when a child that was forked this moment has a copy of its descriptor."""
    try:
        fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(fd)
