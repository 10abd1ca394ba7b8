"""Any message, with its type. A span, to the nanosecond. Nothing to say. Which fields an update touches. An instant, to the nanosecond.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations


from argosy_protos._betterproto import betterproto2

from argosy_protos._message import Message
from argosy_protos._wire import VI, past_end, rv, s32, s64, text, unknown, vi, vs, vs32

new = object.__new__

__all__ = (
    "Any",
    "Duration",
    "Empty",
    "FieldMask",
    "Timestamp",
)

class Any(Message):
    type_url: "str"
    value: "bytes"

    def __init__(
        self,
        *,
        type_url: str = "",
        value: bytes = b"",
    ) -> None:
        self.__dict__ = {
            "type_url": type_url,
            "value": value,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "type_url": "",
            "value": b"",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "type_url": betterproto2.field(1, "string"),
            "value": betterproto2.field(2, "bytes"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.type_url
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.value
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
                    raise past_end(self, "type_url")
                self.type_url = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "value")
                self.value = b[p:q]
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class Duration(Message):
    seconds: "int"
    nanos: "int"

    def __init__(
        self,
        *,
        seconds: int = 0,
        nanos: int = 0,
    ) -> None:
        self.__dict__ = {
            "seconds": seconds,
            "nanos": nanos,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "seconds": 0,
            "nanos": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "seconds": betterproto2.field(1, "int64"),
            "nanos": betterproto2.field(2, "int32"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.seconds
        if v:
            a(b'\x08' + vs(v))
        v = self.nanos
        if v:
            a(b'\x10' + vs32(v))
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
                self.seconds = s64(x)
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.nanos = s32(x)
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class Empty(Message):

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


class FieldMask(Message):
    paths: "list[str]"

    def __init__(
        self,
        *,
        paths: list[str] | None = None,
    ) -> None:
        self.__dict__ = {
            "paths": [] if paths is None else paths,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "paths": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "paths": betterproto2.field(1, "string", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.paths
        for x in v:
            e = x.encode()
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
                    raise past_end(self, "paths")
                self.paths.append(text(b, p, q))
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class Timestamp(Message):
    seconds: "int"
    nanos: "int"

    def __init__(
        self,
        *,
        seconds: int = 0,
        nanos: int = 0,
    ) -> None:
        self.__dict__ = {
            "seconds": seconds,
            "nanos": nanos,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "seconds": 0,
            "nanos": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "seconds": betterproto2.field(1, "int64"),
            "nanos": betterproto2.field(2, "int32"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.seconds
        if v:
            a(b'\x08' + vs(v))
        v = self.nanos
        if v:
            a(b'\x10' + vs32(v))
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
                self.seconds = s64(x)
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.nanos = s32(x)
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")
