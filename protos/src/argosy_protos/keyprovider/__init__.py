"""A program that wraps and unwraps keys of layers, with a key of its own that nobody else sees.

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
    "KeyProviderServiceBase",
    "KeyProviderServiceStub",
    "ProtocolInput",
    "ProtocolOutput",
)

class ProtocolInput(Message):
    text: "bytes"

    def __init__(
        self,
        *,
        text: bytes = b"",
    ) -> None:
        self.__dict__ = {
            "text": text,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "text": b"",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "text": betterproto2.field(1, "bytes"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.text
        if v:
            e = v
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
                    raise past_end(self, "text")
                self.text = b[p:q]
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ProtocolOutput(Message):
    text: "bytes"

    def __init__(
        self,
        *,
        text: bytes = b"",
    ) -> None:
        self.__dict__ = {
            "text": text,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "text": b"",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "text": betterproto2.field(1, "bytes"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.text
        if v:
            e = v
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
                    raise past_end(self, "text")
                self.text = b[p:q]
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class KeyProviderServiceBase(_ServiceBase):
    __service__ = "keyprovider.KeyProviderService"
    __methods__ = (
        Method("WrapKey", "wrap_key", Cardinality.UNARY_UNARY, ProtocolInput, ProtocolOutput),
        Method("UnWrapKey", "un_wrap_key", Cardinality.UNARY_UNARY, ProtocolInput, ProtocolOutput),
    )

    async def wrap_key(self, request: ProtocolInput) -> ProtocolOutput:
        raise unimplemented("keyprovider.KeyProviderService", "WrapKey")

    async def un_wrap_key(self, request: ProtocolInput) -> ProtocolOutput:
        raise unimplemented("keyprovider.KeyProviderService", "UnWrapKey")


class KeyProviderServiceStub(_ServiceStub):
    __service__ = "keyprovider.KeyProviderService"

    async def wrap_key(self, request: ProtocolInput, **options: Unpack[_Options]) -> ProtocolOutput:
        return await self._unary("/keyprovider.KeyProviderService/WrapKey", request, ProtocolOutput, options)

    async def un_wrap_key(self, request: ProtocolInput, **options: Unpack[_Options]) -> ProtocolOutput:
        return await self._unary("/keyprovider.KeyProviderService/UnWrapKey", request, ProtocolOutput, options)
