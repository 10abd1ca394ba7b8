"""What whoever runs a mesh asks before images are pulled, named and unpacked, and before containers run.

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
    "Container",
    "DecideRequest",
    "DecideResponse",
    "HooksBase",
    "HooksStub",
)

class DecideRequest(Message):
    point: "str"
    namespace: "str"
    reference: "str"
    name: "str"
    here: "bool"
    target: "containerd__types.Descriptor | None"
    snapshotter: "str"
    labels: "dict[str, str]"
    container: "Container | None"
    snapshot: "str"

    def __init__(
        self,
        *,
        point: str = "",
        namespace: str = "",
        reference: str = "",
        name: str = "",
        here: bool = False,
        target: containerd__types.Descriptor | None = None,
        snapshotter: str = "",
        labels: dict[str, str] | None = None,
        container: Container | None = None,
        snapshot: str = "",
    ) -> None:
        self.__dict__ = {
            "point": point,
            "namespace": namespace,
            "reference": reference,
            "name": name,
            "here": here,
            "target": target,
            "snapshotter": snapshotter,
            "labels": {} if labels is None else labels,
            "container": container,
            "snapshot": snapshot,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "point": "",
            "namespace": "",
            "reference": "",
            "name": "",
            "here": False,
            "target": None,
            "snapshotter": "",
            "labels": {},
            "container": None,
            "snapshot": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "point": betterproto2.field(1, "string"),
            "namespace": betterproto2.field(2, "string"),
            "reference": betterproto2.field(3, "string"),
            "name": betterproto2.field(4, "string"),
            "here": betterproto2.field(5, "bool"),
            "target": betterproto2.field(6, "message"),
            "snapshotter": betterproto2.field(7, "string"),
            "labels": betterproto2.field(8, "map", map_meta=betterproto2.map_meta("string", "string")),
            "container": betterproto2.field(9, "message"),
            "snapshot": betterproto2.field(10, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.point
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
        v = self.reference
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.name
        if v:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.here
        if v:
            a(b'(' + (b'\x01' if v else b'\x00'))
        v = self.target
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.snapshotter
        if v:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.labels
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'B' + (VI[n] if n < 16384 else vi(n)))
                a(e)
        v = self.container
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'J' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.snapshot
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
                    raise past_end(self, "point")
                self.point = text(b, p, q)
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
                    raise past_end(self, "reference")
                self.reference = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "name")
                self.name = text(b, p, q)
                p = q
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.here = x != 0
            elif t == 50:
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
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            elif t == 66:
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
            elif t == 74:
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
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "snapshot")
                self.snapshot = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9, 10,)))
        if p != n:
            raise past_end(self, "its last field")


class Container(Message):
    id: "str"
    image: "str"
    digest: "str"
    runtime: "str"
    snapshotter: "str"
    labels: "dict[str, str]"
    spec: "google__protobuf.Any | None"

    def __init__(
        self,
        *,
        id: str = "",
        image: str = "",
        digest: str = "",
        runtime: str = "",
        snapshotter: str = "",
        labels: dict[str, str] | None = None,
        spec: google__protobuf.Any | None = None,
    ) -> None:
        self.__dict__ = {
            "id": id,
            "image": image,
            "digest": digest,
            "runtime": runtime,
            "snapshotter": snapshotter,
            "labels": {} if labels is None else labels,
            "spec": spec,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "id": "",
            "image": "",
            "digest": "",
            "runtime": "",
            "snapshotter": "",
            "labels": {},
            "spec": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "id": betterproto2.field(1, "string"),
            "image": betterproto2.field(2, "string"),
            "digest": betterproto2.field(3, "string"),
            "runtime": betterproto2.field(4, "string"),
            "snapshotter": betterproto2.field(5, "string"),
            "labels": betterproto2.field(6, "map", map_meta=betterproto2.map_meta("string", "string")),
            "spec": betterproto2.field(7, "message"),
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
        v = self.image
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.digest
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.runtime
        if v:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.snapshotter
        if v:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.labels
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'2' + (VI[n] if n < 16384 else vi(n)))
                a(e)
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
                    raise past_end(self, "image")
                self.image = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "digest")
                self.digest = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "runtime")
                self.runtime = text(b, p, q)
                p = q
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            elif t == 50:
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


class DecideResponse(Message):
    allow: "bool"
    reason: "str"
    reference: "str"
    labels: "dict[str, str]"
    snapshotter: "str"

    def __init__(
        self,
        *,
        allow: bool = False,
        reason: str = "",
        reference: str = "",
        labels: dict[str, str] | None = None,
        snapshotter: str = "",
    ) -> None:
        self.__dict__ = {
            "allow": allow,
            "reason": reason,
            "reference": reference,
            "labels": {} if labels is None else labels,
            "snapshotter": snapshotter,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "allow": False,
            "reason": "",
            "reference": "",
            "labels": {},
            "snapshotter": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "allow": betterproto2.field(1, "bool"),
            "reason": betterproto2.field(2, "string"),
            "reference": betterproto2.field(3, "string"),
            "labels": betterproto2.field(4, "map", map_meta=betterproto2.map_meta("string", "string")),
            "snapshotter": betterproto2.field(5, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.allow
        if v:
            a(b'\x08' + (b'\x01' if v else b'\x00'))
        v = self.reason
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.reference
        if v:
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
        v = self.snapshotter
        if v:
            e = v.encode()
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
                self.allow = x != 0
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "reason")
                self.reason = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "reference")
                self.reference = text(b, p, q)
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
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5,)))
        if p != n:
            raise past_end(self, "its last field")


class HooksBase(_ServiceBase):
    __service__ = "argosy.hooks.v1.Hooks"
    __methods__ = (
        Method("Decide", "decide", Cardinality.UNARY_UNARY, DecideRequest, DecideResponse),
    )

    async def decide(self, request: DecideRequest) -> DecideResponse:
        raise unimplemented("argosy.hooks.v1.Hooks", "Decide")


class HooksStub(_ServiceStub):
    __service__ = "argosy.hooks.v1.Hooks"

    async def decide(self, request: DecideRequest, **options: Unpack[_Options]) -> DecideResponse:
        return await self._unary("/argosy.hooks.v1.Hooks/Decide", request, DecideResponse, options)
