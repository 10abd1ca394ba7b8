"""Snapshots: a tree of file system states.

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
from argosy_protos._wire import VI, entry, past_end, rv, s32, s64, text, unknown, vi, vs, vs32

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options

new = object.__new__

__all__ = (
    "CleanupRequest",
    "CommitSnapshotRequest",
    "Info",
    "Kind",
    "ListSnapshotsRequest",
    "ListSnapshotsResponse",
    "MountsRequest",
    "MountsResponse",
    "PrepareSnapshotRequest",
    "PrepareSnapshotResponse",
    "RemoveSnapshotRequest",
    "SnapshotsBase",
    "SnapshotsStub",
    "StatSnapshotRequest",
    "StatSnapshotResponse",
    "UpdateSnapshotRequest",
    "UpdateSnapshotResponse",
    "UsageRequest",
    "UsageResponse",
    "ViewSnapshotRequest",
    "ViewSnapshotResponse",
)

class Kind(betterproto2.Enum):
    UNKNOWN = 0
    VIEW = 1
    ACTIVE = 2
    COMMITTED = 3


class PrepareSnapshotRequest(Message):
    snapshotter: "str"
    key: "str"
    parent: "str"
    labels: "dict[str, str]"

    def __init__(
        self,
        *,
        snapshotter: str = "",
        key: str = "",
        parent: str = "",
        labels: dict[str, str] | None = None,
    ) -> None:
        self.__dict__ = {
            "snapshotter": snapshotter,
            "key": key,
            "parent": parent,
            "labels": {} if labels is None else labels,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "snapshotter": "",
            "key": "",
            "parent": "",
            "labels": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "snapshotter": betterproto2.field(1, "string"),
            "key": betterproto2.field(2, "string"),
            "parent": betterproto2.field(3, "string"),
            "labels": betterproto2.field(4, "map", map_meta=betterproto2.map_meta("string", "string")),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.snapshotter
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.key
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.parent
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
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "key")
                self.key = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "parent")
                self.parent = text(b, p, q)
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class PrepareSnapshotResponse(Message):
    mounts: "list[containerd__types.Mount]"

    def __init__(
        self,
        *,
        mounts: list[containerd__types.Mount] | None = None,
    ) -> None:
        self.__dict__ = {
            "mounts": [] if mounts is None else mounts,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "mounts": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "mounts": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.mounts
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
                    raise past_end(self, "mounts")
                x = containerd__types.Mount._blank()
                x._merge(b, p, q)
                self.mounts.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ViewSnapshotRequest(Message):
    snapshotter: "str"
    key: "str"
    parent: "str"
    labels: "dict[str, str]"

    def __init__(
        self,
        *,
        snapshotter: str = "",
        key: str = "",
        parent: str = "",
        labels: dict[str, str] | None = None,
    ) -> None:
        self.__dict__ = {
            "snapshotter": snapshotter,
            "key": key,
            "parent": parent,
            "labels": {} if labels is None else labels,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "snapshotter": "",
            "key": "",
            "parent": "",
            "labels": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "snapshotter": betterproto2.field(1, "string"),
            "key": betterproto2.field(2, "string"),
            "parent": betterproto2.field(3, "string"),
            "labels": betterproto2.field(4, "map", map_meta=betterproto2.map_meta("string", "string")),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.snapshotter
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.key
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.parent
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
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "key")
                self.key = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "parent")
                self.parent = text(b, p, q)
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class ViewSnapshotResponse(Message):
    mounts: "list[containerd__types.Mount]"

    def __init__(
        self,
        *,
        mounts: list[containerd__types.Mount] | None = None,
    ) -> None:
        self.__dict__ = {
            "mounts": [] if mounts is None else mounts,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "mounts": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "mounts": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.mounts
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
                    raise past_end(self, "mounts")
                x = containerd__types.Mount._blank()
                x._merge(b, p, q)
                self.mounts.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class MountsRequest(Message):
    snapshotter: "str"
    key: "str"

    def __init__(
        self,
        *,
        snapshotter: str = "",
        key: str = "",
    ) -> None:
        self.__dict__ = {
            "snapshotter": snapshotter,
            "key": key,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "snapshotter": "",
            "key": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "snapshotter": betterproto2.field(1, "string"),
            "key": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.snapshotter
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.key
        if v:
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
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "key")
                self.key = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class MountsResponse(Message):
    mounts: "list[containerd__types.Mount]"

    def __init__(
        self,
        *,
        mounts: list[containerd__types.Mount] | None = None,
    ) -> None:
        self.__dict__ = {
            "mounts": [] if mounts is None else mounts,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "mounts": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "mounts": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.mounts
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
                    raise past_end(self, "mounts")
                x = containerd__types.Mount._blank()
                x._merge(b, p, q)
                self.mounts.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class RemoveSnapshotRequest(Message):
    snapshotter: "str"
    key: "str"

    def __init__(
        self,
        *,
        snapshotter: str = "",
        key: str = "",
    ) -> None:
        self.__dict__ = {
            "snapshotter": snapshotter,
            "key": key,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "snapshotter": "",
            "key": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "snapshotter": betterproto2.field(1, "string"),
            "key": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.snapshotter
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.key
        if v:
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
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "key")
                self.key = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class CommitSnapshotRequest(Message):
    snapshotter: "str"
    name: "str"
    key: "str"
    labels: "dict[str, str]"
    parent: "str"

    def __init__(
        self,
        *,
        snapshotter: str = "",
        name: str = "",
        key: str = "",
        labels: dict[str, str] | None = None,
        parent: str = "",
    ) -> None:
        self.__dict__ = {
            "snapshotter": snapshotter,
            "name": name,
            "key": key,
            "labels": {} if labels is None else labels,
            "parent": parent,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "snapshotter": "",
            "name": "",
            "key": "",
            "labels": {},
            "parent": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "snapshotter": betterproto2.field(1, "string"),
            "name": betterproto2.field(2, "string"),
            "key": betterproto2.field(3, "string"),
            "labels": betterproto2.field(4, "map", map_meta=betterproto2.map_meta("string", "string")),
            "parent": betterproto2.field(5, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.snapshotter
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
        v = self.key
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
        v = self.parent
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
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
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
                    raise past_end(self, "key")
                self.key = text(b, p, q)
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
                    raise past_end(self, "parent")
                self.parent = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5,)))
        if p != n:
            raise past_end(self, "its last field")


class StatSnapshotRequest(Message):
    snapshotter: "str"
    key: "str"

    def __init__(
        self,
        *,
        snapshotter: str = "",
        key: str = "",
    ) -> None:
        self.__dict__ = {
            "snapshotter": snapshotter,
            "key": key,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "snapshotter": "",
            "key": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "snapshotter": betterproto2.field(1, "string"),
            "key": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.snapshotter
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.key
        if v:
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
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "key")
                self.key = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class Info(Message):
    name: "str"
    parent: "str"
    kind: "Kind"
    created_at: "google__protobuf.Timestamp | None"
    updated_at: "google__protobuf.Timestamp | None"
    labels: "dict[str, str]"

    def __init__(
        self,
        *,
        name: str = "",
        parent: str = "",
        kind: Kind | int = 0,
        created_at: google__protobuf.Timestamp | None = None,
        updated_at: google__protobuf.Timestamp | None = None,
        labels: dict[str, str] | None = None,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "parent": parent,
            "kind": kind,
            "created_at": created_at,
            "updated_at": updated_at,
            "labels": {} if labels is None else labels,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "parent": "",
            "kind": 0,
            "created_at": None,
            "updated_at": None,
            "labels": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "parent": betterproto2.field(2, "string"),
            "kind": betterproto2.field(3, "enum", default_factory=lambda: Kind(0)),
            "created_at": betterproto2.field(4, "message"),
            "updated_at": betterproto2.field(5, "message"),
            "labels": betterproto2.field(6, "map", map_meta=betterproto2.map_meta("string", "string")),
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
        v = self.parent
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.kind
        if v:
            a(b'\x18' + vs32(v))
        v = self.created_at
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.updated_at
        if v is not None:
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
                    raise past_end(self, "parent")
                self.parent = text(b, p, q)
                p = q
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.kind = Kind(s32(x))
            elif t == 34:
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
            elif t == 42:
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
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6,)))
        if p != n:
            raise past_end(self, "its last field")


class StatSnapshotResponse(Message):
    info: "Info | None"

    def __init__(
        self,
        *,
        info: Info | None = None,
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
                    x = self.info = Info._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class UpdateSnapshotRequest(Message):
    snapshotter: "str"
    info: "Info | None"
    update_mask: "google__protobuf.FieldMask | None"

    def __init__(
        self,
        *,
        snapshotter: str = "",
        info: Info | None = None,
        update_mask: google__protobuf.FieldMask | None = None,
    ) -> None:
        self.__dict__ = {
            "snapshotter": snapshotter,
            "info": info,
            "update_mask": update_mask,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "snapshotter": "",
            "info": None,
            "update_mask": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "snapshotter": betterproto2.field(1, "string"),
            "info": betterproto2.field(2, "message"),
            "update_mask": betterproto2.field(3, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.snapshotter
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.info
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.update_mask
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
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "info")
                x = self.info
                if x is None:
                    x = self.info = Info._blank()
                x._merge(b, p, q)
                p = q
            elif t == 26:
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
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class UpdateSnapshotResponse(Message):
    info: "Info | None"

    def __init__(
        self,
        *,
        info: Info | None = None,
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
                    x = self.info = Info._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ListSnapshotsRequest(Message):
    snapshotter: "str"
    filters: "list[str]"

    def __init__(
        self,
        *,
        snapshotter: str = "",
        filters: list[str] | None = None,
    ) -> None:
        self.__dict__ = {
            "snapshotter": snapshotter,
            "filters": [] if filters is None else filters,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "snapshotter": "",
            "filters": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "snapshotter": betterproto2.field(1, "string"),
            "filters": betterproto2.field(2, "string", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.snapshotter
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.filters
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
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            elif t == 18:
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
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class ListSnapshotsResponse(Message):
    info: "list[Info]"

    def __init__(
        self,
        *,
        info: list[Info] | None = None,
    ) -> None:
        self.__dict__ = {
            "info": [] if info is None else info,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "info": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "info": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.info
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
                    raise past_end(self, "info")
                x = Info._blank()
                x._merge(b, p, q)
                self.info.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class UsageRequest(Message):
    snapshotter: "str"
    key: "str"

    def __init__(
        self,
        *,
        snapshotter: str = "",
        key: str = "",
    ) -> None:
        self.__dict__ = {
            "snapshotter": snapshotter,
            "key": key,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "snapshotter": "",
            "key": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "snapshotter": betterproto2.field(1, "string"),
            "key": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.snapshotter
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.key
        if v:
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
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "key")
                self.key = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class UsageResponse(Message):
    size: "int"
    inodes: "int"

    def __init__(
        self,
        *,
        size: int = 0,
        inodes: int = 0,
    ) -> None:
        self.__dict__ = {
            "size": size,
            "inodes": inodes,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "size": 0,
            "inodes": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "size": betterproto2.field(1, "int64"),
            "inodes": betterproto2.field(2, "int64"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.size
        if v:
            a(b'\x08' + vs(v))
        v = self.inodes
        if v:
            a(b'\x10' + vs(v))
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
                self.size = s64(x)
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.inodes = s64(x)
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class CleanupRequest(Message):
    snapshotter: "str"

    def __init__(
        self,
        *,
        snapshotter: str = "",
    ) -> None:
        self.__dict__ = {
            "snapshotter": snapshotter,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "snapshotter": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "snapshotter": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.snapshotter
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
                    raise past_end(self, "snapshotter")
                self.snapshotter = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class SnapshotsBase(_ServiceBase):
    __service__ = "containerd.services.snapshots.v1.Snapshots"
    __methods__ = (
        Method("Prepare", "prepare", Cardinality.UNARY_UNARY, PrepareSnapshotRequest, PrepareSnapshotResponse),
        Method("View", "view", Cardinality.UNARY_UNARY, ViewSnapshotRequest, ViewSnapshotResponse),
        Method("Mounts", "mounts", Cardinality.UNARY_UNARY, MountsRequest, MountsResponse),
        Method("Commit", "commit", Cardinality.UNARY_UNARY, CommitSnapshotRequest, google__protobuf.Empty),
        Method("Remove", "remove", Cardinality.UNARY_UNARY, RemoveSnapshotRequest, google__protobuf.Empty),
        Method("Stat", "stat", Cardinality.UNARY_UNARY, StatSnapshotRequest, StatSnapshotResponse),
        Method("Update", "update", Cardinality.UNARY_UNARY, UpdateSnapshotRequest, UpdateSnapshotResponse),
        Method("List", "list", Cardinality.UNARY_STREAM, ListSnapshotsRequest, ListSnapshotsResponse),
        Method("Usage", "usage", Cardinality.UNARY_UNARY, UsageRequest, UsageResponse),
        Method("Cleanup", "cleanup", Cardinality.UNARY_UNARY, CleanupRequest, google__protobuf.Empty),
    )

    async def prepare(self, request: PrepareSnapshotRequest) -> PrepareSnapshotResponse:
        raise unimplemented("containerd.services.snapshots.v1.Snapshots", "Prepare")

    async def view(self, request: ViewSnapshotRequest) -> ViewSnapshotResponse:
        raise unimplemented("containerd.services.snapshots.v1.Snapshots", "View")

    async def mounts(self, request: MountsRequest) -> MountsResponse:
        raise unimplemented("containerd.services.snapshots.v1.Snapshots", "Mounts")

    async def commit(self, request: CommitSnapshotRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.snapshots.v1.Snapshots", "Commit")

    async def remove(self, request: RemoveSnapshotRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.snapshots.v1.Snapshots", "Remove")

    async def stat(self, request: StatSnapshotRequest) -> StatSnapshotResponse:
        raise unimplemented("containerd.services.snapshots.v1.Snapshots", "Stat")

    async def update(self, request: UpdateSnapshotRequest) -> UpdateSnapshotResponse:
        raise unimplemented("containerd.services.snapshots.v1.Snapshots", "Update")

    async def list(self, request: ListSnapshotsRequest) -> AsyncIterator[ListSnapshotsResponse]:
        raise unimplemented("containerd.services.snapshots.v1.Snapshots", "List")
        yield

    async def usage(self, request: UsageRequest) -> UsageResponse:
        raise unimplemented("containerd.services.snapshots.v1.Snapshots", "Usage")

    async def cleanup(self, request: CleanupRequest) -> google__protobuf.Empty:
        raise unimplemented("containerd.services.snapshots.v1.Snapshots", "Cleanup")


class SnapshotsStub(_ServiceStub):
    __service__ = "containerd.services.snapshots.v1.Snapshots"

    async def prepare(self, request: PrepareSnapshotRequest, **options: Unpack[_Options]) -> PrepareSnapshotResponse:
        return await self._unary("/containerd.services.snapshots.v1.Snapshots/Prepare", request, PrepareSnapshotResponse, options)

    async def view(self, request: ViewSnapshotRequest, **options: Unpack[_Options]) -> ViewSnapshotResponse:
        return await self._unary("/containerd.services.snapshots.v1.Snapshots/View", request, ViewSnapshotResponse, options)

    async def mounts(self, request: MountsRequest, **options: Unpack[_Options]) -> MountsResponse:
        return await self._unary("/containerd.services.snapshots.v1.Snapshots/Mounts", request, MountsResponse, options)

    async def commit(self, request: CommitSnapshotRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.snapshots.v1.Snapshots/Commit", request, google__protobuf.Empty, options)

    async def remove(self, request: RemoveSnapshotRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.snapshots.v1.Snapshots/Remove", request, google__protobuf.Empty, options)

    async def stat(self, request: StatSnapshotRequest, **options: Unpack[_Options]) -> StatSnapshotResponse:
        return await self._unary("/containerd.services.snapshots.v1.Snapshots/Stat", request, StatSnapshotResponse, options)

    async def update(self, request: UpdateSnapshotRequest, **options: Unpack[_Options]) -> UpdateSnapshotResponse:
        return await self._unary("/containerd.services.snapshots.v1.Snapshots/Update", request, UpdateSnapshotResponse, options)

    def list(self, request: ListSnapshotsRequest, **options: Unpack[_Options]) -> AsyncIterator[ListSnapshotsResponse]:
        return self._stream("/containerd.services.snapshots.v1.Snapshots/List", request, ListSnapshotsResponse, options)

    async def usage(self, request: UsageRequest, **options: Unpack[_Options]) -> UsageResponse:
        return await self._unary("/containerd.services.snapshots.v1.Snapshots/Usage", request, UsageResponse, options)

    async def cleanup(self, request: CleanupRequest, **options: Unpack[_Options]) -> google__protobuf.Empty:
        return await self._unary("/containerd.services.snapshots.v1.Snapshots/Cleanup", request, google__protobuf.Empty, options)
