"""Asking a process which gRPC services it has: by reflection, in the current protocol and in the one that older servers speak."""

from __future__ import annotations

from typing import Any

from argosy.errors import Unimplemented
from argosy.rpc.channel import BoundChannel, Channel
from argosy_protos.grpc.reflection import v1, v1alpha
from grpclib.const import Cardinality


async def reflected(channel: Channel | BoundChannel) -> list[str]:
    """Return the names of the services that a process lists. Raises Unimplemented when it has no reflection, Unavailable, DeadlineExceeded."""
    try:
        return await _asked(v1, channel)
    except Unimplemented:
        return await _asked(v1alpha, channel)


async def _asked(version: Any, channel: Channel | BoundChannel) -> list[str]:
    path = f"/{version.ServerReflectionBase.__service__}/ServerReflectionInfo"
    stream = channel.request(
        path, Cardinality.STREAM_STREAM, version.ServerReflectionRequest, version.ServerReflectionResponse
    )
    async with stream:
        await stream.send_message(version.ServerReflectionRequest(list_services="*"))
        answer = await stream.recv_message()
    listed = answer.list_services_response if answer is not None else None
    return [service.name for service in listed.service] if listed is not None else []
