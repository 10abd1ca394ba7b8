"""Streaming: a named two-way channel of Any.

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
from argosy_protos._wire import VI, past_end, rv, text, unknown, vi

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options
    from argosy_protos._typing import Stream as _Stream

new = object.__new__

__all__ = (
    "StreamInit",
    "StreamingBase",
    "StreamingStub",
)

class StreamInit(Message):
    id: "str"

    def __init__(
        self,
        *,
        id: str = "",
    ) -> None:
        self.__dict__ = {
            "id": id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
        }

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


class StreamingBase(_ServiceBase):
    __service__ = "containerd.services.streaming.v1.Streaming"
    __methods__ = (
        Method("Stream", "stream", Cardinality.STREAM_STREAM, google__protobuf.Any, google__protobuf.Any),
    )

    async def stream(self, requests: AsyncIterator[google__protobuf.Any]) -> AsyncIterator[google__protobuf.Any]:
        raise unimplemented("containerd.services.streaming.v1.Streaming", "Stream")
        yield


class StreamingStub(_ServiceStub):
    __service__ = "containerd.services.streaming.v1.Streaming"

    def stream(self, **options: Unpack[_Options]) -> _Stream[google__protobuf.Any, google__protobuf.Any]:
        return self._open("/containerd.services.streaming.v1.Streaming/Stream", Cardinality.STREAM_STREAM, google__protobuf.Any, google__protobuf.Any, options)
