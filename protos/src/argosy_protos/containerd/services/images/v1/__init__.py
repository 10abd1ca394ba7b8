"""Images: a name and the content it points at.

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
    "CreateImageRequest",
    "CreateImageResponse",
    "DeleteImageRequest",
    "GetImageRequest",
    "GetImageResponse",
    "Image",
    "ImageCreate",
    "ImageDelete",
    "ImageUpdate",
    "ImagesBase",
    "ImagesStub",
    "ListImagesRequest",
    "ListImagesResponse",
    "UpdateImageRequest",
    "UpdateImageResponse",
)

class ImageCreate(Message):
    name: "str"
    labels: "dict[str, str]"

    def __init__(
        self,
        *,
        name: str = "",
        labels: dict[str, str] | None = None,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "labels": {} if labels is None else labels,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "labels": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "labels": betterproto2.field(2, "map", map_meta=betterproto2.map_meta("string", "string")),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.name
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.labels
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
                    raise past_end(self, "name")
                self.name = text(b, p, q)
                p = q
            elif t == 18:
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
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class ImageUpdate(Message):
    name: "str"
    labels: "dict[str, str]"

    def __init__(
        self,
        *,
        name: str = "",
        labels: dict[str, str] | None = None,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "labels": {} if labels is None else labels,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "labels": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "labels": betterproto2.field(2, "map", map_meta=betterproto2.map_meta("string", "string")),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.name
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.labels
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
                    raise past_end(self, "name")
                self.name = text(b, p, q)
                p = q
            elif t == 18:
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
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class ImageDelete(Message):
    name: "str"

    def __init__(
        self,
        *,
        name: str = "",
    ) -> None:
        self.__dict__ = {
            "name": name,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.name
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
                    raise past_end(self, "name")
                self.name = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class Image(Message):
    name: "str"
    labels: "dict[str, str]"
    target: "containerd__types.Descriptor | None"
    created_at: "google__protobuf.Timestamp | None"
    updated_at: "google__protobuf.Timestamp | None"

    def __init__(
        self,
        *,
        name: str = "",
        labels: dict[str, str] | None = None,
        target: containerd__types.Descriptor | None = None,
        created_at: google__protobuf.Timestamp | None = None,
        updated_at: google__protobuf.Timestamp | None = None,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "labels": {} if labels is None else labels,
            "target": target,
            "created_at": created_at,
            "updated_at": updated_at,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "labels": {},
            "target": None,
            "created_at": None,
            "updated_at": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "labels": betterproto2.field(2, "map", map_meta=betterproto2.map_meta("string", "string")),
            "target": betterproto2.field(3, "message"),
            "created_at": betterproto2.field(7, "message"),
            "updated_at": betterproto2.field(8, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.name
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.labels
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
                a(e)
        v = self.target
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.created_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.updated_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'B' + (VI[n] if n < 16384 else vi(n)))
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
                    raise past_end(self, "name")
                self.name = text(b, p, q)
                p = q
            elif t == 18:
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
            elif t == 58:
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
            elif t == 66:
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 7, 8,)))
        if p != n:
            raise past_end(self, "its last field")


class GetImageRequest(Message):
    name: "str"

    def __init__(
        self,
        *,
        name: str = "",
    ) -> None:
        self.__dict__ = {
            "name": name,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.name
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
                    raise past_end(self, "name")
                self.name = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class GetImageResponse(Message):
    image: "Image | None"

    def __init__(
        self,
        *,
        image: Image | None = None,
    ) -> None:
        self.__dict__ = {
            "image": image,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "image": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "image": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.image
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
                    raise past_end(self, "image")
                x = self.image
                if x is None:
                    x = self.image = Image._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class CreateImageRequest(Message):
    image: "Image | None"
    source_date_epoch: "google__protobuf.Timestamp | None"

    def __init__(
        self,
        *,
        image: Image | None = None,
        source_date_epoch: google__protobuf.Timestamp | None = None,
    ) -> None:
        self.__dict__ = {
            "image": image,
            "source_date_epoch": source_date_epoch,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "image": None,
            "source_date_epoch": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "image": betterproto2.field(1, "message"),
            "source_date_epoch": betterproto2.field(2, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.image
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.source_date_epoch
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
                    raise past_end(self, "image")
                x = self.image
                if x is None:
                    x = self.image = Image._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
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
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class CreateImageResponse(Message):
    image: "Image | None"

    def __init__(
        self,
        *,
        image: Image | None = None,
    ) -> None:
        self.__dict__ = {
            "image": image,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "image": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "image": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.image
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
                    raise past_end(self, "image")
                x = self.image
                if x is None:
                    x = self.image = Image._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class UpdateImageRequest(Message):
    image: "Image | None"
    update_mask: "google__protobuf.FieldMask | None"
    source_date_epoch: "google__protobuf.Timestamp | None"

    def __init__(
        self,
        *,
        image: Image | None = None,
        update_mask: google__protobuf.FieldMask | None = None,
        source_date_epoch: google__protobuf.Timestamp | None = None,
    ) -> None:
        self.__dict__ = {
            "image": image,
            "update_mask": update_mask,
            "source_date_epoch": source_date_epoch,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "image": None,
            "update_mask": None,
            "source_date_epoch": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "image": betterproto2.field(1, "message"),
            "update_mask": betterproto2.field(2, "message"),
            "source_date_epoch": betterproto2.field(3, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.image
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
        v = self.source_date_epoch
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
                    raise past_end(self, "image")
                x = self.image
                if x is None:
                    x = self.image = Image._blank()
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
            elif t == 26:
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
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class UpdateImageResponse(Message):
    image: "Image | None"

    def __init__(
        self,
        *,
        image: Image | None = None,
    ) -> None:
        self.__dict__ = {
            "image": image,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "image": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "image": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.image
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
                    raise past_end(self, "image")
                x = self.image
                if x is None:
                    x = self.image = Image._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListImagesRequest(Message):
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


class ListImagesResponse(Message):
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


class DeleteImageRequest(Message):
    name: "str"
    sync: "bool"
    target: "containerd__types.Descriptor | None"

    def __init__(
        self,
        *,
        name: str = "",
        sync: bool = False,
        target: containerd__types.Descriptor | None = None,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "sync": sync,
            "target": target,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "sync": False,
            "target": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "sync": betterproto2.field(2, "bool"),
            "target": betterproto2.field(3, "message", optional=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.name
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.sync
        if v:
            a(b'\x10' + (b'\x01' if v else b'\x00'))
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
                    raise past_end(self, "name")
                self.name = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.sync = x != 0
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


class ImagesBase(_ServiceBase):
    __service__ = "containerd.services.images.v1.Images"
    __methods__ = (
        Method("Get", "get", Cardinality.UNARY_UNARY, GetImageRequest, GetImageResponse),
        Method("List", "list", Cardinality.UNARY_UNARY, ListImagesRequest, ListImagesResponse),
        Method("Create", "create", Cardinality.UNARY_UNARY, CreateImageRequest, CreateImageResponse),
        Method("Update", "update", Cardinality.UNARY_UNARY, UpdateImageRequest, UpdateImageResponse),
        Method("Delete", "delete", Cardinality.UNARY_UNARY, DeleteImageRequest, google__protobuf.Empty),
    )

    async def get(self, request: GetImageRequest) -> GetImageResponse:
        raise unimplemented("containerd.services.images.v1.Images", "Get")

    async def list(self, request: ListImagesRequest) -> ListImagesResponse:
        raise unimplemented("containerd.services.images.v1.Images", "List")

    async def create(self, request: CreateImageRequest) -> CreateImageResponse:
        raise unimplemented("containerd.services.images.v1.Images", "Create")

    async def update(self, request: UpdateImageRequest) -> UpdateImageResponse:
        raise unimplemented("containerd.services.images.v1.Images", "Update")

    async def delete(self, request: DeleteImageRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.images.v1.Images", "Delete")


class ImagesStub(_ServiceStub):
    __service__ = "containerd.services.images.v1.Images"

    async def get(self, request: GetImageRequest, **options: Unpack[_Options]) -> GetImageResponse:
        return await self._unary("/containerd.services.images.v1.Images/Get", request, GetImageResponse, options)

    async def list(self, request: ListImagesRequest, **options: Unpack[_Options]) -> ListImagesResponse:
        return await self._unary("/containerd.services.images.v1.Images/List", request, ListImagesResponse, options)

    async def create(self, request: CreateImageRequest, **options: Unpack[_Options]) -> CreateImageResponse:
        return await self._unary("/containerd.services.images.v1.Images/Create", request, CreateImageResponse, options)

    async def update(self, request: UpdateImageRequest, **options: Unpack[_Options]) -> UpdateImageResponse:
        return await self._unary("/containerd.services.images.v1.Images/Update", request, UpdateImageResponse, options)

    async def delete(self, request: DeleteImageRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.images.v1.Images/Delete", request, google__protobuf.Empty, options)
