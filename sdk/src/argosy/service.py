"""One process shape for all of them: what a service says of itself, settings, logs, health, statistics, drain, signals.

    SERVICE = Service("content", ContentSettings, main_of(__package__), plugin="content", public_name="content")

Its distribution names ``SERVICE`` in an entry point of the group ``argosy.services``: that is how ``argosy up`` finds it, and all
that anybody else needs to know of it. The module of ``SERVICE`` imports little, since every mesh that starts loads it.

SIGTERM drains: new calls are refused as UNAVAILABLE, calls in flight get ``DRAIN_GRACE_S`` to end, then
everything that ``enter`` opened is closed in reverse order. A service that was started by its first call ends the same way when
nobody has called it for a while (``Handed.idle_s``), unless it says that it has something to look after (``ServiceContext.stay_while``):

    serving ── no call, no open stream, nothing to look after, for idle_s ──► leaving ── its peers have hung up ──► over
       ▲                                                                        │
       └── a call, somebody who waits at the socket, or a peer that stays ──────┘
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import anyio
import anyio.abc
from argosy_protos._service import ServiceBase

from argosy import log
from argosy.about import About
from argosy.errors import ArgosyError, InvalidArgument, ResourceExhausted, Unavailable
from argosy.instance import Instance, innermost
from argosy.kernel.heap import keep_freed
from argosy.kernel.process import set_name
from argosy.memory import Memory
from argosy.rpc.server import Server
from argosy.rpc.sockets import owners
from argosy.settings import Settings, load
from argosy.store.reserve import give_all
from argosy.tables import SHORT_TYPES

S = TypeVar("S", bound=Settings)
R = TypeVar("R")

DRAIN_GRACE_S: Final = 5.0
REFUSING_S: Final = 10.0
HANDED_OVER: Final = frozenset(("snapshot", "content", "diff"))
"""Types of plugins whose root another process can take over while they are used; a task manager's calls may wait for ever."""
REPORT_BYTES: Final = 4096
_SWITCH_S: Final = 0.0005
# A service that nobody calls looks so often whether that is still so, in the time after which it ends.
_LOOKS: Final = 4
# Peers have this long to hang up; one that does not is one that needs us.
_HANG_UP_S: Final = 2.0
EXIT_CODES: Final = {3: 2, 5: 4, 6: 5, 9: 6, 14: 7}


@dataclass
class ServiceContext(Generic[S]):
    """What a service's start function is given."""

    settings: S
    server: Server
    tasks: anyio.abc.TaskGroup
    gauges: dict[str, Callable[[], object]] = field(default_factory=dict)
    owner: tuple[int, int] = (-1, -1)
    """User and group that the socket is given to, who may use it beside root and whom we run as; -1 names nobody."""
    needed: list[Callable[[], bool]] = field(default_factory=list)
    """What says whether there is something to look after, called or not."""
    memory: Memory = field(default_factory=Memory)
    """Who is told of work that is no call, and of what can be let go of."""
    passes_on: bool = False
    """Set before it is closed for another process that takes its root over: what callers may have in their hands, such as mounts, is to stay."""
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def stay_while(self, check: Callable[[], bool]) -> None:
        """Keep the service from ending for want of calls as long as check returns True. It is asked seldom, and must not block."""
        self.needed.append(check)

    async def enter(self, resource: AbstractAsyncContextManager[R]) -> R:
        """Open a resource for as long as the service lives."""
        return await self._stack.enter_async_context(resource)

    def on_close(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call back when the service ends; the last one registered runs first."""
        self._stack.push_async_callback(callback)


Start = Callable[[ServiceContext[S]], Awaitable[Sequence[ServiceBase]]]
"""Opens what a service needs and returns what it serves."""


def main_of(package: str) -> Callable[[], Start[Any]]:
    """Return what imports the function ``start`` of a package's ``__main__``, which knows its service; its service knows the package's name only."""

    def load() -> Start[Any]:
        start: Start[Any] = importlib.import_module(f"{package}.__main__").start
        return start

    return load


@dataclass(frozen=True)
class Service(Generic[S]):
    """A service: what it is called, what it is to a mesh, what it can be told, and how it starts."""

    name: str
    """What its process is called, and its entry point: ``argosy-<name>`` runs it alone."""
    settings: type[S]
    """Fields with ``option(mesh=KEY)`` are filled by ``argosy up`` with what it knows under that key."""
    load: Callable[[], Start[S]]
    """Import what it needs to run, and return its start function; usually ``main_of`` its package. Called in its own process, or ahead of a fork."""
    about: str = ""
    """What it is, in a few words that follow "Argosy"."""
    plugin: str = ""
    """Its plugin type, a key of ``argosy.tables.SHORT_TYPES``; empty for what is no plugin."""
    public_name: str = ""
    """The plugin's name among those of its type, as clients see it, unless the topology says otherwise."""
    folder: str = ""
    """Its root below the mesh's; by default ``<containerd's name of the type>.<public name>``."""
    capabilities: tuple[str, ...] = ()
    lacks: Callable[[S], Collection[str]] | None = None
    """Which of its capabilities this machine has no means for. Asked at the start of each mesh: it has a few milliseconds."""
    ahead: Callable[[S], None] | None = None
    """What can be found out before its root is its own, for a process that stands by: callers wait while it claims. That it fails means nothing."""
    wanted: Callable[[S], bool] | None = None
    """Whether it has to run before anybody calls it, for what an earlier run left behind."""

    def root(self, public_name: str = "") -> str:
        """Return its root directory's name below the mesh's."""
        return self.folder or f"{SHORT_TYPES[self.plugin]}.{public_name or self.public_name}"


def notify_systemd(message: str) -> None:
    """Tell the service manager something (sd_notify), when there is one."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)


@dataclass
class Handed:
    """What a service is given by a process that holds its socket for it."""

    listener: socket.socket
    """Bound to the service's address; it stays with whoever gave it."""
    refuses: bool = True
    """A service that cannot start says why to whoever calls it, for ``refusing_s`` seconds: callers wait on that
    socket already, and would wait for ever."""
    refusing_s: float = REFUSING_S
    reason: str = ""
    """Why it is not even tried to start it: that is what callers are told."""
    refused: bool = False
    """Set when callers were told why there is no service."""
    ready: int = -1
    """A descriptor that is written to, and closed, when the service has started."""
    report: int = -1
    """A descriptor of a file that takes the reason for which the service ended."""
    idle_s: float = 0.0
    """After so many seconds without a call it ends, and whoever holds its socket waits for the next one; 0: it stays."""
    idled: bool = False
    """Set when it ended for that reason."""
    standby: bool = False
    """Another process serves at the listener, and has the root: it waits until it is told to take both over (``argosy.instance``)."""
    beside: int = -1
    """A descriptor of another socket, at which one that stands by is told so."""


async def _started(service: Service[S], ctx: ServiceContext[S]) -> Sequence[ServiceBase]:
    """Start a service, on a full disk with the room that it keeps for that. Raises what start raises."""
    try:
        return await service.load()(ctx)
    except (OSError, ResourceExhausted) as error:
        full = isinstance(error, ResourceExhausted) or error.errno in (errno.ENOSPC, errno.EDQUOT)
        if not full or not give_all(ctx.settings.root):
            raise
    return await service.load()(ctx)


class _Life(Generic[S]):
    """What a service has while it has its root: opened by a claim, closed by a release or the end."""

    def __init__(self, service: Service[S], settings: S, server: Server) -> None:
        self._service, self._settings, self._server = service, settings, server
        self.gauges: dict[str, Callable[[], object]] = {}
        self.ctx: ServiceContext[S] | None = None

    @asynccontextmanager
    async def opened(self, root: Path | None) -> AsyncIterator[Sequence[ServiceBase]]:
        settings = self._settings if root in (None, self._settings.root) else replace(self._settings, root=root)
        # Resources outlive the tasks that use them: the group ends first, then the stack closes what was opened.
        async with AsyncExitStack() as stack, anyio.create_task_group() as tasks:
            ctx = ServiceContext(settings, self._server, tasks, gauges=self.gauges, _stack=stack)
            services = await _started(self._service, ctx)
            self._server.allow = owners(*ctx.owner)
            self._server.ended = ctx.memory.used
            self.ctx = ctx
            try:
                yield services
            finally:
                self.ctx = None
                self.gauges.clear()
                tasks.cancel_scope.cancel()

    @property
    def is_needed(self) -> bool:
        """Whether there is something to look after; one that stands by does for whoever started it."""
        return self.ctx is None or any(check() for check in self.ctx.needed)


async def _unused(server: Server, life: _Life[S], handed: Handed) -> None:
    """Return when nobody has called for a while, nothing is to be looked after, and nobody is connected any more."""

    def needed() -> bool:
        return life.is_needed

    asked, since = server.asked, anyio.current_time()
    while True:
        await anyio.sleep(handed.idle_s / _LOOKS)
        if server.asked != asked or server.is_used or needed():
            asked, since = server.asked, anyio.current_time()
        elif anyio.current_time() - since >= handed.idle_s:
            if await server.retire(handed.listener, needed, _HANG_UP_S):
                return
            asked, since = server.asked, anyio.current_time()


async def _until_over(signals: AsyncIterator[signal.Signals], unused: Callable[[], Awaitable[None]] | None) -> bool:
    """Wait for a signal, or until unused returns; return whether that was it."""
    is_unused = False
    async with anyio.create_task_group() as group:

        async def watch(unused: Callable[[], Awaitable[None]]) -> None:
            nonlocal is_unused
            await unused()
            is_unused = True
            group.cancel_scope.cancel()

        if unused is not None:
            group.start_soon(watch, unused)
        async for _ in signals:
            break
        group.cancel_scope.cancel()
    return is_unused


async def serve(service: Service[S], settings: S, handed: Handed | None = None) -> None:
    """Run a service until SIGTERM or SIGINT. Raises what start raises."""
    server = Server()
    life = _Life(service, settings, server)
    instance = Instance(service.name, service.plugin, server, settings.root, life.opened)
    try:
        async with anyio.create_task_group() as tasks:
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                failure: Exception | None = None
                try:
                    if handed is not None and handed.reason:
                        raise Unavailable(handed.reason)
                    if handed is None or not handed.standby:
                        await instance.begin()
                    else:
                        service.load()  # now: callers wait while it claims
                        if service.ahead is not None:
                            with contextlib.suppress(ArgosyError, OSError):  # it is asked again then
                                await anyio.to_thread.run_sync(service.ahead, settings)
                except Exception as error:  # whatever it is: it is told to the callers, and raised again in a moment
                    if handed is None or not handed.refuses:
                        raise
                    failure, handed.refused = error, True
                    server.draining = error if isinstance(error, ArgosyError) else Unavailable(_why_not(service.name, error))
                    if not handed.reason:
                        log.get(service.name).error("service.cannot_start", error=str(error) or repr(error), exc_info=error)
                tasks.start_soon(instance.until_broken)
                about = About(
                    service.name, server, root=settings.root, gauges=life.gauges,
                    log_level=settings.log_level, log_json=settings.log_json,
                )  # fmt: skip
                about.add()
                instance.releasing = partial(_pass_on, server, life, handed)
                if failure is None and service.plugin in HANDED_OVER:
                    instance.add()
                if handed is None:
                    uid, gid = life.ctx.owner if life.ctx is not None else (-1, -1)
                    await server.listen_unix(settings.address, uid=uid, gid=gid)
                else:
                    # A copy: what stops to listen closes its socket, and may have to begin again.
                    await server.listen(socket.socket(fileno=handed.beside) if handed.standby else handed.listener.dup())
                    instance.claimed = partial(_listen_at, server, handed.listener)
                    if handed.ready >= 0:
                        os.write(handed.ready, b"+")
                        os.close(handed.ready)
                notify_systemd("READY=1")
                if failure is None:
                    log.get(service.name).info("service.ready", address=str(settings.address), pid=os.getpid())
                unused = None
                if handed is not None and handed.idle_s and failure is None:
                    unused = partial(_unused, server, life, handed)
                with anyio.move_on_after(None if handed is None or failure is None else handed.refusing_s):
                    if await _until_over(signals, unused) and handed is not None:
                        handed.idled = True
            notify_systemd("STOPPING=1")
            if failure is None:
                server.draining = Unavailable(f"{service.name} is stopping; try again when it is back")
            await server.close(DRAIN_GRACE_S)
            tasks.cancel_scope.cancel()
    finally:
        await instance.close()
    if failure is not None:
        raise failure


async def _listen_at(server: Server, listener: socket.socket) -> None:
    """Serve at a listener from now on, and nowhere else: the root has been claimed."""
    server.stop_listening()
    await server.listen(listener.dup())


async def _pass_on(server: Server, life: _Life[S], handed: Handed | None) -> None:
    """Leave a listener to the process that takes over, and what is mounted, too."""
    if life.ctx is not None:
        life.ctx.passes_on = True
    if handed is not None:
        server.stop_listening()


def _why_not(name: str, error: Exception) -> str:
    what = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return f"{name} cannot start: {what}"


def run(
    service: Service[S], argv: Sequence[str] | None = None, settings: S | None = None, handed: Handed | None = None
) -> None:
    """Run a service as this process, with settings from a command line, or as given.

    Exits 0 after a signal, with a code by error class when it cannot start.
    """
    # The kernel keeps fifteen bytes; the snapshotters shall differ within them.
    set_name(f"argosy-{service.name.replace('snapshotter', 'snap')}")
    log.configure("info", service=service.name)  # until the settings say otherwise
    try:
        if settings is None:
            settings = load(service.settings, service.name, argv)
        if settings.log_level not in log.LEVELS:
            raise InvalidArgument(f'log level "{settings.log_level}" is not one of {", ".join(log.LEVELS)}')
        log.configure(settings.log_level, settings.log_json, service.name)
        os.umask(0o077)
        keep_freed()
        # A call lets go of the interpreter several times; a thread that computes (a collection, a tar) may keep it each time.
        sys.setswitchinterval(_SWITCH_S)
        anyio.run(serve, service, settings, handed, backend="asyncio", backend_options={"use_uvloop": True})
    except BaseException as raised:
        error = innermost(raised)
        if isinstance(error, (SystemExit, KeyboardInterrupt)):
            raise error from None
        if not isinstance(error, (ArgosyError, OSError)):
            log.get(service.name).error("service.failed", error=repr(error), exc_info=error)
        else:
            log.get(service.name).debug("service.failed", exc_info=error)
        why = str(getattr(error, "message", None) or error or repr(error))
        if handed is None or not handed.reason:  # which is known to whoever handed it
            print(f"argosy-{service.name}: {why}", file=sys.stderr)
        if handed is not None and handed.report >= 0:
            os.pwrite(handed.report, why.encode(errors="replace")[:REPORT_BYTES], 0)
        raise SystemExit(EXIT_CODES.get(getattr(error, "code", 2), 1)) from None
