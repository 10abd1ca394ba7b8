"""``argosy up``: one parent holds the services' sockets, forks each service when it is first called, and restarts it.

The parent runs no event loop, and no thread once the gateway's door (``argosy_cli.door``) has been handed on, so that
forking is safe; what the services share in memory is loaded once. They remain separate processes on separate sockets. A
connection made while a service is not there waits for it. The gateway starts at once, and so does the task manager where
there are tasks to look after. Stopping leaves containers running: shims are in sessions of their own.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from argosy import log
from argosy.errors import FailedPrecondition, InvalidArgument
from argosy.kernel.process import set_name
from argosy.rpc.early import Early
from argosy.rpc.sockets import bind_unix, check_free
from argosy.service import Handed, Service, notify_systemd, run
from argosy.settings import validate
from argosy.tables import ProxyPlugin

from argosy_cli.config import TIMEOUTS, MeshConfig, seconds
from argosy_cli.door import Door
from argosy_cli.places import GATEWAY_ROOT, socket_in

logger = log.get("supervisor")

# Imported when first needed, or when there is nothing else to do: the first answer waits for the gateway's only.
KINDS: Final[Mapping[str, str]] = {
    "content": "argosy_content",
    "snapshotter-overlay": "argosy_snapshotter_overlay",
    "snapshotter-native": "argosy_snapshotter_native",
    "snapshotter-erofs": "argosy_snapshotter_erofs",
    "diff": "argosy_diff",
    "tasks": "argosy_tasks",
    "gateway": "argosy_gateway",
}
_PLUGIN_TYPES: Final = {
    "content": "content", "snapshotter-overlay": "snapshot", "snapshotter-native": "snapshot",
    "snapshotter-erofs": "snapshot", "diff": "diff", "tasks": "tasks",
}  # fmt: skip
_ROOTS: Final = {
    "content": "io.containerd.content.v1.content",
    "diff": "io.containerd.differ.v1.walking",
    "tasks": "",
    "gateway": GATEWAY_ROOT,
}
_CAPABILITIES: Final = {"snapshotter-overlay": ["remap-ids", "rebase"], "snapshotter-erofs": ["rebase"]}
READY_TIMEOUT_S: Final = 30.0
STOP_GRACE_S: Final = 15.0
BACKOFF_FIRST_S, BACKOFF_MAX_S, STEADY_AFTER_S = 0.1, 5.0, 10.0


def service_of(kind: str) -> Service[Any]:
    """Return the service of a kind."""
    service: Service[Any] = importlib.import_module(f"{KINDS[kind]}.__main__").SERVICE
    return service


@dataclass
class Child:
    """One service process. While it does not run, we hold its listener and wait for the first connection."""

    name: str
    kind: str
    values: dict[str, Any]
    """Its settings, each of the type that it has there."""
    at_once: bool = False
    listener: socket.socket | None = None
    pid: int = 0
    pidfd: int = -1
    started: float = 0.0
    backoff: float = 0.0
    again_at: float = 0.0
    restarts: int = 0
    failed: bool = False
    sockets: list[Path] = field(default_factory=list)

    @property
    def idle_mark(self) -> Path:
        """A file beside the socket says that nothing runs behind it yet: looking would start it."""
        return Path(f"{self.sockets[0]}.idle")


def plan(mesh: MeshConfig) -> list[Child]:
    """Return the processes of a mesh with their settings; the gateway is last. Raises InvalidArgument."""
    address = mesh.address or Path(socket_in(mesh.state))
    ttrpc = mesh.ttrpc_address or Path(f"{address}.ttrpc")
    plugins: dict[str, ProxyPlugin] = {}
    children: list[Child] = []
    common = {"log_level": mesh.log_level}
    for name, service in mesh.services.items():
        address_of = mesh.state / f"{name}.sock"
        shown = service.name or name
        folder = _ROOTS.get(service.kind)
        root = mesh.root / (folder if folder is not None else f"io.containerd.snapshotter.v1.{shown}")
        if service.kind == "tasks":
            root = mesh.root / "tasks"
        values: dict[str, Any] = {**common, **service.settings, "root": root, "address": address_of}
        if service.kind == "diff":
            values |= {"content": address, "stream_processors": mesh.stream_processors}
        if service.kind == "tasks":
            values |= {"state": mesh.state, "gateway": address, "ttrpc": ttrpc, "root": root}
            values |= {TIMEOUTS[k]: seconds(v, f"timeouts.{k}") for k, v in mesh.timeouts.items()}
        if service.settings:
            values = vars(validate(service_of(service.kind).settings, values, f"[services.{name}.settings]"))
        at_once = service.start == "at-once" or (service.kind == "tasks" and has_tasks(mesh.state, root))
        children.append(Child(name, service.kind, values, at_once, sockets=[address_of]))
        kind = _PLUGIN_TYPES[service.kind]
        if shown in plugins:
            raise InvalidArgument(f'two services are called "{shown}"; name one of them differently')
        plugins[shown] = ProxyPlugin(
            type=kind,
            address=str(address_of),
            exports={"root": str(root)} if kind in ("snapshot", "content") else {},
            capabilities=_CAPABILITIES.get(service.kind, []),
            on_demand=not at_once,
        )
    for name, table in mesh.proxy_plugins.items():
        if name in plugins:
            raise InvalidArgument(f"[proxy_plugins.{name}] has the name of one of the mesh's own services; use another")
        plugins[name] = table
    values = {
        **common,
        "root": mesh.root / _ROOTS["gateway"],
        "state": mesh.state,
        "address": address,
        "ttrpc_address": ttrpc,
        "uid": mesh.uid,
        "gid": mesh.gid,
        "content_sharing_policy": mesh.content_sharing_policy,
        "restart_interval_s": mesh.restart_interval_s,
        "proxy_plugins": plugins,
        "gc": mesh.gc,
    }
    children.append(Child("gateway", "gateway", values, True, sockets=[address, ttrpc]))
    return children


def has_tasks(state: Path, root: Path) -> bool:
    """Return whether an earlier run left bundles: their shims wait to be adopted, or to be cleaned up after."""
    return any(next(base.glob("*/*/*"), None) is not None for base in (state, root))


def join_cgroup(path: str) -> None:
    """Move this process, and so every service it forks, into a cgroup of each hierarchy. Raises FailedPrecondition."""
    from argosy.kernel.mount import mount_points  # of use to few, and each start would pay for it

    relative = path.strip("/")
    points = [mount.point for mount in mount_points() if mount.type in ("cgroup", "cgroup2")]
    if not relative or ".." in relative.split("/"):
        raise InvalidArgument(f'cgroup "{path}" is no path below a hierarchy')
    for point in points:
        place = Path(point) / relative
        try:
            place.mkdir(parents=True, exist_ok=True)
            (place / "cgroup.procs").write_text(str(os.getpid()))
        except OSError as error:
            # cpuset takes no process before it is told its CPUs; it limits nothing here.
            if place.parent != Path(point) or "cpuset" not in point:
                raise FailedPrecondition(
                    f"cannot join cgroup {place}: {error.strerror}; choose another, or leave it out"
                ) from error


class Supervisor:
    """Runs a plan until a signal."""

    def __init__(self, mesh: MeshConfig, out: Callable[[str], None], door: Door) -> None:
        """door is open at the gateway's address; who opened it closes it."""
        self._mesh = mesh
        self._door = door
        self._ready = -1
        self._children = plan(mesh)
        self._out = out
        self._poll = select.poll()
        self._by_fd: dict[int, Child] = {}
        self._callers: dict[int, Child] = {}
        self._stopping = False

    def run(self) -> int:
        """Start everything, say so, keep it running; return the exit code."""
        mesh = self._mesh
        set_name("argosy")
        gateway = self._children[-1]
        for path in (path for child in self._children for path in child.sockets if path != gateway.sockets[0]):
            check_free(path)
        gateway.listener = self._door.listener
        if mesh.cgroup:
            join_cgroup(mesh.cgroup)
        read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        self._poll.register(read, select.POLLIN)
        gc.enable()
        try:
            for child in self._children[:-1]:
                child.listener = bind_unix(child.sockets[0])
                child.idle_mark.touch()
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
            for child in self._children[:-1]:
                if child.listener is not None:
                    child.sockets[0].unlink(missing_ok=True)
                    child.idle_mark.unlink(missing_ok=True)

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

    def _fork(self, child: Child) -> None:
        if child.listener is not None and self._callers.pop(child.listener.fileno(), None) is not None:
            self._poll.unregister(child.listener)
        child.idle_mark.unlink(missing_ok=True)
        service = service_of(child.kind)
        ready = -1
        early = None
        if child is self._children[-1] and not child.restarts:
            self._ready, ready = os.pipe()
            early = self._door.stop()
        # Pages that the collector never touches stay shared with the children.
        gc.freeze()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            # What cannot start the first time is the end of the start; later on its callers are told.
            self._become(child, service, early, ready)
        if early is not None:
            early.close()
        if ready >= 0:
            os.close(ready)
        child.pid, child.started = pid, time.monotonic()
        child.pidfd = os.pidfd_open(pid)
        self._by_fd[child.pidfd] = child
        self._poll.register(child.pidfd, select.POLLIN)

    def _become(self, child: Child, service: Service[Any], early: Early | None, ready: int) -> None:
        """In the child: be the service. Does not return."""
        code = 1
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
                if other.listener is not None and other is not child:
                    other.listener.close()
            assert child.listener is not None
            handed = Handed(child.listener, early, refuses=ready < 0, ready=ready, prepared=early is not None)
            run(service, settings=service.settings(**child.values), handed=handed)
            code = 0
        except SystemExit as exit:
            code = exit.code if isinstance(exit.code, int) else 1
        except BaseException as error:
            print(f"argosy-{child.name}: {error}", file=sys.stderr)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _wait_ready(self) -> int | None:
        """Return None when the gateway answers, else the code of the first service that ended."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        self._poll.register(self._ready, select.POLLIN)
        try:
            while not self._stopping:
                for fd, events in self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    dead = self._by_fd.get(fd)
                    if fd in self._callers:
                        self._fork(self._callers[fd])
                    elif dead is not None:
                        code = self._reap(dead)
                        print(
                            f"argosy: {dead.name} could not start (exit code {code}); see its message above", file=sys.stderr
                        )
                        return code or 1
                    elif fd == self._ready and events & select.POLLIN:
                        return None
                    elif fd == self._ready:
                        self._poll.unregister(fd)  # it has ended, of which we hear in a moment
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

    def _watch(self, wake: int) -> int:
        # What a first call would have to wait for, while nobody calls.
        ahead = [child.kind for child in self._children if not child.at_once]
        while not self._stopping:
            due = [c.again_at for c in self._children if c.again_at]
            timeout = max(0.0, min(due) - time.monotonic()) * 1000 if due else None
            events = self._poll.poll(0 if ahead else timeout)
            if ahead and not events:
                service_of(ahead.pop(0))
            for fd, _ in events:
                if fd == wake:
                    os.read(wake, 512)
                    continue
                if fd in self._callers:
                    self._fork(self._callers[fd])
                    continue
                child = self._by_fd[fd]
                code = self._reap(child)
                if self._told_to_stop():
                    break
                lived = time.monotonic() - child.started
                child.failed = code > 0
                child.backoff = (
                    BACKOFF_FIRST_S
                    if lived > STEADY_AFTER_S
                    else min(max(child.backoff * 2, BACKOFF_FIRST_S), BACKOFF_MAX_S)
                )
                child.again_at = time.monotonic() + (0.0 if child.restarts == 0 or lived > STEADY_AFTER_S else child.backoff)
                logger.warning("service.ended", service_name=child.name, code=code, lived_s=round(lived, 1))
            now = time.monotonic()
            for child in self._children:
                if child.again_at and child.again_at <= now and not self._told_to_stop():
                    child.again_at = 0.0
                    if child.failed and child.kind != "gateway":
                        self._listen(child)  # it could not start, and told its callers why; the next one may have more luck
                    else:
                        child.restarts += 1
                        self._fork(child)
        return 0

    def _stop(self) -> None:
        """End the services: the gateway first, so that no call is cut in two; then the rest."""
        deadline = time.monotonic() + STOP_GRACE_S
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
