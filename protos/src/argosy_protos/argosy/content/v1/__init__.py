"""Where the bytes of an open ingest go, for a client on the same machine that writes them itself.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from argosy_protos._betterproto import betterproto2
from grpclib.const import Cardinality

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
    "IngestsBase",
    "IngestsStub",
    "PlaceRequest",
    "PlaceResponse",
)

class PlaceRequest(Message):
    ref: "str"

    def __init__(
        self,
        *,
        ref: str = "",
    ) -> None:
        self.__dict__ = {
            "ref": ref,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "ref": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "ref": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.ref
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
                    raise past_end(self, "ref")
                self.ref = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class PlaceResponse(Message):
    path: "str"
    device: "int"
    inode: "int"

    def __init__(
        self,
        *,
        path: str = "",
        device: int = 0,
        inode: int = 0,
    ) -> None:
        self.__dict__ = {
            "path": path,
            "device": device,
            "inode": inode,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "path": "",
            "device": 0,
            "inode": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "path": betterproto2.field(1, "string"),
            "device": betterproto2.field(2, "uint64"),
            "inode": betterproto2.field(3, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.path
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.device
        if v:
            a(b'\x10' + vi(v))
        v = self.inode
        if v:
            a(b'\x18' + vi(v))
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
                    raise past_end(self, "path")
                self.path = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.device = x
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.inode = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class IngestsBase(_ServiceBase):
    __service__ = "argosy.content.v1.Ingests"
    __methods__ = (
        Method("Place", "place", Cardinality.UNARY_UNARY, PlaceRequest, PlaceResponse),
    )

    async def place(self, request: PlaceRequest) -> PlaceResponse:
        raise unimplemented("argosy.content.v1.Ingests", "Place")


class IngestsStub(_ServiceStub):
    __service__ = "argosy.content.v1.Ingests"

    async def place(self, request: PlaceRequest, **options: Unpack[_Options]) -> PlaceResponse:
        return await self._unary("/argosy.content.v1.Ingests/Place", request, PlaceResponse, options)
