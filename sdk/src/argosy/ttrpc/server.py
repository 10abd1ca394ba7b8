"""A ttrpc server on asyncio, for the event endpoint of the gateway. Peers must have our uid, or be root."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from argosy_protos._wire import DecodeError

from argosy import log
from argosy.errors import InvalidArgument, to_wire
from argosy.kernel.peer import credentials
from argosy.rpc.sockets import bind_unix
from argosy.ttrpc.machine import UNIMPLEMENTED, Incoming, ServerMachine

logger = log.get("argosy.ttrpc")

Handler = Callable[[Any, Mapping[str, str]], Awaitable[Any]]
"""Given a decoded request and the metadata, the answer message."""


class _Connection(asyncio.Protocol):
    def __init__(self, server: TtrpcServer) -> None:
        self._server = server
        self._machine = ServerMachine()
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        _, uid, _ = credentials(transport.get_extra_info("socket"))
        if uid not in (0, os.geteuid()):
            logger.warning("ttrpc.peer_refused", uid=uid)
            # uvloop does not survive an abort from inside this very call.
            asyncio.get_running_loop().call_soon(transport.abort)  # type: ignore[attr-defined] # every stream transport has it
            return
        self._transport = transport
        self._server.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        for event in self._machine.feed(data):
            if isinstance(event, Incoming):
                task = asyncio.get_running_loop().create_task(self._serve(event))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        self._flush()

    def _flush(self) -> None:
        data = self._machine.take()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    async def _serve(self, incoming: Incoming) -> None:
        row = self._server.methods.get((incoming.service, incoming.method))
        if row is None:
            known = any(service == incoming.service for service, _ in self._server.methods)
            what = f"method {incoming.method}" if known else f"service {incoming.service}"
            self._machine.respond_error(incoming.stream, UNIMPLEMENTED, what)
            self._flush()
            return
        handler, request_type = row
        try:
            try:
                request = request_type.decode(incoming.payload)
            except DecodeError as error:
                raise InvalidArgument(f"the request is malformed: {error}") from error
            timeout = incoming.timeout_ns / 1e9 if incoming.timeout_ns > 0 else None
            async with asyncio.timeout(timeout):
                answer = await handler(request, incoming.metadata)
        except Exception as error:
            code, message = (4, "context deadline exceeded") if isinstance(error, TimeoutError) else to_wire(error)
            self._machine.respond_error(incoming.stream, code, message)
        else:
            self._machine.respond(incoming.stream, answer.encode())
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        for task in self._tasks:
            task.cancel()

    def close(self) -> None:
        self._transport.close()


class TtrpcServer:
    """Serves unary methods on a unix socket."""

    def __init__(self) -> None:
        self.methods: dict[tuple[str, str], tuple[Handler, type[Any]]] = {}
        self.connections: set[_Connection] = set()
        self._listener: asyncio.AbstractServer | None = None
        self._path: Path | None = None

    def add(self, service: str, method: str, request: type[Any], handler: Handler) -> None:
        """Serve one method."""
        self.methods[(service, method)] = (handler, request)

    async def listen_unix(self, path: Path) -> None:
        """Serve at path. Raises FailedPrecondition when another process serves there."""
        sock = bind_unix(path, 0o660)
        self._path = path
        self._listener = await asyncio.get_running_loop().create_unix_server(lambda: _Connection(self), sock=sock)

    async def close(self) -> None:
        """Stop serving and remove the socket."""
        if self._listener is not None:
            self._listener.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        for connection in list(self.connections):
            connection.close()
