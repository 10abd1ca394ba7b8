"""Sandbox: the API of a shim that runs sandboxes.

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
    "CreateSandboxRequest",
    "CreateSandboxResponse",
    "PingRequest",
    "PingResponse",
    "PlatformRequest",
    "PlatformResponse",
    "SandboxBase",
    "SandboxMetricsRequest",
    "SandboxMetricsResponse",
    "SandboxStatusRequest",
    "SandboxStatusResponse",
    "SandboxStub",
    "ShutdownSandboxRequest",
    "ShutdownSandboxResponse",
    "StartSandboxRequest",
    "StartSandboxResponse",
    "StopSandboxRequest",
    "StopSandboxResponse",
    "UpdateSandboxRequest",
    "UpdateSandboxResponse",
    "WaitSandboxRequest",
    "WaitSandboxResponse",
)

class CreateSandboxRequest(Message):
    sandbox_id: "str"
    bundle_path: "str"
    rootfs: "list[containerd__types.Mount]"
    options: "google__protobuf.Any | None"
    netns_path: "str"
    annotations: "dict[str, str]"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        bundle_path: str = "",
        rootfs: list[containerd__types.Mount] | None = None,
        options: google__protobuf.Any | None = None,
        netns_path: str = "",
        annotations: dict[str, str] | None = None,
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "bundle_path": bundle_path,
            "rootfs": [] if rootfs is None else rootfs,
            "options": options,
            "netns_path": netns_path,
            "annotations": {} if annotations is None else annotations,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "bundle_path": "",
            "rootfs": [],
            "options": None,
            "netns_path": "",
            "annotations": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "bundle_path": betterproto2.field(2, "string"),
            "rootfs": betterproto2.field(3, "message", repeated=True),
            "options": betterproto2.field(4, "message"),
            "netns_path": betterproto2.field(5, "string"),
            "annotations": betterproto2.field(6, "map", map_meta=betterproto2.map_meta("string", "string")),
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
        v = self.bundle_path
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.rootfs
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.options
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.netns_path
        if v:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.annotations
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
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
                    raise past_end(self, "bundle_path")
                self.bundle_path = text(b, p, q)
                p = q
            elif t == 26:
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
            elif t == 34:
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
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "netns_path")
                self.netns_path = text(b, p, q)
                p = q
            elif t == 50:
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6,)))
        if p != n:
            raise past_end(self, "its last field")


class CreateSandboxResponse(Message):

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


class StartSandboxRequest(Message):
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


class StartSandboxResponse(Message):
    pid: "int"
    created_at: "google__protobuf.Timestamp | None"
    spec: "google__protobuf.Any | None"

    def __init__(
        self,
        *,
        pid: int = 0,
        created_at: google__protobuf.Timestamp | None = None,
        spec: google__protobuf.Any | None = None,
    ) -> None:
        self.__dict__ = {
            "pid": pid,
            "created_at": created_at,
            "spec": spec,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "pid": 0,
            "created_at": None,
            "spec": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "pid": betterproto2.field(1, "uint32"),
            "created_at": betterproto2.field(2, "message"),
            "spec": betterproto2.field(3, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.pid
        if v:
            a(b'\x08' + vu32(v))
        v = self.created_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.spec
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
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pid = x & 0xFFFFFFFF
            elif t == 18:
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
            elif t == 26:
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
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class PlatformRequest(Message):
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


class PlatformResponse(Message):
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


class StopSandboxRequest(Message):
    sandbox_id: "str"
    timeout_secs: "int"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        timeout_secs: int = 0,
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "timeout_secs": timeout_secs,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "timeout_secs": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "timeout_secs": betterproto2.field(2, "uint32"),
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class StopSandboxResponse(Message):

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


class UpdateSandboxRequest(Message):
    sandbox_id: "str"
    resources: "google__protobuf.Any | None"
    annotations: "dict[str, str]"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        resources: google__protobuf.Any | None = None,
        annotations: dict[str, str] | None = None,
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "resources": resources,
            "annotations": {} if annotations is None else annotations,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "resources": None,
            "annotations": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "resources": betterproto2.field(2, "message"),
            "annotations": betterproto2.field(3, "map", map_meta=betterproto2.map_meta("string", "string")),
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
        v = self.resources
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.annotations
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
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
                    raise past_end(self, "resources")
                x = self.resources
                if x is None:
                    x = self.resources = google__protobuf.Any._blank()
                x._merge(b, p, q)
                p = q
            elif t == 26:
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class WaitSandboxRequest(Message):
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


class WaitSandboxResponse(Message):
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


class UpdateSandboxResponse(Message):

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


class SandboxStatusRequest(Message):
    sandbox_id: "str"
    verbose: "bool"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        verbose: bool = False,
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "verbose": verbose,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "sandbox_id": "",
            "verbose": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "sandbox_id": betterproto2.field(1, "string"),
            "verbose": betterproto2.field(2, "bool"),
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class SandboxStatusResponse(Message):
    sandbox_id: "str"
    pid: "int"
    state: "str"
    info: "dict[str, str]"
    created_at: "google__protobuf.Timestamp | None"
    exited_at: "google__protobuf.Timestamp | None"
    extra: "google__protobuf.Any | None"

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
    ) -> None:
        self.__dict__ = {
            "sandbox_id": sandbox_id,
            "pid": pid,
            "state": state,
            "info": {} if info is None else info,
            "created_at": created_at,
            "exited_at": exited_at,
            "extra": extra,
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7,)))
        if p != n:
            raise past_end(self, "its last field")


class PingRequest(Message):
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


class PingResponse(Message):

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


class ShutdownSandboxRequest(Message):
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


class ShutdownSandboxResponse(Message):

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


class SandboxMetricsRequest(Message):
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


class SandboxMetricsResponse(Message):
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


class SandboxBase(_ServiceBase):
    __service__ = "containerd.runtime.sandbox.v1.Sandbox"
    __methods__ = (
        Method("CreateSandbox", "create_sandbox", Cardinality.UNARY_UNARY, CreateSandboxRequest, CreateSandboxResponse),
        Method("StartSandbox", "start_sandbox", Cardinality.UNARY_UNARY, StartSandboxRequest, StartSandboxResponse),
        Method("Platform", "platform", Cardinality.UNARY_UNARY, PlatformRequest, PlatformResponse),
        Method("StopSandbox", "stop_sandbox", Cardinality.UNARY_UNARY, StopSandboxRequest, StopSandboxResponse),
        Method("WaitSandbox", "wait_sandbox", Cardinality.UNARY_UNARY, WaitSandboxRequest, WaitSandboxResponse),
        Method("SandboxStatus", "sandbox_status", Cardinality.UNARY_UNARY, SandboxStatusRequest, SandboxStatusResponse),
        Method("PingSandbox", "ping_sandbox", Cardinality.UNARY_UNARY, PingRequest, PingResponse),
        Method("ShutdownSandbox", "shutdown_sandbox", Cardinality.UNARY_UNARY, ShutdownSandboxRequest, ShutdownSandboxResponse),
        Method("SandboxMetrics", "sandbox_metrics", Cardinality.UNARY_UNARY, SandboxMetricsRequest, SandboxMetricsResponse),
    )

    async def create_sandbox(self, request: CreateSandboxRequest) -> CreateSandboxResponse:
        raise unimplemented("containerd.runtime.sandbox.v1.Sandbox", "CreateSandbox")

    async def start_sandbox(self, request: StartSandboxRequest) -> StartSandboxResponse:
        raise unimplemented("containerd.runtime.sandbox.v1.Sandbox", "StartSandbox")

    async def platform(self, request: PlatformRequest) -> PlatformResponse:
        raise unimplemented("containerd.runtime.sandbox.v1.Sandbox", "Platform")

    async def stop_sandbox(self, request: StopSandboxRequest) -> StopSandboxResponse:
        raise unimplemented("containerd.runtime.sandbox.v1.Sandbox", "StopSandbox")

    async def wait_sandbox(self, request: WaitSandboxRequest) -> WaitSandboxResponse:
        raise unimplemented("containerd.runtime.sandbox.v1.Sandbox", "WaitSandbox")

    async def sandbox_status(self, request: SandboxStatusRequest) -> SandboxStatusResponse:
        raise unimplemented("containerd.runtime.sandbox.v1.Sandbox", "SandboxStatus")

    async def ping_sandbox(self, request: PingRequest) -> PingResponse:
        raise unimplemented("containerd.runtime.sandbox.v1.Sandbox", "PingSandbox")

    async def shutdown_sandbox(self, request: ShutdownSandboxRequest) -> ShutdownSandboxResponse:
        raise unimplemented("containerd.runtime.sandbox.v1.Sandbox", "ShutdownSandbox")

    async def sandbox_metrics(self, request: SandboxMetricsRequest) -> SandboxMetricsResponse:
        raise unimplemented("containerd.runtime.sandbox.v1.Sandbox", "SandboxMetrics")


class SandboxStub(_ServiceStub):
    __service__ = "containerd.runtime.sandbox.v1.Sandbox"

    async def create_sandbox(self, request: CreateSandboxRequest, **options: Unpack[_Options]) -> CreateSandboxResponse:
        return await self._unary("/containerd.runtime.sandbox.v1.Sandbox/CreateSandbox", request, CreateSandboxResponse, options)

    async def start_sandbox(self, request: StartSandboxRequest, **options: Unpack[_Options]) -> StartSandboxResponse:
        return await self._unary("/containerd.runtime.sandbox.v1.Sandbox/StartSandbox", request, StartSandboxResponse, options)

    async def platform(self, request: PlatformRequest, **options: Unpack[_Options]) -> PlatformResponse:
        return await self._unary("/containerd.runtime.sandbox.v1.Sandbox/Platform", request, PlatformResponse, options)

    async def stop_sandbox(self, request: StopSandboxRequest, **options: Unpack[_Options]) -> StopSandboxResponse:
        return await self._unary("/containerd.runtime.sandbox.v1.Sandbox/StopSandbox", request, StopSandboxResponse, options)

    async def wait_sandbox(self, request: WaitSandboxRequest, **options: Unpack[_Options]) -> WaitSandboxResponse:
        return await self._unary("/containerd.runtime.sandbox.v1.Sandbox/WaitSandbox", request, WaitSandboxResponse, options)

    async def sandbox_status(self, request: SandboxStatusRequest, **options: Unpack[_Options]) -> SandboxStatusResponse:
        return await self._unary("/containerd.runtime.sandbox.v1.Sandbox/SandboxStatus", request, SandboxStatusResponse, options)

    async def ping_sandbox(self, request: PingRequest, **options: Unpack[_Options]) -> PingResponse:
        return await self._unary("/containerd.runtime.sandbox.v1.Sandbox/PingSandbox", request, PingResponse, options)

    async def shutdown_sandbox(self, request: ShutdownSandboxRequest, **options: Unpack[_Options]) -> ShutdownSandboxResponse:
        return await self._unary("/containerd.runtime.sandbox.v1.Sandbox/ShutdownSandbox", request, ShutdownSandboxResponse, options)

    async def sandbox_metrics(self, request: SandboxMetricsRequest, **options: Unpack[_Options]) -> SandboxMetricsResponse:
        return await self._unary("/containerd.runtime.sandbox.v1.Sandbox/SandboxMetrics", request, SandboxMetricsResponse, options)
