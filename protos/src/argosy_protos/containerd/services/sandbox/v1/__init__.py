"""Sandboxes: their store, and who runs them.

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
from argosy_protos._wire import VI, entry, past_end, rv, text, unknown, vi, vu32

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options

new = object.__new__

__all__ = (
    "ControllerBase",
    "ControllerCreateRequest",
    "ControllerCreateResponse",
    "ControllerMetricsRequest",
    "ControllerMetricsResponse",
    "ControllerPlatformRequest",
    "ControllerPlatformResponse",
    "ControllerShutdownRequest",
    "ControllerShutdownResponse",
    "ControllerStartRequest",
    "ControllerStartResponse",
    "ControllerStatusRequest",
    "ControllerStatusResponse",
    "ControllerStopRequest",
    "ControllerStopResponse",
    "ControllerStub",
    "ControllerUpdateRequest",
    "ControllerUpdateResponse",
    "ControllerWaitRequest",
    "ControllerWaitResponse",
    "StoreBase",
    "StoreCreateRequest",
    "StoreCreateResponse",
    "StoreDeleteRequest",
    "StoreDeleteResponse",
    "StoreGetRequest",
    "StoreGetResponse",
    "StoreListRequest",
    "StoreListResponse",
    "StoreStub",
    "StoreUpdateRequest",
    "StoreUpdateResponse",
)

class StoreCreateRequest(Message):
    sandbox: "containerd__types.Sandbox | None"

    def __init__(
        self,
        *,
        sandbox: containerd__types.Sandbox | None = None,
    ) -> None:
        self.__dict__ = {
            "sandbox": sandbox,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox
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
                    raise past_end(self, "sandbox")
                x = self.sandbox
                if x is None:
                    x = self.sandbox = containerd__types.Sandbox._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class StoreCreateResponse(Message):
    sandbox: "containerd__types.Sandbox | None"

    def __init__(
        self,
        *,
        sandbox: containerd__types.Sandbox | None = None,
    ) -> None:
        self.__dict__ = {
            "sandbox": sandbox,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox
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
                    raise past_end(self, "sandbox")
                x = self.sandbox
                if x is None:
                    x = self.sandbox = containerd__types.Sandbox._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class StoreUpdateRequest(Message):
    sandbox: "containerd__types.Sandbox | None"
    fields: "list[str]"

    def __init__(
        self,
        *,
        sandbox: containerd__types.Sandbox | None = None,
        fields: list[str] | None = None,
    ) -> None:
        self.__dict__ = {
            "sandbox": sandbox,
            "fields": [] if fields is None else fields,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox": None,
            "fields": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox": betterproto2.field(1, "message"),
            "fields": betterproto2.field(2, "string", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.fields
        for x in v:
            e = x.encode()
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
                    raise past_end(self, "sandbox")
                x = self.sandbox
                if x is None:
                    x = self.sandbox = containerd__types.Sandbox._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "fields")
                self.fields.append(text(b, p, q))
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class StoreUpdateResponse(Message):
    sandbox: "containerd__types.Sandbox | None"

    def __init__(
        self,
        *,
        sandbox: containerd__types.Sandbox | None = None,
    ) -> None:
        self.__dict__ = {
            "sandbox": sandbox,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox
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
                    raise past_end(self, "sandbox")
                x = self.sandbox
                if x is None:
                    x = self.sandbox = containerd__types.Sandbox._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class StoreDeleteRequest(Message):
    sandbox_id: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox_id
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
                    raise past_end(self, "sandbox_id")
                self.sandbox_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class StoreDeleteResponse(Message):

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


class StoreListRequest(Message):
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


class StoreListResponse(Message):
    list: "list[containerd__types.Sandbox]"

    def __init__(
        self,
        *,
        list: list[containerd__types.Sandbox] | None = None,
    ) -> None:
        self.__dict__ = {
            "list": [] if list is None else list,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "list": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "list": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.list
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
                    raise past_end(self, "list")
                x = containerd__types.Sandbox._blank()
                x._merge(b, p, q)
                self.list.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class StoreGetRequest(Message):
    sandbox_id: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox_id
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
                    raise past_end(self, "sandbox_id")
                self.sandbox_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class StoreGetResponse(Message):
    sandbox: "containerd__types.Sandbox | None"

    def __init__(
        self,
        *,
        sandbox: containerd__types.Sandbox | None = None,
    ) -> None:
        self.__dict__ = {
            "sandbox": sandbox,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox
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
                    raise past_end(self, "sandbox")
                x = self.sandbox
                if x is None:
                    x = self.sandbox = containerd__types.Sandbox._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerCreateRequest(Message):
    sandbox_id: "str"
    rootfs: "list[containerd__types.Mount]"
    options: "google__protobuf.Any | None"
    netns_path: "str"
    annotations: "dict[str, str]"
    sandbox: "containerd__types.Sandbox | None"
    sandboxer: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        rootfs: list[containerd__types.Mount] | None = None,
        options: google__protobuf.Any | None = None,
        netns_path: str = "",
        annotations: dict[str, str] | None = None,
        sandbox: containerd__types.Sandbox | None = None,
        sandboxer: str = "",
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "rootfs": [] if rootfs is None else rootfs,
            "options": options,
            "netns_path": netns_path,
            "annotations": {} if annotations is None else annotations,
            "sandbox": sandbox,
            "sandboxer": sandboxer,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "rootfs": [],
            "options": None,
            "netns_path": "",
            "annotations": {},
            "sandbox": None,
            "sandboxer": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "rootfs": betterproto2.field(2, "message", repeated=True),
            "options": betterproto2.field(3, "message"),
            "netns_path": betterproto2.field(4, "string"),
            "annotations": betterproto2.field(5, "map", map_meta=betterproto2.map_meta("string", "string")),
            "sandbox": betterproto2.field(6, "message"),
            "sandboxer": betterproto2.field(10, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.rootfs
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.options
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.netns_path
        if v:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.annotations
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'*' + (VI[n] if n < 16384 else vi(n)))
                a(e)
        v = self.sandbox
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.sandboxer
        if v:
            e = v.encode()
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
                    raise past_end(self, "sandbox_id")
                self.sandbox_id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "rootfs")
                x = containerd__types.Mount._blank()
                x._merge(b, p, q)
                self.rootfs.append(x)
                p = q
            elif t == 26:
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
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "netns_path")
                self.netns_path = text(b, p, q)
                p = q
            elif t == 42:
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
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sandbox")
                x = self.sandbox
                if x is None:
                    x = self.sandbox = containerd__types.Sandbox._blank()
                x._merge(b, p, q)
                p = q
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sandboxer")
                self.sandboxer = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 10,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerCreateResponse(Message):
    sandbox_id: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox_id
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
                    raise past_end(self, "sandbox_id")
                self.sandbox_id = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerStartRequest(Message):
    sandbox_id: "str"
    sandboxer: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        sandboxer: str = "",
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "sandboxer": sandboxer,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "sandboxer": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "sandboxer": betterproto2.field(10, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.sandboxer
        if v:
            e = v.encode()
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
                    raise past_end(self, "sandbox_id")
                self.sandbox_id = text(b, p, q)
                p = q
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sandboxer")
                self.sandboxer = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 10,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerStartResponse(Message):
    sandbox_id: "str"
    pid: "int"
    created_at: "google__protobuf.Timestamp | None"
    labels: "dict[str, str]"
    address: "str"
    version: "int"
    spec: "google__protobuf.Any | None"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        pid: int = 0,
        created_at: google__protobuf.Timestamp | None = None,
        labels: dict[str, str] | None = None,
        address: str = "",
        version: int = 0,
        spec: google__protobuf.Any | None = None,
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "pid": pid,
            "created_at": created_at,
            "labels": {} if labels is None else labels,
            "address": address,
            "version": version,
            "spec": spec,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "pid": 0,
            "created_at": None,
            "labels": {},
            "address": "",
            "version": 0,
            "spec": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "pid": betterproto2.field(2, "uint32"),
            "created_at": betterproto2.field(3, "message"),
            "labels": betterproto2.field(4, "map", map_meta=betterproto2.map_meta("string", "string")),
            "address": betterproto2.field(5, "string"),
            "version": betterproto2.field(6, "uint32"),
            "spec": betterproto2.field(7, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.pid
        if v:
            a(b'\x10' + vu32(v))
        v = self.created_at
        if v is not None:
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
        v = self.address
        if v:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.version
        if v:
            a(b'0' + vu32(v))
        v = self.spec
        if v is not None:
            e = v.encode()
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
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sandbox_id")
                self.sandbox_id = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pid = x & 0xFFFFFFFF
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
                    raise past_end(self, "address")
                self.address = text(b, p, q)
                p = q
            elif t == 48:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.version = x & 0xFFFFFFFF
            elif t == 58:
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerPlatformRequest(Message):
    sandbox_id: "str"
    sandboxer: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        sandboxer: str = "",
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "sandboxer": sandboxer,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "sandboxer": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "sandboxer": betterproto2.field(10, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.sandboxer
        if v:
            e = v.encode()
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
                    raise past_end(self, "sandbox_id")
                self.sandbox_id = text(b, p, q)
                p = q
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sandboxer")
                self.sandboxer = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 10,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerPlatformResponse(Message):
    platform: "containerd__types.Platform | None"

    def __init__(
        self,
        *,
        platform: containerd__types.Platform | None = None,
    ) -> None:
        self.__dict__ = {
            "platform": platform,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "platform": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "platform": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.platform
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
                    raise past_end(self, "platform")
                x = self.platform
                if x is None:
                    x = self.platform = containerd__types.Platform._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerStopRequest(Message):
    sandbox_id: "str"
    timeout_secs: "int"
    sandboxer: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        timeout_secs: int = 0,
        sandboxer: str = "",
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "timeout_secs": timeout_secs,
            "sandboxer": sandboxer,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "timeout_secs": 0,
            "sandboxer": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "timeout_secs": betterproto2.field(2, "uint32"),
            "sandboxer": betterproto2.field(10, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.timeout_secs
        if v:
            a(b'\x10' + vu32(v))
        v = self.sandboxer
        if v:
            e = v.encode()
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
                    raise past_end(self, "sandbox_id")
                self.sandbox_id = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.timeout_secs = x & 0xFFFFFFFF
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sandboxer")
                self.sandboxer = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 10,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerStopResponse(Message):

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


class ControllerWaitRequest(Message):
    sandbox_id: "str"
    sandboxer: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        sandboxer: str = "",
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "sandboxer": sandboxer,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "sandboxer": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "sandboxer": betterproto2.field(10, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.sandboxer
        if v:
            e = v.encode()
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
                    raise past_end(self, "sandbox_id")
                self.sandbox_id = text(b, p, q)
                p = q
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sandboxer")
                self.sandboxer = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 10,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerWaitResponse(Message):
    exit_status: "int"
    exited_at: "google__protobuf.Timestamp | None"

    def __init__(
        self,
        *,
        exit_status: int = 0,
        exited_at: google__protobuf.Timestamp | None = None,
    ) -> None:
        self.__dict__ = {
            "exit_status": exit_status,
            "exited_at": exited_at,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "exit_status": 0,
            "exited_at": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "exit_status": betterproto2.field(1, "uint32"),
            "exited_at": betterproto2.field(2, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.exit_status
        if v:
            a(b'\x08' + vu32(v))
        v = self.exited_at
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
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.exit_status = x & 0xFFFFFFFF
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "exited_at")
                x = self.exited_at
                if x is None:
                    x = self.exited_at = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerStatusRequest(Message):
    sandbox_id: "str"
    verbose: "bool"
    sandboxer: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        verbose: bool = False,
        sandboxer: str = "",
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "verbose": verbose,
            "sandboxer": sandboxer,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "verbose": False,
            "sandboxer": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "verbose": betterproto2.field(2, "bool"),
            "sandboxer": betterproto2.field(10, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.verbose
        if v:
            a(b'\x10' + (b'\x01' if v else b'\x00'))
        v = self.sandboxer
        if v:
            e = v.encode()
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
                    raise past_end(self, "sandbox_id")
                self.sandbox_id = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.verbose = x != 0
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sandboxer")
                self.sandboxer = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 10,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerStatusResponse(Message):
    sandbox_id: "str"
    pid: "int"
    state: "str"
    info: "dict[str, str]"
    created_at: "google__protobuf.Timestamp | None"
    exited_at: "google__protobuf.Timestamp | None"
    extra: "google__protobuf.Any | None"
    address: "str"
    version: "int"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        pid: int = 0,
        state: str = "",
        info: dict[str, str] | None = None,
        created_at: google__protobuf.Timestamp | None = None,
        exited_at: google__protobuf.Timestamp | None = None,
        extra: google__protobuf.Any | None = None,
        address: str = "",
        version: int = 0,
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "pid": pid,
            "state": state,
            "info": {} if info is None else info,
            "created_at": created_at,
            "exited_at": exited_at,
            "extra": extra,
            "address": address,
            "version": version,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "pid": 0,
            "state": "",
            "info": {},
            "created_at": None,
            "exited_at": None,
            "extra": None,
            "address": "",
            "version": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "pid": betterproto2.field(2, "uint32"),
            "state": betterproto2.field(3, "string"),
            "info": betterproto2.field(4, "map", map_meta=betterproto2.map_meta("string", "string")),
            "created_at": betterproto2.field(5, "message"),
            "exited_at": betterproto2.field(6, "message"),
            "extra": betterproto2.field(7, "message"),
            "address": betterproto2.field(8, "string"),
            "version": betterproto2.field(9, "uint32"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.pid
        if v:
            a(b'\x10' + vu32(v))
        v = self.state
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.info
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'"' + (VI[n] if n < 16384 else vi(n)))
                a(e)
        v = self.created_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.exited_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.extra
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.address
        if v:
            e = v.encode()
            n = len(e)
            a(b'B' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.version
        if v:
            a(b'H' + vu32(v))
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
                    raise past_end(self, "sandbox_id")
                self.sandbox_id = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pid = x & 0xFFFFFFFF
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "state")
                self.state = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "info")
                k, r = entry(b, p, q)
                x = text(b, *r[-1]) if r else ""
                self.info[k] = x
                p = q
            elif t == 42:
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
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "exited_at")
                x = self.exited_at
                if x is None:
                    x = self.exited_at = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "extra")
                x = self.extra
                if x is None:
                    x = self.extra = google__protobuf.Any._blank()
                x._merge(b, p, q)
                p = q
            elif t == 66:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "address")
                self.address = text(b, p, q)
                p = q
            elif t == 72:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.version = x & 0xFFFFFFFF
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerShutdownRequest(Message):
    sandbox_id: "str"
    sandboxer: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        sandboxer: str = "",
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "sandboxer": sandboxer,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "sandboxer": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "sandboxer": betterproto2.field(10, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.sandboxer
        if v:
            e = v.encode()
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
                    raise past_end(self, "sandbox_id")
                self.sandbox_id = text(b, p, q)
                p = q
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sandboxer")
                self.sandboxer = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 10,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerShutdownResponse(Message):

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


class ControllerMetricsRequest(Message):
    sandbox_id: "str"
    sandboxer: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        sandboxer: str = "",
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "sandboxer": sandboxer,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "sandboxer": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "sandboxer": betterproto2.field(10, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.sandboxer
        if v:
            e = v.encode()
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
                    raise past_end(self, "sandbox_id")
                self.sandbox_id = text(b, p, q)
                p = q
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sandboxer")
                self.sandboxer = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 10,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerMetricsResponse(Message):
    metrics: "containerd__types.Metric | None"

    def __init__(
        self,
        *,
        metrics: containerd__types.Metric | None = None,
    ) -> None:
        self.__dict__ = {
            "metrics": metrics,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "metrics": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "metrics": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.metrics
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
                    raise past_end(self, "metrics")
                x = self.metrics
                if x is None:
                    x = self.metrics = containerd__types.Metric._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerUpdateRequest(Message):
    sandbox_id: "str"
    sandboxer: "str"
    sandbox: "containerd__types.Sandbox | None"
    fields: "list[str]"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        sandboxer: str = "",
        sandbox: containerd__types.Sandbox | None = None,
        fields: list[str] | None = None,
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "sandboxer": sandboxer,
            "sandbox": sandbox,
            "fields": [] if fields is None else fields,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "sandboxer": "",
            "sandbox": None,
            "fields": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "sandboxer": betterproto2.field(2, "string"),
            "sandbox": betterproto2.field(3, "message"),
            "fields": betterproto2.field(4, "string", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.sandbox_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.sandboxer
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.sandbox
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.fields
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
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sandbox_id")
                self.sandbox_id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sandboxer")
                self.sandboxer = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "sandbox")
                x = self.sandbox
                if x is None:
                    x = self.sandbox = containerd__types.Sandbox._blank()
                x._merge(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "fields")
                self.fields.append(text(b, p, q))
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class ControllerUpdateResponse(Message):

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


class StoreBase(_ServiceBase):
    __service__ = "containerd.services.sandbox.v1.Store"
    __methods__ = (
        Method("Create", "create", Cardinality.UNARY_UNARY, StoreCreateRequest, StoreCreateResponse),
        Method("Update", "update", Cardinality.UNARY_UNARY, StoreUpdateRequest, StoreUpdateResponse),
        Method("Delete", "delete", Cardinality.UNARY_UNARY, StoreDeleteRequest, StoreDeleteResponse),
        Method("List", "list", Cardinality.UNARY_UNARY, StoreListRequest, StoreListResponse),
        Method("Get", "get", Cardinality.UNARY_UNARY, StoreGetRequest, StoreGetResponse),
    )

    async def create(self, request: StoreCreateRequest) -> StoreCreateResponse:
        raise unimplemented("containerd.services.sandbox.v1.Store", "Create")

    async def update(self, request: StoreUpdateRequest) -> StoreUpdateResponse:
        raise unimplemented("containerd.services.sandbox.v1.Store", "Update")

    async def delete(self, request: StoreDeleteRequest) -> StoreDeleteResponse:
        raise unimplemented("containerd.services.sandbox.v1.Store", "Delete")

    async def list(self, request: StoreListRequest) -> StoreListResponse:
        raise unimplemented("containerd.services.sandbox.v1.Store", "List")

    async def get(self, request: StoreGetRequest) -> StoreGetResponse:
        raise unimplemented("containerd.services.sandbox.v1.Store", "Get")


class StoreStub(_ServiceStub):
    __service__ = "containerd.services.sandbox.v1.Store"

    async def create(self, request: StoreCreateRequest, **options: Unpack[_Options]) -> StoreCreateResponse:
        return await self._unary("/containerd.services.sandbox.v1.Store/Create", request, StoreCreateResponse, options)

    async def update(self, request: StoreUpdateRequest, **options: Unpack[_Options]) -> StoreUpdateResponse:
        return await self._unary("/containerd.services.sandbox.v1.Store/Update", request, StoreUpdateResponse, options)

    async def delete(self, request: StoreDeleteRequest, **options: Unpack[_Options]) -> StoreDeleteResponse:
        return await self._unary("/containerd.services.sandbox.v1.Store/Delete", request, StoreDeleteResponse, options)

    async def list(self, request: StoreListRequest, **options: Unpack[_Options]) -> StoreListResponse:
        return await self._unary("/containerd.services.sandbox.v1.Store/List", request, StoreListResponse, options)

    async def get(self, request: StoreGetRequest, **options: Unpack[_Options]) -> StoreGetResponse:
        return await self._unary("/containerd.services.sandbox.v1.Store/Get", request, StoreGetResponse, options)


class ControllerBase(_ServiceBase):
    __service__ = "containerd.services.sandbox.v1.Controller"
    __methods__ = (
        Method("Create", "create", Cardinality.UNARY_UNARY, ControllerCreateRequest, ControllerCreateResponse),
        Method("Start", "start", Cardinality.UNARY_UNARY, ControllerStartRequest, ControllerStartResponse),
        Method("Platform", "platform", Cardinality.UNARY_UNARY, ControllerPlatformRequest, ControllerPlatformResponse),
        Method("Stop", "stop", Cardinality.UNARY_UNARY, ControllerStopRequest, ControllerStopResponse),
        Method("Wait", "wait", Cardinality.UNARY_UNARY, ControllerWaitRequest, ControllerWaitResponse),
        Method("Status", "status", Cardinality.UNARY_UNARY, ControllerStatusRequest, ControllerStatusResponse),
        Method("Shutdown", "shutdown", Cardinality.UNARY_UNARY, ControllerShutdownRequest, ControllerShutdownResponse),
        Method("Metrics", "metrics", Cardinality.UNARY_UNARY, ControllerMetricsRequest, ControllerMetricsResponse),
        Method("Update", "update", Cardinality.UNARY_UNARY, ControllerUpdateRequest, ControllerUpdateResponse),
    )

    async def create(self, request: ControllerCreateRequest) -> ControllerCreateResponse:
        raise unimplemented("containerd.services.sandbox.v1.Controller", "Create")

    async def start(self, request: ControllerStartRequest) -> ControllerStartResponse:
        raise unimplemented("containerd.services.sandbox.v1.Controller", "Start")

    async def platform(self, request: ControllerPlatformRequest) -> ControllerPlatformResponse:
        raise unimplemented("containerd.services.sandbox.v1.Controller", "Platform")

    async def stop(self, request: ControllerStopRequest) -> ControllerStopResponse:
        raise unimplemented("containerd.services.sandbox.v1.Controller", "Stop")

    async def wait(self, request: ControllerWaitRequest) -> ControllerWaitResponse:
        raise unimplemented("containerd.services.sandbox.v1.Controller", "Wait")

    async def status(self, request: ControllerStatusRequest) -> ControllerStatusResponse:
        raise unimplemented("containerd.services.sandbox.v1.Controller", "Status")

    async def shutdown(self, request: ControllerShutdownRequest) -> ControllerShutdownResponse:
        raise unimplemented("containerd.services.sandbox.v1.Controller", "Shutdown")

    async def metrics(self, request: ControllerMetricsRequest) -> ControllerMetricsResponse:
        raise unimplemented("containerd.services.sandbox.v1.Controller", "Metrics")

    async def update(self, request: ControllerUpdateRequest) -> ControllerUpdateResponse:
        raise unimplemented("containerd.services.sandbox.v1.Controller", "Update")


class ControllerStub(_ServiceStub):
    __service__ = "containerd.services.sandbox.v1.Controller"

    async def create(self, request: ControllerCreateRequest, **options: Unpack[_Options]) -> ControllerCreateResponse:
        return await self._unary("/containerd.services.sandbox.v1.Controller/Create", request, ControllerCreateResponse, options)

    async def start(self, request: ControllerStartRequest, **options: Unpack[_Options]) -> ControllerStartResponse:
        return await self._unary("/containerd.services.sandbox.v1.Controller/Start", request, ControllerStartResponse, options)

    async def platform(self, request: ControllerPlatformRequest, **options: Unpack[_Options]) -> ControllerPlatformResponse:
        return await self._unary("/containerd.services.sandbox.v1.Controller/Platform", request, ControllerPlatformResponse, options)

    async def stop(self, request: ControllerStopRequest, **options: Unpack[_Options]) -> ControllerStopResponse:
        return await self._unary("/containerd.services.sandbox.v1.Controller/Stop", request, ControllerStopResponse, options)

    async def wait(self, request: ControllerWaitRequest, **options: Unpack[_Options]) -> ControllerWaitResponse:
        return await self._unary("/containerd.services.sandbox.v1.Controller/Wait", request, ControllerWaitResponse, options)

    async def status(self, request: ControllerStatusRequest, **options: Unpack[_Options]) -> ControllerStatusResponse:
        return await self._unary("/containerd.services.sandbox.v1.Controller/Status", request, ControllerStatusResponse, options)

    async def shutdown(self, request: ControllerShutdownRequest, **options: Unpack[_Options]) -> ControllerShutdownResponse:
        return await self._unary("/containerd.services.sandbox.v1.Controller/Shutdown", request, ControllerShutdownResponse, options)

    async def metrics(self, request: ControllerMetricsRequest, **options: Unpack[_Options]) -> ControllerMetricsResponse:
        return await self._unary("/containerd.services.sandbox.v1.Controller/Metrics", request, ControllerMetricsResponse, options)

    async def update(self, request: ControllerUpdateRequest, **options: Unpack[_Options]) -> ControllerUpdateResponse:
        return await self._unary("/containerd.services.sandbox.v1.Controller/Update", request, ControllerUpdateResponse, options)
