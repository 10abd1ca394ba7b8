"""Is this service serving?

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from argosy_protos._betterproto import betterproto2
from grpclib.const import Cardinality

from argosy_protos._message import Message
from argosy_protos._service import Method, unimplemented
from argosy_protos._service import ServiceBase as _ServiceBase
from argosy_protos._service import ServiceStub as _ServiceStub
from argosy_protos._wire import VI, past_end, rv, s32, text, unknown, vi, vs32

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options

new = object.__new__

__all__ = (
    "HealthBase",
    "HealthCheckRequest",
    "HealthCheckResponse",
    "HealthCheckResponseServingStatus",
    "HealthStub",
)

class HealthCheckRequest(Message):
    service: "str"

    def __init__(
        self,
        *,
        service: str = "",
    ) -> None:
        self.__dict__ = {
            "service": service,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "service": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "service": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.service
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "service")
                self.service = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class HealthCheckResponseServingStatus(betterproto2.Enum):
    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3


class HealthCheckResponse(Message):
    status: "HealthCheckResponseServingStatus"

    def __init__(
        self,
        *,
        status: HealthCheckResponseServingStatus | int = 0,
    ) -> None:
        self.__dict__ = {
            "status": status,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "status": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "status": betterproto2.field(1, "enum", default_factory=lambda: HealthCheckResponseServingStatus(0)),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.status
        if v:
            a(b'\x08' + vs32(v))
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.status = HealthCheckResponseServingStatus(s32(x))
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class HealthBase(_ServiceBase):
    __service__ = "grpc.health.v1.Health"
    __methods__ = (
        Method("Check", "check", Cardinality.UNARY_UNARY, HealthCheckRequest, HealthCheckResponse),
        Method("Watch", "watch", Cardinality.UNARY_STREAM, HealthCheckRequest, HealthCheckResponse),
    )

    async def check(self, request: HealthCheckRequest) -> HealthCheckResponse:
        raise unimplemented("grpc.health.v1.Health", "Check")

    async def watch(self, request: HealthCheckRequest) -> AsyncIterator[HealthCheckResponse]:
        raise unimplemented("grpc.health.v1.Health", "Watch")
        yield


class HealthStub(_ServiceStub):
    __service__ = "grpc.health.v1.Health"

    async def check(self, request: HealthCheckRequest, **options: Unpack[_Options]) -> HealthCheckResponse:
        return await self._unary("/grpc.health.v1.Health/Check", request, HealthCheckResponse, options)

    def watch(self, request: HealthCheckRequest, **options: Unpack[_Options]) -> AsyncIterator[HealthCheckResponse]:
        return self._stream("/grpc.health.v1.Health/Watch", request, HealthCheckResponse, options)
