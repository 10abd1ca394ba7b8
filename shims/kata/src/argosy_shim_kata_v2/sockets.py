"""Sockets of the host that containers of a VM connect to: which there are, and the connections that go on.

```
process in the guest ---- listener of the agent's ..(streams base, base + 1 of the stdio port).. this ---- whoever listens on the host
                                  |  event: id, number of the connection                           |
                                  `-------------------- request: that number, base ----------------'
```

Which path is meant by an id is for the spec that the container was created with to say; the guest never names one. It may name any id of its containers:
what separates these is the guest's, and the VM is the boundary. The path is looked up for each connection, so whoever listens may come later or
start anew.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
import struct
import sys
import threading
from hashlib import sha256
from typing import Final

from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument, Unimplemented

from argosy_shim_kata_v2.channel import plain
from argosy_shim_kata_v2.guest.sockets import MOST, MOST_ALL, path_of
from argosy_shim_kata_v2.machine import Machine

# More than the agent's own: what one that has gone there has sent may not be read yet. Who comes then is refused, and not kept waiting.
_MOST, _MOST_ALL = MOST * 3 // 2, MOST_ALL * 3 // 2
# Each waits for the guest to have heard how it ended, and ours hears at once.
_MOST_THREADS: Final = 4 * MOST_ALL
# Whoever listens and does not accept: as long as clients of a busy server usually wait.
_DIAL_S: Final = 10.0
_VERB_S: Final = 60.0
# How long what a container has sent may take to be read, when it is deleted.
DRAIN_S: Final = 10.0
# Of why connections failed, before nothing more is said of it: the guest can make as many as it likes.
_MOST_SAID: Final = 64


class _Connection:
    """One connection, from when the guest has told of it. base is 0 until there are streams, directions is how many of these go on."""

    def __init__(self, container: str) -> None:
        self.container = container
        self.socket: socket.socket | None = None
        self.base = 0
        self.wanted = True  # by its container, which has not been deleted
        self.sends = True  # as long as something may still come from the guest
        self.directions = 2


class Sockets:
    """The sockets of one VM's containers. Methods may be called from any thread."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._lock = threading.RLock()  # streams that are over already say so at once, to whoever adds them
        self._changed = threading.Condition(self._lock)
        self._paths: dict[str, tuple[str, str]] = {}  # id -> container, path
        self._asked: set[int] = set()  # numbers of connections that the guest has not been sent an answer for yet
        self._threads = 0
        self._connections: set[_Connection] = set()
        self._said: set[str] = set()

    def add(self, container: str, destination: str, source: str) -> str:
        """Let a container have the socket at source; return the path of its stand-in in the guest.

        It need not be there yet. Raises InvalidArgument, FailedPrecondition, and what ``Control.call`` does.
        """
        mode, uid, gid = _owned(destination, source)
        id = sha256(f"{container}:{destination}".encode()).hexdigest()
        with self._lock:
            self._paths[id] = (container, source)
        try:
            self._machine.control.call("listen", _VERB_S, container=container, id=id, mode=mode, uid=uid, gid=gid)
        except Unimplemented:
            raise FailedPrecondition(
                f"mount {destination} of type uds: the VM is of an older image, which has no sockets of the host; "
                "type: argosy kata build-image, then start the container again"
            ) from None
        return path_of(id)

    def connect(self, id: str, number: object) -> None:
        """In the thread that hears the guest: something has connected. Raises ValueError for what no agent of ours tells."""
        if type(number) is not int or number <= 0:
            raise ValueError("a connection without a number")
        with self._lock:
            if number in self._asked or len(self._asked) >= MOST_ALL or self._threads >= _MOST_THREADS:
                raise ValueError(f"{len(self._asked)} connections at once, or one that it has already")
            container, path = self._paths.get(id, ("", ""))
            connection: _Connection | None = None
            if not path:
                self._say(f"the guest names socket {plain(id)[:80]}, which no container has")
            elif self._count() >= _MOST_ALL or self._count(container) >= _MOST:
                self._say(f"container {container} has {_MOST} connections to sockets of the host, or its VM {_MOST_ALL}")
            else:
                connection = _Connection(container)
                self._connections.add(connection)
            self._asked.add(number)
            self._threads += 1
        try:
            # A path may lead to a file system that does not answer, and a guest may not read what is said to it.
            threading.Thread(target=self._answer, args=(connection, path, number), daemon=True, name="connection").start()
        except RuntimeError as error:
            raise ValueError(f"too many connections: {error}") from None

    def _count(self, container: str = "") -> int:
        return sum(not container or one.container == container for one in self._connections)

    def _say(self, what: str) -> None:
        if what not in self._said and len(self._said) < _MOST_SAID:
            self._said.add(what)
            print(what, file=sys.stderr, flush=True)

    def _answer(self, connection: _Connection | None, path: str, number: int) -> None:
        base = 0
        if connection is not None:
            base = self._dialled(connection, path)
        with self._lock:
            self._asked.discard(number)  # the next one may come before this thread hears of the answer
        try:
            wanted = self._machine.control.call("connected", _VERB_S, connection=number, base=base) is True
        except ArgosyError:
            wanted = False
        with self._lock:
            self._threads -= 1
        if not base:
            return
        if wanted:
            # Not before: the agent lets go of what comes for a stream that it does not know.
            self._machine.streams.begin(base)
        else:
            self._machine.streams.drop(base)

    def _dialled(self, connection: _Connection, path: str) -> int:
        """Connect to whoever listens at path; return the number of the connection's streams, 0 where there is nobody."""
        made, ends = None, []
        try:
            made = dial(path, _DIAL_S)
            ends += [os.dup(made.fileno())]
            ends += [os.dup(made.fileno())]
        except OSError as error:
            for fd in ends:
                os.close(fd)
            if made is not None:
                made.close()
            with self._lock:
                self._say(f'container {connection.container}: no connection to "{path}": {error.strerror}')
                self._forget(connection)
            return 0
        streams = self._machine.streams
        with self._lock:
            connection.socket = made
            base = connection.base = streams.number()
            streams.outlet(base + 1, ends[0], lambda: self._all_written(connection), socket=True)
            streams.inlet(base, ends[1], lambda: self._all_read(connection), socket=True)
            if not connection.wanted:
                streams.drop(base)
                return 0
        return base

    def _forget(self, connection: _Connection) -> None:
        connection.sends = False
        self._connections.discard(connection)
        self._changed.notify_all()

    # -- in the streams' thread --

    def _no_more(self, connection: _Connection, direction: int) -> None:
        given = connection.socket
        if given is None:
            return
        try:
            given.shutdown(direction)
        except OSError:
            pass  # the other end has gone
        connection.directions -= 1
        if not connection.directions:
            given.close()
            connection.socket = None
            self._forget(connection)

    def _all_read(self, connection: _Connection) -> None:
        """Who listens on the host says nothing more. Where it has closed, and not for writing alone, it does not listen either."""
        with self._lock:
            given = connection.socket
            if given is None:
                return
            poll = select.poll()
            poll.register(given, 0)
            closed = bool(poll.poll(0))
            self._no_more(connection, socket.SHUT_RD)
            if closed and connection.sends:
                self._machine.streams.stop(connection.base + 1)

    def _all_written(self, connection: _Connection) -> None:
        with self._lock:
            connection.sends = False
            self._changed.notify_all()
            self._no_more(connection, socket.SHUT_WR)

    # -- a container's end --

    def drain(self, container: str) -> None:
        """Wait until what a container has sent is written, at most ``DRAIN_S``: it has ended, and on a host its bytes would be there."""
        with self._changed:
            self._changed.wait_for(
                lambda: not any(one.container == container and one.sends for one in self._connections), DRAIN_S
            )

    def remove(self, container: str) -> None:
        """Close all that a container has, and refuse what comes."""
        with self._lock:
            for id in [id for id, (owner, _) in self._paths.items() if owner == container]:
                del self._paths[id]
            for connection in [one for one in self._connections if one.container == container]:
                connection.wanted = False
                if connection.base:
                    self._machine.streams.drop(connection.base)


def _owned(destination: str, source: str) -> tuple[int, int, int]:
    """Return mode, user and group of the socket at source: who may connect. One that is not there yet is root's."""
    what = f"mount {destination} of type uds"
    if not source.startswith("/") or "\0" in source:
        raise InvalidArgument(f'{what}: its source "{source}" is no absolute path; name the socket by its whole path')
    try:
        found = os.stat(source)
    except OSError:
        return 0o600, 0, 0
    if not stat.S_ISSOCK(found.st_mode):
        raise FailedPrecondition(
            f'{what}: its source "{source}" is there and is no socket; name a socket, or use a mount of type bind'
        )
    return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid


def dial(path: str, within_s: float) -> socket.socket:
    """Return a connection to the socket at path, whose name may be of any length. Raises OSError."""
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISSOCK(os.fstat(fd).st_mode):
            raise OSError(errno.ENOTSOCK, "it is no socket")
        made = socket.socket(socket.AF_UNIX)
        try:
            # The kernel has no other deadline for who waits in a full queue: without blocking it says at once that it is full.
            made.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(within_s), int(within_s % 1 * 1e6))
            )
            made.connect(f"/proc/self/fd/{fd}")
        except BaseException:
            made.close()
            raise
        return made
    finally:
        os.close(fd)
