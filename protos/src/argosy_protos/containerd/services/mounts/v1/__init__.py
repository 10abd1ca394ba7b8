"""Mounts: mounts held by the daemon.

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
    "ActivateRequest",
    "ActivateResponse",
    "DeactivateRequest",
    "InfoRequest",
    "InfoResponse",
    "ListMessage",
    "ListRequest",
    "MountsBase",
    "MountsStub",
    "UpdateRequest",
    "UpdateResponse",
)

class ActivateRequest(Message):
    name: "str"
    mounts: "list[containerd__types.Mount]"
    labels: "dict[str, str]"
    temporary: "bool"

    def __init__(
        self,
        *,
        name: str = "",
        mounts: list[containerd__types.Mount] | None = None,
        labels: dict[str, str] | None = None,
        temporary: bool = False,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "mounts": [] if mounts is None else mounts,
            "labels": {} if labels is None else labels,
            "temporary": temporary,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "mounts": [],
            "labels": {},
            "temporary": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "mounts": betterproto2.field(2, "message", repeated=True),
            "labels": betterproto2.field(3, "map", map_meta=betterproto2.map_meta("string", "string")),
            "temporary": betterproto2.field(4, "bool"),
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
        v = self.mounts
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.labels
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
                a(e)
        v = self.temporary
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
                    raise past_end(self, "labels")
                k, r = entry(b, p, q)
                x = text(b, *r[-1]) if r else ""
                self.labels[k] = x
                p = q
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.temporary = x != 0
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class ActivateResponse(Message):
    info: "containerd__types.ActivationInfo | None"

    def __init__(
        self,
        *,
        info: containerd__types.ActivationInfo | None = None,
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
                    x = self.info = containerd__types.ActivationInfo._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class DeactivateRequest(Message):
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


class InfoRequest(Message):
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


class InfoResponse(Message):
    info: "containerd__types.ActivationInfo | None"

    def __init__(
        self,
        *,
        info: containerd__types.ActivationInfo | None = None,
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
                    x = self.info = containerd__types.ActivationInfo._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class UpdateRequest(Message):
    info: "containerd__types.ActivationInfo | None"
    update_mask: "google__protobuf.FieldMask | None"

    def __init__(
        self,
        *,
        info: containerd__types.ActivationInfo | None = None,
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
                    x = self.info = containerd__types.ActivationInfo._blank()
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
    info: "containerd__types.ActivationInfo | None"

    def __init__(
        self,
        *,
        info: containerd__types.ActivationInfo | None = None,
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
                    x = self.info = containerd__types.ActivationInfo._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListRequest(Message):
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


class ListMessage(Message):
    info: "containerd__types.ActivationInfo | None"

    def __init__(
        self,
        *,
        info: containerd__types.ActivationInfo | None = None,
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
                    x = self.info = containerd__types.ActivationInfo._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class MountsBase(_ServiceBase):
    __service__ = "containerd.services.mounts.v1.Mounts"
    __methods__ = (
        Method("Activate", "activate", Cardinality.UNARY_UNARY, ActivateRequest, ActivateResponse),
        Method("Deactivate", "deactivate", Cardinality.UNARY_UNARY, DeactivateRequest, google__protobuf.Empty),
        Method("Info", "info", Cardinality.UNARY_UNARY, InfoRequest, InfoResponse),
        Method("Update", "update", Cardinality.UNARY_UNARY, UpdateRequest, UpdateResponse),
        Method("List", "list", Cardinality.UNARY_STREAM, ListRequest, ListMessage),
    )

    async def activate(self, request: ActivateRequest) -> ActivateResponse:
        raise unimplemented("containerd.services.mounts.v1.Mounts", "Activate")

    async def deactivate(self, request: DeactivateRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.mounts.v1.Mounts", "Deactivate")

    async def info(self, request: InfoRequest) -> InfoResponse:
        raise unimplemented("containerd.services.mounts.v1.Mounts", "Info")

    async def update(self, request: UpdateRequest) -> UpdateResponse:
        raise unimplemented("containerd.services.mounts.v1.Mounts", "Update")

    async def list(self, request: ListRequest) -> AsyncIterator[ListMessage]:
        raise unimplemented("containerd.services.mounts.v1.Mounts", "List")
        yield


class MountsStub(_ServiceStub):
    __service__ = "containerd.services.mounts.v1.Mounts"

    async def activate(self, request: ActivateRequest, **options: Unpack[_Options]) -> ActivateResponse:
        return await self._unary("/containerd.services.mounts.v1.Mounts/Activate", request, ActivateResponse, options)

    async def deactivate(self, request: DeactivateRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.mounts.v1.Mounts/Deactivate", request, google__protobuf.Empty, options)

    async def info(self, request: InfoRequest, **options: Unpack[_Options]) -> InfoResponse:
        return await self._unary("/containerd.services.mounts.v1.Mounts/Info", request, InfoResponse, options)

    async def update(self, request: UpdateRequest, **options: Unpack[_Options]) -> UpdateResponse:
        return await self._unary("/containerd.services.mounts.v1.Mounts/Update", request, UpdateResponse, options)

    def list(self, request: ListRequest, **options: Unpack[_Options]) -> AsyncIterator[ListMessage]:
        return self._stream("/containerd.services.mounts.v1.Mounts/List", request, ListMessage, options)
