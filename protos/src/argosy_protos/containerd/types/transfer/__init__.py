"""Sources, destinations and the messages on their streams.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations


from argosy_protos._betterproto import betterproto2

from argosy_protos.containerd import types as containerd__types
from argosy_protos.google import protobuf as google__protobuf
from argosy_protos._message import Message
from argosy_protos._wire import VI, entry, past_end, rv, s32, s64, text, unknown, vi, vs, vs32, vu32

new = object.__new__

__all__ = (
    "AuthRequest",
    "AuthResponse",
    "AuthType",
    "ContainerPath",
    "Data",
    "HTTPDebug",
    "ImageExportStream",
    "ImageImportStream",
    "ImageReference",
    "ImageStore",
    "OCIRegistry",
    "Progress",
    "ReadStream",
    "RegistryResolver",
    "UnpackConfiguration",
    "WindowUpdate",
    "WriteStream",
)

class HTTPDebug(betterproto2.Enum):
    DISABLED = 0
    DEBUG = 1
    TRACE = 2
    BOTH = 3


class AuthType(betterproto2.Enum):
    NONE = 0
    CREDENTIALS = 1
    REFRESH = 2
    HEADER = 3


class ContainerPath(Message):
    container_id: "str"
    path: "str"
    no_walk: "bool"
    preserve_ownership: "bool"

    def __init__(
        self,
        *,
        container_id: str = "",
        path: str = "",
        no_walk: bool = False,
        preserve_ownership: bool = False,
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "path": path,
            "no_walk": no_walk,
            "preserve_ownership": preserve_ownership,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "path": "",
            "no_walk": False,
            "preserve_ownership": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
            "path": betterproto2.field(2, "string"),
            "no_walk": betterproto2.field(3, "bool"),
            "preserve_ownership": betterproto2.field(4, "bool"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.container_id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.path
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.no_walk
        if v:
            a(b'\x18' + (b'\x01' if v else b'\x00'))
        v = self.preserve_ownership
        if v:
            a(b' ' + (b'\x01' if v else b'\x00'))
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
                    raise past_end(self, "container_id")
                self.container_id = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "path")
                self.path = text(b, p, q)
                p = q
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.no_walk = x != 0
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.preserve_ownership = x != 0
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class ImageStore(Message):
    name: "str"
    labels: "dict[str, str]"
    platforms: "list[containerd__types.Platform]"
    all_metadata: "bool"
    manifest_limit: "int"
    extra_references: "list[ImageReference]"
    unpacks: "list[UnpackConfiguration]"

    def __init__(
        self,
        *,
        name: str = "",
        labels: dict[str, str] | None = None,
        platforms: list[containerd__types.Platform] | None = None,
        all_metadata: bool = False,
        manifest_limit: int = 0,
        extra_references: list[ImageReference] | None = None,
        unpacks: list[UnpackConfiguration] | None = None,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "labels": {} if labels is None else labels,
            "platforms": [] if platforms is None else platforms,
            "all_metadata": all_metadata,
            "manifest_limit": manifest_limit,
            "extra_references": [] if extra_references is None else extra_references,
            "unpacks": [] if unpacks is None else unpacks,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "labels": {},
            "platforms": [],
            "all_metadata": False,
            "manifest_limit": 0,
            "extra_references": [],
            "unpacks": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "labels": betterproto2.field(2, "map", map_meta=betterproto2.map_meta("string", "string")),
            "platforms": betterproto2.field(3, "message", repeated=True),
            "all_metadata": betterproto2.field(4, "bool"),
            "manifest_limit": betterproto2.field(5, "uint32"),
            "extra_references": betterproto2.field(6, "message", repeated=True),
            "unpacks": betterproto2.field(10, "message", repeated=True),
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
        v = self.platforms
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.all_metadata
        if v:
            a(b' ' + (b'\x01' if v else b'\x00'))
        v = self.manifest_limit
        if v:
            a(b'(' + vu32(v))
        v = self.extra_references
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.unpacks
        for x in v:
            e = x.encode()
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
            elif t == 26:
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
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.all_metadata = x != 0
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.manifest_limit = x & 0xFFFFFFFF
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "extra_references")
                x = ImageReference._blank()
                x._merge(b, p, q)
                self.extra_references.append(x)
                p = q
            elif t == 82:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "unpacks")
                x = UnpackConfiguration._blank()
                x._merge(b, p, q)
                self.unpacks.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 10,)))
        if p != n:
            raise past_end(self, "its last field")


class UnpackConfiguration(Message):
    platform: "containerd__types.Platform | None"
    snapshotter: "str"

    def __init__(
        self,
        *,
        platform: containerd__types.Platform | None = None,
        snapshotter: str = "",
    ) -> None:
        self.__dict__ = {
            "platform": platform,
            "snapshotter": snapshotter,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "platform": None,
            "snapshotter": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "platform": betterproto2.field(1, "message"),
            "snapshotter": betterproto2.field(2, "string"),
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
        v = self.snapshotter
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
                    raise past_end(self, "platform")
                x = self.platform
                if x is None:
                    x = self.platform = containerd__types.Platform._blank()
                x._merge(b, p, q)
                p = q
            elif t == 18:
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
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class ImageReference(Message):
    name: "str"
    is_prefix: "bool"
    allow_overwrite: "bool"
    add_digest: "bool"
    skip_named_digest: "bool"

    def __init__(
        self,
        *,
        name: str = "",
        is_prefix: bool = False,
        allow_overwrite: bool = False,
        add_digest: bool = False,
        skip_named_digest: bool = False,
    ) -> None:
        self.__dict__ = {
            "name": name,
            "is_prefix": is_prefix,
            "allow_overwrite": allow_overwrite,
            "add_digest": add_digest,
            "skip_named_digest": skip_named_digest,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "is_prefix": False,
            "allow_overwrite": False,
            "add_digest": False,
            "skip_named_digest": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
            "is_prefix": betterproto2.field(2, "bool"),
            "allow_overwrite": betterproto2.field(3, "bool"),
            "add_digest": betterproto2.field(4, "bool"),
            "skip_named_digest": betterproto2.field(5, "bool"),
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
        v = self.is_prefix
        if v:
            a(b'\x10' + (b'\x01' if v else b'\x00'))
        v = self.allow_overwrite
        if v:
            a(b'\x18' + (b'\x01' if v else b'\x00'))
        v = self.add_digest
        if v:
            a(b' ' + (b'\x01' if v else b'\x00'))
        v = self.skip_named_digest
        if v:
            a(b'(' + (b'\x01' if v else b'\x00'))
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
                self.is_prefix = x != 0
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.allow_overwrite = x != 0
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.add_digest = x != 0
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.skip_named_digest = x != 0
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5,)))
        if p != n:
            raise past_end(self, "its last field")


class ImageImportStream(Message):
    stream: "str"
    media_type: "str"
    force_compress: "bool"

    def __init__(
        self,
        *,
        stream: str = "",
        media_type: str = "",
        force_compress: bool = False,
    ) -> None:
        self.__dict__ = {
            "stream": stream,
            "media_type": media_type,
            "force_compress": force_compress,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "stream": "",
            "media_type": "",
            "force_compress": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "stream": betterproto2.field(1, "string"),
            "media_type": betterproto2.field(2, "string"),
            "force_compress": betterproto2.field(3, "bool"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.stream
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.media_type
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.force_compress
        if v:
            a(b'\x18' + (b'\x01' if v else b'\x00'))
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
                    raise past_end(self, "stream")
                self.stream = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "media_type")
                self.media_type = text(b, p, q)
                p = q
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.force_compress = x != 0
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class ImageExportStream(Message):
    stream: "str"
    media_type: "str"
    platforms: "list[containerd__types.Platform]"
    all_platforms: "bool"
    skip_compatibility_manifest: "bool"
    skip_non_distributable: "bool"

    def __init__(
        self,
        *,
        stream: str = "",
        media_type: str = "",
        platforms: list[containerd__types.Platform] | None = None,
        all_platforms: bool = False,
        skip_compatibility_manifest: bool = False,
        skip_non_distributable: bool = False,
    ) -> None:
        self.__dict__ = {
            "stream": stream,
            "media_type": media_type,
            "platforms": [] if platforms is None else platforms,
            "all_platforms": all_platforms,
            "skip_compatibility_manifest": skip_compatibility_manifest,
            "skip_non_distributable": skip_non_distributable,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "stream": "",
            "media_type": "",
            "platforms": [],
            "all_platforms": False,
            "skip_compatibility_manifest": False,
            "skip_non_distributable": False,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "stream": betterproto2.field(1, "string"),
            "media_type": betterproto2.field(2, "string"),
            "platforms": betterproto2.field(3, "message", repeated=True),
            "all_platforms": betterproto2.field(4, "bool"),
            "skip_compatibility_manifest": betterproto2.field(5, "bool"),
            "skip_non_distributable": betterproto2.field(6, "bool"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.stream
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.media_type
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.platforms
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.all_platforms
        if v:
            a(b' ' + (b'\x01' if v else b'\x00'))
        v = self.skip_compatibility_manifest
        if v:
            a(b'(' + (b'\x01' if v else b'\x00'))
        v = self.skip_non_distributable
        if v:
            a(b'0' + (b'\x01' if v else b'\x00'))
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
                    raise past_end(self, "stream")
                self.stream = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "media_type")
                self.media_type = text(b, p, q)
                p = q
            elif t == 26:
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
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.all_platforms = x != 0
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.skip_compatibility_manifest = x != 0
            elif t == 48:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.skip_non_distributable = x != 0
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6,)))
        if p != n:
            raise past_end(self, "its last field")


class Progress(Message):
    event: "str"
    name: "str"
    parents: "list[str]"
    progress: "int"
    total: "int"
    desc: "containerd__types.Descriptor | None"

    def __init__(
        self,
        *,
        event: str = "",
        name: str = "",
        parents: list[str] | None = None,
        progress: int = 0,
        total: int = 0,
        desc: containerd__types.Descriptor | None = None,
    ) -> None:
        self.__dict__ = {
            "event": event,
            "name": name,
            "parents": [] if parents is None else parents,
            "progress": progress,
            "total": total,
            "desc": desc,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "event": "",
            "name": "",
            "parents": [],
            "progress": 0,
            "total": 0,
            "desc": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "event": betterproto2.field(1, "string"),
            "name": betterproto2.field(2, "string"),
            "parents": betterproto2.field(3, "string", repeated=True),
            "progress": betterproto2.field(4, "int64"),
            "total": betterproto2.field(5, "int64"),
            "desc": betterproto2.field(6, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.event
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
        v = self.parents
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.progress
        if v:
            a(b' ' + vs(v))
        v = self.total
        if v:
            a(b'(' + vs(v))
        v = self.desc
        if v is not None:
            e = v.encode()
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
                    raise past_end(self, "event")
                self.event = text(b, p, q)
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
                    raise past_end(self, "parents")
                self.parents.append(text(b, p, q))
                p = q
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.progress = s64(x)
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.total = s64(x)
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "desc")
                x = self.desc
                if x is None:
                    x = self.desc = containerd__types.Descriptor._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6,)))
        if p != n:
            raise past_end(self, "its last field")


class OCIRegistry(Message):
    reference: "str"
    resolver: "RegistryResolver | None"

    def __init__(
        self,
        *,
        reference: str = "",
        resolver: RegistryResolver | None = None,
    ) -> None:
        self.__dict__ = {
            "reference": reference,
            "resolver": resolver,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "reference": "",
            "resolver": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "reference": betterproto2.field(1, "string"),
            "resolver": betterproto2.field(2, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.reference
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.resolver
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
                    raise past_end(self, "reference")
                self.reference = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "resolver")
                x = self.resolver
                if x is None:
                    x = self.resolver = RegistryResolver._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class RegistryResolver(Message):
    auth_stream: "str"
    headers: "dict[str, str]"
    host_dir: "str"
    default_scheme: "str"
    http_debug: "HTTPDebug"
    logs_stream: "str"

    def __init__(
        self,
        *,
        auth_stream: str = "",
        headers: dict[str, str] | None = None,
        host_dir: str = "",
        default_scheme: str = "",
        http_debug: HTTPDebug | int = 0,
        logs_stream: str = "",
    ) -> None:
        self.__dict__ = {
            "auth_stream": auth_stream,
            "headers": {} if headers is None else headers,
            "host_dir": host_dir,
            "default_scheme": default_scheme,
            "http_debug": http_debug,
            "logs_stream": logs_stream,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "auth_stream": "",
            "headers": {},
            "host_dir": "",
            "default_scheme": "",
            "http_debug": 0,
            "logs_stream": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "auth_stream": betterproto2.field(1, "string"),
            "headers": betterproto2.field(2, "map", map_meta=betterproto2.map_meta("string", "string")),
            "host_dir": betterproto2.field(3, "string"),
            "default_scheme": betterproto2.field(4, "string"),
            "http_debug": betterproto2.field(5, "enum", default_factory=lambda: HTTPDebug(0)),
            "logs_stream": betterproto2.field(6, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.auth_stream
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.headers
        if v:
            for k, x in v.items():
                k = k.encode()
                x = x.encode()
                e = b'\n' + vi(len(k)) + k + b'\x12' + vi(len(x)) + x
                n = len(e)
                a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
                a(e)
        v = self.host_dir
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.default_scheme
        if v:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.http_debug
        if v:
            a(b'(' + vs32(v))
        v = self.logs_stream
        if v:
            e = v.encode()
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
                    raise past_end(self, "auth_stream")
                self.auth_stream = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "headers")
                k, r = entry(b, p, q)
                x = text(b, *r[-1]) if r else ""
                self.headers[k] = x
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "host_dir")
                self.host_dir = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "default_scheme")
                self.default_scheme = text(b, p, q)
                p = q
            elif t == 40:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.http_debug = HTTPDebug(s32(x))
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "logs_stream")
                self.logs_stream = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6,)))
        if p != n:
            raise past_end(self, "its last field")


class AuthRequest(Message):
    host: "str"
    reference: "str"
    wwwauthenticate: "list[str]"

    def __init__(
        self,
        *,
        host: str = "",
        reference: str = "",
        wwwauthenticate: list[str] | None = None,
    ) -> None:
        self.__dict__ = {
            "host": host,
            "reference": reference,
            "wwwauthenticate": [] if wwwauthenticate is None else wwwauthenticate,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "host": "",
            "reference": "",
            "wwwauthenticate": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "host": betterproto2.field(1, "string"),
            "reference": betterproto2.field(2, "string"),
            "wwwauthenticate": betterproto2.field(3, "string", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.host
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.reference
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.wwwauthenticate
        for x in v:
            e = x.encode()
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
                    raise past_end(self, "host")
                self.host = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "reference")
                self.reference = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "wwwauthenticate")
                self.wwwauthenticate.append(text(b, p, q))
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3,)))
        if p != n:
            raise past_end(self, "its last field")


class AuthResponse(Message):
    authType: "AuthType"
    secret: "str"
    username: "str"
    expire_at: "google__protobuf.Timestamp | None"

    def __init__(
        self,
        *,
        authType: AuthType | int = 0,
        secret: str = "",
        username: str = "",
        expire_at: google__protobuf.Timestamp | None = None,
    ) -> None:
        self.__dict__ = {
            "authType": authType,
            "secret": secret,
            "username": username,
            "expire_at": expire_at,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "authType": 0,
            "secret": "",
            "username": "",
            "expire_at": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "authType": betterproto2.field(1, "enum", default_factory=lambda: AuthType(0)),
            "secret": betterproto2.field(2, "string"),
            "username": betterproto2.field(3, "string"),
            "expire_at": betterproto2.field(4, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.authType
        if v:
            a(b'\x08' + vs32(v))
        v = self.secret
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.username
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.expire_at
        if v is not None:
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
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.authType = AuthType(s32(x))
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "secret")
                self.secret = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "username")
                self.username = text(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "expire_at")
                x = self.expire_at
                if x is None:
                    x = self.expire_at = google__protobuf.Timestamp._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4,)))
        if p != n:
            raise past_end(self, "its last field")


class Data(Message):
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


class WindowUpdate(Message):
    update: "int"

    def __init__(
        self,
        *,
        update: int = 0,
    ) -> None:
        self.__dict__ = {
            "update": update,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "update": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "update": betterproto2.field(1, "int32"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.update
        if v:
            a(b'\x08' + vs32(v))
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
                self.update = s32(x)
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ReadStream(Message):
    stream: "str"
    media_type: "str"

    def __init__(
        self,
        *,
        stream: str = "",
        media_type: str = "",
    ) -> None:
        self.__dict__ = {
            "stream": stream,
            "media_type": media_type,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "stream": "",
            "media_type": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "stream": betterproto2.field(1, "string"),
            "media_type": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.stream
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.media_type
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
                    raise past_end(self, "stream")
                self.stream = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "media_type")
                self.media_type = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class WriteStream(Message):
    stream: "str"
    media_type: "str"

    def __init__(
        self,
        *,
        stream: str = "",
        media_type: str = "",
    ) -> None:
        self.__dict__ = {
            "stream": stream,
            "media_type": media_type,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "stream": "",
            "media_type": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "stream": betterproto2.field(1, "string"),
            "media_type": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.stream
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.media_type
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
                    raise past_end(self, "stream")
                self.stream = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "media_type")
                self.media_type = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")
