"""An error as gRPC and ttrpc carry it.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations


from argosy_protos._betterproto import betterproto2

from argosy_protos.google import protobuf as google__protobuf
from argosy_protos._message import Message
from argosy_protos._wire import VI, past_end, rv, s32, text, unknown, vi, vs32

new = object.__new__

__all__ = (
    "Status",
)

class Status(Message):
    code: "int"
    message: "str"
    details: "list[google__protobuf.Any]"

    def __init__(
        self,
        *,
        code: int = 0,
        message: str = "",
        details: list[google__protobuf.Any] | None = None,
    ) -> None:
        self.__dict__ = {
            "code": code,
            "message": message,
            "details": [] if details is None else details,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "code": 0,
            "message": "",
            "details": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "code": betterproto2.field(1, "int32"),
            "message": betterproto2.field(2, "string"),
            "details": betterproto2.field(3, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.code
        if v:
            a(b'\x08' + vs32(v))
        v = self.message
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.details
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
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
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.code = s32(x)
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "message")
                self.message = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "details")
                x = google__protobuf.Any._blank()
                x._merge(b, p, q)
                self.details.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")
