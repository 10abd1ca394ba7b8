"""Which calls go to an instance of a plugin of somebody's own, and to nobody else's. The plugins of a gateway: which there are, how each is, and how one comes and goes while everything runs.

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
from argosy_protos._wire import VI, double_at, entry, pack_double, past_end, rv, s32, text, unknown, vi, vs32, vu32

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options

new = object.__new__

__all__ = (
    "AddInterceptRequest",
    "AddInterceptResponse",
    "AddRequest",
    "AddResponse",
    "DrainRequest",
    "DrainResponse",
    "GetRequest",
    "GetResponse",
    "Intercept",
    "InterceptsBase",
    "InterceptsStub",
    "ListInterceptsRequest",
    "ListInterceptsResponse",
    "ListRequest",
    "ListResponse",
    "LogsRequest",
    "LogsResponse",
    "MethodStatistics",
    "Plugin",
    "PluginsBase",
    "PluginsStub",
    "RemoveInterceptRequest",
    "RemoveInterceptResponse",
    "RemoveRequest",
    "RemoveResponse",
    "RollbackRequest",
    "RollbackResponse",
    "Selector",
    "SwapRequest",
    "SwapResponse",
    "Table",
    "UndrainRequest",
    "UndrainResponse",
    "WatchRequest",
    "WatchResponse",
)

class Selector(Message):
    plugin: "str"
    namespace: "str"
    lease: "str"
    reference: "str"

    def __init__(
        self,
        *,
        plugin: str = "",
        namespace: str = "",
        lease: str = "",
        reference: str = "",
    ) -> None:
        self.__dict__ = {
            "plugin": plugin,
            "namespace": namespace,
            "lease": lease,
            "reference": reference,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "plugin": "",
            "namespace": "",
            "lease": "",
            "reference": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "plugin": betterproto2.field(1, "string"),
            "namespace": betterproto2.field(2, "string"),
            "lease": betterproto2.field(3, "string"),
            "reference": betterproto2.field(4, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.plugin
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
        v = self.lease
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.reference
        if v:
            e = v.encode()
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
                    raise past_end(self, "plugin")
                self.plugin = text(b, p, q)
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
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "lease")
                self.lease = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "reference")
                self.reference = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class Intercept(Message):
    selector: "Selector | None"
    instance: "Plugin | None"
    snapshots: "int"

    def __init__(
        self,
        *,
        selector: Selector | None = None,
        instance: Plugin | None = None,
        snapshots: int = 0,
    ) -> None:
        self.__dict__ = {
            "selector": selector,
            "instance": instance,
            "snapshots": snapshots,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "selector": None,
            "instance": None,
            "snapshots": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "selector": betterproto2.field(1, "message"),
            "instance": betterproto2.field(2, "message"),
            "snapshots": betterproto2.field(3, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.selector
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.instance
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.snapshots
        if v:
            a(b'\x18' + vi(v))
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
                    raise past_end(self, "selector")
                x = self.selector
                if x is None:
                    x = self.selector = Selector._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "instance")
                x = self.instance
                if x is None:
                    x = self.instance = Plugin._blank()
                x._merge(b, p, q)
                p = q
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.snapshots = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class ListInterceptsRequest(Message):

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


class ListInterceptsResponse(Message):
    intercepts: "list[Intercept]"

    def __init__(
        self,
        *,
        intercepts: list[Intercept] | None = None,
    ) -> None:
        self.__dict__ = {
            "intercepts": [] if intercepts is None else intercepts,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "intercepts": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "intercepts": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.intercepts
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
                    raise past_end(self, "intercepts")
                x = Intercept._blank()
                x._merge(b, p, q)
                self.intercepts.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class AddInterceptRequest(Message):
    selector: "Selector | None"
    address: "str"
    uids: "list[int]"
    roots: "list[str]"

    def __init__(
        self,
        *,
        selector: Selector | None = None,
        address: str = "",
        uids: list[int] | None = None,
        roots: list[str] | None = None,
    ) -> None:
        self.__dict__ = {
            "selector": selector,
            "address": address,
            "uids": [] if uids is None else uids,
            "roots": [] if roots is None else roots,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "selector": None,
            "address": "",
            "uids": [],
            "roots": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "selector": betterproto2.field(1, "message"),
            "address": betterproto2.field(2, "string"),
            "uids": betterproto2.field(3, "uint32", repeated=True),
            "roots": betterproto2.field(4, "string", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.selector
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.address
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.uids
        if v:
            e = b"".join([vu32(x) for x in v])
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.roots
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
                    raise past_end(self, "selector")
                x = self.selector
                if x is None:
                    x = self.selector = Selector._blank()
                x._merge(b, p, q)
                p = q
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
                    raise past_end(self, "uids")
                while p < q:
                    x, p = rv(b, p)
                    self.uids.append(x & 0xFFFFFFFF)
                if p != q:
                    raise past_end(self, "uids")
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.uids.append(x & 0xFFFFFFFF)
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "roots")
                self.roots.append(text(b, p, q))
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class AddInterceptResponse(Message):
    intercept: "Intercept | None"

    def __init__(
        self,
        *,
        intercept: Intercept | None = None,
    ) -> None:
        self.__dict__ = {
            "intercept": intercept,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "intercept": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "intercept": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.intercept
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
                    raise past_end(self, "intercept")
                x = self.intercept
                if x is None:
                    x = self.intercept = Intercept._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class RemoveInterceptRequest(Message):
    selector: "Selector | None"
    force: "bool"

    def __init__(
        self,
        *,
        selector: Selector | None = None,
        force: bool = False,
    ) -> None:
        self.__dict__ = {
            "selector": selector,
            "force": force,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "selector": None,
            "force": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "selector": betterproto2.field(1, "message"),
            "force": betterproto2.field(2, "bool"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.selector
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.force
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
                    raise past_end(self, "selector")
                x = self.selector
                if x is None:
                    x = self.selector = Selector._blank()
                x._merge(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.force = x != 0
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class RemoveInterceptResponse(Message):

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


class Table(Message):
    type: "str"
    name: "str"
    address: "str"
    platform: "str"
    exports: "dict[str, str]"
    capabilities: "list[str]"
    uids: "list[int]"
    roots: "list[str]"
    cleanup: "str"
    services: "list[str]"
    command: "list[str]"
    directory: "str"
    accepts: "list[str]"
    returns: "str"
    env: "list[str]"
    direction: "str"
    deadline_s: "float"
    fail: "str"

    def __init__(
        self,
        *,
        type: str = "",
        name: str = "",
        address: str = "",
        platform: str = "",
        exports: dict[str, str] | None = None,
        capabilities: list[str] | None = None,
        uids: list[int] | None = None,
        roots: list[str] | None = None,
        cleanup: str = "",
        services: list[str] | None = None,
        command: list[str] | None = None,
        directory: str = "",
        accepts: list[str] | None = None,
        returns: str = "",
        env: list[str] | None = None,
        direction: str = "",
        deadline_s: float = 0.0,
        fail: str = "",
    ) -> None:
        self.__dict__ = {
            "type": type,
            "name": name,
            "address": address,
            "platform": platform,
            "exports": {} if exports is None else exports,
            "capabilities": [] if capabilities is None else capabilities,
            "uids": [] if uids is None else uids,
            "roots": [] if roots is None else roots,
            "cleanup": cleanup,
            "services": [] if services is None else services,
            "command": [] if command is None else command,
            "directory": directory,
            "accepts": [] if accepts is None else accepts,
            "returns": returns,
            "env": [] if env is None else env,
            "direction": direction,
            "deadline_s": deadline_s,
            "fail": fail,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "type": "",
            "name": "",
            "address": "",
            "platform": "",
            "exports": {},
            "capabilities": [],
            "uids": [],
            "roots": [],
            "cleanup": "",
            "services": [],
            "command": [],
            "directory": "",
            "accepts": [],
            "returns": "",
            "env": [],
            "direction": "",
            "deadline_s": 0.0,
            "fail": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "type": betterproto2.field(1, "string"),
            "name": betterproto2.field(2, "string"),
            "address": betterproto2.field(3, "string"),
            "platform": betterproto2.field(4, "string"),
            "exports": betterproto2.field(5, "map", map_meta=betterproto2.map_meta("string", "string")),
            "capabilities": betterproto2.field(6, "string", repeated=True),
            "uids": betterproto2.field(7, "uint32", repeated=True),
            "roots": betterproto2.field(8, "string", repeated=True),
            "cleanup": betterproto2.field(9, "string"),
            "services": betterproto2.field(10, "string", repeated=True),
            "command": betterproto2.field(20, "string", repeated=True),
            "directory": betterproto2.field(21, "string"),
            "accepts": betterproto2.field(30, "string", repeated=True),
            "returns": betterproto2.field(31, "string"),
            "env": betterproto2.field(32, "string", repeated=True),
            "direction": betterproto2.field(33, "string"),
            "deadline_s": betterproto2.field(40, "double"),
            "fail": betterproto2.field(41, "string"),
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
        v = self.name
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.address
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.platform
        if v:
            e = v.encode()
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
        v = self.uids
        if v:
            e = b"".join([vu32(x) for x in v])
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.roots
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'B' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.cleanup
        if v:
            e = v.encode()
            n = len(e)
            a(b'J' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.services
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'R' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.command
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\xa2\x01' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.directory
        if v:
            e = v.encode()
            n = len(e)
            a(b'\xaa\x01' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.accepts
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\xf2\x01' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.returns
        if v:
            e = v.encode()
            n = len(e)
            a(b'\xfa\x01' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.env
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x82\x02' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.direction
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x8a\x02' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.deadline_s
        if v or pack_double(v) != bytes(8):  # -0.0 is a value, as google protobuf has it
            a(b'\xc1\x02' + pack_double(v))
        v = self.fail
        if v:
            e = v.encode()
            n = len(e)
            a(b'\xca\x02' + (VI[n] if n < 16384 else vi(n)))
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
                    raise past_end(self, "name")
                self.name = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "address")
                self.address = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "platform")
                self.platform = text(b, p, q)
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
                    raise past_end(self, "uids")
                while p < q:
                    x, p = rv(b, p)
                    self.uids.append(x & 0xFFFFFFFF)
                if p != q:
                    raise past_end(self, "uids")
            elif t == 56:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.uids.append(x & 0xFFFFFFFF)
            elif t == 66:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "roots")
                self.roots.append(text(b, p, q))
                p = q
            elif t == 74:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "cleanup")
                self.cleanup = text(b, p, q)
                p = q
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "services")
                self.services.append(text(b, p, q))
                p = q
            elif t == 162:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "command")
                self.command.append(text(b, p, q))
                p = q
            elif t == 170:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "directory")
                self.directory = text(b, p, q)
                p = q
            elif t == 242:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "accepts")
                self.accepts.append(text(b, p, q))
                p = q
            elif t == 250:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "returns")
                self.returns = text(b, p, q)
                p = q
            elif t == 258:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "env")
                self.env.append(text(b, p, q))
                p = q
            elif t == 266:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "direction")
                self.direction = text(b, p, q)
                p = q
            elif t == 321:
                self.deadline_s = double_at(b, p, n)
                p += 8
            elif t == 330:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "fail")
                self.fail = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 21, 30, 31, 32, 33, 40, 41,)))
        if p != n:
            raise past_end(self, "its last field")


class Plugin(Message):
    table: "Table | None"
    source: "str"
    state: "str"
    since: "google__protobuf.Timestamp | None"
    reason: "str"
    generation: "int"
    last_error: "str"
    last_errno: "int"
    last_error_at: "google__protobuf.Timestamp | None"
    last_ok_at: "google__protobuf.Timestamp | None"
    calls_in_flight: "int"
    restarts: "int"
    p50_s: "float"
    p99_s: "float"
    methods: "list[MethodStatistics]"
    pid: "int"

    def __init__(
        self,
        *,
        table: Table | None = None,
        source: str = "",
        state: str = "",
        since: google__protobuf.Timestamp | None = None,
        reason: str = "",
        generation: int = 0,
        last_error: str = "",
        last_errno: int = 0,
        last_error_at: google__protobuf.Timestamp | None = None,
        last_ok_at: google__protobuf.Timestamp | None = None,
        calls_in_flight: int = 0,
        restarts: int = 0,
        p50_s: float = 0.0,
        p99_s: float = 0.0,
        methods: list[MethodStatistics] | None = None,
        pid: int = 0,
    ) -> None:
        self.__dict__ = {
            "table": table,
            "source": source,
            "state": state,
            "since": since,
            "reason": reason,
            "generation": generation,
            "last_error": last_error,
            "last_errno": last_errno,
            "last_error_at": last_error_at,
            "last_ok_at": last_ok_at,
            "calls_in_flight": calls_in_flight,
            "restarts": restarts,
            "p50_s": p50_s,
            "p99_s": p99_s,
            "methods": [] if methods is None else methods,
            "pid": pid,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "table": None,
            "source": "",
            "state": "",
            "since": None,
            "reason": "",
            "generation": 0,
            "last_error": "",
            "last_errno": 0,
            "last_error_at": None,
            "last_ok_at": None,
            "calls_in_flight": 0,
            "restarts": 0,
            "p50_s": 0.0,
            "p99_s": 0.0,
            "methods": [],
            "pid": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "table": betterproto2.field(1, "message"),
            "source": betterproto2.field(2, "string"),
            "state": betterproto2.field(3, "string"),
            "since": betterproto2.field(4, "message"),
            "reason": betterproto2.field(5, "string"),
            "generation": betterproto2.field(6, "uint64"),
            "last_error": betterproto2.field(7, "string"),
            "last_errno": betterproto2.field(8, "int32"),
            "last_error_at": betterproto2.field(9, "message"),
            "last_ok_at": betterproto2.field(10, "message"),
            "calls_in_flight": betterproto2.field(11, "uint64"),
            "restarts": betterproto2.field(12, "uint64"),
            "p50_s": betterproto2.field(13, "double"),
            "p99_s": betterproto2.field(14, "double"),
            "methods": betterproto2.field(15, "message", repeated=True),
            "pid": betterproto2.field(30, "uint64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.table
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.source
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.state
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.since
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.reason
        if v:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.generation
        if v:
            a(b'0' + vi(v))
        v = self.last_error
        if v:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.last_errno
        if v:
            a(b'@' + vs32(v))
        v = self.last_error_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'J' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.last_ok_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'R' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.calls_in_flight
        if v:
            a(b'X' + vi(v))
        v = self.restarts
        if v:
            a(b'`' + vi(v))
        v = self.p50_s
        if v or pack_double(v) != bytes(8):  # -0.0 is a value, as google protobuf has it
            a(b'i' + pack_double(v))
        v = self.p99_s
        if v or pack_double(v) != bytes(8):  # -0.0 is a value, as google protobuf has it
            a(b'q' + pack_double(v))
        v = self.methods
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'z' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.pid
        if v:
            a(b'\xf0\x01' + vi(v))
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
                    raise past_end(self, "table")
                x = self.table
                if x is None:
                    x = self.table = Table._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "source")
                self.source = text(b, p, q)
                p = q
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
                    raise past_end(self, "since")
                x = self.since
                if x is None:
                    x = self.since = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "reason")
                self.reason = text(b, p, q)
                p = q
            elif t == 48:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.generation = x
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "last_error")
                self.last_error = text(b, p, q)
                p = q
            elif t == 64:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.last_errno = s32(x)
            elif t == 74:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "last_error_at")
                x = self.last_error_at
                if x is None:
                    x = self.last_error_at = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "last_ok_at")
                x = self.last_ok_at
                if x is None:
                    x = self.last_ok_at = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            elif t == 88:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.calls_in_flight = x
            elif t == 96:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.restarts = x
            elif t == 105:
                self.p50_s = double_at(b, p, n)
                p += 8
            elif t == 113:
                self.p99_s = double_at(b, p, n)
                p += 8
            elif t == 122:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "methods")
                x = MethodStatistics._blank()
                x._merge(b, p, q)
                self.methods.append(x)
                p = q
            elif t == 240:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pid = x
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 30,)))
        if p != n:
            raise past_end(self, "its last field")


class MethodStatistics(Message):
    name: "str"
    calls: "int"
    failed: "int"
    p50_s: "float"
    p99_s: "float"

    def __init__(
        self,
        *,
        name: str = "",
        calls: int = 0,
        failed: int = 0,
        p50_s: float = 0.0,
        p99_s: float = 0.0,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "calls": calls,
            "failed": failed,
            "p50_s": p50_s,
            "p99_s": p99_s,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "calls": 0,
            "failed": 0,
            "p50_s": 0.0,
            "p99_s": 0.0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "calls": betterproto2.field(2, "uint64"),
            "failed": betterproto2.field(3, "uint64"),
            "p50_s": betterproto2.field(4, "double"),
            "p99_s": betterproto2.field(5, "double"),
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
        v = self.calls
        if v:
            a(b'\x10' + vi(v))
        v = self.failed
        if v:
            a(b'\x18' + vi(v))
        v = self.p50_s
        if v or pack_double(v) != bytes(8):  # -0.0 is a value, as google protobuf has it
            a(b'!' + pack_double(v))
        v = self.p99_s
        if v or pack_double(v) != bytes(8):  # -0.0 is a value, as google protobuf has it
            a(b')' + pack_double(v))
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
                self.calls = x
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.failed = x
            elif t == 33:
                self.p50_s = double_at(b, p, n)
                p += 8
            elif t == 41:
                self.p99_s = double_at(b, p, n)
                p += 8
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5,)))
        if p != n:
            raise past_end(self, "its last field")


class ListRequest(Message):

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


class ListResponse(Message):
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


class GetRequest(Message):
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


class GetResponse(Message):
    plugin: "Plugin | None"

    def __init__(
        self,
        *,
        plugin: Plugin | None = None,
    ) -> None:
        self.__dict__ = {
            "plugin": plugin,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "plugin": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "plugin": betterproto2.field(1, "message"),
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class AddRequest(Message):
    table: "Table | None"

    def __init__(
        self,
        *,
        table: Table | None = None,
    ) -> None:
        self.__dict__ = {
            "table": table,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "table": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "table": betterproto2.field(1, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.table
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
                    raise past_end(self, "table")
                x = self.table
                if x is None:
                    x = self.table = Table._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class AddResponse(Message):
    plugin: "Plugin | None"

    def __init__(
        self,
        *,
        plugin: Plugin | None = None,
    ) -> None:
        self.__dict__ = {
            "plugin": plugin,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "plugin": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "plugin": betterproto2.field(1, "message"),
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class RemoveRequest(Message):
    name: "str"
    force: "bool"
    wait_s: "float"

    def __init__(
        self,
        *,
        name: str = "",
        force: bool = False,
        wait_s: float = 0.0,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "force": force,
            "wait_s": wait_s,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "force": False,
            "wait_s": 0.0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "force": betterproto2.field(2, "bool"),
            "wait_s": betterproto2.field(3, "double"),
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
        v = self.force
        if v:
            a(b'\x10' + (b'\x01' if v else b'\x00'))
        v = self.wait_s
        if v or pack_double(v) != bytes(8):  # -0.0 is a value, as google protobuf has it
            a(b'\x19' + pack_double(v))
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
                self.force = x != 0
            elif t == 25:
                self.wait_s = double_at(b, p, n)
                p += 8
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class RemoveResponse(Message):

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


class DrainRequest(Message):
    name: "str"
    wait_s: "float"

    def __init__(
        self,
        *,
        name: str = "",
        wait_s: float = 0.0,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "wait_s": wait_s,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "wait_s": 0.0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "wait_s": betterproto2.field(2, "double"),
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
        v = self.wait_s
        if v or pack_double(v) != bytes(8):  # -0.0 is a value, as google protobuf has it
            a(b'\x11' + pack_double(v))
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
            elif t == 17:
                self.wait_s = double_at(b, p, n)
                p += 8
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class DrainResponse(Message):
    plugin: "Plugin | None"

    def __init__(
        self,
        *,
        plugin: Plugin | None = None,
    ) -> None:
        self.__dict__ = {
            "plugin": plugin,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "plugin": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "plugin": betterproto2.field(1, "message"),
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class UndrainRequest(Message):
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


class UndrainResponse(Message):
    plugin: "Plugin | None"

    def __init__(
        self,
        *,
        plugin: Plugin | None = None,
    ) -> None:
        self.__dict__ = {
            "plugin": plugin,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "plugin": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "plugin": betterproto2.field(1, "message"),
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class SwapRequest(Message):
    name: "str"
    address: "str"
    command: "list[str]"
    directory: "str"
    canary_s: "float"
    max_error_rate: "float"
    verify: "bool"

    def __init__(
        self,
        *,
        name: str = "",
        address: str = "",
        command: list[str] | None = None,
        directory: str = "",
        canary_s: float = 0.0,
        max_error_rate: float = 0.0,
        verify: bool = False,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "address": address,
            "command": [] if command is None else command,
            "directory": directory,
            "canary_s": canary_s,
            "max_error_rate": max_error_rate,
            "verify": verify,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "address": "",
            "command": [],
            "directory": "",
            "canary_s": 0.0,
            "max_error_rate": 0.0,
            "verify": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "address": betterproto2.field(2, "string"),
            "command": betterproto2.field(20, "string", repeated=True),
            "directory": betterproto2.field(21, "string"),
            "canary_s": betterproto2.field(22, "double"),
            "max_error_rate": betterproto2.field(23, "double"),
            "verify": betterproto2.field(24, "bool"),
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
        v = self.address
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.command
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\xa2\x01' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.directory
        if v:
            e = v.encode()
            n = len(e)
            a(b'\xaa\x01' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.canary_s
        if v or pack_double(v) != bytes(8):  # -0.0 is a value, as google protobuf has it
            a(b'\xb1\x01' + pack_double(v))
        v = self.max_error_rate
        if v or pack_double(v) != bytes(8):  # -0.0 is a value, as google protobuf has it
            a(b'\xb9\x01' + pack_double(v))
        v = self.verify
        if v:
            a(b'\xc0\x01' + (b'\x01' if v else b'\x00'))
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
                    raise past_end(self, "address")
                self.address = text(b, p, q)
                p = q
            elif t == 162:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "command")
                self.command.append(text(b, p, q))
                p = q
            elif t == 170:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "directory")
                self.directory = text(b, p, q)
                p = q
            elif t == 177:
                self.canary_s = double_at(b, p, n)
                p += 8
            elif t == 185:
                self.max_error_rate = double_at(b, p, n)
                p += 8
            elif t == 192:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.verify = x != 0
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 20, 21, 22, 23, 24,)))
        if p != n:
            raise past_end(self, "its last field")


class SwapResponse(Message):
    plugin: "Plugin | None"

    def __init__(
        self,
        *,
        plugin: Plugin | None = None,
    ) -> None:
        self.__dict__ = {
            "plugin": plugin,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "plugin": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "plugin": betterproto2.field(1, "message"),
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class RollbackRequest(Message):
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


class RollbackResponse(Message):
    plugin: "Plugin | None"

    def __init__(
        self,
        *,
        plugin: Plugin | None = None,
    ) -> None:
        self.__dict__ = {
            "plugin": plugin,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "plugin": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "plugin": betterproto2.field(1, "message"),
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class WatchRequest(Message):

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


class WatchResponse(Message):
    plugin: "Plugin | None"
    removed: "bool"

    def __init__(
        self,
        *,
        plugin: Plugin | None = None,
        removed: bool = False,
    ) -> None:
        self.__dict__ = {
            "plugin": plugin,
            "removed": removed,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "plugin": None,
            "removed": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "plugin": betterproto2.field(1, "message"),
            "removed": betterproto2.field(2, "bool"),
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
        v = self.removed
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
                    raise past_end(self, "plugin")
                x = self.plugin
                if x is None:
                    x = self.plugin = Plugin._blank()
                x._merge(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.removed = x != 0
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class LogsRequest(Message):
    name: "str"
    follow: "bool"
    lines: "int"

    def __init__(
        self,
        *,
        name: str = "",
        follow: bool = False,
        lines: int = 0,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "follow": follow,
            "lines": lines,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "follow": False,
            "lines": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "follow": betterproto2.field(2, "bool"),
            "lines": betterproto2.field(3, "uint32"),
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
        v = self.follow
        if v:
            a(b'\x10' + (b'\x01' if v else b'\x00'))
        v = self.lines
        if v:
            a(b'\x18' + vu32(v))
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
                self.follow = x != 0
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.lines = x & 0xFFFFFFFF
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class LogsResponse(Message):
    data: "bytes"

    def __init__(
        self,
        *,
        data: bytes = b"",
    ) -> None:
        self.__dict__ = {
            "data": data,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "data": b"",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "data": betterproto2.field(1, "bytes"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.data
        if v:
            e = v
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
                    raise past_end(self, "data")
                self.data = b[p:q]
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class InterceptsBase(_ServiceBase):
    __service__ = "argosy.plugins.v1.Intercepts"
    __methods__ = (
        Method("List", "list", Cardinality.UNARY_UNARY, ListInterceptsRequest, ListInterceptsResponse),
        Method("Add", "add", Cardinality.UNARY_UNARY, AddInterceptRequest, AddInterceptResponse),
        Method("Remove", "remove", Cardinality.UNARY_UNARY, RemoveInterceptRequest, RemoveInterceptResponse),
    )

    async def list(self, request: ListInterceptsRequest) -> ListInterceptsResponse:
        raise unimplemented("argosy.plugins.v1.Intercepts", "List")

    async def add(self, request: AddInterceptRequest) -> AddInterceptResponse:
        raise unimplemented("argosy.plugins.v1.Intercepts", "Add")

    async def remove(self, request: RemoveInterceptRequest) -> RemoveInterceptResponse:
        raise unimplemented("argosy.plugins.v1.Intercepts", "Remove")


class InterceptsStub(_ServiceStub):
    __service__ = "argosy.plugins.v1.Intercepts"

    async def list(self, request: ListInterceptsRequest, **options: Unpack[_Options]) -> ListInterceptsResponse:
        return await self._unary("/argosy.plugins.v1.Intercepts/List", request, ListInterceptsResponse, options)

    async def add(self, request: AddInterceptRequest, **options: Unpack[_Options]) -> AddInterceptResponse:
        return await self._unary("/argosy.plugins.v1.Intercepts/Add", request, AddInterceptResponse, options)

    async def remove(self, request: RemoveInterceptRequest, **options: Unpack[_Options]) -> RemoveInterceptResponse:
        return await self._unary("/argosy.plugins.v1.Intercepts/Remove", request, RemoveInterceptResponse, options)


class PluginsBase(_ServiceBase):
    __service__ = "argosy.plugins.v1.Plugins"
    __methods__ = (
        Method("List", "list", Cardinality.UNARY_UNARY, ListRequest, ListResponse),
        Method("Get", "get", Cardinality.UNARY_UNARY, GetRequest, GetResponse),
        Method("Add", "add", Cardinality.UNARY_UNARY, AddRequest, AddResponse),
        Method("Remove", "remove", Cardinality.UNARY_UNARY, RemoveRequest, RemoveResponse),
        Method("Drain", "drain", Cardinality.UNARY_UNARY, DrainRequest, DrainResponse),
        Method("Undrain", "undrain", Cardinality.UNARY_UNARY, UndrainRequest, UndrainResponse),
        Method("Swap", "swap", Cardinality.UNARY_UNARY, SwapRequest, SwapResponse),
        Method("Rollback", "rollback", Cardinality.UNARY_UNARY, RollbackRequest, RollbackResponse),
        Method("Watch", "watch", Cardinality.UNARY_STREAM, WatchRequest, WatchResponse),
        Method("Logs", "logs", Cardinality.UNARY_STREAM, LogsRequest, LogsResponse),
    )

    async def list(self, request: ListRequest) -> ListResponse:
        raise unimplemented("argosy.plugins.v1.Plugins", "List")

    async def get(self, request: GetRequest) -> GetResponse:
        raise unimplemented("argosy.plugins.v1.Plugins", "Get")

    async def add(self, request: AddRequest) -> AddResponse:
        raise unimplemented("argosy.plugins.v1.Plugins", "Add")

    async def remove(self, request: RemoveRequest) -> RemoveResponse:
        raise unimplemented("argosy.plugins.v1.Plugins", "Remove")

    async def drain(self, request: DrainRequest) -> DrainResponse:
        raise unimplemented("argosy.plugins.v1.Plugins", "Drain")

    async def undrain(self, request: UndrainRequest) -> UndrainResponse:
        raise unimplemented("argosy.plugins.v1.Plugins", "Undrain")

    async def swap(self, request: SwapRequest) -> SwapResponse:
        raise unimplemented("argosy.plugins.v1.Plugins", "Swap")

    async def rollback(self, request: RollbackRequest) -> RollbackResponse:
        raise unimplemented("argosy.plugins.v1.Plugins", "Rollback")

    async def watch(self, request: WatchRequest) -> AsyncIterator[WatchResponse]:
        raise unimplemented("argosy.plugins.v1.Plugins", "Watch")
        yield

    async def logs(self, request: LogsRequest) -> AsyncIterator[LogsResponse]:
        raise unimplemented("argosy.plugins.v1.Plugins", "Logs")
        yield


class PluginsStub(_ServiceStub):
    __service__ = "argosy.plugins.v1.Plugins"

    async def list(self, request: ListRequest, **options: Unpack[_Options]) -> ListResponse:
        return await self._unary("/argosy.plugins.v1.Plugins/List", request, ListResponse, options)

    async def get(self, request: GetRequest, **options: Unpack[_Options]) -> GetResponse:
        return await self._unary("/argosy.plugins.v1.Plugins/Get", request, GetResponse, options)

    async def add(self, request: AddRequest, **options: Unpack[_Options]) -> AddResponse:
        return await self._unary("/argosy.plugins.v1.Plugins/Add", request, AddResponse, options)

    async def remove(self, request: RemoveRequest, **options: Unpack[_Options]) -> RemoveResponse:
        return await self._unary("/argosy.plugins.v1.Plugins/Remove", request, RemoveResponse, options)

    async def drain(self, request: DrainRequest, **options: Unpack[_Options]) -> DrainResponse:
        return await self._unary("/argosy.plugins.v1.Plugins/Drain", request, DrainResponse, options)

    async def undrain(self, request: UndrainRequest, **options: Unpack[_Options]) -> UndrainResponse:
        return await self._unary("/argosy.plugins.v1.Plugins/Undrain", request, UndrainResponse, options)

    async def swap(self, request: SwapRequest, **options: Unpack[_Options]) -> SwapResponse:
        return await self._unary("/argosy.plugins.v1.Plugins/Swap", request, SwapResponse, options)

    async def rollback(self, request: RollbackRequest, **options: Unpack[_Options]) -> RollbackResponse:
        return await self._unary("/argosy.plugins.v1.Plugins/Rollback", request, RollbackResponse, options)

    def watch(self, request: WatchRequest, **options: Unpack[_Options]) -> AsyncIterator[WatchResponse]:
        return self._stream("/argosy.plugins.v1.Plugins/Watch", request, WatchResponse, options)

    def logs(self, request: LogsRequest, **options: Unpack[_Options]) -> AsyncIterator[LogsResponse]:
        return self._stream("/argosy.plugins.v1.Plugins/Logs", request, LogsResponse, options)
