"""What both ends of a connection share: one engine, one transport, one write per wake-up, backpressure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from argosy.rpc.engine import ConnectionFault, Engine, make_engine

# A sender pauses when this much of its own data waits for the peer's credit.
HIGH_WATER_BYTES: Final = 1 << 20


class Connection(asyncio.Protocol):
    """The asyncio side of one connection; subclasses are the sinks of its engine."""

    server = False

    def __init__(self, loop: Any) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self.engine: Engine
        self.transport: asyncio.Transport
        self._scheduled = False
        self._receiving = False
        self._paused = False
        self._waiting: set[asyncio.Future[None]] = set()
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment] # uvloop's transports are not asyncio subclasses
        self.engine = make_engine(self.server, self)  # type: ignore[arg-type] # subclasses are sinks
        self.flush()

    def data_received(self, data: bytes) -> None:
        self._receiving = True
        try:
            self.engine.receive(data)
        except ConnectionFault as fault:
            self.fault(str(fault))
        finally:
            self._receiving = False
        self.flush()
        if self._waiting and not self._paused:
            self._wake()

    def fault(self, reason: str) -> None:
        """End a connection whose peer broke the protocol, after telling it."""
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
        while (self._paused or self.engine.queued(sid) > HIGH_WATER_BYTES) and not self.closed and not over():
            self.flush()
            if not self._paused and self.engine.queued(sid) <= HIGH_WATER_BYTES:
                return
            waiter = self.loop.create_future()
            self._waiting.add(waiter)
            try:
                await waiter
            finally:
                self._waiting.discard(waiter)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    def eof_received(self) -> None:
        """A peer that writes no more reads no more either: the transport is closed."""

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self.flush()
        self._wake()

    def on_room(self) -> None:
        """Sink: the peer gave credit; data_received wakes the senders when its events are done."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._wake()
