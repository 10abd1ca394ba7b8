"""``argosy up``: one parent holds the services' sockets, forks each service when it is first called, and restarts it.

The parent runs no event loop and no thread, so that forking is safe; what the services share in memory is loaded once. It
knows a service by its ``SERVICE`` alone (``argosy_cli.services``), and opens nothing that is a service's. They remain separate processes on separate sockets. A
connection made while a service is not there waits for it. The gateway starts at once, and so does the task manager where
there are tasks to look after. Stopping leaves containers running: shims are in sessions of their own.

What is forked is what is on disk: once a file that was loaded here is another one, a service is a new interpreter (``argosy_cli.child``).

    waiting ── a connection ──► running ── nobody has called for idle_s ──► waiting
                                 ▲   │
                                 │   └─ it died ──► due ── its pause is over ──► running
                                 │                   │ ▲      (or waiting, if it dies again and again and has nothing to look after)
             it could not start, │            > 0.3 s▼ │
             and told its callers┘               refusing: a process that tells callers why
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

from argosy import log
from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument
from argosy.kernel.process import set_name
from argosy.loaded import Loaded
from argosy.roots import lock_root, private
from argosy.rpc import short
from argosy.rpc.engine import preload
from argosy.rpc.sockets import MAX_PATH_BYTES, bind_unix, check_free, closed_to
from argosy.service import REPORT_BYTES, Handed, Service, notify_systemd
from argosy.settings import from_mesh, validate
from argosy.tables import ALONE, ProxyPlugin

from argosy_cli.child import REFUSED, UNUSED, be, begin_anew
from argosy_cli.config import MeshConfig, ServiceConfig, seconds
from argosy_cli.directories import socket_in
from argosy_cli.programs import LOGS, Programs
from argosy_cli.restarts import BACKOFF_FIRST_S, STEADY_AFTER_S, pause
from argosy_cli.services import GATEWAY, plugin_of, service_of

logger = log.get("supervisor")

READY_TIMEOUT_S: Final = 30.0
STOP_GRACE_S: Final = 15.0
LEAVING_S: Final = 20.0
OF_LOCK: Final = "argosy up"
PROGRAMS, SUPERVISOR = "programs", "supervisor.sock"
"""A directory beside the services' sockets for those of plugins by command, and the socket in it at which the gateway says which there are to be."""
# Who calls a service that is not there for longer than this is told why.
PATIENCE_S: Final = 0.3


@dataclass
class Child:
    """One service process. While it does not run, we hold its listener and wait for the first connection."""

    name: str
    kind: str
    values: dict[str, Any]
    """Its settings, each of the type that it has there."""
    at_once: bool = False
    waits: Callable[[], bool] = bool
    """Whether there is something for it to take up now, called or not: shims of an earlier run."""
    idle_s: float = 0.0
    """After so many seconds without a call it ends; 0: it stays."""
    listener: socket.socket | None = None
    pid: int = 0
    pidfd: int = -1
    started: float = 0.0
    again_at: float = 0.0
    """When it is tried again to start it; 0 when that is not due."""
    crashes: int = 0
    """How often in a row it ended soon after its start."""
    reason: str = ""
    """Why it is not there: what callers are told when that takes more than a moment."""
    refusing: bool = False
    """Whether what runs in its place only tells callers the reason."""
    report: int = -1
    """A file in memory that takes the last words of its process."""
    sockets: list[Path] = field(default_factory=list)
    next: Child | None = None
    """A process that stands by to take over from this one."""
    of: Child | None = None
    """The child from which this one is to take over, or has."""

    @property
    def backoff(self) -> float:
        """How long the next start waits: nothing after a first crash, so that callers of a service that was killed only wait for it."""
        return pause(self.crashes)

    @property
    def idle_mark(self) -> Path:
        """A file beside the socket says that nothing runs behind it yet: looking would start it."""
        return Path(f"{self.sockets[0]}.idle")


def plan(mesh: MeshConfig) -> list[Child]:
    """Return the processes of a mesh with their settings; the gateway is last. Raises InvalidArgument."""
    address = mesh.address or Path(socket_in(mesh.state))
    sockets = _directory(mesh)
    if mesh.address is None and not short.fits(address):
        address = Path(socket_in(sockets))
    ttrpc = mesh.ttrpc_address or Path(f"{address}.ttrpc")
    if mesh.ttrpc_address is None and not short.fits(ttrpc):
        ttrpc = sockets / "ttrpc.sock"
    common = {"log_level": mesh.log_level}
    # What a service can ask for by ``option(mesh=...)``.
    known: dict[str, Any] = {"state": mesh.state, "address": address, "ttrpc_address": ttrpc}
    known |= {"stream_processors": mesh.stream_processors, "layers": mesh.layers, "image_verifiers": mesh.image_verifiers}
    known |= {name: seconds(text, f"timeouts.{name}") for name, text in mesh.timeouts.items()}
    plugins: dict[str, ProxyPlugin] = {}
    children: list[Child] = []
    for name, config in mesh.services.items():
        try:
            service = plugin_of(config.kind)
        except ArgosyError as error:
            raise type(error)(f"[services.{name}] {error.message}") from error
        shown = config.shown(name)
        root, address_of = mesh.root / service.root(shown), sockets / f"{name}.sock"
        told = {field: known[key] for key, field in from_mesh(service.settings).items() if key in known}
        values = _settings(name, service, config, {**common, **told, **config.settings, "root": root, "address": address_of})
        waits = partial(service.wanted, service.settings(**values)) if service.wanted is not None else bool
        stays = config.start == "at-once"
        idle_s = 0.0 if stays else mesh.idle_s
        children.append(Child(name, config.kind, values, stays or waits(), waits, idle_s, sockets=[address_of]))
        if shown in plugins:
            raise InvalidArgument(f'two services are called "{shown}"; name one of them differently')
        lacks = service.lacks(service.settings(**values)) if service.lacks is not None else ()
        plugins[shown] = ProxyPlugin(
            type=service.plugin,
            address=str(address_of),
            exports={"root": str(root)} if service.plugin in ("snapshot", "content") else {},
            capabilities=[one for one in service.capabilities if one not in lacks],
            on_demand=not stays,
        )
    taken = {socket: f"[services.{child.name}]" for child in children for socket in child.sockets}
    taken |= {address: "the gateway", ttrpc: "the gateway", sockets / PROGRAMS / SUPERVISOR: "the supervisor"}
    for name, table in mesh.proxy_plugins.items():
        if not table.address:
            table = replace(table, address=str(sockets / PROGRAMS / f"{name}.1.sock"))
        if name in plugins:
            raise InvalidArgument(f"[proxy_plugins.{name}] has the name of one of the mesh's own services; use another")
        if (whose := taken.get(_path(table))) is not None:
            raise InvalidArgument(
                f"[proxy_plugins.{name}] has the address of {whose}, {table.address}; give it that of its plugin"
            )
        for other, one in mesh.proxy_plugins.items():
            if other == name:
                break
            if one.type == table.type == "snapshot" and _path(one) == _path(table):
                raise InvalidArgument(
                    f"[proxy_plugins.{other}] and [proxy_plugins.{name}] are snapshotters at one socket, {table.address}: each "
                    "would collect what the other has made; give each a socket of its own, or take one out"
                )
        plugins[name] = table
    _short_enough(mesh, address, ttrpc)
    _one_of_each(mesh, plugins)
    values = {
        **common,
        "root": mesh.root / service_of(GATEWAY).root(),
        "state": mesh.state,
        "address": address,
        "ttrpc_address": ttrpc,
        "uid": mesh.uid,
        "gid": mesh.gid,
        "content_sharing_policy": mesh.content_sharing_policy,
        "reported_version": mesh.reported_version,
        "restart_interval_s": mesh.restart_interval_s,
        "supervisor": sockets / PROGRAMS / SUPERVISOR,
        "proxy_plugins": plugins,
        "snapshotters": mesh.snapshotters,
        "namespaces": mesh.namespaces,
        "stream_processors": mesh.stream_processors,
        "differs": mesh.differs,
        "gc": mesh.gc,
        "restart": mesh.restart,
        "registries": mesh.registries,
        "image_verifiers": mesh.image_verifiers,
    }
    children.append(Child("gateway", GATEWAY, values, True, sockets=[address, ttrpc]))
    return children


def _path(table: ProxyPlugin) -> Path:
    return Path(table.address.removeprefix("unix://"))


def _directory(mesh: MeshConfig) -> Path:
    """Return where the services' sockets are."""
    names = (len(os.fsencode(f"{name}.sock")) for name in mesh.services)
    return short.directory_for(mesh.state, max((short.SHIM_BYTES, *names)))


def _short_enough(mesh: MeshConfig, address: Path, ttrpc: Path) -> None:
    """Raise InvalidArgument for a socket that nobody could make or connect to: better now than by the first call."""
    for what, path in (("address", address), ("ttrpc address", ttrpc)):
        if not short.fits(path):
            raise InvalidArgument(
                f"the mesh's {what} {path} has {len(os.fsencode(path))} bytes, and a socket's path at most {MAX_PATH_BYTES}; "
                f"give a shorter {what}"
            )
    for name, table in mesh.proxy_plugins.items():
        if not short.fits(far := table.address.removeprefix("unix://")):
            raise InvalidArgument(
                f"[proxy_plugins.{name}] has the address {far} of {len(os.fsencode(far))} bytes, and a socket's path has "
                f"at most {MAX_PATH_BYTES}; have its plugin listen at a shorter one"
            )


def _one_of_each(mesh: MeshConfig, plugins: Mapping[str, ProxyPlugin]) -> None:
    """Raise InvalidArgument for two plugins of a type of which one can serve."""
    tables = {config.shown(name): f"[services.{name}]" for name, config in mesh.services.items()}
    named = {one.content for one in mesh.namespaces.values()}
    for kind in ALONE:
        found = [name for name, plugin in plugins.items() if plugin.type == kind]
        if kind == "content" and named:
            found = [name for name in found if name not in named]
        if len(found) > 1:
            where = " and ".join(tables.get(name, f"[proxy_plugins.{name}]") for name in found)
            remedy = ", or have a namespace name it" if kind == "content" else ""
            raise InvalidArgument(
                f"{where} are {len(found)} {kind} plugins, where one can serve; take all but one out{remedy}"
            )


def _settings(name: str, service: Service[Any], config: ServiceConfig, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a service's settings, checked where somebody else than us says them. Raises InvalidArgument."""
    needed = {one.name for one in fields(service.settings) if one.default is MISSING and one.default_factory is MISSING}
    if config.settings or not needed <= values.keys():
        return dict(vars(validate(service.settings, values, f"[services.{name}.settings]")))
    return values


def join_cgroup(path: str) -> None:
    """Move this process, and so every service it forks, into a cgroup of each hierarchy. Raises FailedPrecondition."""
    from argosy.kernel.mount_table import mount_points  # of use to few, and each start would pay for it

    relative = path.strip("/")
    points = [mount.point for mount in mount_points() if mount.type in ("cgroup", "cgroup2")]
    if not relative or ".." in relative.split("/"):
        raise InvalidArgument(f'cgroup "{path}" is no path below a hierarchy')
    for point in points:
        group = Path(point) / relative
        try:
            group.mkdir(parents=True, exist_ok=True)
            (group / "cgroup.procs").write_text(str(os.getpid()))
        except OSError as error:
            # cpuset takes no process before it is told its CPUs; it limits nothing here.
            if group.parent != Path(point) or "cpuset" not in point:
                raise FailedPrecondition(
                    f"cannot join cgroup {group}: {error.strerror}; choose another, or leave it out"
                ) from error


def _was_killed(root: Path) -> bool:
    """Return whether the supervisor that last held root is no more; a service of it may be there still, and hold it."""
    try:
        pid = int((root / ".lock").read_text().removeprefix(f"{OF_LOCK} pid "))
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False  # there was none, or it is another user's
    return False


class Supervisor:
    """Runs a plan until a signal."""

    def __init__(self, mesh: MeshConfig, out: Callable[[str], None]) -> None:
        self._mesh = mesh
        # The gateway says by this pipe that it has started, for the first time.
        self._ready, self._ready_end = -1, -1
        self._children = plan(mesh)
        self._code = Loaded()
        self._loaded: set[str] = set()
        self._outdated_by = ""
        self._out = out
        self._poll = select.poll()
        self._by_fd: dict[int, Child] = {}
        self._callers: dict[int, Child] = {}
        self._stopping = False
        self._programs: Programs | None = None

    def run(self) -> int:
        """Start everything, say so, keep it running; return the exit code.

        Raises FailedPrecondition when another process has the root or a socket, InvalidArgument, OSError.
        """
        mesh = self._mesh
        set_name("argosy")
        os.umask(0o077)  # whatever we were started with: nothing of a mesh is anybody else's
        preload()  # before there is a socket: an engine that is none is a mistake of the start's
        gateway = self._children[-1]
        lock = self._lock()
        private(mesh.state)
        short.sweep()
        short.make(_directory(mesh), mesh.state)
        if mesh.cgroup:
            join_cgroup(mesh.cgroup)
        read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        self._poll.register(read, select.POLLIN)
        gc.enable()
        self._ready, self._ready_end = os.pipe()
        try:
            # From now on nobody is refused: who calls the gateway waits for it, as who calls any other service does.
            gateway.listener = bind_unix(gateway.sockets[0], uid=mesh.uid, gid=mesh.gid)
            closed = closed_to(gateway.sockets[0], mesh.uid, mesh.gid)
            if closed is not None:
                logger.warning(
                    "socket.out_of_reach", address=str(gateway.sockets[0]), uid=mesh.uid, gid=mesh.gid, directory=closed,
                    remedy="give an address in a directory that its owner can enter",
                )  # fmt: skip
            for child in self._children[:-1]:
                child.listener = bind_unix(child.sockets[0])
                child.idle_mark.touch()
            self._programs = Programs(_directory(mesh) / PROGRAMS / SUPERVISOR, mesh.state / LOGS, self)
            self._poll.register(self._programs, select.POLLIN)
            # The gateway is what everybody waits for; nothing else starts unless somebody needs it.
            for child in reversed(self._children):
                if child.at_once:
                    self._fork(child)
                else:
                    self._listen(child)
            code = self._wait_ready()
            if code is None:
                self._out(f"argosy: ready address={gateway.sockets[0]}")
                notify_systemd("READY=1")
                code = self._watch(read)
            notify_systemd("STOPPING=1")
            self._stop()
            return code
        finally:
            if self._programs is not None:
                self._programs.stop(1.0)
            for child in self._children:
                if child.listener is not None:
                    child.sockets[0].unlink(missing_ok=True)
                    child.idle_mark.unlink(missing_ok=True)
            short.leave(_directory(mesh))
            os.close(lock)

    def _lock(self) -> int:
        """Return the descriptor that holds the root. Raises FailedPrecondition when it, or a socket, is in use.

        The services of a supervisor that was killed leave by themselves, when their calls have ended: they are waited for.
        """
        deadline = time.monotonic() + LEAVING_S
        while True:
            try:
                for path in (path for child in self._children for path in child.sockets):
                    check_free(path)
                return lock_root(self._mesh.root, OF_LOCK)
            except FailedPrecondition:
                if time.monotonic() > deadline or not _was_killed(self._mesh.root):
                    raise
            time.sleep(0.1)

    def _listen(self, child: Child) -> None:
        """Wait for somebody to call a service that does not run."""
        assert child.listener is not None
        self._callers[child.listener.fileno()] = child
        self._poll.register(child.listener, select.POLLIN)

    def _told_to_stop(self) -> bool:
        """A signal may have come at any line."""
        return self._stopping

    def _on_signal(self, number: int, frame: Any) -> None:
        self._stopping = True

    def _is_outdated(self) -> bool:
        """Return whether a file that was loaded here is not what it was: from then on nothing is forked to be a service."""
        if not self._outdated_by and (path := self._code.changed()):
            self._outdated_by = path
            remedy = "services start in interpreters of their own; start the mesh again to have its own code new, too"
            logger.info("code.changed", file=path, remedy=remedy)
        return bool(self._outdated_by)

    def _load(self, service: Service[Any]) -> None:
        """Import what a service runs on, so that its processes share it. One that is broken says so in a process of its own."""
        if service.name in self._loaded or self._is_outdated():
            return
        self._loaded.add(service.name)
        try:
            service.load()
        except Exception as error:  # it is anybody's code, and not the end of the others
            logger.warning("service.not_loaded", service_name=service.name, error=repr(error))
        self._code.note()

    def _fork(self, child: Child) -> None:
        if child.listener is not None and self._callers.pop(child.listener.fileno(), None) is not None:
            self._poll.unregister(child.listener)
        child.idle_mark.unlink(missing_ok=True)
        service = service_of(child.kind)
        self._load(service)
        gateway = child is self._children[-1]
        # What cannot start the first time is the end of the start; later on its callers are told.
        first = gateway and self._ready_end >= 0
        assert child.listener is not None
        handed = Handed(child.listener, refuses=not first, ready=self._ready_end if first else -1, idle_s=child.idle_s)
        if self._start(child, service, handed) and first:
            os.close(self._ready_end)
            self._ready_end = -1

    def _refuse(self, child: Child, seconds: float) -> None:
        """Have a process tell a service's callers why it is not there, for as long as it is not tried again."""
        assert child.listener is not None
        handed = Handed(child.listener, refusing_s=seconds, reason=child.reason)
        child.refusing = self._start(child, service_of(child.kind), handed)

    # -- a fresh process in the place of a child's --

    def fresh(self, address: str, beside: str) -> str | None:
        """Start a new process of the service at address, of what is on disk now, which is told at beside to take over.

        Returns why there is none, "" when the service does not run, so that its next process is a new one anyway; None when it was started.
        """
        child = next((one for one in self._children[:-1] if str(one.sockets[0]) == address), None)
        if child is None:
            return f"no service of this mesh serves {address}"
        if not child.pid or child.refusing:
            return ""
        self.drop(address)
        service = service_of(child.kind)
        after = Child(child.name, child.kind, child.values, listener=child.listener, sockets=[Path(beside)], of=child)
        assert child.listener is not None
        try:
            told = bind_unix(beside, 0o600)
        except (ArgosyError, OSError) as error:
            return str(error)
        try:
            handed = Handed(child.listener, refuses=False, idle_s=child.idle_s, standby=True, beside=told.fileno())
            if not self._start(after, service, handed, fresh=True):
                return after.reason
        finally:
            told.close()
        child.next = after
        return None

    def adopt(self, address: str) -> None:
        """Have the process that has taken over be the child's. The one before has nothing any more, and is killed."""
        child = next((one for one in self._children if one.next is not None and str(one.sockets[0]) == address), None)
        if child is None or child.next is None:
            return
        after, child.next = child.next, None
        former = Child(child.name, child.kind, {}, pid=child.pid, pidfd=child.pidfd, of=child, report=child.report)
        child.pid, child.pidfd, child.started, child.report = after.pid, after.pidfd, after.started, after.report
        child.crashes, child.reason, child.again_at = 0, "", 0.0
        self._by_fd[child.pidfd] = child
        after.sockets[0].unlink(missing_ok=True)
        if former.pid:
            self._by_fd[former.pidfd] = former
            os.kill(former.pid, signal.SIGKILL)
        logger.info("service.replaced", service_name=child.name, pid=child.pid, before=former.pid)

    def drop(self, address: str) -> None:
        """End a process that was to take over. Its child goes on, or comes again."""
        for child in self._children:
            if child.next is not None and address in ("", str(child.sockets[0])):
                after, child.next = child.next, None
                after.sockets[0].unlink(missing_ok=True)
                if after.pid:
                    os.kill(after.pid, signal.SIGKILL)
                if not child.pid:
                    child.again_at = time.monotonic()
                elif not address:
                    # Nobody knows how far it got: it may have given its root away.
                    os.kill(child.pid, signal.SIGTERM)

    def _start(self, child: Child, service: Service[Any], handed: Handed, fresh: bool = False) -> bool:
        """Fork a process for a service. Returns False when the system has no room for one: it is tried again later.

        fresh: it is a new interpreter, whatever is on disk.
        """
        # Pages that the collector never touches stay shared with the children.
        gc.freeze()
        sys.stdout.flush()
        sys.stderr.flush()
        # Who only tells why there is no service says that himself.
        anew = fresh or (not handed.reason and self._is_outdated())
        pid = 0
        try:
            if child.report < 0:
                child.report = os.memfd_create(child.name)
            os.ftruncate(child.report, 0)
            handed.report = child.report
            pid = os.fork()
            if pid == 0:
                self._become(child, service, handed, anew)
            child.pidfd = os.pidfd_open(pid)
        except OSError as error:
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            child.crashes += 1
            wait = max(child.backoff, BACKOFF_FIRST_S)
            child.again_at = time.monotonic() + wait
            child.reason = f"{child.name} cannot be started: {error.strerror}"
            logger.error("service.no_process", service_name=child.name, error=error.strerror, again_in_s=wait)
            return False
        child.pid, child.started, child.refusing = pid, time.monotonic(), False
        self._by_fd[child.pidfd] = child
        self._poll.register(child.pidfd, select.POLLIN)
        return True

    def _become(self, child: Child, service: Service[Any], handed: Handed, anew: bool) -> NoReturn:
        """In the child: be the service, or have a new interpreter be it. Does not return."""
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            # The terminal's Ctrl-C is for the parent, which then stops us in order.
            os.setpgid(0, 0)
            from argosy.kernel.process import die_with_parent

            die_with_parent(signal.SIGTERM)
            os.environ.pop("NOTIFY_SOCKET", None)
            for other in self._children:
                if other.listener is not None and other.listener is not child.listener:
                    other.listener.close()
            if self._programs is not None:
                self._programs.close_in_child()
            settings = service.settings(**child.values)
            if anew:
                begin_anew(child.kind, settings, handed)
        except BaseException as error:
            print(f"argosy-{child.name}: {error}", file=sys.stderr, flush=True)
            os.pwrite(handed.report, f"{type(error).__name__}: {error}".encode(errors="replace")[:REPORT_BYTES], 0)
            os._exit(1)
        be(child.name, lambda: (service, settings), handed)

    def _wait_ready(self) -> int | None:
        """Return None when the gateway answers, else the code of the first service that ended."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        self._poll.register(self._ready, select.POLLIN)
        try:
            while not self._stopping:
                due = self._next_due()
                until = deadline if due is None else min(deadline, due)
                for fd, events in self._poll.poll(max(0.0, until - time.monotonic()) * 1000):
                    dead = self._by_fd.get(fd)
                    if self._programs is not None and fd == self._programs.fileno():
                        continue  # below
                    if fd in self._callers:
                        self._fork(self._callers[fd])
                    elif dead is not None:
                        code = self._reap(dead)
                        if code == UNUSED:
                            self._ended(dead, code)
                            continue
                        print(
                            f"argosy: {dead.name} could not start (exit code {code}); see its message above", file=sys.stderr
                        )
                        return code or 1
                    elif fd == self._ready and events & select.POLLIN:
                        return None
                    elif fd == self._ready:
                        self._poll.unregister(fd)  # it has ended, of which we hear in a moment
                self._start_due()
                if time.monotonic() > deadline:
                    print(f"argosy: gateway not ready after {READY_TIMEOUT_S:g} s", file=sys.stderr)
                    return 1
            return 0
        finally:
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._ready)
            os.close(self._ready)

    def _reap(self, child: Child) -> int:
        self._poll.unregister(child.pidfd)
        del self._by_fd[child.pidfd]
        os.close(child.pidfd)
        _, status = os.waitpid(child.pid, 0)
        child.pid, child.pidfd = 0, -1
        return os.waitstatus_to_exitcode(status)

    def _next_due(self) -> float | None:
        """Return when the next service, or program, is tried again."""
        due = [child.again_at for child in self._children if child.again_at]
        program = self._programs.next_due() if self._programs is not None else None
        return min(due if program is None else [*due, program], default=None)

    def _start_due(self) -> None:
        """Start what is due, and see to the programs. One that has crashed again and again, and has nothing to take up, waits for the next call."""
        if self._programs is not None:
            self._programs.handle()
        now = time.monotonic()
        for child in self._children:
            if not child.again_at or child.again_at > now or child.pid or self._told_to_stop():
                continue
            child.again_at = 0.0
            if child.at_once or child.crashes < 2 or child.waits():
                self._fork(child)
            else:
                self._listen(child)

    def _ended(self, child: Child, code: int) -> None:
        """Decide what comes after a process that ended: it is started again, sooner or later."""
        now = time.monotonic()
        lived = now - child.started
        if child.of is not None:
            self._beside_ended(child, code)
            return
        if child.next is not None and child.next.pid:
            # Who takes over has its place: it is adopted, or dropped, by who asked for it.
            logger.warning("service.ended_while_replaced", service_name=child.name, code=code)
            if self._programs is not None:
                how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
                self._programs.say_of(str(child.sockets[0]), child.name, 0, f"its process ended {how} while it was replaced")
            return
        if code == UNUSED:
            child.crashes, child.reason = 0, ""
            child.idle_mark.touch()
            self._listen(child)
            logger.debug("service.unused", service_name=child.name, lived_s=round(lived, 1))
            return
        if child.refusing:  # in its place; the service itself is tried next
            child.refusing, child.again_at = False, now
            return
        last = os.pread(child.report, REPORT_BYTES, 0).decode(errors="replace")
        if code == REFUSED:
            # It told its callers for a while; the next one may have more luck.
            child.crashes, child.again_at = max(child.crashes, 2), now + BACKOFF_FIRST_S
            logger.warning("service.could_not_start", service_name=child.name, error=last)
            return
        child.crashes = 1 if lived > STEADY_AFTER_S else child.crashes + 1
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        wait = child.backoff
        logger.warning("service.ended", service_name=child.name, code=code, lived_s=round(lived, 1), again_in_s=wait)
        child.again_at = now + wait
        child.reason = f"{child.name} ended {how} {lived:.1f} s after its start, {child.crashes} times in a row"
        child.reason += f" ({last})" if last else ""
        if wait > PATIENCE_S:
            child.reason += f"; it is started again within {wait:.1f} s"
            self._refuse(child, wait)

    def _beside_ended(self, child: Child, code: int) -> None:
        """Say how a process has ended that was to take over; one that was replaced has ended as it was to."""
        of = child.of
        assert of is not None
        last = os.pread(child.report, REPORT_BYTES, 0).decode(errors="replace")
        os.close(child.report)
        if of.next is not child:
            return
        of.next = None
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        reason = f"its process ended {how}" + (f" ({last})" if last else "")
        child.sockets[0].unlink(missing_ok=True)
        logger.warning("service.not_replaced", service_name=of.name, reason=reason)
        if self._programs is not None:
            self._programs.say_of(str(child.sockets[0]), of.name, 0, reason)
        if not of.pid:
            of.again_at = time.monotonic()

    def _watch(self, wake: int) -> int:
        while not self._stopping:
            due = self._next_due()
            events = self._poll.poll(None if due is None else max(0.0, due - time.monotonic()) * 1000)
            for fd, _ in events:
                if fd == wake:
                    os.read(wake, 512)
                elif fd in self._callers:
                    self._fork(self._callers[fd])
                elif fd in self._by_fd:
                    child = self._by_fd[fd]
                    code = self._reap(child)
                    if self._told_to_stop():
                        break
                    self._ended(child, code)
            self._start_due()
        return 0

    def _stop(self) -> None:
        """End the services: the gateway first, so that no call is cut in two; then the rest."""
        deadline = time.monotonic() + STOP_GRACE_S
        for child in self._children:
            if child.next is not None and child.next.pid:
                os.kill(child.next.pid, signal.SIGKILL)
                self._reap(child.next)
        for group in ([self._children[-1]], self._children[:-1]):
            for child in group:
                if child.pid:
                    os.kill(child.pid, signal.SIGTERM)
            for child in group:
                while child.pid and time.monotonic() < deadline:
                    poll = select.poll()
                    poll.register(child.pidfd, select.POLLIN)
                    if poll.poll(max(1.0, (deadline - time.monotonic()) * 1000)):
                        self._reap(child)
                if child.pid:
                    logger.warning("service.killed", service_name=child.name)
                    os.kill(child.pid, signal.SIGKILL)
                    self._reap(child)
            if group[0] is self._children[-1] and self._programs is not None:
                self._poll.unregister(self._programs)
                self._programs.stop(max(1.0, deadline - time.monotonic()))
                self._programs = None
