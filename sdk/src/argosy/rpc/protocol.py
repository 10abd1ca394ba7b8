"""What both ends of a connection share: one engine, one transport, one write per wake-up, backpressure, fair turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from argosy import log
from argosy.rpc.engine import WINDOWS, ConnectionFault, Engine, Windows, make_engine

logger = log.get("argosy.rpc")

# A sender pauses when this much of its own data waits for the peer's credit.
HIGH_WATER_BYTES: Final = 1 << 20
# Where as much of all streams of a connection waits, each pauses at this much: a peer that reads none of thousands costs a bounded part of memory.
_CROWD_BYTES: Final = 32 << 20
_CROWDED_BYTES: Final = 64 << 10
# What a peer sends is taken in pieces, each of which takes about this long: a quarter of a megabyte may be one message, or ten
# thousand calls. Then it is the others' turn.
_PIECE_S, _TURN_S = 0.0002, 0.001
_FIRST_BYTES, _LEAST_BYTES, _MOST_BYTES = 8 << 10, 256, 1 << 20
# Who makes us work for nothing (opens streams and resets them) waits so much longer than it worked us.
_PENANCE: Final = 4
_FOR_NOTHING_PER_S: Final = 1000


class Connection(asyncio.Protocol):
    """The asyncio side of one connection; subclasses are the sinks of its engine."""

    server = False

    def __init__(self, loop: Any, windows: Windows = WINDOWS) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self._windows = windows
        self.engine: Engine
        self.transport: asyncio.Transport
        self._scheduled = False
        self._receiving = False
        self._paused = False
        self._waiting: dict[asyncio.Future[None], tuple[int, Callable[[], bool]]] = {}
        self._rest = b""
        self._piece = _FIRST_BYTES
        self._for_nothing, self._since = 0, 0.0
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment] # uvloop's transports are not asyncio subclasses
        self.engine = make_engine(self.server, self, self._windows)  # type: ignore[arg-type] # subclasses are sinks
        self.flush()

    def data_received(self, data: bytes) -> None:
        if self._rest:
            self._rest += data  # its turn comes
        elif self._take(data):
            self.transport.pause_reading()

    def _take(self, data: bytes) -> bool:
        """Take one turn's worth of data; return whether there is more."""
        began = now = time.perf_counter()
        self._receiving = True
        at = 0
        try:
            while at < len(data):
                size = self._piece
                self.engine.receive(data if not at and size >= len(data) else data[at : at + size])
                at += size
                before, now = now, time.perf_counter()
                if now - before > 2 * _PIECE_S:
                    self._piece = max(_LEAST_BYTES, min(size, len(data)) // 4)
                elif now - before < _PIECE_S:
                    self._piece = min(size * 2, _MOST_BYTES)
                if now - began > _TURN_S or self.transport.is_closing():
                    break
        except ConnectionFault as fault:
            self.fault(str(fault))
            at = len(data)
        except Exception as error:  # a defect of ours, or of the engine's, is the end of this connection only
            logger.error("rpc.connection_failed", error=repr(error), exc_info=error)
            self.transport.abort()
            at = len(data)
        finally:
            self._receiving = False
        self.flush()
        if self._waiting and not self._paused:
            self.wake()
        if self.engine.over() and not self.transport.is_closing():
            # It ended by what the peer did, of which it has been told.
            logger.debug("rpc.peer_broke_protocol", peer=self.who(), reason="the engine gave the connection up")
            self.transport.close()
        self._rest = b"" if self.transport.is_closing() else data[at:]
        if self._rest:
            if self._works_for_nothing():
                self.loop.call_later((now - began) * _PENANCE, self._go_on)
            else:
                self.loop.call_soon(self._go_on)
        return bool(self._rest)

    def _go_on(self) -> None:
        if not self.closed and not self.transport.is_closing() and not self._take(self._rest):
            self.transport.resume_reading()

    def _works_for_nothing(self) -> bool:
        now = self.loop.time()
        much = self._for_nothing > _FOR_NOTHING_PER_S * max(0.1, now - self._since)
        if now - self._since > 1.0:
            self._for_nothing, self._since = 0, now
        return much

    def who(self) -> str:
        """Return who is at the other end, for logs."""
        return ""

    def fault(self, reason: str) -> None:
        """End a connection whose peer broke the protocol, after telling it."""
        logger.debug("rpc.peer_broke_protocol", peer=self.who(), reason=reason)
        self.flush()
        self.transport.close()

    def flush(self) -> None:
        """Write what the engine has, in one piece."""
        if not self.transport.is_closing():
            data = self.engine.outgoing()
            if data:
                self.transport.write(data)

    def _flush_later(self) -> None:
        self._scheduled = False
        self.flush()

    def flush_soon(self) -> None:
        """Write before the loop sleeps, together with whatever else is said until then."""
        if not self._scheduled and not self._receiving:
            self._scheduled = True
            self.loop.call_soon(self._flush_later)

    async def drain(self, sid: int, over: Callable[[], bool]) -> None:
        """Wait until stream sid may queue more, is over, or the connection is gone."""
        while not self._has_room(sid) and not self.closed and not over():
            self.flush()
            if self._has_room(sid):
                return
            waiter = self.loop.create_future()
            self._waiting[waiter] = (sid, over)
            try:
                await waiter
            finally:
                self._waiting.pop(waiter, None)

    def _has_room(self, sid: int, of_all: int | None = None) -> bool:
        """Return whether a stream may queue more; of_all is how much waits of all of them, where that is known."""
        if self._paused:
            return False
        own = self.engine.queued(sid)
        if own <= _CROWDED_BYTES:
            return True
        return own <= HIGH_WATER_BYTES and (self.engine.queued() if of_all is None else of_all) <= _CROWD_BYTES

    def wake(self) -> None:
        """Have those go on who wait in ``drain`` for nothing any more. Thousands may wait, and each that looks takes a turn of the loop."""
        of_all = self.engine.queued() if self._waiting and not self.closed else 0
        for waiter, (sid, over) in self._waiting.items():
            if not waiter.done() and (self.closed or over() or self._has_room(sid, of_all)):
                waiter.set_result(None)

    def eof_received(self) -> None:
        """A peer that writes no more reads no more either: the transport is closed."""

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self.flush()
        self.wake()

    def on_room(self) -> None:
        """Sink: the peer gave credit; data_received wakes the senders when its events are done."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._rest = b""
        self.wake()
