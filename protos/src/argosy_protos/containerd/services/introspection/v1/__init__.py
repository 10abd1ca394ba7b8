"""Introspection: which plugins serve here.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from argosy_protos._betterproto import betterproto2
from grpclib.const import Cardinality

from argosy_protos.containerd import types as containerd__types
from argosy_protos.google import protobuf as google__protobuf
from argosy_protos.google import rpc as google__rpc
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
    "DeprecationWarning",
    "IntrospectionBase",
    "IntrospectionStub",
    "Plugin",
    "PluginInfoRequest",
    "PluginInfoResponse",
    "PluginsRequest",
    "PluginsResponse",
    "ServerResponse",
)

class Plugin(Message):
    type: "str"
    id: "str"
    requires: "list[str]"
    platforms: "list[containerd__types.Platform]"
    exports: "dict[str, str]"
    capabilities: "list[str]"
    init_err: "google__rpc.Status | None"

    def __init__(
        self,
        *,
        type: str = "",
        id: str = "",
        requires: list[str] | None = None,
        platforms: list[containerd__types.Platform] | None = None,
        exports: dict[str, str] | None = None,
        capabilities: list[str] | None = None,
        init_err: google__rpc.Status | None = None,
    ) -> None:
        self.__dict__ = {
            "type": type,
            "id": id,
            "requires": [] if requires is None else requires,
            "platforms": [] if platforms is None else platforms,
            "exports": {} if exports is None else exports,
            "capabilities": [] if capabilities is None else capabilities,
            "init_err": init_err,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "type": "",
            "id": "",
            "requires": [],
            "platforms": [],
            "exports": {},
            "capabilities": [],
            "init_err": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "type": betterproto2.field(1, "string"),
            "id": betterproto2.field(2, "string"),
            "requires": betterproto2.field(3, "string", repeated=True),
            "platforms": betterproto2.field(4, "message", repeated=True),
            "exports": betterproto2.field(5, "map", map_meta=betterproto2.map_meta("string", "string")),
            "capabilities": betterproto2.field(6, "string", repeated=True),
            "init_err": betterproto2.field(7, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.type
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.requires
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.platforms
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.exports
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'*' + (VI[n] if n < 16384 else vi(n)))
                a(e)
        v = self.capabilities
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.init_err
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
                    raise past_end(self, "type")
                self.type = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "id")
                self.id = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "requires")
                self.requires.append(text(b, p, q))
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "platforms")
                x = containerd__types.Platform._blank()
                x._merge(b, p, q)
                self.platforms.append(x)
                p = q
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "exports")
                k, r = entry(b, p, q)
                x = text(b, *r[-1]) if r else ""
                self.exports[k] = x
                p = q
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "capabilities")
                self.capabilities.append(text(b, p, q))
                p = q
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "init_err")
                x = self.init_err
                if x is None:
                    x = self.init_err = google__rpc.Status._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7,)))
        if p != n:
            raise past_end(self, "its last field")


class PluginsRequest(Message):
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


class PluginsResponse(Message):
    plugins: "list[Plugin]"

    def __init__(
        self,
        *,
        plugins: list[Plugin] | None = None,
    ) -> None:
        self.__dict__ = {
            "plugins": [] if plugins is None else plugins,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "plugins": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "plugins": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.plugins
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
                    raise past_end(self, "plugins")
                x = Plugin._blank()
                x._merge(b, p, q)
                self.plugins.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ServerResponse(Message):
    uuid: "str"
    pid: "int"
    pidns: "int"
    deprecations: "list[DeprecationWarning]"

    def __init__(
        self,
        *,
        uuid: str = "",
        pid: int = 0,
        pidns: int = 0,
        deprecations: list[DeprecationWarning] | None = None,
    ) -> None:
        self.__dict__ = {
            "uuid": uuid,
            "pid": pid,
            "pidns": pidns,
            "deprecations": [] if deprecations is None else deprecations,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "uuid": "",
            "pid": 0,
            "pidns": 0,
            "deprecations": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "uuid": betterproto2.field(1, "string"),
            "pid": betterproto2.field(2, "uint64"),
            "pidns": betterproto2.field(3, "uint64"),
            "deprecations": betterproto2.field(4, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.uuid
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.pid
        if v:
            a(b'\x10' + vi(v))
        v = self.pidns
        if v:
            a(b'\x18' + vi(v))
        v = self.deprecations
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
                    raise past_end(self, "uuid")
                self.uuid = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pid = x
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pidns = x
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "deprecations")
                x = DeprecationWarning._blank()
                x._merge(b, p, q)
                self.deprecations.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class DeprecationWarning(Message):
    id: "str"
    message: "str"
    last_occurrence: "google__protobuf.Timestamp | None"

    def __init__(
        self,
        *,
        id: str = "",
        message: str = "",
        last_occurrence: google__protobuf.Timestamp | None = None,
    ) -> None:
        self.__dict__ = {
            "id": id,
            "message": message,
            "last_occurrence": last_occurrence,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "message": "",
            "last_occurrence": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "message": betterproto2.field(2, "string"),
            "last_occurrence": betterproto2.field(3, "message"),
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
        v = self.message
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.last_occurrence
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
                    raise past_end(self, "message")
                self.message = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "last_occurrence")
                x = self.last_occurrence
                if x is None:
                    x = self.last_occurrence = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class PluginInfoRequest(Message):
    type: "str"
    id: "str"
    options: "google__protobuf.Any | None"

    def __init__(
        self,
        *,
        type: str = "",
        id: str = "",
        options: google__protobuf.Any | None = None,
    ) -> None:
        self.__dict__ = {
            "type": type,
            "id": id,
            "options": options,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "type": "",
            "id": "",
            "options": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "type": betterproto2.field(1, "string"),
            "id": betterproto2.field(2, "string"),
            "options": betterproto2.field(3, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.type
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.options
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
                    raise past_end(self, "type")
                self.type = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "id")
                self.id = text(b, p, q)
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class PluginInfoResponse(Message):
    plugin: "Plugin | None"
    extra: "google__protobuf.Any | None"

    def __init__(
        self,
        *,
        plugin: Plugin | None = None,
        extra: google__protobuf.Any | None = None,
    ) -> None:
        self.__dict__ = {
            "plugin": plugin,
            "extra": extra,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "plugin": None,
            "extra": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "plugin": betterproto2.field(1, "message"),
            "extra": betterproto2.field(2, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.plugin
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.extra
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
                    raise past_end(self, "plugin")
                x = self.plugin
                if x is None:
                    x = self.plugin = Plugin._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
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
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class IntrospectionBase(_ServiceBase):
    __service__ = "containerd.services.introspection.v1.Introspection"
    __methods__ = (
        Method("Plugins", "plugins", Cardinality.UNARY_UNARY, PluginsRequest, PluginsResponse),
        Method("Server", "server", Cardinality.UNARY_UNARY, google__protobuf.Empty, ServerResponse),
        Method("PluginInfo", "plugin_info", Cardinality.UNARY_UNARY, PluginInfoRequest, PluginInfoResponse),
    )

    async def plugins(self, request: PluginsRequest) -> PluginsResponse:
        raise unimplemented("containerd.services.introspection.v1.Introspection", "Plugins")

    async def server(self, request: google__protobuf.Empty) -> ServerResponse:
        raise unimplemented("containerd.services.introspection.v1.Introspection", "Server")

    async def plugin_info(self, request: PluginInfoRequest) -> PluginInfoResponse:
        raise unimplemented("containerd.services.introspection.v1.Introspection", "PluginInfo")


class IntrospectionStub(_ServiceStub):
    __service__ = "containerd.services.introspection.v1.Introspection"

    async def plugins(self, request: PluginsRequest, **options: Unpack[_Options]) -> PluginsResponse:
        return await self._unary("/containerd.services.introspection.v1.Introspection/Plugins", request, PluginsResponse, options)

    async def server(self, request: google__protobuf.Empty, **options: Unpack[_Options]) -> ServerResponse:
        return await self._unary("/containerd.services.introspection.v1.Introspection/Server", request, ServerResponse, options)

    async def plugin_info(self, request: PluginInfoRequest, **options: Unpack[_Options]) -> PluginInfoResponse:
        return await self._unary("/containerd.services.introspection.v1.Introspection/PluginInfo", request, PluginInfoResponse, options)
