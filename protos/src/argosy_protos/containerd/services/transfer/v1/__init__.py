"""Transfer: from a source to a destination.

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

new = object.__new__

__all__ = (
    "TransferBase",
    "TransferOptions",
    "TransferRequest",
    "TransferStub",
)

class TransferRequest(Message):
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
        self.__dict__ = {
            "source": source,
            "destination": destination,
            "options": options,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "source": None,
            "destination": None,
            "options": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "source": betterproto2.field(1, "message"),
            "destination": betterproto2.field(2, "message"),
            "options": betterproto2.field(3, "message"),
        }

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
    progress_stream: "str"

    def __init__(
        self,
        *,
        progress_stream: str = "",
    ) -> None:
        self.__dict__ = {
            "progress_stream": progress_stream,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "progress_stream": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "progress_stream": betterproto2.field(1, "string"),
        }

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


class TransferBase(_ServiceBase):
    __service__ = "containerd.services.transfer.v1.Transfer"
    __methods__ = (
        Method("Transfer", "transfer", Cardinality.UNARY_UNARY, TransferRequest, google__protobuf.Empty),
    )

    async def transfer(self, request: TransferRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.transfer.v1.Transfer", "Transfer")


class TransferStub(_ServiceStub):
    __service__ = "containerd.services.transfer.v1.Transfer"

    async def transfer(self, request: TransferRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.transfer.v1.Transfer/Transfer", request, google__protobuf.Empty, options)
