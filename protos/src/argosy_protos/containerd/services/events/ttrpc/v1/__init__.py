"""Shims forward their events to it, over ttrpc.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from argosy_protos._betterproto import betterproto2
from grpclib.const import Cardinality

from argosy_protos.containerd import types as containerd__types
from argosy_protos.google import protobuf as google__protobuf
from argosy_protos._message import Message
from argosy_protos._service import Method, unimplemented
from argosy_protos._service import ServiceBase as _ServiceBase
from argosy_protos._service import ServiceStub as _ServiceStub
from argosy_protos._wire import VI, past_end, rv, unknown, vi

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options

new = object.__new__

__all__ = (
    "EventsBase",
    "EventsStub",
    "ForwardRequest",
)

class ForwardRequest(Message):
    envelope: "containerd__types.Envelope | None"

    def __init__(
        self,
        *,
        envelope: containerd__types.Envelope | None = None,
    ) -> None:
        self.__dict__ = {
            "envelope": envelope,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "envelope": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "envelope": betterproto2.field(1, "message"),
        }

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


class EventsBase(_ServiceBase):
    __service__ = "containerd.services.events.ttrpc.v1.Events"
    __methods__ = (
        Method("Forward", "forward", Cardinality.UNARY_UNARY, ForwardRequest, google__protobuf.Empty),
    )

    async def forward(self, request: ForwardRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.events.ttrpc.v1.Events", "Forward")


class EventsStub(_ServiceStub):
    __service__ = "containerd.services.events.ttrpc.v1.Events"

    async def forward(self, request: ForwardRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.events.ttrpc.v1.Events/Forward", request, google__protobuf.Empty, options)
