"""Content: blobs by digest, and ingests by ref.

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
from argosy_protos._wire import VI, entry, past_end, rv, s32, s64, text, unknown, vi, vs, vs32

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options
    from argosy_protos._typing import Stream as _Stream

new = object.__new__

__all__ = (
    "AbortRequest",
    "ContentBase",
    "ContentStub",
    "DeleteContentRequest",
    "Info",
    "InfoRequest",
    "InfoResponse",
    "ListContentRequest",
    "ListContentResponse",
    "ListStatusesRequest",
    "ListStatusesResponse",
    "ReadContentRequest",
    "ReadContentResponse",
    "Status",
    "StatusRequest",
    "StatusResponse",
    "UpdateRequest",
    "UpdateResponse",
    "WriteAction",
    "WriteContentRequest",
    "WriteContentResponse",
)

class WriteAction(betterproto2.Enum):
    STAT = 0
    WRITE = 1
    COMMIT = 2


class Info(Message):
    digest: "str"
    size: "int"
    created_at: "google__protobuf.Timestamp | None"
    updated_at: "google__protobuf.Timestamp | None"
    labels: "dict[str, str]"

    def __init__(
        self,
        *,
        digest: str = "",
        size: int = 0,
        created_at: google__protobuf.Timestamp | None = None,
        updated_at: google__protobuf.Timestamp | None = None,
        labels: dict[str, str] | None = None,
    ) -> None:
        self.__dict__ = {
            "digest": digest,
            "size": size,
            "created_at": created_at,
            "updated_at": updated_at,
            "labels": {} if labels is None else labels,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "digest": "",
            "size": 0,
            "created_at": None,
            "updated_at": None,
            "labels": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "digest": betterproto2.field(1, "string"),
            "size": betterproto2.field(2, "int64"),
            "created_at": betterproto2.field(3, "message"),
            "updated_at": betterproto2.field(4, "message"),
            "labels": betterproto2.field(5, "map", map_meta=betterproto2.map_meta("string", "string")),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.digest
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.size
        if v:
            a(b'\x10' + vs(v))
        v = self.created_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.updated_at
        if v is not None:
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
                    raise past_end(self, "digest")
                self.digest = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.size = s64(x)
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "created_at")
                x = self.created_at
                if x is None:
                    x = self.created_at = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "updated_at")
                x = self.updated_at
                if x is None:
                    x = self.updated_at = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5,)))
        if p != n:
            raise past_end(self, "its last field")


class InfoRequest(Message):
    digest: "str"

    def __init__(
        self,
        *,
        digest: str = "",
    ) -> None:
        self.__dict__ = {
            "digest": digest,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "digest": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "digest": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.digest
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
                    raise past_end(self, "digest")
                self.digest = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class InfoResponse(Message):
    info: "Info | None"

    def __init__(
        self,
        *,
        info: Info | None = None,
    ) -> None:
        self.__dict__ = {
            "info": info,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "info": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "info": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.info
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
                    raise past_end(self, "info")
                x = self.info
                if x is None:
                    x = self.info = Info._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class UpdateRequest(Message):
    info: "Info | None"
    update_mask: "google__protobuf.FieldMask | None"

    def __init__(
        self,
        *,
        info: Info | None = None,
        update_mask: google__protobuf.FieldMask | None = None,
    ) -> None:
        self.__dict__ = {
            "info": info,
            "update_mask": update_mask,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "info": None,
            "update_mask": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "info": betterproto2.field(1, "message"),
            "update_mask": betterproto2.field(2, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.info
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.update_mask
        if v is not None:
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
                    raise past_end(self, "info")
                x = self.info
                if x is None:
                    x = self.info = Info._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "update_mask")
                x = self.update_mask
                if x is None:
                    x = self.update_mask = google__protobuf.FieldMask._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class UpdateResponse(Message):
    info: "Info | None"

    def __init__(
        self,
        *,
        info: Info | None = None,
    ) -> None:
        self.__dict__ = {
            "info": info,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "info": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "info": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.info
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
                    raise past_end(self, "info")
                x = self.info
                if x is None:
                    x = self.info = Info._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListContentRequest(Message):
    filters: "list[str]"

    def __init__(
        self,
        *,
        filters: list[str] | None = None,
    ) -> None:
        self.__dict__ = {
            "filters": [] if filters is None else filters,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "filters": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "filters": betterproto2.field(1, "string", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.filters
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
                    raise past_end(self, "filters")
                self.filters.append(text(b, p, q))
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListContentResponse(Message):
    info: "list[Info]"

    def __init__(
        self,
        *,
        info: list[Info] | None = None,
    ) -> None:
        self.__dict__ = {
            "info": [] if info is None else info,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "info": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "info": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.info
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
                    raise past_end(self, "info")
                x = Info._blank()
                x._merge(b, p, q)
                self.info.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class DeleteContentRequest(Message):
    digest: "str"

    def __init__(
        self,
        *,
        digest: str = "",
    ) -> None:
        self.__dict__ = {
            "digest": digest,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "digest": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "digest": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.digest
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
                    raise past_end(self, "digest")
                self.digest = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ReadContentRequest(Message):
    digest: "str"
    offset: "int"
    size: "int"

    def __init__(
        self,
        *,
        digest: str = "",
        offset: int = 0,
        size: int = 0,
    ) -> None:
        self.__dict__ = {
            "digest": digest,
            "offset": offset,
            "size": size,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "digest": "",
            "offset": 0,
            "size": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "digest": betterproto2.field(1, "string"),
            "offset": betterproto2.field(2, "int64"),
            "size": betterproto2.field(3, "int64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.digest
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.offset
        if v:
            a(b'\x10' + vs(v))
        v = self.size
        if v:
            a(b'\x18' + vs(v))
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
                    raise past_end(self, "digest")
                self.digest = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.offset = s64(x)
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.size = s64(x)
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class ReadContentResponse(Message):
    offset: "int"
    data: "bytes"

    def __init__(
        self,
        *,
        offset: int = 0,
        data: bytes = b"",
    ) -> None:
        self.__dict__ = {
            "offset": offset,
            "data": data,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "offset": 0,
            "data": b"",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "offset": betterproto2.field(1, "int64"),
            "data": betterproto2.field(2, "bytes"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.offset
        if v:
            a(b'\x08' + vs(v))
        v = self.data
        if v:
            e = v
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
                self.offset = s64(x)
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "data")
                self.data = b[p:q]
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class Status(Message):
    started_at: "google__protobuf.Timestamp | None"
    updated_at: "google__protobuf.Timestamp | None"
    ref: "str"
    offset: "int"
    total: "int"
    expected: "str"

    def __init__(
        self,
        *,
        started_at: google__protobuf.Timestamp | None = None,
        updated_at: google__protobuf.Timestamp | None = None,
        ref: str = "",
        offset: int = 0,
        total: int = 0,
        expected: str = "",
    ) -> None:
        self.__dict__ = {
            "started_at": started_at,
            "updated_at": updated_at,
            "ref": ref,
            "offset": offset,
            "total": total,
            "expected": expected,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "started_at": None,
            "updated_at": None,
            "ref": "",
            "offset": 0,
            "total": 0,
            "expected": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "started_at": betterproto2.field(1, "message"),
            "updated_at": betterproto2.field(2, "message"),
            "ref": betterproto2.field(3, "string"),
            "offset": betterproto2.field(4, "int64"),
            "total": betterproto2.field(5, "int64"),
            "expected": betterproto2.field(6, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.started_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.updated_at
        if v is not None:
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
        v = self.offset
        if v:
            a(b' ' + vs(v))
        v = self.total
        if v:
            a(b'(' + vs(v))
        v = self.expected
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
                    raise past_end(self, "started_at")
                x = self.started_at
                if x is None:
                    x = self.started_at = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "updated_at")
                x = self.updated_at
                if x is None:
                    x = self.updated_at = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
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
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.offset = s64(x)
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total = s64(x)
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "expected")
                self.expected = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6,)))
        if p != n:
            raise past_end(self, "its last field")


class StatusRequest(Message):
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


class StatusResponse(Message):
    status: "Status | None"

    def __init__(
        self,
        *,
        status: Status | None = None,
    ) -> None:
        self.__dict__ = {
            "status": status,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "status": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "status": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.status
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
                    raise past_end(self, "status")
                x = self.status
                if x is None:
                    x = self.status = Status._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListStatusesRequest(Message):
    filters: "list[str]"

    def __init__(
        self,
        *,
        filters: list[str] | None = None,
    ) -> None:
        self.__dict__ = {
            "filters": [] if filters is None else filters,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "filters": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "filters": betterproto2.field(1, "string", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.filters
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
                    raise past_end(self, "filters")
                self.filters.append(text(b, p, q))
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListStatusesResponse(Message):
    statuses: "list[Status]"

    def __init__(
        self,
        *,
        statuses: list[Status] | None = None,
    ) -> None:
        self.__dict__ = {
            "statuses": [] if statuses is None else statuses,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "statuses": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "statuses": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.statuses
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
                    raise past_end(self, "statuses")
                x = Status._blank()
                x._merge(b, p, q)
                self.statuses.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class WriteContentRequest(Message):
    action: "WriteAction"
    ref: "str"
    total: "int"
    expected: "str"
    offset: "int"
    data: "bytes"
    labels: "dict[str, str]"

    def __init__(
        self,
        *,
        action: WriteAction | int = 0,
        ref: str = "",
        total: int = 0,
        expected: str = "",
        offset: int = 0,
        data: bytes = b"",
        labels: dict[str, str] | None = None,
    ) -> None:
        self.__dict__ = {
            "action": action,
            "ref": ref,
            "total": total,
            "expected": expected,
            "offset": offset,
            "data": data,
            "labels": {} if labels is None else labels,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "action": 0,
            "ref": "",
            "total": 0,
            "expected": "",
            "offset": 0,
            "data": b"",
            "labels": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "action": betterproto2.field(1, "enum", default_factory=lambda: WriteAction(0)),
            "ref": betterproto2.field(2, "string"),
            "total": betterproto2.field(3, "int64"),
            "expected": betterproto2.field(4, "string"),
            "offset": betterproto2.field(5, "int64"),
            "data": betterproto2.field(6, "bytes"),
            "labels": betterproto2.field(7, "map", map_meta=betterproto2.map_meta("string", "string")),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.action
        if v:
            a(b'\x08' + vs32(v))
        v = self.ref
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.total
        if v:
            a(b'\x18' + vs(v))
        v = self.expected
        if v:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.offset
        if v:
            a(b'(' + vs(v))
        v = self.data
        if v:
            e = v
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.labels
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b':' + (VI[n] if n < 16384 else vi(n)))
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
                self.action = WriteAction(s32(x))
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "ref")
                self.ref = text(b, p, q)
                p = q
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total = s64(x)
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "expected")
                self.expected = text(b, p, q)
                p = q
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.offset = s64(x)
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "data")
                self.data = b[p:q]
                p = q
            elif t == 58:
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7,)))
        if p != n:
            raise past_end(self, "its last field")


class WriteContentResponse(Message):
    action: "WriteAction"
    started_at: "google__protobuf.Timestamp | None"
    updated_at: "google__protobuf.Timestamp | None"
    offset: "int"
    total: "int"
    digest: "str"

    def __init__(
        self,
        *,
        action: WriteAction | int = 0,
        started_at: google__protobuf.Timestamp | None = None,
        updated_at: google__protobuf.Timestamp | None = None,
        offset: int = 0,
        total: int = 0,
        digest: str = "",
    ) -> None:
        self.__dict__ = {
            "action": action,
            "started_at": started_at,
            "updated_at": updated_at,
            "offset": offset,
            "total": total,
            "digest": digest,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "action": 0,
            "started_at": None,
            "updated_at": None,
            "offset": 0,
            "total": 0,
            "digest": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "action": betterproto2.field(1, "enum", default_factory=lambda: WriteAction(0)),
            "started_at": betterproto2.field(2, "message"),
            "updated_at": betterproto2.field(3, "message"),
            "offset": betterproto2.field(4, "int64"),
            "total": betterproto2.field(5, "int64"),
            "digest": betterproto2.field(6, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.action
        if v:
            a(b'\x08' + vs32(v))
        v = self.started_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.updated_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.offset
        if v:
            a(b' ' + vs(v))
        v = self.total
        if v:
            a(b'(' + vs(v))
        v = self.digest
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
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.action = WriteAction(s32(x))
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "started_at")
                x = self.started_at
                if x is None:
                    x = self.started_at = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "updated_at")
                x = self.updated_at
                if x is None:
                    x = self.updated_at = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.offset = s64(x)
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total = s64(x)
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "digest")
                self.digest = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6,)))
        if p != n:
            raise past_end(self, "its last field")


class AbortRequest(Message):
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


class ContentBase(_ServiceBase):
    __service__ = "containerd.services.content.v1.Content"
    __methods__ = (
        Method("Info", "info", Cardinality.UNARY_UNARY, InfoRequest, InfoResponse),
        Method("Update", "update", Cardinality.UNARY_UNARY, UpdateRequest, UpdateResponse),
        Method("List", "list", Cardinality.UNARY_STREAM, ListContentRequest, ListContentResponse),
        Method("Delete", "delete", Cardinality.UNARY_UNARY, DeleteContentRequest, google__protobuf.Empty),
        Method("Read", "read", Cardinality.UNARY_STREAM, ReadContentRequest, ReadContentResponse),
        Method("Status", "status", Cardinality.UNARY_UNARY, StatusRequest, StatusResponse),
        Method("ListStatuses", "list_statuses", Cardinality.UNARY_UNARY, ListStatusesRequest, ListStatusesResponse),
        Method("Write", "write", Cardinality.STREAM_STREAM, WriteContentRequest, WriteContentResponse),
        Method("Abort", "abort", Cardinality.UNARY_UNARY, AbortRequest, google__protobuf.Empty),
    )

    async def info(self, request: InfoRequest) -> InfoResponse:
        raise unimplemented("containerd.services.content.v1.Content", "Info")

    async def update(self, request: UpdateRequest) -> UpdateResponse:
        raise unimplemented("containerd.services.content.v1.Content", "Update")

    async def list(self, request: ListContentRequest) -> AsyncIterator[ListContentResponse]:
        raise unimplemented("containerd.services.content.v1.Content", "List")
        yield

    async def delete(self, request: DeleteContentRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.content.v1.Content", "Delete")

    async def read(self, request: ReadContentRequest) -> AsyncIterator[ReadContentResponse]:
        raise unimplemented("containerd.services.content.v1.Content", "Read")
        yield

    async def status(self, request: StatusRequest) -> StatusResponse:
        raise unimplemented("containerd.services.content.v1.Content", "Status")

    async def list_statuses(self, request: ListStatusesRequest) -> ListStatusesResponse:
        raise unimplemented("containerd.services.content.v1.Content", "ListStatuses")

    async def write(self, requests: AsyncIterator[WriteContentRequest]) -> AsyncIterator[WriteContentResponse]:
        raise unimplemented("containerd.services.content.v1.Content", "Write")
        yield

    async def abort(self, request: AbortRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.content.v1.Content", "Abort")


class ContentStub(_ServiceStub):
    __service__ = "containerd.services.content.v1.Content"

    async def info(self, request: InfoRequest, **options: Unpack[_Options]) -> InfoResponse:
        return await self._unary("/containerd.services.content.v1.Content/Info", request, InfoResponse, options)

    async def update(self, request: UpdateRequest, **options: Unpack[_Options]) -> UpdateResponse:
        return await self._unary("/containerd.services.content.v1.Content/Update", request, UpdateResponse, options)

    def list(self, request: ListContentRequest, **options: Unpack[_Options]) -> AsyncIterator[ListContentResponse]:
        return self._stream("/containerd.services.content.v1.Content/List", request, ListContentResponse, options)

    async def delete(self, request: DeleteContentRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.content.v1.Content/Delete", request, google__protobuf.Empty, options)

    def read(self, request: ReadContentRequest, **options: Unpack[_Options]) -> AsyncIterator[ReadContentResponse]:
        return self._stream("/containerd.services.content.v1.Content/Read", request, ReadContentResponse, options)

    async def status(self, request: StatusRequest, **options: Unpack[_Options]) -> StatusResponse:
        return await self._unary("/containerd.services.content.v1.Content/Status", request, StatusResponse, options)

    async def list_statuses(self, request: ListStatusesRequest, **options: Unpack[_Options]) -> ListStatusesResponse:
        return await self._unary("/containerd.services.content.v1.Content/ListStatuses", request, ListStatusesResponse, options)

    def write(self, **options: Unpack[_Options]) -> _Stream[WriteContentRequest, WriteContentResponse]:
        return self._open("/containerd.services.content.v1.Content/Write", Cardinality.STREAM_STREAM, WriteContentRequest, WriteContentResponse, options)

    async def abort(self, request: AbortRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.content.v1.Content/Abort", request, google__protobuf.Empty, options)
