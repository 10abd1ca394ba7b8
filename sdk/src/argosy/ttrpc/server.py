"""A ttrpc server on asyncio, for the event endpoint of the gateway. Peers must have our uid, or be root."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from argosy_protos._wire import DecodeError

from argosy import log
from argosy.errors import InvalidArgument, ResourceExhausted, to_wire
from argosy.kernel.peer import credentials
from argosy.rpc.context import Peer
from argosy.rpc.decoding import MOST_FIELDS, TooManyFields, decode
from argosy.rpc.sockets import BACKLOG, bind_unix, same_user
from argosy.ttrpc.machine import UNIMPLEMENTED, Data, Incoming, ServerMachine

logger = log.get("argosy.ttrpc")

Handler = Callable[[Any, Mapping[str, str]], Awaitable[Any]]
"""Given a decoded request and the metadata, the answer message."""


class ServerStream:
    """One streaming call being served."""

    def __init__(self, connection: _Connection, number: int, request: type[Any]) -> None:
        self._connection, self._number, self._request = connection, number, request
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def recv(self) -> Any:
        """Return the next message, or None when the client has sent its last. Raises InvalidArgument, ResourceExhausted."""
        data = await self._messages.get()
        if data is None:
            self._messages.put_nowait(None)  # the end stays the end
            return None
        try:
            return await decode(self._request, data, MOST_FIELDS)
        except DecodeError as error:
            raise InvalidArgument(f"a message is malformed: {error}") from error
        except TooManyFields as error:
            raise ResourceExhausted(f"a message can't be taken: {error}; send less at once") from error

    async def send(self, message: Any) -> None:
        """Send one message."""
        self._connection._machine.send(self._number, message.encode())
        self._connection._flush()

    def _on_data(self, payload: bytes | None, closed: bool) -> None:
        if payload is not None:
            self._messages.put_nowait(payload)
        if closed:
            self._messages.put_nowait(None)


StreamHandler = Callable[[ServerStream, Mapping[str, str]], Awaitable[None]]


class _Connection(asyncio.Protocol):
    def __init__(self, server: TtrpcServer) -> None:
        self._server = server
        self._machine = ServerMachine()
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: Any = None
        self._streams: dict[int, ServerStream] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = Peer(*credentials(transport.get_extra_info("socket")))
        if not same_user(peer):
            logger.warning("ttrpc.peer_refused", uid=peer.uid, pid=peer.pid)
            # uvloop does not survive an abort from inside this very call.
            asyncio.get_running_loop().call_soon(transport.abort)  # type: ignore[attr-defined] # every stream transport has it
            return
        self._transport = transport
        self._server.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        for event in self._machine.feed(data):
            if isinstance(event, Data):
                stream = self._streams.get(event.stream)
                if stream is not None:
                    stream._on_data(event.payload, event.closed)
            else:
                opened = self._open(event)
                work = self._serve(event) if opened is None else self._stream(event, opened)
                # Not of a group: it belongs to the connection, whose end cancels it, and what it raises is its caller's answer.
                task = asyncio.get_running_loop().create_task(work)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        self._flush()

    def _flush(self) -> None:
        data = self._machine.take()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def _open(self, incoming: Incoming) -> ServerStream | None:
        """Return the stream of a streaming method. Made at once: data may follow in the same read."""
        row = self._server.streams.get((incoming.service, incoming.method))
        if row is None:
            return None
        stream = self._streams[incoming.stream] = ServerStream(self, incoming.stream, row[1])
        stream._on_data(incoming.payload or None, incoming.closed)
        return stream

    async def _stream(self, incoming: Incoming, stream: ServerStream) -> None:
        handler, _ = self._server.streams[incoming.service, incoming.method]
        try:
            await handler(stream, incoming.metadata)
        except Exception as error:
            self._machine.respond_error(incoming.stream, *to_wire(error))
        else:
            self._machine.respond(incoming.stream, b"")
        finally:
            self._streams.pop(incoming.stream, None)
        self._flush()

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
                request = await decode(request_type, incoming.payload, MOST_FIELDS)
            except DecodeError as error:
                raise InvalidArgument(f"the request is malformed: {error}") from error
            except TooManyFields as error:
                raise ResourceExhausted(f"the request can't be taken: {error}; send less at once") from error
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
    """Serves unary and streaming methods on a unix socket."""

    def __init__(self) -> None:
        self.methods: dict[tuple[str, str], tuple[Handler, type[Any]]] = {}
        self.streams: dict[tuple[str, str], tuple[StreamHandler, type[Any]]] = {}
        self.connections: set[_Connection] = set()
        self._listener: asyncio.AbstractServer | None = None
        self._path: Path | None = None

    def add(self, service: str, method: str, request: type[Any], handler: Handler) -> None:
        """Serve one method."""
        self.methods[(service, method)] = (handler, request)

    def add_stream(self, service: str, method: str, request: type[Any], handler: StreamHandler) -> None:
        """Serve one streaming method: the handler receives and sends on its stream."""
        self.streams[(service, method)] = (handler, request)

    async def listen_unix(self, path: Path) -> None:
        """Serve at path. Raises FailedPrecondition when another process serves there."""
        sock = bind_unix(path, 0o660)
        self._path = path
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_unix_server(lambda: _Connection(self), sock=sock, backlog=BACKLOG)

    async def close(self) -> None:
        """Stop serving and remove the socket."""
        if self._listener is not None:
            self._listener.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        for connection in list(self.connections):
            connection.close()
