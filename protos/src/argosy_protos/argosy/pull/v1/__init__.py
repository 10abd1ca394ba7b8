"""What plugins that fetch by themselves may want to know of an image: labels have room for a part of it only.

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
from argosy_protos._wire import VI, entry, past_end, rv, s64, text, unknown, vi, vs, vu32

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options

new = object.__new__

__all__ = (
    "GetRequest",
    "GetResponse",
    "Image",
    "Layer",
    "PullsBase",
    "PullsStub",
)

class GetRequest(Message):
    chain_id: "str"

    def __init__(
        self,
        *,
        chain_id: str = "",
    ) -> None:
        self.__dict__ = {
            "chain_id": chain_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "chain_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "chain_id": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.chain_id
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
                    raise past_end(self, "chain_id")
                self.chain_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class GetResponse(Message):
    images: "list[Image]"

    def __init__(
        self,
        *,
        images: list[Image] | None = None,
    ) -> None:
        self.__dict__ = {
            "images": [] if images is None else images,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "images": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "images": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.images
        for x in v:
            e = x.encode()
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
                    raise past_end(self, "images")
                x = Image._blank()
                x._merge(b, p, q)
                self.images.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class Image(Message):
    references: "list[str]"
    manifest_digest: "str"
    config_digest: "str"
    layers: "list[Layer]"
    layer: "int"
    names: "list[str]"

    def __init__(
        self,
        *,
        references: list[str] | None = None,
        manifest_digest: str = "",
        config_digest: str = "",
        layers: list[Layer] | None = None,
        layer: int = 0,
        names: list[str] | None = None,
    ) -> None:
        self.__dict__ = {
            "references": [] if references is None else references,
            "manifest_digest": manifest_digest,
            "config_digest": config_digest,
            "layers": [] if layers is None else layers,
            "layer": layer,
            "names": [] if names is None else names,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "references": [],
            "manifest_digest": "",
            "config_digest": "",
            "layers": [],
            "layer": 0,
            "names": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "references": betterproto2.field(1, "string", repeated=True),
            "manifest_digest": betterproto2.field(2, "string"),
            "config_digest": betterproto2.field(3, "string"),
            "layers": betterproto2.field(4, "message", repeated=True),
            "layer": betterproto2.field(5, "uint32"),
            "names": betterproto2.field(6, "string", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.references
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.manifest_digest
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.config_digest
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.layers
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.layer
        if v:
            a(b'(' + vu32(v))
        v = self.names
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
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
                    raise past_end(self, "references")
                self.references.append(text(b, p, q))
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "manifest_digest")
                self.manifest_digest = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "config_digest")
                self.config_digest = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "layers")
                x = Layer._blank()
                x._merge(b, p, q)
                self.layers.append(x)
                p = q
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.layer = x & 0xFFFFFFFF
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "names")
                self.names.append(text(b, p, q))
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6,)))
        if p != n:
            raise past_end(self, "its last field")


class Layer(Message):
    media_type: "str"
    digest: "str"
    size: "int"
    annotations: "dict[str, str]"
    diff_id: "str"
    chain_id: "str"

    def __init__(
        self,
        *,
        media_type: str = "",
        digest: str = "",
        size: int = 0,
        annotations: dict[str, str] | None = None,
        diff_id: str = "",
        chain_id: str = "",
    ) -> None:
        self.__dict__ = {
            "media_type": media_type,
            "digest": digest,
            "size": size,
            "annotations": {} if annotations is None else annotations,
            "diff_id": diff_id,
            "chain_id": chain_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "media_type": "",
            "digest": "",
            "size": 0,
            "annotations": {},
            "diff_id": "",
            "chain_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "media_type": betterproto2.field(1, "string"),
            "digest": betterproto2.field(2, "string"),
            "size": betterproto2.field(3, "int64"),
            "annotations": betterproto2.field(4, "map", map_meta=betterproto2.map_meta("string", "string")),
            "diff_id": betterproto2.field(5, "string"),
            "chain_id": betterproto2.field(6, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.media_type
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.digest
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.size
        if v:
            a(b'\x18' + vs(v))
        v = self.annotations
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'"' + (VI[n] if n < 16384 else vi(n)))
                a(e)
        v = self.diff_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.chain_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
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
                    raise past_end(self, "media_type")
                self.media_type = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "digest")
                self.digest = text(b, p, q)
                p = q
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.size = s64(x)
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "annotations")
                k, r = entry(b, p, q)
                x = text(b, *r[-1]) if r else ""
                self.annotations[k] = x
                p = q
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "diff_id")
                self.diff_id = text(b, p, q)
                p = q
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "chain_id")
                self.chain_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6,)))
        if p != n:
            raise past_end(self, "its last field")


class PullsBase(_ServiceBase):
    __service__ = "argosy.pull.v1.Pulls"
    __methods__ = (
        Method("Get", "get", Cardinality.UNARY_UNARY, GetRequest, GetResponse),
    )

    async def get(self, request: GetRequest) -> GetResponse:
        raise unimplemented("argosy.pull.v1.Pulls", "Get")


class PullsStub(_ServiceStub):
    __service__ = "argosy.pull.v1.Pulls"

    async def get(self, request: GetRequest, **options: Unpack[_Options]) -> GetResponse:
        return await self._unary("/argosy.pull.v1.Pulls/Get", request, GetResponse, options)
