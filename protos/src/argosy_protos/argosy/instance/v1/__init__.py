"""What a plugin's process says of itself, whatever it serves.

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
from argosy_protos._wire import VI, past_end, rv, text, unknown, vi

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options

new = object.__new__

__all__ = (
    "GetInfoRequest",
    "GetInfoResponse",
    "InstanceBase",
    "InstanceStub",
)

class GetInfoRequest(Message):

    def __init__(
        self,
    ) -> None:
        self.__dict__ = {
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            p = unknown(self, b, p, t, n, frozenset())
        if p != n:
            raise past_end(self, "its last field")


class GetInfoResponse(Message):
    type: "str"
    name: "str"
    version: "str"
    capabilities: "list[str]"
    services: "list[str]"

    def __init__(
        self,
        *,
        type: str = "",
        name: str = "",
        version: str = "",
        capabilities: list[str] | None = None,
        services: list[str] | None = None,
    ) -> None:
        self.__dict__ = {
            "type": type,
            "name": name,
            "version": version,
            "capabilities": [] if capabilities is None else capabilities,
            "services": [] if services is None else services,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "type": "",
            "name": "",
            "version": "",
            "capabilities": [],
            "services": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "type": betterproto2.field(1, "string"),
            "name": betterproto2.field(2, "string"),
            "version": betterproto2.field(3, "string"),
            "capabilities": betterproto2.field(4, "string", repeated=True),
            "services": betterproto2.field(5, "string", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.type
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.name
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.version
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.capabilities
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.services
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
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
                    raise past_end(self, "type")
                self.type = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "name")
                self.name = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "version")
                self.version = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "capabilities")
                self.capabilities.append(text(b, p, q))
                p = q
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "services")
                self.services.append(text(b, p, q))
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5,)))
        if p != n:
            raise past_end(self, "its last field")


class InstanceBase(_ServiceBase):
    __service__ = "argosy.instance.v1.Instance"
    __methods__ = (
        Method("GetInfo", "get_info", Cardinality.UNARY_UNARY, GetInfoRequest, GetInfoResponse),
    )

    async def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        raise unimplemented("argosy.instance.v1.Instance", "GetInfo")


class InstanceStub(_ServiceStub):
    __service__ = "argosy.instance.v1.Instance"

    async def get_info(self, request: GetInfoRequest, **options: Unpack[_Options]) -> GetInfoResponse:
        return await self._unary("/argosy.instance.v1.Instance/GetInfo", request, GetInfoResponse, options)
