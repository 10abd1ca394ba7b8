"""What every Argosy process answers about itself.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from argosy_protos._betterproto import betterproto2
from grpclib.const import Cardinality

from argosy_protos.google import protobuf as google__protobuf
from argosy_protos._message import Message
from argosy_protos._service import Method, unimplemented
from argosy_protos._service import ServiceBase as _ServiceBase
from argosy_protos._service import ServiceStub as _ServiceStub
from argosy_protos._wire import VI, entry, past_end, rv, text, unknown, vi

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options

new = object.__new__

__all__ = (
    "ClaimRequest",
    "ClaimResponse",
    "DrainRequest",
    "DrainResponse",
    "ResumeRequest",
    "ResumeResponse",
    "ServiceBase",
    "ServiceStub",
    "SetLogLevelRequest",
    "SetLogLevelResponse",
    "StatisticsRequest",
    "StatisticsResponse",
)

class StatisticsRequest(Message):

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


class StatisticsResponse(Message):
    name: "str"
    pid: "int"
    started_at: "google__protobuf.Timestamp | None"
    calls_in_flight: "int"
    calls_total: "int"
    calls_failed: "int"
    state: "str"
    gauges: "dict[str, str]"

    def __init__(
        self,
        *,
        name: str = "",
        pid: int = 0,
        started_at: google__protobuf.Timestamp | None = None,
        calls_in_flight: int = 0,
        calls_total: int = 0,
        calls_failed: int = 0,
        state: str = "",
        gauges: dict[str, str] | None = None,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "pid": pid,
            "started_at": started_at,
            "calls_in_flight": calls_in_flight,
            "calls_total": calls_total,
            "calls_failed": calls_failed,
            "state": state,
            "gauges": {} if gauges is None else gauges,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "pid": 0,
            "started_at": None,
            "calls_in_flight": 0,
            "calls_total": 0,
            "calls_failed": 0,
            "state": "",
            "gauges": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "pid": betterproto2.field(2, "uint64"),
            "started_at": betterproto2.field(3, "message"),
            "calls_in_flight": betterproto2.field(4, "uint64"),
            "calls_total": betterproto2.field(5, "uint64"),
            "calls_failed": betterproto2.field(6, "uint64"),
            "state": betterproto2.field(7, "string"),
            "gauges": betterproto2.field(8, "map", map_meta=betterproto2.map_meta("string", "string")),
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
        v = self.pid
        if v:
            a(b'\x10' + vi(v))
        v = self.started_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.calls_in_flight
        if v:
            a(b' ' + vi(v))
        v = self.calls_total
        if v:
            a(b'(' + vi(v))
        v = self.calls_failed
        if v:
            a(b'0' + vi(v))
        v = self.state
        if v:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.gauges
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'B' + (VI[n] if n < 16384 else vi(n)))
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
                    raise past_end(self, "name")
                self.name = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pid = x
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "started_at")
                x = self.started_at
                if x is None:
                    x = self.started_at = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.calls_in_flight = x
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.calls_total = x
            elif t == 48:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.calls_failed = x
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "state")
                self.state = text(b, p, q)
                p = q
            elif t == 66:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "gauges")
                k, r = entry(b, p, q)
                x = text(b, *r[-1]) if r else ""
                self.gauges[k] = x
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8,)))
        if p != n:
            raise past_end(self, "its last field")


class DrainRequest(Message):

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


class DrainResponse(Message):
    calls_in_flight: "int"

    def __init__(
        self,
        *,
        calls_in_flight: int = 0,
    ) -> None:
        self.__dict__ = {
            "calls_in_flight": calls_in_flight,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "calls_in_flight": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "calls_in_flight": betterproto2.field(1, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.calls_in_flight
        if v:
            a(b'\x08' + vi(v))
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
                self.calls_in_flight = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ResumeRequest(Message):

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


class ResumeResponse(Message):

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


class SetLogLevelRequest(Message):
    level: "str"

    def __init__(
        self,
        *,
        level: str = "",
    ) -> None:
        self.__dict__ = {
            "level": level,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "level": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "level": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.level
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
                    raise past_end(self, "level")
                self.level = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class SetLogLevelResponse(Message):
    previous: "str"

    def __init__(
        self,
        *,
        previous: str = "",
    ) -> None:
        self.__dict__ = {
            "previous": previous,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "previous": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "previous": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.previous
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
                    raise past_end(self, "previous")
                self.previous = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ClaimRequest(Message):
    owner: "str"
    address: "str"

    def __init__(
        self,
        *,
        owner: str = "",
        address: str = "",
    ) -> None:
        self.__dict__ = {
            "owner": owner,
            "address": address,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "owner": "",
            "address": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "owner": betterproto2.field(1, "string"),
            "address": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.owner
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.address
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
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
                    raise past_end(self, "owner")
                self.owner = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "address")
                self.address = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
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


class ServiceBase(_ServiceBase):
    __service__ = "argosy.service.v1.Service"
    __methods__ = (
        Method("Statistics", "statistics", Cardinality.UNARY_UNARY, StatisticsRequest, StatisticsResponse),
        Method("Drain", "drain", Cardinality.UNARY_UNARY, DrainRequest, DrainResponse),
        Method("Resume", "resume", Cardinality.UNARY_UNARY, ResumeRequest, ResumeResponse),
        Method("Claim", "claim", Cardinality.UNARY_UNARY, ClaimRequest, ClaimResponse),
        Method("SetLogLevel", "set_log_level", Cardinality.UNARY_UNARY, SetLogLevelRequest, SetLogLevelResponse),
    )

    async def statistics(self, request: StatisticsRequest) -> StatisticsResponse:
        raise unimplemented("argosy.service.v1.Service", "Statistics")

    async def drain(self, request: DrainRequest) -> DrainResponse:
        raise unimplemented("argosy.service.v1.Service", "Drain")

    async def resume(self, request: ResumeRequest) -> ResumeResponse:
        raise unimplemented("argosy.service.v1.Service", "Resume")

    async def claim(self, request: ClaimRequest) -> ClaimResponse:
        raise unimplemented("argosy.service.v1.Service", "Claim")

    async def set_log_level(self, request: SetLogLevelRequest) -> SetLogLevelResponse:
        raise unimplemented("argosy.service.v1.Service", "SetLogLevel")


class ServiceStub(_ServiceStub):
    __service__ = "argosy.service.v1.Service"

    async def statistics(self, request: StatisticsRequest, **options: Unpack[_Options]) -> StatisticsResponse:
        return await self._unary("/argosy.service.v1.Service/Statistics", request, StatisticsResponse, options)

    async def drain(self, request: DrainRequest, **options: Unpack[_Options]) -> DrainResponse:
        return await self._unary("/argosy.service.v1.Service/Drain", request, DrainResponse, options)

    async def resume(self, request: ResumeRequest, **options: Unpack[_Options]) -> ResumeResponse:
        return await self._unary("/argosy.service.v1.Service/Resume", request, ResumeResponse, options)

    async def claim(self, request: ClaimRequest, **options: Unpack[_Options]) -> ClaimResponse:
        return await self._unary("/argosy.service.v1.Service/Claim", request, ClaimResponse, options)

    async def set_log_level(self, request: SetLogLevelRequest, **options: Unpack[_Options]) -> SetLogLevelResponse:
        return await self._unary("/argosy.service.v1.Service/SetLogLevel", request, SetLogLevelResponse, options)
