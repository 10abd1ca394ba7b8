"""What is asked whether an image may be used, once it is known which bytes its name stands for.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from argosy_protos._betterproto import betterproto2
from grpclib.const import Cardinality

from argosy_protos.containerd import types as containerd__types
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
    "VerifierBase",
    "VerifierStub",
    "VerifyRequest",
    "VerifyResponse",
)

class VerifyRequest(Message):
    namespace: "str"
    name: "str"
    target: "containerd__types.Descriptor | None"

    def __init__(
        self,
        *,
        namespace: str = "",
        name: str = "",
        target: containerd__types.Descriptor | None = None,
    ) -> None:
        self.__dict__ = {
            "namespace": namespace,
            "name": name,
            "target": target,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "namespace": "",
            "name": "",
            "target": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "namespace": betterproto2.field(1, "string"),
            "name": betterproto2.field(2, "string"),
            "target": betterproto2.field(3, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.namespace
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.name
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.target
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
                    raise past_end(self, "namespace")
                self.namespace = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "name")
                self.name = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "target")
                x = self.target
                if x is None:
                    x = self.target = containerd__types.Descriptor._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class VerifyResponse(Message):
    ok: "bool"
    reason: "str"

    def __init__(
        self,
        *,
        ok: bool = False,
        reason: str = "",
    ) -> None:
        self.__dict__ = {
            "ok": ok,
            "reason": reason,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "ok": False,
            "reason": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "ok": betterproto2.field(1, "bool"),
            "reason": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.ok
        if v:
            a(b'\x08' + (b'\x01' if v else b'\x00'))
        v = self.reason
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
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.ok = x != 0
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "reason")
                self.reason = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class VerifierBase(_ServiceBase):
    __service__ = "argosy.verifier.v1.Verifier"
    __methods__ = (
        Method("Verify", "verify", Cardinality.UNARY_UNARY, VerifyRequest, VerifyResponse),
    )

    async def verify(self, request: VerifyRequest) -> VerifyResponse:
        raise unimplemented("argosy.verifier.v1.Verifier", "Verify")


class VerifierStub(_ServiceStub):
    __service__ = "argosy.verifier.v1.Verifier"

    async def verify(self, request: VerifyRequest, **options: Unpack[_Options]) -> VerifyResponse:
        return await self._unary("/argosy.verifier.v1.Verifier/Verify", request, VerifyResponse, options)
