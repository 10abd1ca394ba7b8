"""Version: who answers.

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
    "VersionBase",
    "VersionResponse",
    "VersionStub",
)

class VersionResponse(Message):
    version: "str"
    revision: "str"

    def __init__(
        self,
        *,
        version: str = "",
        revision: str = "",
    ) -> None:
        self.__dict__ = {
            "version": version,
            "revision": revision,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "version": "",
            "revision": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "version": betterproto2.field(1, "string"),
            "revision": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.version
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.revision
        if v:
            e = v.encode()
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
                    raise past_end(self, "version")
                self.version = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "revision")
                self.revision = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class VersionBase(_ServiceBase):
    __service__ = "containerd.services.version.v1.Version"
    __methods__ = (
        Method("Version", "version", Cardinality.UNARY_UNARY, google__protobuf.Empty, VersionResponse),
    )

    async def version(self, request: google__protobuf.Empty) -> VersionResponse:
        raise unimplemented("containerd.services.version.v1.Version", "Version")


class VersionStub(_ServiceStub):
    __service__ = "containerd.services.version.v1.Version"

    async def version(self, request: google__protobuf.Empty, **options: Unpack[_Options]) -> VersionResponse:
        return await self._unary("/containerd.services.version.v1.Version/Version", request, VersionResponse, options)
