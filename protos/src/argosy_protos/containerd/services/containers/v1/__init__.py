"""Containers: what to run, before it runs.

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
    "Container",
    "ContainerRuntime",
    "ContainersBase",
    "ContainersStub",
    "CreateContainerRequest",
    "CreateContainerResponse",
    "DeleteContainerRequest",
    "GetContainerRequest",
    "GetContainerResponse",
    "ListContainerMessage",
    "ListContainersRequest",
    "ListContainersResponse",
    "UpdateContainerRequest",
    "UpdateContainerResponse",
)

class ContainerRuntime(Message):
    name: "str"
    options: "google__protobuf.Any | None"

    def __init__(
        self,
        *,
        name: str = "",
        options: google__protobuf.Any | None = None,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "options": options,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "options": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "options": betterproto2.field(2, "message"),
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
        v = self.options
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
                    raise past_end(self, "options")
                x = self.options
                if x is None:
                    x = self.options = google__protobuf.Any._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class Container(Message):
    id: "str"
    labels: "dict[str, str]"
    image: "str"
    runtime: "ContainerRuntime | None"
    spec: "google__protobuf.Any | None"
    snapshotter: "str"
    snapshot_key: "str"
    created_at: "google__protobuf.Timestamp | None"
    updated_at: "google__protobuf.Timestamp | None"
    extensions: "dict[str, google__protobuf.Any]"
    sandbox: "str"

    def __init__(
        self,
        *,
        id: str = "",
        labels: dict[str, str] | None = None,
        image: str = "",
        runtime: ContainerRuntime | None = None,
        spec: google__protobuf.Any | None = None,
        snapshotter: str = "",
        snapshot_key: str = "",
        created_at: google__protobuf.Timestamp | None = None,
        updated_at: google__protobuf.Timestamp | None = None,
        extensions: dict[str, google__protobuf.Any] | None = None,
        sandbox: str = "",
    ) -> None:
        self.__dict__ = {
            "id": id,
            "labels": {} if labels is None else labels,
            "image": image,
            "runtime": runtime,
            "spec": spec,
            "snapshotter": snapshotter,
            "snapshot_key": snapshot_key,
            "created_at": created_at,
            "updated_at": updated_at,
            "extensions": {} if extensions is None else extensions,
            "sandbox": sandbox,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "labels": {},
            "image": "",
            "runtime": None,
            "spec": None,
            "snapshotter": "",
            "snapshot_key": "",
            "created_at": None,
            "updated_at": None,
            "extensions": {},
            "sandbox": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "labels": betterproto2.field(2, "map", map_meta=betterproto2.map_meta("string", "string")),
            "image": betterproto2.field(3, "string"),
            "runtime": betterproto2.field(4, "message"),
            "spec": betterproto2.field(5, "message"),
            "snapshotter": betterproto2.field(6, "string"),
            "snapshot_key": betterproto2.field(7, "string"),
            "created_at": betterproto2.field(8, "message"),
            "updated_at": betterproto2.field(9, "message"),
            "extensions": betterproto2.field(10, "map", map_meta=betterproto2.map_meta("string", "message")),
            "sandbox": betterproto2.field(11, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.id
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
        v = self.image
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.runtime
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.spec
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.snapshotter
        if v:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.snapshot_key
        if v:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.created_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'B' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.updated_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'J' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.extensions
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'R' + (VI[n] if n < 16384 else vi(n)))
                a(e)
        v = self.sandbox
        if v:
            e = v.encode()
            n = len(e)
            a(b'Z' + (VI[n] if n < 16384 else vi(n)))
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
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
                    raise past_end(self, "image")
                self.image = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "runtime")
                x = self.runtime
                if x is None:
                    x = self.runtime = ContainerRuntime._blank()
                x._merge(b, p, q)
                p = q
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "spec")
                x = self.spec
                if x is None:
                    x = self.spec = google__protobuf.Any._blank()
                x._merge(b, p, q)
                p = q
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "snapshot_key")
                self.snapshot_key = text(b, p, q)
                p = q
            elif t == 66:
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
            elif t == 74:
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
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "extensions")
                k, r = entry(b, p, q)
                x = google__protobuf.Any._blank()
                for i, j in r:
                    x._merge(b, i, j)
                self.extensions[k] = x
                p = q
            elif t == 90:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sandbox")
                self.sandbox = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,)))
        if p != n:
            raise past_end(self, "its last field")


class GetContainerRequest(Message):
    id: "str"

    def __init__(
        self,
        *,
        id: str = "",
    ) -> None:
        self.__dict__ = {
            "id": id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.id
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class GetContainerResponse(Message):
    container: "Container | None"

    def __init__(
        self,
        *,
        container: Container | None = None,
    ) -> None:
        self.__dict__ = {
            "container": container,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container
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
                    raise past_end(self, "container")
                x = self.container
                if x is None:
                    x = self.container = Container._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListContainersRequest(Message):
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


class ListContainersResponse(Message):
    containers: "list[Container]"

    def __init__(
        self,
        *,
        containers: list[Container] | None = None,
    ) -> None:
        self.__dict__ = {
            "containers": [] if containers is None else containers,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "containers": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "containers": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.containers
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
                    raise past_end(self, "containers")
                x = Container._blank()
                x._merge(b, p, q)
                self.containers.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class CreateContainerRequest(Message):
    container: "Container | None"

    def __init__(
        self,
        *,
        container: Container | None = None,
    ) -> None:
        self.__dict__ = {
            "container": container,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container
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
                    raise past_end(self, "container")
                x = self.container
                if x is None:
                    x = self.container = Container._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class CreateContainerResponse(Message):
    container: "Container | None"

    def __init__(
        self,
        *,
        container: Container | None = None,
    ) -> None:
        self.__dict__ = {
            "container": container,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container
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
                    raise past_end(self, "container")
                x = self.container
                if x is None:
                    x = self.container = Container._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class UpdateContainerRequest(Message):
    container: "Container | None"
    update_mask: "google__protobuf.FieldMask | None"

    def __init__(
        self,
        *,
        container: Container | None = None,
        update_mask: google__protobuf.FieldMask | None = None,
    ) -> None:
        self.__dict__ = {
            "container": container,
            "update_mask": update_mask,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container": None,
            "update_mask": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container": betterproto2.field(1, "message"),
            "update_mask": betterproto2.field(2, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container
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
                    raise past_end(self, "container")
                x = self.container
                if x is None:
                    x = self.container = Container._blank()
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


class UpdateContainerResponse(Message):
    container: "Container | None"

    def __init__(
        self,
        *,
        container: Container | None = None,
    ) -> None:
        self.__dict__ = {
            "container": container,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container
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
                    raise past_end(self, "container")
                x = self.container
                if x is None:
                    x = self.container = Container._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class DeleteContainerRequest(Message):
    id: "str"

    def __init__(
        self,
        *,
        id: str = "",
    ) -> None:
        self.__dict__ = {
            "id": id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.id
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListContainerMessage(Message):
    container: "Container | None"

    def __init__(
        self,
        *,
        container: Container | None = None,
    ) -> None:
        self.__dict__ = {
            "container": container,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container
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
                    raise past_end(self, "container")
                x = self.container
                if x is None:
                    x = self.container = Container._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ContainersBase(_ServiceBase):
    __service__ = "containerd.services.containers.v1.Containers"
    __methods__ = (
        Method("Get", "get", Cardinality.UNARY_UNARY, GetContainerRequest, GetContainerResponse),
        Method("List", "list", Cardinality.UNARY_UNARY, ListContainersRequest, ListContainersResponse),
        Method("ListStream", "list_stream", Cardinality.UNARY_STREAM, ListContainersRequest, ListContainerMessage),
        Method("Create", "create", Cardinality.UNARY_UNARY, CreateContainerRequest, CreateContainerResponse),
        Method("Update", "update", Cardinality.UNARY_UNARY, UpdateContainerRequest, UpdateContainerResponse),
        Method("Delete", "delete", Cardinality.UNARY_UNARY, DeleteContainerRequest, google__protobuf.Empty),
    )

    async def get(self, request: GetContainerRequest) -> GetContainerResponse:
        raise unimplemented("containerd.services.containers.v1.Containers", "Get")

    async def list(self, request: ListContainersRequest) -> ListContainersResponse:
        raise unimplemented("containerd.services.containers.v1.Containers", "List")

    async def list_stream(self, request: ListContainersRequest) -> AsyncIterator[ListContainerMessage]:
        raise unimplemented("containerd.services.containers.v1.Containers", "ListStream")
        yield

    async def create(self, request: CreateContainerRequest) -> CreateContainerResponse:
        raise unimplemented("containerd.services.containers.v1.Containers", "Create")

    async def update(self, request: UpdateContainerRequest) -> UpdateContainerResponse:
        raise unimplemented("containerd.services.containers.v1.Containers", "Update")

    async def delete(self, request: DeleteContainerRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.containers.v1.Containers", "Delete")


class ContainersStub(_ServiceStub):
    __service__ = "containerd.services.containers.v1.Containers"

    async def get(self, request: GetContainerRequest, **options: Unpack[_Options]) -> GetContainerResponse:
        return await self._unary("/containerd.services.containers.v1.Containers/Get", request, GetContainerResponse, options)

    async def list(self, request: ListContainersRequest, **options: Unpack[_Options]) -> ListContainersResponse:
        return await self._unary("/containerd.services.containers.v1.Containers/List", request, ListContainersResponse, options)

    def list_stream(self, request: ListContainersRequest, **options: Unpack[_Options]) -> AsyncIterator[ListContainerMessage]:
        return self._stream("/containerd.services.containers.v1.Containers/ListStream", request, ListContainerMessage, options)

    async def create(self, request: CreateContainerRequest, **options: Unpack[_Options]) -> CreateContainerResponse:
        return await self._unary("/containerd.services.containers.v1.Containers/Create", request, CreateContainerResponse, options)

    async def update(self, request: UpdateContainerRequest, **options: Unpack[_Options]) -> UpdateContainerResponse:
        return await self._unary("/containerd.services.containers.v1.Containers/Update", request, UpdateContainerResponse, options)

    async def delete(self, request: DeleteContainerRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.containers.v1.Containers/Delete", request, google__protobuf.Empty, options)
