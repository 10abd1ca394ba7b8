"""Layers as a differ makes them: what containerd's Diff has no words for.

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
from argosy_protos._wire import VI, entry, past_end, rv, text, unknown, vi

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options

new = object.__new__

__all__ = (
    "AuthorizeRequest",
    "AuthorizeResponse",
    "ConvertRequest",
    "ConvertResponse",
    "LayersBase",
    "LayersStub",
    "MakeRequest",
    "MakeResponse",
    "UnpackRequest",
    "UnpackResponse",
)

class MakeRequest(Message):
    left: "list[containerd__types.Mount]"
    right: "list[containerd__types.Mount]"
    media_type: "str"
    ref: "str"
    labels: "dict[str, str]"
    source_date_epoch: "google__protobuf.Timestamp | None"
    payloads: "dict[str, google__protobuf.Any]"

    def __init__(
        self,
        *,
        left: list[containerd__types.Mount] | None = None,
        right: list[containerd__types.Mount] | None = None,
        media_type: str = "",
        ref: str = "",
        labels: dict[str, str] | None = None,
        source_date_epoch: google__protobuf.Timestamp | None = None,
        payloads: dict[str, google__protobuf.Any] | None = None,
    ) -> None:
        self.__dict__ = {
            "left": [] if left is None else left,
            "right": [] if right is None else right,
            "media_type": media_type,
            "ref": ref,
            "labels": {} if labels is None else labels,
            "source_date_epoch": source_date_epoch,
            "payloads": {} if payloads is None else payloads,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "left": [],
            "right": [],
            "media_type": "",
            "ref": "",
            "labels": {},
            "source_date_epoch": None,
            "payloads": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "left": betterproto2.field(1, "message", repeated=True),
            "right": betterproto2.field(2, "message", repeated=True),
            "media_type": betterproto2.field(3, "string"),
            "ref": betterproto2.field(4, "string"),
            "labels": betterproto2.field(5, "map", map_meta=betterproto2.map_meta("string", "string")),
            "source_date_epoch": betterproto2.field(6, "message"),
            "payloads": betterproto2.field(10, "map", map_meta=betterproto2.map_meta("string", "message")),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.left
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.right
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.media_type
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.ref
        if v:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.labels
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'*' + (VI[n] if n < 16384 else vi(n)))
                a(e)
        v = self.source_date_epoch
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.payloads
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'R' + (VI[n] if n < 16384 else vi(n)))
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
                    raise past_end(self, "left")
                x = containerd__types.Mount._blank()
                x._merge(b, p, q)
                self.left.append(x)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "right")
                x = containerd__types.Mount._blank()
                x._merge(b, p, q)
                self.right.append(x)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "media_type")
                self.media_type = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "ref")
                self.ref = text(b, p, q)
                p = q
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "labels")
                k, r = entry(b, p, q)
                x = text(b, *r[-1]) if r else ""
                self.labels[k] = x
                p = q
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "source_date_epoch")
                x = self.source_date_epoch
                if x is None:
                    x = self.source_date_epoch = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "payloads")
                k, r = entry(b, p, q)
                x = google__protobuf.Any._blank()
                for i, j in r:
                    x._merge(b, i, j)
                self.payloads[k] = x
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 10,)))
        if p != n:
            raise past_end(self, "its last field")


class MakeResponse(Message):
    layer: "containerd__types.Descriptor | None"
    diff_id: "str"

    def __init__(
        self,
        *,
        layer: containerd__types.Descriptor | None = None,
        diff_id: str = "",
    ) -> None:
        self.__dict__ = {
            "layer": layer,
            "diff_id": diff_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "layer": None,
            "diff_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "layer": betterproto2.field(1, "message"),
            "diff_id": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.layer
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.diff_id
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
                    raise past_end(self, "layer")
                x = self.layer
                if x is None:
                    x = self.layer = containerd__types.Descriptor._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "diff_id")
                self.diff_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class ConvertRequest(Message):
    layer: "containerd__types.Descriptor | None"
    media_type: "str"
    ref: "str"
    labels: "dict[str, str]"
    payloads: "dict[str, google__protobuf.Any]"

    def __init__(
        self,
        *,
        layer: containerd__types.Descriptor | None = None,
        media_type: str = "",
        ref: str = "",
        labels: dict[str, str] | None = None,
        payloads: dict[str, google__protobuf.Any] | None = None,
    ) -> None:
        self.__dict__ = {
            "layer": layer,
            "media_type": media_type,
            "ref": ref,
            "labels": {} if labels is None else labels,
            "payloads": {} if payloads is None else payloads,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "layer": None,
            "media_type": "",
            "ref": "",
            "labels": {},
            "payloads": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "layer": betterproto2.field(1, "message"),
            "media_type": betterproto2.field(2, "string"),
            "ref": betterproto2.field(3, "string"),
            "labels": betterproto2.field(4, "map", map_meta=betterproto2.map_meta("string", "string")),
            "payloads": betterproto2.field(5, "map", map_meta=betterproto2.map_meta("string", "message")),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.layer
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.media_type
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.ref
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.labels
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'"' + (VI[n] if n < 16384 else vi(n)))
                a(e)
        v = self.payloads
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
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
                    raise past_end(self, "layer")
                x = self.layer
                if x is None:
                    x = self.layer = containerd__types.Descriptor._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "media_type")
                self.media_type = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "ref")
                self.ref = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "labels")
                k, r = entry(b, p, q)
                x = text(b, *r[-1]) if r else ""
                self.labels[k] = x
                p = q
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "payloads")
                k, r = entry(b, p, q)
                x = google__protobuf.Any._blank()
                for i, j in r:
                    x._merge(b, i, j)
                self.payloads[k] = x
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5,)))
        if p != n:
            raise past_end(self, "its last field")


class ConvertResponse(Message):
    layer: "containerd__types.Descriptor | None"
    diff_id: "str"
    held: "str"

    def __init__(
        self,
        *,
        layer: containerd__types.Descriptor | None = None,
        diff_id: str = "",
        held: str = "",
    ) -> None:
        self.__dict__ = {
            "layer": layer,
            "diff_id": diff_id,
            "held": held,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "layer": None,
            "diff_id": "",
            "held": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "layer": betterproto2.field(1, "message"),
            "diff_id": betterproto2.field(2, "string"),
            "held": betterproto2.field(3, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.layer
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.diff_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.held
        if v:
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
                    raise past_end(self, "layer")
                x = self.layer
                if x is None:
                    x = self.layer = containerd__types.Descriptor._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "diff_id")
                self.diff_id = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "held")
                self.held = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class AuthorizeRequest(Message):
    layers: "list[containerd__types.Descriptor]"
    payloads: "dict[str, google__protobuf.Any]"

    def __init__(
        self,
        *,
        layers: list[containerd__types.Descriptor] | None = None,
        payloads: dict[str, google__protobuf.Any] | None = None,
    ) -> None:
        self.__dict__ = {
            "layers": [] if layers is None else layers,
            "payloads": {} if payloads is None else payloads,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "layers": [],
            "payloads": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "layers": betterproto2.field(1, "message", repeated=True),
            "payloads": betterproto2.field(2, "map", map_meta=betterproto2.map_meta("string", "message")),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.layers
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.payloads
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
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
                    raise past_end(self, "layers")
                x = containerd__types.Descriptor._blank()
                x._merge(b, p, q)
                self.layers.append(x)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "payloads")
                k, r = entry(b, p, q)
                x = google__protobuf.Any._blank()
                for i, j in r:
                    x._merge(b, i, j)
                self.payloads[k] = x
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class AuthorizeResponse(Message):

    def __init__(
        self,
    ) -> None:
        self.__dict__ = {
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            p = unknown(self, b, p, t, n, frozenset())
        if p != n:
            raise past_end(self, "its last field")


class UnpackRequest(Message):
    ref: "str"
    layer: "containerd__types.Descriptor | None"
    mounts: "list[containerd__types.Mount]"

    def __init__(
        self,
        *,
        ref: str = "",
        layer: containerd__types.Descriptor | None = None,
        mounts: list[containerd__types.Mount] | None = None,
    ) -> None:
        self.__dict__ = {
            "ref": ref,
            "layer": layer,
            "mounts": [] if mounts is None else mounts,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "ref": "",
            "layer": None,
            "mounts": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "ref": betterproto2.field(1, "string"),
            "layer": betterproto2.field(2, "message"),
            "mounts": betterproto2.field(3, "message", repeated=True),
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
        v = self.layer
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.mounts
        for x in v:
            e = x.encode()
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
                    raise past_end(self, "ref")
                self.ref = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "layer")
                x = self.layer
                if x is None:
                    x = self.layer = containerd__types.Descriptor._blank()
                x._merge(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "mounts")
                x = containerd__types.Mount._blank()
                x._merge(b, p, q)
                self.mounts.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class UnpackResponse(Message):
    applied: "containerd__types.Descriptor | None"

    def __init__(
        self,
        *,
        applied: containerd__types.Descriptor | None = None,
    ) -> None:
        self.__dict__ = {
            "applied": applied,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "applied": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "applied": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.applied
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
                    raise past_end(self, "applied")
                x = self.applied
                if x is None:
                    x = self.applied = containerd__types.Descriptor._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class LayersBase(_ServiceBase):
    __service__ = "argosy.diff.v1.Layers"
    __methods__ = (
        Method("Make", "make", Cardinality.UNARY_UNARY, MakeRequest, MakeResponse),
        Method("Convert", "convert", Cardinality.UNARY_UNARY, ConvertRequest, ConvertResponse),
        Method("Authorize", "authorize", Cardinality.UNARY_UNARY, AuthorizeRequest, AuthorizeResponse),
        Method("Unpack", "unpack", Cardinality.UNARY_UNARY, UnpackRequest, UnpackResponse),
    )

    async def make(self, request: MakeRequest) -> MakeResponse:
        raise unimplemented("argosy.diff.v1.Layers", "Make")

    async def convert(self, request: ConvertRequest) -> ConvertResponse:
        raise unimplemented("argosy.diff.v1.Layers", "Convert")

    async def authorize(self, request: AuthorizeRequest) -> AuthorizeResponse:
        raise unimplemented("argosy.diff.v1.Layers", "Authorize")

    async def unpack(self, request: UnpackRequest) -> UnpackResponse:
        raise unimplemented("argosy.diff.v1.Layers", "Unpack")


class LayersStub(_ServiceStub):
    __service__ = "argosy.diff.v1.Layers"

    async def make(self, request: MakeRequest, **options: Unpack[_Options]) -> MakeResponse:
        return await self._unary("/argosy.diff.v1.Layers/Make", request, MakeResponse, options)

    async def convert(self, request: ConvertRequest, **options: Unpack[_Options]) -> ConvertResponse:
        return await self._unary("/argosy.diff.v1.Layers/Convert", request, ConvertResponse, options)

    async def authorize(self, request: AuthorizeRequest, **options: Unpack[_Options]) -> AuthorizeResponse:
        return await self._unary("/argosy.diff.v1.Layers/Authorize", request, AuthorizeResponse, options)

    async def unpack(self, request: UnpackRequest, **options: Unpack[_Options]) -> UnpackResponse:
        return await self._unary("/argosy.diff.v1.Layers/Unpack", request, UnpackResponse, options)
