"""Answers calls before there is an event loop: in a thread, while the rest of a daemon is still being loaded.

A daemon's first answer needs HTTP/2 and one handler; its event loop, its stores and its other services take several times as
long to load. So its socket is served from the beginning, by the same ``Server`` and connections, on a poll loop that only
knows how to step inline handlers that never wait. What they do not answer is held. Once the daemon is there, ``stop`` ends
the thread, ``hand_over`` takes the connections into the event loop, and ``Server.open`` serves what was held; no caller can
tell. Between the two the process may fork: connections are memory and descriptors, and go along.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from argosy import log
from argosy.rpc.engine import preload
from argosy.rpc.server import Server, ServerConnection

if TYPE_CHECKING:
    from typing import NoReturn

logger = log.get("argosy.rpc")

_RECEIVE_BYTES: Final = 64 << 10
# Who imports lets go of the interpreter after so long; 5 ms is Python's own.
_SWITCH_S: Final = 0.0005
# A caller that does not read holds nobody up for longer.
_SETTLE_S: Final = 0.05
_LOOK_S: Final = 0.0005
# What the thread is told.
_MORE: Final = b"+"
_STOP: Final = b"."
_CLOSED: Final = select.POLLERR | select.POLLHUP | select.POLLNVAL


class _Transport:
    """What a connection sees of its socket: the part of asyncio's transports that it uses.

    While the peer leaves something unread, nothing more of it is read: that is all the back-pressure that small answers need.
    """

    def __init__(self, early: Early, sock: socket.socket) -> None:
        self._early, self.sock = early, sock
        self.connection: ServerConnection
        self.unsent = b""
        self._closing = self._gone = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.sock if name == "socket" else default

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: bytes) -> None:
        self.unsent += data
        self.send()

    def close(self) -> None:
        """Close once everything is sent."""
        self._closing = True
        if not self.unsent:
            self.abort()

    def abort(self) -> None:
        self._closing = True
        if not self._gone:
            self._gone = True
            self._early.forget(self)
            self.sock.close()
            self.connection.connection_lost(None)

    def send(self) -> None:
        """Send what the socket takes."""
        if self._gone:
            return
        try:
            while self.unsent:
                self.unsent = self.unsent[self.sock.send(self.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self.abort()
            return
        if self._closing and not self.unsent:
            self.abort()
        else:
            self._early.watch(self)

    def ready(self, events: int) -> None:
        """The socket can be written, read, or is of no use any more."""
        if events & select.POLLOUT:
            self.send()
        elif events & (select.POLLIN | _CLOSED):
            try:
                data = self.sock.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.abort()
                return
            try:
                self.connection.data_received(data)
            except Exception as error:  # one caller's bytes may not end the others' connections
                logger.error("rpc.connection_failed", error=repr(error), exc_info=error)
                self.abort()


class Early:
    """A server on a listening socket until there is an event loop. It is also what its connections take for their loop."""

    def __init__(self, server: Server, listener: socket.socket) -> None:
        """server has the inline handlers that never wait; it is ``opening`` from now on."""
        server.opening = True
        self.server, self.listener = server, listener
        self._transports: dict[int, _Transport] = {}
        self._soon: list[Callable[[], None]] = []
        self._poll = select.poll()
        self._wake: tuple[int, int] = (-1, -1)
        self._ended = allocate_lock()
        self._before_s = 0.0
        self._told = self._heard = 0

    # -- as a loop --

    time = staticmethod(time.monotonic)

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._soon.append(callback)

    def create_task(self, coroutine: Any) -> NoReturn:
        coroutine.close()
        raise RuntimeError("a handler that answers before the event loop is there may not wait")

    # -- as a thread --

    def start(self) -> None:
        """Begin to answer, in a thread."""
        # Before the thread is there: it shall find everything loaded, whatever another thread is loading.
        preload()
        self._wake = os.pipe2(os.O_CLOEXEC)
        self._poll.register(self._wake[0], select.POLLIN)
        self._poll.register(self.listener, select.POLLIN)
        self._ended.acquire()
        self._before_s = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_S)
        start_new_thread(self._run, ())

    def add(self, service: Any) -> None:
        """Serve one more service, from another thread. Calls of it that were held are answered now."""
        self.server.add(service)
        self._told += 1
        os.write(self._wake[1], _MORE)

    def settle(self) -> None:
        """Leave the interpreter to the thread until it has answered what it can, ``_SETTLE_S`` at most.

        A large answer takes the interpreter dozens of times; from somebody who imports it would get it back late each time.
        """
        deadline = time.monotonic() + _SETTLE_S
        while (self._heard < self._told or self._answering()) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)

    def _answering(self) -> bool:
        return any(one.unsent or one.connection.streams for one in list(self._transports.values()))

    def stop(self) -> None:
        """End the thread; connections stay as they are. A second time does nothing."""
        if self._wake[1] >= 0:
            self.settle()
            os.write(self._wake[1], _STOP)
            with self._ended:
                pass
            sys.setswitchinterval(self._before_s)
            for fd in self._wake:
                os.close(fd)
            self._wake = (-1, -1)

    def _run(self) -> None:
        try:
            while True:
                for fd, events in self._poll.poll():
                    if fd == self._wake[0]:
                        if os.read(fd, 1) == _STOP:
                            return
                        self.server.replay()
                        self._heard += 1
                    elif fd == self.listener.fileno():
                        self._accept()
                    elif fd in self._transports:
                        self._transports[fd].ready(events)
                    while self._soon:
                        self._soon.pop(0)()
        except Exception as error:
            # Callers wait for the event loop then.
            logger.error("rpc.early_failed", error=repr(error), exc_info=error)
        finally:
            self._ended.release()

    def _accept(self) -> None:
        try:
            sock, _ = self.listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:
            # No descriptors, for example. The event loop tries again.
            self._poll.unregister(self.listener)
            return
        sock.setblocking(False)
        transport: Any = _Transport(self, sock)
        self._transports[sock.fileno()] = transport
        transport.connection = ServerConnection(self.server, self)
        self.watch(transport)
        transport.connection.connection_made(transport)

    def watch(self, transport: _Transport) -> None:
        """Wait for what a connection needs next."""
        fd = transport.sock.fileno()
        if fd in self._transports:
            self._poll.register(fd, select.POLLOUT if transport.unsent else select.POLLIN)

    def forget(self, transport: _Transport) -> None:
        """Wait for nothing of a connection any more, which still has its socket."""
        fd = transport.sock.fileno()
        if self._transports.pop(fd, None) is not None:
            self._poll.unregister(fd)

    # -- afterwards --

    async def hand_over(self) -> None:
        """Go on with the connections in the running event loop."""
        from asyncio import get_running_loop

        loop = get_running_loop()
        transports, self._transports = list(self._transports.values()), {}
        for transport in transports:
            connection = transport.connection
            connection.move(loop, transport.unsent)
            try:
                await loop.connect_accepted_socket(lambda c=connection: c, transport.sock)  # type: ignore[misc] # mypy can't infer a lambda with a default
            except OSError as error:  # the peer's end of it is not the end of the others
                transport.sock.close()
                connection.connection_lost(error)

    def close(self) -> None:
        """Close this process's descriptors of the connections, without a word to the peers: another process goes on with them."""
        for transport in self._transports.values():
            transport.sock.close()
        self._transports.clear()
        self.server.connections.clear()
