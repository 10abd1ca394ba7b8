"""Streaming: a named two-way channel of Any.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations



from argosy_protos.lean.google import protobuf as google__protobuf
from argosy_protos._lean import Message
from argosy_protos._wire import VI, past_end, rv, text, unknown, vi

__all__ = (
    "STREAMING_METHODS",
    "STREAMING_SERVICE",
    "StreamInit",
)

class StreamInit(Message):
    __slots__ = ("id", )
    __fields__ = ("id", )
    id: "str"

    def __init__(
        self,
        *,
        id: str = "",
    ) -> None:
        self.id = id
        self._unknown_fields = b""

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.id
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


STREAMING_SERVICE = "containerd.services.streaming.v1.Streaming"
STREAMING_METHODS = {
    "Stream": ("stream", google__protobuf.Any, google__protobuf.Any),
}
