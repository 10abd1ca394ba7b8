"""Diff: a layer onto mounts, and mounts into a layer.

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
    "ApplyRequest",
    "ApplyResponse",
    "DiffBase",
    "DiffRequest",
    "DiffResponse",
    "DiffStub",
)

class ApplyRequest(Message):
    diff: "containerd__types.Descriptor | None"
    mounts: "list[containerd__types.Mount]"
    payloads: "dict[str, google__protobuf.Any]"
    sync_fs: "bool"

    def __init__(
        self,
        *,
        diff: containerd__types.Descriptor | None = None,
        mounts: list[containerd__types.Mount] | None = None,
        payloads: dict[str, google__protobuf.Any] | None = None,
        sync_fs: bool = False,
    ) -> None:
        self.__dict__ = {
            "diff": diff,
            "mounts": [] if mounts is None else mounts,
            "payloads": {} if payloads is None else payloads,
            "sync_fs": sync_fs,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "diff": None,
            "mounts": [],
            "payloads": {},
            "sync_fs": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "diff": betterproto2.field(1, "message"),
            "mounts": betterproto2.field(2, "message", repeated=True),
            "payloads": betterproto2.field(3, "map", map_meta=betterproto2.map_meta("string", "message")),
            "sync_fs": betterproto2.field(4, "bool"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.diff
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.mounts
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.payloads
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
                a(e)
        v = self.sync_fs
        if v:
            a(b' ' + (b'\x01' if v else b'\x00'))
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
                    raise past_end(self, "diff")
                x = self.diff
                if x is None:
                    x = self.diff = containerd__types.Descriptor._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
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
            elif t == 26:
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
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.sync_fs = x != 0
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class ApplyResponse(Message):
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


class DiffRequest(Message):
    left: "list[containerd__types.Mount]"
    right: "list[containerd__types.Mount]"
    media_type: "str"
    ref: "str"
    labels: "dict[str, str]"
    source_date_epoch: "google__protobuf.Timestamp | None"

    def __init__(
        self,
        *,
        left: list[containerd__types.Mount] | None = None,
        right: list[containerd__types.Mount] | None = None,
        media_type: str = "",
        ref: str = "",
        labels: dict[str, str] | None = None,
        source_date_epoch: google__protobuf.Timestamp | None = None,
    ) -> None:
        self.__dict__ = {
            "left": [] if left is None else left,
            "right": [] if right is None else right,
            "media_type": media_type,
            "ref": ref,
            "labels": {} if labels is None else labels,
            "source_date_epoch": source_date_epoch,
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6,)))
        if p != n:
            raise past_end(self, "its last field")


class DiffResponse(Message):
    diff: "containerd__types.Descriptor | None"

    def __init__(
        self,
        *,
        diff: containerd__types.Descriptor | None = None,
    ) -> None:
        self.__dict__ = {
            "diff": diff,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "diff": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "diff": betterproto2.field(3, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.diff
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
            if t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "diff")
                x = self.diff
                if x is None:
                    x = self.diff = containerd__types.Descriptor._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((3,)))
        if p != n:
            raise past_end(self, "its last field")


class DiffBase(_ServiceBase):
    __service__ = "containerd.services.diff.v1.Diff"
    __methods__ = (
        Method("Apply", "apply", Cardinality.UNARY_UNARY, ApplyRequest, ApplyResponse),
        Method("Diff", "diff", Cardinality.UNARY_UNARY, DiffRequest, DiffResponse),
    )

    async def apply(self, request: ApplyRequest) -> ApplyResponse:
        raise unimplemented("containerd.services.diff.v1.Diff", "Apply")

    async def diff(self, request: DiffRequest) -> DiffResponse:
        raise unimplemented("containerd.services.diff.v1.Diff", "Diff")


class DiffStub(_ServiceStub):
    __service__ = "containerd.services.diff.v1.Diff"

    async def apply(self, request: ApplyRequest, **options: Unpack[_Options]) -> ApplyResponse:
        return await self._unary("/containerd.services.diff.v1.Diff/Apply", request, ApplyResponse, options)

    async def diff(self, request: DiffRequest, **options: Unpack[_Options]) -> DiffResponse:
        return await self._unary("/containerd.services.diff.v1.Diff/Diff", request, DiffResponse, options)
