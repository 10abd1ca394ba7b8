"""Transfer: from a source to a destination.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations



from argosy_protos.lean.google import protobuf as google__protobuf
from argosy_protos._lean import Message
from argosy_protos._wire import VI, past_end, rv, text, unknown, vi

__all__ = (
    "TRANSFER_METHODS",
    "TRANSFER_SERVICE",
    "TransferOptions",
    "TransferRequest",
)

class TransferRequest(Message):
    __slots__ = ("source", "destination", "options", )
    __fields__ = ("source", "destination", "options", )
    source: "google__protobuf.Any | None"
    destination: "google__protobuf.Any | None"
    options: "TransferOptions | None"

    def __init__(
        self,
        *,
        source: google__protobuf.Any | None = None,
        destination: google__protobuf.Any | None = None,
        options: TransferOptions | None = None,
    ) -> None:
        self.source = source
        self.destination = destination
        self.options = options
        self._unknown_fields = b""

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.source
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.destination
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.options
        if v is not None:
            e = v.encode()
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
                    raise past_end(self, "source")
                x = self.source
                if x is None:
                    x = self.source = google__protobuf.Any._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "destination")
                x = self.destination
                if x is None:
                    x = self.destination = google__protobuf.Any._blank()
                x._merge(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "options")
                x = self.options
                if x is None:
                    x = self.options = TransferOptions._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class TransferOptions(Message):
    __slots__ = ("progress_stream", )
    __fields__ = ("progress_stream", )
    progress_stream: "str"

    def __init__(
        self,
        *,
        progress_stream: str = "",
    ) -> None:
        self.progress_stream = progress_stream
        self._unknown_fields = b""

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.progress_stream
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
                    raise past_end(self, "progress_stream")
                self.progress_stream = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


TRANSFER_SERVICE = "containerd.services.transfer.v1.Transfer"
TRANSFER_METHODS = {
    "Transfer": ("transfer", TransferRequest, google__protobuf.Empty),
}
