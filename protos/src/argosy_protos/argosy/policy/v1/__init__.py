"""The hooks and verifiers of a gateway, asked by whoever pulls an image.

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
    "AskRequest",
    "AskResponse",
    "PolicyBase",
    "PolicyStub",
    "Verdict",
)

class AskRequest(Message):
    point: "str"
    reference: "str"
    names: "list[str]"
    target: "containerd__types.Descriptor | None"
    snapshotter: "str"

    def __init__(
        self,
        *,
        point: str = "",
        reference: str = "",
        names: list[str] | None = None,
        target: containerd__types.Descriptor | None = None,
        snapshotter: str = "",
    ) -> None:
        self.__dict__ = {
            "point": point,
            "reference": reference,
            "names": [] if names is None else names,
            "target": target,
            "snapshotter": snapshotter,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "point": "",
            "reference": "",
            "names": [],
            "target": None,
            "snapshotter": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "point": betterproto2.field(1, "string"),
            "reference": betterproto2.field(2, "string"),
            "names": betterproto2.field(3, "string", repeated=True),
            "target": betterproto2.field(4, "message"),
            "snapshotter": betterproto2.field(5, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.point
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.reference
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.names
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.target
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.snapshotter
        if v:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
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
                    raise past_end(self, "point")
                self.point = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "reference")
                self.reference = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "names")
                self.names.append(text(b, p, q))
                p = q
            elif t == 34:
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
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5,)))
        if p != n:
            raise past_end(self, "its last field")


class AskResponse(Message):
    guarded: "bool"
    reference: "str"
    snapshotter: "str"
    verdicts: "list[Verdict]"

    def __init__(
        self,
        *,
        guarded: bool = False,
        reference: str = "",
        snapshotter: str = "",
        verdicts: list[Verdict] | None = None,
    ) -> None:
        self.__dict__ = {
            "guarded": guarded,
            "reference": reference,
            "snapshotter": snapshotter,
            "verdicts": [] if verdicts is None else verdicts,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "guarded": False,
            "reference": "",
            "snapshotter": "",
            "verdicts": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "guarded": betterproto2.field(1, "bool"),
            "reference": betterproto2.field(2, "string"),
            "snapshotter": betterproto2.field(3, "string"),
            "verdicts": betterproto2.field(4, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.guarded
        if v:
            a(b'\x08' + (b'\x01' if v else b'\x00'))
        v = self.reference
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.snapshotter
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.verdicts
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
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
                self.guarded = x != 0
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "reference")
                self.reference = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "verdicts")
                x = Verdict._blank()
                x._merge(b, p, q)
                self.verdicts.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class Verdict(Message):
    verifier: "str"
    reason: "str"

    def __init__(
        self,
        *,
        verifier: str = "",
        reason: str = "",
    ) -> None:
        self.__dict__ = {
            "verifier": verifier,
            "reason": reason,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "verifier": "",
            "reason": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "verifier": betterproto2.field(1, "string"),
            "reason": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.verifier
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
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
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "verifier")
                self.verifier = text(b, p, q)
                p = q
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


class PolicyBase(_ServiceBase):
    __service__ = "argosy.policy.v1.Policy"
    __methods__ = (
        Method("Ask", "ask", Cardinality.UNARY_UNARY, AskRequest, AskResponse),
    )

    async def ask(self, request: AskRequest) -> AskResponse:
        raise unimplemented("argosy.policy.v1.Policy", "Ask")


class PolicyStub(_ServiceStub):
    __service__ = "argosy.policy.v1.Policy"

    async def ask(self, request: AskRequest, **options: Unpack[_Options]) -> AskResponse:
        return await self._unary("/argosy.policy.v1.Policy/Ask", request, AskResponse, options)
