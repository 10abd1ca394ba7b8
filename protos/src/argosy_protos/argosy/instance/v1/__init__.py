"""What a plugin's process says of itself, and, where several processes can serve the same data, which one of them has at a time, how they give

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
from argosy_protos._wire import VI, double_at, pack_double, past_end, rv, text, unknown, vi

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options

new = object.__new__

__all__ = (
    "ClaimRequest",
    "ClaimResponse",
    "GetInfoRequest",
    "GetInfoResponse",
    "InstanceBase",
    "InstanceStub",
    "ReleaseRequest",
    "ReleaseResponse",
    "StatusRequest",
    "StatusResponse",
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


class StatusRequest(Message):

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


class StatusResponse(Message):
    name: "str"
    type: "str"
    phase: "str"
    root: "str"
    pid: "int"
    debug: "bool"

    def __init__(
        self,
        *,
        name: str = "",
        type: str = "",
        phase: str = "",
        root: str = "",
        pid: int = 0,
        debug: bool = False,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "type": type,
            "phase": phase,
            "root": root,
            "pid": pid,
            "debug": debug,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "type": "",
            "phase": "",
            "root": "",
            "pid": 0,
            "debug": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "type": betterproto2.field(2, "string"),
            "phase": betterproto2.field(3, "string"),
            "root": betterproto2.field(4, "string"),
            "pid": betterproto2.field(5, "uint64"),
            "debug": betterproto2.field(6, "bool"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.name
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.type
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.phase
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.root
        if v:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.pid
        if v:
            a(b'(' + vi(v))
        v = self.debug
        if v:
            a(b'0' + (b'\x01' if v else b'\x00'))
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
                    raise past_end(self, "name")
                self.name = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "type")
                self.type = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "phase")
                self.phase = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "root")
                self.root = text(b, p, q)
                p = q
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pid = x
            elif t == 48:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.debug = x != 0
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6,)))
        if p != n:
            raise past_end(self, "its last field")


class ClaimRequest(Message):
    root: "str"

    def __init__(
        self,
        *,
        root: str = "",
    ) -> None:
        self.__dict__ = {
            "root": root,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "root": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "root": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.root
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
                    raise past_end(self, "root")
                self.root = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ClaimResponse(Message):

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


class ReleaseRequest(Message):
    wait_s: "float"

    def __init__(
        self,
        *,
        wait_s: float = 0.0,
    ) -> None:
        self.__dict__ = {
            "wait_s": wait_s,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "wait_s": 0.0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "wait_s": betterproto2.field(1, "double"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.wait_s
        if v or pack_double(v) != bytes(8):  # -0.0 is a value, as google protobuf has it
            a(b'\t' + pack_double(v))
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 9:
                self.wait_s = double_at(b, p, n)
                p += 8
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ReleaseResponse(Message):

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


class InstanceBase(_ServiceBase):
    __service__ = "argosy.instance.v1.Instance"
    __methods__ = (
        Method("GetInfo", "get_info", Cardinality.UNARY_UNARY, GetInfoRequest, GetInfoResponse),
        Method("Status", "status", Cardinality.UNARY_UNARY, StatusRequest, StatusResponse),
        Method("Claim", "claim", Cardinality.UNARY_UNARY, ClaimRequest, ClaimResponse),
        Method("Release", "release", Cardinality.UNARY_UNARY, ReleaseRequest, ReleaseResponse),
    )

    async def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        raise unimplemented("argosy.instance.v1.Instance", "GetInfo")

    async def status(self, request: StatusRequest) -> StatusResponse:
        raise unimplemented("argosy.instance.v1.Instance", "Status")

    async def claim(self, request: ClaimRequest) -> ClaimResponse:
        raise unimplemented("argosy.instance.v1.Instance", "Claim")

    async def release(self, request: ReleaseRequest) -> ReleaseResponse:
        raise unimplemented("argosy.instance.v1.Instance", "Release")


class InstanceStub(_ServiceStub):
    __service__ = "argosy.instance.v1.Instance"

    async def get_info(self, request: GetInfoRequest, **options: Unpack[_Options]) -> GetInfoResponse:
        return await self._unary("/argosy.instance.v1.Instance/GetInfo", request, GetInfoResponse, options)

    async def status(self, request: StatusRequest, **options: Unpack[_Options]) -> StatusResponse:
        return await self._unary("/argosy.instance.v1.Instance/Status", request, StatusResponse, options)

    async def claim(self, request: ClaimRequest, **options: Unpack[_Options]) -> ClaimResponse:
        return await self._unary("/argosy.instance.v1.Instance/Claim", request, ClaimResponse, options)

    async def release(self, request: ReleaseRequest, **options: Unpack[_Options]) -> ReleaseResponse:
        return await self._unary("/argosy.instance.v1.Instance/Release", request, ReleaseResponse, options)
