"""Forwarding a method without decoding it: bytes in, bytes out, with namespace, lease, deadline and cancellation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from grpclib.const import Cardinality, Handler
from grpclib.exceptions import StreamTerminatedError

from argosy.errors import ArgosyError
from argosy.rpc.channel import BoundChannel, Channel, ClientStream
from argosy.rpc.server import ServerStream

Route = Callable[[ServerStream], Awaitable[Channel | BoundChannel]]
"""Given a call, the channel it goes to. Raises the error that the caller shall see."""


async def forward(stream: ServerStream, channel: Channel | BoundChannel, cardinality: Cardinality) -> None:
    """Serve stream by making the same call on channel. Messages stay bytes; the peer's status is passed on as it came."""
    call = stream.call
    upstream = channel.request(call.path, cardinality, bytes, bytes, timeout=call.timeout(), metadata=call.forwarded())
    async with upstream:
        if not cardinality.client_streaming:
            await upstream.send_message(await stream.recv_message(), end=True)
            await _answers(stream, upstream, cardinality)
            return
        await upstream.send_request()
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_requests, stream, upstream)
            try:
                await _answers(stream, upstream, cardinality)
            except Exception as error:  # raised below: a group would wrap it
                failure = error
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure


async def _requests(stream: ServerStream, upstream: ClientStream) -> None:
    """Pass on what the caller says. What is wrong with that ends the call upstream, too, whose answers then say it."""
    try:
        while (message := await stream.recv_message()) is not None:
            await upstream.send_message(message)
        await upstream.end()
    except (ArgosyError, StreamTerminatedError) as error:
        upstream.cancel(error if isinstance(error, ArgosyError) else None)


async def _answers(stream: ServerStream, upstream: Any, cardinality: Cardinality) -> None:
    if cardinality.server_streaming:
        await upstream.recv_initial_metadata()
        await stream.send_initial_metadata()
    while (message := await upstream.recv_message()) is not None:
        await stream.send_message(message)


def relay(route: Route, cardinality: Cardinality) -> Handler:
    """Return a handler that forwards every call to the channel that route picks."""

    async def handle(stream: ServerStream) -> None:
        await forward(stream, await route(stream), cardinality)

    return Handler(handle, cardinality, bytes, bytes)
