"""A snapshot as a source or a sink of containerd.services.transfer.v1.Transfer.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations


from argosy_protos._betterproto import betterproto2

from argosy_protos._message import Message
from argosy_protos._wire import VI, entry, past_end, rv, text, unknown, vi

new = object.__new__

__all__ = (
    "Snapshot",
)

class Snapshot(Message):
    snapshotter: "str"
    name: "str"
    parent: "str"
    changes: "bool"
    labels: "dict[str, str]"

    def __init__(
        self,
        *,
        snapshotter: str = "",
        name: str = "",
        parent: str = "",
        changes: bool = False,
        labels: dict[str, str] | None = None,
    ) -> None:
        self.__dict__ = {
            "snapshotter": snapshotter,
            "name": name,
            "parent": parent,
            "changes": changes,
            "labels": {} if labels is None else labels,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "snapshotter": "",
            "name": "",
            "parent": "",
            "changes": False,
            "labels": {},
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "snapshotter": betterproto2.field(1, "string"),
            "name": betterproto2.field(2, "string"),
            "parent": betterproto2.field(3, "string"),
            "changes": betterproto2.field(4, "bool"),
            "labels": betterproto2.field(5, "map", map_meta=betterproto2.map_meta("string", "string")),
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
        v = self.parent
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.changes
        if v:
            a(b' ' + (b'\x01' if v else b'\x00'))
        v = self.labels
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
                    raise past_end(self, "parent")
                self.parent = text(b, p, q)
                p = q
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.changes = x != 0
            elif t == 42:
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
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5,)))
        if p != n:
            raise past_end(self, "its last field")
