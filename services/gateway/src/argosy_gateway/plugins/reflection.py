"""Asking a process what it is: by argosy.instance.v1, and which gRPC services it has by reflection, in the current protocol and in the one before."""

from __future__ import annotations

from typing import Any

from argosy.errors import Unimplemented
from argosy.rpc.channel import BoundChannel, Channel
from argosy_protos.argosy.instance.v1 import GetInfoRequest, GetInfoResponse, InstanceStub
from argosy_protos.grpc.reflection import v1, v1alpha
from grpclib.const import Cardinality


async def introduced(channel: Channel | BoundChannel) -> GetInfoResponse | None:
    """Return what a process says that it is; None for one of another make, which knows no such question. Raises Unavailable, DeadlineExceeded."""
    try:
        return await InstanceStub(channel).get_info(GetInfoRequest())
    except Unimplemented:
        return None


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
