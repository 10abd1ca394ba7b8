"""grpc.health.v1: the server as a whole, and each service by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from argosy_protos.grpc.health.v1 import (
    HealthBase,
    HealthCheckRequest,
    HealthCheckResponse,
    HealthCheckResponseServingStatus,
)

from argosy.errors import NotFound
from argosy.rpc.server import Server, inline

_POLL_S = 0.5


class Health(HealthBase):
    """SERVING for "" and for every service of the server; NOT_SERVING while it drains."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def _status(self, service: str) -> HealthCheckResponseServingStatus | None:
        if service and service not in self._server.services:
            return None
        state = HealthCheckResponseServingStatus
        if self._server.elsewhere is not None and self._server.elsewhere.serves(service) is False:
            return state.NOT_SERVING
        return state.NOT_SERVING if self._server.draining else state.SERVING

    @inline
    async def check(self, request: HealthCheckRequest) -> HealthCheckResponse:
        status = self._status(request.service)
        if status is None:
            raise NotFound(f'service "{request.service}" is not served here')
        return HealthCheckResponse(status=status)

    async def watch(self, requests: HealthCheckRequest) -> AsyncIterator[HealthCheckResponse]:
        last = None
        while True:
            status = self._status(requests.service)
            if status is None:
                status = HealthCheckResponseServingStatus.SERVICE_UNKNOWN
            if status != last:
                last = status
                yield HealthCheckResponse(status=status)
            await asyncio.sleep(_POLL_S)
