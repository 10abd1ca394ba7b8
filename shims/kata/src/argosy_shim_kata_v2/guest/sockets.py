"""Sockets of the host in the guest: what containers connect to instead, and the connections that are carried to the host.

The host is told an id and the number of a connection, never a path. It answers with the number of the connection's streams, or 0 where it refuses.
"""

from __future__ import annotations

import os
import select
import socket
from functools import partial

from argosy_shim_kata_v2.guest.system import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from argosy_shim_kata_v2.guest.stdio import Loop, Stdio

DIRECTORY = "/run/argosy/sockets"
# Of a container, and of all; who comes then waits in the kernel's queue until another has gone, as at any server that is busy.
MOST, MOST_ALL = 64, 128
QUEUE = 128


def path_of(id: str) -> str:
    """Return where containers find a socket."""
    return f"{DIRECTORY}/{id}.sock"


class Listener:
    """One socket of one container."""

    def __init__(self, container: str, id: str, socket: socket.socket) -> None:
        self.container, self.id, self.socket = container, id, socket


class Connection:
    """A connection of a container's. base is the number of its streams, 0 until the host has said; left is how many of its two directions go on."""

    def __init__(self, container: str, socket: socket.socket) -> None:
        self.container, self.socket = container, socket
        self.base, self.left = 0, 2


class Sockets:
    """The listeners and connections of all containers. connects tells the host of a new one: the socket's id, the connection's number."""

    def __init__(self, loop: Loop, stdio: Stdio, connects: Callable[[str, int], None]) -> None:
        self._loop, self._stdio, self._connects = loop, stdio, connects
        self._listeners: dict[str, Listener] = {}  # id -> Listener
        self._asked: dict[int, Connection] = {}  # number -> one that the host has not answered yet
        self._open: dict[int, Connection] = {}  # base -> Connection
        self._next = 0

    def listen(self, container: str, id: str, mode: int, uid: int, gid: int) -> None:
        """Have a socket for a container to connect to; whoever could write to the host's can connect."""
        if id in self._listeners:
            self._close(self._listeners[id])
        os.makedirs(DIRECTORY, mode=0o700, exist_ok=True)
        path = path_of(id)
        made = socket.socket(socket.AF_UNIX)
        try:
            made.setblocking(False)
            made.bind(path)
            os.chmod(path, mode & 0o777)
            os.chown(path, uid, gid)
            made.listen(QUEUE)
        except BaseException:
            made.close()
            if os.path.lexists(path):
                os.unlink(path)
            raise
        listener = self._listeners[id] = Listener(container, id, made)
        self._loop.watch(made.fileno(), select.EPOLLIN, lambda _: self._accept(listener))

    def _room(self, container: str) -> bool:
        there = [c.container for known in (self._asked, self._open) for c in known.values()]
        return len(there) < MOST_ALL and there.count(container) < MOST

    def _accept(self, listener: Listener) -> None:
        """Take all who wait, as far as there is room."""
        while self._room(listener.container):
            try:
                taken, _ = listener.socket.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue
            except OSError as error:
                log("a connection to a socket of", listener.container, error)
                break
            taken.setblocking(False)
            self._next += 1
            self._asked[self._next] = Connection(listener.container, taken)
            self._connects(listener.id, self._next)
        # Who waits would wake us up for nothing.
        self._loop.unwatch(listener.socket.fileno())

    def _accept_again(self) -> None:
        for listener in self._listeners.values():
            fd = listener.socket.fileno()
            if not self._loop.watches(fd) and self._room(listener.container):
                self._loop.watch(fd, select.EPOLLIN, partial(self._accept_ready, listener))

    def _accept_ready(self, listener: Listener, _: int) -> None:
        self._accept(listener)

    def connected(self, number: int, base: int) -> bool:
        """The host is connected, and streams base and base + 1 are there; with base 0 it is not. Return whether anybody wants it yet."""
        connection = self._asked.pop(number, None)
        if connection is None:
            return False
        if not base:
            self._gone(connection)
            return False
        connection.base = base
        self._open[base] = connection
        try:
            self._stdio.inlet(base, os.dup(connection.socket.fileno()), partial(self._no_more, connection, socket.SHUT_WR))
            self._stdio.outlet(base + 1, os.dup(connection.socket.fileno()), partial(self._all_read, connection))
        except BaseException:
            self._cut(connection)
            raise
        return True

    def _no_more(self, connection: Connection, direction: int) -> None:
        try:
            connection.socket.shutdown(direction)
        except OSError:
            pass  # the other end has gone
        connection.left -= 1
        if not connection.left:
            self._gone(connection)

    def _all_read(self, connection: Connection) -> None:
        """The container's end says nothing more. Where it was closed, and not for writing alone, it does not listen either."""
        poll = select.poll()
        poll.register(connection.socket, 0)
        closed = bool(poll.poll(0))
        self._no_more(connection, socket.SHUT_RD)
        if closed and connection.left:
            self._stdio.refuse(connection.base)
            self._no_more(connection, socket.SHUT_WR)

    def _gone(self, connection: Connection) -> None:
        connection.socket.close()
        self._open.pop(connection.base, None)
        self._accept_again()

    def _cut(self, connection: Connection) -> None:
        self._stdio.let_go(connection.base)
        self._stdio.drop(connection.base + 1)
        self._gone(connection)

    def _close(self, listener: Listener) -> None:
        del self._listeners[listener.id]
        self._loop.unwatch(listener.socket.fileno())
        listener.socket.close()
        if os.path.lexists(path_of(listener.id)):
            os.unlink(path_of(listener.id))

    def ended(self, container: str) -> None:
        """A container's init has ended. What its processes have sent is still carried, of those too that nobody has accepted yet."""
        for listener in [one for one in self._listeners.values() if one.container == container]:
            self._accept(listener)
            self._close(listener)

    def close(self, container: str) -> None:
        """Close all that a container has."""
        for listener in [one for one in self._listeners.values() if one.container == container]:
            self._close(listener)
        for number in [n for n, one in self._asked.items() if one.container == container]:
            self._gone(self._asked.pop(number))
        for connection in [one for one in self._open.values() if one.container == container]:
            self._cut(connection)
