"""Sandbox: the API of a shim that runs sandboxes.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations



from argosy_protos.lean.containerd import types as containerd__types
from argosy_protos.lean.google import protobuf as google__protobuf
from argosy_protos._lean import Message
from argosy_protos._wire import VI, entry, past_end, rv, text, unknown, vi, vu32

__all__ = (
    "CreateSandboxRequest",
    "CreateSandboxResponse",
    "PingRequest",
    "PingResponse",
    "PlatformRequest",
    "PlatformResponse",
    "SANDBOX_METHODS",
    "SANDBOX_SERVICE",
    "SandboxMetricsRequest",
    "SandboxMetricsResponse",
    "SandboxStatusRequest",
    "SandboxStatusResponse",
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
    __slots__ = ("sandbox_id", "bundle_path", "rootfs", "options", "netns_path", "annotations", )
    __fields__ = ("sandbox_id", "bundle_path", "rootfs", "options", "netns_path", "annotations", )
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
        self.sandbox_id = sandbox_id
        self.bundle_path = bundle_path
        self.rootfs = [] if rootfs is None else rootfs
        self.options = options
        self.netns_path = netns_path
        self.annotations = {} if annotations is None else annotations
        self._unknown_fields = b""

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
    __slots__ = ()
    __fields__ = ()

    def __init__(
        self,
    ) -> None:
        self._unknown_fields = b""

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
    __slots__ = ("sandbox_id", )
    __fields__ = ("sandbox_id", )
    sandbox_id: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
    ) -> None:
        self.sandbox_id = sandbox_id
        self._unknown_fields = b""

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
    __slots__ = ("pid", "created_at", "spec", )
    __fields__ = ("pid", "created_at", "spec", )
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
        self.pid = pid
        self.created_at = created_at
        self.spec = spec
        self._unknown_fields = b""

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
    __slots__ = ("sandbox_id", )
    __fields__ = ("sandbox_id", )
    sandbox_id: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
    ) -> None:
        self.sandbox_id = sandbox_id
        self._unknown_fields = b""

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
    __slots__ = ("platform", )
    __fields__ = ("platform", )
    platform: "containerd__types.Platform | None"

    def __init__(
        self,
        *,
        platform: containerd__types.Platform | None = None,
    ) -> None:
        self.platform = platform
        self._unknown_fields = b""

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
    __slots__ = ("sandbox_id", "timeout_secs", )
    __fields__ = ("sandbox_id", "timeout_secs", )
    sandbox_id: "str"
    timeout_secs: "int"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        timeout_secs: int = 0,
    ) -> None:
        self.sandbox_id = sandbox_id
        self.timeout_secs = timeout_secs
        self._unknown_fields = b""

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
    __slots__ = ()
    __fields__ = ()

    def __init__(
        self,
    ) -> None:
        self._unknown_fields = b""

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
    __slots__ = ("sandbox_id", "resources", "annotations", )
    __fields__ = ("sandbox_id", "resources", "annotations", )
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
        self.sandbox_id = sandbox_id
        self.resources = resources
        self.annotations = {} if annotations is None else annotations
        self._unknown_fields = b""

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
    __slots__ = ("sandbox_id", )
    __fields__ = ("sandbox_id", )
    sandbox_id: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
    ) -> None:
        self.sandbox_id = sandbox_id
        self._unknown_fields = b""

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
    __slots__ = ("exit_status", "exited_at", )
    __fields__ = ("exit_status", "exited_at", )
    exit_status: "int"
    exited_at: "google__protobuf.Timestamp | None"

    def __init__(
        self,
        *,
        exit_status: int = 0,
        exited_at: google__protobuf.Timestamp | None = None,
    ) -> None:
        self.exit_status = exit_status
        self.exited_at = exited_at
        self._unknown_fields = b""

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
    __slots__ = ()
    __fields__ = ()

    def __init__(
        self,
    ) -> None:
        self._unknown_fields = b""

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
    __slots__ = ("sandbox_id", "verbose", )
    __fields__ = ("sandbox_id", "verbose", )
    sandbox_id: "str"
    verbose: "bool"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
        verbose: bool = False,
    ) -> None:
        self.sandbox_id = sandbox_id
        self.verbose = verbose
        self._unknown_fields = b""

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
    __slots__ = ("sandbox_id", "pid", "state", "info", "created_at", "exited_at", "extra", )
    __fields__ = ("sandbox_id", "pid", "state", "info", "created_at", "exited_at", "extra", )
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
        self.sandbox_id = sandbox_id
        self.pid = pid
        self.state = state
        self.info = {} if info is None else info
        self.created_at = created_at
        self.exited_at = exited_at
        self.extra = extra
        self._unknown_fields = b""

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
    __slots__ = ("sandbox_id", )
    __fields__ = ("sandbox_id", )
    sandbox_id: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
    ) -> None:
        self.sandbox_id = sandbox_id
        self._unknown_fields = b""

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
    __slots__ = ()
    __fields__ = ()

    def __init__(
        self,
    ) -> None:
        self._unknown_fields = b""

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
    __slots__ = ("sandbox_id", )
    __fields__ = ("sandbox_id", )
    sandbox_id: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
    ) -> None:
        self.sandbox_id = sandbox_id
        self._unknown_fields = b""

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
    __slots__ = ()
    __fields__ = ()

    def __init__(
        self,
    ) -> None:
        self._unknown_fields = b""

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
    __slots__ = ("sandbox_id", )
    __fields__ = ("sandbox_id", )
    sandbox_id: "str"

    def __init__(
        self,
        *,
        sandbox_id: str = "",
    ) -> None:
        self.sandbox_id = sandbox_id
        self._unknown_fields = b""

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
    __slots__ = ("metrics", )
    __fields__ = ("metrics", )
    metrics: "containerd__types.Metric | None"

    def __init__(
        self,
        *,
        metrics: containerd__types.Metric | None = None,
    ) -> None:
        self.metrics = metrics
        self._unknown_fields = b""

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


SANDBOX_SERVICE = "containerd.runtime.sandbox.v1.Sandbox"
SANDBOX_METHODS = {
    "CreateSandbox": ("create_sandbox", CreateSandboxRequest, CreateSandboxResponse),
    "StartSandbox": ("start_sandbox", StartSandboxRequest, StartSandboxResponse),
    "Platform": ("platform", PlatformRequest, PlatformResponse),
    "StopSandbox": ("stop_sandbox", StopSandboxRequest, StopSandboxResponse),
    "WaitSandbox": ("wait_sandbox", WaitSandboxRequest, WaitSandboxResponse),
    "SandboxStatus": ("sandbox_status", SandboxStatusRequest, SandboxStatusResponse),
    "PingSandbox": ("ping_sandbox", PingRequest, PingResponse),
    "ShutdownSandbox": ("shutdown_sandbox", ShutdownSandboxRequest, ShutdownSandboxResponse),
    "SandboxMetrics": ("sandbox_metrics", SandboxMetricsRequest, SandboxMetricsResponse),
}
