"""The shim's process: one epoll loop for sockets and exits, a thread for every runtime verb.

A shim with a keeper hands its state over to it, and ends, when no call has come for a while.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from argosy_protos._wire import DecodeError
from argosy_protos.lean.containerd.task import v2 as api

from argosy.errors import ArgosyError, FailedPrecondition, to_wire
from argosy.kernel.peer import credentials
from argosy.kernel.process import become_subreaper, set_name
from argosy.shim.events import Publisher
from argosy.shim.keeper import Asleep, Keeper
from argosy.shim.spawn import known, reap_orphans
from argosy.shim.tasks import TaskService
from argosy.ttrpc.machine import INVALID_ARGUMENT, UNIMPLEMENTED, Incoming, ServerMachine

if TYPE_CHECKING:
    from argosy.shim.copies import Files
    from argosy.shim.transfers import Transfers

# Task v2 and v3 differ in nothing but the name.
_SERVICES: Final = frozenset(("containerd.task.v2.Task", "containerd.task.v3.Task"))
# Of shims whose containers' files can be reached.
_COPYING: Final = frozenset(("containerd.services.transfer.v1.Transfer", "containerd.services.streaming.v1.Streaming"))
_EVENT_DRAIN_S: Final = 5.0
_AGAIN_S: Final = 0.05
# A shim that nobody has asked for so long goes to sleep. One that is woken early, or may not sleep, waits longer the next time.
_PATIENCE_S: Final = 0.5
_MOST_PATIENCE: Final = 64
_GOOD_SLEEP_S: Final = 60.0


def patience() -> float | None:
    """Return the seconds after which a shim goes to sleep, None for one that never does: ARGOSY_SHIM_SLEEP, a number or ``off``."""
    wish = os.environ.get("ARGOSY_SHIM_SLEEP", "")
    if wish == "off":
        return None
    try:
        return max(0.0, float(wish))
    except ValueError:
        return _PATIENCE_S


class Identity(NamedTuple):
    """The names of one shim: its socket, its group, its namespace, and how its daemon is reached."""

    path: str
    """Its socket."""
    id: str
    namespace: str
    address: str
    """The daemon's socket, for its publish command."""
    publish_binary: str

    @property
    def name(self) -> str:
        """What ps and top call the shim; the kernel keeps 15 bytes of it."""
        return f"shim:{self.id}"[:15]


def report(error: BaseException | None) -> None:
    """Write an error that no caller waits for to standard error, which is the daemon's log."""
    import traceback  # slow to import, and most shims never need it

    traceback.print_exception(error, file=sys.stderr)


def _failure(error: BaseException) -> ArgosyError | BaseException:
    """Return what to tell the daemon about error."""
    if isinstance(error, OSError):
        return FailedPrecondition(f"{error.strerror}: {error.filename}" if error.filename else str(error))
    return error


class _Connection:
    """One daemon's connection."""

    def __init__(self, sock: socket.socket, last: int = 0) -> None:
        self.socket = sock
        self.machine = ServerMachine(last)
        self.pending = b""


class _Waiting:
    """A call that is answered when something happens."""

    def __init__(self, daemon: Daemon, connection: _Connection, stream: int) -> None:
        self._daemon, self.connection, self.stream = daemon, connection, stream

    def __call__(self, response: Any) -> None:
        answer = (None, response) if isinstance(response, ArgosyError) else (response, None)
        self._daemon._post(lambda: self._daemon._answer(self.connection, self.stream, *answer))


class Daemon:
    """Serves until Shutdown. make is the task service's class."""

    def __init__(
        self, listener: socket.socket, identity: Identity, make: type[TaskService[Any]], keeper: Keeper | None
    ) -> None:
        self._listener, self._identity, self._keeper = listener, identity, keeper
        self._patience_s = patience() if keeper is not None else None
        self._connections: dict[int, _Connection] = {}
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._orphans = False  # there may be some
        self._posted: list[Callable[[], None]] = []
        self._posted_lock = threading.Lock()
        self._publisher = Publisher(
            identity.namespace, os.environ.get("TTRPC_ADDRESS", ""), identity.address, identity.publish_binary
        )
        # Orphans of a shim with a keeper are the keeper's.
        self._adopts = keeper is None and make.ADOPTS
        self._quitting = self._hidden = False
        self._transfers: Transfers | None = None
        self._working = 0  # calls in threads; they are answered even by a shim that leaves
        self.service = make(identity.namespace, self._publisher, self._watch, self._post, self._quit)
        self.service.keeper = keeper
        self.service.unwatch = self._unregister
        self.service.end_copies = self._end_copies

    # -- called from any thread --

    def _post(self, call: Callable[[], None]) -> None:
        with self._posted_lock:
            self._posted.append(call)
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"x")  # a pipe that is full wakes as well

    def _watch(self, fd: int, call: Callable[[], None]) -> None:
        self._post(lambda: self._add_watch(fd, call))

    def _quit(self) -> None:
        # Before anybody hears of it: who starts a shim of this name next must not be led to this one. Once: the next one's socket has the same path.
        if not self._hidden:
            self._hidden = True
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._identity.path)
        self._post(self._set_quitting)

    def _set_quitting(self) -> None:
        self._quitting = True

    # -- the loop --

    def _register(self, fd: int, handler: Callable[[int], None], events: int = select.EPOLLIN) -> None:
        self._handlers[fd] = handler
        self._epoll.register(fd, events)

    def _unregister(self, fd: int) -> None:
        if self._handlers.pop(fd, None) is not None:
            try:
                self._epoll.unregister(fd)
            except (FileNotFoundError, OSError):
                pass  # closed already

    def _add_watch(self, fd: int, call: Callable[[], None]) -> None:
        if fd < 0:
            return

        def ready(_: int) -> None:
            call()
            try:
                self._epoll.modify(fd, select.EPOLLIN)
            except OSError:
                # Closed by the call: the kernel forgot it, even if its number is another's by now.
                self._handlers.pop(fd, None)

        self._handlers.pop(fd, None)
        try:
            self._register(fd, ready)
        except FileExistsError:
            self._epoll.modify(fd, select.EPOLLIN)
        except OSError:
            self._handlers.pop(fd, None)  # it ended and was closed before we could watch

    def run(self) -> None:
        """Serve until Shutdown, with which the socket goes; then deliver the last events."""
        self._listener.setblocking(False)
        self._register(self._listener.fileno(), self._accept)
        self._register(self._wake_read, self._run_posted)
        if self._adopts:
            # The signal's handler has nothing to do but to be there: what wakes us is that it is written to the pipe.
            signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
            signal.signal(signal.SIGCHLD, lambda *_: None)
        while not self._quitting or self._working:
            ready = self._epoll.poll(_AGAIN_S if self._orphans and not self._working else self._patience_s)
            if not ready and self._patience_s is not None:
                self._guarded(self._sleep)
            for fd, events in ready:
                handler = self._handlers.get(fd)
                if handler is not None:
                    self._guarded(partial(handler, events))
            if self._adopts and not self._working:
                # While a verb is at work, a process that nobody knows may be what it makes.
                self._guarded(self._reap)
        signal.set_wakeup_fd(-1)
        self._listener.close()
        self.service.leave()
        self._publisher.close(_EVENT_DRAIN_S)

    def _reap(self) -> None:
        self._orphans = not reap_orphans()

    def _run_posted(self, _: int) -> None:
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass
        with self._posted_lock:
            posted, self._posted = self._posted, []
        for call in posted:
            self._guarded(call)

    @staticmethod
    def _guarded(call: Callable[[], None]) -> None:
        """Run one step of the loop. Whatever fails in it, the container goes on, and so must its shim."""
        try:
            call()
        except Exception:
            report(sys.exc_info()[1])

    def _accept(self, _: int) -> None:
        try:
            sock, _address = self._listener.accept()
        except OSError:
            return
        _, uid, _ = credentials(sock)
        if uid not in (0, os.geteuid()):
            sock.close()
            return
        sock.setblocking(False)
        self._connected(_Connection(sock))

    def _connected(self, connection: _Connection) -> None:
        fd = connection.socket.fileno()
        self._connections[fd] = connection
        self._register(fd, lambda events: self._io(connection, events))

    def _io(self, connection: _Connection, events: int) -> None:
        if events & select.EPOLLOUT:
            self._flush(connection)
        if not events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            return
        try:
            data = connection.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            if self._transfers is not None:
                self._transfers.gone(connection)
            del self._connections[connection.socket.fileno()]
            self._unregister(connection.socket.fileno())
            connection.socket.close()
            return
        for event in connection.machine.feed(data):
            # What comes with one that fails is none the worse for it.
            if isinstance(event, Incoming):
                self._guarded(partial(self._dispatch, connection, event))
            elif self._transfers is not None:
                self._guarded(partial(self._transfers.data, connection, event))
        self._flush(connection)

    def _flush(self, connection: _Connection) -> None:
        if connection.socket.fileno() < 0:
            return
        connection.pending += connection.machine.take()
        try:
            while connection.pending:
                connection.pending = connection.pending[connection.socket.send(connection.pending) :]
        except BlockingIOError:
            pass
        except OSError:
            connection.pending = b""
        if self._transfers is not None:
            self._transfers.flushed(connection)
        want = select.EPOLLIN | (select.EPOLLOUT if connection.pending else 0)
        try:
            self._epoll.modify(connection.socket.fileno(), want)
        except OSError:
            pass  # closed since

    def _copy(self, connection: _Connection, request: Incoming, tree: Callable[[str], Files]) -> None:
        """Hand a call to what copies files of containers, which is loaded with the first one."""
        if self._transfers is None:
            from argosy.shim.transfers import Transfers

            self._transfers = Transfers(tree, self._post, self._flush)
        self._transfers.request(connection, request)

    def _end_copies(self, container: str) -> None:
        """End the copies of a container whose files go. From a verb's thread."""
        if self._transfers is not None:
            self._transfers.end(container)

    def _dispatch(self, connection: _Connection, request: Incoming) -> None:
        if request.service in _COPYING and self.service.tree is not None:
            self._copy(connection, request, self.service.tree)
            return
        methods = api.TASK_METHODS if request.service in _SERVICES else self.service.MORE.get(request.service)
        row = methods.get(request.method) if methods is not None else None
        if row is None:
            what = f"method {request.method}" if methods is not None else f"service {request.service}"
            connection.machine.respond_error(request.stream, UNIMPLEMENTED, what)
            return
        name: str = row[0]
        request_type: Any = row[1]
        name = name.rstrip("_")
        try:
            message = request_type.decode(request.payload)
        except DecodeError as error:
            connection.machine.respond_error(request.stream, INVALID_ARGUMENT, f"the request is malformed: {error}")
            return
        if name in self.service.WAITING:
            self._wait(connection, request.stream, name, message)
        elif name in self.service.BLOCKING:
            self._working += 1
            if self._keeper is not None:
                self._keeper.hold()
            threading.Thread(target=self._work, args=(connection, request.stream, name, message), daemon=True).start()
        else:
            self._answer(connection, request.stream, *self._call(name, message))

    def _wait(self, connection: _Connection, stream: int, name: str, message: Any) -> None:
        try:
            getattr(self.service, name)(message, _Waiting(self, connection, stream))
        except Exception as error:
            self._answer(connection, stream, None, error)

    def _call(self, name: str, message: Any) -> tuple[Any, BaseException | None]:
        try:
            return getattr(self.service, name)(message), None
        except Exception as error:
            return None, error

    def _work(self, connection: _Connection, stream: int, name: str, message: Any) -> None:
        response, error = self._call(name, message)

        def done() -> None:
            self._working -= 1
            if self._keeper is not None:
                self._keeper.release(known())
            self._answer(connection, stream, response, error)

        self._post(done)

    def _answer(self, connection: _Connection, stream: int, response: Any, error: BaseException | None) -> None:
        if error is not None:
            code, text = to_wire(_failure(error))
            if os.environ.get("ARGOSY_SHIM_DEBUG"):
                report(error)
            connection.machine.respond_error(stream, code, text)
        else:
            connection.machine.respond(stream, response.encode())
        self._flush(connection)

    # -- sleep --

    def _sleep(self) -> None:
        """Hand the state over to the keeper and end this process, unless something is under way."""
        assert self._keeper is not None and self._patience_s is not None
        asleep = self._asleep()
        if asleep is not None:
            self._keeper.sleep(asleep)
        self._be_patient(self._patience_s * 2)

    def _be_patient(self, seconds: float) -> None:
        least_s = patience()
        if least_s is not None:
            self._patience_s = min(_MOST_PATIENCE * least_s, max(least_s, seconds))

    def _asleep(self) -> Asleep | None:
        with self._posted_lock:
            busy = bool(self._posted)
        if busy or self._working or self._quitting or not self._publisher.idle():
            return None
        if self._transfers is not None and self._transfers.busy():
            return None
        descriptors: list[int] = []

        def hand(fd: int) -> int:
            if fd < 0:
                return -1
            descriptors.append(fd)
            return len(descriptors) - 1

        numbers = {fd: hand(fd) for fd in self._connections}
        if any(c.pending or not c.machine.idle() for c in self._connections.values()):
            return None

        def call(reply: Callable[[Any], None]) -> tuple[int, int] | None:
            assert isinstance(reply, _Waiting)
            # Of a connection that has been closed nobody waits any more.
            number = numbers.get(reply.connection.socket.fileno())
            return None if number is None else (number, reply.stream)

        tasks = self.service.asleep(hand, call)
        if tasks is None:
            return None
        state = {
            "identity": tuple(self._identity),
            "listener": hand(self._listener.fileno()),
            "connections": [(numbers[fd], c.machine.last) for fd, c in self._connections.items()],
            "tasks": tasks,
            "environ": dict(os.environb),
            "patience_s": self._patience_s,
            "since_s": time.monotonic(),
        }
        wake = [n for n, fd in enumerate(descriptors) if fd in self._handlers]
        # All that is watched goes along, but for the pipe between our own threads.
        return Asleep(state, descriptors, wake) if len(wake) == len(self._handlers) - 1 else None

    def woken(self, asleep: Asleep) -> None:
        """Take over the connections, calls and containers of the worker that fell asleep. Call it before ``run``."""
        state = asleep.state
        short = time.monotonic() - state["since_s"] < _GOOD_SLEEP_S
        self._be_patient(state["patience_s"] * (2.0 if short else 0.5))
        connections: dict[int, _Connection] = {}
        for number, last in state["connections"]:
            connections[number] = _Connection(socket.socket(fileno=asleep.descriptors[number]), last)
            self._connected(connections[number])

        def descriptor(number: int) -> int:
            return asleep.descriptors[number] if number >= 0 else -1

        def reply(waiting: tuple[int, int]) -> _Waiting:
            return _Waiting(self, connections[waiting[0]], waiting[1])

        self.service.woken(state["tasks"], descriptor, reply)


def resume(keeper: Keeper, asleep: Asleep, make: type[TaskService[Any]]) -> None:
    """Serve on from the state of a worker that fell asleep; ``serve`` did its part in the first worker. Returns after Shutdown."""
    environ = asleep.state["environ"]
    for name in os.environb.keys() - environ.keys():
        del os.environb[name]
    os.environb.update(environ)
    os.umask(0o022)
    listener = socket.socket(fileno=asleep.descriptors[asleep.state["listener"]])
    daemon = Daemon(listener, Identity(*asleep.state["identity"]), make, keeper)
    daemon.woken(asleep)
    daemon.run()


def serve(listener: socket.socket, identity: Identity, make: type[TaskService[Any]], keeper: Keeper | None = None) -> None:
    """Serve a new shim until Shutdown: adopt orphans (where there is a keeper, they are the keeper's), and ignore signals that end a session."""
    set_name(identity.name)
    if keeper is None:
        become_subreaper()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o022)
    Daemon(listener, identity, make, keeper).run()
