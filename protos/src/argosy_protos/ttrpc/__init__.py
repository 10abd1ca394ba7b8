"""What travels inside ttrpc frames.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations


from argosy_protos._betterproto import betterproto2

from argosy_protos.google import rpc as google__rpc
from argosy_protos._message import Message
from argosy_protos._wire import VI, past_end, rv, s64, text, unknown, vi, vs

new = object.__new__

__all__ = (
    "KeyValue",
    "Request",
    "Response",
)

class Request(Message):
    service: "str"
    method: "str"
    payload: "bytes"
    timeout_nano: "int"
    metadata: "list[KeyValue]"

    def __init__(
        self,
        *,
        service: str = "",
        method: str = "",
        payload: bytes = b"",
        timeout_nano: int = 0,
        metadata: list[KeyValue] | None = None,
    ) -> None:
        self.__dict__ = {
            "service": service,
            "method": method,
            "payload": payload,
            "timeout_nano": timeout_nano,
            "metadata": [] if metadata is None else metadata,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "service": "",
            "method": "",
            "payload": b"",
            "timeout_nano": 0,
            "metadata": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "service": betterproto2.field(1, "string"),
            "method": betterproto2.field(2, "string"),
            "payload": betterproto2.field(3, "bytes"),
            "timeout_nano": betterproto2.field(4, "int64"),
            "metadata": betterproto2.field(5, "message", repeated=True),
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
        v = self.method
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.payload
        if v:
            e = v
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.timeout_nano
        if v:
            a(b' ' + vs(v))
        v = self.metadata
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
                    raise past_end(self, "service")
                self.service = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "method")
                self.method = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "payload")
                self.payload = b[p:q]
                p = q
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.timeout_nano = s64(x)
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "metadata")
                x = KeyValue._blank()
                x._merge(b, p, q)
                self.metadata.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5,)))
        if p != n:
            raise past_end(self, "its last field")


class Response(Message):
    status: "google__rpc.Status | None"
    payload: "bytes"

    def __init__(
        self,
        *,
        status: google__rpc.Status | None = None,
        payload: bytes = b"",
    ) -> None:
        self.__dict__ = {
            "status": status,
            "payload": payload,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "status": None,
            "payload": b"",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "status": betterproto2.field(1, "message"),
            "payload": betterproto2.field(2, "bytes"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.status
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.payload
        if v:
            e = v
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
                    raise past_end(self, "status")
                x = self.status
                if x is None:
                    x = self.status = google__rpc.Status._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "payload")
                self.payload = b[p:q]
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class KeyValue(Message):
    key: "str"
    value: "str"

    def __init__(
        self,
        *,
        key: str = "",
        value: str = "",
    ) -> None:
        self.__dict__ = {
            "key": key,
            "value": value,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "key": "",
            "value": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "key": betterproto2.field(1, "string"),
            "value": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.key
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.value
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
                    raise past_end(self, "key")
                self.key = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "value")
                self.value = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")
