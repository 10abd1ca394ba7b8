"""Shims forward their events to it, over ttrpc.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations



from argosy_protos.lean.containerd import types as containerd__types
from argosy_protos.lean.google import protobuf as google__protobuf
from argosy_protos._lean import Message
from argosy_protos._wire import VI, past_end, rv, unknown, vi

__all__ = (
    "EVENTS_METHODS",
    "EVENTS_SERVICE",
    "ForwardRequest",
)

class ForwardRequest(Message):
    __slots__ = ("envelope", )
    __fields__ = ("envelope", )
    envelope: "containerd__types.Envelope | None"

    def __init__(
        self,
        *,
        envelope: containerd__types.Envelope | None = None,
    ) -> None:
        self.envelope = envelope
        self._unknown_fields = b""

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.envelope
        if v is not None:
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
                    raise past_end(self, "envelope")
                x = self.envelope
                if x is None:
                    x = self.envelope = containerd__types.Envelope._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


EVENTS_SERVICE = "containerd.services.events.ttrpc.v1.Events"
EVENTS_METHODS = {
    "Forward": ("forward", ForwardRequest, google__protobuf.Empty),
}
