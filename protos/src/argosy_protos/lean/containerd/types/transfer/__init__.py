"""Sources, destinations and the messages on their streams.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations



from argosy_protos.lean.containerd import types as containerd__types
from argosy_protos.lean.google import protobuf as google__protobuf
from argosy_protos._lean import Message
from argosy_protos._wire import VI, entry, past_end, rv, s32, s64, text, unknown, vi, vs, vs32, vu32

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

class HTTPDebug:
    DISABLED = 0
    DEBUG = 1
    TRACE = 2
    BOTH = 3


class AuthType:
    NONE = 0
    CREDENTIALS = 1
    REFRESH = 2
    HEADER = 3


class ContainerPath(Message):
    __slots__ = ("container_id", "path", "no_walk", "preserve_ownership", )
    __fields__ = ("container_id", "path", "no_walk", "preserve_ownership", )
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
        self.container_id = container_id
        self.path = path
        self.no_walk = no_walk
        self.preserve_ownership = preserve_ownership
        self._unknown_fields = b""

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
    __slots__ = ("name", "labels", "platforms", "all_metadata", "manifest_limit", "extra_references", "unpacks", )
    __fields__ = ("name", "labels", "platforms", "all_metadata", "manifest_limit", "extra_references", "unpacks", )
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
        self.name = name
        self.labels = {} if labels is None else labels
        self.platforms = [] if platforms is None else platforms
        self.all_metadata = all_metadata
        self.manifest_limit = manifest_limit
        self.extra_references = [] if extra_references is None else extra_references
        self.unpacks = [] if unpacks is None else unpacks
        self._unknown_fields = b""

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
    __slots__ = ("platform", "snapshotter", )
    __fields__ = ("platform", "snapshotter", )
    platform: "containerd__types.Platform | None"
    snapshotter: "str"

    def __init__(
        self,
        *,
        platform: containerd__types.Platform | None = None,
        snapshotter: str = "",
    ) -> None:
        self.platform = platform
        self.snapshotter = snapshotter
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
    __slots__ = ("name", "is_prefix", "allow_overwrite", "add_digest", "skip_named_digest", )
    __fields__ = ("name", "is_prefix", "allow_overwrite", "add_digest", "skip_named_digest", )
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
        self.name = name
        self.is_prefix = is_prefix
        self.allow_overwrite = allow_overwrite
        self.add_digest = add_digest
        self.skip_named_digest = skip_named_digest
        self._unknown_fields = b""

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
    __slots__ = ("stream", "media_type", "force_compress", )
    __fields__ = ("stream", "media_type", "force_compress", )
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
        self.stream = stream
        self.media_type = media_type
        self.force_compress = force_compress
        self._unknown_fields = b""

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
    __slots__ = ("stream", "media_type", "platforms", "all_platforms", "skip_compatibility_manifest", "skip_non_distributable", )
    __fields__ = ("stream", "media_type", "platforms", "all_platforms", "skip_compatibility_manifest", "skip_non_distributable", )
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
        self.stream = stream
        self.media_type = media_type
        self.platforms = [] if platforms is None else platforms
        self.all_platforms = all_platforms
        self.skip_compatibility_manifest = skip_compatibility_manifest
        self.skip_non_distributable = skip_non_distributable
        self._unknown_fields = b""

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
    __slots__ = ("event", "name", "parents", "progress", "total", "desc", )
    __fields__ = ("event", "name", "parents", "progress", "total", "desc", )
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
        self.event = event
        self.name = name
        self.parents = [] if parents is None else parents
        self.progress = progress
        self.total = total
        self.desc = desc
        self._unknown_fields = b""

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
    __slots__ = ("reference", "resolver", )
    __fields__ = ("reference", "resolver", )
    reference: "str"
    resolver: "RegistryResolver | None"

    def __init__(
        self,
        *,
        reference: str = "",
        resolver: RegistryResolver | None = None,
    ) -> None:
        self.reference = reference
        self.resolver = resolver
        self._unknown_fields = b""

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
    __slots__ = ("auth_stream", "headers", "host_dir", "default_scheme", "http_debug", "logs_stream", )
    __fields__ = ("auth_stream", "headers", "host_dir", "default_scheme", "http_debug", "logs_stream", )
    auth_stream: "str"
    headers: "dict[str, str]"
    host_dir: "str"
    default_scheme: "str"
    http_debug: "int"
    logs_stream: "str"

    def __init__(
        self,
        *,
        auth_stream: str = "",
        headers: dict[str, str] | None = None,
        host_dir: str = "",
        default_scheme: str = "",
        http_debug: int = 0,
        logs_stream: str = "",
    ) -> None:
        self.auth_stream = auth_stream
        self.headers = {} if headers is None else headers
        self.host_dir = host_dir
        self.default_scheme = default_scheme
        self.http_debug = http_debug
        self.logs_stream = logs_stream
        self._unknown_fields = b""

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
                self.http_debug = s32(x)
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
    __slots__ = ("host", "reference", "wwwauthenticate", )
    __fields__ = ("host", "reference", "wwwauthenticate", )
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
        self.host = host
        self.reference = reference
        self.wwwauthenticate = [] if wwwauthenticate is None else wwwauthenticate
        self._unknown_fields = b""

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
    __slots__ = ("authType", "secret", "username", "expire_at", )
    __fields__ = ("authType", "secret", "username", "expire_at", )
    authType: "int"
    secret: "str"
    username: "str"
    expire_at: "google__protobuf.Timestamp | None"

    def __init__(
        self,
        *,
        authType: int = 0,
        secret: str = "",
        username: str = "",
        expire_at: google__protobuf.Timestamp | None = None,
    ) -> None:
        self.authType = authType
        self.secret = secret
        self.username = username
        self.expire_at = expire_at
        self._unknown_fields = b""

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
                self.authType = s32(x)
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
    __slots__ = ("data", )
    __fields__ = ("data", )
    data: "bytes"

    def __init__(
        self,
        *,
        data: bytes = b"",
    ) -> None:
        self.data = data
        self._unknown_fields = b""

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
    __slots__ = ("update", )
    __fields__ = ("update", )
    update: "int"

    def __init__(
        self,
        *,
        update: int = 0,
    ) -> None:
        self.update = update
        self._unknown_fields = b""

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
    __slots__ = ("stream", "media_type", )
    __fields__ = ("stream", "media_type", )
    stream: "str"
    media_type: "str"

    def __init__(
        self,
        *,
        stream: str = "",
        media_type: str = "",
    ) -> None:
        self.stream = stream
        self.media_type = media_type
        self._unknown_fields = b""

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
    __slots__ = ("stream", "media_type", )
    __fields__ = ("stream", "media_type", )
    stream: "str"
    media_type: "str"

    def __init__(
        self,
        *,
        stream: str = "",
        media_type: str = "",
    ) -> None:
        self.stream = stream
        self.media_type = media_type
        self._unknown_fields = b""

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
