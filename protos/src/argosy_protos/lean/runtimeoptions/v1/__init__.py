"""Options any runtime understands.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations



from argosy_protos._lean import Message
from argosy_protos._wire import VI, past_end, rv, text, unknown, vi

__all__ = (
    "Options",
)

class Options(Message):
    __slots__ = ("type_url", "config_path", "config_body", )
    __fields__ = ("type_url", "config_path", "config_body", )
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
        self.type_url = type_url
        self.config_path = config_path
        self.config_body = config_body
        self._unknown_fields = b""

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
