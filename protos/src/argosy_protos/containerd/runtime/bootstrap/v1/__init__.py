"""How a daemon and a shim introduce themselves.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations


from argosy_protos._betterproto import betterproto2

from argosy_protos.google import protobuf as google__protobuf
from argosy_protos._message import Message
from argosy_protos._wire import VI, entry, past_end, rv, s32, text, unknown, vi, vs32

new = object.__new__

__all__ = (
    "BootstrapParams",
    "BootstrapResult",
    "Capability",
    "Extension",
    "LogLevel",
)

class LogLevel(betterproto2.Enum):
    LOG_LEVEL_INFO = 0
    LOG_LEVEL_TRACE = -8
    LOG_LEVEL_DEBUG = -4
    LOG_LEVEL_WARN = 4
    LOG_LEVEL_ERROR = 8
    LOG_LEVEL_FATAL = 10
    LOG_LEVEL_PANIC = 12


class Capability(betterproto2.Enum):
    CAPABILITY_UNSPECIFIED = 0


class BootstrapParams(Message):
    instance_id: "str"
    namespace: "str"
    log_level: "LogLevel"
    containerd_version: "str"
    containerd_ttrpc_address: "str"
    containerd_grpc_address: "str"
    containerd_binary: "str"
    extensions: "list[Extension]"
    socket_dir: "str | None"

    def __init__(
        self,
        *,
        instance_id: str = "",
        namespace: str = "",
        log_level: LogLevel | int = 0,
        containerd_version: str = "",
        containerd_ttrpc_address: str = "",
        containerd_grpc_address: str = "",
        containerd_binary: str = "",
        extensions: list[Extension] | None = None,
        socket_dir: str | None = None,
    ) -> None:
        self.__dict__ = {
            "instance_id": instance_id,
            "namespace": namespace,
            "log_level": log_level,
            "containerd_version": containerd_version,
            "containerd_ttrpc_address": containerd_ttrpc_address,
            "containerd_grpc_address": containerd_grpc_address,
            "containerd_binary": containerd_binary,
            "extensions": [] if extensions is None else extensions,
            "socket_dir": socket_dir,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "instance_id": "",
            "namespace": "",
            "log_level": 0,
            "containerd_version": "",
            "containerd_ttrpc_address": "",
            "containerd_grpc_address": "",
            "containerd_binary": "",
            "extensions": [],
            "socket_dir": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "instance_id": betterproto2.field(1, "string"),
            "namespace": betterproto2.field(2, "string"),
            "log_level": betterproto2.field(3, "enum", default_factory=lambda: LogLevel(0)),
            "containerd_version": betterproto2.field(4, "string"),
            "containerd_ttrpc_address": betterproto2.field(5, "string"),
            "containerd_grpc_address": betterproto2.field(6, "string"),
            "containerd_binary": betterproto2.field(7, "string"),
            "extensions": betterproto2.field(8, "message", repeated=True),
            "socket_dir": betterproto2.field(9, "string", optional=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.instance_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.namespace
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.log_level
        if v:
            a(b'\x18' + vs32(v))
        v = self.containerd_version
        if v:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.containerd_ttrpc_address
        if v:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.containerd_grpc_address
        if v:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.containerd_binary
        if v:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.extensions
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'B' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.socket_dir
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'J' + (VI[n] if n < 16384 else vi(n)))
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
                    raise past_end(self, "instance_id")
                self.instance_id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "namespace")
                self.namespace = text(b, p, q)
                p = q
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.log_level = LogLevel(s32(x))
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "containerd_version")
                self.containerd_version = text(b, p, q)
                p = q
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "containerd_ttrpc_address")
                self.containerd_ttrpc_address = text(b, p, q)
                p = q
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "containerd_grpc_address")
                self.containerd_grpc_address = text(b, p, q)
                p = q
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "containerd_binary")
                self.containerd_binary = text(b, p, q)
                p = q
            elif t == 66:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "extensions")
                x = Extension._blank()
                x._merge(b, p, q)
                self.extensions.append(x)
                p = q
            elif t == 74:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "socket_dir")
                self.socket_dir = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9,)))
        if p != n:
            raise past_end(self, "its last field")


class Extension(Message):
    value: "google__protobuf.Any | None"

    def __init__(
        self,
        *,
        value: google__protobuf.Any | None = None,
    ) -> None:
        self.__dict__ = {
            "value": value,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "value": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "value": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.value
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
                    raise past_end(self, "value")
                x = self.value
                if x is None:
                    x = self.value = google__protobuf.Any._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class BootstrapResult(Message):
    version: "int"
    address: "str"
    protocol: "str"
    capabilities: "list[Capability]"
    metadata: "dict[str, str]"

    def __init__(
        self,
        *,
        version: int = 0,
        address: str = "",
        protocol: str = "",
        capabilities: list[Capability | int] | None = None,
        metadata: dict[str, str] | None = None,
    ) -> None:
        self.__dict__ = {
            "version": version,
            "address": address,
            "protocol": protocol,
            "capabilities": [] if capabilities is None else capabilities,
            "metadata": {} if metadata is None else metadata,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "version": 0,
            "address": "",
            "protocol": "",
            "capabilities": [],
            "metadata": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "version": betterproto2.field(1, "int32"),
            "address": betterproto2.field(2, "string"),
            "protocol": betterproto2.field(3, "string"),
            "capabilities": betterproto2.field(4, "enum", repeated=True),
            "metadata": betterproto2.field(5, "map", map_meta=betterproto2.map_meta("string", "string")),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.version
        if v:
            a(b'\x08' + vs32(v))
        v = self.address
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.protocol
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.capabilities
        if v:
            e = b"".join([vs32(x) for x in v])
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.metadata
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
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.version = s32(x)
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "address")
                self.address = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "protocol")
                self.protocol = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "capabilities")
                while p < q:
                    x, p = rv(b, p)
                    self.capabilities.append(Capability(s32(x)))
                if p != q:
                    raise past_end(self, "capabilities")
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.capabilities.append(Capability(s32(x)))
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "metadata")
                k, r = entry(b, p, q)
                x = text(b, *r[-1]) if r else ""
                self.metadata[k] = x
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5,)))
        if p != n:
            raise past_end(self, "its last field")
