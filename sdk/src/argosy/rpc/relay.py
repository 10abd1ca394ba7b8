"""Forwarding a method without decoding it: bytes in, bytes out, with namespace, lease, deadline and cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from grpclib.const import Cardinality, Handler

from argosy.rpc.channel import BoundChannel, Channel
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
        sender = asyncio.ensure_future(_requests(stream, upstream))
        try:
            await _answers(stream, upstream, cardinality)
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)


async def _requests(stream: ServerStream, upstream: Any) -> None:
    while (message := await stream.recv_message()) is not None:
        await upstream.send_message(message)
    await upstream.end()


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
