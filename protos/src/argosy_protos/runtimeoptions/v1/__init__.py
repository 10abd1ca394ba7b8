"""Options any runtime understands.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations


from argosy_protos._betterproto import betterproto2

from argosy_protos._message import Message
from argosy_protos._wire import VI, past_end, rv, text, unknown, vi

new = object.__new__

__all__ = (
    "Options",
)

class Options(Message):
    type_url: "str"
    config_path: "str"
    config_body: "bytes"

    def __init__(
        self,
        *,
        type_url: str = "",
        config_path: str = "",
        config_body: bytes = b"",
    ) -> None:
        self.__dict__ = {
            "type_url": type_url,
            "config_path": config_path,
            "config_body": config_body,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "type_url": "",
            "config_path": "",
            "config_body": b"",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "type_url": betterproto2.field(1, "string"),
            "config_path": betterproto2.field(2, "string"),
            "config_body": betterproto2.field(3, "bytes"),
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
        v = self.config_path
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.config_body
        if v:
            e = v
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
                    raise past_end(self, "config_path")
                self.config_path = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "config_body")
                self.config_body = b[p:q]
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")
