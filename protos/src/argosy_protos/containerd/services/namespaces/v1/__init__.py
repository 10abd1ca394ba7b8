"""Namespaces: the first part of every name.

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
from argosy_protos._wire import VI, entry, past_end, rv, text, unknown, vi

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options

new = object.__new__

__all__ = (
    "CreateNamespaceRequest",
    "CreateNamespaceResponse",
    "DeleteNamespaceRequest",
    "GetNamespaceRequest",
    "GetNamespaceResponse",
    "ListNamespacesRequest",
    "ListNamespacesResponse",
    "Namespace",
    "NamespacesBase",
    "NamespacesStub",
    "UpdateNamespaceRequest",
    "UpdateNamespaceResponse",
)

class Namespace(Message):
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


class GetNamespaceRequest(Message):
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


class GetNamespaceResponse(Message):
    namespace: "Namespace | None"

    def __init__(
        self,
        *,
        namespace: Namespace | None = None,
    ) -> None:
        self.__dict__ = {
            "namespace": namespace,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "namespace": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "namespace": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.namespace
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
                    raise past_end(self, "namespace")
                x = self.namespace
                if x is None:
                    x = self.namespace = Namespace._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListNamespacesRequest(Message):
    filter: "str"

    def __init__(
        self,
        *,
        filter: str = "",
    ) -> None:
        self.__dict__ = {
            "filter": filter,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "filter": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "filter": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.filter
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
                    raise past_end(self, "filter")
                self.filter = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListNamespacesResponse(Message):
    namespaces: "list[Namespace]"

    def __init__(
        self,
        *,
        namespaces: list[Namespace] | None = None,
    ) -> None:
        self.__dict__ = {
            "namespaces": [] if namespaces is None else namespaces,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "namespaces": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "namespaces": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.namespaces
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
                    raise past_end(self, "namespaces")
                x = Namespace._blank()
                x._merge(b, p, q)
                self.namespaces.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class CreateNamespaceRequest(Message):
    namespace: "Namespace | None"

    def __init__(
        self,
        *,
        namespace: Namespace | None = None,
    ) -> None:
        self.__dict__ = {
            "namespace": namespace,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "namespace": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "namespace": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.namespace
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
                    raise past_end(self, "namespace")
                x = self.namespace
                if x is None:
                    x = self.namespace = Namespace._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class CreateNamespaceResponse(Message):
    namespace: "Namespace | None"

    def __init__(
        self,
        *,
        namespace: Namespace | None = None,
    ) -> None:
        self.__dict__ = {
            "namespace": namespace,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "namespace": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "namespace": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.namespace
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
                    raise past_end(self, "namespace")
                x = self.namespace
                if x is None:
                    x = self.namespace = Namespace._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class UpdateNamespaceRequest(Message):
    namespace: "Namespace | None"
    update_mask: "google__protobuf.FieldMask | None"

    def __init__(
        self,
        *,
        namespace: Namespace | None = None,
        update_mask: google__protobuf.FieldMask | None = None,
    ) -> None:
        self.__dict__ = {
            "namespace": namespace,
            "update_mask": update_mask,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "namespace": None,
            "update_mask": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "namespace": betterproto2.field(1, "message"),
            "update_mask": betterproto2.field(2, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.namespace
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
                    raise past_end(self, "namespace")
                x = self.namespace
                if x is None:
                    x = self.namespace = Namespace._blank()
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


class UpdateNamespaceResponse(Message):
    namespace: "Namespace | None"

    def __init__(
        self,
        *,
        namespace: Namespace | None = None,
    ) -> None:
        self.__dict__ = {
            "namespace": namespace,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "namespace": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "namespace": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.namespace
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
                    raise past_end(self, "namespace")
                x = self.namespace
                if x is None:
                    x = self.namespace = Namespace._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class DeleteNamespaceRequest(Message):
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


class NamespacesBase(_ServiceBase):
    __service__ = "containerd.services.namespaces.v1.Namespaces"
    __methods__ = (
        Method("Get", "get", Cardinality.UNARY_UNARY, GetNamespaceRequest, GetNamespaceResponse),
        Method("List", "list", Cardinality.UNARY_UNARY, ListNamespacesRequest, ListNamespacesResponse),
        Method("Create", "create", Cardinality.UNARY_UNARY, CreateNamespaceRequest, CreateNamespaceResponse),
        Method("Update", "update", Cardinality.UNARY_UNARY, UpdateNamespaceRequest, UpdateNamespaceResponse),
        Method("Delete", "delete", Cardinality.UNARY_UNARY, DeleteNamespaceRequest, google__protobuf.Empty),
    )

    async def get(self, request: GetNamespaceRequest) -> GetNamespaceResponse:
        raise unimplemented("containerd.services.namespaces.v1.Namespaces", "Get")

    async def list(self, request: ListNamespacesRequest) -> ListNamespacesResponse:
        raise unimplemented("containerd.services.namespaces.v1.Namespaces", "List")

    async def create(self, request: CreateNamespaceRequest) -> CreateNamespaceResponse:
        raise unimplemented("containerd.services.namespaces.v1.Namespaces", "Create")

    async def update(self, request: UpdateNamespaceRequest) -> UpdateNamespaceResponse:
        raise unimplemented("containerd.services.namespaces.v1.Namespaces", "Update")

    async def delete(self, request: DeleteNamespaceRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.namespaces.v1.Namespaces", "Delete")


class NamespacesStub(_ServiceStub):
    __service__ = "containerd.services.namespaces.v1.Namespaces"

    async def get(self, request: GetNamespaceRequest, **options: Unpack[_Options]) -> GetNamespaceResponse:
        return await self._unary("/containerd.services.namespaces.v1.Namespaces/Get", request, GetNamespaceResponse, options)

    async def list(self, request: ListNamespacesRequest, **options: Unpack[_Options]) -> ListNamespacesResponse:
        return await self._unary("/containerd.services.namespaces.v1.Namespaces/List", request, ListNamespacesResponse, options)

    async def create(self, request: CreateNamespaceRequest, **options: Unpack[_Options]) -> CreateNamespaceResponse:
        return await self._unary("/containerd.services.namespaces.v1.Namespaces/Create", request, CreateNamespaceResponse, options)

    async def update(self, request: UpdateNamespaceRequest, **options: Unpack[_Options]) -> UpdateNamespaceResponse:
        return await self._unary("/containerd.services.namespaces.v1.Namespaces/Update", request, UpdateNamespaceResponse, options)

    async def delete(self, request: DeleteNamespaceRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.namespaces.v1.Namespaces/Delete", request, google__protobuf.Empty, options)
