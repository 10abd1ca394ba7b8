"""A process as the task services report it.

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations


from argosy_protos._betterproto import betterproto2

from argosy_protos.google import protobuf as google__protobuf
from argosy_protos._message import Message
from argosy_protos._wire import VI, past_end, rv, s32, text, unknown, vi, vs32, vu32

new = object.__new__

__all__ = (
    "Process",
    "ProcessInfo",
    "Status",
)

class Status(betterproto2.Enum):
    UNKNOWN = 0
    CREATED = 1
    RUNNING = 2
    STOPPED = 3
    PAUSED = 4
    PAUSING = 5


class Process(Message):
    container_id: "str"
    id: "str"
    pid: "int"
    status: "Status"
    stdin: "str"
    stdout: "str"
    stderr: "str"
    terminal: "bool"
    exit_status: "int"
    exited_at: "google__protobuf.Timestamp | None"

    def __init__(
        self,
        *,
        container_id: str = "",
        id: str = "",
        pid: int = 0,
        status: Status | int = 0,
        stdin: str = "",
        stdout: str = "",
        stderr: str = "",
        terminal: bool = False,
        exit_status: int = 0,
        exited_at: google__protobuf.Timestamp | None = None,
    ) -> None:
        self.__dict__ = {
            "container_id": container_id,
            "id": id,
            "pid": pid,
            "status": status,
            "stdin": stdin,
            "stdout": stdout,
            "stderr": stderr,
            "terminal": terminal,
            "exit_status": exit_status,
            "exited_at": exited_at,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "container_id": "",
            "id": "",
            "pid": 0,
            "status": 0,
            "stdin": "",
            "stdout": "",
            "stderr": "",
            "terminal": False,
            "exit_status": 0,
            "exited_at": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "container_id": betterproto2.field(1, "string"),
            "id": betterproto2.field(2, "string"),
            "pid": betterproto2.field(3, "uint32"),
            "status": betterproto2.field(4, "enum", default_factory=lambda: Status(0)),
            "stdin": betterproto2.field(5, "string"),
            "stdout": betterproto2.field(6, "string"),
            "stderr": betterproto2.field(7, "string"),
            "terminal": betterproto2.field(8, "bool"),
            "exit_status": betterproto2.field(9, "uint32"),
            "exited_at": betterproto2.field(10, "message"),
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
        v = self.id
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.pid
        if v:
            a(b'\x18' + vu32(v))
        v = self.status
        if v:
            a(b' ' + vs32(v))
        v = self.stdin
        if v:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.stdout
        if v:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.stderr
        if v:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.terminal
        if v:
            a(b'@' + (b'\x01' if v else b'\x00'))
        v = self.exit_status
        if v:
            a(b'H' + vu32(v))
        v = self.exited_at
        if v is not None:
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
                    raise past_end(self, "id")
                self.id = text(b, p, q)
                p = q
            elif t == 24:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.pid = x & 0xFFFFFFFF
            elif t == 32:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.status = Status(s32(x))
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stdin")
                self.stdin = text(b, p, q)
                p = q
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stdout")
                self.stdout = text(b, p, q)
                p = q
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "stderr")
                self.stderr = text(b, p, q)
                p = q
            elif t == 64:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.terminal = x != 0
            elif t == 72:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.exit_status = x & 0xFFFFFFFF
            elif t == 82:
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
                p = unknown(self, b, p, t, n, frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9, 10,)))
        if p != n:
            raise past_end(self, "its last field")


class ProcessInfo(Message):
    pid: "int"
    info: "google__protobuf.Any | None"

    def __init__(
        self,
        *,
        pid: int = 0,
        info: google__protobuf.Any | None = None,
    ) -> None:
        self.__dict__ = {
            "pid": pid,
            "info": info,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "pid": 0,
            "info": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "pid": betterproto2.field(1, "uint32"),
            "info": betterproto2.field(2, "message"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.pid
        if v:
            a(b'\x08' + vu32(v))
        v = self.info
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
                self.pid = x & 0xFFFFFFFF
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
                    x = self.info = google__protobuf.Any._blank()
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")
